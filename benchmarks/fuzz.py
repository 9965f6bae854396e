"""Does the analyser ever raise, import, or run what it analyses?

    python benchmarks/fuzz.py [--limit 60] [--jobs 2] [--every 1] [MODULE ...]
    python benchmarks/fuzz.py --state FILE --seconds 150 [MODULE ...]    # again and again
    python benchmarks/fuzz.py --steps 4000    # each function, but not all that it reaches

Every function and method of the standard library, or of the modules and packages that are named,
is traced, with its own top-level package counting as user code, in a process for each module.
Its digest and its graph are made, its trace is replayed, its guard is asked. Printed is a table of
what was raised, of what was imported or run by that, of what does not replay, of steps that nobody
handles, and of what took longest.

A function that takes longer than the limit is given up, and told. Most of the time goes into what
functions reach, again and again: after so many steps, if they are limited, the analyser gives up
as it does in earnest, of a function that reaches too much. With a file for what was found,
a run goes on where the last one has stopped, and the table is that of all of them.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import CodeType, FunctionType, ModuleType
from typing import Any, Self
from zlib import crc32

# They talk to displays, open files, or run when they are imported.
LEFT_OUT = ("idlelib", "turtledemo", "antigravity", "this", "lib2to3", "test", "__phello__")
LEFT_OUT_PARTS = ("test", "tests", "__main__", "idle_test")


def functions_of(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Yield what *module* defines that has code, by qualified name: functions and methods."""
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = list(vars(module).items())
    for name, value in todo:
        thing = _inside(value)
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if type(thing) is FunctionType:
            if thing.__module__ == module.__name__:
                yield name, thing
        elif isinstance(thing, type) and thing.__module__ == module.__name__:
            own = type.__dict__["__dict__"].__get__(thing)
            todo += [(f"{name}.{part}", inner) for part, inner in own.items()]


def _inside(value: Any) -> Any:
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    return value.fget if isinstance(value, property) else value


class OutOfTime(BaseException):
    """Raised by the clock, wherever the analyser is."""


def _ring(*_: object) -> None:
    raise OutOfTime


class Watch:
    """Notes which functions of *files* are entered."""

    def __init__(self, files: Iterable[str]) -> None:
        self.files = frozenset(files)
        self.ran: list[str] = []

    def __enter__(self) -> Self:
        self.ran.clear()
        if sys.version_info >= (3, 12):
            events = sys.monitoring
            events.use_tool_id(4, "fuzz")
            events.register_callback(4, events.events.PY_START, self._started)
            events.set_events(4, events.events.PY_START)
        else:
            sys.setprofile(self._profiled)
        return self

    def __exit__(self, *_: object) -> None:
        if sys.version_info >= (3, 12):
            sys.monitoring.set_events(4, 0)
            sys.monitoring.free_tool_id(4)
        else:
            sys.setprofile(None)

    def _started(self, code: CodeType, _: int) -> None:
        # Annotations are made into texts: this code runs with names that lead nowhere.
        if code.co_filename in self.files and code.co_name != "__annotate__":
            self.ran.append(code.co_qualname)

    def _profiled(self, frame: Any, event: str, _: object) -> None:
        if event == "call":
            self._started(frame.f_code, 0)


def fuzz(function: FunctionType, watch: Watch) -> list[tuple[str, str]]:
    """Trace *function*; return what went wrong, as kind and text."""
    from dumbo.errors import Bypass
    from dumbo.tracing import replay
    from dumbo.tracing.digest import closure_digest
    from dumbo.tracing.graphs import to_networkx
    from dumbo.tracing.guards import Guard
    from dumbo.tracing.interpreter import trace

    faults: list[tuple[str, str]] = []
    before = set(sys.modules)
    try:
        with watch:
            analysis = trace(function)
            closure_digest(analysis)
            found, contents = analysis.replayed(), analysis.hashed()
            state = replay.state_of(analysis.program, found, contents)
            if not analysis.untraceable:
                again = replay.run(analysis.program, (function,))
                if again.state != state:
                    changed = replay.differing(analysis.program, state, again.state)
                    faults.append(("does not replay", str(analysis.program[changed[0]])))
                elif not Guard(analysis.program, found, contents).holds():
                    faults.append(("its guard fails", ""))
        to_networkx(analysis)
    except Bypass:
        pass  # an answer: this function is not cached, and says why
    except Exception as error:  # noqa: BLE001 - whatever the analyser raises is what is asked
        place = _place(error)
        faults.append((f"raised {type(error).__name__}", f"{error} at {place}"))
    imported = {name for name in set(sys.modules) - before if not name.startswith("dumbo.")}
    if imported:
        faults.append(("imported", " ".join(sorted(imported))))
    if watch.ran:
        faults.append(("ran", " ".join(sorted(set(watch.ran)))))
    return faults


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"


