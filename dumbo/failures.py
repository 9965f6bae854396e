"""What goes wrong inside a call, as the reason that it leaves.

Knows errors and reasons; must not know calls, stores or what is done about it.
"""

from __future__ import annotations

from dumbo.errors import (
    Bypass,
    MadeOfStale,
    StorageError,
    UnhashableArgument,
    UnstorableResult,
    UntraceableFunction,
    UnusableDirectory,
)
from dumbo.explain import Reason
from dumbo.net import describe, raised_by

__all__ = ["Misfit", "is_for_good", "not_cached", "not_stored", "text_of"]


class Misfit(Bypass):
    """The arguments do not fit the function, which will say so itself when it is called."""


def not_cached(error: Exception) -> Reason:
    """Return why a call has to do without the cache."""
    if isinstance(error, Misfit):
        return Reason("misfit", why=str(error))
    if isinstance(error, UnhashableArgument):
        return Reason("unhashable", where=error.path or "?", why=error.reason)
    if isinstance(error, UnusableDirectory):
        return Reason("no store", why=str(error))
    if isinstance(error, Bypass):
        return Reason("unknown", why=str(error))
    if isinstance(error, (StorageError, OSError)):
        return Reason("no store", why=text_of(error))
    if isinstance(error, (MemoryError, RecursionError)):
        return Reason("unknown", why=f"not enough memory, or stack, for a key ({text_of(error)})")
    theirs = raised_by(error)
    if theirs:
        return Reason("unknown", why=f"{theirs} raised {describe(error)}")
    return Reason("failed", why=describe(error))


def not_stored(error: Exception) -> Reason:
    """Return why a result could not be stored."""
    if isinstance(error, UnstorableResult):
        return Reason("unstorable", why=str(error))
    if isinstance(error, MadeOfStale):
        return Reason("made of stale", of=str(error))
    if isinstance(error, Bypass):
        return Reason("unknown", why=str(error))
    if isinstance(error, UnusableDirectory):
        return Reason("no store", why=str(error))
    if isinstance(error, (StorageError, OSError)):
        return Reason("not stored", why=text_of(error))
    if isinstance(error, (MemoryError, RecursionError)):
        return Reason("not stored", why=f"not enough memory, or stack ({text_of(error)})")
    theirs = raised_by(error)
    if theirs:
        return Reason("not stored", why=f"{theirs} raised {describe(error)}")
    return Reason("failed", why=describe(error))


def is_for_good(error: Exception) -> bool:
    """Return whether *error* says that the function cannot be traced, wherever it is called."""
    return isinstance(error, UntraceableFunction) and not isinstance(
        error.__cause__, RecursionError
    )


def text_of(error: BaseException) -> str:
    return str(error) or type(error).__name__
