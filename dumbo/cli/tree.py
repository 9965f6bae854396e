"""A graph as a tree of lines, for people at a terminal.

Knows the attributes of the graph that `dumbo.deps` returns; must not know how it was found.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from dumbo.cli.graphs import CHANCE, UNRESOLVED, root_of
from dumbo.cli.text import printable
from dumbo.explain import human_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    import networkx

__all__ = ["UNICODE", "lines", "place", "short", "stored"]


class Strokes(NamedTuple):
    """What a tree is drawn with."""

    branch: str
    last: str
    through: str
    gap: str


UNICODE = Strokes("├── ", "└── ", "│   ", "    ")
ASCII = Strokes("|-- ", "`-- ", "|   ", "    ")


def lines(graph: networkx.DiGraph[str], *, unicode: bool = True) -> Iterator[str]:
    """Yield the lines of a tree: each node once with what is below it, later by name only."""
    strokes = UNICODE if unicode else ASCII
    root = root_of(graph)
    yield _describe(graph, root)
    shown = {root}
    # A stack of our own: a chain of a thousand helpers is no reason to fail.
    stack = [("", iter(list(graph.successors(root))), root)]
    pending: list[str | None] = [next(stack[0][1], None)]
    while stack:
        indent, rest, source = stack[-1]
        node = pending[-1]
        if node is None:
            stack.pop()
            pending.pop()
            continue
        pending[-1] = following = next(rest, None)
        stroke = strokes.branch if following is not None else strokes.last
        again = node in shown and graph.out_degree(node) > 0
        described = _describe(graph, node, graph.edges[source, node])
        yield f"{indent}{stroke}{described}{' (above)' if again else ''}"
        if node not in shown:
            shown.add(node)
            below = strokes.through if following is not None else strokes.gap
            children = iter(list(graph.successors(node)))
            stack.append((indent + below, children, node))
            pending.append(next(children, None))
    yield ""
    yield _count(graph)


def _describe(graph: networkx.DiGraph[str], node: str, edge: dict[str, Any] | None = None) -> str:
    data = graph.nodes[node]
    kind = str(data.get("kind") or "")
    name = str(data.get("name") or node)
    inside = f" in {edge['inside']}" if edge and edge.get("inside") else ""
    if kind == UNRESOLVED:  # its name is the reason
        return printable("  ".join(part for part in (f"? {name}{inside}", place(data)) if part))
    if kind == CHANCE:
        what = edge.get("reference") if edge else ""
        said = f"~ {name}  [{what}{inside}]" if what and what != name else f"~ {name}{inside}"
        return printable("  ".join(part for part in (said, place(data)) if part))
    if kind == "library":
        kind = str(data.get("library") or kind)  # its name, with its version
    labels = [kind, f"{edge.get('reference') or ''}{inside}" if edge else "", *_marks(data)]
    parts = [name]
    if any(labels):
        parts.append(f"[{', '.join(label for label in labels if label)}]")
    if data.get("kind") != "library":
        parts.append(place(data))
    return printable("  ".join(part for part in parts if part))


def _marks(data: dict[str, Any]) -> list[str]:
    marks = ["memoized"] if data.get("memoized") else []
    if data.get("state") == "changed":
        marks.append("changed")
    return [*marks, stored(data)]


def stored(data: dict[str, Any]) -> str:
    """Return how much is stored of a memoized function; nothing where that is unknown, or none."""
    if not data.get("entries"):
        return ""
    return f"{_plural(data['entries'], 'result')} that took {human_time(data['seconds'])}"


def place(data: dict[str, Any]) -> str:
    """Return where a node stands, as ``file:line``; nothing where no file is known."""
    if not data.get("file"):
        return f"line {data['line']}" if data.get("line") else ""
    return f"{short(data['file'])}:{data.get('line') or 1}"


def short(file: str) -> str:
    """Return *file* relative to the working directory if it lies below that."""
    here = os.path.join(os.getcwd(), "")
    return file.removeprefix(here)


def _count(graph: networkx.DiGraph[str]) -> str:
    kinds = Counter(str(data.get("kind") or "other") for _, data in graph.nodes(data=True))
    unresolved = kinds.pop(UNRESOLVED, 0)
    chance = kinds.pop(CHANCE, 0)
    counts = [_plural(count, kind) for kind, count in kinds.most_common()]
    if unresolved:
        counts.append(f"{unresolved} unresolved")
    if chance:
        counts.append(f"{chance} of chance")
    return ", ".join(counts)


def _plural(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{count} {noun[:-1]}ies"
    return f"{count} {noun}{'es' if noun.endswith('s') else 's'}"
