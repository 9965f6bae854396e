"""What a decorated callable really runs: the function behind it, and arguments fixed beforehand.

    decorated              function            fixed beforehand
    def, lambda            itself
    bound method           the function        its object
    functools.partial      its function        its arguments
    object with __call__   its class's         the object
    memoized function      what it wraps

What is fixed beforehand counts as data of each call, like any other argument: two partials of
one function share its code, and differ in their keys.

Knows kinds of callables; must not know keys, tracing or stores.
"""

from __future__ import annotations

# `functools` itself imports four more modules
from _functools import partial  # type: ignore[import-not-found, unused-ignore]
from types import FunctionType, MethodType

from dumbo.names import MAIN, module_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

__all__ = ["Target", "is_coroutine_function", "is_generator_function", "label_of", "where"]

_GENERATOR = 0x20 | 0x200  # inspect.CO_GENERATOR, CO_ASYNC_GENERATOR; inspect itself takes 24 ms
_COROUTINE = 0x80 | 0x100  # CO_COROUTINE, CO_ITERABLE_COROUTINE


class Target:
    """A callable taken apart.

    Attributes:
        function: what runs in the end; arguments are bound to its parameters.
        args, kwargs: what stands before, and under, the arguments of each call.
    """

    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: Callable[..., Any]) -> None:
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.function = self._take_apart(function)

    def _take_apart(self, function: Any) -> Any:
        while True:
            kind = type(function)
            if kind is FunctionType:
                return function
            if getattr(kind, "__dumbo_memo__", False):
                function = function.__wrapped__
            elif kind is MethodType:
                self.args = (function.__self__, *self.args)
                function = function.__func__
            elif kind is partial:
                if _placeholders(function.args):
                    return function
                self.args = (*function.args, *self.args)
                self.kwargs = {**function.keywords, **self.kwargs}
                function = function.func
            else:
                call = getattr(kind, "__call__", None)  # noqa: B004 - what it is, not whether it is
                if type(call) is not FunctionType:
                    return function
                self.args = (function, *self.args)
                function = call

    def with_fixed(
        self, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments that `function` gets when the decorated callable gets these."""
        return (*self.args, *args), {**self.kwargs, **kwargs}


def _placeholders(args: tuple[Any, ...]) -> bool:
    # 3.14 has gaps in partials; no such object exists before.
    import functools

    gap = getattr(functools, "Placeholder", None)
    return gap is not None and any(arg is gap for arg in args)


def is_coroutine_function(function: object) -> bool:
    return bool(_flags(function) & _COROUTINE)


def is_generator_function(function: object) -> bool:
    return bool(_flags(function) & _GENERATOR)


def _flags(function: object) -> int:
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return flags if type(flags) is int else 0


def label_of(function: object) -> str:
    """Return ``module:qualname``, under which results of *function* are listed.

    A label only: results are found by what they depend on, never by a name.
    """
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", None) or "builtins"
    if module in MAIN:
        module = module_name(module, getattr(named, "__globals__", None))
    return f"{module}:{named.__qualname__}"


def where(function: object) -> str:
    """Return where *function* stands, as ``name (file:line)``, for messages."""
    name = getattr(function, "__qualname__", None) or repr(function)
    code = getattr(function, "__code__", None)
    if code is None:
        return str(name)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})"
