"""Memoized functions, as programs hold and call them.

    Memoized         a plain function, or anything else that is called and returns
    AsyncMemoized    a coroutine function: what it is awaited for is kept
    StreamMemoized   a generator function, or an asynchronous one: what it yields is kept

Each calls its function from its own frame, so that one frame of dumbo's lies on the stack and
in a traceback. How they look, `dress` knows; what they are as methods, `bound`.

Knows how Python calls, binds, copies and inspects; must not know what happens to a result.
"""

# ruff: noqa: F811 - overloads; at run time their decorator is not that of `typing`

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType, GenericAlias

from dumbo import depth
from dumbo.bound import BoundMemoized
from dumbo.call import Call, Errand
from dumbo.dress import Forwarded, dress
from dumbo.errors import InvalidUse, StorageError
from dumbo.keeper import Keeper
from dumbo.keeping import passing, weighing
from dumbo.memory import MISSING
from dumbo.target import Target, is_coroutine_function, is_generator_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

    import networkx as nx

    from dumbo.accounts.stats import Stats
    from dumbo.answers.why import Why
    from dumbo.entry import Entry
    from dumbo.info import CacheInfo
    from dumbo.options import Options
    from dumbo.shelf import Shelf

    P = ParamSpec("P")
    Q = ParamSpec("Q")
    R = TypeVar("R")
    S = TypeVar("S")
else:
    # `typing` must not be imported by `import dumbo`; only type checkers need these.
    P = R = None

    def overload(function):
        return function

    class Generic:
        __slots__ = ()

        def __class_getitem__(cls, parameters):
            return cls


__all__ = ["AsyncMemoized", "LazyMemoized", "Memoized", "StreamMemoized", "wrap"]


