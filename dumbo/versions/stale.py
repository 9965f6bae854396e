"""Stored results of a call that other code computed: found, judged, and perhaps handed out.

    on_stale   "recompute"  they are not looked for; the default
               "reuse"      handed out, with a warning
               "ask"        on a terminal, once for each function and version; elsewhere recomputed
    recompute_within        of those, cheaper ones are computed again in any case

The key is that of the call, and only what the function depends on may differ: its code, and the
values that are read from modules. The result is one of an older version of the same function
(see `kin`), on this Python unless another one is allowed, neither expired nor made of files that
have changed since.

What is computed while a stale result is handed out may be made of it, and is not stored: every
computation that runs is told (`inputs.join_stale`), as with files that are read. What outlives a
computation in hand-made caches and `lru_cache` is held against later ones (`check_caches`). Whose
computation runs in another process cannot be told, so that nothing is reused for it there.

Knows which results are stale and what is done about them; must not know how a call is
identified, nor words for its reasons.
"""

from __future__ import annotations

import sys
from functools import cached_property
from time import perf_counter, time
from types import FunctionType

from dumbo import inputs
from dumbo.answers.reasons import changes_beside, since
from dumbo.answers.why import Change, in_words
from dumbo.call import Call
from dumbo.errors import MadeOfStale, StaleResultWarning, StorageError
from dumbo.explain import Reason, human_time, printable
from dumbo.failures import Misfit, text_of
from dumbo.keeping import identity, serving
from dumbo.net import let_through
from dumbo.persistence.store import PYTHON
from dumbo.tracing.lookup import instance_dict
from dumbo.versions import consent, kin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator
    from types import CodeType
    from typing import Any

    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record
    from dumbo.tracing.snapshots import Snapshot

__all__ = ["check_caches", "expected", "find", "is_stale", "kin_of", "offer", "serve", "warn"]

# Of functions whose stale results this process handed out: their code, by id, with their names.
_handed_out: dict[int, tuple[CodeType, str]] = {}
_PACKAGE = __file__.rpartition("/versions/")[0] + "/"


# -- which results are stale -----------------------------------------------------------------


def kin_of(keeper: Keeper, snapshot: Snapshot) -> str:
    """Return whose the result of a call is, by names; see `kin`."""
    return kin.kin_of(keeper.target.function, keeper.number, snapshot.roots)


def find(keeper: Keeper, call: Call) -> Record | None:
    """Return the newest result of *call*, which has no fresh one, that other code computed."""
    assert call.key is not None
    taken = call.taken
    if taken is not None and taken.private:
        return None
    own = kin_of(keeper, call.snapshot)
    if not own:
        return None
    key = call.key if taken is None else taken.key
    across = serving.goes_across_pythons(keeper)
    for record in call.store.entries_of(keeper.label, key):
        if (record.python == PYTHON or across) and kin.read_note(record.note)[1] == own:
            if serving.expires_at(keeper, record) > time() and _is_of_other_code(call, record):
                return record
    return None


def _is_of_other_code(call: Call, record: Record) -> bool:
    """Whether what ran for *record* has changed since, and nothing that it read has."""
    extras, read = inputs.divide(record.extras)
    if read and not inputs.hold(read, call.store):
        return False
    # Under the closure that holds, what was not observed is unknown, and not known to be stale.
    return record.closure != call.snapshot.digest or extras not in (b"", b"?")


