"""What one memoized function depends on, now: the cheapest road that proves it.

    hot    the guard of this shape of call holds            no import, no graph
    cold   a known program, run again, gives a known state  no lowering
    trace  the function is analysed                         the closure may still be a known one

Knows the three roads and when each is taken; must not know keys, results or
what a verdict says to people.
"""

from __future__ import annotations

import gc
import sys
from types import CodeType, FunctionType

import xxhash

from dumbo import config
from dumbo.errors import (
    Bypass,
    ClosureTooLarge,
    StorageError,
    UnhashableArgument,
    UntraceableFunction,
)
from dumbo.names import module_name, named
from dumbo.tracing import fingerprint, replay
from dumbo.tracing.guards import Guard
from dumbo.tracing.lookup import globals_of, is_module, module_namespace, path_of
from dumbo.tracing.replay import UNLOADED
from dumbo.tracing.shapes import shape_of
from dumbo.tracing.words import Told, Words, fits, with_words, without_words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, Literal, TypeAlias

    import networkx as nx

    from dumbo.persistence.store import Store
    from dumbo.tracing.account import Account
    from dumbo.tracing.callgraph import Analysis, Before, Chance

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
_GIVEN_UP = bytes(16)  # in place of a closure digest
_PROGRAMS = 32  # that are tried, the latest first
_UNSEEN = "\0unseen"  # a salt: who is not observed needs closures that are whole by themselves
_NAMES = "\0names"  # a salt: what is found by names is no trace of what is found without
_OTHERS = 4  # closures of one function that hold beside the first


