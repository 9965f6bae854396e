"""The main job, end to end: compute, load in a new process, edit, recompute what depends on it.

    python examples/run.py                # some minutes: four times one undecorated run
    python examples/run.py --files 150    # the same over a part of the files, in a minute

Runs ``python -m atlas`` (see `atlas/__init__.py`) again and again, each time in a new process,
on a copy of the package in a temporary folder, with a cache of its own there. Prints what it
measured; exits with 1 if a result differs from the undecorated run's, or if a stage ran that
should not have, or did not run that should have.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIFLES = 0.25  # so many of a stage's calls may be too quick to be kept
HERE = Path(__file__).resolve().parent

# (what is edited, file, before, after, the stages that must run again)
EDITS = (
    (
        "a comment, and the name of a variable",
        "outline.py",
        "    cost = 0\n    todo = [(child, 0) for child in ast.iter_child_nodes(function)]",
        "    # Free.\n    cost = 0\n    todo = [(nd, 0) for nd in ast.iter_child_nodes(function)]",
        frozenset(),
    ),
    (
        "`betweenness`, a helper of the stage `relate`: in per cent",
        "relate.py",
        "name: value / pairs",
        "name: 100 * value / pairs",
        frozenset({"relate", "rank"}),
    ),
    (
        "`branch_cost`, a helper of a helper of the stage `outline`: depth counts double",
        "outline.py",
        "return 1 + depth",
        "return 1 + 2 * depth",
        frozenset({"outline", "rank"}),
    ),
)


class Runs:
    """Runs of the package in one folder with one cache, and what went wrong in them."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        self.folder = folder
        self.arguments = arguments
        self.faults: list[str] = []
        self.unkept: set[str] = set()  # stages of which the run before the last kept nothing
        self._unkept: set[str] = set()  # the same, of the last run

    def run(self, *arguments: str, undecorated: bool = False) -> tuple[float, dict]:
        """Return the seconds from start to end of one new process, and its report."""
        report = self.folder / "report.json"
        environment = dict(os.environ, DUMBO_DIR=str(self.folder / "cache"))
        environment.pop("DUMBO_DISABLE", None)
        if undecorated:
            environment["DUMBO_DISABLE"] = "1"
        command = [sys.executable, "-m", "atlas", "--report", str(report)]
        sys.stdout.flush()
        began = time.perf_counter()
        # The working directory is where `-m` finds the copy.
        subprocess.run(
            [*command, *self.arguments, *arguments], cwd=self.folder, env=environment, check=True
        )
        took = time.perf_counter() - began
        told = json.loads(report.read_text(encoding="utf-8"))
        if not undecorated:
            self.unkept, self._unkept = self._unkept, not_kept(told)
        return took, told

    def edit(self, file: str, before: str, after: str) -> None:
        path = self.folder / "atlas" / file
        text = path.read_text(encoding="utf-8")
        if text.count(before) != 1:
            raise SystemExit(f"{path}: the text to edit is not there once: {before!r}")
        path.write_text(text.replace(before, after), encoding="utf-8")

    def expect(self, ran: set[str], expected: frozenset[str], report: dict) -> None:
        """Say so if other stages ran than should have, and why they did.

        On a busy machine, storing may take longer than computing. What the run before did not keep
        for that cannot be loaded, and what takes no time at all is not even looked up; nothing
        else is excused.
        """
        if expected - ran or ran - expected - self.unkept - not_looked_up(report):
            self.wrong(f"ran: {sorted(ran)}; should have run: {sorted(expected)}")
        for name in sorted(ran - expected):
            print(f"    {name}: {report['calls'][name]['reason']}")

    def wrong(self, fault: str) -> None:
        self.faults.append(fault)
        print(f"  WRONG: {fault}")

    def compare(self, when: str) -> float:
        """Compare each stage's result with an undecorated run's; return that run's seconds."""
        _, cached = self.run("--quiet", "--digests")
        plain_took, plain = self.run("--quiet", "--digests", undecorated=True)
        stages = plain["digests"]
        different = [name for name in stages if stages[name] != cached["digests"][name]]
        if different:
            self.wrong(f"{when}, results are not the undecorated ones: {different}")
        equal = len(stages) - len(different)
        print(
            f"  an undecorated run takes {plain_took:.1f} s; equal to it: {equal} of {len(stages)}"
        )
        return plain_took


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, help="take only so many files")
    parser.add_argument("--keep", action="store_true", help="leave the copy and its cache behind")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dumbo-example-"))
    shutil.copytree(HERE / "atlas", folder / "atlas", ignore=shutil.ignore_patterns("__pycache__"))
    try:
        return story(Runs(folder, ["--limit", str(options.files)] if options.files else []))
    finally:
        if options.keep:
            print(f"\nThe copy and its cache: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def story(runs: Runs) -> int:
    print("1. First run: nothing is cached.\n")
    first, report = runs.run()
    print(f"\n  {first:.1f} s")
    show(report)

    print("\n2. Second run, in a new process: everything is loaded.")
    second, report = runs.run("--quiet")
    print(f"  {second:.2f} s: {first / second:.0f} times as fast as the first")
    show(report)
    runs.expect(stages_run(report), frozenset(), report)
    runs.compare("before any edit")

    for number, (what, file, before, after, expected) in enumerate(EDITS, start=3):
        print(f"\n{number}. Edit in the copy: {what}.")
        runs.edit(file, before, after)
        took, report = runs.run("--quiet")
        ran = stages_run(report)
        print(f"  {took:.2f} s; stages that ran again: {', '.join(sorted(ran)) or 'none'}")
        show(report)
        runs.expect(ran, expected, report)
    runs.compare("after the edits")

    print("\nAll as it should be." if not runs.faults else f"\n{len(runs.faults)} WRONG.")
    return bool(runs.faults)


def stages_run(report: dict) -> set[str]:
    """Return the stages that ran again: those of which more was computed than trifles.

    Some files hold next to nothing. Such a call is computed quicker than its result could be
    loaded, so it is not kept, and runs each time: by decision, not because of an edit.
    """
    return {
        name
        for name, calls in report["calls"].items()
        if calls["computed"] > TRIFLES * (calls["computed"] + calls["loaded"])
    }


def not_kept(report: dict) -> set[str]:
    """Return the stages whose last result was computed, and was not worth storing."""
    by_decision = ("not kept", "kept in memory alone")
    return not_looked_up(report) | {
        name
        for name, calls in report["calls"].items()
        if calls["computed"] and str(calls["reason"]).startswith(by_decision)
    }


def not_looked_up(report: dict) -> set[str]:
    """Return the stages that were called straight: looking for a result gives a reason."""
    return {
        name
        for name, calls in report["calls"].items()
        if calls["computed"] and not calls["loaded"] and not calls["reason"]
    }


def show(report: dict) -> None:
    for name, seconds in report["took"].items():
        calls = report["calls"].get(name)
        counts = f"{calls['computed']:>6} computed {calls['loaded']:>6} loaded" if calls else ""
        print(f"    {name:8}{seconds:8.2f} s {counts}")


if __name__ == "__main__":
    sys.exit(main())
