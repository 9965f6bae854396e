"""Arrays of one result that share memory: where it lies, and how they lie in it.

Who writes to one of them sees it in the others, and has to after loading, too. So what they span
is stored once, and each of them as a view of that. Memory between them comes along.

Knows arrays by their addresses; must not know picklers.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

__all__ = ["Place", "places"]

_PAIRS = 200  # that are looked at exactly; beyond, what may share is taken to share
_WORK = 1000  # candidates, as numpy counts them


class Place:
    """Where an array lies.

    Attributes:
        span: an array of bytes, the same for all that share.
        offset: of its first element in there.
    """

    __slots__ = ("offset", "span")

    def __init__(self, span: Any, offset: int) -> None:
        self.span = span
        self.offset = offset


def places(arrays: list[Any]) -> dict[int, Place]:
    """Return the places of those *arrays* that share memory with others, by id."""
    found: dict[int, Place] = {}
    # Memory that an array owns begins with it, so one of two that share is a view.
    if len(arrays) < 2 or all(array.base is None for array in arrays):
        return found
    for low, high, members in _clusters(arrays):
        if len(members) > 1 and _share(members):
            span = _bytes(low, high)
            for array in members:
                found[id(array)] = Place(span, _address(array) - low)
    return found


def _address(array: Any) -> int:
    where: int = array.__array_interface__["data"][0]
    return where


def _bounds(array: Any) -> tuple[int, int]:
    low = high = _address(array)
    for length, stride in zip(array.shape, array.strides, strict=True):
        if stride < 0:
            low += (length - 1) * stride
        else:
            high += (length - 1) * stride
    return low, high + array.itemsize


def _clusters(arrays: list[Any]) -> Iterable[tuple[int, int, list[Any]]]:
    """Yield what overlaps, as far as first and last byte tell."""
    bounds = [(*_bounds(array), place) for place, array in enumerate(arrays) if array.size]
    bounds.sort()
    members: list[Any] = []
    start = end = -1
    for low, high, place in bounds:
        if low >= end and members:
            yield start, end, members
            members = []
        if not members:
            start, end = low, high
        members.append(arrays[place])
        end = max(end, high)
    if members:
        yield start, end, members


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


def _bytes(low: int, high: int) -> Any:
    return sys.modules["numpy"].asarray(_Span(low, high - low))


class _Span:
    """Memory of somebody else's, as numpy asks for it."""

    def __init__(self, address: int, size: int) -> None:
        self.__array_interface__ = {
            "data": (address, False),  # nobody writes, but what comes back may be written to
            "shape": (size,),
            "typestr": "|u1",
            "version": 3,
        }
