"""What would be computed again if something were touched: dependents instead of dependencies.

Two sources are asked. The memoized functions of the packages that are looked through are
imported, and what they depend on is found anew. The store tells of every function that stored a
result, imported or not, what its last trace held: with the arguments that it had then.

Knows targets, stores and the graphs of `dumbo.deps`; must not know how a closure is found.
"""

from __future__ import annotations

import os
import sys
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import networkx as nx

import dumbo as package
from dumbo.bound import BoundMemoized
from dumbo.cli import table
from dumbo.cli.graphs import root_of
from dumbo.errors import DumboError
from dumbo.target import label_of
from dumbo.tracing import fingerprint
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.labels import file_of
from dumbo.tracing.lookup import is_class, is_memoized, is_module, module_namespace, namespace
from dumbo.tracing.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Wanted", "dependents", "directories_of", "memoized_in", "wanted"]

_PARTS = (".", "[", " ")  # what follows the label of a thing in the labels of its parts


class Wanted(NamedTuple):
    """What is asked about: its labels, if it is of the user's, or else its distribution."""

    name: str
    labels: frozenset[str]
    library: str = ""

    def is_label(self, label: str) -> bool:
        """Whether *label* names it, or a part of it."""
        return any(
            label == own or (label.startswith(own) and label[len(own) :].startswith(_PARTS))
            for own in self.labels
        ) or (":" not in self.name and label.startswith(f"{self.name}:"))

    def is_library(self, library: str) -> bool:
        """Whether it belongs to *library*, a name with its version."""
        return bool(self.library) and library.partition(" ")[0] == self.library

    def is_node(self, data: dict[str, Any]) -> bool:
        if data.get("library"):
            return self.is_library(data["library"])
        return data.get("kind") not in ("unresolved", "chance") and self.is_label(
            str(data.get("name"))
        )


def wanted(module: ModuleType, qualname: str, thing: Any) -> Wanted:
    """Return what to look for: *thing*, found as *qualname* in *module*, wherever it is used."""
    if not qualname:
        owner = owner_of(module)
        if owner is not None:
            return Wanted(module.__name__, frozenset(), owner.name)
        return Wanted(module.__name__, frozenset(_aliases(_values_in(module))))
    label = f"{module.__name__}:{qualname}"
    while is_memoized(thing):
        thing = thing.__wrapped__
    if type(thing) is FunctionType or is_class(thing):
        owner = owner_of(thing)
        if owner is not None:
            return Wanted(owner.name, frozenset(), owner.name)
        label = _own_label(thing)
        return Wanted(label, frozenset({label}))
    # A value has no name of its own; those who import it know it by theirs.
    return Wanted(label, frozenset({label, *_aliases({qualname: thing})}))


def _values_in(module: ModuleType) -> dict[str, Any]:
    """What *module* holds that has no name of its own."""
    return {
        name: value
        for name, value in module_namespace(module).items()
        if not (is_module(value) or is_class(value) or type(value) is FunctionType)
        if not (name.startswith("__") or is_memoized(value))
    }


def _own_label(thing: Any) -> str:
    if type(thing) is FunctionType:
        return f"{thing.__module__}:{thing.__qualname__}"
    return fingerprint.qualified_name(thing).decode("utf-8", "replace")


def _aliases(values: dict[str, Any]) -> Iterator[str]:
    """The labels that user modules know these values by, as far as they hold the objects."""
    wanted: dict[int, list[str]] = {}
    for name, value in values.items():
        wanted.setdefault(id(value), []).append(name)
    for name, module in list(sys.modules.items()):
        if is_module(module) and owner_of(module) is None:
            for alias, value in list(module_namespace(module).items()):
                if id(value) in wanted:
                    # Equal small numbers are one object wherever they are written.
                    is_atom = type(value) in fingerprint.ATOMS
                    if not is_atom or _origin(name, alias) in wanted[id(value)]:
                        yield f"{name}:{alias}"


def _origin(module: str, name: str) -> str:
    """What a name in *module* is called in the module that it was imported from."""
    place = place_of(file_of(module), name)
    return place.origin if place is not None else ""


