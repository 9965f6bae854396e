"""What may be stored: only what comes back equal and of the same types.

Pickle takes much that it cannot give back: iterators with their position, exceptions
without their tracebacks, a bare `object()` that equals nothing but itself. It takes
user types on their own word. So a pickler is watched while it writes: it refuses what
lives only once, and it notes the types that it met. Those of the user's own are loaded
once on trial and compared.

Knows picklers and types; must not know where the bytes go.
"""

from __future__ import annotations

import sys
from _io import BytesIO, StringIO, _IOBase
from collections import deque
from itertools import islice
from types import FunctionType, ModuleType

try:  # The C half alone, as in `codecs`.
    from _pickle import PickleBuffer, Pickler
except ImportError:
    from pickle import PickleBuffer, Pickler

from dumbo.errors import UnstorableResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from dumbo.persistence.overlaps import Place

# Packages whose types pickle keeps exactly: their values are stored without a trial load.
_EXACT = frozenset(
    [
        *("builtins", "types", "operator", "functools", "copyreg", "re", "array"),
        *("collections", "_collections", "_io", "pathlib", "uuid", "zoneinfo", "datetime"),
        *("decimal", "_decimal", "_pydecimal", "fractions", "numpy", "pandas", "pyarrow"),
    ]
)
_SCATTERED = 1024  # bytes; smaller arrays go the way that numpy sends them
_SEARCHED = 10_000  # objects that are looked at to name the part which cannot be stored


class Watching(Pickler):
    """A pickler that refuses what lives only once, and notes which types it met.

    Attributes:
        seen: types of which one value tells all.
        last: the culprit, if pickling fails.
        fields: values which may lose fields of their own on the way, whatever their types say.
        arrays: those that it met.
        fixed: others, which are always written as they are.
        frames: the ids of arrays that lie in frames of pandas.
        places: of those that share memory, if that is known.
        views: plain arrays on the data of masked ones, which stand for it, by the id of these.
    """

    def __init__(self, file: Any, beside: Any, places: Any = None, views: Any = None) -> None:
        super().__init__(file, 5, buffer_callback=beside)
        self.seen: set[type] = set()
        self.last: object = None
        self.fields: list[Any] = []
        self.arrays: list[Any] = []
        self.fixed: list[Any] = []
        self.frames: set[int] = set()
        self.places: dict[int, Place] = places or {}
        self.views: dict[int, Any] = {} if views is None else views

    def reducer_override(self, obj: Any) -> Any:
        # The C pickler asks for each object that is no plain builtin, functions and
        # classes included, before it does anything with it.
        self.last = obj
        kind = type(obj)
        return NotImplemented if kind in self.seen else _meet(self, obj, kind)


