"""From code that ran to what an entry depends on besides its closure.

A function that ran, and that the closure of the call does not hold, is named by a *reference*,
the way to it from its module, and counts by the digest of its own closure, with nothing known of
its arguments. The references of one result, with their digests, are its *extras*; an entry is
found under the digest of that list, and is a hit if every reference still leads to that digest.

    step       from                     to
    name       module, class, holder    what it holds under that name, by `lookup`
    number     function                 what its cell holds
    ("item", k)  dict, list, tuple      an item
    ("field", n) instance               a field
    ("code", n, name)  function         the n-th code of that name inside of its own, as a function
                                        of which nothing is known but the code
    ("here", token, n)  nothing         a function that only this process can find

The last is of a function that no module leads to, a closure that somebody holds or what `exec`
made: with it an entry is good for this process only, as long as that function lives.

Knows functions, modules and digests; must not know events, keys or results.
"""

from __future__ import annotations

import marshal
import os
import sys
import weakref
from types import CellType, CodeType, FunctionType

import xxhash

from dumbo.errors import Bypass, FirstSeen, UntraceableFunction
from dumbo.tracing.fingerprint import ATOMS
from dumbo.tracing.guards import Guard
from dumbo.tracing.lookup import (
    ABSENT,
    MEMBERS,
    home_of,
    instance_dict,
    is_class,
    is_memoized,
    is_module,
    module_namespace,
    namespace,
    reach,
)
from dumbo.tracing.snapshots import Snapshot
from dumbo.tracing.tracker import Tracker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TypeAlias

    import networkx as nx

    from dumbo.persistence.store import Store
    from dumbo.tracing.callgraph import Chance

    Step: TypeAlias = str | int | tuple[Any, ...]
    Reference: TypeAlias = tuple[Any, ...]  # a module's name, then steps
    Codes: TypeAlias = dict[int, tuple[CodeType, dict[str, Any]]]

__all__ = ["Extra", "Extras", "UNOBSERVED"]

# version  change
# 1        the first
VERSION = 1

# In place of extras: nobody looked. It is no digest, and it is not the absence of extras.
UNOBSERVED = b"?"

_SHAPE = xxhash.xxh3_128_digest(b"observed")  # under which the store lists known extras
_HINTS = 16  # lists of earlier results that tell what may run
_KEPT = 4096  # references and lists that a process remembers
_BUDGET = 20_000  # objects of one module that are looked through for a function
_DEPTH = 6
_OPTIMIZED = 0x1  # the code of functions; that of modules and class bodies is not
_HERE = os.urandom(8)


class Extra:
    """One reference of a result.

    Attributes:
        digest: of its closure.
        source: of its module, where a process may have to do without the module.
    """

    __slots__ = ("digest", "reference", "source")

    def __init__(self, reference: Reference, digest: bytes, source: bytes) -> None:
        self.reference = reference
        self.digest = digest
        self.source = source

    @property
    def name(self) -> str:
        return name_of(self.reference)


class Extras:
    """What results of one memoized function depend on besides their closures."""

    __slots__ = ("_hinted", "_known", "_label")

    def __init__(self, label: str) -> None:
        self._label = xxhash.xxh3_128_digest(b"observed" + label.encode("utf-8", "surrogatepass"))
        self._known: dict[Reference, None] = {}  # what ran for any of its results
        self._hinted: set[str] = set()

    # -- before the run ----------------------------------------------------------------

    def before(self, store: Store) -> dict[Reference, Snapshot]:
        """What is likely to run, as it is before it runs."""
        if store.directory not in self._hinted:
            self._hinted.add(store.directory)
            for trace in store.traces(self._label, _SHAPE, limit=_HINTS):
                for extra in read(trace.program, store) or ():
                    self._remember(extra.reference)
        found = {}
        for reference in list(self._known):
            snapshot = _try_look(reference, store)
            if snapshot is not None:
                found[reference] = snapshot
        return found

    def _remember(self, reference: Reference) -> None:
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[reference] = None

    # -- after the run -----------------------------------------------------------------

    def settle(
        self,
        snapshot: Snapshot,
        codes: Codes,
        near: frozenset[int],
        joined: Iterable[Reference],
        before: dict[Reference, Snapshot],
        loaded: frozenset[str],
        store: Store,
    ) -> bytes:
        """The digest of what ran outside of the closure of *snapshot*; empty if nothing did.

        Parameters:
            codes: what ran.
            near: ids of closures among them that surely ran for the call.
            joined: references that count as well.
            before: what `before` gave.
            loaded: the modules that were loaded before the run.

        Raises:
            Bypass: if some of it cannot be known; the message says which.
            OSError, StorageError: if it cannot be written.
        """
        cover = _Cover(snapshot, near, before, store)
        for reference in joined:
            cover.add_joined(reference)
        cover.add(_of_users(codes, cover.codes))
        if not cover.found:
            return b""
        for reference in cover.found:
            self._remember(reference)
        cover.check()
        payload = _encode(cover.found, loaded, store)
        extras = xxhash.xxh3_128_digest(payload)
        closure = snapshot.digest  # in place of a state, so that each closure has a row of its own
        store.add_trace("observed", self._label, _SHAPE, payload, closure, closure, b"")
        _lists[extras] = _decode(payload)
        return extras