def unhandled(function: FunctionType) -> set[str]:
    """The steps of *function* that nobody handles."""
    from dumbo.errors import Bypass
    from dumbo.tracing.frame import plan_of
    from dumbo.tracing.interpreter import HANDLERS

    try:
        plan = plan_of(function.__code__)
    except Bypass as error:
        return {str(error)}
    return {step.name for step in plan.steps} - set(HANDLERS)


def ready() -> frozenset[str]:
    """Load all that the analyser needs; return the files that run whenever it does."""
    import dumbo

    # Imported by `ast` when it is first needed.
    ast.unparse(ast.parse("x"))
    for probe in (importlib.import_module("textwrap").dedent, _inside):
        dumbo.deps(probe)
    files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    return frozenset(file for file in files if file)


# ------------------------------------------------------------------ one module, in its process


def work(name: str, every: int, limit: float, done: int, steps: int | None) -> None:
    """Write a line for each function of the module but the first *done*, and one for all."""
    os.environ["DUMBO_USER_PACKAGES"] = name.partition(".")[0]
    always = ready()  # before the module: what dumbo itself runs says nothing
    if steps:
        from dumbo.tracing import schedule

        schedule.STEPS, schedule.PARTIAL = (steps, steps), steps
    try:
        module = importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001 - any module's import may raise anything
        print(json.dumps({"unimportable": f"{type(error).__name__}: {error}"}), flush=True)
        return
    file = getattr(module, "__file__", None)
    watch = Watch({file} - always if file else ())
    functions = list(functions_of(module))
    if every > 1:  # the same ones in each run, whatever else the module has
        functions = [f for f in functions if crc32(f"{name}:{f[0]}".encode()) % every == 0]
    print(json.dumps({"functions": len(functions)}), flush=True)
    signal.signal(signal.SIGALRM, _ring)
    for qualname, function in functions[done:]:
        begun = time.perf_counter()
        try:
            signal.setitimer(signal.ITIMER_REAL, limit)
            faults = fuzz(function, watch)
            signal.setitimer(signal.ITIMER_REAL, 0)
        except OutOfTime:
            faults = [("out of time", "")]
        seconds = time.perf_counter() - begun
        line = {"name": qualname, "seconds": seconds, "faults": faults}
        print(json.dumps({**line, "unhandled": sorted(unhandled(function))}), flush=True)


# ------------------------------------------------------------------ all of them


def modules_of(names: Iterable[str]) -> Iterator[str]:
    """Yield *names* and the modules below them, without importing any."""
    from importlib.util import find_spec

    for name in names:
        if name.rpartition(".")[2] in LEFT_OUT_PARTS or name in LEFT_OUT:
            continue
        yield name
        if "." in name:
            continue
        spec = find_spec(name)
        for place in (spec.submodule_search_locations or []) if spec else []:
            for found in pkgutil.walk_packages([place], f"{name}.", onerror=lambda _: None):
                if not set(found.name.split(".")) & set(LEFT_OUT_PARTS):
                    yield found.name


