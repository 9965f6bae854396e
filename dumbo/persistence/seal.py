"""Signatures: only who has the key can have written a result.

Behind a signed payload stand 32 bytes: HMAC-SHA256, with the key, of whose result it is, how it
is encoded, when it was stored, and the SHA-256 of the payload. They are checked before anything is
decoded, the first time that a process reads a file, and each time that it reads a row. A codec's
number has a bit that says that they are there.

What proves closures, and what finds near calls, decides on a hit as well: where there is a key,
the checksums of these rows and records are the first 8 bytes of an HMAC.

Knows bytes and keys; must not know files, rows or values.
"""

from __future__ import annotations

import os
import stat

from dumbo.errors import CorruptBlob, UnusableDirectory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Buffer: TypeAlias = bytes | bytearray | memoryview

__all__ = ["GIVEN", "SET", "SIGNED", "SIZE", "Seal", "Withheld", "bare", "is_set", "read_key"]

SIGNED = 0x4000  # the bit of the codec
SIZE = 32
_LEAST = 16  # bytes of a key


class Withheld:
    """Stands for a signing key where a pickled cache was loaded, for the key did not travel.

    Attributes:
        was_set: whether the environment said it where the pickle was written; so it may here.
    """

    __slots__ = ("was_set",)

    def __init__(self, was_set: bool) -> None:
        self.was_set = was_set


SET = Withheld(True)
GIVEN = Withheld(False)


class Seal:
    """Signs and checks with one key."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(
        self,
        closure: bytes,
        key: bytes,
        extras: bytes,
        python: int,
        codec: int,
        created: int,
        payload: Buffer,
    ) -> bytes:
        """Return the signature of a payload, and of whose it is."""
        # Imported here: few caches are signed.
        import hashlib
        import hmac

        lengths = b"%d.%d.%d.%d.%d.%d." % (
            len(closure), len(key), len(extras), python, codec & ~SIGNED, created
        )  # fmt: skip
        whole = lengths + closure + key + extras + hashlib.sha256(payload).digest()
        return hmac.digest(self._key, whole, "sha256")

    def check(
        self,
        closure: bytes,
        key: bytes,
        extras: bytes,
        python: int,
        codec: int,
        created: int,
        signed: Buffer,
    ) -> None:
        """Check a payload that its signature follows.

        Raises:
            CorruptBlob: if it has none, or another key's.
        """
        import hmac

        if not codec & SIGNED or len(signed) < SIZE:
            raise CorruptBlob("is not signed")
        view = memoryview(signed)
        ours = self.sign(closure, key, extras, python, codec, created, view[:-SIZE])
        if not hmac.compare_digest(ours, bytes(view[-SIZE:])):
            raise CorruptBlob("is not signed with this key")

    def mark(self, kind: bytes, data: bytes) -> bytes:
        """Return what stands in place of the 8 bytes of a checksum of *data*."""
        import hmac

        return hmac.digest(self._key, b"%b %d " % (kind, len(data)) + data, "sha256")[:8]


def bare(codec: int, payload: Buffer) -> Buffer:
    """A payload without its signature, if it has one."""
    if not codec & SIGNED:
        return payload
    return payload[:-SIZE] if type(payload) is bytes else memoryview(payload)[:-SIZE]


def is_set() -> bool:
    """Whether the environment says anything of a key, be it good or not."""
    return "DUMBO_SIGNING_KEY" in os.environ or "DUMBO_SIGNING_KEY_FILE" in os.environ


def read_key(given: str | bytes | Withheld | None = None) -> bytes | None:
    """The key that is *given*, or set by ``DUMBO_SIGNING_KEY`` or ``DUMBO_SIGNING_KEY_FILE``.

    Raises:
        UnusableDirectory: if it cannot be read, or is none; then nothing must be trusted.
    """
    if isinstance(given, Withheld):
        key = _key_that_is_set() if given.was_set else None
        if key is None:
            raise UnusableDirectory(_NOT_HERE if given.was_set else _STAYED_BEHIND)
        return key
    if given is not None:
        key = given.encode() if isinstance(given, str) else given
        return _long_enough(key, "the signing key")
    return _key_that_is_set()


_NOT_HERE = (
    "the cache was signed where this function was pickled, and there is no key here: "
    "set DUMBO_SIGNING_KEY or DUMBO_SIGNING_KEY_FILE in this process, too"
)
_STAYED_BEHIND = (
    "the cache is signed with a key that the program gave, which no pickle takes along: "
    "set DUMBO_SIGNING_KEY_FILE in both processes instead, or let this one import the function"
)


def _key_that_is_set() -> bytes | None:
    set_directly = os.environ.get("DUMBO_SIGNING_KEY")
    if set_directly is not None:  # an empty one is too short, and not none: nobody meant that
        return _long_enough(set_directly.encode("utf-8", "surrogateescape"), "DUMBO_SIGNING_KEY")
    path = os.environ.get("DUMBO_SIGNING_KEY_FILE")
    if path is None:
        return None
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would keep the program for ever.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(fd)
            key = os.read(fd, 4096).strip() if stat.S_ISREG(status.st_mode) else b""
        finally:
            os.close(fd)
    except OSError as error:
        raise UnusableDirectory(
            f"the signing key in {path!r} cannot be read ({error.strerror}): "
            "set DUMBO_SIGNING_KEY_FILE to a file that can, or unset it"
        ) from error
    if not stat.S_ISREG(status.st_mode):
        raise UnusableDirectory(
            f"{path!r} is no regular file, so no signing key is read from it: "
            "set DUMBO_SIGNING_KEY_FILE to one, or unset it"
        )
    if status.st_uid not in (os.geteuid(), 0):
        raise UnusableDirectory(
            f"the signing key in {path!r} belongs to user {status.st_uid}, but this process runs "
            f"as user {os.geteuid()}: set DUMBO_SIGNING_KEY_FILE to a file of this user or of root"
        )
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UnusableDirectory(
            f"others can read the signing key in {path!r}: `chmod 600 {path!r}`"
        )
    return _long_enough(key, f"the signing key in {path!r}")


def _long_enough(key: bytes, where: str) -> bytes:
    if len(key) < _LEAST:
        raise UnusableDirectory(
            f"{where} is {len(key)} bytes long: make it {_LEAST} or more, such as "
            "`python -c 'import secrets; print(secrets.token_hex(32))'`"
        )
    return key
