"""Programs made at random, whose modules change between calls: each result is the plain one's.

A program is a setting, in which there is data of many kinds, and a function that reads some of it
in some way (`random_mutations/` holds what there is of each). Between its calls, the setting is
changed in any way that a program could; and after each change, the memoized function must give what
the plain one gives. Nothing of dumbo is asked, and nothing of the analyser is known here.

    python tests/tracing/test_random_mutations.py 5000 2000     # programs 5,000 to 6,999

tells of each difference, and DUMBO_RANDOM_PROGRAMS=5000:2000 lets the test go through these.

Left out is what dumbo says that it does not count: what `functools.lru_cache` and `cached_property`
keep, what is in weak tables, attributes of loggers, the inside of the standard library, names and
line numbers of code, functions and classes in results (which are kept by their names, whatever
these lead to later), and what a function does besides returning (a hit does none of it). The clock,
the environment and random numbers are refused (`on_impure="refuse"`), so that they count here.
"""

from __future__ import annotations

import ast
import builtins
import collections
import copy
import decimal
import functools
import json
import math
import operator
import os
import pickle
import random
import re
import string
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest

import dumbo

NAME = "changed_at_random"
FOLDER = Path(__file__).parent / "random_mutations"
SETTING = (FOLDER / "setting.py").read_text()


def _entries(name: str, separator: str = "\n") -> list[str]:
    """The entries of a file beside this one, without its comments."""
    lines = (FOLDER / name).read_text().splitlines()
    text = "\n".join([line for line in lines if not line.startswith("#")])
    return [entry.strip() for entry in text.split(separator) if entry.strip()]


THINGS = _entries("things.txt")
PROBES = _entries("probes.txt")
CHANGES = _entries("changes.txt")
WAYS = _entries("ways.txt", "---\n")
REACHES = _entries("reaches.txt", "---\n")
# Results that hang on addresses, or hold what is pickled by its name.
NAMED = re.compile(r" at 0x|\b(?:function|method|type|Meta) |\bmethod\[")
ROOT = re.compile(r"[a-zA-Z_]\w*")


@functools.cache
def _written_out(thing: str) -> str:
    """The literal of what *thing* is in the beginning; nothing if it has none."""
    names = _beginning()
    with Aside():
        sys.modules.update({NAME: names["module_itself"], "side_module": names["module"]})
        value = eval(thing, names)
    try:
        same = ast.literal_eval(repr(value)) == value and type(value) in _LITERALS
    except (SyntaxError, ValueError):
        return ""
    return repr(value) if same else ""


@functools.cache
def _beginning() -> dict[str, Any]:
    module = ModuleType(NAME)
    with Aside():
        sys.modules[NAME] = module
        exec(SETTING_CODE, vars(module))
    return {**vars(module), "module_itself": module}


_LITERALS = (int, float, str, bytes, bool, type(None), list, tuple, dict, set)
SETTING_CODE = compile(SETTING, f"<{NAME}>", "exec")


