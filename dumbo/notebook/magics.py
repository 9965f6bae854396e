"""The magics `%dumbo` and `%%dumbo`, as IPython calls them.

Knows IPython's magics and what is said of a run; must not know how a cell is kept.
"""

from __future__ import annotations

import time
from html import escape

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, output_can_be_silenced

from dumbo.explain import human_size, human_time
from dumbo.notebook import commands
from dumbo.notebook.capture import replay
from dumbo.randomness.root_seed import root, seeded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.notebook.cell import Cell
    from dumbo.notebook.line import Wanted
    from dumbo.notebook.outcome import Outcome
    from dumbo.notebook.session import Session

__all__ = ["DumboMagics"]


@magics_class
class DumboMagics(Magics):  # type: ignore[misc]
    """See `commands` for the line magic."""

    def __init__(self, shell: Any, session: Session) -> None:
        super().__init__(shell=shell)
        self.session = session

    @line_magic("dumbo")  # type: ignore[untyped-decorator]
    def line(self, line: str) -> Any:
        """%dumbo deps f | why f(x) | why NAME | stats | status | suggest"""
        return commands.run(line, self.session)

    @output_can_be_silenced  # type: ignore[untyped-decorator]
    @cell_magic("dumbo")  # type: ignore[untyped-decorator]
    def cell(self, line: str, cell: str) -> Any:
        """Keep the outputs of this cell, and what it shows, until something it depends on changes.

        %%dumbo [(inputs)] [-> outputs] [--name NAME] [--keep auto|always|never] [--samples N]
                [--seed NAME|NUMBER] [--recompute]
        """
        __tracebackhide__ = True
        try:
            found, wanted = self.session.cell(line, cell)
        except SyntaxError as error:
            error.__traceback__ = None  # it says where by itself
            raise
        if found.source.is_async:
            return self._awaited(found, wanted)
        with seeded(root() if wanted.root is None else wanted.root):
            return self._told(found, found.run(recompute=wanted.recompute))

    async def _awaited(self, cell: Cell, wanted: Wanted) -> Any:
        __tracebackhide__ = True
        with seeded(root() if wanted.root is None else wanted.root):
            return self._told(cell, await cell.run_async(recompute=wanted.recompute))

    def _told(self, cell: Cell, outcome: Outcome) -> Any:
        self._say(f"{cell.sides}: {_words(outcome)}", loaded=outcome.loaded)
        replay(outcome.shown, self.shell)
        return outcome.value

    def _say(self, text: str, *, loaded: bool) -> None:
        mark = "↻" if loaded else "▪"
        html = f'<small style="opacity:.65">{mark} dumbo {escape(text)}</small>'
        self.shell.display_pub.publish(
            data={"text/plain": f"{mark} dumbo {text}", "text/html": html},
            metadata={"dumbo": {"loaded": loaded}},
        )


def _words(outcome: Outcome) -> str:
    took = human_time(outcome.took)
    size = "" if outcome.size is None else human_size(outcome.size)
    if outcome.sample is not None:
        size = f"{size} as sample {outcome.sample[0] + 1} of {outcome.sample[1]}"
    if not outcome.loaded:
        because = f" ({outcome.because})" if outcome.because else ""
        return f"computed in {took}{because}; {outcome.why or f'stored: {size}'}"
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(outcome.at))
    what = f"loaded{f' {size}' if size else ''}"
    return f"{what}, computed in {took} on {at}; what it showed is replayed below"