class _Cover:
    """References whose closures, with that of the call, hold all that ran."""

    def __init__(
        self,
        snapshot: Snapshot,
        near: frozenset[int],
        before: dict[Reference, Snapshot],
        store: Store,
    ) -> None:
        self._near = near
        self.codes = dict(snapshot.covered())  # by id
        self.found: dict[Reference, Snapshot] = {}
        self._closures = [snapshot]
        self._before = before
        self._store = store
        self._first: list[tuple[Reference, Snapshot]] = []  # seen only after the run

    def add_joined(self, reference: Reference) -> None:
        function = resolve(reference)
        if function is None or id(function.__code__) not in self.codes:
            self._take(reference)

    def add(self, codes: Codes) -> None:
        """Find references to *codes*; those that ran first are likely to call the others."""
        left: Codes = {}
        for key, (code, names) in codes.items():
            if key in self.codes:
                continue
            for reference in _by_name(code, names, codes):
                if key not in self.codes:
                    self._take(reference)
            if key not in self.codes:
                left[key] = (code, names)
        indexes = _Indexes(names for _, names in codes.values())
        for key, (code, names) in left.items():
            if key not in self.codes:
                for reference in indexes.find(code) or self._elsewhere(code, names):
                    self._take(reference)
                self.codes.setdefault(key, (code, names))

    def _elsewhere(self, code: CodeType, names: dict[str, Any]) -> list[Reference]:
        """References to code that no module leads to; none if it is not the user's after all."""
        alive = _alive(code)
        if code.co_filename.startswith("<"):
            classes = [cls for function in alive for cls in _classes_with(function)]
            if any(_owner_of(cls) is not None for cls in classes):
                return []  # generated for a library's class, such as a named tuple's `__new__`
            found = [reference for cls in classes if (reference := _in_class(cls, code))]
            if found:
                return found
        if id(code) not in self._near:
            # Of another thread or task: most likely it has nothing to do with the call.
            known = _by_maker(code, names)
            if known is not None:
                return [known]
        if not alive:
            # Nobody holds such a function, so the run made it, by code that is known.
            for outer, its_names in list(self.codes.values()):
                place = _place_in(outer, code)
                if place is not None and its_names is names:
                    for known in _by_name(outer, names, {}):
                        return [(*known, place)]
            return [("", ("here", _HERE, 0))]
        return [_here(function) for function in alive]

    def _take(self, reference: Reference) -> None:
        if reference in self.found:
            return
        snapshot = self._before.get(reference)
        if snapshot is None:
            snapshot = _look(reference, self._store)
            if snapshot is not None:
                self._first.append((reference, snapshot))
        if snapshot is None:
            raise UntraceableFunction(f"{name_of(reference)} ran, and cannot be found any more")
        self.found[reference] = snapshot
        self._closures.append(snapshot)
        for key, what in snapshot.covered().items():
            self.codes.setdefault(key, what)

    def check(self) -> None:
        """See to it that what was looked at only after the run is what was there before it.

        Raises:
            FirstSeen: if the run may have changed it.
        """
        if not self._first:
            return
        objects: set[int] = set()
        places: set[tuple[int, str]] = set()
        for snapshot in self._closures:
            some, others = snapshot.changes()
            objects |= some
            places |= others
        for reference, snapshot in self._first:
            what = snapshot.depends_on(objects, places)
            if what:
                raise FirstSeen(
                    f"{name_of(reference)} was seen to run for the first time, and {what}, which "
                    "it reads, may have been another before; the next computation is kept"
                )


