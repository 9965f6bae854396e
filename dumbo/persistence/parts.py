"""Results in parts: what is large in a dict, list, tuple, named tuple or dataclass lies by itself.

A part is stored once under the digest of what was written of it, whoever stores it, and can be
loaded alone. What is left is the *frame*: a value of the same shape, with a mark where a part
goes. An entry in parts is

    count u32 | count times: digest 16, size u64 | zeros up to 64 | the frame | its codec u16

What holds something large among other things is taken apart in turn: there is a frame in the frame.

Children that share memory, or an object that can be told apart from an equal one, stay
together as one part, so that they come back as they were; what shares with the small rest stays
in the frame. Where it cannot be seen what shares with what, the result is stored whole; and so it
is where a child holds a key of its dict, or where functions or classes are stored as code.

Knows values and how they hang together; must not know files, rows or keys.
"""

from __future__ import annotations

import gc
import struct
import sys
from collections import namedtuple
from types import FunctionType, ModuleType

from dumbo.persistence.fidelity import is_named, is_of_arrow, is_plain_array, stands_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


LARGE = 1 << 17  # bytes, from which on a child is a part
_CHILDREN = 1024  # a result with more of them is stored whole
_DEEP = 8  # frames in frames
_MANY = 64  # large things in one place; more of them stay together
_SEEN = 256  # children in which something large is looked for, beside those of the result itself
_LOOKED_AT = 200_000  # containers that are looked into, of one result

_COUNT = struct.Struct(">I")
_UNIT = struct.Struct(">16sQ")
_CODEC = struct.Struct(">H")
_ALIGN = 64

_ATOMS = frozenset({int, float, complex, bool, type(None)})
_TEXTS = frozenset({str, bytes})
_LONG = 1024  # characters or bytes: shorter ones are told apart by nobody
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
# Types that hold no memory of others, or show the collector what they hold.
_OPEN = frozenset(
    [
        *("builtins", "collections", "datetime", "decimal", "fractions", "pathlib", "re", "uuid"),
        *("numpy", "pandas", "array", "zoneinfo", "enum", "ipaddress"),
    ]
)


class Part:
    """A mark in a frame: part *unit*, or its child *place* if the part is several children."""

    __slots__ = ("place", "unit")

    def __init__(self, unit: int, place: int | None) -> None:
        self.unit = unit
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Part, (self.unit, self.place)


class Frame:
    """A result without its parts.

    Attributes:
        kind: how it is put together: ``"dict"``, ``"list"``, ``"tuple"``, ``"named"``, ``"data"``.
        cls: the class of a named tuple or dataclass, else None.
        names: of its children: keys, places or fields.
        children: the children, or marks or frames in place of them.
    """

    __slots__ = ("children", "cls", "kind", "names")

    def __init__(self, kind: str, cls: Any, names: list[Any], children: list[Any]) -> None:
        self.kind = kind
        self.cls = cls
        self.names = names
        self.children = children

    def __reduce__(self) -> tuple[Any, ...]:
        return Frame, (self.kind, self.cls, self.names, self.children)

    def child(self, path: tuple[object, ...], load: Callable[[int], Any]) -> Any:
        """Return a child, or a child of a child, loading no other part.

        Raises:
            KeyError: if there is none of that name.
        """
        name, *inner = path
        for known, child in zip(self.names, self.children, strict=True):
            if known == name and type(known) is type(name):
                if not inner:
                    return child.whole(load) if type(child) is Frame else _filled(child, load)
                below = child if type(child) is Frame else take_apart(_filled(child, load))
                if below is None:
                    break
                return below.child(tuple(inner), load)
        raise KeyError(name)

    def units(self) -> set[int]:
        """Return the numbers of its parts."""
        found: set[int] = set()
        for child in self.children:
            if type(child) is Part:
                found.add(child.unit)
            elif type(child) is Frame:
                found |= child.units()
        return found

    def whole(self, load: Callable[[int], Any]) -> Any:
        """Return the result, all parts in their places."""
        loaded: dict[int, Any] = {}

        def once(unit: int) -> Any:
            if unit not in loaded:
                loaded[unit] = load(unit)
            return loaded[unit]

        return self.filled(lambda part, path: _filled(part, once))

    def filled(
        self, fill: Callable[[Part, tuple[Any, ...]], Any], path: tuple[Any, ...] = ()
    ) -> Any:
        """Return the result with what *fill* makes of each mark and the names that lead there."""
        children: list[Any] = []
        for name, child in zip(self.names, self.children, strict=True):
            if type(child) is Part:
                child = fill(child, (*path, name))
            elif type(child) is Frame:
                child = child.filled(fill, (*path, name))
            children.append(child)
        if self.kind == "dict":
            return dict(zip(self.names, children, strict=True))
        if self.kind == "list":
            return children
        if self.kind == "tuple":
            return tuple(children)
        if self.kind == "named":
            return self.cls.__new__(self.cls, *children)  # as pickle would
        made = object.__new__(self.cls)
        made.__dict__.update(zip(self.names, children, strict=True))
        return made


