"""How likely a call is to come again, learned from how a function's calls came so far.

A *trail* is what is remembered of one call: how often it came, first and last when. From these
three numbers follows how often it will come, for each *half-life* after which a use counts half:

    heat   its uses, each weighed by its age; as if they had come in equal steps
    rate   heat over the sum of the weights of all time since the function is known: uses a second

Which half-life is right differs: favourites stay favourites for ever, a working set moves on, a
burst is over after seconds. It is learned for each function: each half-life foretells each call
that comes again, by its share of all heat, and the one with the highest likelihood lately is
believed. Of calls that came once only, the share that ever came again tells what to expect.

Trails are kept of calls whose results are not stored, too (ghosts), but not of too many. Those that
came last are kept across runs (`ghosts`, `haunt`).

Knows times and counts; must not know a clock, costs or a store.
"""

from __future__ import annotations

from itertools import islice
from math import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["FOR_EVER", "HALF_LIVES", "Reuse", "Trail", "heat", "rate"]

FOR_EVER = 30 * 86_400.0  # seconds; in a store, nothing stays a favourite for longer
HALF_LIVES = (*(4.0**n / 64 for n in range(13)), FOR_EVER)  # 16 milliseconds to three days
_TRAILS = 4096
_GO = 256  # of them, the oldest, which go when they are too many
_FORGET = 0.998  # of what was foretold before, at each lesson
_SURPRISE = 0.1  # what is left for calls that nothing was known of
_STEP = 4  # calls to a lesson
_FEW = 8 * _STEP  # calls of which each is one
_PAUSE = 2e-3  # seconds to a lesson on the short roads, so that lessons take 1 % of them
_GHOSTS = 512  # trails that are kept across runs
_LATEST = 1e11  # no time is later
_TRUST = 10.0  # as if so many calls had come again when nothing is known yet;
_DOUBT = 1 - 2.0 ** (-1 / 64)  # of that, what goes with each that comes for the first time
_LATELY = 1024.0  # calls after which what was learned of first calls counts half
_NOTHING: Any = None
_LN2 = 0.6931471805599453


class Trail:
    """What is remembered of one call; the seconds that it took last, if it was computed."""

    __slots__ = ("cost", "first", "last", "uses")

    def __init__(self, now: float) -> None:
        self.cost = 0.0
        self.uses = 1
        self.first = now
        self.last = now


def heat(uses: int, first: float, last: float, half_life: float) -> float:
    """Return the uses of a call as they count at the time of the last one."""
    step = (last - first) / ((uses - 1) * half_life) if uses > 1 else 0.0
    if step < 1e-6:
        return float(uses)
    return float((1 - 2.0 ** -(step * uses)) / (1 - 2.0**-step))


def rate(uses: int, first: float, last: float, now: float, half_life: float, since: float) -> float:
    """Return how often a call is expected to come, per second.

    Parameters:
        now: the time; *last* or later.
        since: from when on its function is known.
    """
    age = max(0.0, now - last)
    left = heat(uses, first, last, half_life) * float(2.0 ** -(age / half_life))
    known = max(now - since, 1e-3)
    return left * _LN2 / (half_life * (1 - float(2.0 ** -(known / half_life))))


