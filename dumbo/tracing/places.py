"""Where a file binds a name: the lines of its classes, functions, constants and attributes.

Reads sources; runs and imports none of it. Knows files and their syntax; must not know live
objects.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import NamedTuple

from dumbo.parsing import parse


class Place(NamedTuple):
    """The first and the last line of a statement, counted from 1."""

    line: int
    end: int
    origin: str = ""  # of a name that comes from another module, its name there


def place_of(file: str, qualname: str) -> Place | None:
    """Where *file* first binds *qualname*, such as ``RATE``, ``Model`` or ``Model.scale``."""
    return _places(file).get(qualname)


def refresh() -> None:
    """Read the files again: they may have changed since the last look."""
    _places.cache_clear()


@cache
def _places(file: str) -> dict[str, Place]:
    try:
        with open(file, "rb") as source:
            tree = parse(source.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}  # no file, such as "<stdin>", or none that this Python can read
    found: dict[str, Place] = {}
    # Bodies still to be read, and what their names begin with.
    todo: list[tuple[list[ast.stmt], str]] = [(tree.body, "")]
    for body, prefix in todo:
        for statement in body:
            lines = statement.lineno, statement.end_lineno or statement.lineno
            for name in _bound(statement):
                found.setdefault(prefix + name, Place(*lines))
            if isinstance(statement, ast.ImportFrom):
                for alias in statement.names:
                    name = prefix + (alias.asname or alias.name)
                    found.setdefault(name, Place(*lines, alias.name))
            if isinstance(statement, ast.ClassDef):
                todo.append((statement.body, f"{prefix}{statement.name}."))
            elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
                todo += [(inner, prefix) for inner in _bodies(statement)]
    return found


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return [statement.name]
    if isinstance(statement, ast.Import):
        return [name.asname or name.name.partition(".")[0] for name in statement.names]
    targets: list[ast.expr] = []
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, (ast.AnnAssign, ast.For, ast.AsyncFor)):
        targets = [statement.target]
    return [
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    ]


def _bodies(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks inside of a statement that run in its own namespace."""
    bodies = [getattr(statement, name, None) for name in ("body", "orelse", "finalbody")]
    bodies += [handler.body for handler in getattr(statement, "handlers", ())]
    bodies += [case.body for case in getattr(statement, "cases", ())]
    return [body for body in bodies if body]
