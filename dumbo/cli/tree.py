"""The graph of what a function depends on, as lines and as data.

Knows the attributes of the graph that `dumbo.deps` returns; must not know how it was found.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, NamedTuple

from dumbo.cli.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import networkx

UNRESOLVED = "unresolved"  # the kind of node that says what could not be followed, and why

__all__ = ["UNICODE", "UNRESOLVED", "lines", "node_link_data", "root_of", "within"]


class Strokes(NamedTuple):
    """What a tree is drawn with."""

    branch: str
    last: str
    through: str
    gap: str


UNICODE = Strokes("├── ", "└── ", "│   ", "    ")
ASCII = Strokes("|-- ", "`-- ", "|   ", "    ")


def root_of(graph: networkx.DiGraph[str]) -> str:
    """Return the node that everything else was reached from."""
    root: str = graph.graph.get("root", "")
    return root if root in graph else str(next(iter(graph)))


def within(graph: networkx.DiGraph[str], depth: int) -> networkx.DiGraph[str]:
    """Return the part of *graph* that lies at most *depth* steps from its root."""
    root = root_of(graph)
    distance = {root: 0}
    todo = deque([root])
    while todo:
        node = todo.popleft()
        if distance[node] == depth:
            continue
        for target in graph.successors(node):
            if target not in distance:
                distance[target] = distance[node] + 1
                todo.append(target)
    return graph.subgraph(distance)


def node_link_data(graph: networkx.DiGraph[str]) -> dict[str, Any]:
    """Return *graph* as networkx node-link data of plain values, code objects left out."""
    import networkx

    plain = networkx.DiGraph(**_plain(graph.graph))
    plain.add_nodes_from((node, _plain(data)) for node, data in graph.nodes(data=True))
    plain.add_edges_from((*ends, _plain(data)) for *ends, data in graph.edges(data=True))
    data: dict[str, Any] = networkx.node_link_data(plain, edges="edges")
    return data


def _plain(attributes: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(value, bytes):
            plain[name] = value.hex()
        elif value is None or isinstance(value, (str, int, float)):
            plain[name] = value
        elif isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
            plain[name] = list(value)
    return plain


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
        reference = graph.edges[source, node].get("reference")
        yield f"{indent}{stroke}{_describe(graph, node, reference)}{' (above)' if again else ''}"
        if node not in shown:
            shown.add(node)
            below = strokes.through if following is not None else strokes.gap
            children = iter(list(graph.successors(node)))
            stack.append((indent + below, children, node))
            pending.append(next(children, None))
    yield ""
    yield _count(graph)


def _describe(graph: networkx.DiGraph[str], node: str, reference: str | None = None) -> str:
    data = graph.nodes[node]
    kind = str(data.get("kind") or "")
    name = str(data.get("name") or node)
    if kind == UNRESOLVED:  # its name is the reason
        line = f"  line {data['line']}" if data.get("line") else ""
        return printable(f"? {name}{line}")
    if kind == "library":
        kind = str(data.get("library") or kind)  # its name, with its version
    parts = [name]
    labels = ", ".join(label for label in (kind, reference) if label)
    if labels:
        parts.append(f"[{labels}]")
    if data.get("file") and data["kind"] != "library":
        parts.append(f"{_short(data['file'])}:{data.get('line') or 1}")
    return printable("  ".join(parts))


def _short(file: str) -> str:
    """Return *file* relative to the working directory if it lies below that."""
    here = os.path.join(os.getcwd(), "")
    return file.removeprefix(here)


def _count(graph: networkx.DiGraph[str]) -> str:
    kinds = Counter(str(data.get("kind") or "other") for _, data in graph.nodes(data=True))
    unresolved = kinds.pop(UNRESOLVED, 0)
    counts = [_plural(count, kind) for kind, count in kinds.most_common()]
    if unresolved:
        counts.append(f"{unresolved} unresolved")
    return ", ".join(counts)


def _plural(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    if noun.endswith("y"):
        return f"{count} {noun[:-1]}ies"
    return f"{count} {noun}{'es' if noun.endswith('s') else 's'}"
