"""The dependencies of a function as a graph, for people.

Knows how arguments become shapes; must not know stores.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dumbo.arguments.hashing import code_roots, digest_call
from dumbo.arguments.signature import Binder
from dumbo.errors import UnhashableArgument
from dumbo.tracing.garbage import Uncollected
from dumbo.tracing.graphs import to_networkx
from dumbo.tracing.opened import open_all, parts_of
from dumbo.tracing.shapes import shape_of
from dumbo.tracing.words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import networkx as nx

    from dumbo.tracing.callgraph import Analysis
    from dumbo.tracing.tracker import Tracker


def graph(
    tracker: Tracker,
    args: Sequence[Any] | None = None,
    kwargs: dict[str, Any] | None = None,
    guessing: bool = True,
) -> nx.DiGraph:
    """The dependencies as a graph; see `dumbo.deps`.

    Args:
        guessing: where nothing is known of the arguments, guess what they may be.

    Raises:
        Bypass: if they cannot be known.
    """
    with Uncollected():
        return to_networkx(_analysed(tracker, args, kwargs, guessing))


def _analysed(
    tracker: Tracker, args: Sequence[Any] | None, kwargs: dict[str, Any] | None, guessing: bool
) -> Analysis:
    if args is None and kwargs is None:
        return tracker.analyse(None, (), (), None, guessing=guessing)
    binder = Binder(tracker.function, ())
    values = binder.bind(tuple(args or ()), dict(kwargs or {}))
    try:
        _, roots = digest_call(values, binder.names)
    except UnhashableArgument:
        # Good enough to look at, though no call with it can be cached.
        values = open_all(values)
        roots = code_roots(parts_of(values))
    shape = shape_of(values, roots, tracker.keywords(binder.names))
    return tracker.analyse(shape, roots, binder.names, None, Words(values))
