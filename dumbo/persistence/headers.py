"""What a file of a result says about itself.

A *blob* is a header, then the payload that a codec wrote. All numbers are big-endian:

    offset  size  field
    0       4     magic and format, b"dmb1"
    4       4     length of the header, a multiple of 64: a mapped payload lies aligned
    8       8     xxh3-64 of the header from offset 16 to its end
    16      8     length of the payload
    24      8     xxh3-64 of the payload
    32      16    closure digest
    48      16    key digest
    64      8     nanoseconds that computing took
    72      8     nanoseconds that storing took
    80      8     microseconds since 1970 when it was stored
    88      2     Python, as 311 for 3.11
    90      2     number of the codec
    92      2     length of the extras
    94      2     length of the function's name
    96      2     length of the note
    98      ..    extras, name, note (both UTF-8), zeros

    format  change
    dmb1    the first

Knows bytes; must not know files, nor values.
"""

from __future__ import annotations

import struct
from itertools import accumulate

import xxhash

from dumbo.errors import CorruptBlob

__all__ = ["FIXED", "LONGEST", "Header"]

_MAGIC = b"dmb1"
_FIXED = struct.Struct(">4sIQQQ16s16sqqqHHHHH")
_CHECKED_FROM = 16
_ALIGN = 64
FIXED = _FIXED.size
LONGEST = 1 << 18  # no header that was written is longer


class Header:
    """What a blob says about itself."""

    __slots__ = (
        "checksum",
        "closure",
        "codec",
        "compute",
        "created",
        "extras",
        "function",
        "key",
        "length",
        "note",
        "python",
        "reserved",
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
        compute: int,
        created: int,
        note: str = "",
        codec: int = 0,
        store: int = 0,
        length: int = 0,
        checksum: int = 0,
        size: int = 0,
    ) -> None:
        self.function = function
        self.closure = closure
        self.key = key
        self.extras = extras
        self.python = python
        self.compute = compute
        self.created = created
        self.note = note
        self.codec = codec
        self.store = store
        self.length = length
        self.checksum = checksum
        self.size = size  # of the header itself
        self.reserved = 0  # its least size, where it is not yet known what it will say

    def pack(self) -> bytes:
        name = self.function.encode("utf-8", "surrogatepass")
        note = self.note.encode("utf-8", "surrogatepass")
        text = self.extras + name + note
        size = max(_FIXED.size + len(text), self.reserved)
        size += -size % _ALIGN
        self.size = size
        fields = (self.length, self.checksum, self.closure, self.key, self.compute, self.store)
        tail = (self.created, self.python, self.codec, len(self.extras), len(name), len(note))
        packed = bytearray(size)
        _FIXED.pack_into(packed, 0, _MAGIC, size, 0, *fields, *tail)
        packed[_FIXED.size : _FIXED.size + len(text)] = text
        check = xxhash.xxh3_64_intdigest(memoryview(packed)[_CHECKED_FROM:])
        packed[8:16] = check.to_bytes(8, "big")
        return bytes(packed)

    @classmethod
    def unpack(cls, packed: bytes) -> Header:
        """Read a header.

        Raises:
            CorruptBlob: if it is truncated, altered or of another format.
        """
        if len(packed) < _FIXED.size:
            raise CorruptBlob(f"{len(packed)} bytes are less than a header has")
        magic, size, check, length, checksum, closure, key, *rest = _FIXED.unpack_from(packed)
        compute, store, created, python, codec, *lengths = rest
        if magic != _MAGIC:
            raise CorruptBlob(f"starts with {magic!r}, not with {_MAGIC!r}")
        if len(packed) < size:
            raise CorruptBlob(f"the header of {size} bytes is cut off after {len(packed)}")
        if xxhash.xxh3_64_intdigest(packed[_CHECKED_FROM:size]) != check:
            raise CorruptBlob("the header was altered")
        texts = []
        start = _FIXED.size
        for end in accumulate(lengths, initial=start):
            texts.append(packed[start:end])
            start = end
        _, extras, *said = texts
        try:
            name, note = [text.decode("utf-8", "surrogatepass") for text in said]
        except UnicodeDecodeError as error:  # the checksum fits: somebody made it so
            raise CorruptBlob("the header holds what is no text") from error
        return cls(
            name, closure, key, extras, python, compute, created, note, codec, store,
            length, checksum, size,
        )  # fmt: skip
