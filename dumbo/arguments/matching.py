"""A call of a function with matchers -> its key: each argument by what counts of it.

What a matcher leaves out must not come back by another way. So tracing sees, in place of an
argument that does not count by content, a *stand-in*: of the same type, with nothing in it.

Every digest here begins with the matcher's name, so that what counts in one way is never
taken for what counts in another.

Knows what each matcher reads of a value; must not know stores, files of results or tracing.
"""

from __future__ import annotations

import os
import sys
from array import array
from itertools import islice

import xxhash

from dumbo.arguments import matchers as by
from dumbo.arguments.hashing import digest_call
from dumbo.arguments.registry import (
    Node,
    Root,
    Token,
    belongs_to,
    derives,
    find,
    leaf,
    module_of,
    namespace_of,
    qualname_of,
)
from dumbo.errors import UnhashableArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from dumbo.arguments.files import Seen

    class Reads(Protocol):
        """What a function says that it reads."""

        def look(
            self,
        ) -> tuple[list[tuple[tuple[str, str, str], bytes]], list[Seen], list[Any]]: ...


__all__ = ["Matching", "Near", "Taken"]

_EXACT = 1 << 53  # integers up to here are floats without loss
_DEPTH = 100  # of containers that numbers are looked for in
_PARTS = 1 << 22  # of one argument that are looked at, one by one

_ATOMS = frozenset({int, float, complex, bool, str, bytes, type(None)})
_CONTAINERS = frozenset({list, tuple, dict, set, frozenset})
_NOTHING = range(0)  # of a type that tracing knows to hold no code


class Near:
    """Where to look for a stored call that is near to this one, and what it must be near to.

    Attributes:
        family: 16 bytes over all that has to be equal.
        numbers: those of this call.
        tolerances: for how many numbers each holds: count, rel, abs.
    """

    __slots__ = ("family", "numbers", "tolerances")

    def __init__(
        self,
        family: bytes,
        numbers: array[float],
        tolerances: tuple[tuple[int, float, float], ...],
    ) -> None:
        self.family = family
        self.numbers = numbers
        self.tolerances = tolerances


class Taken:
    """One call's arguments, as they count.

    Attributes:
        key: digest of their data.
        roots: code met in what counts.
        values: what tracing sees of them.
        near: set if a stored call near to this one would do.
        seen: files that were read for the key.
        inputs: files and variables in the key, with their digests: kind, name, how.
        settings: whether functions were asked for more.
        private: whether the key means something in this process only.
    """

    __slots__ = ("inputs", "key", "near", "private", "roots", "seen", "settings", "values")

    def __init__(self, values: tuple[object, ...]) -> None:
        self.key = b""
        self.roots: tuple[object, ...] = ()
        self.values = values
        self.near: Near | None = None
        self.seen: list[Seen] = []
        self.private = False
        self.inputs: list[tuple[tuple[str, str, str], bytes]] = []
        self.settings = False

    def changed(self) -> str:
        """Return the path of a file that changed since it was read for the key, or ""."""
        return next((seen.path for seen in self.seen if seen.changed()), "")


