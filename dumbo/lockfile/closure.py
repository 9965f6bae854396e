"""What one memoized function depends on, as a lock holds it: from an analysis to a `Closure`.

    function, method   its source in the form of `syntax`; of code that has no source, what
                       `tracing.digest` says of its bytecode, with the Python that compiled it
    class              nothing but its kind, and the names of bases from libraries
    value              its content; of a path below the project, what lies below
    module             that is not loaded: its source
    library            a distribution, with its version

Functions made in the body of another belong to that one, whose source holds theirs. The standard
library is left out: names say what is used of it, and its version is Python's.

Knows analyses and live objects; must not know files of locks.
"""

from __future__ import annotations

import ast
import os
import sys
from pathlib import PurePath
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from dumbo.lockfile.form import Closure, Part
from dumbo.lockfile.syntax import definition_of, imports_of, written
from dumbo.parsing import parse
from dumbo.tracing import sources
from dumbo.tracing.boundary import STDLIB, Owner, owner_of
from dumbo.tracing.callgraph import in_order
from dumbo.tracing.digest import NAMED_EDGES, own_digest
from dumbo.tracing.fingerprint import ATOMS, C_FUNCTIONS, qualified_name
from dumbo.tracing.graphs import Ways
from dumbo.tracing.labels import label_of
from dumbo.tracing.lookup import globals_of, is_class, is_memoized, is_module, module_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dumbo.tracing.callgraph import Analysis, Node

__all__ = ["closure_of"]


class _Thing(NamedTuple):
    """A node, under one of its names: equal small numbers are one object, with several."""

    node: Node
    name: str


_NOTHING = frozenset({"absent", "outside", "root"})  # nodes that stand for no thing
_DIGITS = 16
_HELD = frozenset({"base", "content", "type"})  # labels of what classes and values are made of
# What the standard library puts into user's classes: other things in each version of it.
_INNARDS = (
    "._generate_next_value_", "._hashable_values_", "._unhashable_values_",
    "._unhashable_values_map_", ".__annotate__", ".__annotate_func__",
)  # fmt: skip
_COMPILED = "py"  # what the digest of code without a source begins with


def closure_of(analysis: Analysis, label: str, *, version: str = "", project: str = "") -> Closure:
    """Return the closure of the function that *label* names.

    Parameters:
        version: what it was memoized with.
        project: the folder below which paths count by what lies below it.
    """
    return _Reader(analysis, version, project).closure(label)


