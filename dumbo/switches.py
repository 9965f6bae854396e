"""Whether this context wants caching at all: `disabled` and `read_only`.

Both hold for the current context (a `contextvars` one: this thread, this task and the tasks
that it starts), so that one request or one test can switch caching off beside others.

Knows two flags; must not know what obeys them, nor the environment.
"""

from __future__ import annotations

from _contextvars import ContextVar  # `contextvars` itself imports more

from dumbo.errors import InvalidUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")

__all__ = ["DISABLED", "READ_ONLY", "current", "disabled", "read_only"]

DISABLED = 1
READ_ONLY = 2

# One variable with two bits: every call reads it, and a read is all that most calls pay.
_flags: ContextVar[int] = ContextVar("dumbo", default=0)

current = _flags.get

_COROUTINE = 0x80  # inspect.CO_COROUTINE; importing inspect takes longer than all of dumbo
_GENERATOR = 0x20 | 0x200  # CO_GENERATOR, CO_ASYNC_GENERATOR


class _Switch:
    """Sets one flag: for a ``with`` block, or for each call of a decorated function."""

    __slots__ = ("_flag", "_tokens")

    def __init__(self, flag: int) -> None:
        self._flag = flag
        self._tokens: list[Token[int]] = []

    def __enter__(self) -> None:
        self._tokens.append(_flags.set(_flags.get() | self._flag))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _flags.reset(self._tokens.pop())

    def __call__(self, function: Callable[P, R], /) -> Callable[P, R]:
        from functools import wraps

        flag = self._flag
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        if flags & _GENERATOR:
            # Between two items the flag would leak into the code that iterates.
            raise InvalidUse(
                f"{getattr(function, '__qualname__', function)!r} is a generator function, which "
                "cannot be switched as a whole: use a `with` block inside it"
            )
        if flags & _COROUTINE:

            @wraps(function)
            async def switched_async(*args: Any, **kwargs: Any) -> Any:
                token = _flags.set(_flags.get() | flag)
                try:
                    return await function(*args, **kwargs)  # type: ignore[misc]
                finally:
                    _flags.reset(token)

            return switched_async  # type: ignore[return-value]

        @wraps(function)
        def switched(*args: P.args, **kwargs: P.kwargs) -> R:
            # Not `with self`: one decorated function runs in many threads at once.
            token = _flags.set(_flags.get() | flag)
            try:
                return function(*args, **kwargs)
            finally:
                _flags.reset(token)

        return switched


def disabled() -> _Switch:
    """Return a context manager, and decorator, in which memoized functions just run.

    Nothing is looked up and nothing is stored. Acts that you do yourself, such as
    ``f.get_entry()`` and ``f.insert()``, still work.
    """
    return _Switch(DISABLED)


def read_only() -> _Switch:
    """Return a context manager, and decorator, in which results are served but none is stored."""
    return _Switch(READ_ONLY)