def _filled(child: Any, load: Callable[[int], Any]) -> Any:
    if type(child) is not Part:
        return child
    value = load(child.unit)
    return value if child.place is None else value[child.place]


def split(value: object) -> tuple[Frame, list[object]] | None:
    """Return the frame of *value* and its parts; None if it is stored whole."""
    units: list[object] = []
    frame = _divided(value, units, [_LOOKED_AT], _DEEP)
    return None if frame is None else (frame, units)


def _divided(value: Any, units: list[object], budget: list[int], depth: int) -> Frame | None:
    """Return the frame of *value*, whose parts are put to the *units*; None if it has none."""
    if type(value) in (dict, list, tuple) and len(value) > _CHILDREN:
        return None  # before it is copied
    taken = take_apart(value)
    if taken is None or len(taken.children) > _CHILDREN:
        return None
    children = taken.children
    large = {place for place, child in enumerate(children) if _may_be_part(child)}
    left = [_SEEN]
    deep = {p for p, child in enumerate(children) if depth and _holds_large(child, left, depth)}
    groups = _groups(value, taken, budget) if large or deep else None
    if groups is None:
        return None
    found = False
    for group in groups:
        if len(group) == 1 and group[0] in deep:  # nothing else refers to it
            inner = _divided(children[group[0]], units, budget, depth - 1)
            if inner is not None:
                children[group[0]] = inner
                found = True
                continue
        if large.issuperset(group):  # else something in it is small, or of a class of the user's
            _mark(children, group, units)
            found = True
    return taken if found else None


def _mark(children: list[Any], group: list[int], units: list[object]) -> None:
    """Make one part of the children of *group*."""
    number = len(units)
    if len({id(children[place]) for place in group}) == 1:
        units.append(children[group[0]])
        marks = [Part(number, None)] * len(group)
    else:
        units.append(tuple([children[place] for place in group]))
        marks = [Part(number, place) for place in range(len(group))]
    for place, mark in zip(group, marks, strict=True):
        children[place] = mark


def _holds_large(value: Any, left: list[int], depth: int) -> bool:
    """Whether some things in *value*, but not many, are large."""
    kind = type(value)
    if kind in _ATOMS or kind in _TEXTS:
        return False
    if kind is dict or kind is list or kind is tuple:
        children: Any = _children(value)
    elif "__dataclass_fields__" in kind.__dict__ or "_fields" in kind.__dict__:
        taken = take_apart(value)
        children = taken.children if taken is not None else ()
    else:
        return False
    left[0] -= len(children)
    if left[0] < 0:
        return False
    large = sum([_may_be_part(child) for child in children])
    if large:
        return bool(large <= _MANY)
    return depth > 1 and any(_holds_large(child, left, depth - 1) for child in children)


def take_apart(value: Any) -> Frame | None:
    kind = type(value)
    if kind is dict:
        return Frame("dict", None, list(value), list(value.values()))
    if kind is list or kind is tuple:
        return Frame(kind.__name__, None, list(range(len(value))), list(value))
    if issubclass(kind, tuple):
        fields: Any = getattr(kind, "_fields", None)
        named = type(fields) is tuple and len(fields) == len(value) and kind.__base__ is tuple
        if named and not hasattr(value, "__dict__") and _is_as_generated(kind):
            return Frame("named", kind, list(fields), list(value))
        return None
    if "__dataclass_fields__" in kind.__dict__ and _pickles_plainly(kind):
        if kind.__dictoffset__ and not any("__slots__" in base.__dict__ for base in kind.__mro__):
            held = object.__getattribute__(value, "__dict__")
            return Frame("data", kind, list(held), list(held.values()))
    return None