class Snapshot:
    """What a call depends on, taken before it runs.

    Attributes:
        digest: 16 bytes, the closure's.
        unloaded: modules that the body may import and that are not loaded yet.
        identity: whether sharing within the arguments counts; see `replay.Program`.
        found: what each lookup of the program found.
    """

    __slots__ = (
        "cold",
        "account",
        "chance",
        "before",
        "closed",
        "digest",
        "found",
        "function",
        "guard",
        "identity",
        "lazy",
        "names",
        "others",
        "program",
        "ran",
        "recorded",
        "roots",
        "shape",
        "state",
        "tables",
        "unloaded",
    )

    def __init__(
        self,
        digest: bytes,
        program: replay.Program,
        ran: replay.Replay,
        function: Any,
        roots: tuple[Any, ...],
        shape: tuple[Any, ...] | None,
    ) -> None:
        self.digest = digest
        self.function = function
        self.program = program
        self.found = ran.found
        self.identity = program.identity
        self.state = ran.state
        self.guard = Guard(program, ran.found, ran.contents)
        self.before: Before | None = None  # what was found, where the run may load modules
        self.ran: replay.Replay | None = None  # the same, where it was replayed
        self.others: list[bytes] | None = None  # see `Tracker.others`
        self.roots = roots
        self.shape = shape
        self.names: tuple[str, ...] = ()
        self.account: Account | None = None  # of what it holds, if this process has traced it
        self.chance: list[Chance] | None = None  # what may make results differ, if that is known
        self.lazy: tuple[str, ...] = ()  # modules that calls of this process were the first to load
        self.cold: bytes | None = None  # the state of a process that has not loaded these
        self.recorded: set[str] = set()  # the directories of stores that have the trace
        self.closed: int | None = None  # see `closed`; None before anybody asked
        self.unloaded: tuple[str, ...] = ()
        self.tables = [
            (ran.found[base], arg) for op, base, arg in program if op == "table" and base >= 0
        ]

    def covered(self) -> dict[int, tuple[CodeType, dict[str, Any]]]:
        """The code that the closure holds, with the globals that it runs in, by its id."""
        program, found = self.program, self.found
        if any(found[index] is UNLOADED for index in program.entered):
            # By now, modules may be loaded that were not when this was proven.
            found = replay.run(program, (self.function, *self.roots)).found
        covered: dict[int, tuple[CodeType, dict[str, Any]]] = {}
        for index in program.entered:
            function = found[index]
            if type(function) is FunctionType:
                names = function.__globals__
                covered[id(function.__code__)] = (function.__code__, names)
                for code in _inside(function.__code__) if program.inner else ():
                    if fingerprint.code(code) in program.inner:
                        covered[id(code)] = (code, names)
        return covered

    def changes(self) -> tuple[set[int], set[tuple[int, str]]]:
        """What the closure may change: objects in place, by id; globals, by id of the namespace."""
        objects: set[int] = set()
        places: set[tuple[int, str]] = set()
        for index in self.program.unsteady:
            op, base, arg = self.program[index]
            objects.add(id(self.found[index]))
            if op in ("global", "attr"):
                names = _namespace(self.found[base])
                if names is not None:
                    places.add((id(names), arg))
        return objects, places

    def depends_on(self, objects: set[int], places: set[tuple[int, str]]) -> str:
        """Which of these the closure reads, in words; empty if none."""
        found = self.found
        for index, (op, base, arg) in enumerate(self.program):
            if op in ("global", "attr"):
                names = _namespace(found[base])
                read = names is not None and (id(names), arg) in places
            elif op in ("content", "item", "field", "mro"):
                # Methods of a class that has a changing attribute are not that attribute.
                read = id(found[base]) in objects and type(found[index]) is not FunctionType
            else:
                read = False
            if read:
                return path_of(self.program, index)
        return ""

    def adopt_tables(self) -> None:
        """The function is about to run, and fills the hand-made caches among its globals."""
        for table, fill in self.tables:
            from dumbo.tracing.tables import adopt  # most closures have none

            if type(table) is dict:
                adopt(table, fill)


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
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        track_deps: TrackDeps = True,
        version: str | None = "",
        observed: bool | None = None,
    ) -> None:
        self.function: Any = function
        self.observed = is_observed() if observed is None else observed
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
        shape = shape_of(values, roots, self._keywords(names)) if self.track_deps else ()
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
        for snapshot in [s for k, s in self._snapshots.items() if k[0] == shape][-_PROGRAMS:]:
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
        for trace in store.traces(self._root(), _shape_digest(shape)):
            if trace.program not in programs:
                if len(programs) >= _PROGRAMS:
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
                found = _partly_loaded(program, known_states, ran.get(id(program)))
            if found is not None and trace.closure == _GIVEN_UP:
                reason = "its call graph is too large to follow, as an earlier process found"
                self._failures[self._key(shape, roots, words)] = _Failure(None, reason, roots)
                raise ClosureTooLarge(reason)
            if found is not None:
                said = with_words(shape, program.asked)
                proven = Snapshot(trace.closure, program, found, self.function, roots, said)
                proven.recorded.add(store.directory)
                proven.unloaded = _not_looked_into(program, found.found)
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
            snapshot.others = self._others(snapshot, store)
        return snapshot.others

    def _others(self, snapshot: Snapshot, store: Store) -> list[bytes]:
        found: list[bytes] = []
        if not any(op in ("module", "submodule") for op, _, _ in snapshot.program):
            return found
        everything = (self.function, *snapshot.roots)
        programs: dict[bytes, Any] = {}
        ran: dict[bytes, tuple[bytes, bytes]] = {}
        told = Told(snapshot.program.asked)
        for trace in store.traces(self._root(), _shape_digest(snapshot.shape)):
            if trace.closure in (snapshot.digest, _GIVEN_UP, *found):
                continue
            if trace.program not in programs:
                if len(programs) >= _PROGRAMS:
                    continue
                payload = store.program(trace.program)
                programs[trace.program] = program = replay.decode(payload) if payload else None
                if program is None or not fits(program.asked, told):
                    continue
                try:
                    now = replay.run(program, everything)
                    idle = _not_looked_into(program, None)
                    less = replay.run(program, everything, unloaded=idle)
                except UnhashableArgument:
                    continue
                ran[trace.program] = (now.state, less.state)
            if trace.state in ran.get(trace.program, ()):
                found.append(trace.closure)
                if len(found) >= _OTHERS:
                    break
        return found

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
            analysis = self._analyse(shape, roots, names, None, asked_of)
        except ClosureTooLarge as error:
            # It took seconds to learn that; the next call shall not pay for it again.
            self._failures[self._key(shape, roots, words)] = _Failure(None, str(error), roots)
            if store is not None:
                self._record_given_up(shape, store)
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

    def _analyse(
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
        from dumbo.tracing.interpreter import trace

        self.traced += 1
        if words is None:
            shape, asked = without_words(shape)
            words = Told(asked)
        collects = gc.isenabled()
        # An analysis makes no garbage and many objects: collecting would look at all of the
        # program's again and again, and take as long as the analysis.
        gc.disable()
        try:
            by_name = self.track_deps == "names"
            return trace(
                self.function,
                roots,
                shape,
                names,
                before,
                by_name,
                observed=self.observed,
                words=words,
                guessing=guessing,
            )
        except Bypass:
            raise
        except RecursionError as error:
            raise UntraceableFunction("it is called too deep in the stack to be traced") from error
        finally:
            if collects:
                gc.enable()

    def _snapshot(
        self, analysis: Analysis, roots: tuple[Any, ...], shape: Any, names: tuple[str, ...]
    ) -> Snapshot:
        from dumbo.tracing import account
        from dumbo.tracing.digest import canonical
        from dumbo.tracing.summary import program_of

        digest, rows = canonical(analysis)
        digest = _salted(digest, self.version)
        if self.track_deps == "names":
            digest = _salted(digest, _NAMES)
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
            _salted(digest, self.version),
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
        self._record(snapshot, store)
        return snapshot

    def _complete(self, snapshot: Snapshot, store: Store, loaded: Sequence[str]) -> Snapshot:
        everything = (self.function, *snapshot.roots)
        seen = snapshot.before or _seen(snapshot)
        analysis = self._analyse(snapshot.shape, snapshot.roots, snapshot.names, seen)
        if analysis.untraceable:
            raise UntraceableFunction(analysis.untraceable)
        completed = self._snapshot(analysis, snapshot.roots, snapshot.shape, snapshot.names)
        before = _by_path(snapshot.program, snapshot.state)
        completed.state = _as_before(completed.program, completed.state, before)
        completed.names = snapshot.names
        completed.unloaded = tuple(name for name in analysis.unloaded if name not in sys.modules)
        # And as a process that has not loaded them yet will find it.
        completed.lazy = (*snapshot.lazy, *loaded)
        cold = replay.run(completed.program, everything, unloaded=completed.lazy)
        completed.cold = _as_before(completed.program, cold.state, before)
        self._record(completed, store)
        plain, asked = without_words(snapshot.shape)
        self._keep(plain, snapshot.roots, Told(asked), completed)
        return completed

    def _record(self, snapshot: Snapshot, store: Store) -> None:
        """Put the trace into *store*, once."""
        if store.directory in snapshot.recorded:
            return
        program = replay.encode(snapshot.program)
        shape = _shape_digest(snapshot.shape)
        details = b"" if snapshot.account is None else _written_down(snapshot.account, store)
        for state in (snapshot.state, snapshot.cold):
            if state is not None:
                store.add_trace(
                    self._label,
                    self._root(),
                    shape,
                    program,
                    state,
                    snapshot.digest,
                    details,
                )
        snapshot.recorded.add(store.directory)

    def _record_given_up(self, shape: Any, store: Store) -> None:
        """Tell later processes not to try, as long as the function's own code is what it is."""
        program = replay.Program([("root", -1, 0)], False)
        state = replay.run(program, (self.function,)).state
        payload, shape = replay.encode(program), _shape_digest(shape)
        try:  # not `suppress`, whose module a cold hit would pay for
            store.add_trace(self._label, self._root(), shape, payload, state, _GIVEN_UP, b"")
        except (OSError, StorageError):  # then they try
            pass

    # --- explaining -------------------------------------------------------------------

    def explain(self, snapshot: Snapshot, store: Store) -> str:
        """Which node differs from the latest known version; empty if none is known."""
        told = Told(snapshot.program.asked)
        for trace in store.traces_of(self._label):
            if trace.closure == snapshot.digest:
                return ""
            if trace.closure == _GIVEN_UP:
                continue
            payload = store.program(trace.program)
            program = replay.decode(payload) if payload else None
            if program is None or not fits(program.asked, told):
                continue
            try:
                ran = replay.run(program, (self.function, *snapshot.roots))
            except UnhashableArgument as cause:
                return str(cause)
            changed = replay.differing(program, trace.state, ran.state)
            if changed:
                return self._changed(program, ran, changed[0])
            return self._label  # the version salt, or what only tracing sees
        return ""

    def account_of(self, snapshot: Snapshot, store: Store) -> Account | None:
        """What the closure of *snapshot* holds, for people; None if nobody wrote it down."""
        if snapshot.account is None:
            from dumbo.tracing.account import decode  # for those who look, not for a hit

            for trace in store.traces_with(snapshot.digest):
                snapshot.account = decode(trace.details)
                if snapshot.account is not None:
                    break
        return snapshot.account

    def chance_of(self, snapshot: Snapshot, store: Store) -> list[Chance]:
        """What may make results of *snapshot* differ; where nobody wrote that down, find it."""
        if snapshot.chance is None:
            account = self.account_of(snapshot, store)
            if account is not None:
                snapshot.chance = account.chance
            elif not self.track_deps:
                snapshot.chance = []
            else:
                seen = snapshot.before or _seen(snapshot)
                analysis = self._analyse(snapshot.shape, snapshot.roots, snapshot.names, seen)
                snapshot.chance = list(analysis.chance)
        return snapshot.chance

    def kindred(self, snapshot: Snapshot, store: Store) -> list[bytes]:
        """Other closures of the function, or of one of the same code, for such arguments."""
        shape = _shape_digest(snapshot.shape)
        mine = [trace for trace in store.traces_of(self._label, limit=64) if trace.shape == shape]
        found = [trace.closure for trace in (*mine, *store.traces(self._root(), shape))]
        return [one for one in dict.fromkeys(found) if one not in (snapshot.digest, _GIVEN_UP)]

    def standing(self, store: Store, roots: tuple[Any, ...] = ()) -> list[str] | None:
        """What is not as the last traces found it, by label; None if there are none.

        For each shape of call one trace that holds is enough. What hangs on an argument that
        is not among *roots* says nothing.
        """
        changed: dict[bytes, dict[str, None]] = {}
        for trace in store.traces_of(self._label):
            payload = store.program(trace.program)
            program = replay.decode(payload) if payload else None
            if program is None or trace.closure == _GIVEN_UP:
                continue
            differs = self._differing(program, trace.state, (self.function, *roots))
            if not differs:
                changed[trace.shape] = {}
            changed.setdefault(trace.shape, dict.fromkeys(differs))
        if not changed:
            return None
        return list({label: None for labels in changed.values() for label in labels})

    def _differing(
        self, program: replay.Program, state: bytes, roots: tuple[Any, ...]
    ) -> list[str]:
        """The labels of what another state found first; what hangs on it differs with it."""
        from dumbo.tracing.labels import label_of  # for those who look, not for a hit

        try:
            ran = replay.run(program, roots)
        except UnhashableArgument as cause:
            return [str(cause)]
        differs = set(replay.differing(program, state, ran.state))
        labels: dict[str, None] = {}
        for index, (op, base, arg) in enumerate(program):
            unknown = op == "root" and arg >= len(roots)
            if unknown or (base in differs):
                differs.add(index)  # and so is what hangs on this
            elif index in differs:
                labels[label_of(program, ran.found, index)] = None
        return list(labels)

    def _changed(self, program: Sequence[replay.Lookup], ran: replay.Replay, index: int) -> str:
        obj = ran.found[index]
        if program[index][0] == "root":
            return self._label
        path = path_of(program, index)
        if type(obj) is FunctionType:
            return f"{named(obj)} ({path})"
        return path or self._label

    def graph(
        self, args: Sequence[Any] | None = None, kwargs: dict[str, Any] | None = None
    ) -> nx.DiGraph:
        """The dependencies as a graph; see `dumbo.deps`.

        Raises:
            Bypass: if they cannot be known.
        """
        from dumbo.tracing.graphs import to_networkx

        if args is None and kwargs is None:
            return to_networkx(self._analyse(None, (), (), None, guessing=True))
        from dumbo.arguments.hashing import digest_call
        from dumbo.arguments.signature import Binder

        binder = Binder(self.function, ())
        values = binder.bind(tuple(args or ()), dict(kwargs or {}))
        try:
            _, roots = digest_call(values, binder.names)
        except UnhashableArgument:
            # Good enough to look at, though no call with it can be cached.
            opened = self._open(values, binder.names)
            if opened is None:
                return to_networkx(self._analyse(None, (), (), None, guessing=True))
            values, roots = opened
        shape = shape_of(values, roots, self._keywords(binder.names))
        return to_networkx(self._analyse(shape, roots, binder.names, None, Words(values)))

    def _open(
        self, values: tuple[Any, ...], names: tuple[str, ...]
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]] | None:
        """*values* with what is known of generators among them, and their code roots."""
        from dumbo.arguments.hashing import digest_call
        from dumbo.tracing.opened import open_all, parts_of

        opened = open_all(values)
        if opened is None:
            return None
        try:
            return opened, digest_call(parts_of(opened), names)[1]
        except UnhashableArgument:
            return None

    def _keywords(self, names: Sequence[str]) -> int:
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
        analysis = self._analyse(None, (), (), None)
        if analysis.untraceable:
            raise UntraceableFunction(analysis.untraceable)
        return analysis

    def _root(self) -> bytes:
        """What traces are found by: the function's own code, whatever it is called."""
        if type(self.function) is FunctionType:
            own = fingerprint.code(self.function.__code__)
        else:
            own = fingerprint.of(self.function) * 2
        if self.track_deps == "names":
            own = _salted(own, _NAMES)
        if not self.observed:
            own = _salted(own, _UNSEEN)
        return own if self.track_deps and not self.version else _salted(own, self.version)


