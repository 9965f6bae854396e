"""Cells that await at their top.

IPython awaits the text of a cell, but calls a magic. So a cell that begins with ``%%dumbo`` and
awaits becomes ``await get_ipython().run_cell_magic(...)`` before IPython sees a magic in it.

Knows IPython's transformers of text; must not know what the magic does.
"""

from __future__ import annotations

import ast
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["install", "remove"]

_MAGIC = re.compile(r"%%dumbo(?:[ \t]|$)")
_COROUTINE = 0x80  # inspect.CO_COROUTINE


class _Awaiting:
    """The transformer: lines in, lines out."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def __call__(self, lines: list[str]) -> list[str]:
        if not lines or not _MAGIC.match(lines[0]) or "await" not in "".join(lines):
            if not lines or "async " not in "".join(lines) or not _MAGIC.match(lines[0]):
                return lines
        line, body = lines[0].rstrip("\n")[len("%%dumbo") :].strip(), "".join(lines[1:])
        if not self._awaits(body):
            return lines
        return [f"await get_ipython().run_cell_magic('dumbo', {line!r}, {body!r})\n"]

    def _awaits(self, body: str) -> bool:
        try:
            text = self._shell.transform_cell(body)
            code = compile(text, "<cell>", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, True)
        except SyntaxError:
            return False  # the magic will say so
        return bool(code.co_flags & _COROUTINE)


def install(shell: Any) -> None:
    """Put the transformer before that of magics."""
    shell.input_transformer_manager.line_transforms.insert(0, _Awaiting(shell))


def remove(shell: Any) -> None:
    transforms = shell.input_transformer_manager.line_transforms
    transforms[:] = [one for one in transforms if type(one) is not _Awaiting]