class Reuse:
    """How the calls of one function come again.

    Attributes:
        since: when the function was first called.
        half_life: seconds after which a use counts half.
        firsts, again: calls that came at all, and that came a second time; lately.
        trails: what is remembered, by key.
    """

    __slots__ = (
        "again",
        "firsts",
        "half_life",
        "since",
        "trails",
        "_calls",
        "_faith",
        "_found",
        "_ghosts",
        "_heat",
        "_last",
        "_score",
        "_turn",
    )

    def __init__(self) -> None:
        self.since = -1.0
        self.half_life = FOR_EVER
        self.firsts = self.again = self._faith = _TRUST
        self.trails: dict[bytes, Trail] = {}
        self._score = [0.0] * len(HALF_LIVES)
        self._heat = [0.0] * len(HALF_LIVES)
        self._last = 0.0
        self._turn = 0
        self._calls = 0  # since the last lesson
        self._ghosts: Any = ()  # trails of earlier runs, until they are needed
        self._found: list[tuple[bytes, float]] = []  # what came and was found meanwhile

    def note(self, key: bytes, now: float, *, hurried: bool = False) -> Trail:
        """Take in that *key* came; return what is known of it, this time included.

        Parameters:
            hurried: calls come so fast that lessons would be what they take: see `_PAUSE`.
        """
        if self.since < 0:
            self.since = self._last = now
        if self._ghosts:
            self._rise()
        trails = self.trails
        trail = trails.pop(key, None)
        self._turn += 1
        self._calls += 1
        # While they are few, each call is a lesson.
        if self._turn < _FEW or (now - self._last >= _PAUSE if hurried else self._calls >= _STEP):
            self._learn(trail, now)
        if trail is None:
            trail = Trail(now)
            self._are_new(1)
        else:
            if trail.uses == 1:
                self.again += 1
            trail.uses += 1
            trail.last = max(trail.last, now)
        trails[key] = trail
        return trail

    def _are_new(self, calls: int) -> None:
        """So many calls came for the first time."""
        left = self._faith * (1 - _DOUBT) ** calls
        self.firsts += calls
        self.again = max(0.0, self.again - self._faith + left)
        self._faith = left
        while self.firsts > _LATELY:
            self.firsts *= 0.5
            self.again *= 0.5
            self._faith *= 0.5
        trails = self.trails
        if len(trails) >= _TRAILS:
            # Some at once: a dict is searched for its first key past all that have gone.
            # Another thread may be at it.
            for old in list(islice(trails.copy(), _GO)):
                trails.pop(old, None)

    def came_each(self, keys: Sequence[bytes], times: Sequence[float]) -> list[Trail]:
        """Do what `note` does with each of these, in less time and with fewer lessons.

        They come so fast that lessons would be what they take: see `_PAUSE`.
        """
        trails, noted, new = self.trails, [], 0
        for key, now in zip(keys, times, strict=True):
            if key in trails or now - self._last >= _PAUSE or self._turn < _FEW:
                noted.append(self.note(key, now, hurried=True))
            else:
                trail = trails[key] = Trail(now)
                noted.append(trail)
                new += 1
        self._turn += new
        self._calls += new
        self._are_new(new)
        return noted

    def found_each(self, keys: Sequence[bytes], times: Sequence[float]) -> None:
        """Do what `found` does with each of these, in less time."""
        trails = self.trails
        for key, now in zip(keys, times, strict=True):
            trail = trails.get(key)
            if trail is None or now - self._last >= _PAUSE or self._ghosts:
                self.found(key, now)
                continue
            if trail.uses == 1:
                self.again += 1
            trail.uses += 1
            trail.last = now
            self._calls += 1

    def found(self, key: bytes, now: float) -> None:
        """Take in that *key* came and its result was there, for less than noting it costs."""
        if self._ghosts:
            if len(self._found) < _TRAILS:
                self._found.append((key, now))
            return
        trail = self.trails.get(key)
        self._calls += 1
        if now - self._last >= _PAUSE:
            self._learn(trail, now)
        if trail is not None:
            if trail.uses == 1:
                self.again += 1
            trail.uses += 1
            trail.last = now
        elif self.firsts < _LATELY:  # stored by another process: it came again
            self.firsts += 1
            self.again += 1

    def _learn(self, trail: Trail | None, now: float) -> None:
        """Ask each half-life how well it foretold this call."""
        gone = max(0.0, now - self._last)
        self._last = now
        all_heat, score = self._heat, self._score
        weight = float(self._calls)
        self._calls = 0
        unknown = _SURPRISE / (len(self.trails) + 1)
        for i, half_life in enumerate(HALF_LIVES):
            total = all_heat[i] * 2.0 ** -(gone / half_life)
            if trail is not None:
                age = max(0.0, now - trail.last)
                mine = heat(trail.uses, trail.first, trail.last, half_life)
                share = min(1.0, mine * 2.0 ** -(age / half_life) / (total + 1e-9))
                score[i] = score[i] * _FORGET + log((1 - _SURPRISE) * share + unknown)
            all_heat[i] = total + weight
        if trail is not None:
            # Of equals the longest: it is what all start from. Another thread may be at it, too.
            self.half_life = max(zip(score, HALF_LIVES, strict=True))[1]

    def chance(self, uses: int) -> float:
        """Return how likely a call that came so often is to come again."""
        return min(1.0, self.again / self.firsts) if uses <= 1 else 1.0

    def rate(self, trail: Trail, now: float) -> float:
        """Return how often a call is expected to come, per second."""
        expected = rate(trail.uses, trail.first, trail.last, now, self.half_life, self.since)
        return expected * self.chance(trail.uses)

    def ghosts(self) -> tuple[tuple[bytes, int, float, float], ...]:
        """Return what is remembered of the calls that were noted last, to be kept."""
        if self._ghosts and not self._found:  # nobody needed them
            return tuple(self._ghosts)
        self._rise()
        # A copy at once: another thread may add to it.
        latest = list(self.trails.copy().items())[-_GHOSTS:]
        return tuple((key, one.uses, one.first, one.last) for key, one in latest)

    def haunt(self, ghosts: Any) -> None:
        """Remember what `ghosts` of an earlier run returned, as far as it makes sense."""
        if type(ghosts) is tuple and not self.trails:
            self._ghosts = ghosts[-_TRAILS:]

    def trail(self, key: bytes) -> Trail | None:
        """Return what is remembered of *key*."""
        if self._ghosts:
            self._rise()
        return self.trails.get(key)

    def _rise(self) -> None:
        """Make trails of what earlier runs remembered; that takes milliseconds."""
        ghosts, self._ghosts = self._ghosts, ()
        for ghost in ghosts:
            if type(ghost) is tuple and [type(one) for one in ghost] == [bytes, int, float, float]:
                key, uses, first, last = ghost
                if uses > 0 and 0 <= first <= last < _LATEST:
                    trail = self.trails[key] = Trail(first)
                    trail.uses, trail.last = uses, last
        self._last = max([trail.last for trail in self.trails.copy().values()], default=self._last)
        self._heat = [self._all_heat(half_life) for half_life in HALF_LIVES]
        found, self._found = self._found, []
        for key, now in found:
            self.found(key, now)

    def _all_heat(self, half_life: float) -> float:
        """Return what all calls together count now, had this run seen them come."""
        total = 0.0
        for trail in self.trails.copy().values():
            age = self._last - trail.last
            if age < 40 * half_life:
                left = heat(trail.uses, trail.first, trail.last, half_life)
                total += left * 2.0 ** -(age / half_life)
        return total

    def plain(self) -> dict[str, Any]:
        return {
            "since": self.since,
            "half_life": self.half_life,
            "firsts": self.firsts,
            "again": self.again,
            "faith": self._faith,
            "score": tuple(self._score),
        }

    def take(self, given: Any) -> None:
        """Learn at once what another process had learned, as far as *given* makes sense."""
        if type(given) is not dict:
            return
        plain: dict[str, Any] = given
        names = ("since", "half_life", "firsts", "again", "score")
        since, half_life, firsts, again, score = [plain.get(name, _NOTHING) for name in names]
        if _is(since, 0, 1e11) and half_life in HALF_LIVES:
            self.since = self._last = since
            self.half_life = half_life
        if _is(firsts, 1e-6, 2 * _LATELY) and _is(again, 0.0, 2 * _LATELY):
            self.firsts, self.again = firsts, again
            faith: Any = plain.get("faith")
            self._faith = min(faith, again) if _is(faith, 0.0, _TRUST) else 0.0
        if type(score) in (tuple, list) and len(score) == len(HALF_LIVES):
            if all(_is(one, -1e6, 0) for one in score):
                self._score = list(score)


def _is(number: Any, low: float, high: float) -> bool:
    return type(number) is float and low <= number <= high
