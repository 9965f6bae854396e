"""Memoized functions as methods of objects and classes.

Knows how Python binds; must not know what happens to a result.
"""

from __future__ import annotations

from _operator import attrgetter  # `operator` itself takes longer to import
from types import GenericAlias, MethodType

from dumbo.dress import Forwarded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Generic, ParamSpec, Self, TypeVar

    import networkx as nx

    from dumbo.accounts.stats import Stats
    from dumbo.answers.why import Why
    from dumbo.entry import Entry
    from dumbo.info import CacheInfo
    from dumbo.memoized import Memoized

    P = ParamSpec("P")
    R = TypeVar("R")
else:
    # `typing` must not be imported by `import dumbo`; only type checkers need these.
    P = R = None

    class Generic:
        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls


__all__ = ["BoundMemoized", "ClassMemoized"]


class _OfInstance(str):
    """A text of the class, in whose place its instances show that of their function.

    A property will not do: `type` wants `__module__` to be a string.
    """

    __slots__ = ("_name",)

    if TYPE_CHECKING:
        _name: str

    def __new__(cls, text: str | None, name: str) -> Self:
        self = super().__new__(cls, text or "")
        self._name = name
        return self

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return str(self) if instance is None else getattr(instance.__func__, self._name)


class BoundMemoized(Generic[P, R]):
    """A memoized function as a method: what `Memoized.__get__` makes of it and an object."""

    __dumbo_memo__ = True

    __slots__ = ("__func__", "__self__", "_method", "__weakref__")

    __func__: Any  # a Memoized, whose own __get__ must not be applied to it

    if TYPE_CHECKING:

        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...

    else:
        # Looked up on the type and fetched by C code, so that a method call adds no frame of
        # its own to the one of Memoized.__call__.
        __call__ = property(attrgetter("_method"))

        __class_getitem__ = classmethod(GenericAlias)
        __code__ = Forwarded("__code__")
        __defaults__ = Forwarded("__defaults__")
        __kwdefaults__ = Forwarded("__kwdefaults__")
        __annotations__ = Forwarded("__annotations__")
        __doc__ = _OfInstance(__doc__, "__doc__")
        __module__ = _OfInstance(__module__, "__module__")

    def __init__(self, memoized: Memoized[Any, R], instance: object) -> None:
        self.__func__ = memoized
        self.__self__ = instance
        self._method = MethodType(memoized, instance)

    def _memo(self) -> Memoized[..., R]:
        memoized: Memoized[..., R] = self.__func__
        return memoized

    @property
    def __wrapped__(self) -> Callable[P, R]:
        return MethodType(self.__func__._function, self.__self__)

    @property
    def __dumbo_draws__(self) -> tuple[str, int | None, str] | None:
        draws = self.__func__.__dumbo_draws__
        if draws is None or draws[1] is None:
            return draws  # type: ignore[no-any-return]
        return draws[0], draws[1] - 1, draws[2]

    def __getattr__(self, name: str) -> Any:
        # Names, and what the user has put on the function, as methods do; nothing else, so
        # that no protocol of the function's, such as copying, is taken for the method's.
        if name in self.__func__.__dict__ or name == "version":
            return getattr(self.__func__, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def recompute(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the method, store what it returns in place of what is stored, and return it."""
        return self._memo().recompute(self.__self__, *args, **kwargs)

    def lazy(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result as a proxy that is loaded when it is first touched."""
        return self._memo().lazy(self.__self__, *args, **kwargs)

    def samples(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return several results of this call, as a list, each computed once and kept."""
        return self._memo().samples(self.__self__, *args, **kwargs)

    def get_entry(self, /, *args: P.args, **kwargs: P.kwargs) -> Entry | None:
        """Return what is stored for this call, or None; computes nothing."""
        return self._memo().get_entry(self.__self__, *args, **kwargs)

    def insert(self, value: Any, /, *args: P.args, **kwargs: P.kwargs) -> Entry:
        """Store *value* as the result of this call, without computing it."""
        return self._memo().insert(value, self.__self__, *args, **kwargs)

    def forget(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        """Remove what is stored for this call, under whatever code; return how many results."""
        return self._memo().forget(self.__self__, *args, **kwargs)

    def why(self, /, *args: P.args, **kwargs: P.kwargs) -> Why:
        """Return, as a sentence, what this call would meet: a hit, or why not; computes nothing."""
        return self._memo().why(self.__self__, *args, **kwargs)

    def is_stale(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Return whether the result of this call is of older code; computes nothing."""
        return self._memo().is_stale(self.__self__, *args, **kwargs)

    def deps(self, /, *args: Any, **kwargs: Any) -> nx.DiGraph:
        """Return what the method depends on, as a graph; for these arguments, if any are given."""
        if args or kwargs:
            return self._memo().deps(self.__self__, *args, **kwargs)
        return self._memo().deps()

    def clear(self) -> int:
        """Remove everything that is stored of this method, of all objects; return how many."""
        return self._memo().clear()

    def cache_info(self) -> CacheInfo:
        """Return the counts of calls in this process, and of what is stored."""
        return self._memo().cache_info()

    def stats(self) -> Stats:
        """Return what calls, of all objects, have cost and gained, in this run and those before."""
        return self._memo().stats()

    def __get__(self, instance: object, owner: type | None = None, /) -> BoundMemoized[P, R]:
        return self  # as bound methods do; and by having it, `inspect` knows a routine

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BoundMemoized):
            return NotImplemented
        return self.__func__ is other.__func__ and self.__self__ is other.__self__

    def __hash__(self) -> int:
        return hash((id(self.__func__), id(self.__self__)))

    def __copy__(self) -> BoundMemoized[P, R]:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> BoundMemoized[P, R]:
        from copy import deepcopy  # whoever calls this has it

        return BoundMemoized(self.__func__, deepcopy(self.__self__, memo))

    def __reduce_ex__(self, protocol: Any) -> Any:
        memoized = self.__func__
        return getattr, (self.__self__, memoized._attribute or memoized.__name__)

    def __repr__(self) -> str:
        return f"<bound memoized {self._memo().__qualname__} of {self.__self__!r}>"


class ClassMemoized(classmethod):  # type: ignore[type-arg]
    """A memoized classmethod: bound to the class, with the acts of a memoized function."""

    def __get__(self, instance: Any, owner: type | None = None, /) -> Any:
        # Since 3.13, classmethod does not let its function bind itself, and the acts of what
        # it returns would not know the class.
        memoized: Any = self.__func__
        return BoundMemoized(memoized, type(instance) if owner is None else owner)

    def __set_name__(self, owner: type, name: str) -> None:
        memoized: Any = self.__func__
        memoized.__set_name__(owner, name)