def _meet(pickler: Any, obj: Any, kind: type) -> Any:
    """Judge the first object of a type, and each one where the type does not decide."""
    if kind.__name__ == "ndarray" and kind.__module__ == "numpy":
        return _met_array(pickler, obj)
    if kind.__module__ == "pyarrow.lib" and kind.__name__.endswith("Array"):
        from dumbo.persistence import arrow  # few values have any

        return arrow.reduced(obj)
    if issubclass(kind, BaseException):
        if obj.__traceback__ or obj.__cause__ or obj.__context__:
            raise UnstorableResult("an exception loses its traceback and its causes when stored")
        if not _is_plain_error(kind):
            pickler.fields.append(obj)  # and its arguments, if its class makes others of them
        elif obj.__suppress_context__:
            raise UnstorableResult(f"{a(kind)} in it loses or changes what it holds: `from None`")
        return NotImplemented
    reason = _lives_once(kind)
    if reason:
        raise UnstorableResult(reason)
    if _is_subclass_of_array(kind):
        if kind.__name__ in ("matrix", "recarray") and _is_exact(kind):
            return _met_array(pickler, obj)
        if _is_plainly_masked(obj, kind):
            return _reduce_masked(pickler, obj)
        if not _is_exact(kind):
            pickler.fields.append(obj)  # of which numpy pickles none
        pickler.fixed.append(obj)
        mask = getattr(obj, "_mask", None)
        if type(mask) is sys.modules["numpy"].ndarray:
            pickler.fixed.append(mask)
        return NotImplemented
    if kind.__name__ in ("void", "record") and _is_exact(kind) and hasattr(obj, "dtype"):
        if obj.base is None:
            return NotImplemented
        # A row of an array, by which that can be written to.
        if not obj.dtype.hasobject:
            pickler.fixed.append(sys.modules["numpy"].frombuffer(obj, "u1"))
            return NotImplemented
        how, (dtype, content) = obj.__reduce__()  # an array on the memory of the row alone
        pickler.fixed.append(content)
        return how, (dtype, content.copy())
    if kind.__module__ == _FRAMES:
        pickler.frames.update(map(id, _arrays_of_frame(obj)))
        return NotImplemented
    for base in kind.__mro__:
        if "_dumbo_reduce" in base.__dict__:  # a memoized function
            return obj._dumbo_reduce()
    if issubclass(kind, ModuleType) and sys.modules.get(obj.__name__) is not obj:
        raise UnstorableResult("a module that cannot be imported by its name")
    pickler.seen.add(kind)
    return NotImplemented


def _is_plain_error(kind: type) -> bool:
    """Whether *kind* is an exception of Python's own that is its arguments and no more."""
    return not kind.__flags__ & _HEAP and kind.__basicsize__ == BaseException.__basicsize__


_HEAP = 1 << 9  # of types that somebody's code has made, or that come with extensions


def _lives_once(kind: type) -> str:
    """Say why no value of type *kind* can be stored; empty if some can."""
    if kind is object:
        return "a bare object() equals nothing but itself, so a copy would be another value"
    if kind is BytesIO or kind is StringIO:
        return ""
    if issubclass(kind, _IOBase):
        return f"an open file ({kind.__qualname__}) cannot be stored"
    if any("__next__" in base.__dict__ for base in kind.__mro__):
        return f"an iterator ({kind.__qualname__}) can be read only once: return a list instead"
    if kind.__name__ == "memmap" and kind.__module__ == "numpy":
        return "an array that is mapped to a file of its own"
    return ""


def refuse_whole(value: object) -> None:
    """Refuse, with a better word than pickle has, what is never a stored result.

    Raises:
        UnstorableResult: for exceptions, modules, coroutines, and what lives only once.
    """
    kind = type(value)
    if issubclass(kind, BaseException):
        raise UnstorableResult("an exception loses its traceback and its causes when stored")
    if issubclass(kind, ModuleType):
        raise UnstorableResult("a module cannot be stored")
    if kind.__name__ in ("coroutine", "async_generator"):
        raise UnstorableResult(f"{a(kind)} can be awaited only once")
    reason = _lives_once(kind)
    if reason:
        raise UnstorableResult(reason)


# -- arrays --------------------------------------------------------------------------


def is_of_arrow(kind: type) -> bool:
    """Whether *kind* is of a library whose memory is laid out as Arrow has it."""
    module = kind.__module__
    return isinstance(module, str) and module.partition(".")[0] in ("pyarrow", "polars")


def _is_subclass_of_array(kind: type) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and issubclass(kind, getattr(numpy, "ndarray", ()))


def is_plain_array(value: object) -> bool:
    """Whether *value* is an ndarray, of no subclass, that its dtype's short name describes."""
    numpy = sys.modules.get("numpy")  # where it isn't loaded, nothing is an array
    if numpy is None or type(value) is not getattr(numpy, "ndarray", None):
        return False
    dtype = value.dtype  # type: ignore[attr-defined]
    if dtype.kind not in "biufcmMSU" or not dtype.itemsize or dtype.metadata is not None:
        return False
    plain = numpy.dtype(dtype.str)
    return bool(plain == dtype and type(plain) is type(dtype))