# -- verifying -------------------------------------------------------------------------------


def hold(extras: bytes, store: Store) -> bool:
    """Whether all that *extras* stands for is as it was."""
    listed = read(extras, store)
    return listed is not None and all(_holds(extra, store) for extra in listed)


class _Guards(Guard):
    """The guard of a closure, with those of extras."""

    __slots__ = ("first", "more")

    def __init__(self, first: Guard, more: list[tuple[Reference, FunctionType, Guard]]) -> None:
        self.first = first
        self.more = more

    def holds(self) -> bool:
        if not self.first.holds():
            return False
        for reference, function, guard in self.more:
            if resolve(reference) is not function or not guard.holds():
                return False
        return True


def guarded(extras: bytes, store: Store, first: Guard) -> Guard | None:
    """What holds as long as *first* and *extras* do; None if that takes more than guards."""
    more = []
    for extra in read(extras, store) or ():
        function = resolve(extra.reference)
        snapshot = _try_look(extra.reference, store) if extra.reference[0] else None
        if function is None or snapshot is None or snapshot.digest != extra.digest:
            return None
        more.append((extra.reference, function, snapshot.guard))
    return _Guards(first, more) if more else None


def changed(extras: bytes, store: Store) -> str:
    """The name of what of *extras* is not as it was; empty if all is, or nothing is known."""
    for extra in read(extras, store) or ():
        if not _holds(extra, store):
            return extra.name
    return ""


def outdated(extras: bytes, store: Store) -> list[tuple[Extra, Snapshot | None, Tracker | None]]:
    """What of *extras* is not as it was, with how it is now, if that can be told."""
    found: list[tuple[Extra, Snapshot | None, Tracker | None]] = []
    for extra in read(extras, store) or ():
        if _holds(extra, store):
            continue
        snapshot = _try_look(extra.reference, store)
        tracker = None if snapshot is None else _tracker(extra.reference, snapshot.function)
        found.append((extra, snapshot, tracker))
    return found


def read(extras: bytes, store: Store) -> tuple[Extra, ...] | None:
    """The references that *extras* stands for; None if they are lost."""
    known = _lists.get(extras)
    if known is None:
        payload = store.program(extras)
        known = _decode(payload) if payload else None
        if known is not None:
            if len(_lists) >= _KEPT:
                _lists.clear()
            _lists[extras] = known
    return known


def _holds(extra: Extra, store: Store) -> bool:
    module = extra.reference[0]
    if module and module not in sys.modules:
        if not extra.source:
            return False
        from dumbo.tracing import sources  # most functions import nothing in their body

        return sources.print_of(module) == extra.source
    snapshot = _try_look(extra.reference, store)
    return snapshot is not None and snapshot.digest == extra.digest


_lists: dict[bytes, tuple[Extra, ...] | None] = {}
_trackers: dict[Reference, Tracker] = {}


def _look(reference: Reference, store: Store) -> Snapshot | None:
    """What a function that is referred to depends on now; None if it is not there.

    Raises:
        Bypass: if that cannot be known.
    """
    function = resolve(reference)
    if function is None:
        return None
    try:
        return _tracker(reference, function).look_at(None, (), store)
    except Bypass as error:
        raise UntraceableFunction(f"{name_of(reference)} ran, and {error}") from error


def _tracker(reference: Reference, function: FunctionType) -> Tracker:
    if not reference[0]:
        # Of a copy with the same cells, for the entry shall end when the function does, and an
        # analysis is a cycle that may live on.
        copy = _put_together(function.__code__, function, function.__closure__)
        copy.__defaults__, copy.__kwdefaults__ = function.__defaults__, function.__kwdefaults__
        return Tracker(copy)
    tracker = _trackers.get(reference)
    if tracker is None or tracker.function is not function:
        if len(_trackers) >= _KEPT:
            _trackers.clear()
        tracker = _trackers[reference] = Tracker(function)
    return tracker


