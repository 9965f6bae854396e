"""A fork waits for modules of dumbo's that another thread is importing.

dumbo imports most of itself when it first needs it, that is: in the middle of somebody's call.
CPython gives a child the lock of a module that a thread of the parent was importing, without
the thread, so that the child would wait for ever. Programs that import everything at their
top may fork beside their threads, and so they shall with dumbo in them.

Knows which modules are being imported, and the one that has to be asked before a fork; must not
know what is in them.
"""

from __future__ import annotations

import os
import sys
import time

_PATIENCE = 2.0  # seconds; more than importing all of it takes


def _importing() -> bool:
    # The locks that importlib holds from before a module is found until it is complete. Their
    # table is its own affair; where it isn't, modules say at least that they are not complete.
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    for name, known in list(locks.items()):
        if name.startswith("dumbo.") and getattr(known(), "owner", None) is not None:
            return True
    for name, module in list(sys.modules.items()):
        if name.startswith("dumbo."):
            spec = getattr(module, "__spec__", None)
            if getattr(spec, "_initializing", False):
                return True
    return False


def _wait() -> None:
    deadline = time.monotonic() + _PATIENCE
    while _importing() and time.monotonic() < deadline:
        time.sleep(0.001)


def _before_fork() -> None:
    _wait()
    index = sys.modules.get("dumbo.persistence.index")
    if index is not None and not getattr(index, "forking", True):
        # It was imported while we waited, too late for this fork to ask it, and another thread
        # may be in the middle of SQLite, whose locks a child would wait for as well.
        index.before_fork()
        _wait()


# What is registered first runs last, so here and not later: after this nothing shall pause.
os.register_at_fork(before=_before_fork)