def _written_down(account: Account, store: Store) -> bytes:
    """*account* for *store*, which gets the sources too, if they may be kept."""
    if config.keeps_details():
        # Imported here: only what is stored for the first time has sources to keep.
        from dumbo.tracing.texts import source_of

        store.recipes().add_texts(account.texts(source_of))
    return account.encode()


def _partly_loaded(
    program: Sequence[replay.Lookup], states: Sequence[bytes], ran: replay.Replay | None
) -> replay.Replay | None:
    """*ran*, if it is one of *states* but for modules that are not loaded.

    All of *states* prove one closure by *program*. They differ where a body imports modules, and
    of these, any may be loaded by now. One that is not is as it was in another of the states, or
    it is of an installed distribution, which counts by its version. What lies behind it was not
    looked at.
    """
    if ran is None or replay.UNLOADED not in ran.found:
        return None
    size, found = fingerprint.SIZE, ran.found
    for whole in states[-2:]:  # seldom more: before the imports of a body, and after them
        for index, (op, base, arg) in enumerate(program):
            span = slice(index * size, (index + 1) * size)
            if ran.state[span] == whole[span]:
                continue
            if found[index] is not replay.UNLOADED:
                break
            if base >= 0 and found[base] is replay.UNLOADED:
                continue
            if any(ran.state[span] == state[span] for state in states):
                continue
            from dumbo.tracing import sources  # of these are few

            within = f"{module_namespace(found[base])['__name__']}." if op == "submodule" else ""
            if not sources.is_installed(within + arg):
                break
        else:
            return ran
    return None