class Memoized(Generic[P, R]):
    """A function whose results are kept on disk, until something that it depends on changes."""

    __dumbo_memo__ = True  # by this, on the type, tracing knows a memoized function

    __slots__ = ("_attribute", "_function", "_keeper", "_road", "__dict__", "__weakref__")

    __name__: str
    __qualname__: str

    if not TYPE_CHECKING:
        __class_getitem__ = classmethod(GenericAlias)
        __code__ = Forwarded("__code__")
        __defaults__ = Forwarded("__defaults__")
        __kwdefaults__ = Forwarded("__kwdefaults__")
        __annotations__ = Forwarded("__annotations__")
        __globals__ = Forwarded("__globals__")
        __closure__ = Forwarded("__closure__")

    def __init__(self, function: Callable[P, R], keeper: Keeper) -> None:
        self._function = function
        self._keeper = keeper
        self._road = keeper.road
        self._attribute: str | None = None
        dress(self, function)

    @property
    def __wrapped__(self) -> Callable[P, R]:
        """The plain function. Read-only: what runs and what is tracked must stay the same."""
        return self._function

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        road = self._road
        if road.left:  # most calls of a function for which caching does not pay
            road.left -= 1
            return self._function(*args, **kwargs)
        call: Any = None  # or a Call, or an Errand
        if road.ahead and not self._keeper.clocked:
            if road.sees:
                value, call = passing.glimpse(self._keeper, args, kwargs)
                if value is not MISSING:
                    return value  # type: ignore[no-any-return]
            if call is None:
                clock = self._keeper.doubts.clock
                begun = clock()
                value = self._function(*args, **kwargs)
                spent = clock() - begun
                try:
                    weighing.went_straight(self._keeper, spent)
                except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
                    self._keeper.stumbled(error)
                return value
        try:
            if call is None:
                value = self._keeper.recall(args, kwargs)
                kind = type(value)
                if kind is Call or kind is Errand:
                    call = value  # it is to be gone on with
                elif value is not MISSING:
                    return value  # type: ignore[no-any-return]
            if not isinstance(call, Errand):
                call = self._keeper.begin(args, kwargs, call)
        except (RecursionError, ImportError):  # of ours; for the function, it will say itself
            call = None
        except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
            call = None
            self._keeper.stumbled(error)
        if call is None:
            return self._function(*args, **kwargs)
        if call.done:
            return call.value  # type: ignore[no-any-return]
        watch = call.watch
        try:
            if watch is not None:
                watch.start()
            value = self._function(*args, **kwargs)
        except BaseException as error:
            self._keeper.abandon(call, error)
            raise
        finally:
            if watch is not None:
                watch.stop()
        try:
            self._keeper.finish(call, value)
        except (RecursionError, ImportError):
            pass
        except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
            self._keeper.stumbled(error)
        return self._keeper.handed_out(call, value) if self._keeper.options.readonly else value

    if depth.NEEDED and not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            # The same for CPython 3.11: see `depth`.
            road = self._road
            if road.left:
                road.left -= 1
                brought = depth.enter()
                try:
                    return self._function(*args, **kwargs)
                finally:
                    depth.leave(brought)
            call = None
            if road.ahead and not self._keeper.clocked:
                if road.sees:
                    value, call = passing.glimpse(self._keeper, args, kwargs)
                    if value is not MISSING:
                        return value
                if call is None:
                    clock = self._keeper.doubts.clock
                    brought = depth.enter()
                    try:
                        begun = clock()
                        value = self._function(*args, **kwargs)
                        spent = clock() - begun
                    finally:
                        depth.leave(brought)
                    try:
                        weighing.went_straight(self._keeper, spent)
                    except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
                        self._keeper.stumbled(error)
                    return value
            try:
                if call is None:
                    value = self._keeper.recall(args, kwargs)
                    kind = type(value)
                    if kind is Call or kind is Errand:
                        call = value  # it is to be gone on with
                    elif value is not MISSING:
                        return value
                if not isinstance(call, Errand):
                    call = self._keeper.begin(args, kwargs, call)
            except (RecursionError, ImportError):  # of ours; for the function, it will say itself
                call = None
            except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
                call = None
                self._keeper.stumbled(error)
            if call is not None and call.done:
                return call.value
            brought = depth.enter()
            try:
                value = self._function(*args, **kwargs)
            except BaseException as error:
                if call is not None:
                    self._keeper.abandon(call, error)
                raise
            finally:
                depth.leave(brought)
            if call is not None:
                try:
                    self._keeper.finish(call, value)
                except (RecursionError, ImportError):
                    pass
                except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
                    self._keeper.stumbled(error)
                if self._keeper.options.readonly:
                    return self._keeper.handed_out(call, value)
            return value

    # -- acts ------------------------------------------------------------------------------

    def recompute(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function, store what it returns in place of what is stored, and return it."""
        call = self._keeper.begin_explicit(args, kwargs, "recompute()")
        watch = call.watch
        try:
            if watch is not None:
                watch.start()
            value = self._function(*args, **kwargs)
        finally:
            if watch is not None:
                watch.stop()
        self._keeper.finish(call, value)
        return self._keeper.handed_out(call, value) if self._keeper.options.readonly else value

    def lazy(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the result as a proxy that is loaded when it is first touched.

        What is not stored is computed, and stored whatever it cost. Takes `wrapt`.
        """
        if self._keeper.options.samples is not None:
            raise InvalidUse(
                f"{self.__qualname__}.lazy(): it has several samples, so this says not which"
            )
        if isinstance(self, (AsyncMemoized, StreamMemoized)):
            raise InvalidUse(
                f"{self.__qualname__}.lazy(): what coroutines and generators give is not there at "
                "once, so it cannot be lazy"
            )
        if self._keeper.out_of_the_way() is not None:
            return self._function(*args, **kwargs)
        from dumbo import acts  # a hit needs none

        found = acts.find(self._keeper, args, kwargs)
        if found is None:
            found = acts.find_stale(self._keeper, args, kwargs)
        if found is None:
            value = self.recompute(*args, **kwargs)
            found = acts.find(self._keeper, args, kwargs)
            if found is None:  # it cannot be stored
                return value
            del value
        store, record = found
        try:
            # Imported here: few programs want it, and it takes wrapt.
            from dumbo.lazy import LazyResult
        except ImportError as error:
            raise InvalidUse(
                f"lazy results take wrapt 2.0 or newer ({error}): pip install 'dumbo[lazy]'"
            ) from error

        def compute() -> R:
            from dumbo import acts  # a hit needs none

            if acts.is_call(self._keeper, record, args, kwargs):
                return self(*args, **kwargs)
            raise StorageError(
                f"the lazy result of {record.function} is no longer stored, and its arguments have "
                "changed since, so it cannot be computed again"
            )

        return LazyResult(store, record, compute)

    def samples(self, /, *args: Any, **kwargs: Any) -> Any:
        """Return several results of this call, as a list, each computed once and kept.

            f.samples(x)            all that are there; computes nothing
            f.samples(x, n=10)      the first ten; computes what is missing
            f.samples(x, index=3)   the fourth alone

        With ``stacked=True`` they come as one numpy array. Of a coroutine function, this has to be
        awaited; of a generator function, each sample is a list of what it yields.
        """
        from dumbo.randomness import sampled  # only for who draws

        return sampled.samples(self, args, kwargs)

    def get_entry(self, /, *args: P.args, **kwargs: P.kwargs) -> Entry | None:
        """Return what is stored for this call, or None; computes nothing."""
        from dumbo import acts  # a hit needs none
        from dumbo.entry import Entry

        found = acts.find(self._keeper, args, kwargs)
        return None if found is None else Entry(*found)

    def insert(self, value: Any, /, *args: P.args, **kwargs: P.kwargs) -> Entry:
        """Store *value* as the result of this call, without computing it.

        Of a coroutine function, *value* is what it would be awaited for.

        Raises:
            StorageError: if it cannot be stored.
        """
        from dumbo import acts  # a hit needs none
        from dumbo.entry import Entry

        return Entry(*acts.insert(self._keeper, value, args, kwargs))

    def forget(self, /, *args: P.args, **kwargs: P.kwargs) -> int:
        """Remove what is stored for this call, under whatever code; return how many results."""
        from dumbo import acts  # a hit needs none

        return acts.forget(self._keeper, args, kwargs)

    def clear(self) -> int:
        """Remove everything that is stored of this function; return how many results."""
        from dumbo import acts  # a hit needs none

        return acts.clear(self._keeper)

    def cache_info(self) -> CacheInfo:
        """Return the counts of calls in this process, and of what is stored."""
        from dumbo.answers import asking  # only for who asks

        return asking.info(self._keeper)

    def stats(self) -> Stats:
        """Return what calls have cost and gained, in this run and those before."""
        from dumbo.answers import asking  # only for who asks

        return asking.stats(self._keeper)

    def why(self, /, *args: P.args, **kwargs: P.kwargs) -> Why:
        """Return, as a sentence, what this call would meet: a hit, or why not; computes nothing."""
        from dumbo.answers import asking  # only for who asks

        return asking.why(self._keeper, args, kwargs)

    def is_stale(self, /, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Return whether the result of this call is of older code; computes nothing.

        True if a result is stored that would be loaded, had not something that it depends on
        changed since, or if the last one that this process computed was made of such a result.
        False if the call would be a hit, and also if nothing is stored of it.
        """
        from dumbo.versions import stale  # only for who asks

        return stale.is_stale(self._keeper, args, kwargs)

    def deps(self, /, *args: Any, **kwargs: Any) -> nx.DiGraph:
        """Return what the function depends on, as a graph; for these arguments, if any are given.

        Node ids are ``module:qualname``; each has its kind, file, line and digest.
        """
        from dumbo.answers import asking  # only for who asks

        given = bool(args or kwargs)
        return asking.graph(self._keeper, args if given else None, kwargs if given else None)

    @property
    def version(self) -> str:
        """What ``version=`` was at decoration; it counts like code."""
        return self._keeper.options.version

    @property
    def __dumbo_draws__(self) -> tuple[str, int | None, str] | None:
        """For tracing: a parameter that calls may leave out, its place, what its draws hang on."""
        chance, fixed = self._keeper.chance, self._keeper.target
        if (
            chance is None
            or chance.parameter is None
            or not chance.leaves_out(fixed.args, fixed.kwargs)
        ):
            return None
        place = None if chance.place is None else chance.place - len(fixed.args)
        return chance.parameter, place, f"{chance.kind().name} {self._keeper.label}"

    # -- binding ---------------------------------------------------------------------------

    def __set_name__(self, owner: type, name: str) -> None:
        if self._attribute is None:
            self._attribute = name

    @overload
    def __get__(self, instance: None, owner: type | None = None, /) -> UnboundMemoized[P, R]: ...

    @overload
    def __get__(
        self: Memoized[Concatenate[Any, Q], S], instance: object, owner: type | None = None, /
    ) -> BoundMemoized[Q, S]: ...

    def __get__(self, instance: object, owner: type | None = None, /) -> Any:
        if instance is None:
            return self
        return BoundMemoized(self, instance)

    # -- copies ----------------------------------------------------------------------------

    def become(self, other: Memoized[P, R]) -> None:
        """Be *other* from now on, for those who hold this one; for reloaders of modules."""
        self._function = other._function
        self._keeper = other._keeper
        self._road = other._road
        self.__dict__.clear()
        self.__dict__.update(other.__dict__)

    def __copy__(self) -> Memoized[P, R]:
        return self

    def __deepcopy__(self, memo: object) -> Memoized[P, R]:
        return self  # as functions do

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Imported here: few memoized functions are ever pickled.
        from dumbo.pickling import reduce_memoized

        return reduce_memoized(self)

    def _dumbo_reduce(self) -> Any:
        """What is written of it in a stored result."""
        from dumbo.pickling import reduce_in_result

        return reduce_in_result(self)

    def __repr__(self) -> str:
        return f"<memoized {self.__qualname__} at {id(self):#x}>"


if TYPE_CHECKING:

    class UnboundMemoized(Memoized[P, R]):
        """What a class has: a method that wants its object, or a classmethod that has it.

        mypy does not say which of the two when it asks `__get__`, so both calls are right.
        At run time it is a Memoized, or a BoundMemoized.
        """

        @overload
        def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R: ...
        @overload
        def __call__(
            self: UnboundMemoized[Concatenate[Any, Q], S], /, *args: Q.args, **kwargs: Q.kwargs
        ) -> S: ...
        def __call__(self, /, *args: Any, **kwargs: Any) -> Any: ...
        def recompute(self, /, *args: Any, **kwargs: Any) -> R: ...
        def get_entry(self, /, *args: Any, **kwargs: Any) -> Entry | None: ...
        def insert(self, value: Any, /, *args: Any, **kwargs: Any) -> Entry: ...
        def forget(self, /, *args: Any, **kwargs: Any) -> int: ...
        def is_stale(self, /, *args: Any, **kwargs: Any) -> bool: ...
        def why(self, /, *args: Any, **kwargs: Any) -> Why: ...


class AsyncMemoized(Memoized[P, R]):
    """A coroutine function; the key is taken when it starts to run, as its body would be."""

    __slots__ = ()

    if not TYPE_CHECKING:

        async def __call__(self, /, *args, **kwargs):
            try:
                call = await self._keeper.begin_in_task(args, kwargs)
            except (RecursionError, ImportError):  # of ours; for the function, it will say itself
                call = None
            except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
                call = None
                self._keeper.stumbled(error)
            if call is None:
                return await self._function(*args, **kwargs)
            if call.done:
                return call.value
            watch = call.watch
            try:
                if watch is not None:
                    watch.start(task=True)
                value = await self._function(*args, **kwargs)
            except BaseException as error:
                self._keeper.abandon(call, error)
                raise
            finally:
                if watch is not None:
                    watch.stop()
            try:
                self._keeper.finish(call, value)
            except (RecursionError, ImportError):
                pass
            except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
                self._keeper.stumbled(error)
            return self._keeper.handed_out(call, value) if self._keeper.options.readonly else value

        async def recompute(self, /, *args, **kwargs):
            """Await the function, store its value in place of what is stored, and return it."""
            call = self._keeper.begin_explicit(args, kwargs, "recompute()")
            watch = call.watch
            try:
                if watch is not None:
                    watch.start(task=True)
                value = await self._function(*args, **kwargs)
            finally:
                if watch is not None:
                    watch.stop()
            self._keeper.finish(call, value)
            return self._keeper.handed_out(call, value) if self._keeper.options.readonly else value


class LazyMemoized(Memoized[P, R]):
    """A function whose calls give lazy results."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            return self.lazy(*args, **kwargs)


class StreamMemoized(Memoized[P, R]):
    """A generator function, or an asynchronous one: what it yields is kept."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            # Made here, so that what does not fit is refused here, as by the plain function.
            return _drive(self._keeper, self._function(*args, **kwargs), args, kwargs)

        def recompute(self, /, *args, **kwargs):
            """Return a generator that is stored anew when it has been iterated to its end."""
            return _drive(
                self._keeper, self._function(*args, **kwargs), args, kwargs, "recompute()"
            )


def _drive(
    keeper: Keeper, generator: Any, args: tuple[Any, ...], kwargs: dict[str, Any], act: str = ""
) -> Any:
    try:
        from dumbo import streams  # here: most programs memoize no generators
    except ImportError:  # of a process that can import nothing more
        return generator

    kind = type(generator)
    if kind is GeneratorType:
        return streams.drive(keeper, generator, args, kwargs, act)
    if kind is AsyncGeneratorType:
        return streams.drive_async(keeper, generator, args, kwargs, act)
    return generator


def wrap(function: Callable[P, R], shelf: Shelf, options: Options) -> Memoized[P, R]:
    """Return *function* memoized, by the kind of function that it is."""
    keeper = Keeper(function, shelf, options)
    runs = Target(function).function
    if keeper.chance is not None:
        from dumbo.randomness import sampled  # only for functions that draw

        if is_coroutine_function(runs):
            return sampled.AsyncChance(function, keeper)
        if is_generator_function(runs):
            return sampled.StreamChance(function, keeper)
        kind = sampled.LazyChance if options.lazy else sampled.ChanceMemoized
        return kind(function, keeper)
    if is_coroutine_function(runs):
        return AsyncMemoized(function, keeper)
    if is_generator_function(runs):
        return StreamMemoized(function, keeper)
    if options.lazy:
        return LazyMemoized(function, keeper)
    return Memoized(function, keeper)
