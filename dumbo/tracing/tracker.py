"""What one memoized function depends on, now: the cheapest road that proves it.

    hot    the guard of this shape of call holds            no import, no graph
    cold   a known program, run again, gives a known state  no lowering
    trace  the function is analysed                         the closure may still be a known one

Knows the three roads and when each is taken; must not know keys, results or
what a verdict says to people.
"""

from __future__ import annotations

import sys
from types import CodeType, FunctionType

import xxhash

from dumbo import config
from dumbo.errors import (
    Bypass,
    ClosureTooLarge,
    UnhashableArgument,
    UntraceableFunction,
)
from dumbo.names import module_name
from dumbo.tracing import fingerprint, recorded, replay, unloaded
from dumbo.tracing.guards import Guard
from dumbo.tracing.recorded import GIVEN_UP, PROGRAMS, salted, shape_digest
from dumbo.tracing.shapes import shape_of
from dumbo.tracing.snapshots import Snapshot
from dumbo.tracing.words import Told, Words, fits, with_words, without_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, TypeAlias

    import networkx as nx

    from dumbo.persistence.store import Store
    from dumbo.tracing.account import Account
    from dumbo.tracing.callgraph import Analysis, Chance

    TrackDeps: TypeAlias = bool | Literal["names"]

_trackers: dict[tuple[int, TrackDeps, str | None, bool], Tracker] = {}
_TRACKERS = 256  # kept for functions that are memoized again


def is_observed(observe: bool | None = None) -> bool:
    """Whether what calls run is seen, where the option is *observe*."""
    return sys.version_info >= (3, 12) and config.is_observing(observe)


def tracker_of(
    function: Callable[..., Any],
    *,
    track_deps: TrackDeps = True,
    version: str | None = "",
    observe: bool | None = None,
) -> Tracker:
    """The tracker of *function*: one for all who memoize it, so that it is traced once."""
    observed = is_observed(observe)
    key = (id(function), track_deps, version, observed)
    known = _trackers.pop(key, None)  # a tracker keeps its function, so that no id is reused
    if known is None:
        known = Tracker(function, track_deps=track_deps, version=version, observed=observed)
    _trackers[key] = known
    if len(_trackers) > _TRACKERS:
        del _trackers[next(iter(_trackers))]
    return known


SHAPES = 64  # of arguments, beyond which only their types count, then nothing
WORDINGS = 8  # closures of one shape that differ by strings in the arguments
_UNSEEN = "\0unseen"  # a salt: who is not observed needs closures that are whole by themselves
_NAMES = "\0names"  # a salt: what is found by names is no trace of what is found without


class _Failure:
    """Why a shape of call cannot be traced, as long as *guard* holds; None: whatever happens."""

    __slots__ = ("guard", "reason", "roots")

    def __init__(self, guard: Guard | None, reason: str, roots: tuple[Any, ...]) -> None:
        self.guard = guard
        self.reason = reason
        self.roots = roots  # kept alive, for their ids are a key


class Tracker:
    """The dependencies of *function*, which must not be a memoized one but what it wraps.

    Parameters:
        track_deps: False: only its own code, defaults and cells count; "names": see `by_name`.
        version: a salt: another version is another closure.
        observed: what its calls run is seen; see `interpreter.trace`. Closures of those that
            are seen are no closures of those that are not.
        watched: and counts; as *observed* says, if not given.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        track_deps: TrackDeps = True,
        version: str | None = "",
        observed: bool | None = None,
        watched: bool | None = None,
    ) -> None:
        self.function: Any = function
        self.observed = is_observed() if observed is None else observed
        self.watched = self.observed if watched is None else watched
        self.track_deps = track_deps
        self.version = version
        self.traced = 0  # analyses made, for tests and statistics
        self._snapshots: dict[Any, Snapshot] = {}
        self._failures: dict[Any, _Failure] = {}
        # By shape and place in the arguments, the strings that analyses have asked for.
        self._asked: dict[Any, dict[Any, frozenset[str]]] = {}
        module = module_name(_name(function, "__module__"), getattr(function, "__globals__", None))
        self._label = f"{module}:{_name(function, '__qualname__')}"

    @property
    def label(self) -> str:
        """The name that traces of the function go by, whatever its results are listed under."""
        return self._label

    # --- roads ---------------------------------------------------------------------

    def look(
        self,
        values: Sequence[Any],
        roots: tuple[Any, ...],
        store: Store | None,
        names: tuple[str, ...] = (),
    ) -> Snapshot:
        """What a call with *values*, whose code roots are *roots*, depends on now.

        Raises:
            Bypass: if that cannot be known; the message says why.
        """
        shape = shape_of(values, roots, self.keywords(names)) if self.track_deps else ()
        return self._look(shape, roots, store, names, Words(values))

    def look_at(
        self,
        shape: Any,
        roots: tuple[Any, ...],
        store: Store | None,
        names: tuple[str, ...] = (),
    ) -> Snapshot:
        """What a call of that shape depends on now; of any, if it is None.

        Raises:
            Bypass: if that cannot be known.
        """
        plain, asked = without_words(shape)
        return self._look(plain, roots, store, names, Told(asked))

    def _look(
        self,
        shape: Any,
        roots: tuple[Any, ...],
        store: Store | None,
        names: tuple[str, ...],
        words: Words | Told,
    ) -> Snapshot:
        if len(self._snapshots) > SHAPES and shape not in self._shapes():
            shape = tuple([("unknown",)] * len(shape)) if not roots else shape
        key = self._key(shape, roots, words)
        known = self._snapshots.get(key)
        if known is not None and known.guard.holds():
            if known.tables:
                known.adopt_tables()
            return known
        failure = self._failures.get(key)
        if failure is not None:
            if failure.guard is None or failure.guard.holds():
                raise UntraceableFunction(failure.reason)
            del self._failures[key]
        found = self._replay(shape, roots, words, store)
        if found is None:
            found = self._trace(shape, roots, names, words, store)
        found.names = names
        self._keep(shape, roots, words, found)
        found.adopt_tables()
        return found

    def _key(self, shape: Any, roots: tuple[Any, ...], words: Words | Told) -> Any:
        """What a call is known by in this process: its shape, and what else was asked of such."""
        asked = self._asked.get(shape) if self._asked else None
        if asked is None:
            return (shape, *map(id, roots))
        told = tuple([(place, words.among(place, asked[place])) for place in asked])
        return (shape, told, *map(id, roots))

    def _keep(
        self, shape: Any, roots: tuple[Any, ...], words: Words | Told, found: Snapshot
    ) -> None:
        if len(self._snapshots) > 4 * SHAPES:
            self._snapshots.pop(next(iter(self._snapshots)))
        for place, held, lacking in found.program.asked:
            asked = self._asked.setdefault(shape, {})
            asked[place] = asked.get(place, frozenset()).union(held, lacking)
        self._snapshots[self._key(shape, roots, words)] = found

    def forget_proofs(self) -> None:
        """Forget what is only known by a store: another one could not be told what it holds."""
        known = self._snapshots.items()
        self._snapshots = {key: one for key, one in known if one.account is not None}

    def _shapes(self) -> set[Any]:
        return {key[0] for key in self._snapshots}

    def _replay(
        self, shape: Any, roots: tuple[Any, ...], words: Words | Told, store: Store | None
    ) -> Snapshot | None:
        """A known trace that holds, of this process or of the store."""
        ran: dict[int, replay.Replay] = {}
        everything = (self.function, *roots)
        for snapshot in [s for k, s in self._snapshots.items() if k[0] == shape][-PROGRAMS:]:
            if not fits(snapshot.program.asked, words):
                continue
            found = self._try(snapshot.program, snapshot.state, everything, ran)
            if found is not None:
                said = with_words(shape, snapshot.program.asked)
                again = Snapshot(
                    snapshot.digest, snapshot.program, found, self.function, roots, said
                )
                again.recorded = snapshot.recorded
                again.before = snapshot.before
                again.cold = snapshot.cold
                again.account = snapshot.account
                again.chance = snapshot.chance
                again.lazy = snapshot.lazy
                again.unloaded = tuple(n for n in snapshot.unloaded if n not in sys.modules)
                return again
        if store is None:
            return None
        programs: dict[bytes, Any] = {}
        states: dict[tuple[bytes, bytes], list[bytes]] = {}
        for trace in store.traces(self.root(), shape_digest(shape)):
            if trace.program not in programs:
                if len(programs) >= PROGRAMS:
                    continue
                payload = store.program(trace.program)
                programs[trace.program] = replay.decode(payload) if payload else None
            program = programs[trace.program]
            if program is None or len(trace.state) != len(program) * fingerprint.SIZE:
                continue
            if not fits(program.asked, words):
                continue
            found = self._try(program, trace.state, everything, ran)
            if found is None:
                known_states = states.setdefault((trace.program, trace.closure), [])
                known_states.append(trace.state)
                found = unloaded.partly_loaded(program, known_states, ran.get(id(program)))
            if found is not None and trace.closure == GIVEN_UP:
                reason = "its call graph is too large to follow, as an earlier process found"
                self._failures[self._key(shape, roots, words)] = _Failure(None, reason, roots)
                raise ClosureTooLarge(reason)
            if found is not None:
                said = with_words(shape, program.asked)
                proven = Snapshot(trace.closure, program, found, self.function, roots, said)
                proven.recorded.add(store.directory)
                proven.unloaded = unloaded.not_looked_into(program, found.found)
                proven.ran = found if proven.unloaded else None
                return proven
        return None

    def others(self, snapshot: Snapshot, store: Store) -> list[bytes]:
        """Other closure digests that hold now as well as that of *snapshot*.

        A body that imports modules is known by what it had loaded when it had run: a call that
        took a branch without imports, by less than one with. Who has loaded more since then
        still may have what the first one stored, for that call did not look into it.
        """
        if snapshot.others is None:
            snapshot.others = recorded.others(self, snapshot, store)
        return snapshot.others

    def _try(
        self,
        program: Sequence[replay.Lookup],
        state: bytes,
        roots: tuple[Any, ...],
        ran: dict[int, replay.Replay],
    ) -> replay.Replay | None:
        found = ran.get(id(program))
        if found is None:
            try:
                found = replay.run(program, roots)
            except UnhashableArgument:
                return None  # tracing says so in words, if it is still reached
            ran[id(program)] = found
        return found if found.state == state else None

    def _trace(
        self,
        shape: Any,
        roots: tuple[Any, ...],
        names: tuple[str, ...],
        words: Words | Told,
        store: Store | None,
    ) -> Snapshot:
        if not self.track_deps:
            return self._trace_own(roots)
        asked_of: Words | Told = words
        known = [one for key, one in self._snapshots.items() if key[0] == shape]
        if sum(bool(one.program.asked) for one in known) >= WORDINGS:
            asked_of = Told(())  # from here on, one closure for all
        try:
            analysis = self.analyse(shape, roots, names, None, asked_of)
        except ClosureTooLarge as error:
            # It took seconds to learn that; the next call shall not pay for it again.
            self._failures[self._key(shape, roots, words)] = _Failure(None, str(error), roots)
            if store is not None:
                recorded.record_given_up(self, shape, store)
            raise
        if analysis.untraceable:
            guard = Guard(analysis.program, analysis.replayed(), analysis.hashed())
            guard.contents.clear()
            self._failures[self._key(shape, roots, words)] = _Failure(
                guard, analysis.untraceable, roots
            )
            raise UntraceableFunction(analysis.untraceable)
        snapshot = self._snapshot(analysis, roots, shape, names)
        snapshot.unloaded = tuple(analysis.unloaded)
        if snapshot.unloaded:
            snapshot.before = analysis.before()
        return snapshot

    def analyse(
        self,
        shape: Any,
        roots: tuple[Any, ...],
        names: tuple[str, ...],
        before: Any,
        words: Words | Told | None = None,
        *,
        guessing: bool = False,
    ) -> Analysis:
        # Imported here: an unchanged function is proven without it.
        from dumbo.tracing.garbage import Uncollected
        from dumbo.tracing.interpreter import trace

        self.traced += 1
        if words is None:
            shape, asked = without_words(shape)
            words = Told(asked)
        try:
            with Uncollected():
                return trace(
                    self.function,
                    roots,
                    shape,
                    names,
                    before,
                    self.track_deps == "names",
                    observed=self.observed,
                    watched=self.watched,
                    words=words,
                    guessing=guessing,
                )
        except Bypass:
            raise
        except RecursionError as error:
            raise UntraceableFunction("it is called too deep in the stack to be traced") from error

    def _snapshot(
        self, analysis: Analysis, roots: tuple[Any, ...], shape: Any, names: tuple[str, ...]
    ) -> Snapshot:
        from dumbo.tracing.garbage import Uncollected

        with Uncollected():
            return self._snapshot_of(analysis, roots, shape, names)

    def _snapshot_of(
        self, analysis: Analysis, roots: tuple[Any, ...], shape: Any, names: tuple[str, ...]
    ) -> Snapshot:
        from dumbo.tracing import account
        from dumbo.tracing.digest import canonical
        from dumbo.tracing.summary import program_of

        digest, rows = canonical(analysis)
        digest = salted(digest, self.version)
        if self.track_deps == "names":
            digest = salted(digest, _NAMES)
        contents = analysis.hashed()
        state = replay.state_of(analysis.program, analysis.replayed(), contents)
        ran = replay.Replay(analysis.replayed(), contents, state)
        program = program_of(analysis)
        shape = with_words(without_words(shape)[0], program.asked)
        snapshot = Snapshot(digest, program, ran, self.function, roots, shape)
        telling = config.keeps_details()
        snapshot.account = account.of(
            analysis, rows, shape, roots, names, self.version or "", telling=telling
        )
        return snapshot

    def _trace_own(self, roots: tuple[Any, ...]) -> Snapshot:
        """`track_deps=False`: own code, defaults and cells; and what code the arguments hold."""
        program: list[replay.Lookup] = [("root", -1, number) for number in range(len(roots) + 1)]
        if type(self.function) is FunctionType:
            for index in range(len(self.function.__closure__ or ())):
                program.append(("cell", 0, index))
                program.append(("content", len(program) - 1, None))
        try:
            ran = replay.run(program, (self.function, *roots))
        except UnhashableArgument as cause:
            raise UntraceableFunction(f"a variable it closes over: {cause}") from cause
        digest = xxhash.xxh3_128_digest(b"own" + ran.state)
        return Snapshot(
            salted(digest, self.version),
            replay.Program(program, False),
            ran,
            self.function,
            roots,
            (),
        )

    # --- after the run ----------------------------------------------------------------

    def settle(self, snapshot: Snapshot, store: Store) -> Snapshot:
        """What a result is stored under, now that the function has run.

        Modules that its body imported are loaded now, so what it reaches through
        them is added; everything else counts as it was before the run.

        Raises:
            Bypass: if what it depends on cannot be known after all.
            OSError, StorageError: if the trace cannot be recorded.
        """
        loaded = [name for name in snapshot.unloaded if name in sys.modules]
        if loaded:
            return self._complete(snapshot, store, loaded)
        recorded.record(self, snapshot, store)
        return snapshot

    def _complete(self, snapshot: Snapshot, store: Store, loaded: Sequence[str]) -> Snapshot:
        everything = (self.function, *snapshot.roots)
        seen = snapshot.before or unloaded.seen(snapshot)
        analysis = self.analyse(snapshot.shape, snapshot.roots, snapshot.names, seen)
        if analysis.untraceable:
            raise UntraceableFunction(analysis.untraceable)
        completed = self._snapshot(analysis, snapshot.roots, snapshot.shape, snapshot.names)
        before = unloaded.by_path(snapshot.program, snapshot.state)
        completed.state = unloaded.as_before(completed.program, completed.state, before)
        completed.names = snapshot.names
        completed.unloaded = tuple(name for name in analysis.unloaded if name not in sys.modules)
        # And as a process that has not loaded them yet will find it.
        completed.lazy = (*snapshot.lazy, *loaded)
        cold = replay.run(completed.program, everything, unloaded=completed.lazy)
        completed.cold = unloaded.as_before(completed.program, cold.state, before)
        recorded.record(self, completed, store)
        plain, asked = without_words(snapshot.shape)
        self._keep(plain, snapshot.roots, Told(asked), completed)
        return completed

    # --- for people -----------------------------------------------------------------------
    # What these take is imported here: nobody looks on the road of a hit.

    def explain(self, snapshot: Snapshot, store: Store) -> str:
        """Which node differs from the latest known version; empty if none is known."""
        from dumbo.tracing import told

        return told.explain(self, snapshot, store)

    def account_of(self, snapshot: Snapshot, store: Store) -> Account | None:
        """What the closure of *snapshot* holds, for people; None if nobody wrote it down."""
        from dumbo.tracing import told

        return told.account_of(self, snapshot, store)

    def chance_of(self, snapshot: Snapshot, store: Store) -> list[Chance]:
        """What may make results of *snapshot* differ; where nobody wrote that down, find it."""
        from dumbo.tracing import told

        return told.chance_of(self, snapshot, store)

    def kindred(self, snapshot: Snapshot, store: Store) -> list[bytes]:
        """Other closures of the function, or of one of the same code, for such arguments."""
        from dumbo.tracing import told

        return told.kindred(self, snapshot, store)

    def standing(self, store: Store, roots: tuple[Any, ...] = ()) -> list[str] | None:
        """What is not as the last traces found it, by label; None if there are none."""
        from dumbo.tracing import told

        return told.standing(self, store, roots)

    def graph(
        self,
        args: Sequence[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        *,
        guessing: bool = True,
    ) -> nx.DiGraph:
        """The dependencies as a graph; see `dumbo.deps`.

        Args:
            guessing: without arguments, guess what they may be.

        Raises:
            Bypass: if they cannot be known.
        """
        from dumbo.tracing import views

        return views.graph(self, args, kwargs, guessing)

    def keywords(self, names: Sequence[str]) -> int:
        """Which parameter takes all other keywords; -1 if none does."""
        code = getattr(self.function, "__code__", None)
        if type(code) is not CodeType or not code.co_flags & 8 or not names:
            return -1
        at = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)
        return len(names) - 1 if names[-1] == code.co_varnames[at] else -1

    def analysis(self) -> Analysis:
        """What the function is found to depend on, whatever its arguments may be.

        Raises:
            Bypass: if that cannot be known.
        """
        analysis = self.analyse(None, (), (), None)
        if analysis.untraceable:
            raise UntraceableFunction(analysis.untraceable)
        return analysis

    def root(self) -> bytes:
        """What traces are found by: the function's own code, whatever it is called."""
        if type(self.function) is FunctionType:
            own = fingerprint.code(self.function.__code__)
        else:
            own = fingerprint.of(self.function) * 2
        if self.track_deps == "names":
            own = salted(own, _NAMES)
        if not self.observed:
            own = salted(own, _UNSEEN)
        return own if self.track_deps and not self.version else salted(own, self.version)


def _name(function: Any, attribute: str) -> str:
    found = getattr(function, attribute, None)
    return found if isinstance(found, str) else type(function).__name__
