"""From what is typed behind ``--args`` to the arguments of a call.

    3, x=Path('a')      *more, **{"key": 1}

The text is what stands between the parentheses of a call, and is evaluated in the module of the
function, as a line of that module would be. Knows Python's syntax; nothing of dumbo.
"""

from __future__ import annotations

import ast
import sys
from typing import Any

from dumbo.errors import InvalidUse
from dumbo.parsing import parse

__all__ = ["evaluate"]

_NAME = "_"


def evaluate(text: str, module: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments that *text* stands for, by position and by name.

    Raises:
        InvalidUse: if it is no list of arguments, or its evaluation fails.
    """
    code = compile(_parsed(text), "<--args>", "eval", dont_inherit=True)
    loaded = sys.modules.get(module)
    names = dict(vars(loaded)) if loaded is not None else {}
    names[_NAME] = _collect
    try:
        args, kwargs = eval(code, names)  # what the user typed, to be run
    except (Exception, SystemExit) as error:  # whatever the user's expression raises
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        hint = f" (its names are those of {module})" if isinstance(error, NameError) else ""
        raise InvalidUse(f"--args {text!r} failed with {what}{hint}") from error
    return args, kwargs


def _parsed(text: str) -> ast.Expression:
    try:
        # A line of its own for the end: a comment in the text must not swallow it.
        tree = parse(f"{_NAME}(\n{text}\n)", mode="eval")
    except (SyntaxError, ValueError) as error:
        raise InvalidUse(
            f"--args {text!r} is no list of arguments: write what stands between the "
            "parentheses of a call, such as --args \"3, x='a'\""
        ) from error
    call = tree.body
    # Text with parentheses of its own, as in "1) + _(2", makes something else of it.
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
        raise InvalidUse(f"--args {text!r} is no list of arguments: it closes a parenthesis")
    return tree


def _collect(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs
