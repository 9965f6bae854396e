"""Where the draws of a call come from, and where its samples are.

    seed      function's name, key of the other arguments, number of the sample, root seed
    family    what the samples of one call share: 12 bytes of their keys, then the number

A seed says nothing about code, processes or the order of calls: an edit keeps its draws.

    version  change
    1        the first

Knows digests; must not know generators, calls or stores.
"""

from __future__ import annotations

import xxhash

__all__ = ["MOST", "Family", "Seed", "among", "family_of_draws", "family_of_runs", "tag_of"]

_VERSION = b"dumbo draws 1"
_PREFIX = 12  # bytes of a key that the samples of one call share
_SIZE = 16
MOST = (1 << 32) - 1  # the last number that fits behind them
_ODD = 0x9E3779B1  # odd, so that no two numbers below 2**32 meet


class Seed:
    """What the generator of one sample is seeded with.

    Attributes:
        wide: 128 bits.
        small: 32 bits, for what takes no more; two samples of one call never share it.
    """

    __slots__ = ("small", "wide")

    def __init__(self, label: str, key: bytes, number: int, root: int) -> None:
        call = _digest(b"seed", label.encode("utf-8", "surrogatepass"), key, b"%d" % root)
        whole = _digest(b"sample", call, b"%d" % number)
        self.wide = int.from_bytes(whole, "big")
        first = int.from_bytes(call[:4], "big")
        self.small = (first + number * _ODD) & MOST


class Family:
    """The keys of the samples of one call.

    Attributes:
        prefix: what they begin with.
    """

    __slots__ = ("_first", "prefix")

    def __init__(self, prefix: bytes, first: bytes | None = None) -> None:
        self.prefix = prefix
        self._first = first

    def key(self, number: int) -> bytes:
        """Return the key of a sample."""
        if number == 0 and self._first is not None:
            return self._first
        return self.prefix + number.to_bytes(_SIZE - _PREFIX, "big")

    def numbers(self, keys: list[bytes]) -> list[int]:
        """Return which samples *keys*, that begin with the prefix, belong to; without the first."""
        found = [int.from_bytes(key[_PREFIX:], "big") for key in keys]
        return sorted({number for number in found if number or self._first is None})


def tag_of(label: str, root: int, kind: str) -> bytes:
    """Return what tells the draws of one function, with one root seed, from all others."""
    return _digest(b"tag", label.encode("utf-8", "surrogatepass"), b"%d" % root, kind.encode())


def family_of_draws(key: bytes, tag: bytes) -> Family:
    """Return the family of a call whose generator dumbo makes."""
    return Family(_digest(b"draws", key, tag)[:_PREFIX])


def family_of_runs(key: bytes) -> Family:
    """Return the family of a call that finds its chance by itself.

    Its first sample is the result that it would have without samples.
    """
    return Family(_digest(b"runs", key)[:_PREFIX], key)


def among(neighbours: bytes, tag: bytes, number: int) -> bytes:
    """Return what calls that are near to each other share, if they are one and the same sample."""
    if not tag and not number:
        return neighbours
    return _digest(b"near", neighbours, tag, b"%d" % number)


def _digest(*parts: bytes) -> bytes:
    whole = b"".join([b"%d:" % len(part) + part for part in (_VERSION, *parts)])
    return xxhash.xxh3_128_digest(whole)
