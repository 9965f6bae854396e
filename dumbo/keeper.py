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
from itertools import count
from operator import is_
from time import monotonic, perf_counter, time
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType

from dumbo import config, inputs, nesting
from dumbo.accounts.tally import Tally
from dumbo.arguments.matchers import file
from dumbo.arguments.sharing import with_sharing
from dumbo.call import Call
from dumbo.decision.costs import rough_size
from dumbo.decision.policy import Offer, Policy, decide
from dumbo.decision.road import Road
from dumbo.decision.worth import BUDGET, asks, judge
from dumbo.errors import Bypass, InvalidUse, StorageError, UnstorableResult
from dumbo.explain import Reason, human_time
from dumbo.failures import Misfit, is_for_good, let_through, not_cached, not_stored, text_of
from dumbo.isolation import admit
from dumbo.ledger import Ledger
from dumbo.memory import MISSING, Held, Memory, epoch, has_plain_defaults, is_unchanging, plain_key
from dumbo.net import describe
from dumbo.switches import DISABLED, READ_ONLY, current
from dumbo.target import Target, is_generator_function, label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dumbo.answers.recipe import Looks
    from dumbo.arguments.matching import Matching, Taken
    from dumbo.arguments.signature import Binder
    from dumbo.decision.policy import Rule
    from dumbo.decision.reuse import Trail
    from dumbo.decision.worth import Verdict
    from dumbo.inputs import Inputs
    from dumbo.options import Options
    from dumbo.persistence.recordings import Recording
    from dumbo.persistence.store import Record, Store
    from dumbo.randomness.chance import Chance
    from dumbo.shelf import Shelf
    from dumbo.tracing.guards import Guard
    from dumbo.tracing.tracker import Snapshot, Tracker
    from dumbo.turns import Turn
    from dumbo.watch import Watcher

__all__ = ["Keeper"]

# A function that is known, by so many calls, to take less than this is not worth a lock.
_KNOWN = 3
_NOT_SHARED = 1e-4
# Seconds, until they have been measured.
_LOOK = 30e-6
_MISS = 60e-6
_NEVER_EXPIRES = float("inf")
_INFO = 20  # logging.INFO
_LOOKED = 4096  # closures of which it is remembered whether they hold chance
_OTHERS = 8  # results of other arguments that tell what to expect
KEPT, UNKEPT, LEFT = "kept", "unkept", "left"  # as in `persistence.locks`

# A value of these is a running computation, not a result.
_RUNNING = (GeneratorType, CoroutineType, AsyncGeneratorType)

_BY_CONTEXT = Reason("disabled", by="dumbo.disabled()")
_BY_SETTING = Reason("disabled", by="DUMBO_DISABLE, or `disable` in [tool.dumbo]")
_READ_ONLY = Reason("read only")
_NEVER = Reason("never")

# What belongs to a directory of results.
_OWN = (
    "shelf", "options", "ledger", "tally", "in_memory", "never", "_memory", "_off", "_warned",
    "_latest", "_alone", "chance", "_looked",
)  # fmt: skip

_numbers = count()

