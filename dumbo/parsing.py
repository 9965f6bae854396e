"""Syntax trees of source text, made in any thread.

Knows nothing of what the trees are read for.
"""

from __future__ import annotations

import ast  # so that this module is imported only where something is parsed
from typing import Literal, overload

_ATTEMPTS = 20


@overload
def parse(source: str | bytes, *, filename: str = ...) -> ast.Module: ...
@overload
def parse(source: str | bytes, *, mode: Literal["eval"]) -> ast.Expression: ...
def parse(source: str | bytes, *, mode: str = "exec", filename: str = "<unknown>") -> ast.AST:
    """Return the syntax tree of *source*, as `ast.parse` makes it, beside other threads, too.

    CPython up to 3.12 counts the depth of a tree that it builds in one place for all threads,
    and raises where another thread has built one meanwhile (python/cpython#106905). No lock of
    ours would keep the program's own threads from that, and one would hang in a fork's child.

    Raises `SyntaxError`, `ValueError`, `RecursionError` or `MemoryError`, as `ast.parse` does.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return ast.parse(source, filename, mode)
        except SystemError:
            continue
    return ast.parse(source, filename, mode)
