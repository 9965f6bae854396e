"""Results that are loaded when they are first touched.

A lazy result is a proxy (`wrapt`): it passes for the value with `isinstance`, operators and
attributes. Until it is touched it is only the knowledge of where the value lies:

    repr                          says what it is, without loading it
    another memoized function     arrays, tables and bytes count by what is stored, unloaded;
                                  whatever may hold code of the user's is loaded, and counts by
                                  itself
    copy, deepcopy, pickle        give the value, loaded; so does storing a result that holds it
    the file has gone             it is computed again, if the arguments are what they were

A result that is stored in parts comes, when it is touched, with each of its large parts lazy in
turn: `f.lazy(x)["weights"]` reads neither the weights nor anything else that is large.

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

__all__ = ["Lazy", "LazyPart", "LazyResult"]

_BY_WHAT_IS_STORED = (
    "array",
    "raw",
    "arrow",
)  # these codecs know no classes, so no code is in them


class Lazy(wrapt.LazyObjectProxy):  # type: ignore[misc]
    """What is loaded when it is touched."""

    def __new__(cls, *args: Any) -> Any:
        # Not a class for each, as wrapt would make to look callable, say, where the value is.
        return super(wrapt.AutoObjectProxy, cls).__new__(cls)

    def __init__(self, load: Callable[[], Any], said: str) -> None:
        self._self_loaded = False
        self._self_said = said

        def make() -> Any:
            value = load()
            self._self_loaded = True
            return value

        super().__init__(make)

    def __repr__(self) -> str:
        return repr(self.__wrapped__) if self._self_loaded else f"<{self._self_said}, not loaded>"

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


class LazyResult(Lazy):
    """A result that is loaded when it is touched."""

    _dumbo_stands_in = True  # its value is stored for it, in another result

    def __init__(self, store: Store, record: Record, compute: Callable[[], Any]) -> None:
        self._self_store = store
        self._self_record = record

        def load() -> Any:
            try:
                if record.codec == "parts":
                    return _in_lazy_parts(store, record, compute)
                return store.load(record)
            except (StorageError, OSError):
                return compute()

        size = human_size(_size(store, record))
        super().__init__(load, f"lazy result of {record.function}: {size}")


def _size(store: Store, record: Record) -> int:
    """Return how many bytes a result takes, its parts included."""
    if record.codec != "parts":
        return record.size
    from dumbo.persistence import parts

    try:
        return record.size + sum([size for _, size in parts.units_of(store.payload(record))])
    except (StorageError, OSError):  # what has gone is computed again
        return record.size


class LazyPart(Lazy):
    """A large part of a result, which is loaded when it is touched.

    What it is known by, unloaded, is the digest of what is stored; None if that may hold code.
    """

    _dumbo_stands_in = True

    def __init__(self, load: Callable[[], Any], said: str, digest: bytes | None) -> None:
        self._self_digest = digest
        super().__init__(load, said)


def _in_lazy_parts(store: Store, record: Record, compute: Callable[[], Any]) -> Any:
    """Return a result with a proxy in place of each part; what was one object is one proxy."""
    from dumbo.persistence.assembly import units

    payload, frame = store.frame(record)
    known = units(store, payload)
    loaded: dict[int, Any] = {}
    made: dict[tuple[int, int | None], LazyPart] = {}

    def unit(number: int) -> Any:
        if number not in loaded:
            loaded[number] = known[number].load()
        return loaded[number]

    def part(mark: Any, path: tuple[Any, ...]) -> Any:
        key = (mark.unit, mark.place)
        if key not in made:
            name = ", ".join([f"{name!r:.40}" for name in path])
            made[key] = LazyPart(
                lambda: child(mark, path),
                f"lazy part {name} of {record.function}: {human_size(known[mark.unit].size)}",
                known[mark.unit].digest if mark.place is None else None,
            )
        return made[key]

    def child(mark: Any, path: tuple[Any, ...]) -> Any:
        try:
            value = unit(mark.unit)
        except (StorageError, OSError):
            store.lost(record)  # else it would be found again, by who computes
            return child_of(compute(), path)
        return value if mark.place is None else value[mark.place]

    return frame.filled(part)


def child_of(value: Any, path: tuple[Any, ...]) -> Any:
    """Return a child, or a child of a child, of a computed result, which may be lazy itself."""
    from dumbo.persistence import assembly

    if isinstance(value, Lazy):
        value = value.__wrapped__
    found = assembly.child_of(value, path)
    return found.__wrapped__ if type(found) is LazyPart else found


def _hash(value: Any) -> Any:
    record = value._self_record
    if value._self_loaded or record.codec not in _BY_WHAT_IS_STORED:
        return Node(b"lazy value", [value.__wrapped__])  # it may have been changed, or hold code
    stored = value._self_store.digest_of(record)
    if stored is None:
        return Node(b"lazy value", [value.__wrapped__])
    whose = record.closure + record.key + record.extras
    return Node(b"lazy", [Token(leaf(b"entry", xxhash.xxh3_128_digest(whose + stored)))])


def _hash_part(value: Any) -> Any:
    if value._self_loaded or value._self_digest is None:
        return Node(b"lazy value", [value.__wrapped__])
    return Node(b"lazy", [Token(leaf(b"part", value._self_digest))])


register(LazyResult, Entry(_hash, "whole"))
register(LazyPart, Entry(_hash_part, "whole"))
