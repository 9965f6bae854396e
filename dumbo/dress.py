"""What a memoized function wears of the function that it wraps.

So it looks like that function to `inspect`, `doctest`, `help`, Sphinx and type checkers.

Knows attributes of functions; must not know what a call does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dumbo.memoized import Memoized

__all__ = ["Forwarded", "dress"]


class Forwarded:
    """An attribute that is the wrapped function's, to read and to write.

    `inspect` takes an object for a function, coroutine functions included, if it has these;
    and who sets a function's defaults means the function that runs.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return getattr(instance.__wrapped__, self._name)

    def __set__(self, instance: Any, value: Any) -> None:
        setattr(instance.__wrapped__, self._name, value)


# Like `functools.WRAPPER_ASSIGNMENTS`; but annotations are forwarded, so that CPython 3.14
# evaluates them when they are asked for.
_WORN = ("__module__", "__name__", "__qualname__", "__doc__", "__type_params__")


def dress(memoized: Memoized[..., Any], function: Callable[..., Any]) -> None:
    """Give *memoized* the name, documentation and attributes of *function*."""
    attributes = memoized.__dict__
    attributes.update(getattr(function, "__dict__", {}) if _is_function_like(function) else {})
    for name in _WORN:
        try:
            attributes[name] = getattr(function, name)
        except AttributeError:
            pass
    if "__name__" not in attributes:
        attributes["__name__"] = type(function).__name__
        attributes["__qualname__"] = type(function).__qualname__


def _is_function_like(function: object) -> bool:
    # An object's attributes are its state, not remarks on a function.
    return hasattr(function, "__name__")
