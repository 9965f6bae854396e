"""What SQLite says when something goes wrong, and what follows from it.

    taken    somebody else has the lock: a matter of time
    passing  of the machine, not of the file: no memory, no room, no right to write
    damaged  of the file: it is set aside

Knows the codes; must not know what was being done.
"""

from __future__ import annotations

import _sqlite3 as sqlite  # `sqlite3` itself imports datetime and more, for adapters
import errno

__all__ = ["DAMAGED", "ERRORS", "PASSING", "TAKEN", "as_oserror", "primary"]

# What SQLite says about a damaged file may quote it, and then be no text.
ERRORS = (sqlite.Error, UnicodeDecodeError)

_BUSY, _LOCKED, _NOMEM, _READONLY, _INTERRUPT = 5, 6, 7, 8, 9
_IOERR, _CORRUPT, _FULL, _CANTOPEN, _SCHEMA_CHANGED, _TOOBIG = 10, 11, 13, 14, 17, 18
_ERROR, _CONSTRAINT, _MISMATCH, _FORMAT, _NOTADB = 1, 19, 20, 24, 26
_MOVED = _READONLY | 4 << 8  # the file was renamed or removed: SQLite looks before it writes

TAKEN = frozenset((_BUSY, _LOCKED))
PASSING = frozenset((_BUSY, _LOCKED, _NOMEM, _READONLY, _INTERRUPT, _FULL, _TOOBIG))
# _ERROR is a table or column that is gone: our statements themselves are tested.
DAMAGED = frozenset((_ERROR, _CORRUPT, _CONSTRAINT, _MISMATCH, _FORMAT, _NOTADB))
_ERRNO = {
    _BUSY: errno.ETIMEDOUT,
    _LOCKED: errno.ETIMEDOUT,
    _NOMEM: errno.ENOMEM,
    _READONLY: errno.EROFS,
    _FULL: errno.ENOSPC,
    _CANTOPEN: errno.ENOENT,
}


def primary(error: sqlite.Error | UnicodeDecodeError) -> int:
    """Return the code of *error* without what it adds for the very case; -1: it says nothing."""
    if isinstance(error, UnicodeDecodeError):
        return _CORRUPT
    code: int = getattr(error, "sqlite_errorcode", -1)  # Python's own errors have none
    return -1 if code == _MOVED else code & 0xFF if code >= 0 else code


def as_oserror(error: sqlite.Error | UnicodeDecodeError, path: str) -> OSError:
    """Return *error* as what whoever keeps no index would have raised."""
    return OSError(_ERRNO.get(primary(error), errno.EIO), f"the index: {error}", path)