class Matching:
    """Takes the arguments of the calls of one function as its rules say.

    Args:
        names: the parameters that count, in order.
        said: parameter -> matcher, for those that do not count by content.
        reads: what the function reads besides; None: nothing that it says.
    """

    __slots__ = ("_names", "_plan", "_reads")

    def __init__(
        self, names: tuple[str, ...], said: dict[str, by.Matcher], reads: Reads | None = None
    ) -> None:
        self._names = names
        self._reads = reads
        self._plan = tuple((names.index(name), matcher) for name, matcher in said.items())

    def take(self, values: tuple[object, ...]) -> Taken:
        """Return the key of a call with these *values*.

        Raises:
            UnhashableArgument: if what counts of one cannot be had.
        """
        counted = list(values)
        shown = list(values)
        taken = Taken(values)
        numbers: array[float] = array("d")
        tolerances: list[tuple[int, float, float]] = []
        for place, matcher in self._plan:
            before = len(numbers)
            try:
                what, stand_in = _WAYS[type(matcher)](matcher, values[place], taken, numbers)
            except UnhashableArgument as error:
                raise UnhashableArgument(error.reason, self._names[place] + error.path) from error
            counted[place] = Node(matcher.word.encode(), (_said(matcher), what))
            shown[place] = stand_in
            if isinstance(matcher, by.approx):
                tolerances.append((len(numbers) - before, matcher.rel, matcher.abs))
        names = self._names
        if self._reads is not None:
            taken.inputs, seen, settings = self._reads.look()
            taken.seen += seen
            taken.settings = bool(settings)
            states = [(*one, digest) for one, digest in taken.inputs]
            counted.append(Node(b"reads", (states, *settings)))
            names = (*names, "reads")
        taken.inputs += [(("file", one.path, one.how), one.digest) for one in taken.seen]
        taken.key, taken.roots = digest_call(tuple(counted), names)
        taken.values = tuple(shown)
        if tolerances:
            taken.near = Near(taken.key, numbers, tuple(tolerances))
            taken.key = xxhash.xxh3_128_digest(taken.key + xxhash.xxh3_128_digest(numbers))
        return taken


def _said(matcher: by.Matcher) -> object:
    """Return what was said in the brackets, as far as it is data."""
    if isinstance(matcher, by.value):
        return matcher.function  # as code
    return [getattr(matcher, name) for name in matcher.__slots__]


def _value(
    matcher: by.value, value: object, taken: Taken, numbers: object
) -> tuple[object, object]:
    try:
        found = matcher.function(value)
    except Exception as error:  # the user's function
        raise UnhashableArgument(
            f"{matcher.word} failed: {type(error).__name__}: {error}"
        ) from error
    return Node(b"value", (found, *_roots_of(value))), _code_of(value)


def _version(
    matcher: by.version, value: object, taken: Taken, numbers: object
) -> tuple[object, object]:
    found: Any = value
    try:
        for name in matcher.attribute.split("."):
            found = getattr(found, name)
    except Exception as error:  # a property of the user's
        raise UnhashableArgument(
            f"{matcher!r} cannot be read: {type(error).__name__}: {error}"
        ) from error
    return Node(b"version", (_type_of(value), found)), _stand_in(value)


def _identity(
    matcher: by.identity, value: object, taken: Taken, numbers: object
) -> tuple[object, object]:
    taken.private = True
    return Node(b"identity", (_type_of(value), _serial(value))), _code_of(value)


# Files


def _file(matcher: by.file, value: Any, taken: Taken, numbers: object) -> tuple[object, object]:
    from dumbo.arguments.files import see  # only for functions that take files

    if value is None:
        return None, _NOTHING
    several = type(value) in (list, tuple)
    digests: list[Token] = []
    for path in value if several else (value,):
        if not isinstance(path, (str, bytes, os.PathLike)):
            raise UnhashableArgument(f"{matcher.word} takes paths, not a {qualname_of(type(path))}")
        try:
            name = os.fspath(path)
        except Exception as error:  # __fspath__ of the user's
            raise UnhashableArgument(f"{matcher.word}: no path: {error}") from error
        seen = see(name, matcher.how)
        taken.seen.append(seen)
        digests.append(Token(leaf(b"file", seen.digest)))
    return Node(b"files", (several, *digests)), _NOTHING


# Numbers


