"""An analysis as a networkx graph, for people and for tools.

Node ids are ``module:qualname``; where two nodes share one (a wrapper and what
it wraps), the later gets ``#2``.

    of a node   kind         function, method, class, value, module, library, unresolved or chance
                name         ``module:qualname``; of what is unresolved, the reason; of chance,
                             what makes results differ
                qualname     the second half of it; of code, as the code says
                file, line   where it stands; of the last two, where it is called or reached
                chance       of chance: its kind; see `impure`
                end_line     of classes and values, the last of their lines
                digest       16 bytes in hex, of the node by itself
                path         of values, how they were reached
                library      name and version, of what belongs to a distribution
                code         the code object, where there is one
    of an edge  reference    how its end was reached
    of all      root         the id of the function itself

Knows networkx; must not know how a closure is found.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import networkx as nx

from dumbo.tracing import impure, places
from dumbo.tracing.callgraph import Analysis, Chance, Node, in_order
from dumbo.tracing.digest import own_digest
from dumbo.tracing.labels import file_of, home_of, label_of
from dumbo.tracing.lookup import describe, namespace, path_of

_HIDDEN = ("absent", "outside", "root")  # nodes that stand for no thing


def to_networkx(analysis: Analysis) -> nx.DiGraph:
    """The closure in the order of discovery; the first node is the function itself."""
    assert analysis.root is not None
    places.refresh()
    graph: nx.DiGraph = nx.DiGraph()
    ids = _Ids(graph, analysis)
    order = in_order(analysis.root)
    for node in order:
        for step in sorted(node.edges):
            for target, label in node.edges[step].items():
                if target.kind in _HIDDEN:
                    continue
                end = ids.of(target, ids.way(node, target, label))
                # What the call brings along, and what is called from out of sight, is reached
                # from the function as a whole.
                starts = [graph.graph["root"]] if node.kind in _HIDDEN else ids.all_of(node)
                for start in starts:
                    if start != end and not graph.has_edge(start, end):
                        graph.add_edge(start, end, reference=label)
    by_name = {node.name: node for node in reversed(order)}
    for where, line, reason in analysis.unresolved:
        _add_unresolved(graph, ids, by_name.get(where), (where, line, reason))
    for one in analysis.chance:
        _add_chance(graph, ids, by_name.get(one[2]), one)
    return graph


class Ways:
    """By which lookup a value was reached: equal small numbers are one object, and one node."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis = analysis
        self._lookups: dict[int, list[int]] = {}
        for index, found in enumerate(analysis.found):
            self._lookups.setdefault(id(found), []).append(index)
        self._first: dict[int, dict[Any, int]] = {}

    def way(self, node: Node, target: Node, label: str) -> int:
        """The lookup by which *node* reaches *target*, which is a value, by this label."""
        if target.kind != "value":
            return target.ref
        key = id(target.obj)
        if key not in self._first:  # `None` may be reached by very many
            self._first[key] = self._first_of(self._lookups.get(key, ()))
        first = self._first[key]
        labels = (label, _DEFAULT) if label.startswith("default ") else (label,)
        for base in (id(node.obj), None):
            found = [first[base, each] for each in labels if (base, each) in first]
            if found:
                return min(found)
        return target.ref

    def _first_of(self, indices: Iterable[int]) -> dict[Any, int]:
        """The first of some lookups by its label, from each object and from any."""
        program, found = self._analysis.program, self._analysis.found
        first: dict[Any, int] = {}
        for index in indices:
            op, base, arg = program[index]
            labels = [describe(op, arg), *([_DEFAULT] if op == "default" else [])]
            for label in labels:
                first.setdefault((None, label), index)
                if base >= 0:
                    first.setdefault((id(found[base]), label), index)
        return first


_DEFAULT = "\0default"  # the label of all defaults, which the graph knows by name


