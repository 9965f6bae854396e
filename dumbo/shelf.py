"""Directories of results: one open store per directory and process, opened by the first call.

Knows paths and stores; must not know functions, calls or settings. Nothing here touches the
disk before `Shelf.open`, save that an explicitly given directory is looked at.
"""

from __future__ import annotations

import os
import sys

import dumbo.forks  # noqa: F401 - watches over what is imported from here on
from dumbo import config, logs
from dumbo.errors import InvalidUse, UnusableDirectory
from dumbo.tracing import DIGEST_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from dumbo.persistence.seal import Withheld
    from dumbo.persistence.store import Store

    Key: TypeAlias = str | bytes | Withheld | None
    Place: TypeAlias = tuple[str, Key, bool, bool, bool]

__all__ = ["Shelf", "check_key", "check_usable"]

stores: dict[Place, Store] = {}

# Keys that went into pickles of this process, each as a number that nobody can guess: who is a
# child of it, or itself, has this table, too.
_pledged: dict[bytes, str | bytes] = {}


class Shelf:
    """The directory that some memoized functions share.

    Attributes:
        directory: its absolute path; it need not exist before the first result is stored.
        size_limit: bytes; None: what the settings say, 0: no limit.
        signing_key, allow_pickle, durable, compress: see `Cache`.
    """

    __slots__ = (
        "allow_pickle", "compress", "directory", "durable", "signing_key", "size_limit",
    )  # fmt: skip

    def __init__(
        self,
        directory: str,
        *,
        size_limit: int | None = None,
        signing_key: Key = None,
        allow_pickle: bool = True,
        durable: bool = False,
        compress: bool = False,
    ) -> None:
        self.durable = durable
        self.compress = compress
        self.directory = directory
        self.size_limit = size_limit
        self.signing_key = signing_key
        self.allow_pickle = allow_pickle

    def open(self) -> Store:
        """Return the store of this directory, the same for everyone in this process."""
        # With other rules for what may be read, it is another store.
        place = self.place()
        store = stores.get(place)
        if store is None:
            # Imported here: `import dumbo` must not pay for SQLite.
            from dumbo.persistence.store import Store

            # Two threads may both get here; setdefault lets only one of the two stores live.
            limit = config.size_limit() if self.size_limit is None else self.size_limit
            fresh = Store(
                self.directory,
                digest_version=DIGEST_VERSION,
                size_limit=limit or None,
                signing_key=self.signing_key,
                allow_pickle=self.allow_pickle,
                durable=self.durable,
                compress=self.compress,
            )
            if not stores:
                _say_what_is_unknown()
            store = stores.setdefault(place, fresh)
        elif self.size_limit is not None:
            store.size_limit = self.size_limit or None
        return store

    def place(self) -> Place:
        """Return what tells its store from others of this process."""
        return self.directory, self.signing_key, self.allow_pickle, self.durable, self.compress

    def __getstate__(self) -> dict[str, Any]:
        """What a pickle holds: all that was said, but of the key only that there is one."""
        state = {name: getattr(self, name) for name in Shelf.__slots__}
        state["signing_key"] = _pledge(self.signing_key)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name in Shelf.__slots__:
            setattr(self, name, state[name])
        self.signing_key = _redeemed(state["signing_key"])

    def release(self) -> None:
        """Close connections and files; the next call opens them anew."""
        flush = getattr(sys.modules.get("dumbo.accounts.bookkeeping"), "flush", None)
        if flush is not None:
            flush(directory=self.directory)
        store = stores.pop(self.place(), None)
        if store is not None:
            store.close()


def _pledge(key: Key) -> object:
    """What stands for *key* in a pickle: None, a number in our table, or a word of `_redeemed`."""
    # Imported here and below: few programs pickle functions.
    from dumbo.persistence import seal

    if key is None:
        return "set" if seal.is_set() else None
    if isinstance(key, seal.Withheld):
        return "set" if key.was_set else "given"
    for number, known in list(_pledged.items()):
        if type(known) is type(key) and known == key:
            return number
    number = os.urandom(16)
    _pledged[number] = key
    return number


def _redeemed(pledge: object) -> Key:
    """The key that a pickle speaks of; without it, what keeps the cache from being used."""
    from dumbo.persistence import seal

    if pledge is None:
        return None
    if pledge == "set":
        return seal.SET
    return _pledged.get(pledge, seal.GIVEN) if isinstance(pledge, bytes) else seal.GIVEN


def _say_what_is_unknown() -> None:
    unknown = config.unknown_variables()
    if unknown:
        logs.log(
            logs.WARNING,
            f"{', '.join(unknown)}: there is no such setting, and it does nothing; dumbo reads "
            + ", ".join(config.known_variables()),
        )


def check_key(key: object) -> None:
    """Raise if *key* is no key to sign with.

    Raises:
        InvalidUse: what is wrong with it.
    """
    if not isinstance(key, (str, bytes)):
        raise InvalidUse(f"signing_key is of type {type(key).__name__}: give a string or bytes")
    # Imported here: few programs sign.
    from dumbo.persistence.seal import read_key

    read_key(key)


def check_compression() -> None:
    """Raise if nothing here can compress.

    Raises:
        InvalidUse: what it takes.
    """
    # Imported here: few programs compress.
    from dumbo.persistence.squeeze import zstd

    try:
        zstd()
    except ImportError as error:
        raise InvalidUse(
            f"compress=True takes zstd ({error}): pip install 'dumbo[zstd]'"
        ) from error


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
