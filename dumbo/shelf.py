"""Directories of results: one open store per directory and process, opened by the first call.

Knows paths and stores; must not know functions, calls or settings. Nothing here touches the
disk before `Shelf.open`, save that an explicitly given directory is looked at.
"""

from __future__ import annotations

import os

import dumbo.forks  # noqa: F401 - watches over what is imported from here on
from dumbo import config
from dumbo.errors import UnusableDirectory
from dumbo.tracing import DIGEST_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.persistence.store import Store

__all__ = ["Shelf", "check_usable"]

_stores: dict[str, Store] = {}


class Shelf:
    """The directory that some memoized functions share.

    Attributes:
        directory: its absolute path; it need not exist before the first result is stored.
        size_limit: bytes; None: what the settings say, 0: no limit.
    """

    __slots__ = ("directory", "size_limit")

    def __init__(self, directory: str, *, size_limit: int | None = None) -> None:
        self.directory = directory
        self.size_limit = size_limit

    def open(self) -> Store:
        """Return the store of this directory, the same for everyone in this process."""
        store = _stores.get(self.directory)
        if store is None:
            # Imported here: `import dumbo` must not pay for SQLite.
            from dumbo.persistence.store import Store

            # Two threads may both get here; setdefault lets only one of the two stores live.
            limit = config.size_limit() if self.size_limit is None else self.size_limit
            fresh = Store(self.directory, digest_version=DIGEST_VERSION, size_limit=limit or None)
            store = _stores.setdefault(self.directory, fresh)
        elif self.size_limit is not None:
            store.size_limit = self.size_limit or None
        return store

    def release(self) -> None:
        """Close connections and files; the next call opens them anew."""
        store = _stores.pop(self.directory, None)
        if store is not None:
            store.close()


def check_usable(directory: str) -> None:
    """Raise if *directory* certainly cannot hold results; creates nothing.

    Only for a directory that the program names itself: one from the environment may be broken
    on this machine without the program being wrong, and then its functions just run.

    Raises:
        UnusableDirectory: if it is no directory, or can neither be read nor created.
    """
    path = directory
    while not os.path.lexists(path):
        parent = os.path.dirname(path)
        if parent == path:
            break
        path = parent
    if not os.path.isdir(path):
        what = "is not a directory" if path == directory else f"lies below {path!r}, which is none"
        raise UnusableDirectory(f"the cache directory {directory!r} {what}: give another one")
    needed = os.R_OK | os.X_OK if path == directory else os.W_OK | os.X_OK
    if not os.access(path, needed):
        what = "cannot be read" if path == directory else f"cannot be created in {path!r}"
        raise UnusableDirectory(
            f"the cache directory {directory!r} {what} by this user: "
            "change its permissions, or give another one"
        )
