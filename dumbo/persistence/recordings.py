"""A payload that grows while a generator is iterated, before it is known whose it will be.

Knows drafts and items; must not know keys, rows or who iterates.
"""

from __future__ import annotations

from dumbo.errors import UnstorableResult
from dumbo.persistence.codecs import ITEMS
from dumbo.persistence.drafts import Draft
from dumbo.persistence.headers import Header
from dumbo.persistence.items import Writer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Recording"]

_RESERVED = 1024  # bytes for a header that is written last


class Recording:
    """What has been yielded so far: in memory while it is small, then in a temporary file."""

    __slots__ = ("_writer", "draft", "largest")

    def __init__(self, path: str, prove: Callable[..., object]) -> None:
        header = Header("", bytes(16), bytes(16), b"", 0, 0, 0)
        header.reserved = _RESERVED
        self.draft = Draft(path, header)
        self.largest = 1 << 62  # bytes
        self._writer = Writer(self.draft, prove)

    def before(self) -> None:
        """The generator is about to go on, and nobody else changes what it yielded."""
        self._writer.before()

    def add(self, item: object) -> None:
        """Record *item*, which may change as soon as this returns.

        Raises:
            UnstorableResult: if it would not come back as it is, or is one too many.
            OSError: if it cannot be written.
        """
        self._writer.add(item)
        if self.draft.size > self.largest:
            raise UnstorableResult(f"yields more than {self.largest} bytes, which is too much")

    def end(self, returned: object) -> None:
        """Record what the generator returned."""
        self._writer.end(returned)

    def becomes(self, path: str, header: Header) -> None:
        """Say whose result it is.

        Raises:
            UnstorableResult: if that takes more room than was left for it.
        """
        header.reserved = _RESERVED
        header.codec = ITEMS
        if len(header.pack()) > _RESERVED:  # which also says where the payload begins
            raise UnstorableResult("the name of its function is too long")
        self.draft.path = path
        self.draft.header = header

    def drop(self) -> None:
        """Remove what was written."""
        self.draft.__exit__()
