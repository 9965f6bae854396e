"""Stored results of a call that other code computed.

The key is that of the call, and only what the function depends on may differ: its code, and the
values that are read from modules. The result is one of an older version of the same function
(see `kin`), on this Python, neither expired nor made of files that have changed since.

Knows which results are stale; must not know how a call is identified, nor words for its reasons.
"""

from __future__ import annotations

from time import time

from dumbo import inputs, kin
from dumbo.call import Call
from dumbo.failures import Misfit, let_through
from dumbo.persistence.store import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record
    from dumbo.tracing.tracker import Snapshot

__all__ = ["find", "is_stale", "kin_of"]


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
    for record in call.store.entries_of(keeper.label, key):
        if record.python == PYTHON and kin.read_note(record.note)[1] == own:
            if keeper.expires_at(record) > time() and _is_of_other_code(call, record):
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
    from dumbo.asking import next_call

    call = next_call(keeper)
    try:
        keeper.locate(call, args, kwargs)
        if keeper.search(call) is not None:
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
