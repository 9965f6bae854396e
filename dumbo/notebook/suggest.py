"""Cells of this session that would have been worth keeping.

A cell would have been if what it took is more than storing and loading what it gives out: by its
measured time, and by the sizes that its outputs have now.

Knows runs of cells and the rule of `decision.worth`; must not know how a cell is kept.
"""

from __future__ import annotations

from html import escape

from dumbo.decision.costs import Costs
from dumbo.decision.worth import judge
from dumbo.errors import InvalidUse
from dumbo.explain import human_size, human_time, printable
from dumbo.notebook.line import Wanted
from dumbo.notebook.result import size_of
from dumbo.notebook.session import source_of
from dumbo.notebook.sides import settle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.notebook.session import Run, Session

__all__ = ["Suggestion", "Suggestions", "suggestions"]

_NOTICED = 0.1  # seconds; nobody waits for less


class Suggestion:
    """One cell: what to write above it, and what that would save."""

    __slots__ = ("line", "number", "price", "seconds", "size", "start")

    def __init__(self, run: Run, line: str, size: int, price: float) -> None:
        self.number = run.number
        self.seconds = run.seconds
        self.start = next((one for one in run.text.splitlines() if one.strip()), "").strip()
        self.line = line
        self.size = size
        self.price = price


class Suggestions(tuple[Suggestion, ...]):
    """The cells, the dearest first."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self:
            return "No cell of this session so far took so long that keeping it would pay."
        return "\n".join(
            f"In [{one.number}]  {human_time(one.seconds)}, {human_size(one.size)}, loads in "
            f"{human_time(one.price)}  {one.line}\n    {one.start}"
            for one in self
        )

    def _repr_html_(self) -> str:
        if not self:
            return f"<small>{escape(repr(self))}</small>"
        rows = "".join(
            f"<tr><td>[{one.number}]</td>"
            f"<td style='text-align:left'><code>{escape(printable(one.start))}</code></td>"
            f"<td>{human_time(one.seconds)}</td><td>{human_size(one.size)}</td>"
            f"<td>{human_time(one.price)}</td>"
            f"<td style='text-align:left'><code>{escape(printable(one.line))}</code></td></tr>"
            for one in self
        )
        return (
            "<table><thead><tr><th>cell</th><th></th><th>took</th><th>gives out</th>"
            "<th>would load in</th><th>write above it</th></tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def suggestions(session: Session) -> Suggestions:
    """Return the cells that would have been worth it, the dearest first."""
    found = [one for run in session.runs.values() if (one := _suggestion(run, session)) is not None]
    return Suggestions(sorted(found, key=lambda one: -one.seconds))


def _suggestion(run: Run, session: Session) -> Suggestion | None:
    if run.seconds < _NOTICED:
        return None
    shell = session.shell
    try:
        source = source_of(shell, run.text)
        sides = settle(source, Wanted(), shell.user_ns, shell.user_ns_hidden)
    except (InvalidUse, SyntaxError):
        return None  # it could not be kept
    if len(source.work) < 2 and not sides.outputs:
        return None  # definitions, or one call, whose function is the one to be memoized
    outputs = [shell.user_ns[name] for name in sides.outputs if name in shell.user_ns]
    size = size_of(outputs)
    if size is None:
        return None
    costs = Costs()
    verdict = judge("auto", run.seconds, costs.store.of(size), costs.load.of(size))
    if not verdict.store:
        return None
    return Suggestion(run, f"%%dumbo {sides}", size, costs.load.of(size))