def is_stale(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether what is known of this call is stale: see `Memoized.is_stale`.

    Raises:
        TypeError: if the arguments do not fit.
    """
    from dumbo.answers.asking import next_call  # which asks this module, too

    call = next_call(keeper)
    try:
        identity.locate(keeper, call, args, kwargs)
        if serving.search(keeper, call) is not None:
            return False
        found = find(keeper, call)
    except Misfit as error:
        raise TypeError(str(error)) from None
    except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
        let_through(error)
        return False
    if found is not None:
        return True
    remembered = keeper.ledger.of(call.identity)
    return remembered is not None and remembered.code == "made of stale"


# -- what is done about them -----------------------------------------------------------------


def expected(keeper: Keeper, call: Call, *, asking: bool = False) -> tuple[Record, Reason] | None:
    """Return the stale result of *call*, which has no fresh one, and what becomes of it.

    None if it has none. Nobody is asked, unless *asking*.
    """
    record = find(keeper, call)
    if record is None:
        return None
    assert keeper.on_stale is not None
    rule, within = keeper.on_stale
    changes = _changes(keeper, call, record)
    what = in_words(changes)
    why = ""
    if record.compute <= within:
        why = f"computing takes {human_time(record.compute)}, and recompute_within allows that"
    elif inputs.is_cut_off():
        why = "whose part this process does cannot be told, if it is made of a stale result"
    elif rule == "ask":
        why = _refused(keeper, call, record, changes, asking)
    if why:
        return record, Reason("not reused", changes, what=what, why=why)
    allowed = f"recompute_within={human_time(within)}" if within else f"on_stale={rule!r}"
    return record, Reason(
        "reused", changes, what=what, compute=record.compute, age=time() - record.created,
        rule=allowed,
    )  # fmt: skip


def offer(keeper: Keeper, call: Call) -> Record | None:
    """Return the stale result that *call* gets, after telling whom it concerns; None if none.

    Afterwards `call.stale` says why it does, or `call.reason` why not.
    """
    found = expected(keeper, call, asking=True)
    if found is None:
        return None
    record, reason = found
    if reason.code != "reused":
        call.reason = reason
        return None
    call.stale = reason
    inputs.join_stale(keeper.label)
    code = getattr(keeper.target.function, "__code__", None)
    if code is not None:
        _handed_out[id(code)] = (code, keeper.label)
    keeper.ledger.note(reason, call.identity)
    keeper.tally.said(reason)
    return record


def serve(keeper: Keeper, call: Call) -> None:
    """Load the stale result that *call* gets, if it gets one."""
    record = offer(keeper, call)
    if record is None:
        return
    begun = perf_counter()
    try:
        value = serving.value_of(keeper, call, record)
    except (StorageError, OSError) as error:
        let_through(error)
        call.stale = None
        call.reason = Reason("unreadable", why=text_of(error))
        keeper.ledger.note(call.reason, call.identity)
        return
    keeper.tally.loaded(record, perf_counter() - begun, stale=True)
    keeper.ledger.hits += 1
    call.value = _Telling(iter(value), keeper.label) if keeper.streams else value
    call.done = True


def warn(name: str, reason: Reason) -> None:
    """Warn of a stale result of function *name*: once for each place and change, as is usual.

    A warning and not a line in a log: it is about what the program was given, as with numpy and
    pandas; it is seen without any setting, can be filtered by its class, and be made an error.
    """
    # Imported here: who is never warned does not need it; most programs have it.
    import warnings

    text = f"{name}: a stale result is reused ({reason.facts['rule']}): {reason.facts['what']}"
    frame, level = sys._getframe(1), 2
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    warnings.warn(printable(text), StaleResultWarning, stacklevel=level)


def check_caches(snapshot: Snapshot) -> None:
    """Check that nothing that outlives a computation may have brought a stale result into this one.

    Raises:
        MadeOfStale: if a function whose stale result was handed out is in the closure, and a cache
            that dumbo does not see into as well.
    """
    if not _handed_out:
        return
    covered = snapshot.covered()
    names = [name for number, (_, name) in list(_handed_out.items()) if number in covered]
    if names and (snapshot.tables or any(_may_keep(one, covered) for one in snapshot.found)):
        raise MadeOfStale(names[0])


def _may_keep(one: Any, covered: Container[int]) -> bool:
    """Whether a thing in a closure may hold results of what it wraps, unseen by tracing.

    `lru_cache`, cached properties, and decorators of libraries, of which nobody knows.
    """
    kind = type(one)
    if issubclass(kind, cached_property):
        return True
    if getattr(kind, "__dumbo_memo__", False):
        return False
    if kind is not FunctionType:
        return "__wrapped__" in (instance_dict(one) or ())
    if "__wrapped__" not in one.__dict__ or id(one.__code__) in covered:
        return False
    home: object = one.__globals__.get("__name__")
    return home != "contextlib"  # which keeps nothing


class _Telling:
    """What is iterated of a stale recording: whoever computes meanwhile is told at each step."""

    __slots__ = ("_items", "_name")

    def __init__(self, items: Iterator[Any], name: str) -> None:
        self._items = items
        self._name = name

    def __iter__(self) -> _Telling:
        return self

    def __next__(self) -> Any:
        inputs.join_stale(self._name)
        return next(self._items)


def _refused(
    keeper: Keeper, call: Call, record: Record, changes: list[Change], asking: bool
) -> str:
    """Return why an answer, or none, is in the way; empty if the answer was yes."""
    version = call.snapshot.digest
    if asking:
        took = human_time(record.compute)
        what = f"a result of {keeper.label}, which took {took}, is stale: {in_words(changes)}"
        answer = consent.ask(keeper.label, version, what, tuple(changes))
    else:
        answer = consent.answer_of(keeper.label, version)
    if answer is None:
        return "on_stale='ask', and so far there was nobody at a terminal to be asked"
    return "" if answer else "that was the answer when it was asked (on_stale='ask')"


def _changes(keeper: Keeper, call: Call, record: Record) -> list[Change]:
    """Return what is not as it was when *record* was stored."""
    if record.closure != call.snapshot.digest:
        return since(keeper, call, record.closure)
    account = keeper.track().account_of(call.snapshot, call.store)
    beside = changes_beside(keeper.label, account, record, call.store)
    return beside or [Change("code", keeper.label, (), keeper.label, keeper.label)]