class Found:
    """What is known of each module: lines of its functions, and how its last process ended."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.functions: dict[str, int] = {}
        self.lines: dict[str, list[dict[str, Any]]] = {}
        self.how: dict[str, str] = {}
        if file and os.path.exists(file):
            with open(file) as lines:
                for line in lines:
                    self._take(**json.loads(line))

    def add(self, name: str, lines: list[dict[str, Any]], how: str) -> None:
        self._take(name, lines, how)
        if self.file:
            with open(self.file, "a") as out:
                out.write(json.dumps({"name": name, "lines": lines, "how": how}) + "\n")

    def _take(self, name: str, lines: list[dict[str, Any]], how: str) -> None:
        for line in lines:
            self.functions[name] = line.get("functions", self.functions.get(name, 0))
        self.lines.setdefault(name, []).extend(line for line in lines if "name" in line)
        self.how[name] = how

    def done(self, name: str) -> int:
        return len(self.lines.get(name, ()))

    def left(self, name: str) -> int:
        return self.functions.get(name, 0) - self.done(name)

    def is_whole(self, name: str) -> bool:
        return self.how.get(name, "stopped") != "stopped"


def run(
    name: str, options: argparse.Namespace, done: int, end: float
) -> tuple[list[dict[str, Any]], str]:
    """Look at the functions of a module but the first *done*; how that ended."""
    command = [sys.executable, "-W", "ignore", __file__, "--work", name, "--done", str(done)]
    command += ["--every", str(options.every), "--limit", str(options.limit)]
    command += ["--steps", str(options.steps)] if options.steps else []
    worker = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    )
    how = ""
    try:
        out, _ = worker.communicate(timeout=max(1, end - time.monotonic()))
        if worker.returncode:
            how = f"died with {worker.returncode}"
    except subprocess.TimeoutExpired:
        worker.kill()
        out, _ = worker.communicate()
        how = "stopped"
    lines = []
    for line in out.splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:  # what the module itself prints, or half a line
            continue
    return [line for line in lines if isinstance(line, dict)], how


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--limit", type=float, default=60, help="seconds for each function")
    parser.add_argument("--steps", type=int, help="abstract steps for each function")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--every", type=int, default=1, help="one in so many, always the same")
    parser.add_argument("--state", metavar="FILE", help="of what was found, to go on from")
    parser.add_argument("--seconds", type=float, default=1e6, help="stop after so many")
    parser.add_argument("--work", metavar="MODULE", help=argparse.SUPPRESS)
    parser.add_argument("--done", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args()
    if options.work:
        work(options.work, options.every, options.limit, options.done, options.steps)
        return 0
    end = time.monotonic() + options.seconds
    names = list(modules_of(options.modules or sorted(sys.stdlib_module_names)))
    found = Found(options.state)

    def one(name: str) -> None:
        if time.monotonic() < end and not found.is_whole(name):
            found.add(name, *run(name, options, found.done(name), end))

    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(one, names))
    return report(found, names)


def report(found: Found, names: list[str]) -> int:
    """Print the table; whether there was anything that must not be."""
    faults: dict[str, list[str]] = {}
    slow: list[tuple[float, str]] = []
    steps: Counter[str] = Counter()
    for name, lines in found.lines.items():
        for line in lines:
            slow.append((line["seconds"], f"{name}:{line['name']}"))
            steps.update(line["unhandled"])
            for kind, text in line["faults"]:
                faults.setdefault(kind, []).append(f"{name}:{line['name']}  {text}")
    print(f"Python {sys.version.split()[0]}: {len(slow):,} functions were traced")
    for kind, cases in sorted(faults.items()):
        print(f"\n{kind}: {len(cases)}")
        for case in cases[:20]:
            print(f"    {case[:200]}")
    print(f"\nsteps without a handler: {dict(steps) or 'none'}")
    print("\nslowest")
    for seconds, name in sorted(slow, reverse=True)[:10]:
        print(f"    {seconds:6.1f} s  {name}")
    waiting = [name for name in names if not found.is_whole(name)]
    if waiting:
        print(f"\nnot done: {len(waiting)} modules from {waiting[0]} on")
    for name, how in found.how.items():
        if how not in ("", "stopped") or (how == "" and found.left(name)):
            print(f"    {name}: {how or 'ended'}, {found.left(name)} left")
    return int(any(kind.startswith(("raised", "imported", "ran")) for kind in faults))


if __name__ == "__main__":
    sys.exit(main())
