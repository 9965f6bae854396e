"""Of which builtin types the result of an operator on numbers and texts is.

    /      a float, of whole numbers too
    **     of whole numbers a float, if the exponent is negative; of floats maybe a complex one
    & | ^  of truth values one; all else makes whole numbers of them

Knows builtin types and operators; must not know abstract values.
"""

from __future__ import annotations

_NUMBERS = (bool, int, float, complex)  # each is taken for one of those behind it
_LOGICAL = frozenset({"&", "|", "^"})


def gives(symbol: str, left: type, right: type) -> tuple[type, ...]:
    """The types that ``left <symbol> right`` may be of; none if that is not known."""
    operator = symbol.removesuffix("=")
    if _is_number(left) and _is_number(right):
        return _of_numbers(operator, left, right)
    texts = [kind for kind in (left, right) if kind is str or kind is bytes]
    if operator == "%":
        return (left,) if left is str or left is bytes else ()
    if operator == "+" and left is right:
        return (left,)
    if operator == "*" and len(texts) == 1:
        return (texts[0],)
    return ()


def _is_number(kind: type) -> bool:
    return any(kind is number for number in _NUMBERS)


def _of_numbers(operator: str, left: type, right: type) -> tuple[type, ...]:
    if left is bool and right is bool and operator in _LOGICAL:
        return (bool,)
    wider = max((left, right, int), key=_NUMBERS.index)
    if operator == "/":
        return (complex,) if wider is complex else (float,)
    if operator == "**":
        return {int: (int, float), float: (float, complex), complex: (complex,)}[wider]
    return (wider,)


__all__ = ["gives"]
