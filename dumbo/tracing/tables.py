"""Which code has filled a hand-made cache in this process, since it was empty.

A table that only this code has filled says nothing that the code does not say. If others
have filled it too, or nobody knows who did, its content counts.

    empty, or filled by this code alone    b""
    else                                   the digest of its content
    with functions or classes in it        `HOLDS_CODE`: they count too, so it is no such table

Knows tables by identity; must not know how code fills them.
"""

from __future__ import annotations

from dumbo.tracing.contents import content_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOLDS_CODE = b"holds code"  # as no digest is
_MANY = b"many"
# By id; the table is kept, so that no id is reused.
_filled: dict[int, tuple[dict[Any, Any], bytes]] = {}


def print_of(table: dict[Any, Any], fill: bytes) -> bytes:
    """See the module's docstring; *fill* is the digest of the code.

    Raises:
        UnhashableArgument: if the content counts and has no honest digest.
    """
    if not table:
        return b""
    known = _filled.get(id(table))
    if known is not None and known[1] == fill:
        return b""
    digest, roots = content_of(table)
    return HOLDS_CODE if roots else digest


def adopt(table: dict[Any, Any], fill: bytes) -> None:
    """Code of digest *fill* is about to run, and may write to *table*."""
    known = _filled.get(id(table))
    if not table:
        _filled[id(table)] = (table, fill)
    elif known is not None and known[1] != fill:
        _filled[id(table)] = (table, _MANY)
