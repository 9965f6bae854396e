"""How long a call really took, where others may have had the processor meanwhile.

On a busy machine, one call of some hundred takes a thousand times as long as the others: it was
interrupted. Taken at face value, that would make a function of microseconds look dear. But some
calls *are* dear, and some wait. So a call that took far longer than others is not believed, and the
next ones are measured by two clocks, that of the wall and that of the processor:

    it ran for most of that time            it is dear
    it did not, and neither did the next    it waits, for a disk or somebody's answer
    it did not, and the next was as usual   it was interrupted

The time of the processor is not read for each call: it takes longer than some of them.

Knows seconds; must not know what is called.
"""

from __future__ import annotations

from time import perf_counter, thread_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Doubts", "both"]

_CLOSELY = 8  # calls that are measured by two clocks, after one that took too long
_FAR = 4.0  # times as long as expected is too long
_CERTAIN = 0.05  # seconds; nobody is interrupted for as long
_KNOWN = 4  # calls that tell what to expect


def both() -> complex:
    """Read the clock of the wall, and as the imaginary part that of the processor."""
    return complex(perf_counter(), thread_time())


class Doubts:
    """What is doubted of one function's calls.

    Attributes:
        clock: what the next call is to be measured by; `believed` wants the difference.
    """

    __slots__ = ("clock", "_gaps", "_left")

    def __init__(self) -> None:
        self.clock: Callable[[], complex] = perf_counter
        self._left = 0
        self._gaps = 0  # calls in a row that took long and did not run

    @property
    def any(self) -> bool:
        """Whether the next call is to be measured by two clocks."""
        return self._left > 0

    def believed(self, took: complex, expected: float, count: int) -> float:
        """Return the seconds that a call is taken to have needed.

        Parameters:
            took: what `clock` says.
            expected: seconds that such calls take, as measured so many times.
        """
        if type(took) is complex:
            self._left -= 1
            if self._left <= 0:
                self.clock = perf_counter
            return self._of_both(took.real, took.imag, expected)
        wall = took.real
        if wall <= _FAR * expected or wall >= _CERTAIN or count < _KNOWN:
            return wall
        self._left = _CLOSELY
        self._gaps = 0
        self.clock = both
        return _FAR * expected

    def _of_both(self, wall: float, cpu: float, expected: float) -> float:
        if wall <= _FAR * expected or cpu >= wall / 2:
            self._gaps = 0
            return wall
        self._gaps += 1
        return wall if self._gaps > 1 else max(cpu, expected)
