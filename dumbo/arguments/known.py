"""Arrays whose digest is known without looking: they cannot have changed since it was taken.

Known are arrays that lie on memory which nothing in the process can write to, a map opened for
reading or `bytes`, as dumbo loads them for ``readonly=True``. What can still be changed of such
an array, its shape, dtype and strides, is compared. Nothing here keeps an array alive.

Knows arrays by their attributes; must not know where they come from, nor how they are digested.
"""

from __future__ import annotations

from weakref import ref

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ARRAYS", "recall", "remember"]

# By id: the array, how it looked, and its token.
ARRAYS: dict[int, tuple[ref[Any], tuple[object, ...], bytes]] = {}


def remember(array: Any, token: bytes) -> bool:
    """Keep the token of *array*, if that cannot be changed; say whether it was kept."""
    if not _is_frozen(array):
        return False
    key = id(array)
    ARRAYS[key] = (ref(array, lambda gone: _forget(key, gone)), _look(array), token)
    return True


def recall(array: object) -> bytes | None:
    """Return the token of *array*, if it is known."""
    found = ARRAYS.get(id(array))
    if found is None or found[0]() is not array or found[1] != _look(array):
        return None
    return found[2]


def _forget(key: int, gone: object) -> None:
    found = ARRAYS.get(key)
    if found is not None and found[0] is gone:  # else the id is another's by now
        del ARRAYS[key]


def _look(array: Any) -> tuple[object, ...]:
    where = array.__array_interface__["data"][0]
    return (where, array.shape, array.strides, array.dtype.str, array.flags.writeable)


def _is_frozen(array: Any) -> bool:
    """Whether nobody can write to the memory of *array*, not even through what it stands on."""
    if array.flags.writeable or array.dtype.hasobject:
        return False
    base = array.base
    if type(base) is memoryview:
        if not base.readonly:
            return False
        base = base.obj
    # A map that was opened for writing gives no buffer that is read-only, and so on down.
    return type(base) is bytes or (
        type(base).__name__ == "mmap" and memoryview(base).readonly
    )  # fmt: skip