class _Numbers:
    """Goes through an argument, and puts something in place of each number in it."""

    def __init__(self) -> None:
        self.left = _PARTS

    def number(self, value: Any) -> object:
        """Return what counts of an int, float, complex or numpy scalar."""
        raise NotImplementedError

    def array(self, value: Any) -> object:
        """Return what counts of a numpy array of numbers."""
        raise NotImplementedError

    def go(self, value: Any, depth: int = 0) -> object:
        kind = type(value)
        if kind is float or kind is int or kind is complex:
            return self.number(value)
        if kind is list or kind is tuple or kind is dict:
            self.left -= len(value)
            if depth > _DEPTH or self.left < 0:
                raise UnhashableArgument("too many numbers, or too deep, to look at each")
            name = qualname_of(kind).encode()
            if kind is dict:
                return Node(name, (list(value), *[self.go(v, depth + 1) for v in value.values()]))
            return Node(name, [self.go(item, depth + 1) for item in value])
        home = module_of(kind).partition(".")[0]
        if home == "numpy" and belongs_to(kind, "numpy"):
            return self._numpy(value)
        if home == "pandas" and belongs_to(kind, "pandas"):
            return self._pandas(value, qualname_of(kind))
        return value

    def _numpy(self, value: Any) -> object:
        numpy: Any = sys.modules["numpy"]
        if type(value) is numpy.ndarray and value.dtype.char in _CHARACTERS:
            return self.array(value)
        if isinstance(value, numpy.generic) and value.dtype.char in _CHARACTERS:
            return self.array(numpy.asarray(value))
        return value

    def _pandas(self, value: Any, name: str) -> object:
        if name == "DataFrame":
            columns = [self._column(value.iloc[:, at]) for at in range(value.shape[1])]
            return Node(b"frame", (value.columns, value.index, value.attrs, *columns))
        if name == "Series":
            return Node(b"series", (value.index, value.name, value.attrs, self._column(value)))
        return value

    def _column(self, series: Any) -> object:
        if getattr(series.dtype, "char", "") in _CHARACTERS:
            return self.array(series.to_numpy())
        return series.array


_CHARACTERS = frozenset("bBhHiIlLqQefdFD")  # numpy's integers, floats and complex numbers


class _Near(_Numbers):
    """Leaves the numbers out, and collects them."""

    def __init__(self, numbers: array[float]) -> None:
        super().__init__()
        self.numbers = numbers

    def number(self, value: Any) -> object:
        kind = type(value)
        if kind is complex:
            self.numbers.extend((value.real, value.imag))
        elif kind is int and abs(value) > _EXACT:
            return value
        else:
            self.numbers.append(value)
        return _NUMBER[kind]

    def array(self, value: Any) -> object:
        numpy: Any = sys.modules["numpy"]
        if value.dtype.kind in "iu" and value.size and value.dtype.itemsize == 8:
            if max(-int(value.min()), int(value.max())) > _EXACT:
                return value
        flat = numpy.ascontiguousarray(value).reshape(-1)
        if value.dtype.kind == "c":
            flat = flat.view(flat.real.dtype)
        self.numbers.frombytes(flat.astype("d", copy=False).view("u1"))
        return Node(b"numbers", (value.dtype, value.shape))


_NUMBER = {
    kind: Token(leaf(b"number", kind.__name__.encode())) for kind in (int, float, complex)
}  # fmt: skip


class _Rounded(_Numbers):
    """Rounds the numbers."""

    def __init__(self, digits: int) -> None:
        super().__init__()
        self.digits = digits

    def number(self, value: Any) -> object:
        if type(value) is complex:
            return complex(self._one(value.real), self._one(value.imag))
        return self._one(value)

    def _one(self, value: Any) -> Any:
        return round(value, self.digits) + 0  # -0.0 + 0 is 0.0

    def array(self, value: Any) -> object:
        numpy: Any = sys.modules["numpy"]
        if value.dtype.kind in "iu":
            return numpy.round(value, self.digits) if self.digits < 0 else value
        return numpy.round(value, self.digits) + value.dtype.type(0)


def _approx(
    matcher: by.approx, value: object, taken: Taken, numbers: array[float]
) -> tuple[object, object]:
    return _Near(numbers).go(value), value


def _rounded(
    matcher: by.rounded, value: object, taken: Taken, numbers: object
) -> tuple[object, object]:
    return _Rounded(matcher.digits).go(value), value


# Parts


