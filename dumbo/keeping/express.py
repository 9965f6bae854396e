"""The short road of a hit: plain arguments, given by position, of a call as there were others.

    key      the types of the arguments were seen before: binding them changes nothing
    closure  its guard holds
    entry    one row of the index, which has the value in it, and no extras

What the general road (`identity`, `serving`) finds out step by step is known here by the types of
the arguments, from the call that took it. Whatever is not as usual is left to that road, whose
answer would be the same; so is what is not found, save that its key need not be made again.

Knows the whole way of such a call, which is why it is short; must not know any other.
"""

from __future__ import annotations

from marshal import dumps
from time import perf_counter, time
from types import FunctionType

import xxhash

from dumbo import shelf
from dumbo.accounts.tally import RECEIPTS
from dumbo.arguments.short import SHORT
from dumbo.arguments.small import ATOMS
from dumbo.call import Errand
from dumbo.errors import StorageError
from dumbo.keeping.weighing import found
from dumbo.memory import MISSING, Held, has_plain_defaults, is_unchanging, plain_key
from dumbo.net import let_through
from dumbo.persistence import rows
from dumbo.persistence.codecs import PICKLE, loads
from dumbo.persistence.ground import COARSE, PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dumbo.arguments.signature import Binder
    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Store
    from dumbo.tracing.snapshots import Snapshot
    from dumbo.tracing.words import Asked

__all__ = ["Express", "learn"]

_SPREADS = 4 | 8  # of `co_flags`: *args and **kwargs
_SERVE, _FURTHER = rows.SERVE, rows.SLOTS - 1
_USUAL = rows.usual(PYTHON, PICKLE)
_KINDS = 64  # lists of types that are known of one function


class Express:
    """What is known of the calls of one function, as long as it has this code and defaults."""

    __slots__ = ("begin", "code", "defaults", "flagged", "place", "snapshots", "store")

    def __init__(
        self,
        function: FunctionType,
        place: object,
        store: Store,
        begin: Callable[[Keeper, Errand], bool] | None,
    ) -> None:
        self.begin = begin  # what misses go on with, if by the short road, too
        self.code = function.__code__
        self.defaults = function.__defaults__
        self.place = place
        self.store = store
        # By the types of the arguments: the closure, and where rows of it begin. Where flags decide
        # which code runs, True and False stand in the places of their types.
        self.snapshots: dict[tuple[object, ...], tuple[Snapshot, int]] = {}
        self.flagged = False

    def heed_flags(self) -> None:
        """From now on, calls that differ in True and False may have other closures."""
        if not self.flagged:
            self.flagged = True
            self.snapshots.clear()

    def kind_of(self, args: tuple[Any, ...], kinds: tuple[type, ...]) -> tuple[object, ...]:
        """What the closure of a call hangs on."""
        if self.flagged and bool in kinds:
            return tuple([value if type(value) is bool else type(value) for value in args])
        return kinds

    def fetch(self, keeper: Keeper, args: tuple[Any, ...], plain: Any) -> Any:
        """Return the value of a call; or the call, to go on with; or MISSING: begin anew.

        Parameters:
            plain: what `memory` knows it by.
        """
        begun = perf_counter()
        store = self.store
        # The guard knows the function's code, too; its defaults do not matter: see `learn`.
        if (
            plain[0] is not args
            or (known := self.snapshots.get(self.kind_of(args, plain[1]))) is None
            or shelf.stores.get(self.place) is not store  # type: ignore[call-overload]
            or not known[0].guard.holds()
        ):
            return MISSING
        snapshot, begins = known
        key = xxhash.xxh3_128_digest(SHORT + dumps(args, 2))
        closure = snapshot.digest
        first = rows.slot_after(begins, PYTHON, key)
        tail = store.tail
        try:
            index = store._index or store._open()
            row = tail.find(first, begun) if tail is not None else None
            if row is not None:  # which has been verified
                if row[1:5] != (closure, key, PYTHON, b"") or row[11] != PICKLE:
                    return MISSING
                payload, used, compute = row[13], row[10], row[7]
            else:
                if index.absence is not None and index.lacks(begins, first, begun):
                    listed = None
                else:
                    listed = index.find(_SERVE, (first, first + _FURTHER), begun)
                    if not listed:
                        index.missed(begins, begins + rows.WHOLE, rows.IDS)
                if not listed:
                    errand = Errand(args, key, snapshot, store, begun, first, plain)
                    if self.begin is not None and self.begin(keeper, errand):
                        return errand
                    return errand.as_call()
                payload, checksum, used, compute = listed[0]
                if len(listed) > 1:
                    return MISSING
                if payload is None:  # a blob
                    errand = Errand(args, key, snapshot, store, begun, first, plain)
                    return errand.as_call(searched=False)
                # One with extras, which stands elsewhere, has another checksum.
                if not rows.is_served(checksum, _USUAL, closure, key, payload):
                    return MISSING
            read = perf_counter()
            value = loads(payload)
            now = time()
            if used + COARSE < now:
                store._touch(first, used)
            seconds = compute / 1e9
        except (OSError, StorageError):  # the general road will say so
            return MISSING
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - classes of the user; the general road handles it
            let_through(error)
            return MISSING
        ended = perf_counter()
        keeper.ledger.hits += 1
        tally = keeper.tally
        tally.hits.append((key, now, seconds, ended - begun, len(payload), ended - read))
        if len(tally.hits) >= RECEIPTS:
            tally.settle()
        if keeper.straight:
            found(keeper, begun)
        if is_unchanging(value):
            held = Held(value, None, None, snapshot.guard)
        else:
            held = Held(None, payload, loads, snapshot.guard)
        keeper.memory.hold(closure + key, held, plain)
        return value


