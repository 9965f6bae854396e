"""Names of the notebook that stand in texts, which a library looks up by itself.

    table.query("size > @limit")     limit; of `eval` too
    pd.eval("a + b")                 a, b
    numexpr.evaluate("a + b")        a, b

Knows how some libraries read texts; must not know values.
"""

from __future__ import annotations

import ast

from dumbo.tracing.queries import names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["names_in_texts"]

_WHOLE = {("pd", "eval"), ("pandas", "eval"), ("ne", "evaluate"), ("numexpr", "evaluate")}


def names_in_texts(statements: Iterable[ast.stmt]) -> dict[str, int]:
    """Return the names that texts in *statements* speak of, with their lines."""
    found: dict[str, int] = {}
    for statement in statements:
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                for name in _names(node, node.func):
                    found.setdefault(name, node.lineno)
    return found


def _names(call: ast.Call, function: ast.Attribute) -> Iterator[str]:
    whole = isinstance(function.value, ast.Name) and (function.value.id, function.attr) in _WHOLE
    if not whole and function.attr not in ("query", "eval"):
        return
    for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
        for node in ast.walk(argument):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from names_in(node.value, whole=whole)