def _sample(matcher: by.sample, value: Any, taken: Taken, numbers: object) -> tuple[object, object]:
    kind = type(value)
    if kind in (list, tuple, dict, str, bytes, bytearray):
        size = len(value)
        places = _spread(size, matcher.n)
        if kind is dict:
            items = _every(value.items(), places)
            return Node(b"dict", (size, items)), dict(items)
        items = [value[at] for at in places]
        shown = value if kind in (str, bytes, bytearray) else kind(items)
        return Node(qualname_of(kind).encode(), (size, items)), shown
    name = _library_name(kind)
    if name == "numpy.ndarray":
        places = _spread(value.size, matcher.n)
        return Node(b"array", (value.dtype, value.shape, value.flat[places])), _NOTHING
    if name in ("pandas.DataFrame", "pandas.Series"):
        places = _spread(len(value), matcher.n)
        return Node(b"rows", (value.shape, value.iloc[places])), _NOTHING
    if kind in _ATOMS:
        return value, value
    raise UnhashableArgument(
        f"{matcher.word} takes lists, tuples, dicts, text, arrays and frames, "
        f"not a {qualname_of(kind)}: say by.value(function)"
    )


def _spread(size: int, n: int) -> list[int]:
    if size <= n:
        return list(range(size))
    return [0] if n == 1 else [at * (size - 1) // (n - 1) for at in range(n)]


def _every(items: Any, places: list[int]) -> list[Any]:
    found: list[Any] = []
    iterator, at = iter(items), 0
    for place in places:
        found += islice(iterator, place - at, place - at + 1)
        at = place + 1
    return found


def _subset(matcher: by.subset, value: Any, taken: Taken, numbers: object) -> tuple[object, object]:
    kind = type(value)
    if derives(kind, dict):
        there = [key for key in matcher.columns if dict.__contains__(value, key)]
        items = [dict.__getitem__(value, key) for key in there]
        part = dict(zip(there, items, strict=True))
        return Node(b"items", (_type_of(value), there, *items)), part
    name = _library_name(kind)
    if name == "pandas.DataFrame":
        there = [key for key in matcher.columns if key in value.columns]
        columns = [value[key] for key in there]
        return Node(b"columns", (there, value.index, *columns)), value[there]
    if name == "polars.DataFrame":
        there = [key for key in matcher.columns if key in value.columns]
        return Node(b"columns", (there, value.select(there))), _NOTHING
    if name == "pyarrow.Table":
        there = [key for key in matcher.columns if key in value.column_names]
        return Node(b"columns", (there, value.select(there))), _NOTHING
    raise UnhashableArgument(f"{matcher.word} takes frames and dicts, not a {qualname_of(kind)}")


def _unordered(
    matcher: by.unordered, value: Any, taken: Taken, numbers: object
) -> tuple[object, object]:
    kind = type(value)
    name = qualname_of(kind).encode()
    if kind is list or kind is tuple:
        kinds = set(map(type, value))
        if len(kinds) == 1 and kinds <= {int, str, bytes}:
            return Node(name, (sorted(value),)), value
        return Node(name, (Node(b"bag", list(value), None, True),)), value
    if kind is dict:
        items = [Node(b"item", item) for item in value.items()]
        return Node(name, (Node(b"bag", items, None, True),)), value
    if _library_name(kind) == "numpy.ndarray" and value.ndim and not value.dtype.hasobject:
        rows = [Token(leaf(b"row", row.tobytes())) for row in value]
        return Node(b"array", (value.dtype, value.shape, Node(b"bag", rows, None, True))), value
    if kind in (set, frozenset):
        return value, value
    raise UnhashableArgument(
        f"{matcher.word} takes lists, tuples, dicts and arrays, not a {qualname_of(kind)}"
    )


def _shape(matcher: by.shape, value: Any, taken: Taken, numbers: object) -> tuple[object, object]:
    parts: list[object] = [_type_of(value)]
    kind = type(value)
    if kind in _CONTAINERS or kind in (str, bytes, bytearray):
        parts.append(len(value))
    elif _library_name(kind) == "pandas.DataFrame":
        parts += (value.shape, value.columns, list(value.dtypes))
    elif find(kind) is not None and hasattr(value, "shape"):
        parts += (tuple(value.shape), _dtype_of(value))
    return Node(b"shape", parts), _stand_in(value)


def _schema(matcher: by.schema, value: Any, taken: Taken, numbers: object) -> tuple[object, object]:
    return _schema_of(value, 0), _stand_in(value)


def _schema_of(value: Any, depth: int) -> object:
    kind = type(value)
    parts: list[object] = [_type_of(value)]
    if depth > _DEPTH:
        raise UnhashableArgument("too deep for a schema")
    if kind is dict:
        parts += (list(value), *[_schema_of(held, depth + 1) for held in value.values()])
    elif kind is tuple:
        parts += [_schema_of(held, depth + 1) for held in value]
    elif kind in _CONTAINERS:
        kinds = {id(type(item)): item for item in value}
        parts.append(Node(b"bag", [_type_of(item) for item in kinds.values()], None, True))
    elif _library_name(kind) == "pandas.DataFrame":
        index = value.index
        parts += (value.columns, list(value.dtypes), list(index.names), index.dtype)
    elif find(kind) is not None and hasattr(value, "dtype"):
        parts += (len(getattr(value, "shape", ())), _dtype_of(value))
    return Node(b"schema", parts)


# Types


def _dtype_of(value: Any) -> object:
    dtype = getattr(value, "dtype", None)
    return dtype if dtype is None or find(type(dtype)) is not None else str(dtype)


def _library_name(kind: type) -> str:
    """Return ``package.Name`` of a library's own type, else ""."""
    package = module_of(kind).partition(".")[0]
    known = package in _LIBRARIES and belongs_to(kind, package)
    return f"{package}.{qualname_of(kind)}" if known else ""


_LIBRARIES = frozenset({"numpy", "pandas", "polars", "pyarrow"})


def _type_of(value: object) -> object:
    """Return what stands for the type: a name if it has a hasher, a code root if it has none."""
    kind = type(value)
    if kind in _ATOMS or find(kind) is not None:
        package = module_of(kind).partition(".")[0]
        return Token(leaf(b"type", f"{package}.{qualname_of(kind)}".encode()))
    return Root(kind)


def _stand_in(value: Any) -> object:
    """Return something of the same type to show to tracing, with nothing in it."""
    kind = type(value)
    if kind in _ATOMS:
        return value
    if kind in _CONTAINERS:
        return kind()
    if find(kind) is not None or derives(kind, type):
        return _NOTHING
    if any("__del__" in namespace_of(base) for base in kind.__mro__):
        return value  # what it does at its end, a blank one would do too
    try:
        # Its class, without a field: `__init__` is not run, and nobody will see this one.
        return object.__new__(kind)
    except TypeError:  # a class in C
        return _NOTHING


def _roots_of(value: object) -> tuple[Root, ...]:
    kind = type(value)
    return () if kind in _ATOMS or find(kind) is not None else (Root(kind),)


def _code_of(value: object) -> object:
    """Return what shows tracing the class of *value*, if that is code, and nothing else."""
    kind = type(value)
    return _NOTHING if kind in _ATOMS or find(kind) is not None else _stand_in(value)


# Identity

_ids: dict[int, tuple[object, int]] = {}
_kept: dict[int, None] = {}  # ids of those that cannot be referred to weakly, oldest first
_KEPT = 256
_serials = iter(range(1 << 62))


def _serial(value: object) -> int:
    """Return the number of an object, which no other gets as long as this process lives."""
    from weakref import ref  # only for who says `by.identity`

    key = id(value)
    known = _ids.get(key)
    if known is not None:
        held = known[0]() if type(known[0]) is ref else known[0]
        if held is value:
            return known[1]
    number = next(_serials)
    try:
        _ids[key] = (ref(value, lambda gone: _forget(key, number)), number)
    except TypeError:
        _ids[key] = (value, number)
        _kept[key] = None
        if len(_kept) > _KEPT:
            oldest = next(iter(_kept))
            del _kept[oldest]
            _ids.pop(oldest, None)
    return number


def _forget(key: int, number: int) -> None:
    known = _ids.get(key)
    if known is not None and known[1] == number:
        del _ids[key]


_WAYS: dict[type, Callable[[Any, Any, Taken, array[float]], tuple[object, object]]] = {
    by.value: _value,
    by.version: _version,
    by.identity: _identity,
    by.file: _file,
    by.approx: _approx,
    by.rounded: _rounded,
    by.sample: _sample,
    by.subset: _subset,
    by.unordered: _unordered,
    by.shape: _shape,
    by.schema: _schema,
}
