"""What every test may use."""

from __future__ import annotations

import functools
import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import dumbo
from dumbo.decision import costs
from dumbo.keeper import Keeper

_events: list[object] = []
_spent: dict[str, float] = {}  # seconds, since the last look at the clocks of `steady`
_LOOK = 1e-6  # seconds, that such a look takes

# Those that look at the clock when a function is called, without which it is not what they see.
_TIMED = """
    dumbo.answers.dear
    dumbo.clocks dumbo.keeper dumbo.watch dumbo.keeping.express dumbo.keeping.rapid
    dumbo.keeping.serving dumbo.keeping.storing dumbo.keeping.waiting dumbo.keeping.weighing
    dumbo.persistence.assembly dumbo.persistence.saving dumbo.persistence.small
"""


def _listen(event: str, args: tuple[object, ...]) -> None:
    if event == "ran":
        _events.append(args[0] if args else None)
    elif event == "spent":
        _spent["seconds"] = _LOOK + args[0]  # type: ignore[operator]


# A function under test says that it ran with `sys.audit("ran", what)`: a list of its own would
# be one more thing that it depends on. Hooks cannot be removed, so there is one for all tests.
sys.addaudithook(_listen)


@pytest.fixture
def ran() -> Iterator[list[object]]:
    """What the functions under test said with ``sys.audit("ran", what)``, in order."""
    _events.clear()
    yield _events
    _events.clear()


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which a look at a clock takes a microsecond, and ``sys.audit("spent", seconds)``
    those seconds; nothing else takes any time, whoever else wants the processor.
    """
    _set_clocks(monkeypatch, _passed())


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, float], None]:
    """As `steady`, but somebody else has the processor once: after so many looks, so long."""

    def interrupted(after: int, seconds: float) -> None:
        usual = _passed()
        _set_clocks(monkeypatch, itertools.chain(itertools.islice(usual, after), [seconds], usual))

    return interrupted


def _passed() -> Iterator[float]:
    # No code of Python's: the cache would find that the functions under test depend on it.
    return iter(functools.partial(_spent.pop, "seconds", _LOOK), None)


def _set_clocks(monkeypatch: pytest.MonkeyPatch, passed: Iterator[float]) -> None:
    # What tests have measured with such clocks says nothing of this machine.
    monkeypatch.setattr(costs, "MACHINE", costs.Machine())
    look = itertools.accumulate(passed).__next__
    for name in _TIMED.split():
        module = importlib.import_module(name)
        for clock in ("perf_counter", "thread_time"):
            if hasattr(module, clock):
                monkeypatch.setattr(module, clock, look)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[dumbo.Cache]:
    """A cache of its own for each test."""
    with dumbo.Cache(tmp_path / "cache") as cache:
        yield cache


@pytest.fixture(autouse=True)
def _no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever is set where the tests run, nothing outside `tmp_path` is read or written."""
    monkeypatch.setenv("DUMBO_DIR", str(tmp_path / "default"))
    for name in (
        "DUMBO_DISABLE",
        "DUMBO_ON_STALE",
        "DUMBO_RECOMPUTE_WITHIN",
        "DUMBO_USER_PACKAGES",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _nothing_breaks_unseen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What dumbo's own net would catch fails the test, unless it asks for the net."""
    if "net" not in request.fixturenames:
        monkeypatch.setattr(Keeper, "stumbled", _raise)


@pytest.fixture
def net() -> None:
    """The net is there, as it is for programs."""


def _raise(keeper: Keeper, error: Exception) -> None:
    raise error
