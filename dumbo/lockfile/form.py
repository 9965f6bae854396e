"""A lock in memory, and as text.

    # dumbo.lock ...            what it is, for people
    format 1
    python 3.13
    digests 3

    [shop:price]                a memoized function

    shop:helper                 each thing that it depends on, by name,
        function 9f86d081884c7d65   what it is, and a digest of itself
        > shop:RATE             and what it leads to, in the order of its source

Each line says one thing, and a name stands between any two digests, so that git merges changes
of different things, and a change of one thing is a change of one line.

Knows lines; must not know code.
"""

from __future__ import annotations

from typing import NamedTuple

from dumbo.errors import InvalidUse

__all__ = ["FORMAT", "Closure", "Lock", "Part", "read", "write"]

FORMAT = 1
_HEAD = """\
# What each memoized function depends on: names and digests, compared by `dumbo lock --check`.
# Written by `dumbo lock`. After a merge, write it again.
"""
_CONFLICT = ("<<<<<<< ", "=======", ">>>>>>> ", "||||||| ")
UNKNOWN = "unknown"  # the kind of what cannot be followed


class Part(NamedTuple):
    """One thing in a closure, by itself, and the names of what it leads to."""

    kind: str
    digest: str
    to: tuple[str, ...] = ()


class Closure(NamedTuple):
    """All that one memoized function depends on, itself included, by name."""

    parts: dict[str, Part]


class Lock(NamedTuple):
    """The closures of memoized functions, by label, and what wrote them."""

    closures: dict[str, Closure]
    python: str = ""
    digests: int = 0


def write(lock: Lock) -> str:
    """Return *lock* as text, in the order of names."""
    lines = [_HEAD, f"format {FORMAT}", f"python {lock.python}", f"digests {lock.digests}"]
    for label in sorted(lock.closures):
        lines += ["", f"[{label}]"]
        parts = lock.closures[label].parts
        for name in sorted(parts, key=lambda name: (name != label, name)):
            kind, digest, to = parts[name]
            lines += ["", name, f"    {kind} {digest}", *(f"    > {target}" for target in to)]
    return "\n".join(lines) + "\n"


def read(text: str, file: str) -> Lock:
    """Return the lock that *text*, of *file*, holds.

    Raises:
        InvalidUse: if it is none, of a newer format, or an unfinished merge.
    """
    head: dict[str, str] = {}
    closures: dict[str, Closure] = {}
    parts: dict[str, Part] = {}
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_CONFLICT):
            raise InvalidUse(f"{file}:{number}: an unfinished merge: {_AGAIN}")
        if not line.strip() or line.startswith("#"):
            continue
        try:
            if line.startswith("    > "):
                kind, digest, to = parts[name]
                parts[name] = Part(kind, digest, (*to, line[6:]))
            elif line.startswith("    "):
                kind, _, digest = line.strip().partition(" ")
                parts[name] = Part(kind, digest)
            elif line.startswith("[") and line.endswith("]"):
                parts = closures.setdefault(line[1:-1], Closure({})).parts
            elif not closures:
                key, _, value = line.partition(" ")
                head[key] = value
            else:
                name = line
        except KeyError:
            raise InvalidUse(
                f"{file}:{number}: {line.strip()!r} belongs to nothing: {_AGAIN}"
            ) from None
    if head.get("format") != str(FORMAT):
        found = f"of format {head['format']}" if "format" in head else "no lock"
        raise InvalidUse(f"{file}: that is {found}, and this dumbo reads format {FORMAT}: {_AGAIN}")
    digests = head.get("digests", "")
    return Lock(closures, head.get("python", ""), int(digests) if digests.isdigit() else 0)


_AGAIN = "write it again with `dumbo lock`"
