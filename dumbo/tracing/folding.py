"""What methods of strings give where it is known which string it is, and what they are given.

    name = kind.lower().replace("-", "_")
    module, _, attribute = "app.plugins:Table".partition(":")

Knows methods of `str` as functions without effect; must not know the analysis.
"""

from __future__ import annotations

from dumbo.tracing.words import LONGEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

PURE = frozenset(
    "capitalize casefold count endswith find index isalnum isalpha isascii isdecimal isdigit "
    "isidentifier islower isnumeric isprintable isspace istitle isupper lower lstrip partition "
    "removeprefix removesuffix replace rfind rindex rpartition rsplit rstrip split splitlines "
    "startswith strip swapcase title upper".split()
)
_PLAIN = (str, int, bool, type(None))


def folded(name: str, text: str, args: Sequence[Any]) -> Any:
    """``text.name(*args)``: a string, a truth, a number, or some strings; None if nobody knows."""
    if name not in PURE or len(text) > LONGEST or not all(map(is_plain, args)):
        return None
    try:
        found = getattr(str, name)(text, *args)
    except (TypeError, ValueError):  # it raises there, too
        return None
    size = len(found) if type(found) in (str, list, tuple) else 0
    return found if size <= LONGEST else None


def is_plain(value: Any) -> bool:
    """Whether *value* is what such a method may be given."""
    if type(value) is tuple:
        return len(value) <= LONGEST and all(type(item) is str for item in value)
    return type(value) in _PLAIN and (type(value) is not str or len(value) <= LONGEST)


__all__ = ["folded", "is_plain"]
