"""How long a call really took, where others may have had the processor meanwhile.

On a busy machine, one call of some hundred takes a thousand times as long as the others: it was
interrupted. Taken at face value, that would make a function of microseconds look dear. But some
calls *are* dear, and some wait. So a call that took far longer than others is not believed, and the
next ones are measured more closely: by what they took, and by what they needed of that.

    it needed most of that time             it is dear
    it did not, and the next was as usual   it was interrupted
    it did not, and neither did the next    it was interrupted again; or it waits, if waiting is
                                            not told from being interrupted on this system

Where calls take a millisecond, each is measured like that; where they take less, it would
slow them down.

Knows seconds; must not know clocks, nor what is called.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Doubts"]

_CLOSELY = 8  # calls that are measured closely, after one that took too long
_LONG = 1e-3  # seconds, from which on measuring closely is nothing
_FAR = 4.0  # times as long as expected is too long
_CERTAIN = 0.05  # seconds; nobody is interrupted for as long
_KNOWN = 4  # calls that tell what to expect


class Doubts:
    """What is doubted of one function's calls.

    Attributes:
        clock: what the next call is to be measured by; `believed` wants the difference.
    """

    __slots__ = ("clock", "_close", "_gaps", "_left", "_quick", "_tells_waits")

    def __init__(
        self, quick: Callable[[], float], close: Callable[[], Any], *, tells_waits: bool = True
    ) -> None:
        """Make one of two clocks.

        Parameters:
            quick: says seconds; *close* says also which of them were needed.
            tells_waits: whether seconds that a call waited are among these.
        """
        self._tells_waits = tells_waits
        self.clock: Callable[[], Any] = quick
        self._quick = quick
        self._close = close
        self._left = 0
        self._gaps = 0  # calls in a row that took long and did not run

    @property
    def any(self) -> bool:
        """Whether something is doubted now."""
        return self._left > 0

    def believed(self, took: complex, expected: float, count: int) -> float:
        """Return the seconds that a call is taken to have needed.

        Parameters:
            took: what `clock` says.
            expected: seconds that such calls take, as measured so many times.
        """
        if type(took) is complex:
            self._left -= 1
            if self._left <= 0 and expected < _LONG:
                self.clock = self._quick
            return self._of_both(took.real, took.imag, expected)
        wall = took.real
        if expected >= _LONG:
            self.clock = self._close
        if wall <= _FAR * expected or wall >= _CERTAIN or count < _KNOWN:
            return wall
        self._left = _CLOSELY
        self._gaps = 0
        self.clock = self._close
        return _FAR * expected

    def _of_both(self, wall: float, needed: float, expected: float) -> float:
        if self._tells_waits or wall <= _FAR * expected or needed >= wall / 2:
            self._gaps = 0
            return needed if self._tells_waits else wall
        self._gaps += 1
        return wall if self._gaps > 1 else max(needed, expected)