def _not_looked_into(
    program: Sequence[replay.Lookup], found: Sequence[Any] | None
) -> tuple[str, ...]:
    """The modules behind which *program* has no lookup; with *found*, of these the unloaded."""
    behind = {base for _, base, _ in program}
    return tuple(
        arg
        for index, (op, _, arg) in enumerate(program)
        if op == "module"
        and index not in behind
        and (found is None or found[index] is replay.UNLOADED)
    )


def _seen(snapshot: Snapshot) -> Before | None:
    """What a replay found before the run, for the analysis after it."""
    if snapshot.ran is None:
        return None
    # Imported here: the analysis that this is for has all of it.
    from dumbo.tracing.callgraph import Before

    program, ran = snapshot.program, snapshot.ran
    found = {
        path: obj
        for path, obj in zip(_paths(program), ran.found, strict=True)
        if obj is not replay.UNLOADED
    }
    contents = {path_of(program, program[index][1]): ran.contents[index] for index in ran.contents}
    return Before(found, contents)


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield constant
            yield from _inside(constant)


def _namespace(base: Any) -> dict[str, Any] | None:
    return globals_of(base) if type(base) is FunctionType or is_module(base) else None


def _salted(digest: bytes, version: str | None) -> bytes:
    if not version:
        return digest
    return xxhash.xxh3_128_digest(digest + version.encode("utf-8", "surrogatepass"))


