"""Every folder of `tests/fixtures` is an invalidation behaviour, run in real processes.

    before/       a project whose `main.py` defines a memoized `f`
    after/        the same, edited (or `then` in expect.toml: code run in the same process)
    expect.toml   call        the expression that is called
                  call_after  after the edit, if it is another
                  verdict     "recompute" or "hit": what the edit must lead to
                  why         in a sentence
                  then        code that is executed between two calls, instead of an edit
                  again       "recompute" where even an unchanged program must run again
                  same_value  true where a recomputation gives the same value

Asserted are what ran, counted outside of the cache, and that each value is an undecorated run's.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FIXTURES = Path(__file__).parent.parent / "fixtures"
WORKER = Path(__file__).with_name("fixture_worker.py")
NAMES = sorted(folder.name for folder in FIXTURES.iterdir() if (folder / "expect.toml").exists())
KEYS = {"call", "call_after", "verdict", "why", "then", "again", "same_value"}


class Project:
    """A project on disk with a cache beside it, run as often as one likes."""

    def __init__(self, folder: Path, starters: list[subprocess.Popen[str]]) -> None:
        self.home = folder / "project"
        self.folder = folder
        self.starters = starters

    def put(self, source: Path) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(source, self.home, ignore=shutil.ignore_patterns("__pycache__"))

    def run(self, *steps: str) -> list[dict[str, Any]]:
        # Each run has another hash seed: the order of sets must not matter.
        starter = self.starters[0]
        self.starters = [*self.starters[1:], starter]
        assert starter.stdin is not None and starter.stdout is not None
        asked = (str(self.home), str(self.folder / "cache"), str(self.folder / "ran"), steps)
        starter.stdin.write(json.dumps(asked) + "\n")
        starter.stdin.flush()
        told = json.loads(starter.stdout.readline())
        assert isinstance(told, list), told["error"]
        for one in told:
            assert one["value"] == one["plain"], f"a wrong value; {one['reasons']}"
        return told


@pytest.fixture(scope="module")
def starters() -> Iterator[list[subprocess.Popen[str]]]:
    started = [
        subprocess.Popen(
            [sys.executable, str(WORKER)],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in (1, 2, 3)
    ]
    yield started
    for starter in started:
        starter.communicate()


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_recomputes_what_it_changes_and_nothing_else(
    name: str, tmp_path: Path, starters: list[subprocess.Popen[str]]
) -> None:
    fixture = FIXTURES / name
    expect = tomllib.loads((fixture / "expect.toml").read_text(encoding="utf-8"))
    assert set(expect) <= KEYS
    call = expect["call"]
    after = expect.get("call_after", call)
    project = Project(tmp_path, starters)
    project.put(fixture / "before")
    if "then" in expect:
        first, last = project.run(f"call:{call}", f"then:{expect['then']}", f"call:{after}")
    else:
        (first,) = project.run(f"call:{call}")
        (again,) = project.run(f"call:{call}")
        assert bool(again["ran"]) is (expect.get("again") == "recompute"), again["reasons"]
        project.put(fixture / "after")
        (last,) = project.run(f"call:{after}")
    assert first["ran"], "the first call"
    assert bool(last["ran"]) is (expect["verdict"] == "recompute"), expect["why"]
    if expect["verdict"] == "recompute" and not expect.get("same_value"):
        assert first["value"] != last["value"], "the fixture shows nothing"
