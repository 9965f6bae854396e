"""What people have said of versions: that the results of an old one are as good for a new one.

    file      accepted/<16 hexadecimal digits>.json in the directory of the cache
    holds     {"statement": {...}, "signature": "..."}; signed where the cache is
    statement version, function, pairs (of an older closure digest and a newer), who, when, changes,
              diff, why; "seen": of a closure and the digest of a list of what was seen to run, by
              name the digests as they are now; with "revoked", who and when, it says nothing more

One small file for each, written under another name and put in place at once: a person can read
them, and an index that is lost does not take them along. A cache in which nobody has said
anything has no such folder, and asking costs one look for it.

Knows files and pairs of digests; must not know what a closure is, nor who may say what.
"""

from __future__ import annotations

import os
import time

from dumbo.errors import CorruptBlob, StorageError
from dumbo.persistence import folder
from dumbo.persistence.seal import SIGNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.persistence.seal import Seal

__all__ = ["Statements"]

# version  change
# 1        the first
_VERSION = 1
_FOLDER = "accepted"
_SETTLED = 2.0  # seconds after which a folder's time tells all changes apart
_LOOK = 0.05  # seconds, as those after which a reader of the tail looks at its path
_LARGEST = 1_000_000  # bytes of one statement


class Statements:
    """The statements of one cache."""

    __slots__ = (
        "_directory", "_lately", "_look_at", "_older", "_read_at", "_seal", "_seen", "_stamp"
    )  # fmt: skip

    def __init__(self, root: str, seal: Seal | None) -> None:
        self._directory = os.path.join(root, _FOLDER)
        self._seal = seal
        self._stamp = 0
        self._lately = False
        self._look_at = 0.0
        self._read_at = 0.0
        self._older: dict[bytes, list[bytes]] = {}
        self._seen: dict[tuple[bytes, bytes], list[dict[str, bytes]]] = {}

    def exist_lately(self, now: float) -> bool:
        """Do what `exist` does, for who asks all the time: as of some milliseconds ago.

        Parameters:
            now: the time, by any clock that only goes on.
        """
        if now >= self._look_at:
            self._lately = self.exist()
            self._look_at = now + _LOOK
        return self._lately

    def exist(self) -> bool:
        """Whether anybody has ever said anything."""
        try:
            stamp = os.stat(self._directory).st_mtime_ns
        except OSError:
            return False
        if stamp != self._stamp or self._read_at - stamp / 1e9 < _SETTLED:
            self._read_at = time.time()
            self._stamp = stamp
            self._older, self._seen = self._pairs()
        return True

    def older(self, closure: bytes) -> list[bytes]:
        """The closures whose results are as good as those of *closure*, the nearest first."""
        if not self.exist():
            return []
        found = {closure: None}
        queue = [closure]
        for newer in queue:
            for one in self._older.get(newer, ()):
                if one not in found:
                    found[one] = None
                    queue.append(one)
        return queue[1:]

    def seen(self, closure: bytes, extras: bytes) -> dict[str, list[bytes]]:
        """What results with these extras were seen to run, by name, and what it may be now."""
        found: dict[str, list[bytes]] = {}
        if extras and self.exist():
            for named in self._seen.get((closure, extras), ()):
                for name, digest in named.items():
                    found.setdefault(name, []).append(digest)
        return found

    def every(self) -> dict[str, dict[str, Any]]:
        """All statements by their names, those that are revoked too, the first first."""
        found: dict[str, dict[str, Any]] = {}
        try:
            names = os.listdir(self._directory)
        except OSError:
            return found
        for name in names:
            statement = self._read(name) if name.endswith(".json") else None
            if statement is not None:
                found[name.removesuffix(".json")] = statement
        return dict(sorted(found.items(), key=lambda item: str(item[1].get("when"))))

    def add(self, statement: dict[str, Any]) -> str:
        """Write a statement down, and return its name.

        Raises:
            OSError: if it cannot be written.
        """
        name = os.urandom(8).hex()
        self._write(name, {"version": _VERSION, **statement})
        return name

    def revoke(self, name: str, who: str, when: str) -> dict[str, Any]:
        """Take a statement back, and return it.

        Raises:
            StorageError: if there is none of that name.
            OSError: if that cannot be written.
        """
        statement = self._read(f"{name}.json")
        if statement is None:
            raise StorageError(f"nothing was accepted under the name {name}")
        self._write(name, {**statement, "revoked": {"who": who, "when": when}})
        return statement

    # -- files ---------------------------------------------------------------------------

    def _pairs(
        self,
    ) -> tuple[dict[bytes, list[bytes]], dict[tuple[bytes, bytes], list[dict[str, bytes]]]]:
        older: dict[bytes, list[bytes]] = {}
        seen: dict[tuple[bytes, bytes], list[dict[str, bytes]]] = {}
        for statement in self.every().values():
            if statement.get("revoked"):
                continue
            for old, new in statement["pairs"]:
                older.setdefault(bytes.fromhex(new), []).append(bytes.fromhex(old))
            for closure, extras, named in statement.get("seen", ()):
                known = seen.setdefault((bytes.fromhex(closure), bytes.fromhex(extras)), [])
                known.append({name: bytes.fromhex(digest) for name, digest in named.items()})
        return older, seen

    def _read(self, name: str) -> dict[str, Any] | None:
        """The statement in a file; None if it is none, or not one to be believed."""
        # Imported here: most caches have no statements.
        import json

        path = os.path.join(self._directory, name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                ours = folder.ours(os.fstat(fd))
                data = os.read(fd, _LARGEST)
            finally:
                os.close(fd)
            if not ours:
                return None
            whole = json.loads(data)
            statement = whole["statement"]
            self._check(statement, whole.get("signature", ""))
            pairs = [(bytes.fromhex(old), bytes.fromhex(new)) for old, new in statement["pairs"]]
            for closure, extras, named in statement.get("seen", ()):
                pairs += [(bytes.fromhex(closure), bytes.fromhex(one)) for one in named.values()]
                bytes.fromhex(extras)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, CorruptBlob):
            return None
        whole_digests = all(len(one) == 16 for pair in pairs for one in pair)
        return statement if statement.get("version") == _VERSION and whole_digests else None

    def _check(self, statement: dict[str, Any], signature: str) -> None:
        if self._seal is not None:
            signed = _canonical(statement) + bytes.fromhex(signature)
            self._seal.check(b"accepted", b"", b"", 0, SIGNED, 0, signed)

    def _write(self, name: str, statement: dict[str, Any]) -> None:
        import json

        folder.subfolder(self._directory)
        whole: dict[str, Any] = {"statement": statement}
        if self._seal is not None:
            signature = self._seal.sign(b"accepted", b"", b"", 0, SIGNED, 0, _canonical(statement))
            whole["signature"] = signature.hex()
        path = os.path.join(self._directory, f"{name}.json")
        temporary = f"{path}.{os.urandom(4).hex()}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(temporary, flags, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(json.dumps(whole, indent=1).encode())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        self._stamp = 0
        self._look_at = 0.0


def _canonical(statement: dict[str, Any]) -> bytes:
    import json

    return json.dumps(statement, sort_keys=True).encode()
