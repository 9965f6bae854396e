"""The types of arguments as far as a closure may depend on them.

    ("atom", type)                           a builtin scalar
    ("code", n)                              a function, class or module: code root n
    ("object", n, fields, items)             an instance whose class is code root n; of a dict,
                                             its keys behind its items
    ("tuple", items)                         a short tuple
    ("list" | "set" | "dict", slots, rest)   a container: by key, and the shapes of all else
    ("generator", n, fields)                 what code root n makes of these arguments
    ("bound", function, receiver)            a bound method
    ("partial", function, items, slots)      functools.partial
    ("default", dict, factory)               a defaultdict
    ("up", n)                                what stands n levels above, again: a cycle
    ("kind", n, m, name)                     an instance of code root n that lies deep, in field
                                             *name* of one of m: not told from others there.
    ("kinds", rows, only)                    behind the arguments: what the fields of any of those
                                             may be, ((n, m, name), fields, items), and keys;
                                             and the classes that have only one instance
    ("any", roots, type name)                anything else, with the code roots that are left
    ("unknown",)

A shape is hashable and made of types and numbers of code roots only: equal
shapes have equal closures. A list of a million numbers is two shapes deep.

Knows the layout of values; must not know the analysis.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque
from functools import lru_cache, partial
from types import FunctionType, MemberDescriptorType, MethodType

from dumbo.tracing.enclosed import code_in
from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.layout import CONTAINERS, is_leaf, items_of, slots_of
from dumbo.tracing.lookup import (
    instance_dict,
    is_class,
    is_module,
    mro,
    namespace,
    qualname_of,
)
from dumbo.tracing.opened import Opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Shape = tuple[Any, ...]  # of the forms in the table above

_UNKNOWN = ("unknown",)
_ATOM_SHAPES = {kind: ("atom", kind) for kind in ATOMS}
_DEPTH = 4
_NAMED = ((("atom", str),), ())  # the rest of a dict of which all keys are known
_KINDS = 8  # different shapes of items in one container
_SLOTS = 16  # keys with a shape of their own
_FIELDS = 256  # of one object
_LOOKED_INTO = 256  # items of one container that hold more than atoms
_NESTED = -3  # the depth at which containers within containers are no longer looked into
_DEEP = 5_000  # instances that lie deep
_SHAPES = 64  # of one field of those, and in one container where less is told


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
    kinds = reader.read_deep()
    # Where something was not looked into, any of the code may lie in it.
    inside = reader.read_closed()
    left = tuple(
        n
        for n, root in enumerate(roots)
        if n not in reader.seen or n in inside or (reader.cut and is_class(root))
    )
    if left:
        shapes.append(("any", left, "a value that is not looked into"))
    if kinds:
        shapes.append(("kinds", kinds, reader.only()))
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
    return ("any", (), qualname_of(kind))


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
        self.closed: dict[int, Any] = {}  # values of types that are not looked into, by id
        self.flat = False  # places in a container are not told apart
        self.open: list[int] = []  # ids of what is being read, the outermost first
        self.within: tuple[int, str] = (-1, "")  # the class and field that are being read
        # Instances that lie deep, and in which field, in the order in which they were met.
        self.deep: list[tuple[Any, tuple[int, str]]] = []
        self.met: set[Any] = set()  # their ids; and of those with plain fields, what these are
        self.instances: dict[int, set[int]] = {}  # of each class, by id
        self.bare: dict[int, bool] = {}  # whether its instances hold nothing beside their dict

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
        if kind is FunctionType or kind is _Cached or is_class(value) or is_module(value):
            number = self.number(value)
            if kind is FunctionType or kind is _Cached:
                self._pass_by(value)
            return _UNKNOWN if number is None else ("code", number)
        if id(value) in self.open:
            return ("up", len(self.open) - self.open.index(id(value)))
        if depth <= 0:
            if _holds_atoms(value, kind):
                return _plain(value)
            number = self.number(kind)
            if number is not None:
                self._meet(value, kind, number)
                return ("kind", number, *self.within)
            if depth <= _NESTED:
                self.cut = self.cut or not is_leaf(value, kind)
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
        if kind is MethodType:
            function = self.read(value.__func__, depth)
            return ("bound", function, self.read(value.__self__, depth))
        if kind is partial:
            given = tuple([self.read(item, depth) for item in value.args])
            named = [(name, self.read(item, depth)) for name, item in value.keywords.items()]
            return ("partial", self.read(value.func, depth), given, tuple(named))
        if kind is defaultdict:
            held = self._read_dict(value, depth)
            return ("default", held, self.read(value.default_factory, depth))
        # By identity, here and below: a metaclass may take itself for any type.
        if any(kind is one for one in (list, tuple, set, frozenset, deque)):
            name = "set" if kind is set or kind is frozenset else "list"
            if kind is list and len(value) <= _SLOTS and depth >= 0 and not self.flat:
                slots = tuple([(("item", i), self.read(v, depth)) for i, v in enumerate(value)])
                return (name, slots, ())
            kinds = self._kinds(value, depth)
            if name == "set":  # whose order differs among processes
                kinds = tuple(sorted(kinds, key=repr))
            return (name, (), ((), kinds))
        if kind is dict or kind is OrderedDict or kind is Counter:
            return self._read_dict(value, depth)
        number = self.number(kind)
        if number is None:
            if not is_leaf(value, kind):
                self.closed[id(value)] = value
            return ("any", (), qualname_of(kind))
        self.instances.setdefault(number, set()).add(id(value))
        fields = self._fields(value, depth, number)
        held = [self._kinds(part, depth) for part in items_of(value)]
        return ("object", number, fields, *(held or [()]))

    def _meet(self, value: Any, kind: type, number: int) -> None:
        """Keep an instance that lies deep, to be looked into when all else is done."""
        self.instances.setdefault(number, set()).add(id(value))
        mark = self._alike(value, kind) or id(value)
        if (mark, self.within) not in self.met:
            self.met.add((mark, self.within))
            self.deep.append((value, self.within))

    def read_deep(self) -> tuple[Any, ...]:
        """What instances that lie deep may hold, for all of one class in one field together."""
        kinds: dict[Any, tuple[dict[str, dict[Any, None]], list[dict[Any, None]]]] = {}
        self.flat = True
        for value, within in self.deep:  # which grows
            if len(self.deep) > _DEEP:
                self.cut = True
                break
            number = self.numbers[id(type(value))]
            held = items_of(value)
            fields, items = kinds.setdefault((number, *within), ({}, [{} for _ in held] or [{}]))
            for name, shape in self._fields(value, 0, number):
                fields.setdefault(name, {})[shape] = None
            for found, part in zip(items, held, strict=False):
                found.update(dict.fromkeys(self._kinds(part, 0)))
        return tuple(
            (
                key,
                tuple((name, self._some(fields[name])) for name in sorted(fields)),
                *map(self._some, items),
            )
            for key, (fields, items) in sorted(kinds.items())
        )

    def read_closed(self) -> set[int]:
        """The code roots in values of types that are not looked into, as far as that is known."""
        found: set[int] = set()
        for value in self.closed.values():
            code = None if self.cut else code_in(value, self.numbers)
            self.cut = self.cut or code is None  # all classes count in any case
            found.update(code or ())
        return found

    def only(self) -> tuple[int, ...]:
        """The classes of which one instance was met."""
        return tuple(sorted(n for n, ids in self.instances.items() if len(ids) == 1))

    def _some(self, shapes: dict[Any, None]) -> tuple[Any, ...]:
        """In an order that says nothing of the order in which they were met."""
        if len(shapes) > _SHAPES:
            self.cut = True
            return (_UNKNOWN,)
        return tuple(sorted(shapes, key=repr))

    def _pass_by(self, function: Callable[..., Any]) -> None:
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
        # Not by its own methods: it may be a subclass of the standard library's.
        named = depth >= 0 and not self.flat and all(type(key) is str for key in value)
        if len(value) <= _SLOTS and named:
            slots = tuple([(("item", key), self.read(item, depth)) for key, item in value.items()])
            return ("dict", slots, _NAMED)
        return ("dict", (), (self._kinds(value, depth), self._kinds(value.values(), depth)))

    def _kinds(self, items: Any, depth: int) -> tuple[Any, ...]:
        """The distinct shapes among *items*; instances of one class once."""
        found = self._distinct(items, depth)
        if found is None and not self.flat:
            # Less is told of each, and so more are the same.
            self.flat = True
            found = self._distinct(items, min(depth, 0))
            self.flat = False
        if found is None:
            self.cut = True
            return (_UNKNOWN,)
        return tuple(found)

    def _distinct(self, items: Any, depth: int) -> dict[Any, None] | None:
        """The same, or None if there are too many."""
        found: dict[Any, None] = {}
        types: set[Any] = set()
        left = _LOOKED_INTO
        for item in items:
            kind = type(item)
            known: Any = kind
            if kind not in ATOMS:
                known = self._alike(item, kind) if id(kind) in self.numbers else None
            if known in types:
                continue
            if known is None and depth > 0:
                left -= 1
            found[self.read(item, depth)] = None
            if len(found) > (_SHAPES if self.flat else _KINDS) or left < 0:
                return None
            if known is not None:
                types.add(known)
        return found

    def _alike(self, value: Any, kind: type) -> tuple[Any, ...] | None:
        """The same for instances of one shape, which have the same atoms in the same fields and
        hold nothing else; None if that is not plain to see."""
        if id(kind) not in self.bare:
            self.bare[id(kind)] = not _holds_more(kind)
        held = instance_dict(value) if self.bare[id(kind)] else None
        if held is None or not ATOMS.issuperset(map(type, held.values())):
            return None
        return (kind, *held, *map(type, held.values()))

    def _fields(self, value: Any, depth: int, number: int) -> tuple[Any, ...]:
        held = instance_dict(value) or {}
        self.cut = self.cut or len(held) > _FIELDS
        outer = self.within
        fields = []
        for name in sorted(held)[:_FIELDS]:
            self.within = (number, name)
            fields.append((name, self.read(held[name], depth)))
        for name, item in slots_of(value):
            self.within = (number, name)
            fields.append((name, self.read(item, depth)))
        self.within = outer
        return tuple(fields)


_Cached = type(lru_cache(lambda: None))  # a code root, as the function in it is


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


def _holds_more(kind: type) -> bool:
    """Whether instances of *kind* hold something beside their dict: items, or slots."""
    return any(
        any(base is one for one in CONTAINERS)
        or any(type(slot) is MemberDescriptorType for slot in namespace(base).values())
        for base in mro(kind)
    )
