"""Arrays of one result that share memory: where it lies, and how they lie in it.

Who writes to one of them sees it in the others, and has to after loading, too. So what they span
is stored once, and each of them as a view of that. Memory between them comes along. Where that
cannot be done, the result is not stored. Frames of pandas that share memory do so in secret, until
somebody writes to one: they come back apart, and so do read-only arrays of what several show.

Knows arrays by their addresses; must not know picklers.
"""

from __future__ import annotations

import sys

from dumbo.errors import UnstorableResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from typing import Any

__all__ = ["Place", "bounds", "memory_of", "places", "refuse_buffers"]

_NONE: Collection[int] = frozenset()
_BUFFERS = ("bytearray", "array")  # that pickle keeps, and that may be written to

_PAIRS = 200  # that are looked at exactly; beyond, what may share is taken to share
_WORK = 1000  # candidates, as numpy counts them


class Place:
    """Where an array lies.

    Attributes:
        span: an array of bytes, or of objects, the same for all that share.
        offset: of its first element in there, in bytes.
    """

    __slots__ = ("offset", "span")

    def __init__(self, span: Any, offset: int) -> None:
        self.span = span
        self.offset = offset


def places(
    arrays: list[Any], fixed: Sequence[Any] = (), frames: Collection[int] = _NONE
) -> dict[int, Place]:
    """Return the places of those *arrays* that share memory with others, by id.

    Parameters:
        fixed: arrays that are written as they are, whatever they share.
        frames: ids of those that lie in frames of pandas.

    Raises:
        UnstorableResult: if memory is shared in a way that would not come back.
    """
    found: dict[int, Place] = {}
    # Memory that an array owns begins with it, so one of two that share is a view.
    everything = [*arrays, *fixed]
    if len(everything) < 2 or (not fixed and all(array.base is None for array in arrays)):
        return found
    if frames and not _copies_on_write():
        frames = _NONE
    for members in _clusters(everything):
        if len(members) < 2:
            continue
        inside = [array for array in members if id(array) in frames]
        if inside and len(inside) != 1:  # who writes to one frame changes no other frame
            members = [array for array in members if id(array) not in frames]
            # What only shows the memory of frames comes back apart from them, as they do.
            writable = [array for array in members if array.flags.writeable]
            if any(_share([one, other]) for one in writable for other in inside):
                raise UnstorableResult("several frames of pandas share memory with an array")
        if len(members) > 1 and _share(members):
            if any(one is other for one in members for other in fixed):
                raise _lost(members)
            low, high = _extent(members)
            span = _span(members, low, high)
            for array in members:
                found[id(array)] = Place(span, _address(array) - low)
    return found


def refuse_buffers(arrays: list[Any], met: Callable[[], dict[int, Any]]) -> None:
    """Refuse arrays on the memory of a buffer that is in the result itself.

    Parameters:
        met: gives the objects of the result, by id; asked only where there may be such a one.
    """
    buffers = [origin for origin in map(memory_of, arrays) if type(origin).__name__ in _BUFFERS]
    if buffers:
        known = met()
        for origin in buffers:
            if id(origin) in known:
                what = type(origin).__name__
                raise UnstorableResult(f"an array and a {what} in it share memory, which gets lost")


def memory_of(array: Any) -> Any:
    """Return what owns the memory of an array: an array, or else whose buffer it is."""
    owner = array
    while True:
        if type(owner) is memoryview:
            return owner.obj
        base = getattr(owner, "base", None) if _is_array(owner) or _is_dummy(owner) else None
        if base is None:
            return owner
        owner = base


def _is_array(value: object) -> bool:
    return isinstance(value, sys.modules["numpy"].ndarray)


def _is_dummy(value: object) -> bool:
    return type(value).__name__ == "DummyArray"  # which `as_strided` puts in between


def _lost(members: list[Any]) -> UnstorableResult:
    kinds = sorted({f"{type(array).__name__} of {array.dtype}" for array in members})
    return UnstorableResult(f"arrays in it share memory, which gets lost ({', '.join(kinds)})")


def _copies_on_write() -> bool:
    """Whether frames of pandas that share memory are copied when somebody writes to one."""
    pandas: Any = sys.modules["pandas"]
    major = pandas.__version__.partition(".")[0]
    return int(major) >= 3 or getattr(pandas.options.mode, "copy_on_write", False) is True


def _address(array: Any) -> int:
    interface = sys.modules["numpy"].ndarray.__array_interface__
    where: int = interface.__get__(array)["data"][0]
    return where


def bounds(array: Any) -> tuple[int, int]:
    """Return the addresses of its first byte, and behind its last one."""
    low = high = _address(array)
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + array.itemsize


def _clusters(arrays: list[Any]) -> Iterable[list[Any]]:
    """Yield what overlaps, as far as first and last byte tell."""
    known = [(*bounds(array), place) for place, array in enumerate(arrays) if array.size]
    known.sort()
    members: list[Any] = []
    end = -1
    for low, high, place in known:
        if low >= end and members:
            yield members
            members = []
        members.append(arrays[place])
        end = max(end, high)
    if members:
        yield members


def _extent(members: list[Any]) -> tuple[int, int]:
    known = [bounds(array) for array in members]
    return min(low for low, _ in known), max(high for _, high in known)


def _share(members: list[Any]) -> bool:
    """Whether two of them have a byte in common."""
    numpy: Any = sys.modules["numpy"]
    left = _PAIRS
    for place, one in enumerate(members):
        for other in members[place + 1 :]:
            left -= 1
            try:
                if left < 0 or numpy.shares_memory(one, other, max_work=_WORK):
                    return True
            except RuntimeError:  # too hard to say
                return True
    return False


def _span(members: list[Any], low: int, high: int) -> Any:
    """Return an array of all that they span."""
    numpy: Any = sys.modules["numpy"]
    if not any(array.dtype.hasobject for array in members):
        return numpy.asarray(_Span(low, high - low))
    kind = numpy.dtype(object)
    if any(array.dtype != kind or memory_of(array).dtype != kind for array in members):
        raise _lost(members)  # what lies between its objects may be none
    first = next(array for array in members if bounds(array)[0] == low)
    first = first[tuple([slice(None, None, -1 if step < 0 else 1) for step in first.strides])]
    size = kind.itemsize
    return numpy.lib.stride_tricks.as_strided(first, ((high - low) // size,), (size,))


class _Span:
    """Memory of somebody else's, as numpy asks for it."""

    def __init__(self, address: int, size: int) -> None:
        self.__array_interface__ = {
            "data": (address, False),  # nobody writes, but what comes back may be written to
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }
