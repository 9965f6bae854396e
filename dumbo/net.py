"""The net under the parts: which exceptions of dumbo's own work never reach the program.

Hashing, tracing and storing run code of the user's (`__reduce__`, `__getstate__`, an import
while loading) and of the machine's (disks, memory); whatever they raise costs a computation
and leaves a reason. Only what was meant for the program passes: KeyboardInterrupt, SystemExit
and the like, and what a signal handler of the program raised while dumbo happened to run,
such as its timeout.

Knows exceptions; must not know what was being done.
"""

from __future__ import annotations

import os
import sys

__all__ = ["describe", "let_through", "meant_for_the_program", "raised_by"]


def meant_for_the_program(error: BaseException) -> BaseException | None:
    """Return what of *error*, or of its causes, a signal handler of the program raised."""
    signal = sys.modules.get("signal")
    if signal is None:
        return None
    handlers = set()
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        code = getattr(getattr(handler, "__func__", handler), "__code__", None)
        if code is not None:
            handlers.add(code)
    # A codec may have wrapped it: to a codec it is one more thing that pickling raised.
    link: BaseException | None = error
    while handlers and link is not None:
        traceback = link.__traceback__
        while traceback is not None:
            if traceback.tb_frame.f_code in handlers:
                return link
            traceback = traceback.tb_next
        link = link.__cause__
    return None


def raised_by(error: BaseException) -> str:
    """Return which function of the program *error* came from, the innermost; empty: from none.

    Properties, ``__getattribute__`` and metaclasses run where nobody would think of it, so who
    caught the error cannot know that beforehand.
    """
    ours = os.path.dirname(__file__) + os.sep
    standard = os.path.dirname(os.__file__) + os.sep  # with what is installed there, mostly
    found = ""
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = code.co_filename
        if not (file.startswith((ours, standard, "<frozen ")) or "-packages" + os.sep in file):
            found = code.co_qualname
        traceback = traceback.tb_next
    return found


def describe(error: BaseException) -> str:
    """Return *error* in one line, whatever its ``__str__`` does."""
    kind = type(error).__name__
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - __str__ of an exception class of the user's
        text = ""
    first = text.strip().partition("\n")[0][:300]
    return f"{kind}: {first}" if first else kind


def let_through(error: BaseException) -> None:
    """Raise what the program's own signal handler raised while dumbo was at work."""
    meant = meant_for_the_program(error)
    if meant is not None:
        # Without the chain of our own doings, which the program knows nothing of.
        raise meant from meant.__cause__
