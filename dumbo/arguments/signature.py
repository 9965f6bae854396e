"""A call -> the values of its parameters, the same for every way to write that call.

Defaults are filled in, keywords stand where the signature has them, `*args` is one tuple,
`**kwargs` one dict in the order of names; ignored parameters are left out. What counts is
the signature of what is really called: a wrapper that takes `*args` may look at how an
argument was passed, so for `functools.wraps` it is the wrapper's own signature, and the
wrapped function's only says where an ignored name is.

Knows parameters; must not know what their values are, nor run the function.
"""

from __future__ import annotations

import sys
from operator import is_

from dumbo.errors import InvalidUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import FunctionType
    from typing import Any

    Values = tuple[object, ...]

_VARARGS, _VARKEYWORDS = 4, 8  # of `co_flags`


class Parameters:
    """The names of a signature, by kind, and its defaults.

    Attributes:
        positional_only, positional, keyword_only: names, in order.
        args, kwargs: the names behind `*` and `**`, or None.
        defaults, keyword_defaults: as a function has them.
    """

    __slots__ = (
        "args", "defaults", "keyword_defaults", "keyword_only", "kwargs", "positional",
        "positional_only",
    )  # fmt: skip

    def __init__(
        self,
        positional_only: list[str],
        positional: list[str],
        args: str | None,
        keyword_only: list[str],
        kwargs: str | None,
        defaults: tuple[object, ...] | None,
        keyword_defaults: dict[str, Any] | None,
    ) -> None:
        self.positional_only = positional_only
        self.positional = positional
        self.args = args
        self.keyword_only = keyword_only
        self.kwargs = kwargs
        self.defaults = defaults
        self.keyword_defaults = keyword_defaults

    def names(self) -> list[str]:
        out = [*self.positional_only, *self.positional]
        if self.args is not None:
            out.append(self.args)
        out += self.keyword_only
        if self.kwargs is not None:
            out.append(self.kwargs)
        return out


def _raw() -> Parameters:
    return Parameters([], [], "args", [], "kwargs", None, None)