def learn(keeper: Keeper, call: Call, args: tuple[Any, ...]) -> None:
    """The general road has located *call*: know calls like it from now on, if they are plain."""
    plain = plain_key(args, {}) if all(type(value) in ATOMS for value in args) else None
    snapshot, options = call.snapshot, keeper.options
    function = keeper.target.function
    if (
        type(plain) is not tuple
        or plain[0] is not args
        or type(function) is not FunctionType
        or not _is_usual(keeper)
        or options.readonly
        or options.expires_after is not None
        or function.__kwdefaults__ is not None
        or not has_plain_defaults(function)
        or snapshot.identity
        or snapshot.tables
        or snapshot.roots
        or not _asks_for_flags(snapshot.program.asked)
        or not _binds_as_given(keeper.binder, function, args)
        or not any(one is function for one, _ in snapshot.guard.functions)  # its code counts
    ):
        return
    store = call.store
    if store.seal is not None or not store.allow_pickle:
        return
    known = keeper.express
    if (
        known is None
        or known.code is not function.__code__
        or known.defaults is not function.__defaults__
        or known.store is not store
        or len(known.snapshots) >= _KINDS
    ):
        begin = _rapid(keeper) if options.keep == "always" else None
        known = keeper.express = Express(function, keeper.shelf.place(), store, begin)
    if snapshot.program.asked:
        known.heed_flags()
    kind = known.kind_of(args, plain[1])
    known.snapshots[kind] = snapshot, rows.closure_range(snapshot.digest)[0]


def _asks_for_flags(asked: Asked) -> bool:
    """Whether, beside the types, only which of the arguments are True decides on a closure."""
    if not asked:
        return True
    from dumbo.tracing.words import ANYWHERE, TRUE  # loaded by whoever asks

    return all(
        len(place) == 1 and place[0] != ANYWHERE and {*held, *lacking} == {TRUE}
        for place, held, lacking in asked
    )


def _rapid(keeper: Keeper) -> Callable[[Keeper, Errand], bool] | None:
    from dumbo.keeping import rapid  # only for functions that keep all

    return rapid.begin if rapid.is_usual(keeper) else None


def _is_usual(keeper: Keeper) -> bool:
    target = keeper.target
    plain = keeper.matching is None and keeper.chance is None
    return plain and not target.args and not target.kwargs and not keeper.streams


def _binds_as_given(binder: Binder | None, function: FunctionType, args: tuple[Any, ...]) -> bool:
    """Whether the values of the parameters that count are *args* as they are."""
    code = function.__code__
    plain = not code.co_flags & _SPREADS and not code.co_kwonlyargcount
    own = code.co_varnames[: code.co_argcount]
    return plain and len(args) == len(own) and binder is not None and binder.names == own
