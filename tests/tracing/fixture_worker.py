"""A process from which the processes of the fixtures are forked: starting one is dear.

Each line on standard input asks for a run: a project, a directory for its cache, and steps. A
fork imports the project's `main` and takes the steps; the answer is a line with one object for
each call: the value under the cache, how often `f` ran for it, and the value that an undecorated
run gives. The latter comes from a fork of the fork, before anything else is done, so that
neither run sees what the other has changed.

Runs are counted by a profile function, so that fixtures need no counter, which would be one more
thing that they depend on. They are appended to a file that lies outside of the cache.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from types import FrameType
from typing import Any

import dumbo

# So that each fork has them.
import dumbo.arguments.hashing
import dumbo.arguments.signature
import dumbo.persistence.codecs
import dumbo.persistence.store
import dumbo.tracing.digest
import dumbo.tracing.interpreter
import dumbo.tracing.models
import dumbo.tracing.tracker


def count_runs(counter: str, project: str) -> None:
    """Append a line to *counter* whenever a function `f` of the fixture starts."""

    def started(frame: FrameType, event: str, arg: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name == "f" and code.co_filename.startswith(project):
            with open(counter, "a", encoding="utf-8") as file:
                file.write(f"{code.co_qualname}\n")

    threading.setprofile(started)
    sys.setprofile(started)


def stop_counting() -> None:
    sys.setprofile(None)
    threading.setprofile(None)  # type: ignore[arg-type]


def runs(counter: str) -> int:
    try:
        with open(counter, encoding="utf-8") as file:
            return len(file.readlines())
    except FileNotFoundError:
        return 0


def in_a_fork(work: Any, *given: Any) -> str:
    """What *work* writes, run in a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        status = 0
        with os.fdopen(writer, "w", encoding="utf-8") as out:
            try:
                out.write(work(*given))
            except BaseException:
                out.write(json.dumps({"error": traceback.format_exc()}))
                status = 1
        os._exit(status)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as text:
        told = text.read()
    os.waitpid(child, 0)
    return told


def evaluate(call: str, names: dict[str, Any]) -> str:
    """The value of *call* as text, or its exception."""
    try:
        return repr(eval(call, names))
    except Exception as error:
        return f"raised {type(error).__name__}: {error}"


def undecorated(call: str, names: dict[str, Any]) -> str:
    with dumbo.disabled():
        return evaluate(call, names)


def run(project: str, cache: str, counter: str, steps: list[str]) -> str:
    os.environ["DUMBO_DIR"] = cache
    os.chdir(project)
    sys.path.insert(0, project)
    names: dict[str, Any] = {}
    exec("from main import *; import main", names)
    told = []
    for step in steps:
        kind, _, text = step.partition(":")
        if kind == "then":
            exec(text, names)
            continue
        plain = in_a_fork(undecorated, text, names)
        before = runs(counter)
        count_runs(counter, project)
        value = evaluate(text, names)
        stop_counting()
        reasons = [str(reason) for reason in getattr(names.get("f"), "cache_info", _no_info)()[-1]]
        told.append(
            {"value": value, "plain": plain, "ran": runs(counter) - before, "reasons": reasons}
        )
    return json.dumps(told)


def _no_info() -> tuple[tuple[str, ...]]:
    return ((),)


def main() -> None:
    sys.dont_write_bytecode = True
    for line in sys.stdin:
        print(in_a_fork(run, *json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
