"""How the arguments of a call looked: what is kept of them beside a result, and who is nearest.

    bytes  marshal of (1, [(parameter, 8 bytes over what counts of it, a few characters)]), or, if
           all are numbers and short texts, of (2, parameters, arguments), of which the rest follows

Where nobody could say what stands for an argument, the bytes are missing, and the characters
have to do.

Knows parameters and how they look; must not know stores, keys or functions.
"""

from __future__ import annotations

import marshal

import xxhash

from dumbo.answers.brief import brief
from dumbo.arguments.hashing import digest_call, tokens_of_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from typing import Any, TypeAlias

    Look: TypeAlias = tuple[str, bytes, str]

__all__ = ["Looks", "changed", "nearest", "plain_payload", "read"]

# version  change
# 1        the first
# 2        short arguments as they are, which is quicker to write down
_VERSION = 1
_PLAIN = 2
_ROOM = 60  # characters or bytes of an argument that is written down as it is
_MOST = 64  # parameters
_WIDE = 1 << 63
_FIXED = frozenset({int, float, complex, bool, str, bytes, type(None)})
_TEXTS = frozenset({str, bytes})
_SMALL = _FIXED - _TEXTS - {int}  # whatever they are


class Looks:
    """The arguments of one call, looked at before it runs, which may change them."""

    __slots__ = ("_briefs", "_matched", "_names", "_plain", "_telling", "_tokens", "_values")

    def __init__(
        self,
        names: Sequence[str],
        values: Sequence[Any],
        digest: bytes,
        matched: Collection[str] = (),
        *,
        telling: bool = True,
    ) -> None:
        self._names = names
        self._matched = matched  # parameters of which the value is not what counts
        self._values = values
        self._plain = telling and not matched and len(values) <= _MOST and _are_short(values)
        if self._plain:
            return
        self._tokens = tokens_of_call(digest)
        self._telling = telling
        # What cannot change is written down when it is known that somebody wants it.
        self._briefs = {
            number: brief(value)
            for number, value in enumerate(values[:_MOST])
            if self._telling and type(value) not in _FIXED
        }

    def each(self) -> list[Look]:
        """Return parameter, digest and short form of each argument."""
        if self._plain:
            return _looks(self._names, self._values)
        looks: list[Look] = []
        for number, name in enumerate(self._names[:_MOST]):
            value = self._values[number]
            said = self._briefs.get(number, "") or (brief(value) if self._telling else "")
            looks.append((name, self._digest(number, name, value), said))
        return looks

    def encode(self) -> bytes:
        if self._plain:
            plain: Any = (_PLAIN, self._names, self._values)
            return marshal.dumps(plain, 2)
        return marshal.dumps((_VERSION, self.each()), 2)

    def _digest(self, number: int, name: str, value: Any) -> bytes:
        if type(value) in _FIXED and name not in self._matched:
            # By the same road whatever else the call has.
            return digest_call((value,), ("",))[0][:8]
        tokens = self._tokens
        if tokens is None or number >= len(tokens):
            return b""
        return xxhash.xxh3_64_digest(tokens[number])


def read(payload: bytes) -> list[Look] | None:
    """Return what was kept of a call; None if it is unreadable, or of another version."""
    try:
        version, looks, *values = marshal.loads(payload)
        if version == _PLAIN:
            return _looks(looks, *values)
        if version != _VERSION:
            return None
        return [(name, digest, said) for name, digest, said in looks]
    except (ValueError, EOFError, TypeError):
        return None


def plain_payload(names: Sequence[str], values: Sequence[Any]) -> bytes | None:
    """Return what `Looks.encode` would, if all arguments are numbers and short texts; else None."""
    if len(values) > _MOST or not _are_short(values):
        return None
    plain: Any = (_PLAIN, names, values)
    return marshal.dumps(plain, 2)


def _are_short(values: Sequence[Any]) -> bool:
    for value in values:
        kind = type(value)
        if kind in _SMALL:
            continue
        if kind is int:
            if not -_WIDE < value < _WIDE:
                return False
        elif kind not in _TEXTS or len(value) > _ROOM:
            return False
    return True


def _looks(names: Sequence[str], values: Sequence[Any]) -> list[Look]:
    return [
        (name, digest_call((value,), ("",))[0][:8], brief(value))
        for name, value in zip(names, values, strict=True)
    ]


def changed(before: Sequence[Look], after: Sequence[Look]) -> list[tuple[str, str, str]]:
    """Return parameter, and how it looked before and after, of what differs."""
    known = {name: (digest, said) for name, digest, said in before}
    found = []
    for name, digest, said in after:
        was = known.pop(name, None)
        if was is None:
            found.append((name, "", said))
        elif (was[0] != digest) if was[0] and digest else (was[1] != said):
            found.append((name, was[1], said))
    return found + [(name, said, "") for name, (_, said) in known.items()]


def nearest(calls: Iterable[Sequence[Look]], mine: Sequence[Look]) -> Sequence[Look] | None:
    """Return that of *calls* from which the fewest arguments differ, the first of these."""
    best: Sequence[Look] | None = None
    least = 1 << 30
    for looks in calls:
        count = len(changed(looks, mine))
        if count < least:
            best, least = looks, count
    return best