class _Reader:
    def __init__(self, analysis: Analysis, version: str, project: str) -> None:
        assert analysis.root is not None
        self._analysis = analysis
        self._ways = Ways(analysis)
        self._version = version
        self._project = os.path.join(project, "") if project else ""
        order = in_order(analysis.root)
        self._makers = _makers(order)
        self._held: dict[Node, list[Node]] = {}
        for node in order:
            if node.kind not in _NOTHING:
                self._held.setdefault(self._stand_in(node), []).append(node)
        self._alone_as: dict[Node, str] = {}
        self._hidden = [node for node in order if node.kind in _NOTHING]
        self._root = self._stand_in(next(iter(analysis.root.edges[0])))

    def closure(self, label: str) -> Closure:
        """Follow everything from the root on, then give it names that differ."""
        names: dict[_Thing, str] = {}
        taken: set[str] = set()
        found: dict[_Thing, tuple[str, str, list[_Thing], set[Owner]]] = {}
        todo = [_Thing(self._root, label)]
        for thing in todo:
            if thing not in found:
                names[thing] = _free(thing.name, taken)
                found[thing] = self._part(thing)
                todo += found[thing][2]
        parts = {}
        for thing, (kind, digest, targets, owners) in found.items():
            libraries = sorted(owner.name for owner in owners)
            to = (*(names[target] for target in targets), *libraries)
            parts[names[thing]] = Part(kind, digest, to)
            for owner in owners:
                parts[owner.name] = Part("library", owner.version or "?")
        return Closure(parts)

    # --- nodes ------------------------------------------------------------------------

    def _stand_in(self, node: Node) -> Node:
        while node in self._makers:
            node = self._makers[node]
        return node

    def _thing(self, node: Node, target: Node, label: str) -> _Thing:
        """*target* as *node* knows it by this label."""
        if target.kind == "value":
            # Two names of one list are one thing, as code that changes it can tell.
            is_atom = type(target.obj) in ATOMS
            way = target.ref if not is_atom else self._ways.way(node, target, label)
            if way >= 0:
                return _Thing(target, label_of(self._analysis.program, self._analysis.found, way))
        target = self._stand_in(target)
        return _Thing(target, target.name)

    def _part(self, thing: _Thing) -> tuple[str, str, list[_Thing], set[Owner]]:
        """Its kind, its digest, what it leads to in an order of no names, and libraries."""
        node = thing.node
        edges, owners = self._edges(node)
        if node.code is not None:
            text, mentioned = self._source(node, edges)
        else:
            text, mentioned = self._content(node), []
        rest = [
            (label, self._alone(target.node), target.name, target)
            for target, label in edges.items()
            if target not in mentioned
        ]
        rest.sort(key=lambda item: item[:3])
        targets = [*mentioned, *(target for *_, target in rest)]
        kind = "function" if node.code is not None else node.kind
        if not text.startswith(_COMPILED):
            named = node.name if self._analysis.names_read else ""
            version = self._version if node is self._root else ""
            labels = [label for label, *_ in rest]
            docs = [
                inner.code.co_consts[:1]
                for inner in self._held[node]
                if inner.code is not None and inner.shows_doc
            ]
            text = _hex(f"{kind}\n{named}\n{version}\n{labels}\n{text}{docs or ''}")
        return kind, text, targets, owners

    def _edges(self, node: Node) -> tuple[dict[_Thing, str], set[Owner]]:
        """What *node* and all that it stands for lead to, with labels that are no user's name."""
        held = [*self._held[node], *(self._hidden if node is self._root else [])]
        edges: dict[_Thing, str] = {}
        owners: set[Owner] = set()
        for inner in held:
            for step in sorted(inner.edges):
                for target, label in inner.edges[step].items():
                    thing = self._thing(inner, target, label)
                    if target.owner is not None:
                        owners.add(target.owner)
                    elif thing.node is not node and not self._is_left_out(thing):
                        edges.setdefault(thing, _bare(label))
        return edges, {owner for owner in owners if owner != STDLIB and owner.name != "dumbo"}

    def _is_left_out(self, thing: _Thing) -> bool:
        """Whether it stands for nothing, or is a value that a library holds."""
        if thing.node.kind in _NOTHING or thing.name.endswith(_INNARDS):
            return True
        module = sys.modules.get(thing.name.partition(":")[0])
        is_held = thing.node.kind == "value" and module is not None and is_module(module)
        return is_held and owner_of(module) is not None

    def _alone(self, node: Node) -> str:
        """What *node* is whatever things are called, to put several of one label in order."""
        known = self._alone_as.get(node)
        if known is None:
            text = (node.content or b"").hex()
            definition = None if node.code is None else _definition(node.code)[0]
            if definition is not None:
                text = _hex(written(definition, _nameless))
            known = self._alone_as[node] = f"{node.kind} {text}"
        return known

    # --- what they are ----------------------------------------------------------------

    def _source(self, node: Node, edges: dict[_Thing, str]) -> tuple[str, list[_Thing]]:
        assert node.code is not None
        definition, source = _definition(node.code)
        if definition is None:
            digest = own_digest(node, self._analysis).hex()[:_DIGITS]
            return f"{_COMPILED}{sys.version_info[0]}.{sys.version_info[1]}:{digest}", []
        names = _Names(node, edges, imports_of(source))
        text = written(
            definition,
            names.resolve,
            free=node.code.co_freevars,
            keep_parameters=node.by_keyword,
            keep_locals=node.reads_locals,
        )
        return text, names.mentioned

    def _content(self, node: Node) -> str:
        # Libraries that code uses stand in its source; those that data holds do not.
        held = [
            f"{label} {target.name}"
            for step in sorted(node.edges)
            for target, label in node.edges[step].items()
            if target.owner is not None and label in _HELD
        ]
        if node.kind == "class":
            return f"{held}"
        if node.kind == "module":
            return _text_of_module(node.name)
        path = node.obj
        if type(path) is str or isinstance(path, PurePath):
            text = str(path)
            if self._project and f"{text}/".startswith(self._project):
                return f"{type(path).__name__} below the project: {text[len(self._project) :]}"
            if type(path).__module__.partition(".")[0] == "pathlib":  # of many names
                return f"{type(path).__name__} {text}"
        return f"{held} {(node.content or b'in parts').hex()}"


