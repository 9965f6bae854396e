"""Text that is safe to show: names may hold anything, a terminal obeys some of it.

Knows characters; nothing of dumbo.
"""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str, *, lines: bool = False) -> str:
    """Return *text* with escapes for all that does not print: control and bidi characters,
    invisible ones, lone surrogates. With *lines*, line breaks stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or (lines and character == "\n")
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in text
    )