def _pickles_plainly(kind: type, *known: str) -> bool:
    """Whether instances are pickled as `object` does it, so that fields are all there is."""
    own = {name for base in kind.__mro__[:-1] if base is not tuple for name in base.__dict__}
    copyreg = sys.modules.get("copyreg")
    if copyreg is not None and kind in copyreg.dispatch_table:
        return False
    return own.isdisjoint(_SAYS.difference(known)) and type(kind) is type


def _is_as_generated(kind: type) -> bool:
    """Whether a named tuple is made of its fields, and says so, as `namedtuple` has written it."""
    new = getattr(kind.__dict__.get("__new__"), "__func__", None)
    arguments = kind.__dict__.get("__getnewargs__")
    if type(new) is not FunctionType or type(arguments) is not FunctionType:
        return False
    if not str(new.__globals__.get("__name__")).startswith("namedtuple_"):
        return False
    return arguments.__code__ is _ARGUMENTS and _pickles_plainly(kind, "__getnewargs__")


_ARGUMENTS = namedtuple("_", "").__getnewargs__.__code__  # type: ignore[attr-defined]  # noqa: PYI024
_SAYS = frozenset(
    [
        *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__"),
        *("__getnewargs_ex__", "__getattribute__"),
    ]
)


def _may_be_part(value: Any) -> bool:
    """Whether *value* is large, and of a type whose sharing can be seen."""
    kind = type(value)
    if kind is str or kind is bytes:
        return len(value) >= LARGE
    if kind in _CONTAINERS:
        return _is_large_inside(value)
    if is_plain_array(value):
        return bool(value.nbytes >= LARGE)
    pandas = sys.modules.get("pandas")
    if pandas is not None and kind in (pandas.DataFrame, pandas.Series):
        usage = value.memory_usage(index=True, deep=False)
        return int(usage if kind is pandas.Series else usage.sum()) >= LARGE
    if is_of_arrow(kind):
        from dumbo.persistence import arrow  # few values take it

        return arrow.is_large(value, LARGE)
    return False


def _is_large_inside(value: Any) -> bool:
    size = 16 * len(value)
    for child in _children(value) if len(value) <= _CHILDREN else ():
        if size >= LARGE:
            break
        if type(child) in _TEXTS or type(child) in _CONTAINERS:
            size += len(child)
        elif is_plain_array(child):
            size += child.nbytes
    return size >= LARGE


def _children(value: Any) -> Iterable[Any]:
    return value.values() if type(value) is dict else value


# What hangs together


def _groups(value: object, taken: Frame, budget: list[int]) -> list[list[int]] | None:
    """Return which children share something, each with itself at least; None if that is unclear.

    Or if one of them leads back to *value*, or to a key of it, which stays in the frame: then it
    cannot be taken apart.
    """
    keys = _reached_by_keys(taken, budget)
    if keys is None:
        return None
    children = taken.children
    leader = list(range(len(children)))

    def top(place: int) -> int:
        while leader[place] != place:
            place = leader[place]
        return place

    first: dict[object, int] = {}
    spans: list[tuple[Any, Any, int]] = []
    for place, child in enumerate(children):
        reached = _reached(child, budget)
        if reached is None or id(value) in reached or not keys.isdisjoint(reached):
            return None
        for thing in reached:
            if type(thing) is tuple and thing[0] == "span":
                spans.append((thing[1], thing[2], place))
            other = first.setdefault(thing, place)
            if other != place:
                leader[top(place)] = top(other)
    spans.sort()
    end, last = -1, 0
    for low, high, place in spans:
        if low < end:
            leader[top(place)] = top(last)
        if high > end:
            end, last = high, place
    groups: dict[int, list[int]] = {}
    for place in range(len(children)):
        groups.setdefault(top(place), []).append(place)
    return list(groups.values())


def _reached_by_keys(taken: Frame, budget: list[int]) -> set[object] | None:
    """Return what can be told apart of the keys of a dict; None if that is unclear."""
    if taken.kind != "dict":
        return set()
    keys = [name for name in taken.names if type(name) not in _ATOMS and type(name) not in _TEXTS]
    return _reached(keys, budget) if keys else set()


