"""The source of code as it was compiled: text that is surely that of this code object.

A file may have been edited since it was imported, so it is compiled and searched for code that
does the same; if there is none, the source is not known. Of code in cells and doctests,
`linecache` has the lines.

Knows files and code; must not know nodes, digests of closures or where texts are kept.
"""

from __future__ import annotations

import os
import sys
from types import CodeType

from dumbo.tracing import fingerprint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["source_of"]

_LARGEST = 1_000_000  # bytes of a file that is compiled for its texts
_LONGEST = 64_000  # characters of one text
_KEPT = 256  # files

# By name: which file that was, and its texts by qualified name and first line.
_files: dict[str, tuple[object, _File]] = {}


class _File:
    """The lines of a file, and the code that is in it."""

    __slots__ = ("codes", "lines")

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines(keepends=True)
        self.codes: dict[tuple[str, int], list[CodeType]] = {}
        try:
            whole = compile(text, "<text>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return  # a cell with magic in it, or written for another Python
        for code in _inside(whole):
            place = (code.co_qualname, code.co_firstlineno)
            self.codes.setdefault(place, []).append(code)

    def text_of(self, code: CodeType) -> str:
        own = fingerprint.code(code)
        for found in self.codes.get((code.co_qualname, code.co_firstlineno), ()):
            if fingerprint.code(found) == own:
                return self._slice(found)
        return ""

    def _slice(self, code: CodeType) -> str:
        first = code.co_firstlineno
        last = min(max(first, *_ends(code)), len(self.lines))
        head = self.lines[first - 1]
        margin = head[: len(head) - len(head.lstrip())]
        if code.co_name != "<lambda>":
            # What makes no code, such as a string or a comment at the end, belongs to it too.
            for line in self.lines[last:]:
                if line.strip() and not line.startswith((margin + " ", margin + "\t")):
                    break
                last += 1
        lines = [line.removeprefix(margin) for line in self.lines[first - 1 : last]]
        return "".join(lines).rstrip() + "\n"


def source_of(code: CodeType) -> str:
    """The text of *code*, without the margin that it stood behind; empty if it is not known."""
    file = _file(code.co_filename)
    text = "" if file is None else file.text_of(code)
    return text if len(text) <= _LONGEST else ""


def _file(name: str) -> _File | None:
    stamp, text = _read(name)
    if stamp is None:
        return None
    known = _files.get(name)
    if known is not None and known[0] == stamp:
        return known[1]
    if len(_files) >= _KEPT:
        _files.clear()
    made = _File(text if text is not None else _content(name))
    _files[name] = (stamp, made)
    return made


def _read(name: str) -> tuple[object, str | None]:
    """What tells this file from an earlier one of its name, and the text if that is at hand."""
    linecache = sys.modules.get("linecache")  # who has put lines there has loaded it
    entry: Any = () if linecache is None else linecache.cache.get(name, ())
    text = "".join(entry[2]) if len(entry) == 4 else ""
    if text and entry[1] is None:  # no file's, or an edited one's
        return text, text
    try:
        status = os.stat(name)
    except (OSError, ValueError):
        return (text, text) if text else (None, None)
    if status.st_size > _LARGEST:
        return None, None
    return (status.st_mtime_ns, status.st_size, status.st_ino), None


def _content(name: str) -> str:
    # Imported here: only who keeps or shows sources reads any.
    from importlib.util import decode_source

    try:
        with open(name, "rb") as file:
            return decode_source(file.read())
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield constant
            yield from _inside(constant)


def _ends(code: CodeType) -> Iterator[int]:
    for one in (code, *_inside(code)):
        for _, end, _, _ in one.co_positions():
            if end is not None:
                yield end
        for _, _, line in one.co_lines():
            if line is not None:
                yield line
