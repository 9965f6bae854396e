"""For tests of programs that use dumbo: what is cached, what is not, and what it hangs on.

    assert_hit(f, 3)                                        a call would be served
    assert_recomputes(f, 3, because="shop.tools:helper")    it would not, and that is why
    assert_depends_on(f, helper)                            a change of helper recomputes f
    assert_independent(f, helper)                           it does not
    with edited("shop.tools", "x * 2", "x * 3"): ...        other source for a while
    with isolated(): ...                                    an empty cache that keeps everything

None of the assertions computes or stores anything. All say in full what is the case instead.
With pytest, see `dumbo.pytest_plugin` for fixtures and `--dumbo-check`.

Knows what users can ask memoized functions; must not know pytest.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from itertools import pairwise
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dumbo.cache import Cache
from dumbo.editing import edited
from dumbo.errors import InvalidUse
from dumbo.isolation import Isolated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import networkx

__all__ = [
    "assert_depends_on",
    "assert_hit",
    "assert_independent",
    "assert_recomputes",
    "edited",
    "isolated",
]

_LISTED = 20  # names, beyond which a message says how many more
_REMARKS = ("unresolved", "chance")  # kinds of nodes that are no things


def assert_hit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
    """Fail if this call of a memoized function would compute.

    Raises:
        AssertionError: with the reason why it would.
    """
    __tracebackhide__ = True
    why = _memoized(function, "assert_hit").why(*args, **kwargs)
    if why.code != "hit":
        raise AssertionError(f"{_call(function, args, kwargs)} would compute: {why}{_more(why)}")


def assert_recomputes(
    function: Callable[..., Any], /, *args: Any, because: object = None, **kwargs: Any
) -> None:
    """Fail if this call of a memoized function would be served from the cache.

    Parameters:
        because: what must be among the reasons: ``"module:qualname"`` of something that changed, a
            function or class itself, the name of an argument or of a library.

    Raises:
        AssertionError: if the call is a hit, or is computed for other reasons.
    """
    __tracebackhide__ = True
    why = _memoized(function, "assert_recomputes").why(*args, **kwargs)
    call = _call(function, args, kwargs)
    if why.code == "hit":
        raise AssertionError(f"{call} would not compute: {why}{_reach(function, because)}")
    if because is None:
        return
    wanted = _label(because)
    names = [change.name for change in why.changes]
    if wanted not in names:
        raise AssertionError(
            f"{call} would compute, but not because of {wanted}: {why}{_more(why)}"
        )


def assert_depends_on(
    function: Callable[..., Any],
    thing: object,
    /,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Fail if a change of *thing* would leave the results of *function* as they are.

    Parameters:
        thing: a function, class or module, the name of a library, or ``"module:qualname"``, which
            may be a value's.
        args, kwargs: of a call, whose types the dependencies may hang on; None: whatever the call.

    Raises:
        AssertionError: with what the function depends on instead.
    """
    __tracebackhide__ = True
    graph = _graph(function, args, kwargs)
    if _nodes(graph, thing):
        return
    root = graph.graph["root"]
    known = [name for name in _names(graph) if name != root]
    listed = "".join(f"\n  {name}" for name in known[:_LISTED])
    if len(known) > _LISTED:
        listed += f"\n  and {len(known) - _LISTED} more"
    unresolved = [d for _, d in graph.nodes(data=True) if d.get("kind") == "unresolved"]
    unknown = "".join(
        f"\n  {data['name']} ({os.path.basename(data.get('file') or '')}:{data.get('line')})"
        for data in unresolved[:_LISTED]
    )
    raise AssertionError(
        f"{root} does not depend on {_label(thing)}. "
        + (f"It depends on:{listed}" if listed else "It depends on nothing of yours.")
        + (f"\nThese calls could not be followed:{unknown}" if unknown else "")
    )


def assert_independent(
    function: Callable[..., Any],
    thing: object,
    /,
    *,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
) -> None:
    """Fail if a change of *thing* would make the results of *function* stale.

    Takes what `assert_depends_on` takes.

    Raises:
        AssertionError: with the way from one to the other.
    """
    __tracebackhide__ = True
    graph = _graph(function, args, kwargs)
    found = _nodes(graph, thing)
    if found:
        root = graph.graph["root"]
        raise AssertionError(f"{root} depends on {_label(thing)}:\n{_way(graph, root, found[0])}")


