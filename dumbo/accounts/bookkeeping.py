"""When what was counted is written, and what earlier runs have counted is read.

    read       once for each function, before its first call is looked up
    written    when a process ends, when a cache is closed, and now and then after a computation;
               never by a hit, nor by a call that goes straight through

Any number of processes may write: each adds what it has counted since it last did, in one short
transaction. A child that was forked leaves to its parent what that had not written yet. Trouble
with any of it costs what was counted, and nothing else.

A function that is slower with its cache than without is named in the log when that is found: once,
and not in each run, for what was said is kept, too.

Knows tallies and stores; must not know what a sum means.
"""

from __future__ import annotations

import atexit
import os
import sys
from _thread import allocate_lock  # `threading` itself imports more

from dumbo import logs
from dumbo.accounts.tally import added
from dumbo.decision.costs import MACHINE
from dumbo.decision.gain import loses, overhead, saved
from dumbo.decision.merging import merged
from dumbo.errors import StorageError
from dumbo.explain import human_time, printable
from dumbo.net import describe
from dumbo.persistence.ground import COMMON, function_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from dumbo.accounts.tally import Facts, Tally
    from dumbo.shelf import Shelf

__all__ = ["begin", "flush", "known", "up_to_now"]

_KEPT = 512  # tallies that wait to be written
_NOTICEABLE = 1.0  # seconds lost, from which a function is worth a warning
_INFO, _WARNING = 20, 30  # as in `logging`, which is not imported for them

_waiting: dict[int, Tally] = {}
_writing = allocate_lock()
_machine: Facts | None = None  # what was known of this machine when the process began
_listening = False
_told = False  # multiprocessing, that its children shall write, too


def begin(tally: Tally) -> None:
    """Learn what earlier runs have learned, and see to it that this one's is kept."""
    global _machine
    # Imported here: a program that never calls its functions needs none of it.
    from dumbo.persistence import statistics

    found = known(tally.shelf, tally.label)
    tally.learn(found.get("learned"))
    if _machine is None:
        _machine = known(tally.shelf, COMMON)
        MACHINE.take(_machine.get("machine"))
    try:
        store = tally.shelf.open()
        if not store.reuses:
            statistics.know_room(store)
        store.reuses[function_id(tally.label)] = tally.ledger.costs.reuse
    except (OSError, StorageError):  # the call itself will say so
        pass
    _listen()
    while len(_waiting) >= _KEPT:  # of functions that are made again and again
        gone = _waiting.pop(next(iter(_waiting), 0), None)
        if gone is not None:
            flush([gone])
    _waiting[id(tally)] = tally


def known(shelf: Shelf, label: str) -> Facts:
    """Return what is kept of a function; nothing, if there is nothing."""
    # Imported here: a program that never calls its functions needs none of it.
    from dumbo.persistence import statistics

    try:
        return statistics.read(shelf.open(), label)
    except (OSError, StorageError):  # the call itself will say so
        return {}


def up_to_now(shelf: Shelf, label: str) -> Facts:
    """Return what is kept of a function, and what this process has counted since."""
    facts = known(shelf, label)
    for tally in list(_waiting.values()):
        if tally.label == label and tally.shelf.place() == shelf.place():
            facts = added(facts, new) if (new := tally.since()) else dict(facts)
            facts["learned"] = merged(tally.began, tally.learned(), facts.get("learned"))
    return facts


def flush(tallies: Iterable[Tally] | None = None, directory: str | None = None) -> None:
    """Write what these have counted, or all, or all whose results lie in *directory*."""
    if not _writing.acquire(blocking=False):  # somebody is at it
        return
    try:
        losing = _flushed(list(_waiting.values()) if tallies is None else tallies, directory)
    finally:
        _writing.release()
    for level, line in losing:
        logs.log(level, line)


