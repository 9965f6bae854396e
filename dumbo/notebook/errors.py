"""What is wrong with a cell, or with a magic's line, as IPython shows it: no traceback.

Knows how IPython is told; must not know what can be wrong.
"""

from __future__ import annotations

from dumbo.errors import InvalidUse

__all__ = ["CellError"]


class CellError(InvalidUse):
    """A cell, or what is declared of it, that cannot be meant: what, on which line, the way out."""

    def _render_traceback_(self) -> list[str]:
        return [f"dumbo: {self}"]