class Program:
    """A setting with a function ``f``, and what is done between its calls."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.source = ""
        self.things: list[str] = []
        self.argument = "1"

    def make(self) -> bool:
        """Make the function; whether it is one that says anything."""
        chance = self.chance
        self.things = [chance.choice(THINGS) for _ in range(chance.choice([1, 1, 2, 3]))]
        self.argument = chance.choice(["1", "1", chance.choice(THINGS)])
        bodies = [self._read(thing) for thing in self.things]
        functions = [
            f"def read{number}(x):\n{textwrap.indent(body, '    ')}\n"
            for number, body in enumerate(bodies)
        ]
        calls = ", ".join(f"read{number}(x)" for number in range(len(bodies)))
        self.source = "".join(functions) + f"def f(x):\n    return ({calls},)\n"
        return True

    def _read(self, thing: str) -> str:
        chance = self.chance
        wrapped = chance.random() < 0.1
        reach = chance.choice(REACHES) if chance.random() < 0.8 else ""
        name = ROOT.match(thing)
        reach = reach.replace("HERE", thing).replace("NAMED", NAME)
        if "NAME" in reach:
            reach = reach.replace("NAME", name[0] if name else "count")
        snap = _written_out(thing)
        probe = chance.choice(PROBES if snap else [p for p in PROBES if "SNAP" not in p])
        held = "IT" if reach else f"({thing})"
        held = chance.choice(["[@]", "(@, 1)", "{'k': @}"]).replace("@", held) if wrapped else held
        read = probe.replace("@", held).replace("SNAP", snap)
        way = chance.choice(WAYS) if chance.random() < 0.7 else "return READ"
        return f"{reach}\n{way.replace('READ', f'({read})')}".strip()

    def change(self) -> str:
        """A change, more often than not of what is read."""
        chance = self.chance
        chosen = chance.choice(CHANGES)
        roots = [name[0] for thing in self.things if (name := ROOT.match(thing))]
        if chance.random() < 0.6:  # one that speaks of what is read
            speaking = [c for c in CHANGES if c[0] == "@" or set(ROOT.findall(c)) & {*roots}]
            chosen = chance.choice(speaking)
        if "@" in chosen:
            thing = chance.choice(self.things if chance.random() < 0.7 else THINGS)
            chosen = chosen.replace("@", f"({thing})" if " " in thing else thing)
        return chosen


def shown(value: Any, depth: int = 0) -> str:
    """What *value* is, as far as a copy of it is the same."""
    kind = type(value)
    name = kind.__qualname__
    if depth > 6:
        return name
    if kind in (int, float, complex, str, bytes, bool, type(None), bytearray, range):
        return repr(value)
    if isinstance(value, type) or callable(getattr(value, "__code__", None)):
        return f"{name} {value.__qualname__}"
    inside: list[Any] = []
    for base in (list, tuple, dict, set, frozenset, collections.deque):
        if isinstance(value, base):
            items = base.items(value) if base is dict else base.__iter__(value)  # type: ignore[attr-defined]
            inside += items
            if base in (set, frozenset):
                return f"{name}[{', '.join(sorted([shown(item, depth + 1) for item in inside]))}]"
    if isinstance(value, (int, float, str)):
        inside.append(kind.__mro__[-2].__repr__(value))
    try:
        inside += sorted(object.__getattribute__(value, "__dict__").items())
    except (AttributeError, TypeError):
        if not inside:
            inside.append(re.sub("0x[0-9a-f]+", "", repr(value)))
    return f"{name}[{', '.join([shown(item, depth + 1) for item in inside])}]"


def _outcome(function: Callable[[Any], Any], argument: Any) -> tuple[str, Any]:
    try:
        value = function(argument)
        return shown(value), value
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:80], None


class Aside:
    """Puts back what programs change of the process."""

    MODULES = (builtins, math, json, operator, copy, functools, random, collections, string)

    def __enter__(self) -> Self:
        self.held = [dict(vars(module)) for module in self.MODULES]
        self.environ, self.folder = dict(os.environ), os.getcwd()
        self.context = decimal.getcontext().copy()
        self.limit, self.state = sys.getrecursionlimit(), random.getstate()
        self.modules = {name: sys.modules.get(name) for name in (NAME, "side_module")}
        return self

    def __exit__(self, *_: object) -> None:
        for module, held in zip(self.MODULES, self.held, strict=True):
            for name in set(vars(module)) - set(held):
                del vars(module)[name]
            vars(module).update(held)
        os.environ.clear()
        os.environ.update(self.environ)
        os.chdir(self.folder)
        decimal.setcontext(self.context)
        sys.setrecursionlimit(self.limit)
        random.setstate(self.state)
        for name, module in self.modules.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def _world(program: Program) -> dict[str, Any] | None:
    """The module of *program*; None if its function says nothing, or is none."""
    module = ModuleType(NAME)
    module.__file__ = f"<{NAME}>"
    sys.modules[NAME] = module
    names = vars(module)
    if program.chance.random() < 0.2:
        names["__builtins__"] = dict(vars(builtins))
    exec(SETTING_CODE, names)
    try:
        exec(compile(program.source, f"<{NAME}>", "exec"), names)
        argument = eval(program.argument, names)
        value = names["f"](argument)
        before = shown(value)
        if shown(pickle.loads(pickle.dumps(value))) != before:
            return None
        elsewhere = [
            object.__new__(kind) for kind in (names["Kid"], names["Slot"], names["Square"])
        ]
        same = shown(names["f"](argument)) == before
        return names if same and elsewhere and not NAMED.search(before) else None
    except Exception:
        return None


class Run:
    """What became of one program."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.source = ""
        self.steps: list[str] = []
        self.difference = ""
        self.calls = 0
        self.hits = 0
        self.needless = 0

    def __str__(self) -> str:
        steps = "\n".join(self.steps)
        return f"program {self.seed}\n{self.source}\n{steps}\n{self.difference}\n"


