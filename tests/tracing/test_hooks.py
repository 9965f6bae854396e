"""Special methods are followed, whoever asks for them and wherever they are defined."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dumbo.tracing.tracker import Tracker

HOOKS = Path(__file__).parent / "hooks"  # the layout of which is that of the cases


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"hooks_{name}", HOOKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = {
    f"{place} {name}": function
    for place in ("live", "made")
    for name, function in vars(load(place)).items()
    if name.startswith("f_")
}


@pytest.mark.parametrize("case", CASES)
def test_what_a_hook_calls_is_in_the_closure(case: str) -> None:
    function: Any = CASES[case]
    # Nothing is observed, so what is not followed would be missing.
    nodes = Tracker(function, observed=False).graph((), {}).nodes.values()
    found = {n["name"].partition(":")[2] for n in nodes if n["kind"] in ("function", "method")}
    assert set((function.__doc__ or "one").split()) <= found


def test_there_are_many_cases() -> None:
    assert len(CASES) > 150