@contextlib.contextmanager
def isolated(directory: str | os.PathLike[str] | None = None) -> Iterator[Cache]:
    """Let all memoized functions use an empty cache while the block runs, and keep everything.

    However they were decorated, their own directories are left alone, and so is what they hold in
    memory. Processes that start in the block find the directory as ``DUMBO_DIR``.

    Parameters:
        directory: where results go; None: a temporary folder, which is removed in the end.
    """
    with contextlib.ExitStack() as stack:
        if directory is None:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="dumbo-"))
        cache = Cache(directory, size_limit=0)
        stack.callback(_restore_environment, os.environ.get("DUMBO_DIR"))
        os.environ["DUMBO_DIR"] = cache.directory
        stack.enter_context(Isolated(cache))
        yield cache


def _restore_environment(before: str | None) -> None:
    if before is None:
        os.environ.pop("DUMBO_DIR", None)
    else:
        os.environ["DUMBO_DIR"] = before


# -- words -----------------------------------------------------------------------------


def _memoized(function: Any, who: str) -> Any:
    if not hasattr(type(function), "__dumbo_memo__"):
        raise InvalidUse(f"{who}() was given {function!r}, which is not memoized")
    return function


def _call(function: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    # Imported here: only messages need it.
    import reprlib

    said = [reprlib.repr(arg) for arg in args]
    said += [f"{name}={reprlib.repr(value)}" for name, value in kwargs.items()]
    return f"{function.__qualname__}({', '.join(said)})"


def _more(why: Any) -> str:
    diff = why.diff()
    return f"\n\n{diff}" if diff else ""


def _reach(function: Any, because: object) -> str:
    """Whether *function* depends on *because* at all, as a remark."""
    if because is None:
        return ""
    graph = _graph(function, None, None)
    found = _nodes(graph, because)
    if not found:
        return f"\n{graph.graph['root']} does not depend on {_label(because)}"
    way = _way(graph, graph.graph["root"], found[0])
    return f"\n{_label(because)} is as it was, though the function depends on it:\n{way}"


def _label(thing: Any) -> str:
    if isinstance(thing, str):
        return thing
    if isinstance(thing, ModuleType):
        return thing.__name__
    from dumbo.target import Target, label_of

    return label_of(thing if isinstance(thing, type) else Target(thing).function)


def _graph(
    function: Any, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None
) -> networkx.DiGraph[str]:
    # Imported here: `dumbo` imports no analyser, and neither shall who imports this.
    from dumbo.graph import graph_of

    # What counts is what a call depends on, and a call guesses nothing.
    return graph_of(function, args, kwargs, guessing=False)


def _nodes(graph: networkx.DiGraph[str], thing: object) -> list[str]:
    """The nodes that *thing* is, or that are parts of it."""
    wanted = _label(thing)
    parts = tuple(f"{wanted}{mark}" for mark in ((".", "[", " ") if ":" in wanted else (":",)))
    return [
        node
        for node, data in graph.nodes(data=True)
        if data.get("kind") not in _REMARKS
        and (
            data["name"] == wanted
            or data["name"].startswith(parts)
            or str(data.get("library", "")).partition(" ")[0] == wanted
        )
    ]


def _names(graph: networkx.DiGraph[str]) -> list[str]:
    names: dict[str, None] = {}
    for _, data in graph.nodes(data=True):
        library = data.get("library")
        if data.get("kind") not in _REMARKS and library != "python":
            names[library or data["name"]] = None
    return list(names)


def _way(graph: networkx.DiGraph[str], start: str, end: str) -> str:
    """The shortest way between two nodes, a line for each step."""
    import networkx

    path = networkx.shortest_path(graph, start, end)
    lines = [f"  {start}"]
    for before, after in pairwise(path):
        data = graph.nodes[after]
        place = f" ({os.path.basename(data['file'])}:{data['line']})" if data.get("line") else ""
        lines.append(f"  > {after}{place}, by {graph.edges[before, after]['reference']}")
    return "\n".join(lines)
