"""The life of a call, before and after the function runs.

    before   switches -> bind -> key -> closure -> index -> load   => a value, or none
    after    judge -> settle the closure -> write

The function itself runs in between, called by `memoized`: nothing here calls it, so that one
frame of dumbo's lies between the program and its function. The key, and the state of what the
function depends on, are taken before it runs.

Whatever goes wrong in here costs a computation and leaves a reason in the ledger.

Knows the order of things and who does them; must not know how any of them works.
"""

from __future__ import annotations

import sys
from _operator import is_
from itertools import count
from time import monotonic, perf_counter

from dumbo import clocks, config, nesting
from dumbo.accounts.tally import Tally
from dumbo.call import Call, Errand
from dumbo.decision.doubts import Doubts
from dumbo.decision.glimpses import Glimpses
from dumbo.decision.road import Road
from dumbo.errors import FirstSeen
from dumbo.explain import Reason
from dumbo.failures import is_for_good, not_cached, not_stored
from dumbo.isolation import admit
from dumbo.keeping import identity, serving, telling, weighing
from dumbo.ledger import Ledger
from dumbo.memory import MISSING, Memory, epoch, plain_key
from dumbo.net import let_through
from dumbo.switches import DISABLED, current
from dumbo.target import Target, is_generator_function, label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dumbo.arguments.matching import Matching
    from dumbo.arguments.signature import Binder
    from dumbo.clocks import Reading
    from dumbo.decision.policy import Rule
    from dumbo.keeping.express import Express
    from dumbo.options import Options
    from dumbo.randomness.chance import Chance
    from dumbo.shelf import Shelf
    from dumbo.tracing.tracker import Tracker
    from dumbo.watch import Watcher

__all__ = ["Keeper"]

KEPT, UNKEPT, LEFT, AGAIN = "kept", "unkept", "left", "again"  # as in `persistence.locks`

_BY_CONTEXT = Reason("disabled", by="dumbo.disabled()")
_BY_SETTING = Reason("disabled", by="DUMBO_DISABLE, or `disable` in [tool.dumbo]")

# What belongs to a directory of results.
_OWN = (
    "shelf", "options", "ledger", "tally", "in_memory", "never", "memory", "_off", "warned",
    "latest", "alone", "chance", "looked",
)  # fmt: skip

_SLICE = 5e-4  # seconds for which others get the processor, at least

_numbers = count()


class Keeper:
    """Keeps the results of one function.

    Attributes:
        label: the name that its results are listed under.
        ledger: what happened to its calls in this process.
        streams: whether it is a generator function.
        tally: what its calls cost and gained, kept across runs.
        target: the function itself, and what a partial fixes of it.
        binder: how its arguments are named; None before its first call.
        on_stale: the rule for results of older code, and its limit; None before it is needed.
        clocked: whether each call that goes straight through has to be told of.
        road: which of its calls are looked up.
        number: what tells it from others of its name in this process.
        chance: what is drawn for its calls; None: nothing.
        never: why nothing about it can be stored, if that is so.
        in_memory: stores of private results, by directory.

    What else has no underscore is for `keeping`, which the keeper is cut into.
    """

    __slots__ = (
        "across",
        "alone",
        "binder",
        "chance",
        "clocked",
        "express",
        "digest",
        "doubts",
        "glimpses",
        "has_stored",
        "has_watched",
        "in_memory",
        "kin",
        "label",
        "latest",
        "ledger",
        "looked",
        "matching",
        "memory",
        "never",
        "not_before",
        "number",
        "on_stale",
        "options",
        "road",
        "rule",
        "shelf",
        "straight",
        "streams",
        "tally",
        "target",
        "telling",
        "tells_each",
        "tracker",
        "usual",
        "warned",
        "watcher",
        "watching",
        "_has_inputs",
        "_off",
        "__weakref__",
    )

    digest: Callable[..., Any]  # of arguments; there from the first call on

    def __init__(self, function: Callable[..., Any], shelf: Shelf, options: Options) -> None:
        self.options = options
        self.number = next(_numbers)
        self.on_stale: tuple[str, float] | None = None
        self.shelf = shelf
        self.ledger = Ledger()
        self.road = Road()
        self.target = Target(function)
        self.label = options.name or label_of(self.target.function)
        self.tally = Tally(self.label, shelf, self.ledger, draws=_draws(options))
        self.binder: Binder | None = None
        self.chance = self._chance()
        self.tracker: Tracker | None = None
        self.matching: Matching | None = None
        self._has_inputs = options.reads is not None or _names_files(options)
        self._decide_roads()
        self.has_stored = self.has_watched = False
        self.not_before = 0.0  # when the next call may be looked up, if most go straight
        self.usual = 0.0  # what a call took when its road was last decided on
        self.in_memory: dict[str, Any] = {}
        self.streams = is_generator_function(self.target.function)
        self.never: Reason | None = None
        self._off: bool | None = None
        self.across: bool | None = None
        self.warned = False
        self.memory = Memory()
        self.express: Express | None = None  # what is known of its plain calls, if anything
        self.watcher: Watcher | None = None
        self.watching: bool | None = None
        self.kin: Any = None  # what `storing` knows of its kin
        self.telling: bool | None = None  # whether it is kept for people how arguments looked
        self.looked: set[bytes] = set()  # closures that hold no chance, or of which that was said
        self.latest = b""  # the closure that a result was last stored under
        self.alone = False  # whether computing under a lock has shown to be of no use
        admit(self)

    def _chance(self) -> Chance | None:
        if not _draws(self.options):
            return None
        from dumbo.randomness.chance import Chance  # only for functions that draw

        return Chance(self.target.function, self.options)

    def _decide_roads(self) -> None:
        """See to it that the next call is looked up, and whether others need not be."""
        options = self.options
        # What it reads has to be known to those that call it, however fast it is.
        self.straight = options.keep == "auto" and not self._has_inputs and self.chance is None
        self.rule: Rule | None = options.rule
        # Who is told of each call, or gets other values than the function's, sees each of them.
        self.tells_each = self.clocked = options.verbose or options.readonly
        self.not_before = 0.0
        self.doubts = Doubts(perf_counter, clocks.reading, tells_waits=clocks.TELLS_WAITS)
        self.glimpses = Glimpses()
        self.road.stop()

    def set_apart(self, shelf: Shelf, options: Options) -> dict[str, Any]:
        """Go on as if new, with *shelf* and *options*; return what was, for `come_back`."""
        before = {name: getattr(self, name) for name in _OWN}
        if self.tracker is not None:
            self.tracker.forget_proofs()
        self.shelf, self.options = shelf, options
        self.ledger, self.memory, self.in_memory = Ledger(), Memory(), {}
        self.tally = Tally(self.label, shelf, self.ledger, draws=_draws(options))
        self.chance = self._chance()
        self.looked = set()
        self.express = self.telling = None
        self.never, self._off, self.warned = None, None, False
        self.latest, self.alone = b"", False
        self._decide_roads()
        return before

    def come_back(self, before: dict[str, Any]) -> None:
        """Go on as it was before `set_apart`."""
        for name, value in before.items():
            setattr(self, name, value)
        self.express = self.telling = None
        self._decide_roads()

    # -- before ----------------------------------------------------------------------------

    def recall(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of this call if it is held in memory and still good, or MISSING.

        Where only its entry on disk is to be looked at, that is done, too; if there is none, the
        call is returned, for `begin`.
        """
        by_call = self.memory.by_call
        if not by_call and self.express is None:
            return MISSING
        key = plain_key(args, kwargs)
        if key is None:
            return MISSING
        held = by_call.get(key)
        if (
            held is None
            or held.epoch != epoch.number
            or monotonic() > held.until
            or not held.guard.holds()  # type: ignore[union-attr]
            or current() & DISABLED
            or (held.defaults is not None and not _same_defaults(held.defaults))
            or _is_observed()
        ):
            if (
                self.express is None
                or kwargs
                or self.road.ahead
                or self.not_before
                or self._off is not False
                or self.never is not None
                or current() & DISABLED
                or _is_observed()
            ):
                return MISSING
            return self.express.fetch(self, args, key)
        self.ledger.hits += 1
        if held.decode is None:
            return held.value
        return held.decode(held.payload)  # type: ignore[arg-type]

    def begin(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        """Return the call of these arguments: done, or ready for the function to run.

        Args:
            call: one of which something is said already.
        """
        call = self.look(args, kwargs, call)
        if call.done or call.straight:
            return call
        # Here and below: a hit needs none of it; and by their modules, which costs less.
        from dumbo.keeping.observing import watch
        from dumbo.keeping.waiting import came, turn_of

        turn = turn_of(self, call, task=False)
        if turn is not None:
            turn.wait_in_thread()
            came(self, call, turn)
        if not call.done:
            watch(self, call)
            call.around = nesting.enter()
            call.reading = clocks.reading()
            call.started = call.reading.wall
        return call

    async def begin_in_task(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        """Do what `begin` does, and leave the event loop to others while it waits."""
        call = self.look(args, kwargs, call)
        if call.done:
            return call
        from dumbo.keeping.observing import watch
        from dumbo.keeping.waiting import came, turn_of

        turn = turn_of(self, call, task=True)
        if turn is not None:
            await turn.wait_in_task()
            came(self, call, turn)
        if not call.done:
            watch(self, call)
        return call

    def look(self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None) -> Call:
        """Return the call of these arguments: done, or with the reason why it is not."""
        if call is None:
            call = Call()
        begun = perf_counter()
        if self.tally.misses or self.tally.hits:
            self.tally.settle()
        road = self.road
        if not road.ahead and begun < self.not_before:
            weighing.slow_down(self)
        if road.ahead and not call.explicit and not call.seen:
            call.straight = True
            call.started = begun
            return call
        first = self.binder is None
        reason = None if call.act else self.out_of_the_way()
        if reason is not None:
            call.reason = reason
        elif first and weighing.is_known_fast(self, call):
            call.straight = True
            call.started = perf_counter()
            return call
        else:
            try:
                if call.located:
                    begun = call.begun
                else:
                    identity.locate(self, call, args, kwargs)
                    if not first and not call.seen:
                        self._learn_express(call, args, kwargs)
                if not call.seen or weighing.loads_faster(self):
                    serving.load(self, call, begun)
                if call.record is not None:
                    serving.hold(self, call, call.value, call.plain or plain_key(args, kwargs))
                elif call.done:
                    serving.hold_again(self, call, args, kwargs)
                elif not call.explicit and serving.reuses_stale(self):
                    from dumbo.versions import stale  # few programs allow it

                    stale.serve(self, call)
            except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
                self._give_up(call, error)
            tells = not call.done and (self.options.verbose or telling.is_logged())
            if tells and call.reason is None:
                # Imported here: only who asks for it is told why.
                from dumbo.answers.asking import why_missing

                call.reason = why_missing(self, call)
            if call.done:
                weighing.found(self, begun)
            if call.key is not None and not call.done:
                if not first and weighing.is_lesson(self):
                    self.ledger.costs.look.follow(perf_counter() - begun)
                call.light = self.straight and not weighing.may_keep(self, call)
                if call.light and weighing.comes_often(self, call):
                    call.plain = call.plain or plain_key(args, kwargs)
                    if call.plain is not None:
                        assert call.trail is not None
                        call.seen, call.light = call.trail.uses, False
                if not call.light:
                    self._prepare_to_keep(call)
            # The first call imports and traces, which the others do not.
            call.begun = 0.0 if first else begun
        call.started = perf_counter()
        if reason is None:
            self.tally.looked(call.started - begun, first=first)
        if call.stale is not None:
            from dumbo.versions import stale

            stale.warn(self.label, call.stale)  # which raises, if the program says so
        return call

    def begin_explicit(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], act: str, call: Call | None = None
    ) -> Call:
        """Return a call that is computed, and stored, whatever is there and whatever it costs."""
        if call is None:
            call = Call()
        try:
            identity.locate(self, call, args, kwargs)
            call.explicit = call.act = True
            epoch.number += 1  # what is held is about to be replaced
            call.reason = Reason("explicit", act=act)
        except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
            self._give_up(call, error)
        if call.key is not None:
            self._prepare_to_keep(call)
        from dumbo.keeping.observing import watch

        watch(self, call)
        call.started = perf_counter()
        return call

    def _learn_express(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """See to it that calls like this one need not come here again, if they are plain."""
        if not kwargs and call.taken is None and call.draw is None:
            from dumbo.keeping.express import learn  # not for the first call of a process

            learn(self, call, args)

    def _prepare_to_keep(self, call: Call) -> None:
        """Note what has to be known before the function runs, if its result is to be stored."""
        from dumbo.keeping.observing import begin_inputs
        from dumbo.keeping.storing import looks_of

        call.looks = looks_of(self, call)
        call.inputs = begin_inputs(self, call)

    def out_of_the_way(self) -> Reason | None:
        """Return why this call is none of the cache's business, or None if it is."""
        reason = self.switched_off()
        if reason is not None and reason is self.never:
            telling.warn(self, reason)
        return reason

    def switched_off(self) -> Reason | None:
        """Return why no call of this function is the cache's business now, or None."""
        if current() & DISABLED:
            return _BY_CONTEXT
        if self._off is None:
            self._off = config.is_disabled()
        return _BY_SETTING if self._off else self.never

    def track(self) -> Tracker:
        if self.tracker is None:
            from dumbo.tracing.tracker import tracker_of

            self.tracker = tracker_of(
                self.target.function,
                track_deps=self.options.track_deps,
                version=self.options.version,
                observe=self.options.observe,
            )
        return self.tracker

    def _give_up(self, call: Call, error: Exception) -> None:
        """Let *call* run without the cache, and keep the reason."""
        let_through(error)
        call.done = False
        # What is known of the call so far is not trusted: nothing is stored for it.
        call.key = None
        call.reason = reason = self.reason_of(error)
        self.ledger.note(reason)
        self.tally.said(reason)
        if reason.code in ("never cached", "no store") or is_for_good(error):
            telling.warn(self, reason)

    def stumbled(self, error: Exception) -> None:
        """Leave the reason why dumbo itself was of no use to a call, which goes on without it.

        This is the net round all that is done about a call. What is likely to go wrong in it has
        nets of its own, which know what was being done.
        """
        if isinstance(error, Warning):  # the program's filters make errors of them
            raise error
        let_through(error)
        self.ledger.note(not_cached(error))

    def reason_of(self, error: Exception) -> Reason:
        """Return why a call has to do without the cache, for which *error* was raised."""
        reason = not_cached(error)
        return self.never or reason if reason.code == "unknown" else reason

    def abandon(self, call: Call | Errand, error: BaseException) -> None:
        """Let others compute what *error* ended."""
        if call.around is not None:
            nesting.leave(call.around, nesting.within())
        if call.claim is not None:
            call.claim.end(UNKEPT if isinstance(error, Exception) else LEFT)
            # Now: in its `__del__`, run by the collector later, the program would not hear of what
            # a signal handler raises.
            call.claim = None

    # -- after -----------------------------------------------------------------------------

    def finish(self, call: Call | Errand, value: object, compute: float | None = None) -> None:
        """Keep *value*, the result of *call*, if that is worth it."""
        if isinstance(call, Errand):
            compute = perf_counter() - call.started
            if call.finish(self, call, value, compute):
                return
            call = self._on_the_general_road(call)
        if compute is None:
            watch = call.watch
            compute = perf_counter() - call.started if watch is None else watch.compute
        if call.straight:
            weighing.went_straight(self, compute, sure=True)
            if self.options.verbose:
                telling.say_computed(self, call, Reason("not asked", compute=compute), compute)
            return
        ran = 0.0
        call.took = compute
        if call.reading is not None:
            after = clocks.reading()
            compute, ran = _needed(compute, after, call.reading)
            call.reading = after
            self.ledger.costs.cpu.add(ran)
        self.tally.computed(compute, ran=ran)
        ended = UNKEPT
        try:
            from dumbo.keeping.storing import keep

            outcome = keep(self, call, value, compute)
            if outcome is not None and outcome.code == "stored":
                ended = KEPT
            self.alone = False
        except Exception as error:  # noqa: BLE001 - __reduce__ and the like of results
            let_through(error)
            outcome = not_stored(error)
            if outcome.code == "no store":
                telling.warn(self, outcome)
            if isinstance(error, FirstSeen):
                ended = AGAIN
            else:
                self.alone = True  # who waits for such results waits for nothing
        finally:
            if call.claim is not None:
                call.claim.end(ended)
                call.claim = None  # as in `abandon`
        if outcome is not None and call.key is not None:
            self.tally.said(outcome)
            if outcome.code == "stored":
                self.ledger.forget(call.identity)
            else:
                self.ledger.note(outcome, call.identity)
        if self.options.verbose or telling.is_logged():
            telling.say_computed(self, call, outcome, compute)
        weighing.learn(self, call, compute)

    def _on_the_general_road(self, errand: Errand) -> Call:
        """Return the call of *errand*, which has run already, to be kept there."""
        self.tally.settle()
        self.tally.looked(errand.started - errand.begun, first=False)
        return errand.as_call()

    def handed_out(self, call: Call, value: Any) -> Any:
        """Return what the program gets for the computed *value*, where it shall be read-only."""
        # Imported here: few functions ask for it.
        from dumbo.keeping.storing import handed_out

        return handed_out(self, call, value)


def _names_files(options: Options) -> bool:
    if not options.key:
        return False
    from dumbo.arguments.matchers import file  # only for who says how arguments count

    return any(isinstance(matcher, file) for matcher in options.key.values())


def _draws(options: Options) -> bool:
    return options.seed is not None or options.samples is not None


def _needed(took: float, after: Reading, before: Reading) -> tuple[float, float]:
    """Return what a computation that *took* some seconds needed of them, and for how long it ran.

    Only a function that ran for less than half of the time, and waited for nothing, was held up.
    """
    ran = min(took, after.ran - before.ran)
    if clocks.TELLS_WAITS and ran < took / 2 and took > _SLICE:
        took = min(took, (after - before).imag)
    return took, ran


def _same_defaults(known: tuple[dict[str, Any], tuple[Any, ...]]) -> bool:
    named, values = known
    return len(named) == len(values) and all(map(is_, named.values(), values))


def _is_observed() -> bool:
    """Whether a computation further up is told of each hit."""
    observer = sys.modules.get("dumbo.tracing.observer")
    try:
        return observer is not None and bool(observer._open)
    except AttributeError:  # another thread is about to import it
        return False
