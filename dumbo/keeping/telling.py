"""What a keeper says to people while the program runs: warnings, and a line for each computation.

Knows whom to tell; must not know why anything is said.
"""

from __future__ import annotations

import sys

from dumbo import logs
from dumbo.explain import human_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logging import Logger

    from dumbo.call import Call
    from dumbo.explain import Reason
    from dumbo.keeper import Keeper

__all__ = ["is_logged", "say", "say_computed", "warn"]

_logger: Logger | None = None  # which `logging` keeps as long as the process lives


def warn(keeper: Keeper, reason: Reason) -> None:
    """Say once that this function cannot be cached."""
    if not keeper.warned:
        keeper.warned = True
        say(keeper, str(reason))


def say(keeper: Keeper, text: str) -> None:
    """Say something of this function that its user should know."""
    logs.log(logs.WARNING, f"{keeper.label}: {text}")


def say_computed(keeper: Keeper, call: Call, outcome: Reason | None, compute: float) -> None:
    """Write the line that verbose=True promises for each computation, and log it."""
    parts = [f"{keeper.label} computed in {human_time(compute)}"]
    parts += [str(reason) for reason in (call.reason, outcome) if reason is not None]
    line = "; ".join(parts)
    if is_logged():
        logs.log(logs.INFO, line)
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
        _logger = logs.logger()
        if _logger is None:
            return False
    return _logger.isEnabledFor(logs.INFO)