def _flushed(tallies: Iterable[Tally], directory: str | None) -> list[tuple[int, str]]:
    # No loop lies within a `finally`: see `_without` in `tracing.observer`.
    groups: dict[object, list[Tally]] = {}
    for tally in tallies:
        if directory in (None, tally.shelf.directory):
            groups.setdefault(tally.shelf.place(), []).append(tally)
    return [line for group in groups.values() for line in _told_of(group)]


def _told_of(group: list[Tally]) -> list[tuple[int, str]]:
    """Do what `_write` does; sums that cannot be written are lost."""
    try:
        return _write(group)
    except Exception as error:  # noqa: BLE001 - a part of dumbo, and the program goes on, or ends
        return [(_WARNING, f"what calls cost could not be written: {describe(error)}")]


def _write(group: list[Tally]) -> list[tuple[int, str]]:
    """Write what tallies of one directory have counted; return what is to be said of them."""
    news = [(tally, new) for tally in group if (new := tally.since())]
    shelf = group[0].shelf
    # A directory that is gone, such as a test's, is not made again for that.
    if not news or not os.path.exists(os.path.join(shelf.directory, "index.sqlite")):
        return []
    from dumbo.persistence import statistics

    written: dict[str, Facts] = {}
    lines: dict[str, tuple[int, str]] = {}

    def changed(label: str, facts: Facts) -> Facts:
        for tally, new in news:
            if tally.label == label:
                facts = added(facts, new)
                facts["learned"] = merged(tally.began, tally.learned(), facts.get("learned"))
        facts["losing"], lines[label] = _judged(label, facts)
        if any(tally.draws for tally, _ in news if tally.label == label):
            lines[label] = (0, "")  # its samples are wanted as they are, whatever they cost
        written[label] = facts
        return facts

    def machine(facts: Facts) -> Facts:
        began = (_machine or {}).get("machine")
        return {**facts, "machine": merged(began, MACHINE.plain(), facts.get("machine"))}

    changes: dict[str, Any] = {
        label: lambda facts, label=label: changed(label, facts)
        for label in {tally.label for tally, _ in news}
    }
    try:
        statistics.change(shelf.open(), {**changes, COMMON: machine})
    except (OSError, StorageError):
        return []
    for tally, new in news:
        tally.mark(new)
        tally.learn(written[tally.label].get("learned"))
    return [line for line in lines.values() if line[1]]


def _judged(label: str, facts: Facts) -> tuple[bool, tuple[int, str]]:
    """Return whether caching loses, and what is to be said, how loud, if that is news."""
    sums = facts["sums"]
    if not loses(sums):
        return False, (0, "")
    if facts.get("losing") is True:
        return True, (0, "")
    level = _WARNING if overhead(sums) - saved(sums) >= _NOTICEABLE else _INFO
    return True, (
        level,
        (
            f"{printable(label)}: caching loses: it took {human_time(overhead(sums))} and saved "
            f"{human_time(saved(sums))}, where the function itself took "
            f"{human_time(sums['spent'])}; `dumbo stats` shows more, and without @memo it would be "
            "faster"
        ),
    )


# -- the process -----------------------------------------------------------------------------


def _listen() -> None:
    """Be called when this process ends, however children of multiprocessing do that."""
    global _listening
    if _listening:
        return
    _listening = True
    atexit.register(flush)
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        _in_worker(None)


def _in_worker(nothing: object) -> None:
    # Until 3.13 such children call nothing that is registered with atexit.
    from multiprocessing import util  # whose child this is

    util.Finalize(None, flush, exitpriority=0)


def _before_fork() -> None:
    global _told
    util = sys.modules.get("multiprocessing.util")
    if util is not None and not _told:
        _told = True
        util.register_after_fork(flush, _in_worker)  # it forgets what was to be done at the end


def _after_fork_in_child() -> None:
    global _writing
    _writing = allocate_lock()
    for tally in list(_waiting.values()):
        new = tally.since()
        if new:
            tally.mark(new)  # the parent will write it


os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
