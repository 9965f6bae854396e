"""The graph of what a function depends on, cut down to what was asked for, and as plain data.

Knows the attributes of the graph that `dumbo.deps` returns; must not know how it was found, nor
how it is shown.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    import networkx

__all__ = [
    "CHANCE",
    "GROUPS",
    "UNRESOLVED",
    "group_of",
    "mark",
    "node_link_data",
    "only",
    "root_of",
    "within",
]

UNRESOLVED = "unresolved"  # the kind of node that says what could not be followed, and why

CHANCE = "chance"  # the kind of node that says what makes results differ

# What people ask for, and the kinds of nodes that they mean by it.
GROUPS = {
    "user": ("function", "method", "class", "module"),
    "library": ("library",),
    "data": ("value",),
    "unresolved": (UNRESOLVED,),
    "chance": (CHANCE,),
}
_GROUP_OF = {kind: group for group, kinds in GROUPS.items() for kind in kinds}


def group_of(data: dict[str, Any]) -> str:
    """Return the group that a node of these attributes belongs to."""
    return _GROUP_OF.get(str(data.get("kind")), "user")


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
    return _part(graph, distance)


def only(graph: networkx.DiGraph[str], groups: Collection[str]) -> networkx.DiGraph[str]:
    """Return *graph* with the nodes of *groups*, and its root, alone.

    What was reached through a node that is left out hangs on the nearest one that is kept; the
    edge then says as ``inside`` what really holds the reference.
    """
    root = root_of(graph)
    kept = {
        node for node, data in graph.nodes(data=True) if node == root or group_of(data) in groups
    }
    chosen = _part(graph, kept)
    chosen.graph["root"] = root
    # The nearest: breadth first from all that is kept, through what is not.
    holder: dict[str, str] = {}
    todo = deque(node for node in graph if node in kept)
    while todo:
        node = todo.popleft()
        start = holder.get(node, node)
        for target, edge in graph.adj[node].items():
            if target in kept:
                if node not in kept and target != start and not chosen.has_edge(start, target):
                    name = str(graph.nodes[node].get("name") or node)
                    chosen.add_edge(start, target, **edge, inside=name)
            elif target not in holder:
                holder[target] = start
                todo.append(target)
    return chosen


def _part(graph: networkx.DiGraph[str], nodes: Collection[str]) -> networkx.DiGraph[str]:
    """Return the part of *graph* on *nodes*, in its order; `subgraph` has that of a set."""
    part = graph.__class__(**graph.graph)
    part.add_nodes_from((node, data) for node, data in graph.nodes(data=True) if node in nodes)
    edges = graph.edges(data=True)
    part.add_edges_from(edge for edge in edges if edge[0] in nodes and edge[1] in nodes)
    return part


def mark(graph: networkx.DiGraph[str], changed: list[str] | None) -> None:
    """Give each node its ``state``: changed, stale or fresh; none if nothing is recorded.

    Labels in *changed* that no node has are kept as the graph's ``gone``.
    """
    graph.graph["standing"] = changed
    if changed is None:
        return
    labels = set(changed)
    hits = [node for node, data in graph.nodes(data=True) if data.get("name") in labels]
    stale = set(hits)
    todo = deque(hits)
    while todo:
        for user in graph.predecessors(todo.popleft()):
            if user not in stale:
                stale.add(user)
                todo.append(user)
    for node, data in graph.nodes(data=True):
        data["state"] = "stale" if node in stale else "fresh"
    for node in hits:
        graph.nodes[node]["state"] = "changed"
    known = {graph.nodes[node]["name"] for node in hits}
    graph.graph["gone"] = [label for label in changed if label not in known]
    if changed:
        root = graph.nodes[root_of(graph)]
        root["state"] = "changed" if root["state"] == "changed" else "stale"


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
