"""A process that locks what the fixtures hold, each in a fork of its own.

Each line on standard input names a folder with a `main.py` that defines a memoized `f`; the answer
is a line with its closure as text, and the digest that its results would be found by.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path
from typing import Any

# So that each fork has them.
import dumbo.lockfile.closure
import dumbo.lockfile.project
import dumbo.tracing.digest
import dumbo.tracing.interpreter
import dumbo.tracing.models
import dumbo.tracing.tracker
from dumbo.errors import Bypass
from dumbo.lockfile import form
from dumbo.target import Target

NAME = "main:f"


def locked(folder: str) -> tuple[str, str]:
    sys.path.insert(0, folder)
    sys.dont_write_bytecode = True
    import main  # type: ignore[import-not-found]

    function: Any = vars(main).get("f")
    if function is None:
        return "", ""
    function = getattr(function, "__func__", function)
    closure, _ = dumbo.lockfile.project._closure(function, NAME, folder)
    options = function._keeper.options
    tracker = dumbo.tracing.tracker.Tracker(
        Target(function).function, track_deps=options.track_deps, version=options.version
    )
    try:
        digest = dumbo.tracing.digest.closure_digest(tracker.analysis()).hex() + options.version
    except Bypass:
        digest = "unknown"
    return form.write(form.Lock({NAME: closure}, "3.x", 1)), digest


def answer(folder: str, into: int) -> None:
    try:
        told = json.dumps(locked(folder))
    except BaseException:  # whatever a fixture raises on import
        told = json.dumps(["error", traceback.format_exc()])
    os.write(into, told.encode())


for line in sys.stdin:
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        sys.stdout = sys.stderr
        answer(line.rstrip("\n"), into)
        os._exit(0)
    os.close(into)
    said = Path(f"/dev/fd/{out}").read_bytes()
    os.close(out)
    os.waitpid(pid, 0)
    print(said.decode(), flush=True)