def _reached(value: object, budget: list[int]) -> set[object] | None:
    """Return what can be told apart, of all that hangs on *value*; None if that is unclear."""
    found: set[object] = set()
    named: set[int] = set()
    todo = [value]
    while todo:
        thing = todo.pop()
        kind = type(thing)
        if kind in _ATOMS or (kind in _TEXTS and len(thing) < _LONG):  # type: ignore[arg-type]
            continue
        if id(thing) in found or id(thing) in named:
            continue
        if issubclass(type(thing), (type, FunctionType, ModuleType)):
            if not is_named(thing):
                return None  # stored as code, with all that this holds
            named.add(id(thing))  # the same for all
            continue
        budget[0] -= 1
        if budget[0] < 0:
            return None
        if kind in _TEXTS:
            found.add(id(thing))
            continue
        if _is_array(thing):
            found.add(id(thing))
            for array in (thing, getattr(thing, "_mask", None)):
                if _is_array(array):
                    found.add(_memory(array))
            if thing.dtype.hasobject:  # type: ignore[attr-defined]
                todo += thing.ravel().tolist()  # type: ignore[attr-defined]
            continue
        library = _library(kind)
        if library in _ARROW:
            found.add(id(thing))
            continue
        if kind.__name__ in ("void", "record") and library == "numpy":
            found.add(id(thing))
            if _is_array(getattr(thing, "base", None)):  # it is a row of that
                found.add(_memory(thing.base))  # type: ignore[attr-defined]
            continue
        if not gc.is_tracked(thing) and kind not in _CONTAINERS:
            if library not in _OPEN:
                return None  # a type in C that may hold anything
            if kind.__name__ in _CHANGING:
                found.add(id(thing))
                numpy = sys.modules.get("numpy")
                if numpy is not None and kind.__name__ in ("bytearray", "array") and thing:
                    found.add(_memory(numpy.frombuffer(thing, "u1")))
            continue
        found.add(id(thing))
        if library in _HIDING or stands_in(kind):
            return None
        inner = gc.get_referents(thing)
        if kind in _CONTAINERS:
            inner = [x for x in inner if type(x) not in _ATOMS]
        todo += inner
    return found


_CHANGING = frozenset({"bytearray", "array", "deque", "BytesIO", "Random"})
# Libraries whose objects hold memory that the collector does not see.
_HIDING = frozenset({"torch", "tensorflow", "jax", "jaxlib", "cupy"})
# Libraries whose memory is never written to in place, so that nobody can tell whether it is shared.
_ARROW = frozenset({"pyarrow", "polars"})


def _memory(array: Any) -> tuple[object, ...]:
    """Return what tells the memory of an array: whose it is, or where it lies in a buffer."""
    from dumbo.persistence import overlaps  # few results hold arrays

    owner = overlaps.memory_of(array)
    if _is_array(owner):
        return "memory", id(owner)
    return ("span", *overlaps.bounds(array))


def _library(kind: type) -> str:
    module = kind.__module__
    return module.partition(".")[0] if isinstance(module, str) else ""


def _is_array(value: object) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)


# Bytes


def head(units: list[tuple[bytes, int]]) -> bytes:
    """Return what stands before the frame: digests and sizes of the parts, aligned."""
    table = b"".join([_COUNT.pack(len(units)), *[_UNIT.pack(*unit) for unit in units]])
    return table + bytes(-len(table) % _ALIGN)


def span_of(head: bytes) -> int:
    """Return how many bytes the digests and sizes take, by the first of them."""
    (count,) = _COUNT.unpack_from(head)
    return int(_COUNT.size + count * _UNIT.size)


def units_of(payload: Any) -> list[tuple[bytes, int]]:
    """Return digests and sizes of the parts of an entry."""
    view = memoryview(payload)
    (count,) = _COUNT.unpack_from(view)
    return list(_UNIT.iter_unpack(view[_COUNT.size : _COUNT.size + count * _UNIT.size]))


def frame_of(payload: Any) -> tuple[int, Any]:
    """Return codec and bytes of the frame of an entry."""
    (count,) = _COUNT.unpack_from(payload)
    start = _COUNT.size + count * _UNIT.size
    start += -start % _ALIGN
    (codec,) = _CODEC.unpack_from(payload, len(payload) - _CODEC.size)
    return codec, payload[start : len(payload) - _CODEC.size]


def tail(codec: int) -> bytes:
    """Return what stands behind the frame."""
    return _CODEC.pack(codec)
