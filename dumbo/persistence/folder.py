"""A directory that nobody else can write to.

What lies in it is unpickled, that is: run. So it is used only if it belongs to the
user who runs, and if neither its group nor the world can write to it; root is held
to the same.

Knows directories and modes; must not know what is kept in them.
"""

from __future__ import annotations

import os
import stat

from dumbo.errors import UnusableDirectory

_WAY_OUT = "Name another directory (cache=..., or the environment variable DUMBO_DIR)"
_TAG = (
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory is a cache made by dumbo: backups may leave it out.\n"
    "# See https://bford.info/cachedir/\n"
)


def prepare(directory: str) -> str:
    """Create *directory* where it is missing, check it, and return its real path.

    Raises:
        UnusableDirectory: if it cannot be created, is no directory, or is open to others.
    """
    real = os.path.realpath(directory)  # a link is followed once; what counts is its target
    try:
        if _create(real):
            _leave(os.path.join(real, "CACHEDIR.TAG"), _TAG)
            _leave(os.path.join(real, ".gitignore"), "*\n")
        status = os.stat(real)
    except OSError as error:
        raise UnusableDirectory(
            f"cache directory {directory!r} cannot be made or looked at: "
            f"{error.strerror or error} ({error.filename!r}). {_WAY_OUT}."
        ) from error
    _check(directory, real, status)
    return real


def subfolder(path: str) -> None:
    """Make the folder *path* inside a prepared directory; its parent must stand.

    Raises:
        OSError: if it cannot be made, or if something else is in its place.
    """
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode):  # a link to a directory is none of ours
            raise
        _check(path, path, status, "the folder {!r}, inside a cache,")
        return
    os.chmod(path, 0o700)  # the umask may have taken more than it should


trusted: set[str] = set()  # folders inside caches that this process has looked at

_LOOK = (
    getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
)  # macOS has no O_PATH, which takes no right to list what is in there


def trust(shelf: str) -> None:
    """Check a folder that files of results lie in, and the one above it: once in each process.

    Raises:
        UnusableDirectory: if others can change what is in there; and the way out.
        FileNotFoundError, NotADirectoryError: if there is none, and no link either.
        OSError: if that cannot be said.
    """
    for path in (os.path.dirname(shelf), shelf):
        if path in trusted:
            continue
        try:
            fd = os.open(path, _LOOK)
        except OSError:
            if os.path.islink(path):
                raise UnusableDirectory(
                    f"{path!r}, inside a cache, is a link, which may lead to what others can write "
                    f"to, and what lies in a cache is run when it is loaded. Remove the link, or "
                    f"let the directory of the cache itself be one. Else: {_WAY_OUT}."
                ) from None
            raise
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        _check(path, path, status, "the folder {!r}, inside a cache,")
        trusted.add(path)


def is_trusted(shelf: str) -> bool:
    """Whether a folder is there, and `trust` has nothing against it."""
    try:
        trust(shelf)
    except OSError:
        return False
    return True


def ours(status: os.stat_result) -> bool:
    """Whether a file belongs to this user and can be written to by nobody else."""
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _check(
    directory: str, real: str, status: os.stat_result, what: str = "cache directory {!r}"
) -> None:
    named = what.format(directory)
    if real != directory:
        named += f" (which is {real!r})"
    if not stat.S_ISDIR(status.st_mode):
        raise UnusableDirectory(f"{named} is not a directory. {_WAY_OUT}, or remove what is there.")
    if status.st_uid != os.geteuid():
        raise UnusableDirectory(
            f"{named} belongs to user {status.st_uid}, but this process runs as user "
            f"{os.geteuid()}, and what lies in a cache is run when it is loaded. {_WAY_OUT}."
        )
    if status.st_mode & 0o022:
        raise UnusableDirectory(
            f"{named} can be written to by other users (mode "
            f"{stat.S_IMODE(status.st_mode):04o}), and what lies in a cache is run when it is "
            f"loaded. If you trust what is in it, `chmod go-w {real!r}`. Else: {_WAY_OUT}."
        )


def _create(real: str) -> bool:
    """Create *real* and its missing parents, each of them 0700; say whether it was missing."""
    if os.path.isdir(real):
        return False
    missing = []
    path = real
    while not os.path.lexists(path):
        missing.append(path)
        path = os.path.dirname(path)
    for path in reversed(missing):
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # another process was faster
            continue
        os.chmod(path, 0o700)
    return bool(missing)


def _leave(path: str, text: str) -> None:
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError:  # it is there, or it is missed by nobody
        return
    try:
        os.fchmod(fd, 0o600)  # the umask may have taken more than it should
        os.write(fd, text.encode())
    except OSError:  # a full disk: an empty tag says as little as none
        pass
    finally:
        os.close(fd)
