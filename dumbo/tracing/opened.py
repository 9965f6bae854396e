"""Live generators as arguments: not hashed and never cached, but good to look at.

A generator that has not ended still has its code and what its parameters are: its closure is
that of the function which made it, with these arguments. It is never advanced.

Knows generators; must not know shapes or the analysis.
"""

from __future__ import annotations

from types import FunctionType, GeneratorType

from dumbo.tracing.lookup import mro, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Opened:
    """What is known of a generator: the function that made it, and its arguments."""

    __slots__ = ("function", "given")

    def __init__(self, function: FunctionType, given: dict[str, Any]) -> None:
        self.function = function
        self.given = given


def open_all(values: Sequence[Any]) -> tuple[Any, ...]:
    """*values*, with what is known of each generator in its place."""
    opened = [_open(value) if type(value) is GeneratorType else None for value in values]
    return tuple([own or value for own, value in zip(opened, values, strict=True)])


def parts_of(values: Sequence[Any]) -> tuple[Any, ...]:
    """What counts of *values*, for a digest."""
    return tuple(
        [
            [value.function, *value.given.values()] if type(value) is Opened else value
            for value in values
        ]
    )


def _open(generator: GeneratorType[Any, Any, Any]) -> Opened | None:
    code, frame = generator.gi_code, generator.gi_frame
    if frame is None:
        return None  # it has ended
    held = dict(frame.f_locals)
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    given = {name: held[name] for name in names if name in held}
    candidates = [frame.f_globals.get(code.co_name)]
    if names and names[0] in given:
        first = given[names[0]]
        classes = mro(first) if isinstance(first, type) else mro(type(first))
        candidates += [namespace(cls).get(code.co_name) for cls in classes]
    for found in candidates:
        function = getattr(found, "__func__", found) if type(found) in _HOLDERS else found
        if type(function) is FunctionType and function.__code__ is code:
            return Opened(function, given)
    return None


_HOLDERS = (staticmethod, classmethod)