def _try_look(reference: Reference, store: Store) -> Snapshot | None:
    try:
        return _look(reference, store)
    except Bypass:
        return None


def _encode(found: dict[Reference, Snapshot], loaded: frozenset[str], store: Store) -> bytes:
    listed = []
    for reference in sorted(found, key=repr):
        source = b""
        module = reference[0]
        if module and module not in loaded:
            from dumbo.tracing import sources  # most functions import nothing in their body

            source = sources.print_of(module)
        snapshot = found[reference]
        settled = _tracker(reference, snapshot.function).settle(snapshot, store)
        listed.append((reference, settled.digest, source))
    return marshal.dumps((b"observed", VERSION, tuple(listed)), 2)


def _decode(payload: bytes) -> tuple[Extra, ...] | None:
    try:
        kind, version, listed = marshal.loads(payload)
        if (kind, version) != (b"observed", VERSION):
            return None
        return tuple([Extra(*one) for one in listed])
    except (ValueError, EOFError, TypeError):
        return None


def add_to(graph: nx.DiGraph, extras: bytes, store: Store) -> None:
    """Add what *extras* stands for to a graph of `dumbo.deps`, with all that it depends on."""
    root = graph.graph["root"]
    for extra in read(extras, store) or ():
        function = resolve(extra.reference)
        if function is None or not extra.reference[0]:
            continue
        try:
            more = _tracker(extra.reference, function).graph(None, None)
        except Bypass:
            continue
        # What both have is drawn as the call has it: with its arguments known.
        graph.add_nodes_from([node for node in more.nodes(data=True) if node[0] not in graph])
        graph.add_edges_from(
            [edge for edge in more.edges(data=True) if not graph.has_edge(*edge[:2])]
        )
        start = more.graph["root"]
        if start != root and not graph.has_edge(root, start):
            graph.add_edge(root, start, reference="observed")


def chance_in(extras: bytes, store: Store) -> list[Chance]:
    """What of that which *extras* stands for may make results differ; see `impure`."""
    found: dict[Chance, None] = {}
    for extra in read(extras, store) or ():
        function = resolve(extra.reference)
        snapshot = _try_look(extra.reference, store) if extra.reference[0] else None
        if function is not None and snapshot is not None:
            found.update(
                dict.fromkeys(_tracker(extra.reference, function).chance_of(snapshot, store))
            )
    return list(found)


# -- references ------------------------------------------------------------------------------


def name_of(reference: Reference) -> str:
    """A reference for people: ``module:qualname``."""
    module, *steps = reference
    if not module:
        return "a function that no module leads to"
    text = ""
    for step in steps:
        if type(step) is int:
            continue
        if type(step) is str:
            text += f".{step}" if text else step
        elif step[0] == "item":
            text += f"[{step[1]!r}]"
        else:
            text += f".<locals>.{step[2]}" if step[0] == "code" else f".{step[1]}"
    return f"{module}:{text}"


def resolve(reference: Reference) -> FunctionType | None:
    """The function that *reference* leads to now."""
    module, *steps = reference
    obj: Any = sys.modules.get(module, ABSENT) if module else None
    for step in steps:
        if obj is ABSENT:
            return None
        obj = _follow(obj, step)
    return obj if type(obj) is FunctionType else None


def _follow(obj: Any, step: Any) -> Any:
    if type(step) is int:
        return reach("cell", obj, step) if type(obj) is FunctionType else ABSENT
    if type(step) is tuple:
        if step[0] == "here":
            known = _functions.get(step[2]) if step[1] == _HERE else None
            return _NOTHING if known is None and step[1:] == (_HERE, 0) else known and known()
        if step[0] == "code":
            return _inner(obj, step[1], step[2]) if type(obj) is FunctionType else ABSENT
        return reach(step[0], obj, step[1])
    if is_module(obj):
        return module_namespace(obj).get(step, ABSENT)
    if is_class(obj):
        return namespace(obj).get(step, ABSENT)
    return reach("member", obj, step)