def _name(function: Any, attribute: str) -> str:
    found = getattr(function, attribute, None)
    return found if isinstance(found, str) else type(function).__name__


def _shape_digest(shape: Any) -> bytes:
    """A shape as 16 bytes: types by name, as a hint to find traces by."""
    plain, _ = without_words(shape)
    return xxhash.xxh3_128_digest(_written(plain).encode("utf-8", "surrogatepass"))


def _written(shape: Any) -> str:
    if type(shape) is tuple:
        return f"({','.join([_written(part) for part in shape])})"
    return shape.__qualname__ if isinstance(shape, type) else repr(shape)


def _by_path(program: Sequence[replay.Lookup], state: bytes) -> dict[Any, bytes]:
    size = fingerprint.SIZE
    return {
        path: state[index * size : (index + 1) * size] for index, path in enumerate(_paths(program))
    }


def _paths(program: Sequence[replay.Lookup]) -> list[Any]:
    paths: list[Any] = []
    for op, base, arg in program:
        paths.append((paths[base] if base >= 0 else None, op, type(arg), arg))
    return paths


def _as_before(program: Sequence[replay.Lookup], state: bytes, before: dict[Any, bytes]) -> bytes:
    """*state*, save that what was seen before the run is as it was then."""
    size = fingerprint.SIZE
    return b"".join(
        state[index * size : (index + 1) * size]
        if program[index][0] == "module" or path not in before or _below_module(path)
        else before[path]
        for index, path in enumerate(_paths(program))
    )


def _below_module(path: Any) -> bool:
    while path is not None:
        if path[1] == "module":
            return True
        path = path[0]
    return False
