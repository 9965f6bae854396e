"""What goes to the log named "dumbo", without the time that importing `logging` takes.

As long as nobody has imported it, nobody can have said what becomes of a message: then `logging`
itself would write a warning to standard error and drop what is less, and so does this module.

Knows the log and standard error; must not know why anything is said.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger

__all__ = ["INFO", "WARNING", "log", "logger"]

INFO, WARNING = 20, 30  # as in `logging`


def logger() -> Logger | None:
    """The logger, or None where nobody has imported `logging`."""
    # Another thread may be importing it just now.
    get = getattr(sys.modules.get("logging"), "getLogger", None)
    found: Logger | None = None if get is None else get("dumbo")
    return found


def log(level: int, text: str) -> None:
    """Log *text*."""
    into = logger()
    if into is not None:
        into.log(level, "%s", text)
    elif level >= WARNING and sys.stderr is not None:
        try:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # it is closed, or full
            pass
