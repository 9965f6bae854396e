"""A store with short words, for the tests beside this file and for the children they start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dumbo.persistence.store import Store


def digest(number: int) -> bytes:
    """A number as a digest: spread as digests are."""
    return (number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % (1 << 128)).to_bytes(16, "big")


class Desk:
    """A store with short words: one function, one closure, keys by number."""

    closure = digest(10**9)

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store = Store(directory)

    def save(self, number: int, value: object, **more: Any) -> Any:
        options = {"function": "mod:func", "compute": 1.5} | more
        return self.store.save(self.closure, digest(number), value, **options)

    def find(self, number: int) -> Any:
        return self.store.find(self.closure, digest(number))

    def load(self, number: int) -> Any:
        return self.store.load(self.find(number))

    def again(self) -> Desk:
        """Another store of the same directory, which has nothing open and nothing verified."""
        self.store.close()
        return Desk(self.directory)

    @property
    def index(self) -> Path:
        return self.directory / "index.sqlite"

    def blobs(self) -> list[Path]:
        return sorted(path for path in self.directory.glob("blobs/*/*") if len(path.name) == 32)

    def blob(self, number: int, value: object) -> Path:
        """Save, and say which file that made."""
        before = set(self.blobs())
        self.save(number, value)
        (path,) = set(self.blobs()) - before
        return path
