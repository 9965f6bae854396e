"""Hidden chance: what a function reaches that makes its results differ, and what is done about it.

    on_impure   "refuse"   nothing is stored without being asked
                "warn"     stored, and said so once
                "ignore"   stored

Asked about a closure when a result of it is stored for the first time in a process, and by who
wants to know why. What is said at decoration is not hidden: samples= admits randomness, and
reads=[by.env(...)] the environment. The order of sets is remarked on, and never refused.

Knows words and rules; must not know how chance is found in code, nor stores.
"""

from __future__ import annotations

import os

from dumbo import config, inputs
from dumbo.errors import StorageError
from dumbo.keeping import telling
from dumbo.randomness import drawn
from dumbo.tracing.impure import KINDS, ORDER
from dumbo.versions.kin import read_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Store
    from dumbo.tracing.callgraph import Chance
    from dumbo.tracing.snapshots import Snapshot

__all__ = ["check", "in_words", "of", "remark"]

_SHOWN = 3
_REMEMBERED = 4096
_told: set[tuple[str, str]] = set()  # of whom it was said, and what
_BY_DRAWING = frozenset({"random", "entropy"})


def of(
    keeper: Keeper, call: Call, snapshot: Snapshot, extras: bytes, drew: list[str]
) -> list[Chance]:
    """Return what a closure reaches of chance that nothing at decoration admits.

    Args:
        extras: what was seen to run besides, of a result.
        drew: the global generators that moved on while it was computed.
    """
    admitted: set[str] = set()
    if call.draw is not None or keeper.options.samples is not None:
        if call.draw is None or call.draw.seed is None:
            admitted |= _BY_DRAWING
    if keeper.options.reads is not None and keeper.options.reads.names_variables:
        admitted.add("environment")
    found = keeper.track().chance_of(snapshot, call.store)
    if extras not in (b"", b"?"):
        from dumbo.tracing.observed import chance_in  # most results have no extras

        found = list(dict.fromkeys([*found, *chance_in(extras, call.store)]))
    if not any(one[0] == "random" for one in found):  # of which the code says nothing
        found = [*found, *[("random", f"{name}, drawn in a library", "", "", 0) for name in drew]]
    counts = [one for one in found if one[0] not in admitted]
    return sorted(counts, key=lambda one: one[0] == ORDER)  # a mere remark comes last


def check(keeper: Keeper, call: Call, snapshot: Snapshot, extras: bytes) -> None:
    """Do what the rule says, before the result of *call* is stored.

    Args:
        snapshot: what it is stored under.
        extras: what was seen to run besides.

    Raises:
        StorageError: if it shall not be.
    """
    rule = config.on_impure(keeper.options.on_impure)
    if rule == "ignore":
        return
    found = [one for one in of(keeper, call, snapshot, extras, call.drew) if one[0] != ORDER]
    if not found:
        return
    said = in_words(keeper, snapshot, call.store, found)
    if rule == "refuse":
        if not call.act:
            raise StorageError(f"{said}, and on_impure='refuse'")
        return
    # By name and words: a function that is made again and again, as cells are, is one.
    told = (keeper.label, said)
    if told not in _told:
        if len(_told) >= _REMEMBERED:
            _told.clear()
        _told.add(told)
        telling.say(
            keeper,
            f"{said}; its results are stored all the same (on_impure='refuse' stores none, "
            "'ignore' says nothing)",
        )


def remark(keeper: Keeper, call: Call) -> str:
    """Return what there is to be said of a call's chance; empty if there is nothing."""
    assert call.key is not None
    record = call.store.find(call.snapshot.digest, call.key)
    extras = b"" if record is None else inputs.divide(record.extras)[0]
    drew = [] if record is None else drawn.read(read_note(record.note)[0])
    found = of(keeper, call, call.snapshot, extras, drew)
    return f"; {in_words(keeper, call.snapshot, call.store, found)}" if found else ""


def in_words(keeper: Keeper, snapshot: Snapshot, store: Store, found: list[Chance]) -> str:
    """Return what is reached, where it stands, and by which functions."""
    account = keeper.track().account_of(snapshot, store)
    said = []
    for kind, what, where, file, line in found[:_SHOWN]:
        way = account.way_to(where) if account is not None and where else [where]
        by = f", by {' -> '.join(way)}" if len(way) > 1 else ""
        place = f" at {_short(file)}:{line}" if file else ""
        name = KINDS[kind] if kind == ORDER else f"{KINDS[kind]} ({what})"
        said.append(f"{name}{place}{by}")
    more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return f"it reaches {'; '.join(said)}{more}"


def _short(file: str) -> str:
    try:
        here = os.path.join(os.getcwd(), "")
    except OSError:  # the working directory was removed
        return file
    return file.removeprefix(here)
