"""The types of arguments as far as a closure may depend on them.

    ("atom", type)                           a builtin scalar
    ("code", n)                              a function, class or module: code root n
    ("object", n, fields, items)             an instance whose class is code root n
    ("tuple", items)                         a short tuple
    ("list" | "set" | "dict", slots, rest)   a container: by key, and the shapes of all else
    ("generator", n, fields)                 what code root n makes of these arguments
    ("up", n)                                what stands n levels above, again: a cycle
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
from dumbo.tracing.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Shape = tuple[Any, ...]  # of the forms in the table above

_UNKNOWN = ("unknown",)
_ATOM_SHAPES = {kind: ("atom", kind) for kind in ATOMS}
_DEPTH = 4
_NAMED = ((("atom", str),), ())  # the rest of a dict of which all keys are known
_KINDS = 8  # different shapes of items in one container
_SLOTS = 16  # keys with a shape of their own
_LOOKED_INTO = 256  # items of one container that hold more than atoms
_LEAVES = frozenset({"array", "datetime", "decimal", "fractions", "ipaddress", "pathlib", "uuid"})


def shape_of(values: Sequence[Any], roots: Sequence[Any], keywords: int = -1) -> tuple[Any, ...]:
    """The shape of each of *values*, whose code roots are *roots*.

    Parameters:
        keywords: which of them holds the keywords that the function takes as a dict: which
            ones there are counts, for they are written in the call.
    """
    if not roots:
        shapes = [_ATOM_SHAPES.get(type(value)) or _plain(value) for value in values]
        if keywords >= 0:
            shapes[keywords] = _plain_keywords(values[keywords])
        return tuple(shapes)
    reader = _Reader(roots)
    shapes = [reader.read(value, _DEPTH) for value in values]
    # Where something was not looked into, any of the code may lie in it.
    left = tuple(
        n for n, root in enumerate(roots) if n not in reader.seen or (reader.cut and is_class(root))
    )
    if left:
        shapes.append(("any", left, "a value that is not looked into"))
    return tuple(shapes)


def _plain(value: Any) -> tuple[Any, ...]:
    """No code in it: its type alone counts."""
    kind = type(value)
    if kind is list or kind is dict or kind is set:
        return (kind.__name__, (), ())
    if kind is frozenset:
        return ("set", (), ())
    if kind is tuple:
        return ("tuple", tuple([_ATOM_SHAPES.get(type(v)) or _plain(v) for v in value[:8]]))
    return ("any", (), kind.__qualname__)


def _plain_keywords(held: dict[str, Any]) -> tuple[Any, ...]:
    slots = [
        (("item", name), _ATOM_SHAPES.get(type(value)) or _plain(value))
        for name, value in held.items()
    ]
    return ("dict", tuple(slots[:_SLOTS]), _NAMED if len(slots) <= _SLOTS else ())


class _Reader:
    """Reads values, and remembers which code roots it has met."""

    def __init__(self, roots: Sequence[Any]) -> None:
        self.numbers = {id(root): number for number, root in enumerate(roots)}
        self.seen: set[int] = set()
        self.cut = False  # something was not looked into that may hold code
        self.open: list[int] = []  # ids of what is being read, the outermost first

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
            if kind is FunctionType:
                self._pass_by(value)
            return _UNKNOWN if number is None else ("code", number)
        if id(value) in self.open:
            return ("up", len(self.open) - self.open.index(id(value)))
        if depth == 0:
            if _holds_atoms(value, kind):
                return _plain(value)
            self.cut = self.cut or not _is_leaf(value, kind)
            return _UNKNOWN
        self.open.append(id(value))
        try:
            return self._read_inside(value, kind, depth - 1)
        finally:
            self.open.pop()

    def _read_inside(self, value: Any, kind: type, depth: int) -> tuple[Any, ...]:
        if kind is Opened:
            number = self.number(value.function)
            held = value.given.items()
            fields = tuple([(name, self.read(item, depth)) for name, item in held])
            return _UNKNOWN if number is None else ("generator", number, fields)
        if kind is tuple and len(value) <= _SLOTS:
            return ("tuple", tuple([self.read(item, depth) for item in value]))
        # By identity, here and below: a metaclass may take itself for any type.
        if kind is list or kind is tuple or kind is set or kind is frozenset:
            name = "list" if kind is list or kind is tuple else "set"
            if kind is list and len(value) <= _SLOTS:
                slots = tuple([(("item", i), self.read(v, depth)) for i, v in enumerate(value)])
                return (name, slots, ())
            return (name, (), ((), self._kinds(value, depth)))
        if kind is dict:
            return self._read_dict(value, depth)
        number = self.number(kind)
        if number is None:
            self.cut = self.cut or not _is_leaf(value, kind)
            return ("any", (), kind.__qualname__)
        items: tuple[Any, ...] = ()
        if issubclass(kind, list | tuple | set | frozenset):
            items = self._kinds(_plain_items(value), depth)
        return ("object", number, self._fields(value, depth), items)

    def _pass_by(self, function: FunctionType) -> None:
        """What a function holds is looked up where its code reads it: its code roots are met."""
        todo: list[Any] = [function]
        passed: set[int] = set()
        while todo and len(passed) < _LOOKED_INTO:
            value = todo.pop()
            if id(value) in passed or type(value) in ATOMS:
                continue
            passed.add(id(value))
            self.number(value)
            if type(value) is FunctionType:
                todo += _held_by(value)
            elif any(type(value) is kind for kind in (list, tuple, set, frozenset)):
                todo += value
            elif type(value) is dict:
                todo += value.values()
            elif not is_class(value) and not is_module(value):
                self.number(type(value))
                todo += (instance_dict(value) or {}).values()

    def _read_dict(self, value: dict[Any, Any], depth: int) -> tuple[Any, ...]:
        if len(value) <= _SLOTS and all(type(key) is str for key in value):
            slots = tuple([(("item", key), self.read(item, depth)) for key, item in value.items()])
            return ("dict", slots, _NAMED)
        return ("dict", (), (self._kinds(value, depth), self._kinds(value.values(), depth)))

    def _kinds(self, items: Any, depth: int) -> tuple[Any, ...]:
        """The distinct shapes among *items*, the first ones; instances of one class once."""
        found: dict[Any, None] = {}
        types: set[Any] = set()
        left = _LOOKED_INTO
        for item in items:
            kind = type(item)
            known: Any = kind
            if kind not in ATOMS:
                # Instances with the same atoms in the same fields have the same shape.
                held = instance_dict(item) if id(kind) in self.numbers else None
                known = (kind, *held, *map(type, held.values())) if held is not None else None
                if held is not None and not ATOMS.issuperset(map(type, held.values())):
                    known = None
            if known in types:
                continue
            if known is None:
                left -= 1
            if len(found) > _KINDS or left < 0:
                self.cut = True
                return (*list(found)[:_KINDS], _UNKNOWN)
            found[self.read(item, depth)] = None
            if known is not None:
                types.add(known)
        return tuple(found)

    def _fields(self, value: Any, depth: int) -> tuple[Any, ...]:
        held = instance_dict(value) or {}
        self.cut = self.cut or len(held) > 32
        fields = [(name, self.read(held[name], depth)) for name in sorted(held)[:32]]
        for cls in mro(type(value)):
            for name, slot in namespace(cls).items():
                if type(slot) is MemberDescriptorType:
                    try:
                        fields.append((name, self.read(slot.__get__(value), depth)))
                    except AttributeError:
                        continue
        return tuple(fields)


def _held_by(function: FunctionType) -> list[Any]:
    held = [*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()]
    held += function.__dict__.values()
    for cell in function.__closure__ or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:  # not set yet
            continue
    return held


def _holds_atoms(value: Any, kind: type) -> bool:
    """Whether a container holds nothing but atoms; not asked of large ones."""
    if kind not in (list, tuple, set, frozenset, dict) or len(value) > _LOOKED_INTO:
        return False
    return ATOMS.issuperset(map(type, value.values() if kind is dict else value)) and (
        kind is not dict or ATOMS.issuperset(map(type, value))
    )


def _is_leaf(value: Any, kind: type) -> bool:
    """Whether a value of a library's or builtin type surely holds no code."""
    home = kind.__module__.partition(".")[0]
    if home == "numpy":
        return not getattr(getattr(value, "dtype", None), "hasobject", True)
    if home == "builtins":
        return kind in (bytearray, range, slice, memoryview) or kind in ATOMS
    return home in _LEAVES


def _plain_items(value: Any) -> Any:
    base = next(kind for kind in (list, tuple, set, frozenset) if isinstance(value, kind))
    return base.__iter__(value)
