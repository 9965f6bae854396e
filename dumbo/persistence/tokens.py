"""What the hasher of arguments makes of a large result, written beside it and believed when loaded.

    "version:digest" in hex, or nothing

So a large result that is handed on to the next memoized function is not hashed there, as long as
nobody can have changed it (`known`). Where nothing is written, it is hashed once.

Knows large values and text; must not know where either goes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["believe", "believe_table", "token"]


def token(value: Any) -> str:
    """Return what is written beside *value*."""
    from dumbo.arguments import hashing  # it is there, for results have keys

    found = hashing.token_of(value)
    return f"{hashing.VERSION}:{found.hex()}" if found is not None else ""


def believe(array: Any, written: str, memory: memoryview) -> None:
    """Let *array*, which was just made on *memory*, be known by what is *written*, or later on."""
    from dumbo.arguments import known

    known.remember(array, _read(written), memory)


def believe_table(value: Any, written: str, buffer: Any) -> None:
    """Let a table, just made on a map that is *buffer* to Arrow, be known likewise."""
    from dumbo.arguments import known, places

    within = (buffer.address, buffer.size)
    known.remember_made_of(value, _read(written), places.looks, within, buffer)


def _read(written: str) -> bytes | None:
    if not written:
        return None
    from dumbo.arguments import hashing

    version, _, digits = written.partition(":")
    return bytes.fromhex(digits) if version == str(hashing.VERSION) else None
