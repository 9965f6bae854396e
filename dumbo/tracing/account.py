"""A closure written down for people: what it held, what that was, and how it was reached.

    bytes      zlib of marshal of (version, labels, libraries, parts, shape, roots, names, salt,
               chance)
    labels     of user code and data, such as ``shop:helper`` and ``shop:RATE``
    libraries  name and version, such as ``numpy 2.3.1``; the standard library is ``python``
    parts      of the canonical form of the closure, in its order, the call itself first: kind,
               name, own digest, what it was in a few characters, the digest of its source, and
               its edges as (place, name if it counts, how it was reached, number of the part)
    shape      of the arguments that it was traced for, types by name
    roots      the code among the arguments, by name; names: of the parameters; salt: see `Tracker`
    chance     what may make results differ: kind, name, the function that reaches it, file, line;
               see `impure`

With it, "what depends on this?" is answered for functions that nobody has imported, and two
closures can be compared when the code of one is long gone. Never part of a digest: an
unreadable one only says less.

Knows nodes and their labels; must not know the store, nor what anyone makes of two accounts.
"""

from __future__ import annotations

import marshal
import sys
import zlib
from types import FunctionType

import xxhash

from dumbo.answers.brief import brief
from dumbo.tracing.fingerprint import ATOMS, qualified_name
from dumbo.tracing.labels import label_of
from dumbo.tracing.lookup import ABSENT, is_class, is_module, module_namespace, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType
    from typing import Any

    from dumbo.tracing.callgraph import Analysis, Chance
    from dumbo.tracing.digest import Row

    Edge = tuple[int, bytes, str, int]

__all__ = ["Account", "Part", "decode", "of", "text_digest"]

# version  change
# 1        labels and libraries
# 2        all parts, with what they were, and the arguments
# 3        what may make results differ
_VERSION = 3
_MOST = 3000  # parts that are written down
_EVERY: Any = ATOMS
_TYPES = {kind.__name__.encode(): kind for kind in _EVERY}
_HIDDEN = ("absent", "outside", "root")


class Part:
    """One thing that a closure held.

    Attributes:
        own: 8 bytes over what it was by itself.
        brief: a value in a few characters, or a library's version.
        text: digest of its source; empty if that is not known.
        edges: place, name if it counts, how it was reached, number of the part.
        code: the code object, while it is at hand.
    """

    __slots__ = ("brief", "code", "edges", "kind", "name", "own", "text")

    def __init__(
        self, kind: str, name: str, own: bytes, brief: str, text: bytes, edges: list[Edge]
    ) -> None:
        self.kind = kind
        self.name = name
        self.own = own
        self.brief = brief
        self.text = text
        self.edges = edges
        self.code: CodeType | None = None

    @property
    def hidden(self) -> bool:
        """Whether it stands for no thing that people know."""
        return self.kind in _HIDDEN


class Account:
    """All that is written down of one closure; see the module's docstring."""

    __slots__ = ("chance", "labels", "libraries", "names", "parts", "roots", "salt", "shape")

    def __init__(
        self,
        labels: list[str],
        libraries: list[str],
        parts: list[Part],
        shape: Any,
        roots: list[str],
        names: tuple[str, ...],
        salt: str,
        chance: Sequence[Chance] = (),
    ) -> None:
        self.chance = list(chance)
        self.labels = labels
        self.libraries = libraries
        self.parts = parts
        self.shape = shape
        self.roots = roots
        self.names = names
        self.salt = salt

    @property
    def whole(self) -> bool:
        """Whether all of the closure was written down: only then two can be told to be the same."""
        return 0 < len(self.parts) < _MOST

    def texts(self, source_of: Callable[[CodeType], str]) -> dict[bytes, str]:
        """The sources of its code by their digests, which the parts are told."""
        found: dict[bytes, str] = {}
        for part in self.parts:
            text = source_of(part.code) if part.code is not None else ""
            if text:
                part.text = text_digest(text)
                found[part.text] = text
        return found

    def encode(self) -> bytes:
        parts = [
            (part.kind, part.name, part.own, part.brief, part.text, part.edges)
            for part in self.parts
        ]
        shape = _encoded(self.shape)
        whole = (self.labels, self.libraries, parts, shape, self.roots, self.names, self.salt)
        return zlib.compress(marshal.dumps((_VERSION, *whole, self.chance), 2), 1)

    def way_to(self, name: str) -> list[str]:
        """The names of the functions by which the one of that name is reached, it included."""
        came: dict[int, int] = {0: 0}
        todo = [0] if self.parts else []
        for number in todo:
            if self.parts[number].name == name:
                way = []
                while number:
                    if not self.parts[number].hidden:
                        way.append(self.parts[number].name)
                    number = came[number]
                return way[::-1]
            for _, _, _, end in self.parts[number].edges:
                if end not in came:
                    came[end] = number
                    todo.append(end)
        return [name]

    def code_roots(self) -> tuple[Any, ...] | None:
        """The code among the arguments, as this process has it; None if some is not there."""
        found = [_named(root) for root in self.roots]
        return None if any(root is ABSENT for root in found) else tuple(found)