class _Ids:
    """The ids of nodes, which are added to the graph when they are first asked for.

    Equal small numbers are one object, and one node of the analysis; here they are as many as
    they have labels. And ways to one value that have one label are one.
    """

    def __init__(self, graph: nx.DiGraph, analysis: Analysis) -> None:
        self._graph = graph
        self._analysis = analysis
        self._ids: dict[Node, dict[int, str]] = {}
        self._values: dict[tuple[str, int], str] = {}
        self._ways = Ways(analysis)

    def way(self, node: Node, target: Node, label: str) -> int:
        return self._ways.way(node, target, label)

    def of(self, node: Node, way: int) -> str:
        known = self._ids.setdefault(node, {})
        if way not in known:
            known[way] = self._add(node, way)
        return known[way]

    def all_of(self, node: Node) -> list[str]:
        return list(self._ids[node].values()) if node in self._ids else [self.of(node, node.ref)]

    def _add(self, node: Node, way: int) -> str:
        name = node.name
        if node.kind == "value" and way >= 0:
            name = label_of(self._analysis.program, self._analysis.found, way)
            known = self._values.get((name, id(node.obj)))
            if known is not None:
                return known
        unique, number = name, 1
        while unique in self._graph:
            number += 1
            unique = f"{name}#{number}"
        if node.kind == "value":
            self._values[name, id(node.obj)] = unique
        self._graph.graph.setdefault("root", unique)
        self._graph.add_node(unique, **self._attributes(node, name, way))
        return unique

    def _attributes(self, node: Node, name: str, way: int) -> dict[str, Any]:
        program, found = self._analysis.program, self._analysis.found
        data: dict[str, Any] = {
            "kind": node.kind,
            "name": name,
            "qualname": name.partition(":")[2],
            "file": node.file,
            "line": node.line,
            "digest": own_digest(node, self._analysis).hex(),
        }
        if node.code is not None:
            data["code"] = node.code
            data["qualname"] = node.code.co_qualname
        elif node.kind == "class":
            data |= _lines_of_class(node.obj, data["qualname"])
        elif node.kind == "value" and way >= 0:
            data["path"] = path_of(program, way)
            data |= _lines_of(*home_of(program, found, way))
        if node.owner is not None:
            data["library"] = f"{node.owner.name} {node.owner.version}".strip()
        return data


def _lines_of_class(cls: type, qualname: str) -> dict[str, Any]:
    module = namespace(cls).get("__module__")
    file = file_of(module) if isinstance(module, str) else ""
    return _lines_of(file, places.place_of(file, qualname) if file else None)


def _lines_of(file: str, place: places.Place | None) -> dict[str, Any]:
    if not file:
        return {}
    if place is None:
        return {"file": file}
    return {"file": file, "line": place.line, "end_line": place.end}


def _add_unresolved(
    graph: nx.DiGraph, ids: _Ids, home: Node | None, what: tuple[str, int | None, str]
) -> None:
    where, line, reason = what
    name = f"unresolved:{where}:{line}:{reason}"
    file = home.file if home is not None else None
    graph.add_node(name, kind="unresolved", name=reason, file=file, line=line, digest="")
    _add_below(graph, ids, home, name, reason)


def _add_chance(graph: nx.DiGraph, ids: _Ids, home: Node | None, one: Chance) -> None:
    kind, what, where, file, line = one
    name = f"chance:{where}:{line}:{what}"
    graph.add_node(name, kind="chance", name=what, chance=kind, file=file, line=line, digest="")
    _add_below(graph, ids, home, name, impure.KINDS[kind])


def _add_below(graph: nx.DiGraph, ids: _Ids, home: Node | None, name: str, label: str) -> None:
    """Hang what is no thing below the function that it was found in."""
    inside = home is not None and home.kind not in _HIDDEN
    start = ids.all_of(home)[0] if inside and home is not None else graph.graph["root"]
    graph.add_edge(start, name, reference=label)
