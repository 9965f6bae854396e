"""What a generator yields, as one payload: item by item, in bounded memory.

    codec   number of the codec that wrote the item; 255: what the generator returned follows,
            with a codec of its own, and ends the payload
    length  of the item's bytes (u64, little-endian)
    bytes   as that codec writes them

Each item is a value of its own: replaying makes each anew, and what an item shared with
another is not kept. A generator that yields the same changing object again and again, or changes
one that it has yielded (see `yielded`), cannot be replayed like that, and is refused.

Knows codecs and frames; must not know keys, rows or who iterates.
"""

from __future__ import annotations

import struct

from dumbo.errors import CorruptBlob, UnstorableResult
from dumbo.persistence.yielded import Yielded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from dumbo.persistence.codecs import Buffer, Sink, Written
    from dumbo.persistence.stretches import Stretch

_FRAME = struct.Struct("<BQ")
_FRAMED = _FRAME.size
_RETURNED = 255
_ALL = 1 << 70  # bytes, more than anything can say that there are
_SMALL = 1 << 16  # bytes of an item up to which it is copied before it is handed on
_UNCHANGING = frozenset((type(None), bool, int, float, complex, str, bytes))


class _Part:
    """One item on its way: its size must be known before its bytes are written."""

    __slots__ = ("error", "pieces", "size")

    def __init__(self) -> None:
        self.size = 0
        self.error: OSError | None = None
        self.pieces: list[Buffer] = []

    def write(self, data: Buffer) -> None:
        self.size += len(data) if type(data) is bytes else memoryview(data).nbytes
        self.pieces.append(data)

    def reset(self) -> None:
        self.size = 0
        self.pieces.clear()


class Writer:
    """Writes items to a sink, one after the other.

    Parameters:
        prove: called with an item, how it was written, and its bytes, where a trial load may
            be due.
    """

    def __init__(self, sink: Sink, prove: Callable[[object, Written, Buffer], object]) -> None:
        self._sink = sink
        self._prove = prove
        self._last: object = None
        self._yielded = Yielded()

    def before(self) -> None:
        """The generator is about to go on, until `add` or `end`."""
        self._yielded.before()

    def add(self, item: object) -> None:
        """Write *item*, which may change as soon as this returns.

        Raises:
            UnstorableResult: if it would not come back as it is.
            OSError: what the sink raises.
        """
        if item is self._last and type(item) not in _UNCHANGING:
            raise UnstorableResult(
                f"yields the same {type(item).__qualname__} again and again, which may have "
                "changed in between: yield a new one each time"
            )
        self._check()
        self._last = item
        self._write(item)

    def end(self, returned: object) -> None:
        """Write what the generator returned; nothing can follow."""
        self._check()
        self._sink.write(_FRAME.pack(_RETURNED, 0))
        self._write(returned)

    def _check(self) -> None:
        changed = self._yielded.changed()
        if changed is not None:
            raise UnstorableResult(
                f"changes a {type(changed).__qualname__} after it has yielded it: yield a new one "
                "each time"
            )

    def _write(self, item: object) -> None:
        from dumbo.persistence import codecs

        part = _Part()
        written = codecs.encode(item, part)
        if written.doubtful or written.by_value:
            self._prove(item, written, b"".join(part.pieces))
        self._yielded.add(item, part.size, not (written.doubtful or written.by_value))
        self._sink.write(_FRAME.pack(written.codec, part.size))
        for piece in part.pieces:
            # A sink may hold what is small, and the item may change from here on.
            small = type(piece) is not bytes and memoryview(piece).nbytes < _SMALL
            self._sink.write(bytes(piece) if small else piece)


class Items:
    """A recorded payload; each iteration starts anew, independent of the others."""

    __slots__ = ("_decode", "_payload")

    def __init__(self, payload: Buffer | Stretch, decode: Callable[[int, Any], Any]) -> None:
        self._payload = payload
        self._decode = decode

    def __iter__(self) -> Generator[Any, None, Any]:
        """Yield the items, then return what the generator returned.

        Raises:
            CorruptBlob: if one cannot be loaded here.
        """
        payload: Any = self._payload
        gradual: Any = getattr(payload, "window", None)
        view = memoryview(payload) if gradual is None else gradual(0, 0)
        seen = _ALL if gradual is None else len(view)
        start = 0  # in what is seen of it
        before = 0  # what has gone out of sight
        returned = False
        frame = _FRAME.unpack_from
        while True:
            if start + _FRAMED > seen:
                before, start = before + start, 0
                view = gradual(before, _FRAMED)
                seen = len(view)
            codec, length = frame(view, start)
            start += _FRAMED
            if codec == _RETURNED:
                returned = True
                continue
            end = start + length
            if end <= seen:
                data = bytearray(view[start:end])
                start = end
            else:
                data = payload.take(before + start, length)
                before, start = before + start + length, 0
                view = gradual(before, 0, length)
                seen = len(view)
            try:
                item = self._decode(codec, data)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # classes of the user, and their imports
                raise CorruptBlob(f"an item cannot be loaded: {type(error).__name__}") from error
            del data  # two large ones at a time are too many: memory would come and go each time
            if returned:
                return item
            yield item
