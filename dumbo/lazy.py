"""Results that are loaded when they are first touched.

A lazy result is a proxy (`wrapt`): it passes for the value with `isinstance`, operators and
attributes. Until it is touched it is only the knowledge of where the value lies:

    repr                          says what it is, without loading it
    another memoized function     an array or bytes count by what is stored, unloaded; whatever
                                  may hold code of the user's is loaded, and counts by itself
    copy, deepcopy, pickle        give the value, loaded
    the file has gone             it is computed again, if the arguments are what they were

Knows a store's record, and a function that can compute; must not know how either works.
"""

from __future__ import annotations

import copy

import wrapt
import xxhash

from dumbo.arguments.registry import Entry, Node, Token, leaf, register
from dumbo.errors import StorageError
from dumbo.explain import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from dumbo.persistence.records import Record
    from dumbo.persistence.store import Store

__all__ = ["LazyResult"]

_BY_WHAT_IS_STORED = ("array", "raw")  # these codecs know no classes, so no code is in them


class LazyResult(wrapt.LazyObjectProxy):  # type: ignore[misc]
    """See the module's docstring."""

    def __new__(cls, *args: Any) -> Any:
        # Not a class for each, as wrapt would make to look callable, say, where the value is.
        return super(wrapt.AutoObjectProxy, cls).__new__(cls)

    def __init__(self, store: Store, record: Record, compute: Callable[[], Any]) -> None:
        self._self_store = store
        self._self_record = record
        self._self_loaded = False

        def make() -> Any:
            try:
                value = store.load(record)
            except (StorageError, OSError):
                value = compute()
            self._self_loaded = True
            return value

        super().__init__(make)

    def __repr__(self) -> str:
        if self._self_loaded:
            return repr(self.__wrapped__)
        record = self._self_record
        return f"<lazy result of {record.function}: {human_size(record.size)}, not loaded>"

    def __iter__(self) -> Iterator[Any]:
        return iter(self.__wrapped__)

    def __copy__(self) -> Any:
        return copy.copy(self.__wrapped__)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copy.deepcopy(self.__wrapped__, memo)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _itself, (self.__wrapped__,)


def _itself(value: Any) -> Any:
    return value


def _hash(value: Any) -> Any:
    record = value._self_record
    if value._self_loaded or record.codec not in _BY_WHAT_IS_STORED:
        return Node(b"lazy value", [value.__wrapped__])  # it may have been changed, or hold code
    stored = value._self_store.digest_of(record)
    if stored is None:
        return Node(b"lazy value", [value.__wrapped__])
    whose = record.closure + record.key + record.extras
    return Node(b"lazy", [Token(leaf(b"entry", xxhash.xxh3_128_digest(whose + stored)))])


register(LazyResult, Entry(_hash, "whole"))
