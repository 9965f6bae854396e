"""Read and parse: what one file imports, and what its functions look like."""

from __future__ import annotations

import ast
import warnings
import zlib
from array import array
from dataclasses import dataclass

from dumbo import memo

SHINGLE = 6  # so many neighbouring nodes of a tree make one shingle
SKETCH = 24  # so many of the smallest hashes of shingles stand for a function
SMALLEST = 60  # functions of fewer nodes are alike by chance

Import = tuple[bool, int, str, tuple[str, ...]]  # (at import time, level, module, names)
Sketch = tuple[str, int, bytes]  # (function, its nodes, hashes of shingles: 4 bytes each)

_NESTS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.With, ast.AsyncWith, ast.Match)
_JUMPS = (ast.Break, ast.Continue, ast.Raise)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


@dataclass(frozen=True)
class Outline:
    """One file without its text; of one that is no Python, only the fault is known."""

    imports: tuple[Import, ...] = ()
    sketches: tuple[Sketch, ...] = ()
    tangle: int = 0  # cognitive complexity of all functions
    fault: str = ""


@memo
def outline(source: bytes) -> Outline:
    """Parse *source* and keep what the other stages ask for."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in strings are not our topic
            tree = ast.parse(source)
    except (SyntaxError, ValueError) as fault:  # tests of the parser are meant to be wrong
        return Outline(fault=str(fault))
    functions = list(_functions(tree, ""))
    sketches = [sketch(name, node) for name, node in functions]
    return Outline(
        imports=tuple(_imports(tree)),
        sketches=tuple(found for found in sketches if found is not None),
        tangle=sum(tangle(node) for _, node in functions),
    )


def _imports(node, early=True):
    """Yield what is imported below *node*; not *early* is inside a function, when it is called."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((early, 0, alias.name, ()) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            names = tuple(alias.name for alias in child.names)
            yield (early, child.level, child.module or "", names)
        elif isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _imports(child, early and not isinstance(child, _FUNCTIONS))


def _functions(node, prefix):
    """Yield every function below *node* with its dotted name."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _SCOPES):
            name = f"{prefix}{child.name}"
            if isinstance(child, _FUNCTIONS):
                yield name, child
            yield from _functions(child, f"{name}.")
        else:
            yield from _functions(child, prefix)


def tangle(function) -> int:
    """Return the cognitive complexity of *function*: each branch costs 1 plus its depth."""
    cost = 0
    todo = [(child, 0) for child in ast.iter_child_nodes(function)]
    while todo:
        node, depth = todo.pop()
        if isinstance(node, _SCOPES):
            continue  # counted on its own
        if isinstance(node, _NESTS):
            cost += branch_cost(depth)
            depth += 1
        elif isinstance(node, _JUMPS):
            cost += 1
        elif isinstance(node, ast.BoolOp):
            cost += len(node.values) - 1
        todo.extend((child, depth) for child in ast.iter_child_nodes(node))
    return cost


def branch_cost(depth: int) -> int:
    return 1 + depth


def sketch(name: str, function) -> Sketch | None:
    """Return the smallest hashes of the shingles of *function*, or None if it is too small.

    Names of variables are left out and names of attributes kept: a copy is mostly renamed,
    but it still calls the same methods.
    """
    words = [_word(node) for statement in function.body for node in ast.walk(statement)]
    if len(words) < SMALLEST:
        return None
    shingles = {
        zlib.crc32(" ".join(words[start : start + SHINGLE]).encode("utf-8", "surrogatepass"))
        for start in range(len(words) - SHINGLE + 1)
    }
    return name, len(words), array("I", sorted(shingles)[:SKETCH]).tobytes()


def _word(node) -> str:
    kind = type(node).__name__
    if isinstance(node, ast.Attribute):
        return f"{kind}.{node.attr}"
    if isinstance(node, ast.Constant):
        return f"{kind}.{node.value!r}"[:40]
    return kind
