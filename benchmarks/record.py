"""Record which memoized calls a program makes, what each costs, and how large its result is.

    python benchmarks/record.py atlas spelling grid notebook  # writes recorded/NAME.json

Each program runs in processes of its own, some of them several times with edits in between, as
people work. Nothing is kept while it is recorded: each call runs, and is known by its closure and
key as dumbo sees them, so that an edit makes calls new. A call costs the CPU time that it takes
itself, without memoized calls within; its result is as large as its pickle.

A recording is what `regret_traces` plays: the distinct calls, and in which order they came.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "recorded"


# -- in the process that is recorded -----------------------------------------------------


class Recorder:
    """Stands in for the call of every memoized function."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - as long as the process
        self.within = 0.0  # seconds of memoized calls within the one that runs

    def install(self) -> None:
        from dumbo.call import Call
        from dumbo.keeping import identity
        from dumbo.memoized import Memoized

        def recorded(memoized: Any, /, *args: Any, **kwargs: Any) -> Any:
            keeper, call = memoized._keeper, Call()
            identity.locate(keeper, call, args, kwargs)
            around, self.within = self.within, 0.0
            begun = time.thread_time()
            value = memoized._function(*args, **kwargs)
            took = time.thread_time() - begun
            own, self.within = took - self.within, around + took
            size = len(pickle.dumps(value, 5))
            name = keeper.target.function.__qualname__
            print(name, call.identity.hex(), f"{own:.9f}", size, file=self.file, flush=True)
            return value

        Memoized.__call__ = recorded  # type: ignore[method-assign]


def child(path: str, program: list[str]) -> None:
    """Run ``program`` as ``python FILE`` or ``python -m MODULE`` would, recorded."""
    import runpy

    Recorder(path).install()
    sys.path.insert(0, os.getcwd())
    if program[0] == "-m":
        sys.argv = program[1:]
        runpy.run_module(program[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = program
        sys.path.insert(0, str(Path(program[0]).parent))
        runpy.run_path(program[0], run_name="__main__")


# -- programs ----------------------------------------------------------------------------


def run(path: Path, *program: str, folder: Path) -> None:
    environment = {**os.environ, "DUMBO_DIR": str(folder / "kept")}
    environment["PYTHONPATH"] = os.pathsep.join([str(HERE.parent), str(folder)])
    command = [sys.executable, str(HERE / "record.py"), "--child", str(path), *program]
    subprocess.run(command, cwd=folder, env=environment, check=True)


def atlas(path: Path, folder: Path) -> None:
    """The example: run, run again, and after each of some edits; then with more files."""
    package = folder / "atlas"
    shutil.copytree(HERE.parent / "examples" / "atlas", package)

    def edit(file: str, before: str, after: str) -> None:
        text = (package / file).read_text(encoding="utf-8")
        assert before in text, before
        (package / file).write_text(text.replace(before, after), encoding="utf-8")

    def go(files: int) -> None:
        run(path, "-m", "atlas", "--limit", str(files), "--quiet", folder=folder)

    go(40)
    go(40)
    edit("relate.py", "name: value / pairs", "name: 100 * value / pairs")
    go(40)
    edit("relate.py", "name: 100 * value / pairs", "name: value / pairs")
    go(60)
    edit("outline.py", "    cost = 0\n", "    cost = 1\n")
    go(60)
    edit("outline.py", "    cost = 1\n", "    cost = 0\n")
    go(80)


def notebook(path: Path, folder: Path) -> None:
    """A shell of IPython, ended, and another one."""
    for session in ("first", "second"):
        run(path, str(HERE / "programs" / "notebook.py"), session, folder=folder)


def script(name: str) -> Any:
    def go(path: Path, folder: Path) -> None:
        run(path, str(HERE / "programs" / f"{name}.py"), folder=folder)

    return go


PROGRAMS = {
    "atlas": atlas,
    "spelling": script("spelling"),
    "grid": script("grid"),
    "notebook": notebook,
}


def packed(lines: list[str]) -> dict[str, Any]:
    """Return what was recorded as distinct calls, with their median cost, and their order."""
    costs: dict[tuple[str, str], list[tuple[float, int]]] = {}
    order: list[tuple[str, str]] = []
    for line in lines:
        name, identity, own, size = line.split()
        costs.setdefault((name, identity), []).append((float(own), int(size)))
        order.append((name, identity))
    numbers = {call: number for number, call in enumerate(costs)}
    calls = [
        [name, round(statistics.median(own for own, _ in known) * 1e6), known[-1][1]]
        for (name, _), known in costs.items()
    ]
    return {"calls": calls, "order": [numbers[call] for call in order]}


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], sys.argv[3:])
        return 0
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("programs", nargs="*", default=list(PROGRAMS), choices=list(PROGRAMS))
    FOLDER.mkdir(exist_ok=True)
    for name in parser.parse_args().programs:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "lines"
            PROGRAMS[name](path, Path(directory))
            found = packed(path.read_text(encoding="utf-8").splitlines())
        text = json.dumps(found, separators=(",", ":"))
        (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(found['order'])} calls, {len(found['calls'])} of them distinct")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