class _Names:
    """What the names in one function's source stand for."""

    def __init__(self, node: Node, edges: dict[_Thing, str], imported: dict[str, str]) -> None:
        self._imported = imported
        self._by_label = {t.name: t for t in edges if type(t.node.obj) in ATOMS}
        self._by_id = {id(t.node.obj): t for t in edges if type(t.node.obj) not in ATOMS}
        self._node = node
        self._home = _home(node)
        self.mentioned: list[_Thing] = []

    def resolve(self, parts: Sequence[str]) -> tuple[int, str] | None:
        alias = ""
        for count, label, found in self._ways(parts):
            if count == 1 and (is_class(found) or type(found) in C_FUNCTIONS):
                alias = qualified_name(found).decode("utf-8", "replace")  # Number = float
            if found is not None and found is self._node.obj:
                return count, "itself"
            thing = self._by_label.get(label) or self._by_id.get(id(found))
            if thing is not None and found is not None:
                if thing not in self.mentioned:
                    self.mentioned.append(thing)
                return count, f"reference {self.mentioned.index(thing)}"
        origin = self._imported.get(parts[0], alias)
        return (1, origin) if origin else None

    def _ways(self, parts: Sequence[str]) -> Iterator[tuple[int, str, Any]]:
        """Each beginning of *parts* that a module holds: its length, its label, what it is."""
        home = self._home
        if home is None:
            return
        if type(home) is FunctionType and parts[0] in home.__code__.co_freevars:
            found = _held_free(home, parts[0])
            yield 1, f"{home.__module__}:{home.__qualname__} cell {parts[0]}", found
            return
        names = globals_of(home)
        module = str(names.get("__name__"))
        for count, part in enumerate(parts, 1):
            found = names.get(part, sys.modules.get(f"{module}.{part}") if count > 1 else None)
            found = _unwrapped(found)
            yield count, f"{module}:{part}", found
            if not is_module(found):
                return
            names = module_namespace(found)
            module = str(names.get("__name__"))


def _held_free(function: FunctionType, name: str) -> Any:
    """What a function's free variable holds."""
    at = function.__code__.co_freevars.index(name)
    try:
        found: Any = (function.__closure__ or ())[at].cell_contents
    except (IndexError, ValueError):
        return None
    return _unwrapped(found)


def _unwrapped(found: Any) -> Any:
    while is_memoized(found):
        found = found.__wrapped__
    return found


def _makers(order: list[Node]) -> dict[Node, Node]:
    """For functions that are made in the body of another one of *order*: by whom."""
    by_code = {id(node.code): node for node in order if node.code is not None}
    makers: dict[Node, Node] = {}
    for node in order:
        if node.code is None or node.owner is not None:
            continue
        for constant in node.code.co_consts:
            made = by_code.get(id(constant)) if type(constant) is CodeType else None
            if made is not None and made is not node:
                makers[made] = node
    return makers


def _home(node: Node) -> Any:
    """The function whose globals the code of *node* runs in."""
    inner: Node | None = node
    while inner is not None and inner.obj is None:
        inner = inner.home
    home = None if inner is None else inner.obj
    return home if type(home) is FunctionType or is_module(home) else None


def _definition(code: CodeType) -> tuple[Any, str]:
    try:
        # As Python reads it: with the encoding that the file declares.
        import tokenize

        with tokenize.open(code.co_filename) as file:
            source = file.read()
    except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
        return None, ""
    return definition_of(source, code.co_qualname, code.co_firstlineno), source


def _text_of_module(name: str) -> str:
    """The sources that importing *name* would run, without layout."""
    texts = []
    for module, source in sources.texts_of(name):
        try:
            text = "" if source is None else ast.dump(parse(source), annotate_fields=False)
        except (SyntaxError, ValueError):
            text = str(source)
        texts.append(f"{module}\n{text}")
    return "\n".join(texts)


def _bare(label: str) -> str:
    """A label as far as the code knows what it leads to by that name."""
    return label if label.startswith(NAMED_EDGES) else ""


def _nameless(parts: Sequence[str]) -> tuple[int, str]:
    return 1, "name"


def _free(name: str, taken: set[str]) -> str:
    name = "".join(c if c.isprintable() else f"\\x{ord(c):x}" for c in name)
    unique, number = name, 1
    while unique in taken:
        number += 1
        unique = f"{name}#{number}"
    taken.add(unique)
    return unique


def _hex(text: str) -> str:
    return xxhash.xxh3_128_hexdigest(text.encode("utf-8", "backslashreplace"))[:_DIGITS]