class Binder:
    """Binds the calls of one function. Building one costs some 100 µs; binding, one call.

    Attributes:
        names: the parameters that count, in order.
    """

    __slots__ = ("_bind", "_dropped", "_facts", "_kwargs_at", "names")

    def __init__(self, function: Callable[..., Any], ignore: Collection[str] = ()) -> None:
        parameters = parameters_of(function)
        self._facts = _facts_of(function)
        own = parameters.names()
        if not all(map(str.isidentifier, own)):  # only bytecode has such: of a comprehension, say
            parameters = _raw()
            own = parameters.names()
        self.names = tuple([name for name in own if name not in ignore])
        self._bind = _compile(parameters, self.names)
        name = getattr(function, "__qualname__", None)
        if type(name) is str:
            self._bind.__qualname__ = name  # by which errors call it
        ends = parameters.kwargs is not None and self.names[-1:] == (parameters.kwargs,)
        self._kwargs_at = len(self.names) - 1 if ends else None
        self._dropped = _places_behind(function, [name for name in ignore if name not in own])

    def bind(self, args: tuple[object, ...], kwargs: dict[str, object]) -> Values:
        """Return the values of `names` in this call.

        Raises:
            TypeError: if the call does not fit; the function itself says why best.
        """
        if self._dropped:
            args, kwargs = self._drop(args, kwargs)
        values: Values = self._bind(*args, **kwargs)
        at = self._kwargs_at
        if at is not None:
            rest: Any = values[at]
            if len(rest) > 1:
                values = (*values[:at], dict(sorted(rest.items())))
        return values

    def stale(self, function: Callable[..., Any]) -> bool:
        """Whether *function* got other code or defaults since this was built."""
        return not _same(self._facts, _facts_of(function))

    def _drop(
        self, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> tuple[tuple[object, ...], dict[str, object]]:
        kept = list(args)
        for _, place in self._dropped:
            if place is not None and place < len(kept):
                kept[place] = None
        names = {name for name, place in self._dropped}
        return tuple(kept), {name: kwargs[name] for name in kwargs if name not in names}


def check_ignored(function: Callable[..., Any], ignore: Collection[str]) -> None:
    """Refuse names that are no parameters of *function*.

    Raises:
        InvalidUse: naming what, where, and the parameters there are.
    """
    if type(ignore) is str:
        raise InvalidUse(f"ignore={ignore!r} is a string; pass a list of names: [{ignore!r}]")
    names = parameters_of(function).names()
    known = [*names, *_names_behind(function)]
    for name in ignore:
        if name not in known:
            where = getattr(function, "__qualname__", None) or repr(type(function).__name__)
            there = ", ".join(dict.fromkeys(known)) or "none"
            raise InvalidUse(
                f"ignore names {name!r}, which is no parameter of {where}; its parameters: {there}"
            )


def parameters_of(function: Callable[..., Any]) -> Parameters:
    """Return the signature with which *function* really is called; `*args, **kwargs` at worst."""
    if type(function) is _Function:
        return _of_code(function)  # type: ignore[arg-type]
    # Imported here: a plain function, which nearly all are, does without.
    import inspect

    try:
        signature = inspect.signature(function, follow_wrapped=False)
    except Exception:  # noqa: BLE001 - a user's __signature__ or __call__ may be a property that raises
        return _raw()  # or a builtin that does not tell
    if _claims_signature(function):
        return _raw()
    return _of_signature(signature)


def _claims_signature(function: object) -> bool:
    """Whether someone set a `__signature__`, which says nothing about how it is called."""
    own = [vars(base) for base in type(function).__mro__[:-1]]
    if isinstance(function, type):
        own = [vars(base) for base in function.__mro__[:-1]]
    return "__signature__" in getattr(function, "__dict__", ()) or any(
        "__signature__" in space for space in own
    )


def _of_code(function: FunctionType) -> Parameters:
    code = function.__code__
    names = code.co_varnames
    only, count, keyword = code.co_posonlyargcount, code.co_argcount, code.co_kwonlyargcount
    rest = list(names[count + keyword :])
    return Parameters(
        list(names[:only]),
        list(names[only:count]),
        rest.pop(0) if code.co_flags & _VARARGS else None,
        list(names[count : count + keyword]),
        rest.pop(0) if code.co_flags & _VARKEYWORDS else None,
        function.__defaults__,
        # The dict itself: it may be changed in place, and then counts as it is.
        function.__kwdefaults__,
    )


def _of_signature(signature: Any) -> Parameters:
    out = Parameters([], [], None, [], None, None, None)
    defaults: list[object] = []
    keyword_defaults: dict[str, object] = {}
    for parameter in signature.parameters.values():
        given = parameter.default is not parameter.empty
        if parameter.kind is parameter.VAR_POSITIONAL:
            out.args = parameter.name
        elif parameter.kind is parameter.VAR_KEYWORD:
            out.kwargs = parameter.name
        elif parameter.kind is parameter.KEYWORD_ONLY:
            out.keyword_only.append(parameter.name)
            if given:
                keyword_defaults[parameter.name] = parameter.default
        else:
            only = parameter.kind is parameter.POSITIONAL_ONLY
            (out.positional_only if only else out.positional).append(parameter.name)
            if given:
                defaults.append(parameter.default)
    out.defaults = tuple(defaults) or None
    out.keyword_defaults = keyword_defaults or None
    return out


def _compile(parameters: Parameters, names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a function with these parameters that returns those of *names*.

    It uses no name but theirs, so that none can clash.
    """
    listed = [*parameters.positional_only, *(["/"] if parameters.positional_only else [])]
    listed += parameters.positional
    if parameters.args is not None:
        listed.append(f"*{parameters.args}")
    elif parameters.keyword_only:
        listed.append("*")
    listed += parameters.keyword_only
    if parameters.kwargs is not None:
        listed.append(f"**{parameters.kwargs}")
    result = "".join([f"{name}, " for name in names])
    space: dict[str, Any] = {"__name__": __name__}  # by which it is known as dumbo's own
    exec(f"def bind({', '.join(listed)}): return ({result})", space)
    bind = space["bind"]
    bind.__defaults__ = parameters.defaults
    bind.__kwdefaults__ = parameters.keyword_defaults
    found: Callable[..., Any] = bind
    return found


# Names that only the wrapped function has


def _behind(function: Callable[..., Any]) -> Parameters | None:
    """Return the signature of what *function* says it wraps, if it takes what comes."""
    own = parameters_of(function)
    if own.args is None and own.kwargs is None:
        return None
    import inspect  # only for wrappers with an ignored name

    try:
        wrapped = inspect.unwrap(function)
    except ValueError:  # it wraps itself
        return None
    return parameters_of(wrapped) if wrapped is not function else None


def _names_behind(function: Callable[..., Any]) -> list[str]:
    if "__wrapped__" not in getattr(function, "__dict__", ()):
        return []
    behind = _behind(function)
    if behind is None:
        return []
    return [*behind.positional_only, *behind.positional, *behind.keyword_only]


def _places_behind(
    function: Callable[..., Any], names: Collection[str]
) -> tuple[tuple[str, int | None], ...]:
    """Return for each ignored name that only the wrapped function has, where it may stand."""
    behind = _behind(function) if names else None
    if behind is None:
        return ()
    positional = [*behind.positional_only, *behind.positional]
    # The wrapper's own positional parameters are its own matter, whatever it passes on.
    own = parameters_of(function)
    first = len(own.positional_only) + len(own.positional)
    places = {name: place for place, name in enumerate(positional) if place >= first}
    return tuple([(name, places.get(name)) for name in names])


# What makes a binder stale


def _facts_of(function: Any) -> tuple[object, ...]:
    for _ in range(32):  # partials of methods of partials ...
        kind = type(function)
        if kind is _Function:
            return (function.__code__, function.__defaults__, function.__kwdefaults__)
        functools = sys.modules.get("functools")
        if functools is not None and kind is functools.partial:
            function = function.func
        elif kind is _Method:
            function = function.__func__
        else:
            function = next(
                (vars(base)["__call__"] for base in kind.__mro__ if "__call__" in vars(base)), None
            )
    return ()


def _same(first: tuple[object, ...], second: tuple[object, ...]) -> bool:
    return len(first) == len(second) and all(map(is_, first, second))


_Function = type(_same)
_Method = type(_raw.__get__(_same))