def run(seed: int, folder: str, changes: int = 8) -> Run:
    """Make a program, call its function between changes, and compare."""
    found = Run(seed)
    program = Program(seed)
    with Aside(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = None
        while names is None:
            program.make()
            names = _world(program)
        found.source = program.source + f"# f({program.argument})"
        chance = program.chance
        options = {"keep": "always", "on_impure": "refuse", "observe": chance.random() < 0.8}

        def memoized() -> Any:
            return dumbo.Cache(os.path.join(folder, str(seed))).memo(**options)(names["f"])

        memo = memoized()
        fixed = eval(program.argument, names)
        for step in range(changes + 1):
            if step:
                found.steps.append(change := program.change())
                try:
                    exec(change, names)
                except Exception as error:
                    found.steps[-1] += f"  # {type(error).__name__}"
                    if chance.random() < 0.8:
                        continue
            if chance.random() < 0.2:
                fixed = _argument(program, names, fixed)
            if chance.random() < 0.3:
                memo = memoized()
                found.steps.append("# a new process")
            for _ in range(chance.choice([1, 2])):
                plain, _ = _outcome(names["f"], fixed)
                before = memo.cache_info().hits
                told, value = _outcome(memo, fixed)
                found.calls += 1
                found.hits += memo.cache_info().hits - before
                if plain != told and _outcome(names["f"], fixed)[0] == plain:
                    found.difference = f"plain {plain[:300]}\nmemo  {told[:300]}"
                    return found
                if chance.random() < 0.2:
                    _spoil(value)
                    found.steps.append("# the result is spoilt")
    return found


def _argument(program: Program, names: dict[str, Any], before: Any) -> Any:
    try:
        return eval(program.argument, names)
    except Exception:
        return before


def _spoil(value: Any) -> None:
    """Change a result that the caller has, which is the caller's."""
    for item in value if type(value) is tuple else ():
        if type(item) is list:
            item.append("spoilt")
        elif type(item) is dict:
            item["spoilt"] = 1
        elif type(item) is tuple:
            _spoil(item)


def _asked_for() -> tuple[int, int]:
    first, _, count = os.environ.get("DUMBO_RANDOM_PROGRAMS", "0:100").partition(":")
    return int(first), int(count)


FIRST, COUNT = _asked_for()


@pytest.mark.parametrize("first", range(FIRST, FIRST + COUNT, 20))
def test_results_are_those_of_the_plain_function(first: int, tmp_path: Path) -> None:
    calls = hits = 0
    for seed in range(first, min(first + 20, FIRST + COUNT)):
        found = run(seed, str(tmp_path))
        assert not found.difference, str(found)
        calls += found.calls
        hits += found.hits
    assert hits > calls / 3  # or nothing was tried


def main() -> None:
    first, count = int(sys.argv[1]), int(sys.argv[2])
    calls = hits = bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            found = run(seed, folder)
            calls += found.calls
            hits += found.hits
            if found.difference:
                bad += 1
                print(found, flush=True)
    print(f"{count} programs, {calls} calls, {hits} hits, {bad} differences")


if __name__ == "__main__":
    main()
