"""Many texts at once, from the buffers that Arrow keeps them in.

Knows the layout of Arrow's strings; imports nothing of it.
"""

from __future__ import annotations

import sys

import xxhash

from dumbo.arguments.registry import leaf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def of_arrow(data: Any, is_large: bool) -> bytes:
    """Return the token of lengths and joined content: not of chunks, offsets or what nulls hide.

    Args:
        data: a chunked array of strings or bytes.
        is_large: whether its offsets have 64 bits.
    """
    numpy: Any = sys.modules["numpy"]
    lengths, content = xxhash.xxh3_128(), xxhash.xxh3_128()
    if data.null_count:
        data = data.drop_null()
    for chunk in data.chunks:
        if not len(chunk):
            continue
        _, places, texts = chunk.buffers()
        offsets = numpy.frombuffer(places, numpy.int64 if is_large else numpy.int32)
        offsets = offsets[chunk.offset : chunk.offset + len(chunk) + 1]
        lengths.update(numpy.diff(offsets).astype(numpy.int64, copy=False))
        if texts is not None:
            content.update(memoryview(texts)[offsets[0] : offsets[-1]])
    return leaf(b"texts", lengths.digest() + content.digest())
