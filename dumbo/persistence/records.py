"""What the store hands out: small classes, cheap to make on the road of a hit.

Knows no disk and no SQL.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Slotted:
    """Equality and a readable form for classes that are nothing but their slots."""

    __slots__: tuple[str, ...] = ()

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name, None) for name in self.__slots__)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._fields() == other._fields()

    __hash__ = None  # type: ignore[assignment]  # mutable, and nobody's key

    def __repr__(self) -> str:
        inner = ", ".join(f"{name}={getattr(self, name, None)!r}" for name in self.__slots__)
        return f"{type(self).__name__}({inner})"


class Record(_Slotted):
    """One stored result: everything but the value.

    Attributes:
        function: name of the function that stored it; a label, no part of the identity.
        closure, key, extras, python: the identity; python is 311 for 3.11.
        size: bytes of the payload.
        compute, store: seconds that computing and storing took.
        created: unix time.
        note: what the caller wrote beside it.
        codec: name of the codec that wrote the payload.
        payload: the bytes of a small result, which lie in the index; None for a file.
    """

    __slots__ = (
        "closure",
        "codec",
        "compute",
        "created",
        "extras",
        "function",
        "key",
        "note",
        "payload",
        "python",
        "size",
        "store",
    )

    def __init__(
        self,
        function: str,
        closure: bytes,
        key: bytes,
        extras: bytes,
        python: int,
        size: int,
        compute: float,
        store: float,
        created: float,
        codec: str,
        payload: bytes | None,
        note: str = "",
    ) -> None:
        self.function = function
        self.closure = closure
        self.key = key
        self.extras = extras
        self.python = python
        self.size = size
        self.compute = compute
        self.store = store
        self.created = created
        self.codec = codec
        self.payload = payload
        self.note = note

    @property
    def inline(self) -> bool:
        return self.payload is not None


class Trace(_Slotted):
    """What proves a closure digest: a program, and the state that it must find.

    Attributes:
        function: name of the function whose closure it is.
        program: digest of the references, for `Store.program`.
        state: what the references looked like.
        closure: the digest that this proves.
        details: whatever the caller keeps with it, for explanations.
        created: unix time of the first write.
        root, shape: under what it is found.
    """

    __slots__ = ("closure", "created", "details", "function", "program", "root", "shape", "state")

    def __init__(
        self,
        function: str,
        root: bytes,
        shape: bytes,
        program: bytes,
        state: bytes,
        closure: bytes,
        details: bytes,
        created: float,
    ) -> None:
        self.function = function
        self.root = root
        self.shape = shape
        self.program = program
        self.state = state
        self.closure = closure
        self.details = details
        self.created = created


class Summary(_Slotted):
    """What is stored of one function: how many, how large, and what it cost.

    Attributes:
        bytes: of all payloads.
        compute: seconds that all of them took to compute.
        used: unix time of the last store, or of the last use as far as it is known.
    """

    __slots__ = ("bytes", "compute", "entries", "function", "used")

    def __init__(
        self, function: str, entries: int, bytes: int, compute: float, used: float
    ) -> None:
        self.function = function
        self.entries = entries
        self.bytes = bytes
        self.compute = compute
        self.used = used