def memoized_in(modules: Iterable[ModuleType]) -> dict[str, Any]:
    """Return the memoized functions and methods that *modules* hold, by label."""
    found: dict[str, Any] = {}
    seen: set[int] = set()
    todo: list[Any] = [list(module_namespace(module).values()) for module in modules]
    for values in todo:
        for value in values:
            thing = _inside(value)
            if id(thing) in seen:
                continue
            if is_memoized(thing):
                seen.add(id(thing))
                found.setdefault(label_of(thing.__wrapped__), thing)
            elif is_class(thing) and owner_of(thing) is None:
                seen.add(id(thing))
                todo.append(list(namespace(thing).values()))
    return found


def _inside(value: Any) -> Any:
    """What a class's namespace holds instead of the function itself."""
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    return value.__func__ if type(value) is BoundMemoized else value


def dependents(
    target: Wanted, memoized: dict[str, Any], directories: Iterable[str]
) -> tuple[nx.DiGraph[str], list[str]]:
    """Return who depends on *target*, and for whom that could not be found out.

    The first node is the target, and edges lead to what uses it; ``memoized`` marks the
    functions whose results would go, ``entries`` and ``seconds`` say how many and how dear.
    """
    graph: nx.DiGraph[str] = nx.DiGraph(root=target.name)
    graph.add_node(target.name, kind="library" if target.library else "function", name=target.name)
    merged = _Merged(graph, target)
    failures: list[str] = []
    for label, function in memoized.items():
        try:
            merged.add(package.deps(function), label)
        except DumboError as error:
            failures.append(f"{label}: {error}")
    for directory in directories:
        merged.add_stored(directory)
    return graph, failures


class _Merged:
    """The graphs of many functions, turned round and put together."""

    def __init__(self, graph: nx.DiGraph[str], target: Wanted) -> None:
        self._graph = graph
        self._target = target
        self._ids: dict[Any, str] = {}

    def add(self, deps: nx.DiGraph[str], label: str) -> None:
        nodes = deps.nodes
        hits = [node for node in deps if self._target.is_node(nodes[node])]
        if not hits:
            return
        above = set(hits)
        for hit in hits:
            above |= nx.ancestors(deps, hit)
        root = root_of(deps)
        for node in deps:
            if node in above:
                self._id(node, nodes[node])
        for start, end, data in deps.edges(data=True):
            if start in above and end in above:
                self._connect(self._id(end, nodes[end]), self._id(start, nodes[start]), data)
        if root in above:
            self._graph.nodes[self._id(root, nodes[root])].update(memoized=True, label=label)

    def add_stored(self, directory: str) -> None:
        """Mark, and add, what the store in *directory* knows."""
        by_label = {
            data.get("label"): node
            for node, data in self._graph.nodes(data=True)
            if data.get("memoized")
        }
        for row, labels, libraries in table.traced(directory):
            name = row["function"]
            node = by_label.get(name)
            if node is None:
                if not (
                    any(map(self._target.is_label, labels))
                    or any(map(self._target.is_library, libraries))
                ):
                    continue
                node = by_label[name] = self._new(name)
                data = {"kind": "function", "name": name, "memoized": True, "label": name}
                self._graph.add_node(node, **data)
                self._connect(self._target.name, node, {"reference": "as last computed"})
            data = self._graph.nodes[node]
            data["entries"] = data.get("entries", 0) + row["entries"]
            data["seconds"] = data.get("seconds", 0.0) + row["seconds"]

    def _id(self, node: str, data: dict[str, Any]) -> str:
        if str(data.get("name")) == self._target.name:
            self._graph.nodes[self._target.name].update(data)
            return self._target.name
        key = (data.get("kind"), data.get("name"), data.get("file"), data.get("line"))
        if key not in self._ids:
            self._ids[key] = self._new(node)
            self._graph.add_node(self._ids[key], **data)
            if self._target.is_node(data):  # a part of it, or its name elsewhere
                self._connect(self._target.name, self._ids[key], {"reference": "as"})
        return self._ids[key]

    def _new(self, node: str) -> str:
        name, number = node, 1
        while name in self._graph:
            number += 1
            name = f"{node}#{number}"
        return name

    def _connect(self, start: str, end: str, data: dict[str, Any]) -> None:
        if start != end and not self._graph.has_edge(start, end):
            self._graph.add_edge(start, end, **data)


def directories_of(memoized: Iterable[Any], default: str) -> list[str]:
    """Return the cache directories that these functions use, and the default one."""
    found = {default: None}
    for function in memoized:
        found[function._keeper.shelf.directory] = None
    return [directory for directory in found if os.path.isdir(directory)]