def _nothing() -> None:
    """What stands for functions that lived no longer than the run."""


_NOTHING = _nothing
_functions: dict[int, weakref.ref[FunctionType]] = {}


def _here(function: FunctionType) -> Reference:
    for number, known in list(_functions.items()):
        if known() is function:
            return ("", ("here", _HERE, number))
    number = len(_functions) + 1
    _functions[number] = weakref.ref(function)
    return ("", ("here", _HERE, number))


def _alive(code: CodeType) -> list[FunctionType]:
    """The functions of *code* that somebody holds."""
    if code.co_name.startswith("<") and code.co_name != "<lambda>":
        return []  # generator expressions: nobody can
    import gc  # this road is rare

    return [
        held
        for held in gc.get_referrers(code)
        if type(held) is FunctionType and held.__code__ is code and _MARK not in held.__dict__
    ]


def _classes_with(function: FunctionType) -> list[type]:
    """The classes that have *function* as an attribute, as it is or in a holder."""
    import gc  # this road is rare

    held = [function, *[one for one in gc.get_referrers(function) if type(one) in MEMBERS]]
    spaces = [one for one in gc.get_referrers(*held) if type(one) is dict]
    classes = [one for one in gc.get_referrers(*spaces) if is_class(one)] if spaces else []
    wanted = {id(one) for one in held}
    return [cls for cls in classes if any(id(one) in wanted for one in namespace(cls).values())]


def _in_class(cls: type, code: CodeType) -> Reference | None:
    module = namespace(cls).get("__module__")
    path = type.__dict__["__qualname__"].__get__(cls).split(".")
    for name, held in namespace(cls).items():
        for steps, function in _functions_in(held, (), 2):
            reference = (module, *path, name, *steps)
            if function.__code__ is code and isinstance(module, str):
                if resolve(reference) is function:
                    return reference
    return None


_MARK = "__dumbo_made__"  # of functions that were put together here
_inners: dict[tuple[int, int], FunctionType] = {}  # by the id of their code and of the globals


def _put_together(
    code: CodeType, like: FunctionType, cells: tuple[CellType, ...] | None
) -> FunctionType:
    made = FunctionType(code, like.__globals__, code.co_name, None, cells)
    made.__qualname__ = code.co_qualname
    made.__module__ = like.__module__
    made.__dict__[_MARK] = True
    return made


def _inner(function: FunctionType, number: int, name: str) -> Any:
    codes = [code for code in _codes_in(function.__code__) if code.co_name == name]
    if number >= len(codes):
        return ABSENT
    key = (id(codes[number]), id(function.__globals__))
    made = _inners.get(key)
    if made is None:
        cells = tuple([CellType() for _ in codes[number].co_freevars])
        made = _inners[key] = _put_together(codes[number], function, cells)
    return made


