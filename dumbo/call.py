"""One call of a memoized function, on its way through the cache.

Knows what there is to be known of a call; must not know who finds it out.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.answers.recipe import Looks
    from dumbo.arguments.matching import Taken
    from dumbo.clocks import Reading
    from dumbo.decision.reuse import Trail
    from dumbo.explain import Reason
    from dumbo.inputs import Inputs
    from dumbo.persistence.locks import Claim
    from dumbo.persistence.recordings import Recording
    from dumbo.persistence.store import Record, Store
    from dumbo.randomness.chance import Draw
    from dumbo.tracing.snapshots import Snapshot
    from dumbo.watch import Watch

__all__ = ["Call", "Errand"]


class Call:
    """One call on its way.

    Attributes:
        begun: when looking it up began; 0.0 if it was not looked up.
        around: what `nesting` has to be told when it ends; None if it does not take part.
        done: whether `value` is the result, so that the function need not run.
        key: digest of the arguments; None for a call that the cache has no say in.
        snapshot: what the function depended on before it ran.
        store: where its result is, or goes.
        reading: what the clocks said when the function started, or ended, if it runs in this
            thread alone.
        reason: why it was not loaded, as far as that is known.
        started: when the function started.
        explicit: stored whatever the rule says.
        given: the values of its parameters, and the digest that was taken of them.
        looks: how its arguments looked before it ran, for who keeps a record of it.
        act: asked for by hand, so that no switch holds it back.
        draw: which sample it is, if that was said or the function draws.
        dice: how the global generators stood before it ran, if that was looked at.
        drew: those that moved on while it ran.
        plain: what tells it from others, if that was needed to see how often it came.
        seen: so often it came, of a function whose calls are mostly not looked up; else 0.
        light: looked up, and by all that is known not worth storing, whatever it returns.
        took: seconds that passed while the function ran.
        trail: how often it came before, as far as that is known.
        straight: not even looked up, because the function is faster than that.
        taken: its arguments as matchers see them, if the function has any.
        inputs: what it reads while it is computed.
        claim: the right to compute this key, which others may be waiting for.
        recording: what a generator has yielded so far.
        record: what was loaded from the store.
        retried: to be stored though that takes too long, so that it is seen whether it still does.
        located: on the short road: what identifies it is known.
        searched: located, and not stored under its own closure.
        stale: why it was given a result of older code, if it was.
        writing: seconds that storing its result took.
        watch: what sees what the function runs, if anything does.
    """

    __slots__ = (
        "around",
        "begun",
        "act",
        "claim",
        "dice",
        "done",
        "draw",
        "drew",
        "explicit",
        "given",
        "inputs",
        "key",
        "light",
        "located",
        "looks",
        "plain",
        "reading",
        "reason",
        "record",
        "retried",
        "recording",
        "searched",
        "seen",
        "snapshot",
        "stale",
        "started",
        "store",
        "straight",
        "taken",
        "took",
        "trail",
        "value",
        "watch",
        "writing",
    )

    given: tuple[tuple[Any, ...], bytes]
    key: bytes | None
    snapshot: Snapshot
    store: Store
    reason: Reason | None
    value: Any
    started: float

    def __init__(self) -> None:
        self.begun = 0.0
        self.around: float | None = None
        self.done = False
        self.explicit = False
        self.act = False
        self.dice: dict[str, object] | None = None
        self.draw: Draw | None = None
        self.drew: list[str] = []
        self.straight = False
        self.light = False
        self.located = False
        self.plain: object = None
        self.seen = 0
        self.took = self.writing = 0.0
        self.trail: Trail | None = None
        self.key = None
        self.reason = None
        self.reading: Reading | None = None
        self.looks: Looks | None = None
        self.taken: Taken | None = None
        self.inputs: Inputs | None = None
        self.claim: Claim | None = None
        self.recording: Recording | None = None
        self.record: Record | None = None
        self.retried = False
        self.searched = False
        self.stale: Reason | None = None
        self.watch: Watch | None = None

    @property
    def identity(self) -> bytes:
        assert self.key is not None
        return self.snapshot.digest + self.key


class Errand:
    """One call on the short road of misses: less than a Call, which takes as long to make as a row.

    Attributes:
        args: the values of its parameters.
        begun, started: when looking it up began, and when the function did.
        finish: keeps its result; says whether that is done.
        first: where rows of it begin.
        plain: what `memory` knows it by.
        key, snapshot, store: as those of a Call.
    """

    __slots__ = ("args", "begun", "finish", "first", "key", "plain", "snapshot", "started", "store")

    # What is known of all of them.
    around = claim = watch = None
    done = False

    finish: Any  # of the keeper, this, a result and the seconds that it took

    def __init__(
        self,
        args: tuple[Any, ...],
        key: bytes,
        snapshot: Snapshot,
        store: Store,
        begun: float,
        first: int,
        plain: object,
    ) -> None:
        self.args = args
        self.key = key
        self.snapshot = snapshot
        self.store = store
        self.begun = begun
        self.first = first
        self.plain = plain
        self.started = 0.0

    def as_call(self, *, searched: bool = True) -> Call:
        """Return what the general road goes on with."""
        call = Call()
        call.begun = self.begun
        call.given = self.args, self.key
        call.key = self.key
        call.snapshot = self.snapshot
        call.store = self.store
        call.started = self.started
        call.located = True
        call.searched = searched
        return call
