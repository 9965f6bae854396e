"""What a keeper says to people while the program runs: warnings, and a line for each computation.

Knows the log and standard error; must not know why anything is said.
"""

from __future__ import annotations

import sys

from dumbo.explain import human_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.call import Call
    from dumbo.explain import Reason
    from dumbo.keeper import Keeper

__all__ = ["is_logged", "say", "say_computed", "warn"]

_INFO = 20  # logging.INFO
_logger: Any = None  # dumbo's, which `logging` keeps as long as the process lives


def warn(keeper: Keeper, reason: Reason) -> None:
    """Say once that this function cannot be cached."""
    if not keeper.warned:
        keeper.warned = True
        say(keeper, str(reason))


def say(keeper: Keeper, text: str) -> None:
    """Say something of this function that its user should know."""
    # Imported here: logging takes 8 ms and is needed once in a function's life, if ever.
    import logging

    logging.getLogger("dumbo").warning("%s: %s", keeper.label, text)


def say_computed(keeper: Keeper, call: Call, outcome: Reason | None, compute: float) -> None:
    """Write the line that verbose=True promises for each computation, and log it."""
    parts = [f"{keeper.label} computed in {human_time(compute)}"]
    parts += [str(reason) for reason in (call.reason, outcome) if reason is not None]
    line = "; ".join(parts)
    if is_logged():
        sys.modules["logging"].getLogger("dumbo").info("%s", line)
    if not keeper.options.verbose:
        return
    try:
        print(f"dumbo: {line}", file=sys.stderr, flush=True)  # noqa: T201 - what verbose is for
    except (OSError, ValueError):  # standard error is closed, or full
        pass


def is_logged() -> bool:
    """Whether somebody wants to know of each computation: nobody does who has no `logging`."""
    global _logger
    if _logger is None:
        # Another thread may be importing it just now.
        get = getattr(sys.modules.get("logging"), "getLogger", None)
        if get is None:
            return False
        _logger = get("dumbo")
    return bool(_logger.isEnabledFor(_INFO))