# Before 3.12 nobody can see what runs, and no result says whether it was seen.
_UNSEEN = not hasattr(sys, "monitoring")


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
    """

    __slots__ = (
        "binder",
        "chance",
        "clocked",
        "in_memory",
        "label",
        "ledger",
        "never",
        "number",
        "on_stale",
        "options",
        "road",
        "shelf",
        "streams",
        "tally",
        "target",
        "_across",
        "_alone",
        "_digest",
        "_has_inputs",
        "_has_stored",
        "_latest",
        "_looked",
        "_matching",
        "_memory",
        "_not_before",
        "_off",
        "_rule",
        "_straight",
        "_tells_each",
        "_tracker",
        "_usual",
        "_warned",
        "_watcher",
        "_watching",
        "__weakref__",
    )

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
        self._tracker: Tracker | None = None
        self._matching: Matching | None = None
        self._has_inputs = options.reads is not None or any(
            isinstance(matcher, file) for matcher in options.key.values()
        )
        self._decide_roads()
        self._has_stored = False
        self._not_before = 0.0  # when the next call may be looked up, if most go straight
        self._usual = 0.0  # what a call took when its road was last decided on
        self.in_memory: dict[str, Any] = {}
        self.streams = is_generator_function(self.target.function)
        self.never: Reason | None = None
        self._off: bool | None = None
        self._across: bool | None = None
        self._warned = False
        self._memory = Memory()
        self._watcher: Watcher | None = None
        self._watching: bool | None = None
        self._looked: set[bytes] = set()  # closures that hold no chance, or of which that was said
        self._latest = b""  # the closure that a result was last stored under
        self._alone = False  # whether computing under a lock has shown to be of no use
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
        self._straight = options.keep == "auto" and not self._has_inputs and self.chance is None
        self._rule: Rule | None = options.rule
        # Who is told of each call, or gets other values than the function's, sees each of them.
        self._tells_each = self.clocked = options.verbose or options.readonly
        self._not_before = 0.0
        self.road.stop()

    def set_apart(self, shelf: Shelf, options: Options) -> dict[str, Any]:
        """Go on as if new, with *shelf* and *options*; return what was, for `come_back`."""
        before = {name: getattr(self, name) for name in _OWN}
        if self._tracker is not None:
            self._tracker.forget_proofs()
        self.shelf, self.options = shelf, options
        self.ledger, self._memory, self.in_memory = Ledger(), Memory(), {}
        self.tally = Tally(self.label, shelf, self.ledger, draws=_draws(options))
        self.chance = self._chance()
        self._looked = set()
        self.never, self._off, self._warned = None, None, False
        self._latest, self._alone = b"", False
        self._decide_roads()
        return before

    def come_back(self, before: dict[str, Any]) -> None:
        """Go on as it was before `set_apart`."""
        for name, value in before.items():
            setattr(self, name, value)
        self._decide_roads()

    # -- before ----------------------------------------------------------------------------

    def recall(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the result of this call if it is held in memory and still good, or MISSING."""
        by_call = self._memory.by_call
        if not by_call:
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
            return MISSING
        self.ledger.hits += 1
        if held.decode is None:
            return held.value
        return held.decode(held.payload)  # type: ignore[arg-type]

    def _hold(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keep what was just loaded in memory, if nothing but its key and closure decides on it."""
        record, snapshot = call.record, call.snapshot
        if record is None or call.taken is not None or self.target.args:
            return
        guard: Guard | None = snapshot.guard
        if record.extras:
            guard = self._guard(call, record.extras)
            if guard is None:
                return
        if is_unchanging(call.value):
            held = Held(call.value, None, None, guard)
        elif record.payload is not None and not self.options.readonly:
            decode = call.store.decoder(record)
            if decode is None:
                return
            held = Held(None, record.payload, decode, guard)
        else:
            return
        if self.options.expires_after is not None:
            left = self.expires_at(record) - time()
            held.until = min(held.until, monotonic() + left)
        held.extras = record.extras
        function = self.target.function
        key: object = None
        plain = type(function) is FunctionType and not snapshot.identity and not snapshot.tables
        plain = plain and call.draw is None  # which sample it is does not stand in the call
        if plain and not self.target.kwargs and has_plain_defaults(function):
            key = plain_key(args, kwargs)
            named = function.__kwdefaults__
            held.defaults = (named, tuple(named.values())) if named else None
        self._memory.hold(call.identity, held, key)

    def _guard(self, call: Call, extras: bytes) -> Guard | None:
        """Return what must hold for an entry with *extras*; None if that is not to be kept."""
        from dumbo.tracing import observed  # most results have no extras

        if extras == observed.UNOBSERVED:
            return None if self._is_watching() else call.snapshot.guard
        return observed.guarded(extras, call.store, call.snapshot.guard)

    def begin(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        """Return the call of these arguments: done, or ready for the function to run.

        Args:
            call: one of which something is said already.
        """
        call = self.look(args, kwargs, call)
        turn = self._turn(call, task=False)
        if turn is not None:
            turn.wait_in_thread()
            self._came(call, turn)
        if not call.done and not call.straight:
            self._watch(call)
            call.around = nesting.enter()
            call.started = perf_counter()
        return call

    async def begin_in_task(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        """Do what `begin` does, and leave the event loop to others while it waits."""
        call = self.look(args, kwargs, call)
        turn = self._turn(call, task=True)
        if turn is not None:
            await turn.wait_in_task()
            self._came(call, turn)
        if not call.done:
            self._watch(call)
        return call

    def look(self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None) -> Call:
        """Return the call of these arguments: done, or with the reason why it is not."""
        if call is None:
            call = Call()
        begun = perf_counter()
        road = self.road
        if not road.ahead and begun < self._not_before:
            road.looked(self._pace(), clocked=self.clocked)
        if road.ahead and not call.explicit:
            call.straight = True
            call.started = begun
            return call
        first = self.binder is None
        reason = None if call.act else self.out_of_the_way()
        if reason is not None:
            call.reason = reason
        elif first and self._is_known_fast(call):
            call.straight = True
            call.started = perf_counter()
            return call
        else:
            try:
                self.locate(call, args, kwargs)
                self._load(call, begun)
                if call.record is not None:
                    self._hold(call, args, kwargs)
                elif not call.done and not call.explicit and self.reuses_stale():
                    from dumbo.versions import stale  # few programs allow it

                    stale.serve(self, call)
            except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
                self._give_up(call, error)
            tells = not call.done and (self.options.verbose or _is_logged())
            if tells and call.reason is None:
                # Imported here: only who asks for it is told why.
                from dumbo.answers.asking import why_missing

                call.reason = why_missing(self, call)
            if call.done and self._straight and self.ledger.hits & 7 == 3:
                self._choose_road(perf_counter())  # a hit may be dearer than the function
            if call.key is not None and not call.done:
                if not first:
                    self.ledger.costs.look.follow(perf_counter() - begun)
                call.light = self._straight and not call.explicit and not self._may_keep(call)
                if not call.light:
                    call.looks = self._looks(call)
                    call.inputs = self._begin_inputs()
            # The first call imports and traces, which the others do not.
            call.begun = 0.0 if first else begun
        call.started = perf_counter()
        if reason is None:
            self.tally.looked(call.started - begun, first=first)
        if call.stale is not None:
            from dumbo.versions import stale

            stale.warn(self.label, call.stale)  # which raises, if the program says so
        return call

    def _is_known_fast(self, call: Call) -> bool:
        """Whether earlier runs have found that looking up does not pay; then none is begun."""
        if not self._straight or call.explicit or self.tally.began is not None:
            return False
        # Imported here: what a program calls, and not what it only imports.
        from dumbo.accounts import bookkeeping

        try:
            bookkeeping.begin(self.tally)
        except (Bypass, StorageError, OSError):  # the look that follows will say so
            return False
        if self.ledger.costs.compute.count < _KNOWN:
            return False
        self.clocked = self._tells_each or _is_logged()
        self.road.looked(self._pace(), clocked=self.clocked)
        return self.road.ahead > 0

    def _may_keep(self, call: Call) -> bool:
        """Whether the result of *call* may be worth storing, for all that is known before it runs.

        If not, much that is only done for what is stored can be left out.
        """
        trail = self._note_use(call)
        costs = self.ledger.costs
        # A rule of the user's is asked once, when everything is known.
        if costs.compute.count < _KNOWN or self.options.rule is not None:
            return True
        expected = max(costs.compute.value, trail.cost)
        return self._verdict(call, expected, costs.result.value, price=False).store

    def _note_use(self, call: Call) -> Trail:
        trail = call.trail
        if trail is None:
            assert call.key is not None
            trail = call.trail = self.ledger.costs.reuse.note(call.key, time())
        return trail

    def _begin_inputs(self) -> Inputs:
        reads = self.options.reads
        return inputs.begin(reads is not None and reads.observed, noting=self._is_watching())

    def begin_explicit(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], act: str, call: Call | None = None
    ) -> Call:
        """Return a call that is computed, and stored, whatever is there and whatever it costs."""
        if call is None:
            call = Call()
        try:
            self.locate(call, args, kwargs)
            call.explicit = call.act = True
            epoch.number += 1  # what is held is about to be replaced
            call.reason = Reason("explicit", act=act)
        except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
            self._give_up(call, error)
        if call.key is not None:
            call.looks = self._looks(call)
            call.inputs = self._begin_inputs()
        self._watch(call)
        call.started = perf_counter()
        return call

    def _looks(self, call: Call) -> Looks:
        """Return how the arguments of *call* look, before it runs."""
        # Imported here: a hit is not described.
        from dumbo.answers.recipe import Looks

        assert self.binder is not None
        return Looks(self.binder.names, *call.given, self.options.key)

    def out_of_the_way(self) -> Reason | None:
        """Return why this call is none of the cache's business, or None if it is."""
        reason = self.switched_off()
        if reason is not None and reason is self.never:
            self._warn(reason)
        return reason

    def switched_off(self) -> Reason | None:
        """Return why no call of this function is the cache's business now, or None."""
        if current() & DISABLED:
            return _BY_CONTEXT
        if self._off is None:
            self._off = config.is_disabled()
        return _BY_SETTING if self._off else self.never

    def locate(self, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Fill in what identifies *call*.

        Raises:
            Bypass: if it cannot be identified, with the reason.
            TypeError: if the arguments do not fit.
        """
        binder, tracker, target = self.binder, self._tracker, self.target
        if binder is None or tracker is None or binder.stale(target.function):
            binder, tracker = self._prepare()
        if target.args or target.kwargs:
            args, kwargs = target.with_fixed(args, kwargs)
        drawn = self.chance is not None and self.chance.leaves_out(args, kwargs)
        if drawn:
            kwargs = self.chance.with_model(kwargs)  # type: ignore[union-attr]
        try:
            values = binder.bind(args, kwargs)
        except TypeError as error:
            raise Misfit(str(error)) from error
        store = self.shelf.open()
        matching = self._matching
        counted = self._without_model(values) if drawn else values
        if matching is None:
            key, roots = self._digest(counted, binder.names)
            call.given = counted, key
        else:
            taken = call.taken = matching.take(counted)
            near = taken.near
            call.given = counted, taken.key if near is None else near.family
            key, roots = taken.key, taken.roots
            values = self._with_model(taken.values, values) if drawn else taken.values
            if taken.private:
                store = self._private(store)
        call.snapshot = tracker.look(values, roots, store, binder.names)
        call.store = store
        call.key = with_sharing(key, values) if call.snapshot.identity else key
        if call.draw is not None or self.chance is not None:
            from dumbo.randomness.chance import settle  # only for functions that draw, and samples

            settle(self, call, key, drawn)
        if call.taken is not None:
            self._match(call, call.taken)

    def completed(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return what the function gets, with the like of a generator that the call leaves out."""
        args, kwargs = self.target.with_fixed(args, kwargs)
        if self.chance is not None and self.chance.leaves_out(args, kwargs):
            kwargs = self.chance.with_model(kwargs)
        return args, kwargs

    def key_of(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """Return the key of a call that gets a generator, without what it gets.

        Raises:
            Bypass: if it has none.
            TypeError: if the arguments do not fit.
        """
        binder = self.binder
        if binder is None or binder.stale(self.target.function):
            binder, _ = self._prepare()
        values = self._without_model(binder.bind(*self.completed(args, kwargs)))
        if self._matching is not None:
            return self._matching.take(values).key
        key: bytes = self._digest(values, binder.names)[0]
        return key

    def _without_model(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        place = self._model_at()
        return (*values[:place], None, *values[place + 1 :])

    def _with_model(self, values: tuple[Any, ...], bound: tuple[Any, ...]) -> tuple[Any, ...]:
        place = self._model_at()
        return (*values[:place], bound[place], *values[place + 1 :])

    def _model_at(self) -> int:
        assert self.binder is not None
        assert self.chance is not None
        return self.binder.names.index(self.chance.parameter or "")

    def _says_what_it_reads(self) -> bool:
        reads = self.options.reads
        return reads is not None and not reads.observed

    def _match(self, call: Call, taken: Taken) -> None:
        """Let *call* be served what is stored of one that is near to it."""
        assert call.key is not None
        taken.key = call.key  # what its own result is stored under
        if call.draw is not None and taken.near is not None:
            taken.near.family = call.draw.among(taken.near.family)
        if taken.inputs or taken.settings:
            unclear = f"{self.label}, which it calls, reads settings of its own"
            inputs.join(taken.inputs, unclear if taken.settings else "")
        if taken.near is not None:
            from dumbo.matched import nearest  # only for functions with such a matcher

            if call.snapshot.identity:
                taken.near.family = with_sharing(taken.near.family, taken.values)
            call.key = nearest(call.store, call.snapshot.digest, taken.near, call.key)

    def _private(self, store: Store) -> Store:
        from dumbo.matched import private  # only for functions with such a matcher

        found: Store = private(self.in_memory, store)
        return found

    def _prepare(self) -> tuple[Binder, Tracker]:
        """Make what the first call needs, or what a changed signature invalidates."""
        # Imported here: `import dumbo` must not pay for it.
        from dumbo.arguments.hashing import digest_call
        from dumbo.arguments.signature import Binder

        function = self.target.function
        try:
            binder = Binder(function, self.options.ignore)
        except (TypeError, ValueError) as error:  # what inspect.signature refuses with
            self.never = Reason("never cached", why=f"its parameters are not known: {error}")
            raise Bypass(str(self.never)) from error
        self._digest = digest_call
        if self.options.key or self._says_what_it_reads():
            from dumbo.arguments.matching import Matching  # only for functions that have any

            self._matching = Matching(
                binder.names,
                dict(self.options.key),
                self.options.reads if self._says_what_it_reads() else None,
            )
        if self.tally.began is None:
            from dumbo.accounts import (
                bookkeeping,  # what a program calls, and not what it only imports
            )

            bookkeeping.begin(self.tally)
        self.binder = binder
        return binder, self.track()

    def track(self) -> Tracker:
        if self._tracker is None:
            from dumbo.tracing.tracker import tracker_of

            self._tracker = tracker_of(
                self.target.function,
                track_deps=self.options.track_deps,
                version=self.options.version,
                observe=self.options.observe,
            )
        return self._tracker

    def _load(self, call: Call, begun: float) -> None:
        """Load the value of *call*, if there is one."""
        assert call.key is not None
        held = self._memory.find(call.identity)
        if held is not None and (not held.extras or held.guard.holds()):  # type: ignore[union-attr]
            call.value = held.value if held.decode is None else held.decode(held.payload)  # type: ignore[arg-type]
            call.done = True
            if self.ledger.hits & 7 == 2:
                self.ledger.costs.look.follow(perf_counter() - begun)
            self.ledger.hits += 1
            self._join(call, held.extras)
            return
        record = self.search(call)
        if record is None:
            return
        ledger = self.ledger
        found = perf_counter()
        try:
            call.value = self.value_of(call, record)
        except (StorageError, OSError) as error:
            let_through(error)
            call.reason = Reason("unreadable", why=text_of(error))
            ledger.note(call.reason, call.identity)
            return
        loading = perf_counter() - found
        # Of hits, one in eight is enough to learn from; not the first, which opens things.
        if ledger.hits & 7 == 2:
            ledger.costs.load.learn(record.size, loading)
            ledger.costs.look.follow(found - begun)
        self.tally.loaded(record, loading)
        ledger.costs.reuse.found(call.key, time())
        ledger.hits += 1
        call.record = record
        call.done = True
        self._join(call, record.extras)

    def search(self, call: Call) -> Record | None:
        """Return the newest entry of *call* that may be served."""
        record = self.held(call, call.snapshot.digest) or self._elsewhere(call)
        return record or self._of_older(call)

    def _of_older(self, call: Call) -> Record | None:
        """Return what is stored of *call* under older code that somebody said is as good."""
        said = call.store.statements().exist() or self.options.new_parameters
        if not said and not self.goes_across_pythons():
            return None
        from dumbo.versions import older  # most caches have nothing of the kind

        return older.find(self, call)

    def reuses_stale(self) -> bool:
        """Return whether results of older code may be handed out."""
        if self.on_stale is None:
            options = self.options
            try:
                self.on_stale = config.on_stale(options.on_stale, options.recompute_within)
            except InvalidUse as error:  # of the environment, set after the decoration
                self.on_stale = ("recompute", 0.0)
                self._warn(Reason("unknown", why=str(error)))
        return self.on_stale[0] != "recompute"

    def goes_across_pythons(self) -> bool:
        """Return whether results of another minor version of Python are served."""
        if self._across is None:
            self._across = config.goes_across_pythons(self.options.across_python)
        return self._across

    def held(self, call: Call, closure: bytes) -> Record | None:
        assert call.key is not None
        for record in call.store.variants(closure, call.key):
            if record.extras and not self._accepts(record.extras, call.store):
                continue
            if self.expires_at(record) > time():
                return record
            call.reason = Reason("expired", age=time() - record.created)
        return None

    def _accepts(self, extras: bytes, store: Store) -> bool:
        extras, read = inputs.divide(extras)
        if read and not inputs.hold(read, store):
            return False
        if not extras:
            return True
        # Imported here: most results have none.
        from dumbo.tracing import observed, observer

        if extras == observed.UNOBSERVED:
            return not self._is_watching() or bool(observer.unavailable())
        return observed.hold(extras, store)

    def _join(self, call: Call, extras: bytes) -> None:
        """Tell those who observe a computation further up what this result stands for."""
        observer = sys.modules.get("dumbo.tracing.observer")
        extras, _ = inputs.divide(extras)  # those were joined when they were found to hold
        if observer is not None:
            observer.join((id(call.snapshot), extras), (call.snapshot, extras))

    # -- observing -------------------------------------------------------------------------

    def _is_watching(self) -> bool:
        if self._watching is None:
            wanted = self.options.track_deps and config.is_observing(self.options.observe)
            self._watching = bool(wanted)
        return self._watching

    def _watch(self, call: Call) -> None:
        """Make ready to observe what *call* runs, if its result may be stored."""
        if (
            call.key is None
            or call.light
            or _UNSEEN
            or not self._is_watching()
            or current() & READ_ONLY
        ):
            return
        if self.options.keep == "never" and not call.explicit:
            return
        # Imported here: a hit observes nothing.
        from dumbo.watch import Watcher

        if self._watcher is None:
            self._watcher = Watcher(self.label)
        try:
            call.watch = self._watcher.before(call.store)
        except Exception as error:  # noqa: BLE001 - __reduce__ and the like of live data
            let_through(error)
            self.ledger.note(self.reason_of(error))

    def _inputs(self, call: Call, digest: bytes) -> bytes:
        """Return what the result of *call* depends on besides its arguments and code."""
        if call.inputs is None:
            return b""
        inputs.end(call.inputs)
        self.ledger.opened(call.identity, call.inputs.opened)
        own = [one for one, _ in call.taken.inputs] if call.taken is not None else []
        return call.inputs.settle(call.store, digest, own)

    def _extras(self, call: Call, snapshot: Snapshot) -> bytes:
        """Return what the result of *call* depends on besides its closure."""
        if _UNSEEN:
            return b""
        watch = call.watch
        if watch is None:
            from dumbo.tracing.observed import UNOBSERVED

            return UNOBSERVED
        extras = watch.after(snapshot)
        if watch.missed:
            self.ledger.note(Reason("unobserved", why=watch.missed))
        return extras

    def expires_at(self, record: Record) -> float:
        """Return the unix time from which *record* is too old to be served."""
        age = self.options.expires_after
        return _NEVER_EXPIRES if age is None else record.created + age

    def _elsewhere(self, call: Call) -> Record | None:
        """Return what is stored of *call* under another closure that holds now, too."""
        assert self._tracker is not None
        for digest in self._tracker.others(call.snapshot, call.store):
            record = self.held(call, digest)
            if record is not None:
                return record
        return None

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
            self._warn(reason)

    def reason_of(self, error: Exception) -> Reason:
        """Return why a call has to do without the cache, for which *error* was raised."""
        reason = not_cached(error)
        return self.never or reason if reason.code == "unknown" else reason

    # -- generators ------------------------------------------------------------------------

    def begin_stream(
        self,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        act: str,
        call: Call | None = None,
    ) -> Call:
        """Return the call of a generator that is about to be iterated."""
        if act:
            return self.begin_explicit(args, kwargs, act, call)
        return self.look(args, kwargs, call)

    def recording(self, call: Call) -> Recording | None:
        """Return what the items of *call* are recorded with; None if nothing shall be stored."""
        private = call.taken is not None and call.taken.private
        if call.key is None or call.straight or call.light or private or current() & READ_ONLY:
            return None
        if self.options.keep == "never" and not call.explicit:
            return None
        self._watch(call)
        try:
            call.recording = call.store.record(self.label)
        except (StorageError, OSError) as error:
            self.ledger.note(not_stored(error), call.identity)
        return call.recording

    def add(self, call: Call, recording: Recording, item: object, *, last: bool = False) -> bool:
        """Record *item*, or what the generator returned; say whether that could be done."""
        try:
            if last:
                recording.end(item)
            else:
                recording.add(item)
        except Exception as error:  # noqa: BLE001 - __reduce__ and the like of items
            let_through(error)
            self.ledger.note(not_stored(error), call.identity)
            recording.drop()
            call.recording = None
            return False
        return True

    def finish_recording(
        self, call: Call, recording: Recording | None, value: object, compute: float
    ) -> None:
        """Keep what was recorded, and *value*, which the generator returned, if it is worth it."""
        if recording is not None and self.add(call, recording, value, last=True):
            self.finish(call, None, compute)
            recording.drop()
            return
        if call.straight:
            self.went_straight(compute)
        else:
            self.ledger.bypassed += call.key is None
            self.ledger.misses += call.key is not None
            self.tally.computed(compute)
            self.ledger.costs.computed(compute)
            self._learn(call, compute)
        if self.options.verbose or _is_logged():
            self._say(call, None, compute)

    def unreadable(self, call: Call, error: StorageError) -> None:
        """Note that the rest of a recording cannot be loaded."""
        self.ledger.note(Reason("unreadable", why=text_of(error)), call.identity)

    # -- one computation -------------------------------------------------------------------

    def _turn(self, call: Call, *, task: bool) -> Turn | None:
        """Return what *call* may have to wait for before it computes."""
        if call.done or call.key is None or call.light:
            return None
        if self.options.keep == "never" and not call.explicit:
            return None
        computes = self.ledger.costs.compute
        if (
            not task
            and not call.explicit
            and computes.count >= _KNOWN
            and computes.value < _NOT_SHARED
        ):
            return None
        if self._alone or current() & READ_ONLY:
            return None
        try:
            # Imported here: a hit needs no locks.
            from dumbo.turns import Turn

            locks = call.store.locks()
        except (ImportError, StorageError, OSError):
            return None
        return Turn(
            locks, call.identity, lambda: self._look_again(call), lambda: self._expected(call)
        )

    def _came(self, call: Call, turn: Turn) -> None:
        call.claim = turn.claim
        if turn.found:
            call.done = True
            self.ledger.hits += 1
        call.started = perf_counter()

    def _look_again(self, call: Call) -> bool:
        """Load what another thread or process may have stored since the last look."""
        assert call.key is not None
        try:
            record = self.search(call)
            if record is None:
                return False
            call.value = self.value_of(call, record)
            self._join(call, record.extras)
        except (StorageError, OSError) as error:
            let_through(error)
            return False
        return True

    def _expected(self, call: Call) -> float:
        """Return the seconds that computing *call* may take, by what is known; 0: nothing is."""
        assert call.key is not None
        before = call.store.entries_of(self.label, call.key, limit=1)
        if before:  # of another version
            return before[0].compute
        others = call.store.entries_of(self.label, limit=_OTHERS)
        longest = max([record.compute for record in others], default=0.0)
        return max(longest, self.ledger.costs.compute.value)

    def abandon(self, call: Call, error: BaseException) -> None:
        """Let others compute what *error* ended."""
        if call.around is not None:
            nesting.leave(call.around, nesting.within())
        if call.claim is not None:
            call.claim.end(UNKEPT if isinstance(error, Exception) else LEFT)

    # -- after -----------------------------------------------------------------------------

    def finish(self, call: Call, value: object, compute: float | None = None) -> None:
        """Keep *value*, the result of *call*, if that is worth it."""
        if compute is None:
            watch = call.watch
            compute = perf_counter() - call.started if watch is None else watch.compute
        if call.straight:
            self.went_straight(compute)
            if self.options.verbose:
                self._say(call, Reason("not asked", compute=compute), compute)
            return
        self.tally.computed(compute)
        kept = False
        try:
            outcome = self._keep(call, value, compute)
            kept = outcome is not None and outcome.code == "stored"
            self._alone = False
        except Exception as error:  # noqa: BLE001 - __reduce__ and the like of results
            let_through(error)
            outcome = not_stored(error)
            if outcome.code == "no store":
                self._warn(outcome)
            self._alone = True  # who waits for such results waits for nothing
        finally:
            if call.claim is not None:
                call.claim.end(KEPT if kept else UNKEPT)
        if outcome is not None and call.key is not None:
            self.tally.said(outcome)
            if outcome.code == "stored":
                self.ledger.forget(call.identity)
            else:
                self.ledger.note(outcome, call.identity)
        if self.options.verbose or _is_logged():
            self._say(call, outcome, compute)
        self._learn(call, compute)

    def _learn(self, call: Call, compute: float) -> None:
        """Take in what this call cost, and decide on the road of the next ones."""
        ledger = self.ledger
        costs = ledger.costs
        record = call.record
        ended = perf_counter()
        if call.begun:
            storing = costs.store.of(record.size) if record is not None else 0.0
            beside = ended - call.begun - compute - storing
            costs.miss.follow(max(0.0, beside))
        if call.around is not None:
            less = nesting.within()
            if record is not None:  # next time it will be loaded
                looking = costs.look.value if costs.look.count else _LOOK
                less = max(0.0, ended - call.started - looking - costs.load.of(record.size))
            nesting.leave(call.around, less)
        if call.reason is None or call.reason.code != "disabled":
            ledger.missed()
            if self._straight and not call.explicit:
                self._choose_road(ended)

    def _choose_road(self, now: float) -> None:
        """A call was looked up: decide on those that follow."""
        self.clocked = self._tells_each or _is_logged()
        pace = self._pace()
        self.road.looked(pace, clocked=self.clocked)
        # The time of a call holds that of calls within it, and the budget is to be spent once:
        # so it is the time that has passed, too.
        self._not_before = now + (pace - 1) * self._usual if pace > 1 else 0.0

    def went_straight(self, compute: float) -> None:
        """Take in a call that was not looked up, and those before it that nobody clocked."""
        road, costs = self.road, self.ledger.costs
        calls = road.stretch
        self.ledger.bypassed += calls
        costs.computed(compute, calls)
        self.tally.computed(compute, calls=calls, straight=True)
        # As often as was said, unless it has become so much slower that this may be wrong.
        slower = costs.expected > 2 * self._usual
        pace = self._pace() if slower else _NEVER_EXPIRES
        if pace <= 1:
            self._not_before = 0.0
        road.went(pace, clocked=self.clocked)

    def catch_up(self) -> None:
        """Take in the calls that nobody clocked, as if they had taken what others took."""
        road, costs = self.road, self.ledger.costs
        calls = road.stretch - 1
        if calls > 0:
            road.counted()
            self.ledger.bypassed += calls
            self.tally.computed(costs.compute.value, calls=calls, straight=True)

    def _pace(self) -> float:
        """Return of how many calls one is to be looked up."""
        costs = self.ledger.costs
        self._usual = costs.expected
        look = costs.look.value if costs.look.count else _LOOK
        miss = costs.miss.value if costs.miss.count else max(look, _MISS)
        load = costs.load.of(costs.result.value)
        rule = self._rule or self._find_rule()
        return asks(
            self.options.keep, costs.expected, look, load, costs.share, miss,
            seen=costs.miss.count, budget=getattr(rule, "budget", BUDGET),
        )  # fmt: skip

    def _find_rule(self) -> Rule:
        """What is set about `keep="auto"`."""
        self._rule = Policy(**config.thresholds())
        return self._rule

    def _is_clocked(self) -> bool:
        return self.clocked or _is_logged()

    def _keep(self, call: Call, value: object, compute: float) -> Reason | None:
        ledger = self.ledger
        costs = ledger.costs
        costs.computed(compute)
        if call.key is None:
            ledger.bypassed += 1
            return None
        ledger.misses += 1
        if current() & READ_ONLY:
            return _READ_ONLY
        if call.inputs is not None and call.inputs.stale:
            return Reason("made of stale", of=call.inputs.stale)
        again = compute if call.around is None else max(0.0, compute - nesting.within())
        verdict = self._judge(call, value, again)
        if call.light:  # what it would take to store it was not done
            code = "too fast" if verdict.store else verdict.code
            return Reason(code, compute=again, price=verdict.price)
        # That it is of use to somebody is certain if somebody waits for it.
        wanted = call.claim is not None and call.claim.flight.waiters > 0
        if not (verdict.store or call.explicit or wanted):
            if verdict.code == "never":
                return _NEVER
            return Reason(verdict.code, compute=again, price=verdict.price)
        record = self.write(call, value, compute)
        return Reason("stored", size=record.size)

    def _judge(self, call: Call, value: object, compute: float) -> Verdict:
        """Return whether *value* is worth storing, if computing it again takes *compute*."""
        costs = self.ledger.costs
        costs.own.add(compute)
        size = costs.size.of(_rough_size(call, value))
        costs.result.add(size)
        self._note_use(call).cost = compute
        return self._verdict(call, compute, size)

    def _verdict(self, call: Call, compute: float, size: float, *, price: bool = True) -> Verdict:
        """Judge; without *price*, as if the store had room for everything."""
        assert call.key is not None
        costs = self.ledger.costs
        trail = self._note_use(call)
        reuse = costs.reuse
        chance = reuse.chance(trail.uses)
        look, load = costs.look.value, costs.load.of(size)
        rent = call.store.rent if price else 0.0
        worth = 0.0
        if rent:
            # Imported here: a hit evicts nothing.
            from dumbo.decision.eviction import rank

            worth = rank(
                compute - load - look, int(size), trail.uses, trail.first, trail.last, time(),
                half_life=reuse.half_life, since=reuse.since, chance=chance,
            )  # fmt: skip
        keep = self.options.keep
        store = costs.store.of(size)
        rule = self._rule or self._find_rule()
        verdict = judge(
            keep, compute, store, load,
            look=look, chance=chance, uses=trail.uses, rank=worth, rent=rent,
            lot=int.from_bytes(call.key[:4], "big") / (1 << 32),
            budget=getattr(rule, "budget", BUDGET),
        )  # fmt: skip
        if keep != "auto":
            return verdict
        offer = Offer(
            self.label, compute, size, worth=verdict.store, store=store, load=load, look=look,
            chance=chance, uses=trail.uses,
        )  # fmt: skip
        try:
            return decide(rule, offer, verdict)
        except Exception as error:  # the program's own rule may raise anything
            let_through(error)
            raise StorageError(f"the policy that keep= names failed: {describe(error)}") from error

    def write(self, call: Call, value: object, compute: float, *, given: bool = False) -> Record:
        """Store *value*; *given* if somebody says that it is the result, and nothing ran."""
        assert call.key is not None
        if isinstance(value, _RUNNING):
            raise UnstorableResult(f"a {type(value).__name__} is a running computation")
        lazy = sys.modules.get("dumbo.lazy")
        if lazy is not None and issubclass(type(value), lazy.Lazy):
            value = value.__wrapped__  # type: ignore[attr-defined]
        costs = self.ledger.costs
        entered = perf_counter()
        taken = call.taken
        changed = taken.changed() if taken is not None else ""
        if changed:
            raise StorageError(f"{changed} changed while the function ran")
        settled = self.track().settle(call.snapshot, call.store)
        stale = sys.modules.get("dumbo.versions.stale")
        if stale is not None and not given:
            stale.check_caches(settled)
        digest = settled.digest
        seen = b"" if given else self._extras(call, settled)
        if not given and digest + seen not in self._looked:
            from dumbo.randomness import hidden  # once for each closure

            hidden.check(self, call, settled, seen)
            if len(self._looked) >= _LOOKED:
                self._looked.clear()
            self._looked.add(digest + seen)
        extras = b"" if given else seen + self._inputs(call, digest)
        note = self._note(call)
        # A near call's entry stays that call's.
        key = call.key if taken is None else taken.key
        if call.recording is None:
            record = call.store.save(
                digest, key, value,
                function=self.label, compute=compute, extras=extras, note=note,
            )  # fmt: skip
        else:
            record = call.store.save_recorded(
                call.recording, digest, key,
                function=self.label, compute=compute, extras=extras, note=note,
            )  # fmt: skip
        call.record = record
        if taken is None or not taken.private:
            looks = call.looks or self._looks(call)
            call.store.recipes().add_call(self.label, key, looks.encode(), compute)
        ended = perf_counter()
        if self._has_stored:  # the first store imports and opens what the others find open
            costs.store.learn(record.size, ended - entered)
        self._has_stored = True
        self.tally.stored(record.size, ended - entered)
        if self.options.keep_versions is not None:
            self._drop_versions(call.store, digest)
        costs.size.learn(_rough_size(call, value), record.size)
        if taken is not None and taken.near is not None:
            from dumbo.matched import remember

            remember(call.store, digest, taken.near, key)
        return record

    def _note(self, call: Call) -> str:
        """Return what an entry says beside its result: who saw it, and whose it is."""
        # Imported here: only what is stored has a note.
        from dumbo.versions.kin import kin_of, noted

        said = "other processes" if call.watch is not None and call.watch.elsewhere else ""
        return noted(said, kin_of(self.target.function, self.number, call.snapshot.roots))

    def _drop_versions(self, store: Store, digest: bytes) -> None:
        """Remove the results of versions beyond those to be kept, when a new one has come."""
        keep = self.options.keep_versions
        if keep is None or self._latest == digest:
            return
        self._latest = digest
        # Imported here: few functions say how many versions they keep.
        from dumbo.persistence.housekeeping import stale

        stale(store, keep, self.label)

    def value_of(self, call: Call, record: Record) -> Any:
        if not self.options.readonly:
            return call.store.load(record)
        from dumbo.frozen import frozen  # few functions ask for it

        return frozen(call.store.load(record, frozen=True))

    def handed_out(self, call: Call, value: Any) -> Any:
        """Return what the program gets for the computed *value*, where it shall be read-only."""
        # Imported here: few functions ask for it.
        from dumbo.frozen import frozen

        record = call.record
        if record is not None and not call.straight:
            try:
                return self.value_of(call, record)
            except (StorageError, OSError) as error:
                let_through(error)
        return frozen(value)

    # -- talking ---------------------------------------------------------------------------

    def _warn(self, reason: Reason) -> None:
        """Say once that this function cannot be cached."""
        if not self._warned:
            self._warned = True
            self.say(str(reason))

    def say(self, text: str) -> None:
        """Say something of this function that its user should know."""
        # Imported here: logging takes 8 ms and is needed once in a function's life, if ever.
        import logging

        logging.getLogger("dumbo").warning("%s: %s", self.label, text)

    def _say(self, call: Call, outcome: Reason | None, compute: float) -> None:
        """Write the line that verbose=True promises for each computation, and log it."""
        parts = [f"{self.label} computed in {human_time(compute)}"]
        parts += [str(reason) for reason in (call.reason, outcome) if reason is not None]
        line = "; ".join(parts)
        if _is_logged():
            sys.modules["logging"].getLogger("dumbo").info("%s", line)
        if not self.options.verbose:
            return
        try:
            print(f"dumbo: {line}", file=sys.stderr, flush=True)  # noqa: T201 - what verbose is for
        except (OSError, ValueError):  # standard error is closed, or full
            pass


def _draws(options: Options) -> bool:
    return options.seed is not None or options.samples is not None


def _same_defaults(known: tuple[dict[str, Any], tuple[Any, ...]]) -> bool:
    named, values = known
    return len(named) == len(values) and all(map(is_, named.values(), values))


def _is_logged() -> bool:
    """Whether somebody wants to know of each computation: nobody does who has no `logging`."""
    logging = sys.modules.get("logging")
    return logging is not None and logging.getLogger("dumbo").isEnabledFor(_INFO)


def _is_observed() -> bool:
    """Whether a computation further up is told of each hit."""
    observer = sys.modules.get("dumbo.tracing.observer")
    return observer is not None and bool(observer._open)


def _rough_size(call: Call, value: object) -> int:
    return rough_size(value) if call.recording is None else call.recording.draft.size
