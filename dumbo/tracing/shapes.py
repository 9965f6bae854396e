"""The types of arguments as far as a closure may depend on them.

    ("atom", type)                           a builtin scalar
    ("code", n)                              a function, class or module: code root n
    ("object", n, fields, items)             an instance whose class is code root n
    ("tuple", items)                         a short tuple
    ("list" | "set" | "dict", slots, rest)   a container: by key, and the shapes of all else
    ("any", roots, type name)                anything else, with the code roots that are left
    ("unknown",)

A shape is hashable and made of types and numbers of code roots only: equal
shapes have equal closures. A list of a million numbers is two shapes deep.

Knows the layout of values; must not know the analysis.
"""

from __future__ import annotations

from types import FunctionType, MemberDescriptorType

from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.lookup import instance_dict, is_class, is_module, mro, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

Shape = tuple  # of the forms in the table above
_UNKNOWN = ("unknown",)
_ATOM_SHAPES = {kind: ("atom", kind) for kind in ATOMS}
_DEPTH = 4
_KINDS = 8  # different shapes of items in one container
_SLOTS = 16  # keys with a shape of their own


def shape_of(values: Sequence[Any], roots: Sequence[Any]) -> tuple[Any, ...]:
    """The shape of each of *values*, whose code roots are *roots*."""
    if not roots:
        return tuple([_ATOM_SHAPES.get(type(value)) or _plain(value) for value in values])
    reader = _Reader(roots)
    shapes = [reader.read(value, _DEPTH) for value in values]
    left = tuple(number for number in range(len(roots)) if number not in reader.seen)
    if left:
        shapes.append(("any", left, "a value that is not looked into"))
    return tuple(shapes)


def _plain(value: Any) -> tuple[Any, ...]:
    """No code in it: its type alone counts."""
    kind = type(value)
    if kind is list or kind is dict or kind is set:
        return (kind.__name__, (), ())
    if kind is tuple:
        return ("tuple", tuple([_ATOM_SHAPES.get(type(v)) or _plain(v) for v in value[:8]]))
    return ("any", (), kind.__qualname__)


class _Reader:
    """Reads values, and remembers which code roots it has met."""

    def __init__(self, roots: Sequence[Any]) -> None:
        self.numbers = {id(root): number for number, root in enumerate(roots)}
        self.seen: set[int] = set()
        self.open: set[int] = set()

    def number(self, obj: Any) -> int | None:
        number = self.numbers.get(id(obj))
        if number is not None:
            self.seen.add(number)
        return number

    def read(self, value: Any, depth: int) -> tuple[Any, ...]:
        kind = type(value)
        found = _ATOM_SHAPES.get(kind)
        if found is not None:
            return found
        if kind is FunctionType or is_class(value) or is_module(value):
            number = self.number(value)
            return _UNKNOWN if number is None else ("code", number)
        if depth == 0 or id(value) in self.open:
            return _UNKNOWN
        self.open.add(id(value))
        try:
            return self._read_inside(value, kind, depth - 1)
        finally:
            self.open.discard(id(value))

    def _read_inside(self, value: Any, kind: type, depth: int) -> tuple[Any, ...]:
        if kind is tuple and len(value) <= _SLOTS:
            return ("tuple", tuple([self.read(item, depth) for item in value]))
        if kind in (list, tuple, set, frozenset):
            name = "list" if kind in (list, tuple) else "set"
            if kind is list and len(value) <= _SLOTS:
                slots = tuple([(("item", i), self.read(v, depth)) for i, v in enumerate(value)])
                return (name, slots, ())
            return (name, (), ((), self._kinds(value, depth)))
        if kind is dict:
            return self._read_dict(value, depth)
        number = self.number(kind)
        if number is None:
            return ("any", (), kind.__qualname__)
        items: tuple[Any, ...] = ()
        if issubclass(kind, list | tuple | set | frozenset):
            items = self._kinds(_plain_items(value), depth)
        return ("object", number, self._fields(value, depth), items)

    def _read_dict(self, value: dict[Any, Any], depth: int) -> tuple[Any, ...]:
        if len(value) <= _SLOTS and all(type(key) is str for key in value):
            slots = tuple([(("item", key), self.read(item, depth)) for key, item in value.items()])
            return ("dict", slots, ((("atom", str),), ()))
        return ("dict", (), (self._kinds(value, depth), self._kinds(value.values(), depth)))

    def _kinds(self, items: Any, depth: int) -> tuple[Any, ...]:
        """The distinct shapes among *items*, the first ones; instances of one class once."""
        found: dict[Any, None] = {}
        types: set[Any] = set()
        for item in items:
            kind = type(item)
            if kind in types:
                continue
            found[self.read(item, depth)] = None
            if kind in ATOMS or id(kind) in self.numbers:
                types.add(kind)
            if len(found) > _KINDS:
                return (*list(found)[:_KINDS], _UNKNOWN)
        return tuple(found)

    def _fields(self, value: Any, depth: int) -> tuple[Any, ...]:
        held = instance_dict(value) or {}
        fields = [(name, self.read(held[name], depth)) for name in sorted(held)[:32]]
        for cls in mro(type(value)):
            for name, slot in namespace(cls).items():
                if type(slot) is MemberDescriptorType:
                    try:
                        fields.append((name, self.read(slot.__get__(value), depth)))
                    except AttributeError:
                        continue
        return tuple(fields)


def _plain_items(value: Any) -> Any:
    base = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
    return base.__iter__(value)
