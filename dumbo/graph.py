"""What any function depends on, as a graph. Knows tracing; must not know results."""

from __future__ import annotations

from dumbo.errors import InvalidUse
from dumbo.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import networkx as nx

__all__ = ["graph_of"]


def graph_of(
    function: object,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
) -> nx.DiGraph:
    """Return the dependencies of *function*, for these arguments if any are given."""
    from dumbo.tracing.tracker import Tracker

    function = _runs(function)
    if not callable(function):
        raise InvalidUse(
            f"deps() was given {function!r} of type {type(function).__name__}, which cannot be "
            "called: give a function"
        )
    target = Target(function)
    version = getattr(function, "version", "") if hasattr(type(function), "__dumbo_memo__") else ""
    tracker = Tracker(target.function, track_deps=True, version=version)
    if args is None and kwargs is None:
        return tracker.graph(None, None)
    return tracker.graph(*target.with_fixed(tuple(args or ()), dict(kwargs or {})))


def _runs(thing: object) -> object:
    """Return what runs when *thing*, taken out of a class's `__dict__`, is used."""
    if isinstance(thing, (staticmethod, classmethod)):
        return thing.__func__
    if isinstance(thing, property):
        return thing.fget
    return thing
