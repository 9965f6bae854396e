"""Which road a function's next calls take: looked up, or straight through.

Where looking up does not pay, most calls run as if there were no cache. One in eight of them (more,
if the function is not that fast), and at first each, is clocked, so that it is noticed when the
function becomes slow, and seen, so that it is noticed when the same calls come. After so many calls
that a look costs no more than its share of the function's own time, one is looked up again, so that
it is noticed when looking begins to pay.

Knows numbers of calls; must not know a clock, nor who counts.
"""

from __future__ import annotations

__all__ = ["STRIDE", "Road"]

STRIDE = 8
_EACH = 2  # clocked calls with the same number of unclocked ones between them
_FAR = 1 << 40  # calls; as good as never


class Road:
    """The calls ahead of one function.

    Attributes:
        left: calls that go straight through, and that nobody clocks. Whoever makes one of them
            takes one from this number. Threads that do so at the same time may lose one.
        ahead: calls until the next one that is looked up, as of the last that was clocked.
        steps: one in so many calls is clocked, or more at first.
        sees: whether calls that are clocked are also seen: looked for in memory, and looked up if
            they come all the time (see `glimpses`).
    """

    __slots__ = ("ahead", "left", "sees", "steps", "_closely", "_stride", "_went")

    def __init__(self) -> None:
        self.left = 0
        self.ahead = 0
        self.sees = False
        self.steps = STRIDE
        self._closely = False  # whether the next is clocked in any case
        self._stride = 0  # the unclocked ones before the next that is clocked
        self._went = 0  # clocked ones since each call was looked up

    def looked(self, calls: float, *, clocked: bool = False) -> None:
        """A call was looked up, and one in so many *calls* shall be.

        Parameters:
            clocked: each call that goes straight through has to be.
        """
        self.ahead = int(min(calls, _FAR)) - 1
        if self.ahead <= 0:
            self._went = 0
        self._plan(clocked)

    def watch_closely(self) -> None:
        """Clock the next call, too."""
        self._closely = True

    @property
    def stretch(self) -> int:
        """How many calls went straight through since one was clocked, with the one that is now."""
        return self._stride - self.left + 1

    def counted(self) -> None:
        """The calls that went straight through so far have been taken in."""
        self.ahead = max(0, self.ahead - (self._stride - self.left))
        self._stride = self.left

    def went(self, calls: float = _FAR, *, clocked: bool = False) -> None:
        """A call went straight through on the clock; one in *calls* shall be looked up."""
        self.ahead -= self._stride - self.left + 1
        if calls < _FAR:
            self.ahead = min(self.ahead, int(calls) - 1)
        self._went += 1
        if self.steps == 1 and self.ahead > 0:  # each of them is clocked
            self._stride = self.left = 0
            return
        self._plan(clocked)

    def stop(self) -> None:
        """The next call is looked up."""
        self.ahead = self._stride = self.left = 0

    def _plan(self, clocked: bool) -> None:
        # The last of those ahead is clocked in any case.
        stride = min(self.steps, 1 + self._went // _EACH, self.ahead)
        self._stride = self.left = 0 if clocked or self._closely else max(0, stride - 1)
        self._closely = False
