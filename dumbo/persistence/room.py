"""When it is time to look whether a store is within its limit.

    written   one byte for each thousandth of the limit that any process has written since somebody
              looked; who looks cuts it off, and makes it a thousand longer until he has done

So it does not count how many processes write, nor whether they live: together they write one per
cent of the limit until one of them looks. And whoever is killed while he removes what is too much
leaves a file that says so: the next one to write a thousandth takes his place.

Knows how much was written; must not know what, nor what goes when it is too much.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from dumbo.persistence.ground import Ground

__all__ = ["begin", "count", "done", "is_due", "is_pressing", "look_again"]

_NAME = "written"
_STEP = 0.001  # of the limit
_DUE = 10  # steps
_MOST = 250  # that one process tells at once: what is larger is not waited for
_AT_IT = 1000  # steps that nobody has written: somebody is removing, or was killed meanwhile
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


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
    return _tell(store, min(steps, _MOST)) >= _DUE


def _tell(store: Ground, steps: int) -> int:
    """Add to what all processes have written; return how much that is."""
    try:
        fd = os.open(os.path.join(store.root, _NAME), _FLAGS | os.O_CREAT, 0o600)
    except OSError:  # something else is there: each looks for itself
        return _DUE if steps >= _DUE or _is_due(store) else 0
    try:
        os.write(fd, b"." * steps)
        return os.fstat(fd).st_size
    except OSError:
        return _DUE
    finally:
        os.close(fd)


def _is_due(store: Ground) -> bool:
    return store.size_limit is not None and store.written > store.size_limit * _STEP * _DUE


def look_again(store: Ground) -> None:
    """It was time to look, and nobody did: let it be time again when more is written."""
    store.untold = (store.size_limit or 0) * _STEP


def is_due(store: Ground) -> bool:
    """Whether it is still time to look, after somebody else has; or has begun to, and died."""
    return _written(store) >= _DUE


def is_pressing(store: Ground) -> bool:
    """Whether so much was written that who writes more should wait for who is looking."""
    return _written(store) % _AT_IT >= _DUE


def _written(store: Ground) -> int:
    try:
        return os.lstat(os.path.join(store.root, _NAME)).st_size
    except OSError:
        return 0


def begin(store: Ground) -> int:
    """Somebody looks: count from here; return how many bytes may be on their way to the disk."""
    store.written = 0
    steps = _cut(store, lambda size: _AT_IT)
    # Who was killed had begun when at least so much was on its way.
    steps = steps % _AT_IT + _DUE if steps >= _AT_IT else steps
    return int(min(steps, _MOST) * (store.size_limit or 0) * _STEP)


def done(store: Ground) -> None:
    """What was too much is gone."""
    _cut(store, lambda size: max(0, size - _AT_IT))


def _cut(store: Ground, length: Callable[[int], int]) -> int:
    """Make what was written so long; return how long it was."""
    try:
        fd = os.open(os.path.join(store.root, _NAME), _FLAGS)
    except OSError:
        return 0
    try:
        size = os.fstat(fd).st_size
        os.ftruncate(fd, length(size))
    except OSError:  # then the next one to write looks again
        return 0
    finally:
        os.close(fd)
    return size