def _met_array(pickler: Any, array: Any) -> Any:
    place = pickler.places.get(id(array))
    if place is not None:
        dtype = array.dtype.str if is_plain_array(array) else array.dtype
        how = (dtype, array.shape, array.strides, array.flags.writeable)
        if type(array) is sys.modules["numpy"].ndarray:
            return restore_view, (place.span, place.offset, *how)
        return restore_view, (place.span, place.offset, *how, type(array))
    pickler.arrays.append(array)
    return _reduce_array(array) if is_plain_array(array) else NotImplemented


_FRAMES = "pandas.core.internals.managers"  # where the classes are that hold arrays of frames


def _arrays_of_frame(manager: Any) -> list[Any]:
    found = []
    for block in getattr(manager, "blocks", ()):
        values = getattr(block, "values", None)
        found.append(values)
        found += [getattr(values, name, None) for name in ("_ndarray", "_data", "_mask")]
    return [array for array in found if array is not None]


def _reduce_array(array: Any) -> Any:
    """Send through a buffer also what numpy would write into the stream, item by item."""
    flags = array.flags
    scattered = not (flags.c_contiguous or flags.f_contiguous)
    if array.nbytes < _SCATTERED or not (scattered or array.dtype.kind in "mM"):
        return NotImplemented
    order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    numpy = sys.modules["numpy"]
    whole = numpy.ascontiguousarray(array.T if order == "F" else array)  # copies the scattered
    flat = whole.reshape(-1)
    how = (array.dtype.str, array.shape, order, flags.writeable)
    return restore_array, (PickleBuffer(flat.view("u1")), *how)


def _is_plainly_masked(obj: Any, kind: type) -> bool:
    """Whether *obj* is a masked array of numpy's own, around a plain array."""
    if kind.__name__ != "MaskedArray" or not _is_exact(kind):
        return False
    return getattr(obj, "_baseclass", None) is sys.modules["numpy"].ndarray


def _reduce_masked(pickler: Any, array: Any) -> Any:
    """Send data and mask as arrays, which may share memory with others, and all other fields.

    By itself numpy sends the bytes of both, and leaves out whether the mask is hard.
    """
    # With the array, so that no other one gets its id.
    known = pickler.views.get(id(array))
    if known is None:
        plain = sys.modules["numpy"].ndarray
        known = pickler.views[id(array)] = (array, plain.view(array, plain))
    return restore_masked, (known[1], dict(array.__dict__))


def restore_masked(data: Any, fields: dict[str, Any]) -> Any:
    """Make a masked array around *data*. Stored results name this function, too."""
    import numpy as np  # only who gets an array needs it

    array = data.view(np.ma.MaskedArray)
    array.__dict__.update(fields)
    return array


def restore_array(
    buffer: Any, dtype: str, shape: tuple[int, ...], order: Any, writable: bool
) -> Any:
    """Make an array on *buffer*. Stored results name this function: it stays where it is."""
    import numpy as np  # only who gets an array needs it

    array = np.ndarray(shape, np.dtype(dtype), buffer, order=order)
    if not writable:
        array.flags.writeable = False
    return array


