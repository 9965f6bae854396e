"""Payloads that take less room on disk: compressed by zstd, where that is worth it.

Only what is decoded as a whole: what is mapped has to lie there as it is. A bit beside the codec's
number says that a payload is compressed; so whoever has zstd reads it, whatever is said of storing.

Knows bytes; must not know values, nor whose they are.
"""

from __future__ import annotations

from dumbo.errors import CorruptBlob
from dumbo.persistence.drafts import Draft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.persistence.codecs import Buffer

__all__ = ["expanded", "squeezed", "zstd"]

_LEAST = 4096  # bytes; smaller ones lie in the index, whose pages they share
_SAMPLE = 1 << 16  # bytes of the beginning that are tried first
_GAIN = 0.8  # of the size, at most, that is left of what is worth it
_CHUNK = 1 << 20
_LEVEL = 3


def zstd() -> Any:
    """Return the module that compresses.

    Raises:
        ImportError: if there is none.
    """
    # Imported here: few caches compress, and few results are compressed.
    try:
        from compression import zstd as found  # CPython 3.14 has it
    except ImportError:
        from backports import zstd as found
    return found


def squeezed(draft: Draft) -> Draft | None:
    """Return a draft of the same result, compressed; None if that is not worth it.

    Raises:
        OSError: if it cannot be written.
    """
    if draft.size < _LEAST:
        return None
    codec = zstd()
    whole = draft.view()
    sample = whole[:_SAMPLE]
    if len(codec.compress(sample, level=1)) > len(sample) * _GAIN:
        return None
    smaller = Draft(draft.path, draft.header)
    smaller.before = draft.before
    try:
        compressor = codec.ZstdCompressor(level=_LEVEL)
        for start in range(0, len(whole), _CHUNK):
            smaller.write(compressor.compress(whole[start : start + _CHUNK]))
        smaller.write(compressor.flush())
    except BaseException:
        smaller.__exit__()
        raise
    return smaller


def expanded(payload: Buffer) -> bytes:
    """Return what was compressed.

    Raises:
        CorruptBlob: if it cannot be; it may be that a package for it is not there.
    """
    try:
        codec = zstd()
    except ImportError as error:
        raise CorruptBlob("is compressed: `pip install 'dumbo[zstd]'`") from error
    try:
        whole: bytes = codec.decompress(payload)
    except (codec.ZstdError, MemoryError) as error:
        raise CorruptBlob(f"cannot be expanded: {type(error).__name__}") from error
    return whole
