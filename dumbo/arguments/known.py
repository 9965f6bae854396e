"""Large data whose digest is known without looking: it cannot have changed since it was taken.

    arrays   on memory that nothing can write to: a map opened for reading, or `bytes`
    arrays   on a private map of which the kernel says that nobody has written to it
    tables   of pyarrow on such a map; frames of polars too, if they still consist of it
    bytes    which cannot change: but only while they are held here, for they have no weak
             references, and an id is another's as soon as they are gone

What can be changed of such a thing beside its memory, an array's shape or which columns a frame
has, is its *look*, and compared. Nothing here keeps an array or a table alive; of bytes some are.

Knows arrays by their attributes; must not know where values come from, nor how they are digested.
"""

from __future__ import annotations

import sys
from weakref import ref

from dumbo.arguments.untouched import is_untouched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

__all__ = ["KNOWN", "hold", "learn", "recall", "remember", "remember_made_of", "token_of_bytes"]

_HELD = 1 << 26  # bytes that are held, at most


class _Known:
    """What is known of one object.

    Attributes:
        value: refers to it weakly.
        token: None until it is hashed for the first time.
        look: what makes its look of it.
        looked: how it looked.
        spans: addresses and sizes of private memory, on which all of it lies.
        memory: kept, so that no other memory gets these addresses.
    """

    __slots__ = ("look", "looked", "memory", "spans", "token", "value")

    def __init__(
        self,
        value: Any,
        token: bytes | None,
        look: Callable[[Any], object],
        looked: object,
        spans: Sequence[tuple[int, int]],
        memory: object,
    ) -> None:
        key = id(value)
        self.value = ref(value, lambda gone: _forget(key, gone))
        self.token = token
        self.look = look
        self.looked = looked
        self.spans = spans
        self.memory = memory

    def holds(self) -> bool:
        """Whether it is as it was."""
        value = self.value()
        if value is None or self.look(value) != self.looked:
            return False
        for address, size in self.spans:  # noqa: SIM110 - no generator
            if not is_untouched(address, size):
                return False
        return True


# By id.
KNOWN: dict[int, _Known] = {}


def remember(array: Any, token: bytes | None, memory: memoryview | None = None) -> bool:
    """Keep the token of *array*, if that cannot be changed unseen; say whether it was kept.

    Args:
        token: None: somebody will `learn` it, who hashes it.
        memory: what it was made on, if that is a map of a file: private, or opened for reading.
    """
    spans: tuple[tuple[int, int], ...] = ()
    if array.dtype.hasobject:
        return False
    if not _is_frozen(array):
        if memory is None or not _is_map(memory.obj):
            return False
        if array.base is not memory and array.base is not memory.obj:
            return False
        spans = ((array.__array_interface__["data"][0], array.nbytes),)
    KNOWN[id(array)] = _Known(
        array, token, _look_of_array, _look_of_array(array), spans, array.base
    )
    return True


def remember_made_of(
    value: Any,
    token: bytes | None,
    look: Callable[[Any], tuple[object, Sequence[tuple[int, int]]]],
    within: tuple[int, int],
    memory: object,
) -> bool:
    """Keep the token of *value*, if all of it lies on a private map; say whether it was kept.

    Args:
        look: value -> its look, which has to tell where each of its parts lies, and these places:
            addresses and sizes.
        within: address and size of the map.
        memory: what keeps the map where it is.
    """
    looked, spans = look(value)
    start, size = within
    for address, length in spans:
        if length and not start <= address <= address + length <= start + size:
            return False
    KNOWN[id(value)] = _Known(value, token, lambda value: look(value)[0], looked, spans, memory)
    return True


def learn(value: object, token: bytes) -> None:
    """Let *value*, if it is one of those and still as it was loaded, be known by *token*."""
    found = KNOWN.get(id(value))
    if found is not None and found.value() is value:
        if found.holds():
            found.token = token
        else:
            KNOWN.pop(id(value), None)


def recall(value: object) -> bytes | None:
    """Return the token of *value*, if it is known."""
    found = KNOWN.get(id(value))
    if found is None or found.token is None or found.value() is not value:
        return None
    if found.holds():
        return found.token
    KNOWN.pop(id(value), None)  # what was changed once is not looked at again
    return None


def _forget(key: int, gone: object) -> None:
    found = KNOWN.get(key)
    if found is not None and found.value is gone:  # else the id is another's by now
        del KNOWN[key]


def _look_of_array(array: Any) -> object:
    where = array.__array_interface__["data"][0]
    dtype = array.dtype
    return (where, array.shape, array.strides, dtype.str, dtype.metadata, array.flags.writeable)


def _is_frozen(array: Any) -> bool:
    """Whether nobody can write to the memory of *array*, not even through what it stands on."""
    if array.flags.writeable:
        return False
    base = array.base
    if type(base) is memoryview:
        if not base.readonly:
            return False
        base = base.obj
    # A map that was opened for writing gives no buffer that is read-only, and so on down.
    return type(base) is bytes or (_is_map(base) and memoryview(base).readonly)


def _is_map(memory: object) -> bool:
    return type(memory).__name__ == "mmap"


# Bytes


# By id: the bytes themselves, and their token as soon as somebody asked for it.
_held: dict[int, tuple[bytes, bytes | None]] = {}


def hold(value: bytes) -> None:
    """Know *value* from now on, as long as there is room and somebody else has it, too."""
    if len(value) > _HELD:
        return
    for key in list(_held):
        pair = _held.get(key)
        # The tuple has it, and this expression; no variable, for versions count these differently.
        if pair is not None and sys.getrefcount(pair[0]) <= 2:
            _held.pop(key, None)
    _held[id(value)] = (value, None)
    left = _HELD - sum([len(held) for held, _ in _held.values()])
    while left < 0:
        held, _ = _held.pop(next(iter(_held)))
        left += len(held)


def token_of_bytes(value: bytes, make: Callable[[bytes], bytes]) -> bytes:
    """Return the token that *make* makes of *value*, which is not asked again if that is held."""
    found = _held.get(id(value))
    if found is None or found[0] is not value:
        return make(value)
    token = found[1]
    if token is None:
        token = make(value)
        _held[id(value)] = (value, token)
    return token
