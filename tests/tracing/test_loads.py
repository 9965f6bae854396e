"""What importing calls of modules that are loaded."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from dumbo.tracing.tracker import Tracker

HOOKED = """
def one(): return 1
def __getattr__(name):
    one()
    raise AttributeError(name)
held = 1
"""
SOURCE = """
def f_from():
    from hooked import held
    return held

def f_submodule():
    from package import held
    return held

def f_whole():
    import hooked
    return hooked.held

def f_package():
    from packaged import held
    return held
"""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, source in (
        ("hooked", HOOKED),
        ("package", HOOKED.replace("held = 1", "__path__ = []")),
        ("packaged", HOOKED + "__path__ = []"),
        ("importing", SOURCE),
    ):
        made = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, made)
        exec(compile(source, f"{name}.py", "exec"), vars(made))
    return sys.modules["importing"]


def closure(function: Any, *, observed: bool) -> set[str]:
    nodes = Tracker(function, observed=observed).graph((), {}).nodes.values()
    return {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("name", ["f_from", "f_submodule"])
def test_a_module_is_asked_for_what_importing_from_it_looks_for(
    module: Any, name: str, observed: bool
) -> None:
    """Its path, and of a package what may be a submodule."""
    assert {"__getattr__", "one"} <= closure(getattr(module, name), observed=observed)


@pytest.mark.parametrize("name", ["f_whole", "f_package"])
def test_what_a_module_has_it_is_not_asked_for(module: Any, name: str) -> None:
    assert not {"__getattr__", "one"} & closure(getattr(module, name), observed=True)
