"""What the code of a cell calls while it runs, where it had magics.

    call     a method of the shell, as the cell's own frame would call it
    Timer    how long something took, as `%time` says it
    show     a value that is displayed though it is not the last

The code that a magic runs stands in the cell as code, so that it is followed as any other; the
function that `call` gets beside the text of a magic says what that text reads, and is not called.

Knows the running shell; must not know cells or results.
"""

from __future__ import annotations

from functools import partial
from time import perf_counter, process_time

from IPython.core.getipython import get_ipython
from IPython.display import display

from dumbo.explain import human_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Timer", "call", "show"]

_NAME = "_dumbo_magic"


def call(method: str, *args: Any, reads: Callable[[], object] | None = None) -> Any:
    """Call *method* of the shell; *reads* is for the analysis of the cell alone."""
    shell: Any = get_ipython()
    if method == "system":
        method = "system_piped"  # what a terminal's own would write, nobody could record
    # Magics look into the frame that calls them, which shall be one of the notebook.
    shell.user_ns[_NAME] = partial(getattr(shell, method), *args)
    try:
        return eval(f"{_NAME}()", shell.user_ns)
    finally:
        shell.user_ns.pop(_NAME, None)


class Timer:
    """Takes the time of what stands between its making and its end, as `%time` does."""

    def __init__(self) -> None:
        self._cpu, self._wall = process_time(), perf_counter()

    def end(self, value: Any = None) -> Any:
        """Print the time, and return *value*."""
        cpu, wall = process_time() - self._cpu, perf_counter() - self._wall
        print(f"CPU times: {human_time(cpu)}\nWall time: {human_time(wall)}")  # noqa: T201 - `%time` does
        return value


def show(value: object) -> None:
    """Display *value* as IPython does where every expression is shown."""
    if value is not None:
        display(value)
