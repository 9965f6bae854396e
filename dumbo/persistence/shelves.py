"""The folders that files of results lie in, and what else is found there.

Knows names of files; must not know what is in them.
"""

from __future__ import annotations

import os
import stat
import time

from dumbo.persistence import folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIX = ".part"  # of a temporary
_STALE = 3600.0  # seconds after which the temporary of a killed process is swept


def walk(directory: str) -> Iterator[str]:
    """The paths of all blobs under *directory*, its `blobs` folder; sweeps old temporaries."""
    for shelf in shelves(directory):
        yield from shelved(shelf)


def shelves(directory: str) -> list[str]:
    """The folders under *directory*, its `blobs` folder, that blobs lie in."""
    paths = [os.path.join(directory, name) for name in _names(directory) if len(name) == 2]
    return [path for path in paths if folder.is_trusted(path)]


def is_written(name: str) -> bool:
    """Whether a temporary of that name belongs to a process that is there, as far as we see."""
    parts = name.split(".")
    if len(parts) != 4 or not name.endswith(SUFFIX) or not parts[1].isdigit():
        return False
    try:
        os.kill(int(parts[1]), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def is_file(status: os.stat_result) -> bool:
    """Whether what was looked at is a regular file."""
    return stat.S_ISREG(status.st_mode)


def shelved(shelf: str) -> Iterator[str]:
    """The paths of the blobs in one folder; sweeps old temporaries on the way."""
    for name in _names(shelf) if folder.is_trusted(shelf) else ():
        path = os.path.join(shelf, name)
        if name.endswith(SUFFIX):
            _sweep(path)
        elif len(name) == 32:
            yield path


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except OSError:
        return []


def _sweep(path: str) -> None:
    try:
        if os.lstat(path).st_mtime < time.time() - _STALE:
            os.unlink(path)
    except OSError:  # its owner was faster
        pass


def remove(path: str) -> bool:
    """Remove a blob, whatever is in its place; say whether there was one that went."""
    shelf = os.path.dirname(path)
    if shelf not in folder.trusted and not folder.is_trusted(shelf):
        return False  # no folder, or one that is not followed
    try:
        os.unlink(path)
    except FileNotFoundError:
        return False
    except OSError:
        # A directory, which may hold anything: out of the way, but not lost.
        return set_aside(path)
    return True


def unlink(path: str) -> None:
    """Remove a file, if that can be done."""
    try:
        os.unlink(path)
    except OSError:
        pass


def set_aside(path: str) -> bool:
    """Give what is at *path* a name where it is in nobody's way; say whether that was done."""
    try:
        os.rename(path, f"{path}.{os.urandom(4).hex()}.aside")
    except OSError:
        return False
    return True
