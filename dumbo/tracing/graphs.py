"""An analysis as a networkx graph, for people and for tools.

Node ids are ``module:qualname``; where two nodes share one (a wrapper and what
it wraps), the later gets ``#2``. A node has kind, name, file, line, digest (hex),
and `code` where there is code; an edge has `reference`, how its end was reached.

Knows networkx; must not know how a closure is found.
"""

from __future__ import annotations

from typing import Any

import networkx as nx

from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.digest import own_digest


def to_networkx(analysis: Analysis) -> nx.DiGraph:
    """The closure in the order of discovery; the first node is the function itself."""
    graph: nx.DiGraph = nx.DiGraph()
    assert analysis.root is not None
    ids: dict[Node, str] = {}
    queue = [analysis.root]
    seen = {analysis.root: None}
    for node in queue:
        for step in sorted(node.edges):
            for target, label in node.edges[step].items():
                if target not in seen:
                    seen[target] = None
                    queue.append(target)
                if target.kind in ("absent", "outside"):
                    continue
                _add(graph, target, ids, analysis)
                if node is not analysis.root and node in ids and node is not target:
                    _connect(graph, ids[node], ids[target], label)
    for where, line, reason in analysis.unresolved:
        name = f"unresolved:{where}:{line}:{reason}"
        graph.add_node(name, kind="unresolved", name=reason, file=None, line=line, digest="")
        home = next((ids[node] for node in ids if node.name == where), None)
        if home is not None:
            graph.add_edge(home, name, reference=reason)
    return graph


def _add(graph: nx.DiGraph, node: Node, ids: dict[Node, str], analysis: Analysis) -> None:
    if node in ids:
        return
    base = node.name if ":" in node.name else f"value:{node.name}"
    name, number = base, 1
    while name in graph:
        number += 1
        name = f"{base}#{number}"
    ids[node] = name
    data: dict[str, Any] = {
        "kind": node.kind,
        "name": node.name,
        "qualname": node.name.partition(":")[2],
        "file": node.file,
        "line": node.line,
        "digest": own_digest(node, analysis).hex(),
    }
    if node.code is not None:
        data["code"] = node.code
        data["qualname"] = node.code.co_qualname
    if node.owner is not None:
        data["library"] = f"{node.owner.name} {node.owner.version}".strip()
    graph.add_node(name, **data)


def _connect(graph: nx.DiGraph, source: str, target: str, label: str) -> None:
    if not graph.has_edge(source, target):
        graph.add_edge(source, target, reference=label)
