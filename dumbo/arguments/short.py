"""The key of a call whose arguments are numbers, short texts and None: that of most calls.

Nothing else of this room is needed for it, so that a process which makes no other calls does not
import the rest.

Knows exact builtin types; must not know containers, or any other type.
"""

from __future__ import annotations

from marshal import dumps

import xxhash

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["LONG_TEXT", "NUMBERS", "SHORT", "TEXTS", "VERSION", "digest_call", "is_short"]

# History of the digest: a change of any byte below empties every cache.
#   1  the first
#   2  long sequences of numbers by the pickler
#   3  long sequences of records and rows by columns
#   4  what is larger than a few elements by the pickler, no columns; most dtypes by their text
VERSION = 4

SHORT = b"dumbo%dP" % VERSION  # what begins the key of such a call, before it is hashed
NUMBERS = frozenset({int, float, bool, type(None), complex})
TEXTS = frozenset({str, bytes})
LONG_TEXT = 4096  # characters or bytes, from which on a text is long

_NUMBER_IDS = frozenset(map(id, NUMBERS))
_TEXT_IDS = frozenset(map(id, TEXTS))


def is_short(values: Sequence[Any]) -> bool:
    """Whether all *values* are scalars, and none a long string: the hot road's question."""
    for value in values:
        kind = id(type(value))
        if kind in _NUMBER_IDS:
            continue
        if kind not in _TEXT_IDS or len(value) > LONG_TEXT:
            return False
    return True


def digest_call(
    values: tuple[Any, ...], names: tuple[str, ...]
) -> tuple[bytes, tuple[object, ...]]:
    """Do what `hashing.digest_call` does, which is asked where there is more to it.

    Raises:
        UnhashableArgument: with a path that begins with the parameter's name.
    """
    if is_short(values):
        return xxhash.xxh3_128_digest(SHORT + dumps(values, 2)), ()
    from dumbo.arguments.hashing import digest_call as digest_other_call

    return digest_other_call(values, names)