def decode(payload: bytes) -> Account | None:
    """What was written down; None, if *payload* is of another version or none."""
    try:
        version, *whole = marshal.loads(zlib.decompress(payload))
        if version != _VERSION:
            return None
        labels, libraries, parts, shape, roots, names, salt, chance = whole
        made = [Part(*part) for part in parts]
        return Account(labels, libraries, made, _decoded(shape), roots, names, salt, chance)
    except (zlib.error, ValueError, EOFError, TypeError, KeyError):
        return None


def of(
    analysis: Analysis,
    rows: Sequence[Row],
    shape: Any,
    roots: Sequence[Any],
    names: tuple[str, ...],
    salt: str,
    *,
    telling: bool,
) -> Account:
    """Write down the canonical form of *analysis*; values only if it may be *telling*."""
    kept = rows[:_MOST]
    numbers = {row.node: number for number, row in enumerate(kept)}
    parts = []
    libraries: dict[str, None] = {}
    for row in kept:
        node = row.node
        edges = [
            (place, counts, label, numbers[end])
            for place, counts, label, end in row.edges
            if end in numbers
        ]
        name, said = node.name, ""
        if node.owner is not None:
            said = f"{node.owner.name} {node.owner.version}".strip()
            libraries[said] = None
        elif node.kind == "value":
            if node.ref >= 0:
                name = label_of(analysis.program, analysis.found, node.ref)
            said = brief(node.obj) if telling else ""
        part = Part(node.kind, name, row.own[:8], said, b"", edges)
        if node.owner is None:
            part.code = node.code
        parts.append(part)
    named = [_name_of(root) for root in roots]
    chance = list(analysis.chance)
    labels = _labels(analysis, rows)
    return Account(labels, list(libraries), parts, shape, named, names, salt, chance)


def text_digest(text: str) -> bytes:
    """What a text is kept under."""
    return xxhash.xxh3_64_digest(text.encode("utf-8", "surrogatepass"))


def _labels(analysis: Analysis, rows: Sequence[Row]) -> list[str]:
    """The names of all that is the user's; of values, by all the ways to them."""
    labels: dict[str, None] = {}
    values: set[int] = set()
    for row in rows:
        node = row.node
        if node.owner is not None or node.kind in _HIDDEN:
            continue
        if node.kind == "value":
            values.add(id(node.obj))
        else:
            labels[node.name] = None
    # Equal small numbers are one object.
    for index, found in enumerate(analysis.found):
        if id(found) in values:
            labels[label_of(analysis.program, analysis.found, index)] = None
    return list(labels)


def _encoded(shape: Any) -> Any:
    if type(shape) is tuple:
        return tuple([_encoded(part) for part in shape])
    return shape.__name__.encode() if isinstance(shape, type) else shape


def _decoded(shape: Any) -> Any:
    if type(shape) is tuple:
        return tuple([_decoded(part) for part in shape])
    return _TYPES[shape] if type(shape) is bytes else shape


def _name_of(root: Any) -> str:
    if type(root) is FunctionType:
        return f"{root.__module__}:{root.__qualname__}"
    if is_class(root):
        return qualified_name(root).decode("utf-8", "replace")
    return f"{module_namespace(root).get('__name__')}:" if is_module(root) else "?:?"


def _named(name: str) -> Any:
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get(module, ABSENT)
    for part in qualname.split(".") if qualname else ():
        if is_module(found):
            found = module_namespace(found).get(part, ABSENT)
        elif is_class(found):
            found = namespace(found).get(part, ABSENT)
        else:
            return ABSENT
    if type(found) in (staticmethod, classmethod):
        found = found.__func__
    return getattr(found, "__wrapped__", found) if _is_memo(found) else found


def _is_memo(found: Any) -> bool:
    return hasattr(type(found), "__dumbo_memo__")
