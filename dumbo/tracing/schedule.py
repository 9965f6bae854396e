"""In which order the frames of an analysis run, and how much they may take.

    near    what the call itself calls, as far as that is seen
    far     what code out of sight may call back: after all that is near
    hot     a step that was made often: put off until all else is quiet, so that what
            grows slowly keeps nothing from being looked at
    waiting a step that reads what nobody has written so far: in the end it goes on without

An analysis that may be *partial* is cut where it takes more work than it may: first what is far,
then the rest. Any other raises `TooManySteps`.

Knows frames as things that run; must not know values, lookups or nodes.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dumbo.tracing.frame import Frame
    from dumbo.tracing.outside import Outside
    from dumbo.tracing.strangers import Strangers

STEPS = (80_000, 100_000)  # of abstract work: with contexts, then without; then it is given up
PARTIAL = 325_000  # the same, where what is left out is observed
FAR = 10_000  # of these, for what is far
MORE = 40  # steps for each function that is entered: a large program is not a hard one
HEATS = (32, 128)  # times that a step is made before it is put off
COLD = HEATS[0]  # nothing is that was made less often


class NeedsCallee(Exception):
    """Raised within a step whose callee has not run yet."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame


class TooManySteps(Exception):
    """The analysis takes more work than it may: again without contexts, or not at all."""


class Schedule:
    """See the module's docstring.

    Attributes:
        work: steps made and calls followed.
        cut: whether something was left out.
    """

    def __init__(self, limit: int, *, partial: bool) -> None:
        self.outside: Outside  # set by `interpreter`
        self.strangers: dict[bool, Strangers]  # the same; by whether who asks is far
        self.limit = limit
        self.partial = partial
        self.work = 0
        self.cut = False
        self._most = limit  # of work, for as many functions as were entered
        self._far_work = 0  # of the work, what was done for what is far
        self._near: deque[Frame] = deque()
        self._far: deque[Frame] = deque()
        self._heat = {False: 0, True: 0}  # by whether it is far: the place in HEATS
        self._hot: dict[bool, dict[tuple[Frame, int], None]] = {False: {}, True: {}}
        self._waiting: dict[tuple[Frame, int], bool] = {}

    def run(self) -> None:
        """Run frames until nothing changes.

        Raises:
            TooManySteps: if that takes more than it may.
        """
        try:
            while (frame := self._next()) is not None:
                before, is_far, frame.waits = self.work, frame.far, ""
                stack = [frame]
                while stack:
                    self.check()
                    try:
                        stack[-1].run()
                    except NeedsCallee as need:
                        stack.append(need.frame)
                    else:
                        stack.pop()
                self._far_work += (self.work - before) * is_far
        except TooManySteps:
            if not self.partial:
                raise
            self.cut = True

    def is_over(self) -> bool:
        """Whether it has taken more work than it may."""
        return self.work > self._most

    def have_entered(self, functions: int) -> None:
        """So many functions are looked at by now."""
        self._most = self.limit + MORE * functions

    def check(self) -> None:
        if self.is_over():
            raise TooManySteps

    def _next(self) -> Frame | None:
        while True:
            if self._near:
                return self._near.popleft()
            if self._heat[False] + 1 < len(HEATS) and self._cool(False):
                continue
            if self.partial and self._give_up_waiting():
                continue  # what is far is likely cut, and must not take the rest along
            if self._may_go_far():
                if self._far:
                    return self._far.popleft()
                if self.outside.has_more():
                    return self.outside
                if self._cool(True):
                    continue
            if not self._cool(False) and not self._give_up_waiting():
                return None

    def _may_go_far(self) -> bool:
        if not self.partial or self._far_work < FAR:
            return True
        self.cut = self.cut or bool(self._far or self._hot[True] or self.outside.has_more())
        return False

    def later(self, frame: Frame) -> None:
        """Run *frame* when there is time: nobody waits for it."""
        if frame is self.outside:
            return  # it is asked when nothing else is left
        place = "far" if frame.far else "near"
        if frame.waits != place:  # it may lie with what is far, and be near by now
            frame.waits = place
            (self._far if frame.far else self._near).append(frame)

    def wake(self, frame: Frame, step: int) -> None:
        if frame.again(step):
            self.later(frame)

    def is_hot(self, frame: Frame, step: int, times: int) -> bool:
        """Whether a step that was made so often is put off."""
        heat = self._heat[frame.far]
        if heat >= len(HEATS) or times < HEATS[heat]:
            return False
        self._hot[frame.far][frame, step] = None
        return True

    def _cool(self, far: bool) -> bool:
        """Go on with what was put off; whether there was anything."""
        hot, self._hot[far] = self._hot[far], {}
        self._heat[far] += bool(hot)
        for place in hot:
            self.wake(*place)
        return bool(hot)

    def may_wait(self, frame: Frame, step: int) -> bool:
        """Whether a step that finds nothing may hope for a later write."""
        self._waiting.setdefault((frame, step), True)
        return self._waiting[frame, step]

    def _give_up_waiting(self) -> bool:
        """All is quiet: what still waits for a write goes on without."""
        hopeful = [place for place, waits in self._waiting.items() if waits]
        for place in hopeful:
            self._waiting[place] = False
            self.wake(*place)
        return bool(hopeful)

    def unsettled(self) -> set[Frame]:
        """The frames of which some step was left out."""
        return {*[frame for frame, _ in self._put_off()], *self._near, *self._far}

    def unanswered(self) -> set[str]:
        """The attributes of unknown values of which not all that they may be was found."""
        names: set[str] = set()
        for strangers in self.strangers.values():
            left = [step for frame, step in self._put_off() if frame is strangers]
            names |= strangers.unanswered(left)
        return names

    def _put_off(self) -> list[tuple[Frame, int]]:
        left = [place for hot in self._hot.values() for place in hot]
        return left + [place for place, waits in self._waiting.items() if waits]
