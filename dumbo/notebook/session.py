"""What dumbo knows of one running notebook: its cells, and how long each run took.

Knows the events of IPython; must not know how a cell runs, or what is said about it.
"""

from __future__ import annotations

import os
from time import perf_counter

from dumbo.notebook.cell import Cell
from dumbo.notebook.line import Wanted, parse
from dumbo.notebook.sides import Sides, settle
from dumbo.notebook.source import Source, read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.keeper import Keeper
    from dumbo.shelf import Shelf

__all__ = ["Run", "Session"]

_CELLS = 256  # of which the functions are kept, the latest
_RUNS = 1024
_BEGIN = 32  # characters of a line
_MAGICS = ("%", "!", "?")  # a cell that begins so is not for keeping


class Run:
    """One run of a cell of the notebook that the magic had no part in."""

    __slots__ = ("number", "seconds", "text")

    def __init__(self, text: str, number: int, seconds: float) -> None:
        self.text = text
        self.number = number
        self.seconds = seconds


class Session:
    """See the module's docstring.

    Attributes:
        runs: by their text, the latest run of each cell.
        latest: the cell that ran last.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.runs: dict[str, Run] = {}
        self.latest: Cell | None = None
        self._cells: dict[Any, Cell] = {}
        self._makers: dict[str, Cell] = {}
        self._began = 0.0

    # -- cells -----------------------------------------------------------------------------

    def cell(self, line: str, body: str) -> tuple[Cell, Wanted]:
        """Return the cell of that text, with the sides that it has now.

        Raises:
            CellError: if it cannot be meant.
            SyntaxError: as IPython would.
        """
        wanted = parse(line)
        source = read(self.shell, f"%%dumbo {line}".rstrip(), body)
        sides = settle(source, wanted, self.shell.user_ns, self.shell.user_ns_hidden)
        shelf = _shelf()
        label = wanted.name or _label(self.shell, source, sides, drawn=wanted.seed is not None)
        place = (
            *(body, sides.parameters, sides.outputs, label, shelf.directory),
            *(wanted.keep, wanted.samples, wanted.seed),
        )
        cell = self._cells.pop(place, None)
        if cell is None:
            cell = Cell(source, sides, wanted, label, self.shell, shelf)
        cell.sides = sides  # what is unsure depends on what the notebook has by now
        self._cells[place] = cell
        if len(self._cells) > _CELLS:
            del self._cells[next(iter(self._cells))]
        self.latest = cell
        for name in sides.outputs:
            self._makers[name] = cell
        return cell, wanted

    def keepers(self) -> dict[str, Keeper]:
        """Return those of the notebook's memoized functions, and of its latest cells, by label."""
        found: dict[str, Keeper] = {}
        for value in list(self.shell.user_ns.values()):
            if hasattr(type(value), "__dumbo_memo__"):
                keeper = getattr(value, "__func__", value)._keeper
                found[keeper.label] = keeper
        for cell in self._cells.values():
            found[cell.memoized._keeper.label] = cell.memoized._keeper
        return found

    def maker_of(self, name: str) -> Cell | None:
        """Return the cell that last gave *name* out."""
        return self._makers.get(name)

    # -- events ----------------------------------------------------------------------------

    def begun(self, info: Any) -> None:
        """A cell begins."""
        self._began = perf_counter()

    def ended(self, result: Any) -> None:
        """A cell has ended."""
        seconds = perf_counter() - self._began
        info = result.info
        if not self._began or info is None or not result.success or not info.raw_cell:
            return
        text = info.raw_cell
        self.runs.pop(text, None)
        if text.lstrip().startswith(_MAGICS) or not info.store_history:
            return
        self.runs[text] = Run(text, result.execution_count or 0, seconds)
        if len(self.runs) > _RUNS:
            del self.runs[next(iter(self.runs))]


def _shelf() -> Shelf:
    from dumbo.cache import default_cache  # not at the top: the settings are read when asked for

    return default_cache()


def _label(shell: Any, source: Source, sides: Sides, *, drawn: bool) -> str:
    """Return what the results of a cell are listed under: the notebook's name and the outputs.

    Generators that are made hang on it: what they draw shall not change with a file's name.
    """
    path = shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME", "")
    named = isinstance(path, str) and path.endswith(".ipynb") and not drawn
    name = os.path.basename(path) if named else ""
    return f"{name or 'notebook'}:{', '.join(sides.outputs) or _begin_of(source)}"


def _begin_of(source: Source) -> str:
    """Return the first line that does something, cut, for a cell that gives nothing out."""
    line = source.line(source.work[0].lineno).partition(": ")[2] if source.work else ""
    return line[:_BEGIN].replace(":", " ").strip() or "displays"


def source_of(shell: Any, text: str) -> Source:
    """Return a cell that has no magic, as if it had one."""
    return read(shell, "%%dumbo", text)
