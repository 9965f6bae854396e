"""Texts in which a library looks up variables of its caller.

    table.query("size > @limit")     limit; of `eval` too
    pandas.eval("a + b")             a, b
    numexpr.evaluate("a + b")        a, b

The names are looked up where the caller would: its variables first, then its globals.

Knows how some libraries read texts; must not know what else they do with them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dumbo.parsing import parse
from dumbo.tracing.escapes import escape
from dumbo.tracing.values import Const, Text, Unknown, Value, each

if TYPE_CHECKING:
    from dumbo.tracing.frame import Frame

METHODS = frozenset({"eval", "query"})  # that look up what is marked with @
_MARKED = re.compile(r"@\s*([^\W\d]\w*)")
_WHOLE = ("pandas", "numexpr")  # packages of which `eval` and `evaluate` look up every name


def names_in(text: str, *, whole: bool) -> list[str]:
    """Return the names that *text* speaks of; with *whole*, not only those behind an @."""
    names = _MARKED.findall(text)
    if whole:
        try:
            tree = parse(text.replace("@", "").strip())
        except SyntaxError:
            return names
        names += [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
    return list(dict.fromkeys(names))


def reads_names(function: str) -> bool:
    """Whether the function ``module:qualname`` of a library looks up every name in its text."""
    module, _, name = function.partition(":")
    return name in ("eval", "evaluate") and module.partition(".")[0] in _WHOLE


def look_up(frame: Frame, args: Iterable[Value], *, whole: bool) -> None:
    """Let what texts among *args* speak of count, as what is passed to a library does."""
    for value in args:
        for member in each(value):
            if isinstance(member, Const) and type(member.obj) is str:
                for name in names_in(member.obj, whole=whole):
                    _look_up(frame, name)
            elif isinstance(member, Text | Unknown):
                frame.unresolved("names in a text that is only known when it runs")


def _look_up(frame: Frame, name: str) -> None:
    held = frame.locals.get(name)
    if held is None and name in (*frame.code.co_cellvars, *frame.code.co_freevars):
        from dumbo.tracing.loads import read_cell  # a cycle: reading follows attributes

        held = read_cell(frame, frame.cell(name))
    if held is None:
        held = frame.analysis.get("global", frame.home.ref, name)
        if held is None:
            frame.depend(frame.analysis.absent(), f"global {name}")
        else:
            frame.touch(held, f"global {name}")
    escape(frame, held)
    frame.node.reads_locals = True  # what variables are called is no longer their own affair


__all__ = ["METHODS", "look_up", "names_in", "reads_names"]
