"""What any function depends on, as a graph, and what of it changed since it was stored.

Knows tracing; must not know results.
"""

from __future__ import annotations

from dumbo import acts
from dumbo.errors import InvalidUse
from dumbo.target import Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import networkx as nx

__all__ = ["graph_of", "standing_of"]


def graph_of(
    function: object,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    *,
    observed: bool = False,
    guessing: bool = True,
) -> nx.DiGraph:
    """Return the dependencies of *function*, for these arguments if any are given.

    Parameters:
        observed: add what stored results were seen to run.
        guessing: without arguments, guess what they may be; a call guesses nothing.
    """
    from dumbo.pictured import DependencyGraph
    from dumbo.tracing.tracker import Tracker

    function = _runs(function)
    if not callable(function):
        raise InvalidUse(
            f"deps() was given {function!r} of type {type(function).__name__}, which cannot be "
            "called: give a function"
        )
    target = Target(function)
    version = getattr(function, "version", "") if hasattr(type(function), "__dumbo_memo__") else ""
    by_name = _by_name(function)
    tracker = Tracker(target.function, track_deps="names" if by_name else True, version=version)
    if args is None and kwargs is None:
        graph = tracker.graph(None, None, guessing=guessing)
    else:
        graph = tracker.graph(*target.with_fixed(tuple(args or ()), dict(kwargs or {})))
    if observed and hasattr(type(function), "__dumbo_memo__"):
        _add_observed(graph, function, args, kwargs)
    return DependencyGraph(graph)


def _by_name(function: Any) -> bool:
    """Whether *function* is memoized with ``track_deps="names"``."""
    if not hasattr(type(function), "__dumbo_memo__"):
        return False
    keeper = getattr(function, "__func__", function)._keeper
    return keeper.options.track_deps == "names"  # type: ignore[no-any-return]


def _add_observed(
    graph: nx.DiGraph,
    memoized: Any,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
) -> None:
    from dumbo.tracing.observed import add_to

    bound = getattr(memoized, "__func__", None)
    given = None if args is None and kwargs is None else (tuple(args or ()), dict(kwargs or {}))
    if bound is not None:
        given = given and ((memoized.__self__, *given[0]), given[1])
        memoized = bound
    store, every = acts.extras(memoized._keeper, given)
    for extras in every:
        add_to(graph, extras, store)


def standing_of(function: object, directory: str | None = None) -> list[str] | None:
    """Return the labels of what changed since *function* stored a result, if it ever did.

    Looks into the cache that it uses, or into *directory*; creates nothing.
    """
    import os

    from dumbo.shelf import Shelf
    from dumbo.tracing.tracker import tracker_of

    memoized: Any = _runs(function)
    if not hasattr(type(memoized), "__dumbo_memo__"):
        return None
    memoized = getattr(memoized, "__func__", memoized)
    keeper = memoized._keeper
    shelf = keeper.shelf if directory is None else Shelf(directory)
    if not os.path.isdir(shelf.directory) or not os.listdir(shelf.directory):
        return None
    options = keeper.options
    tracker = tracker_of(
        Target(memoized).function,
        track_deps=options.track_deps,
        version=options.version,
        observe=options.observe,
    )
    return tracker.standing(shelf.open())


def _runs(thing: object) -> object:
    """Return what runs when *thing*, taken out of a class's `__dict__`, is used."""
    if isinstance(thing, (staticmethod, classmethod)):
        return thing.__func__
    if isinstance(thing, property):
        return thing.fget
    return thing