def restore_view(
    span: Any,
    offset: int,
    dtype: Any,
    shape: tuple[int, ...],
    strides: Any,
    writable: bool,
    kind: Any = None,
) -> Any:
    """Make a view of what several arrays share. Stored results name this function, too."""
    import numpy as np  # only who gets an array needs it

    array: Any
    if span.dtype.hasobject:
        first = span[offset // span.itemsize :]
        array = np.lib.stride_tricks.as_strided(first, shape, strides)
    else:
        array = np.ndarray(shape, np.dtype(dtype), span, offset, strides)
    if kind is not None:
        array = array.view(kind)
    if not writable:
        array.flags.writeable = False
    return array


# -- functions and classes that have no name to be found by ---------------------------


def pickler(
    file: Any,
    beside: Callable[[PickleBuffer], bool],
    places: dict[int, Place] | None = None,
    views: dict[int, Any] | None = None,
) -> Watching:
    return Watching(file, beside, places, views)


def needs_code(failed: Watching, cause: BaseException) -> bool:
    """Whether pickling failed at a function or class that only its code can stand for."""
    last = failed.last
    refused = isinstance(cause, UnstorableResult | RecursionError)
    return not refused and isinstance(last, FunctionType | type) and not importable(last)


def code_pickler(
    file: Any,
    beside: Callable[[PickleBuffer], bool],
    places: dict[int, Place] | None = None,
    views: dict[int, Any] | None = None,
) -> Watching:
    """A pickler that writes such functions and classes as code.

    Raises:
        ImportError: where cloudpickle is not installed.
    """
    # Imported here: few values need it, and it is heavy.
    import cloudpickle

    class CodePickler(cloudpickle.Pickler):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(file, 5, buffer_callback=beside)
            self.seen: set[type] = set()
            self.last: object = None
            self.fields: list[Any] = []
            self.arrays: list[Any] = []
            self.fixed: list[Any] = []
            self.frames: set[int] = set()
            self.places = places or {}
            self.views = {} if views is None else views

        def reducer_override(self, obj: Any) -> Any:
            self.last = obj
            kind = type(obj)
            if kind not in self.seen:
                reduced = _meet(self, obj, kind)
                if reduced is not NotImplemented:
                    return reduced
            if isinstance(obj, FunctionType | type) and importable(obj):
                # By its name, also from `__main__`: a copy of a class is another class.
                return NotImplemented
            reduced = super().reducer_override(obj)
            if isinstance(obj, type) and reduced is not NotImplemented:
                return _another_class(obj, reduced)
            return reduced

    made: Any = CodePickler()
    return made  # type: ignore[no-any-return]


_TRACKER = -2  # the place of a class's number in what cloudpickle makes one of


def _another_class(cls: type, reduced: Any) -> Any:
    """Let each load make a class of its own.

    By the number that cloudpickle gives it, loading would find the class that lives, and set
    all its attributes to what they were.
    """
    if not reduced[0].__name__.startswith("_make_skeleton"):
        return reduced  # by its name
    how, arguments, state, *rest = reduced
    told = _told_of_subclasses(cls)
    if told is not None:
        raise UnstorableResult(
            f"{a(cls)} is stored as code, and each load would tell {a(told)} of one more class"
        )
    arguments = (*arguments[:_TRACKER], None, *arguments[_TRACKER + 1 :])
    fields, slots = state  # in which it does not put what the class calls itself
    return how, arguments, ({**fields, "__qualname__": cls.__qualname__}, slots), *rest


def _told_of_subclasses(cls: type) -> type | None:
    """Return who lives, and runs code of the user's when a class like *cls* is made."""
    meta = type(cls)
    if not is_known(meta) and importable(meta):
        return meta
    for base in cls.__mro__[1:]:
        if "__init_subclass__" in base.__dict__ and not is_known(base) and importable(base):
            return base
    return None


def is_named(obj: Any) -> bool:
    """Whether a function, class or module is stored by its name."""
    if isinstance(obj, ModuleType):
        return sys.modules.get(obj.__name__) is obj
    return importable(obj)


def importable(obj: Any) -> bool:
    found: object = sys.modules.get(getattr(obj, "__module__", None) or "")
    for name in getattr(obj, "__qualname__", "").split("."):
        found = getattr(found, "__dict__", {}).get(name)
    return found is obj


# -- the trial -----------------------------------------------------------------------


def doubtful(pickler: Watching) -> frozenset[type]:
    """The types a pickler met which have only their own word for being picklable."""
    found = {kind for kind in pickler.seen if not _is_exact(kind) and not stands_in(kind)}
    return frozenset(found.union(map(type, pickler.fields)))


def stands_in(kind: type) -> bool:
    """Whether *kind* is a lazy result, in whose place its value is stored."""
    return "_dumbo_stands_in" in kind.__dict__


def _is_exact(kind: type) -> bool:
    module = kind.__module__
    if not isinstance(module, str):  # a property, or what else classes may have there
        return False
    # Functions of Cython have a type of their own in each version; they go by their names.
    return module.partition(".")[0] in _EXACT or module.startswith("_cython_")


def is_known(kind: type) -> bool:
    """Whether *kind* is of the standard library, or of one whose types pickle keeps exactly."""
    module = kind.__module__
    if not isinstance(module, str) or module == "__main__":
        return False
    return module.partition(".")[0] in sys.stdlib_module_names or _is_exact(kind)


# -- which part ----------------------------------------------------------------------


def refusal(value: object, failed: Watching, cause: BaseException) -> UnstorableResult:
    """Say which part of *value* could not be pickled, and why."""
    if isinstance(cause, RecursionError):
        return UnstorableResult("nested too deeply to be pickled", cause=cause)
    part = _find(value, failed.last)
    if isinstance(cause, UnstorableResult):
        return UnstorableResult(cause.reason, part, cause)
    return UnstorableResult(f"{a(type(failed.last))} cannot be pickled: {said(cause)}", part, cause)


def said(cause: BaseException) -> str:
    """What an exception says, or at least what it is."""
    try:
        return f"{type(cause).__name__}: {cause}"
    except KeyboardInterrupt:
        raise
    except BaseException:  # noqa: BLE001  # a user's __str__ may raise anything
        return type(cause).__name__


def a(kind: type) -> str:
    module = kind.__module__
    if not isinstance(module, str) or module == "builtins":  # a property says nothing
        return f"a {kind.__qualname__}"
    return f"a {module}.{kind.__qualname__}"


def _find(value: object, culprit: object) -> str:
    """Where in *value* the object *culprit* is, such as `["model"].handlers[3]`."""
    queue = deque([(value, "")])
    seen = {id(value)}
    while queue and len(seen) < _SEARCHED:
        obj, path = queue.popleft()
        if obj is culprit:
            return path
        for child, step in islice(_parts(obj), _SEARCHED):
            if id(child) not in seen:
                seen.add(id(child))
                queue.append((child, path + step))
    return ""


def _parts(obj: object) -> Iterator[tuple[object, str]]:
    """The parts of *obj* that can be seen without running code of the user."""
    if isinstance(obj, dict):
        for key, item in list(dict.items(obj)):
            plain = type(key) in (str, int, bytes, bool, type(None))
            yield item, f"[{_quoted(key)}]" if plain else f"[<{type(key).__name__}>]"
    elif isinstance(obj, list | tuple):
        walk = list.__iter__(obj) if isinstance(obj, list) else tuple.__iter__(obj)
        for index, item in enumerate(walk):
            yield item, f"[{index}]"
    elif isinstance(obj, set | frozenset):
        for item in set.__iter__(obj) if isinstance(obj, set) else frozenset.__iter__(obj):
            yield item, "{...}"
    for name, item in attributes(obj):
        yield item, f".{name}"


def _quoted(key: object) -> str:
    text = repr(key)
    return f'"{text[1:-1]}"' if isinstance(key, str) and '"' not in text else text


def attributes(
    obj: object, known: dict[type, list[tuple[str, Any]]] | None = None
) -> Iterator[tuple[str, object]]:
    """Yield the fields of *obj*; which ones have descriptors is kept in *known*, by type."""
    try:
        yield from list(object.__getattribute__(obj, "__dict__").items())
    except AttributeError:
        pass
    kind = type(obj)
    if known is None:
        members = _members(kind)
    elif kind in known:
        members = known[kind]
    else:
        members = known[kind] = _members(kind)
    for name, member in members:
        try:
            yield name, member.__get__(obj)
        except AttributeError:  # a slot that nothing is in
            pass


def _members(kind: type) -> list[tuple[str, Any]]:
    return [
        (name, member)
        for base in kind.__mro__
        for name, member in list(base.__dict__.items())
        if type(member).__name__ == "member_descriptor"
    ]
