"""What dumbo raises, and the reasons it keeps to itself.

    DumboError
    ├── InvalidUse (TypeError, ValueError)      raised at decoration: what, where, the way out
    │   └── UnusableDirectory (OSError)         a cache directory that cannot be used
    ├── Bypass                                  stays inside: costs a recomputation, leaves a reason
    │   ├── UnhashableArgument                  a part of an argument, or of a global, has no key
    │   ├── UntraceableFunction                 what a function depends on cannot be known
    │   │   └── ClosureTooLarge                 it takes more work than it may
    │   └── FirstSeen                           what ran was not known of; the next time it is
    └── StorageError                            never leaves dumbo, save from explicit acts
        ├── UnstorableResult                    no codec could write a result
        ├── MadeOfStale                         a result that is made of another that is stale
        └── CorruptBlob                         stored bytes that are not what was written
            ├── MissingBlob                     nothing is where they were: somebody removed them
            └── OutOfReach                      they may be whole, and cannot be had now

    DumboWarning (UserWarning)                  the base of what dumbo warns of
    └── StaleResultWarning                      a stale result is handed out, as `on_stale` allows

Knows nothing of the rest; everything may know it.
"""

from __future__ import annotations


class DumboError(Exception):
    """The base of everything that dumbo raises."""


class InvalidUse(DumboError, TypeError, ValueError):
    """A decoration, a setting or a command that cannot be meant."""


class UnusableDirectory(InvalidUse, OSError):
    """A cache directory that cannot be created, read or trusted."""


class Bypass(DumboError):
    """This call cannot be cached, and why: the message is a sentence for `why`."""


class UnhashableArgument(Bypass):
    """A value, or a part of one, that has no honest key.

    Attributes:
        path: where in the argument, such as ``["weights"][3]``; empty for the whole.
        reason: why, without the path.
    """

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason, path)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class UntraceableFunction(Bypass):
    """A function whose dependencies cannot be known."""


class ClosureTooLarge(UntraceableFunction):
    """A function whose call graph takes more work to follow than it may."""


class FirstSeen(Bypass):
    """A function ran of which nobody knew before the run, so that only the next result is kept."""


class StorageError(DumboError):
    """Something about stored results."""


class UnstorableResult(StorageError):
    """A result that no codec can write.

    Attributes:
        part: where in the result, empty for the whole.
        cause: what the codec raised, or None.
    """

    def __init__(self, reason: str, part: str = "", cause: BaseException | None = None) -> None:
        super().__init__(reason, part)
        self.reason = reason
        self.part = part
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.part}: {self.reason}" if self.part else self.reason


class MadeOfStale(StorageError):
    """A result that is not stored: a stale one went into it, of the function of that name."""


class CorruptBlob(StorageError):
    """Stored bytes that are truncated, altered, foreign, misplaced or not loadable here."""


class MissingBlob(CorruptBlob):
    """A stored result that was evicted, or removed, after it was found."""


class OutOfReach(CorruptBlob):
    """A stored result that cannot be had for a reason that may pass, and is left as it is."""


class DumboWarning(UserWarning):
    """The base of what dumbo warns of."""


class StaleResultWarning(DumboWarning):
    """A stored result is handed out though something that it depends on has changed since.

    Only functions that were given ``on_stale=`` or ``recompute_within=`` do so, or all where the
    settings say it.
    """
