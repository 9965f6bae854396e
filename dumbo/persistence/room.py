"""When it is time to look whether a store is within its limit.

    written   how much may be written until somebody looks, and of what limit; then one byte for
              each thousandth of the limit that any process has written since somebody looked; who
              looks cuts them off, and adds a thousand of them until he has done

So it does not count how many processes write, nor whether they live: together they write one per
cent of the limit until one of them looks, or an eighth of what was left when that is more. And
whoever is killed while he removes what is too much leaves a file that says so: the next one to
write a thousandth takes his place.

Knows how much was written; must not know what, nor what goes when it is too much.
"""

from __future__ import annotations

import os
import struct

from dumbo.decision.eviction import HIGH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dumbo.persistence.ground import Ground

__all__ = ["begin", "count", "done", "is_due", "is_pressing", "look_again"]

_NAME = "written"
_HEAD = struct.Struct(">QH")  # the limit, and after how many steps of it somebody is to look
_STEP = 0.001  # of the limit
_DUE = 10  # steps
_PART = 8  # of what is left, that may be written until somebody looks
_MOST = 250  # that one process tells at once: what is larger is not waited for
_AT_IT = 1000  # steps that nobody has written: somebody is removing, or was killed meanwhile
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def count(store: Ground, size: int) -> bool:
    """Take in that so many bytes are written; return whether it is time to look.

    It also is if somebody is at it, for he may have been killed there.
    """
    store.written += size
    limit = store.size_limit
    if limit is None:
        return False
    store.untold += size
    step = max(1.0, limit * _STEP)
    if store.untold < step:
        return False
    steps = int(store.untold / step)
    store.untold -= steps * step
    return _tell(store, min(steps, _MOST))


def _tell(store: Ground, steps: int) -> bool:
    """Add to what all processes have written; return whether that is enough."""
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _SAFE
    try:
        fd = os.open(os.path.join(store.root, _NAME), flags, 0o600)
    except OSError:  # something else is there: each looks for itself
        return steps >= _DUE or store.written > (store.size_limit or 0) * _STEP * _DUE
    try:
        os.write(fd, b"." * steps)
        written, due = _read(store, fd)
    except OSError:
        return True
    finally:
        os.close(fd)
    return written >= due


def look_again(store: Ground) -> None:
    """It was time to look, and nobody did: let it be time again when more is written."""
    store.untold = (store.size_limit or 0) * _STEP


def is_due(store: Ground) -> bool:
    """Whether it is still time to look, after somebody else has; or has begun to, and died."""
    written, due = _look(store)
    return written >= due


def is_pressing(store: Ground) -> bool:
    """Whether so much was written that who writes more should wait for who is looking."""
    written, due = _look(store)
    return written % _AT_IT >= due


def begin(store: Ground) -> int:
    """Somebody looks: count from here; return how many bytes may be on their way to the disk."""
    store.written = 0
    written = _write(store, _DUE, lambda written: _AT_IT)
    # Who was killed had begun when at least so much was on its way.
    steps = written % _AT_IT + _DUE if written >= _AT_IT else written
    return int(min(steps, _MOST) * (store.size_limit or 0) * _STEP)


def done(store: Ground) -> None:
    """What was too much is gone: as far as the limit is away, there is time until the next look."""
    left = HIGH - store.used / (store.size_limit or 1)
    due = min(_MOST, max(_DUE, int(left / _STEP / _PART)))
    _write(store, due, lambda written: max(0, written - _AT_IT))


def _look(store: Ground) -> tuple[int, int]:
    try:
        fd = os.open(os.path.join(store.root, _NAME), os.O_RDONLY | _SAFE)
    except OSError:
        return 0, _DUE
    try:
        return _read(store, fd)
    except OSError:
        return 0, _DUE
    finally:
        os.close(fd)


def _read(store: Ground, fd: int) -> tuple[int, int]:
    """How many steps were written, and after how many somebody is to look."""
    size = os.fstat(fd).st_size
    head = os.pread(fd, _HEAD.size, 0)
    if len(head) < _HEAD.size or head.startswith(b"."):  # nobody has looked yet
        return size, _DUE
    limit, due = _HEAD.unpack(head)
    return size - _HEAD.size, due if limit == store.size_limit else _DUE


def _write(store: Ground, due: int, length: Callable[[int], int]) -> int:
    """Say when to look, and let the steps written be so many; return how many they were."""
    try:
        fd = os.open(os.path.join(store.root, _NAME), os.O_RDWR | _SAFE)
    except OSError:
        return 0
    try:
        written, _ = _read(store, fd)
        os.pwrite(fd, _HEAD.pack(store.size_limit or 0, due), 0)
        os.ftruncate(fd, _HEAD.size + length(written))
    except OSError:  # then the next one to write looks again
        return 0
    finally:
        os.close(fd)
    return written
