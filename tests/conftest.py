"""What every test may use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import dumbo

_events: list[object] = []


def _listen(event: str, args: tuple[object, ...]) -> None:
    if event == "ran":
        _events.append(args[0] if args else None)


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
