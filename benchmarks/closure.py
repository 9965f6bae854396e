"""Is what `deps` shows what invalidates?

    python benchmarks/closure.py [--outside 50] [--jobs 2] [CALL ...]

A CALL is ``package: expression``, such as ``toolz: toolz.frequencies(["a", "b"])``; the package is
imported by that name, and must be installed. It is copied to where it counts as user code, and a
memoized function makes the call. Then each function of the package that ran is edited, one at a
time, and so are some that `deps` does not show; each edit is followed by a process that makes the
call again. Printed is how often an edit of what ran was not seen, and how often one of what is not
in the closure made it compute.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from dumbo.parsing import parse

CALLS = [
    "toolz: toolz.groupby(len, toolz.concat([['a', 'bb'], ['cc', 'd']]))",
    "toolz: toolz.merge_with(sum, {'a': 1}, {'a': 2})",
    "networkx: list(networkx.bfs_edges(networkx.path_graph(5), 0))",
    "toolz: toolz.pipe([3, 1, 2], sorted, toolz.curried.map(lambda x: x + 1), list)",
    "jsonschema: jsonschema.Draft7Validator({'required': ['a']}).is_valid({'b': 1})",
    "markdown: markdown.markdown('# a\\n\\n* b\\n* c\\n\\n[d](e) **f**')",
]

PROJECT = """
import sys
import {package}
from dumbo import memo

@memo(keep="always")
def call():
    return {expression}
"""

# Run in the folder of the project: what ran, what `deps` shows, and whether it was computed.
FIRST = """
import json, os, sys
import project
ran = set()
def note(frame, event, arg):
    if event == "call":
        ran.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))
sys.setprofile(note)
project.call()
sys.setprofile(None)
nodes = [data for _, data in project.call.deps().nodes(data=True) if data.get("code")]
shown = {(data["code"].co_filename, data["code"].co_firstlineno) for data in nodes}
here = os.getcwd() + os.sep
print(json.dumps([sorted(s) for s in (
    [place for place in places if place[0].startswith(here)] for places in (ran, shown)
)]))
"""
AGAIN = """
import json, project
project.call()
info = project.call.cache_info()
print(json.dumps([info.hits, *info.reasons[-1:]]))
"""


class Function(NamedTuple):
    """One that can be edited: where it begins, as code says it, and where its body does."""

    name: str
    first: int
    body: int
    indent: int


def functions_in(source: str) -> list[Function]:
    """Return the functions of *source* whose body begins on a line of its own."""
    found = []
    todo: list[tuple[ast.AST, str]] = [(parse(source), "")]
    for node, prefix in todo:
        for inner in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = f"{prefix}{inner.name}."
            todo.append((inner, name))
            if isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef)):
                begin = inner.body[0]
                at = min([begin.lineno, *(d.lineno for d in getattr(begin, "decorator_list", ()))])
                if at > inner.lineno:
                    first = min([inner.lineno, *(d.lineno for d in inner.decorator_list)])
                    found.append(Function(name[:-1], first, at, begin.col_offset))
    return found


def edited(source: str, function: Function) -> str:
    """Return *source* with a statement more in *function*, behind its docstring."""
    lines = source.splitlines(keepends=True)
    node = next(
        node
        for node in ast.walk(parse(source))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and min([node.lineno, *(d.lineno for d in node.decorator_list)]) == function.first
    )
    at = function.body - 1
    if ast.get_docstring(node, clean=False) is not None:
        at = node.body[0].end_lineno or at
    lines.insert(at, " " * function.indent + "edited_by_hand = 1\n")
    return "".join(lines)


def make(folder: Path, package: str, expression: str) -> None:
    """Lay out the project: the package as user code, and the call."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        sys.exit(f"{package} is no installed package: install it, or name another call")
    ignored = shutil.ignore_patterns("__pycache__", "tests")
    shutil.copytree(spec.submodule_search_locations[0], folder / package, ignore=ignored)
    text = PROJECT.format(package=package, expression=expression)
    (folder / "project.py").write_text(text, encoding="utf-8")


def run(folder: Path, program: str, cache: Path) -> Any:
    environment = {
        **os.environ,
        "DUMBO_DIR": str(cache),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)]),
    }
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment, capture_output=True, text=True
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr[-2000:])
    return json.loads(ran.stdout.splitlines()[-1])


def hits_after(project: Path, file: str, function: Function) -> bool:
    """Whether the call is still answered from the cache when *function* is edited."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "project"
        shutil.copytree(project, copy)
        source = (copy / file).read_text(encoding="utf-8")
        (copy / file).write_text(edited(source, function), encoding="utf-8")
        return bool(run(copy, AGAIN, copy / "cache")[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--outside", type=int, default=50, help="edits outside of the closure")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("calls", nargs="*")
    options = parser.parse_args()
    wrong = 0
    for call in options.calls or CALLS:
        package, _, expression = call.partition(":")
        with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:
            wrong += one(Path(scratch).resolve() / "p", package, expression.strip(), options, pool)
    return int(wrong > 0)


def one(folder: Path, package: str, expression: str, options: Any, pool: Any) -> int:
    """Print what becomes of the edits for one call; return how many of them went wrong."""
    folder.mkdir()
    make(folder, package, expression)
    print(f"{package}: {expression[:70]}")
    try:
        places = run(folder, FIRST, folder / "cache")
    except RuntimeError as error:  # what the process of the call ended with
        print("  cannot be looked at:", str(error).splitlines()[-1])
        return 1
    ran, shown = ({tuple(place) for place in found} for found in places)
    hits, *reasons = run(folder, AGAIN, folder / "cache")
    if not hits:
        print("  is never answered from the cache:", *reasons)
        return 0
    inside, outside = [], []
    for path in sorted((folder / package).rglob("*.py")):
        file = str(path.relative_to(folder))
        for function in functions_in(path.read_text(encoding="utf-8")):
            place = (str(path), function.first)
            if place in ran:
                inside.append((file, function))
            elif place not in shown:
                outside.append((file, function))
    outside = random.Random(0).sample(outside, min(options.outside, len(outside)))

    def ask(case: tuple[str, Function]) -> bool:
        return hits_after(folder, *case)

    stale = [c for c, hit in zip(inside, pool.map(ask, inside), strict=True) if hit]
    needless = [c for c, hit in zip(outside, pool.map(ask, outside), strict=True) if not hit]
    print(f"  {len(inside)} functions ran, {len(inside) - len(stale)} edits of them were seen")
    print(f"  {len(outside)} others were edited, {len(outside) - len(needless)} made no difference")
    for title, cases in (("not seen", stale), ("computed needlessly", needless)):
        for file, function in cases:
            print(f"    {title}: {file}:{function.first} {function.name}")
    return len(stale) + len(needless)


if __name__ == "__main__":
    sys.exit(main())