def _codes_in(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield constant
            yield from _codes_in(constant)


def _place_in(outer: CodeType, code: CodeType) -> Step | None:
    same = [inner for inner in _codes_in(outer) if inner.co_name == code.co_name]
    for number, inner in enumerate(same):
        if inner is code:
            return ("code", number, code.co_name)
    return None


def _owner_of(cls: type) -> object:
    from dumbo.tracing import boundary  # reads metadata, after a run only

    return boundary.owner_of(cls)


def _of_users(codes: Codes, covered: Codes) -> Codes:
    """Those of *codes* that are not covered, and neither dumbo's nor a library's."""
    from dumbo.tracing.boundary import owner_of_code, refresh  # reads metadata, after a run only

    refresh()
    return {
        key: (code, names)
        for key, (code, names) in codes.items()
        if key not in covered
        and code.co_flags & _OPTIMIZED
        and owner_of_code(code.co_filename, str(names.get("__name__", ""))) is None
    }


def _by_name(code: CodeType, names: dict[str, Any], ran: Codes) -> list[Reference]:
    """The references that the qualified name of *code* promises, if it is kept.

    Of a decorated function that is what the name stands for, where that ran too; then itself.
    """
    module = _module_of(names)
    if module is None or "<" in code.co_qualname:
        return []
    obj: Any = sys.modules[module]
    path: list[Step] = []
    for part in code.co_qualname.split("."):
        obj = _follow(obj, part) if is_module(obj) or is_class(obj) else ABSENT
        if obj is ABSENT:
            return []
        path.append(part)
    for steps, function in _functions_in(obj, (), 3):
        if function.__code__ is code:
            exact = (module, *path, *steps)
            if steps and type(obj) is FunctionType and id(obj.__code__) in ran:
                return [(module, *path), exact]
            return [exact]
    return []


def _by_maker(code: CodeType, names: dict[str, Any]) -> Reference | None:
    """The reference to *code* inside of the function in whose body it stands."""
    module = _module_of(names)
    outer, _, inner = code.co_qualname.partition(".<locals>")
    if module is None or not inner or "<" in outer:
        return None
    reference = (module, *outer.split("."))
    function = resolve(reference)
    place = _place_in(function.__code__, code) if function is not None else None
    return None if place is None else (*reference, place)


def _module_of(names: dict[str, Any]) -> str | None:
    name = names.get("__name__")
    if name == "__mp_main__":  # what a spawned worker of multiprocessing calls the script
        name = "__main__"
    if not isinstance(name, str):
        return None
    module = sys.modules.get(name)
    if module is None or not is_module(module) or module_namespace(module) is not names:
        return None
    return name


def _functions_in(
    obj: Any, path: tuple[Step, ...], depth: int
) -> Iterator[tuple[tuple[Step, ...], FunctionType]]:
    """The functions that a function, or what holds functions, leads to, the nearest first."""
    todo = [(path, obj, depth)]
    seen: set[int] = set()
    for path, obj, depth in todo:
        if id(obj) in seen:
            continue
        seen.add(id(obj))
        kind = type(obj)
        if kind is FunctionType:
            yield path, obj
            if depth:
                todo += [
                    ((*path, number), reach("cell", obj, number), depth - 1)
                    for number in range(len(obj.__closure__ or ()))
                ]
        if depth and (kind in MEMBERS or is_memoized(obj)):
            members = ["__wrapped__"] if is_memoized(obj) else sorted(MEMBERS[kind])
            for name in members:
                held = reach("member", obj, name)
                if type(held) not in ATOMS and held is not ABSENT:
                    todo.append(((*path, name), held, depth - 1))


class _Indexes:
    """Which functions modules lead to, by code; a module is looked through when it is needed."""

    def __init__(self, names: Iterable[dict[str, Any]]) -> None:
        self._modules = {name: None for one in names if (name := _module_of(one)) is not None}
        self._found: dict[int, list[Reference]] | None = None

    def find(self, code: CodeType) -> list[Reference]:
        if self._found is None:
            self._found = {}
            for module in self._modules:
                self._read(module, self._found)
        return self._found.get(id(code), [])

    def _read(self, module: str, found: dict[int, list[Reference]]) -> None:
        todo: list[tuple[Reference, Any, int]] = [((module,), sys.modules[module], _DEPTH)]
        seen: set[int] = set()
        for reference, obj, depth in todo:
            if id(obj) in seen or type(obj) in ATOMS or len(seen) > _BUDGET:
                continue
            seen.add(id(obj))
            for steps, function in _functions_in(obj, (), 3):
                found.setdefault(id(function.__code__), []).append((*reference, *steps))
            if depth:
                for step, held in _parts(obj, module, reference):
                    todo.append(((*reference, step), held, depth - 1))


def _parts(obj: Any, module: str, reference: Reference) -> Iterator[tuple[Step, Any]]:
    kind = type(obj)
    if is_module(obj):
        if len(reference) == 1:
            yield from [(k, v) for k, v in module_namespace(obj).items() if type(k) is str]
    elif is_class(obj):
        if namespace(obj).get("__module__") == module:
            yield from namespace(obj).items()
    elif kind is dict:
        yield from [(("item", key), held) for key, held in obj.items() if type(key) in ATOMS]
    elif kind in (list, tuple):
        yield from [(("item", number), held) for number, held in enumerate(obj)]
    elif kind not in MEMBERS and home_of(kind) == module:
        for name, held in (instance_dict(obj) or {}).items():
            yield ("field", name), held
