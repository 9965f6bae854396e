"""Memoized functions that draw, and the samples of any memoized function.

    ChanceMemoized    a plain function with seed= or samples=
    AsyncChance       a coroutine function with them
    StreamChance      a generator function with them
    LazyChance        a plain function with seed= and lazy=True

`f.samples(x, n=10)` belongs to all of them and to functions without either word, which are
taken to find their chance by themselves.

Knows how samples are asked for and called for; must not know how one is identified or kept.
"""

from __future__ import annotations

from time import perf_counter
from types import AsyncGeneratorType

from dumbo import depth
from dumbo.call import Call
from dumbo.errors import InvalidUse, StorageError
from dumbo.memoized import AsyncMemoized, Memoized, StreamMemoized
from dumbo.randomness.chance import NEXT, Draw, seed_alone
from dumbo.randomness.root_seed import root
from dumbo.randomness.sampling import MOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dumbo.keeper import Keeper

__all__ = ["AsyncChance", "ChanceMemoized", "LazyChance", "StreamChance", "Wish", "samples"]

_WORDS = ("n", "index", "stacked")


# -- one sample ----------------------------------------------------------------------------


def _next(keeper: Keeper) -> Call:
    """Return the call that draws the next sample.

    Raises:
        InvalidUse: if the settings name a root seed that is none.
    """
    root()
    call = Call()
    call.draw = Draw(NEXT)
    # A set is kept as a whole, whatever each of its samples took.
    call.explicit = keeper.options.samples is not None and keeper.options.keep != "never"
    return call


def _sample(number: int) -> Call:
    """Return the call that is one sample, by number, and by hand.

    Raises:
        InvalidUse: if the settings name a root seed that is none.
    """
    root()
    call = Call()
    call.draw = Draw(number)
    call.explicit = call.act = True
    return call


def _filled(
    keeper: Keeper, call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the keywords that the function is called with."""
    chance, draw = keeper.chance, call.draw
    if chance is None or draw is None:
        return kwargs
    given = keeper.target.with_fixed(args, kwargs)
    if not chance.leaves_out(*given):
        return kwargs
    if draw.seed is None:
        draw.seed = seed_alone(keeper, draw, *given)
    return chance.filled(kwargs, draw.seed)


def _run(
    memoized: Memoized[Any, Any], call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Compute what *call* is, and keep it."""
    keeper, watch = memoized._keeper, call.watch
    brought = depth.NEEDED and depth.enter()
    try:
        kwargs = _filled(keeper, call, args, kwargs)
        if watch is not None:
            watch.start()
        value = memoized._function(*args, **kwargs)
    except BaseException as error:
        keeper.abandon(call, error)
        raise
    finally:
        if watch is not None:
            watch.stop()
        if depth.NEEDED:
            depth.leave(brought)
    try:
        keeper.finish(call, value)
    except RecursionError:
        pass
    except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
        keeper.stumbled(error)
    return keeper.handed_out(call, value) if keeper.options.readonly else value


async def _run_in_task(
    memoized: Memoized[Any, Any], call: Call, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    keeper, watch = memoized._keeper, call.watch
    try:
        kwargs = _filled(keeper, call, args, kwargs)
        if watch is not None:
            watch.start(task=True)
        value = await memoized._function(*args, **kwargs)
    except BaseException as error:
        keeper.abandon(call, error)
        raise
    finally:
        if watch is not None:
            watch.stop()
    try:
        keeper.finish(call, value)
    except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
        keeper.stumbled(error)
    return keeper.handed_out(call, value) if keeper.options.readonly else value


def _stream(
    memoized: Memoized[Any, Any],
    call: Call,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    act: str = "",
) -> Any:
    """Return the generator that *call* is; it takes its draw when it is first iterated."""
    from dumbo import streams  # most programs memoize no generators

    keeper, function = memoized._keeper, memoized._function
    model = kwargs
    chance = keeper.chance
    if chance is not None and chance.leaves_out(*keeper.target.with_fixed(args, kwargs)):
        model = chance.with_model(kwargs)
    # Made here, so that what does not fit is refused here; it never runs.
    generator: Any = function(*args, **model)

    def make() -> Any:
        return function(*args, **_filled(keeper, call, args, kwargs))

    drawn = streams.Drawn(call, make)
    if type(generator) is AsyncGeneratorType:
        return streams.drive_async(keeper, generator, args, kwargs, act, drawn)
    return streams.drive(keeper, generator, args, kwargs, act, drawn)


# -- functions that draw -------------------------------------------------------------------


class ChanceMemoized(Memoized):  # type: ignore[type-arg]
    """A function that draws, or that is drawn from."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            keeper = self._keeper
            call = _next(keeper)
            try:
                keeper.begin(args, kwargs, call)
            except RecursionError:  # of ours; whether the function has room enough, it will say
                call = _next(keeper)
                call.started = perf_counter()
            except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
                keeper.stumbled(error)
                call = _next(keeper)
                call.started = perf_counter()
            return call.value if call.done else _run(self, call, args, kwargs)

        def recompute(self, /, *args, **kwargs):
            """Compute the first sample anew, store it in place of what is stored, and return it."""
            call = self._keeper.begin_explicit(args, kwargs, "recompute()", _first())
            return _run(self, call, args, kwargs)

        def lazy(self, /, *args, **kwargs):
            """Return the result as a proxy that is loaded when it is first touched."""
            if self._keeper.out_of_the_way() is not None:
                return ChanceMemoized.__call__(self, *args, **kwargs)
            return Memoized.lazy(self, *args, **kwargs)


class LazyChance(ChanceMemoized):
    """A function that draws, and whose calls give lazy results."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            return self.lazy(*args, **kwargs)


class AsyncChance(AsyncMemoized):  # type: ignore[type-arg]
    """A coroutine function that draws."""

    __slots__ = ()

    if not TYPE_CHECKING:

        async def __call__(self, /, *args, **kwargs):
            keeper = self._keeper
            call = await keeper.begin_in_task(args, kwargs, _next(keeper))
            return call.value if call.done else await _run_in_task(self, call, args, kwargs)

        async def recompute(self, /, *args, **kwargs):
            """Await the first sample anew, store it in place of what is stored, and return it."""
            call = self._keeper.begin_explicit(args, kwargs, "recompute()", _first())
            return await _run_in_task(self, call, args, kwargs)


class StreamChance(StreamMemoized):  # type: ignore[type-arg]
    """A generator function that draws."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __call__(self, /, *args, **kwargs):
            return _stream(self, _next(self._keeper), args, kwargs)

        def recompute(self, /, *args, **kwargs):
            """Return a generator that is stored as the first sample when it has ended."""
            return _stream(self, _first(), args, kwargs, "recompute()")


def _first() -> Call:
    call = Call()
    call.draw = Draw(0)
    return call


# -- samples of any function ---------------------------------------------------------------


class Wish:
    """Which samples are asked for.

    Attributes:
        numbers: of the samples, from 0 on; None: all that are there.
        single: whether it is one sample, and not a list.
        stacked: whether they come as one array.
    """

    __slots__ = ("numbers", "single", "stacked")

    def __init__(self, numbers: Sequence[int] | None, single: bool, stacked: bool) -> None:
        self.numbers = numbers
        self.single = single
        self.stacked = stacked


def samples(memoized: Memoized[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the samples of a call; of a coroutine function, what has to be awaited for them."""
    keeper = memoized._keeper
    wish, kwargs = _understood(memoized, args, kwargs)
    chance = keeper.chance
    if chance is not None and chance.parameter is not None:
        if not chance.leaves_out(*keeper.target.with_fixed(args, kwargs)):
            raise InvalidUse(
                f"{memoized.__qualname__}.samples(): {chance.parameter!r} was given, so that "
                "every sample would be the same; leave it out"
            )
    if isinstance(memoized, AsyncMemoized):
        return _samples_in_task(memoized, wish, args, kwargs)
    if wish.numbers is None:
        return _handed_over(_stored(keeper, args, kwargs), wish)
    one = _items if isinstance(memoized, StreamMemoized) else _value
    found = [one(memoized, number, args, kwargs) for number in wish.numbers]
    return _handed_over(found, wish)


async def _samples_in_task(
    memoized: Memoized[Any, Any], wish: Wish, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    keeper = memoized._keeper
    if wish.numbers is None:
        return _handed_over(_stored(keeper, args, kwargs), wish)
    found = []
    for number in wish.numbers:
        call = await keeper.begin_in_task(args, kwargs, _sample(number))
        value = call.value if call.done else await _run_in_task(memoized, call, args, kwargs)
        found.append(value)
    return _handed_over(found, wish)


def _value(
    memoized: Memoized[Any, Any], number: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    call = memoized._keeper.begin(args, kwargs, _sample(number))
    return call.value if call.done else _run(memoized, call, args, kwargs)


def _items(
    memoized: Memoized[Any, Any], number: int, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[Any]:
    stream = _stream(memoized, _sample(number), args, kwargs)
    if type(stream) is AsyncGeneratorType:
        raise InvalidUse(
            f"{memoized.__qualname__}.samples(): what an asynchronous generator yields is not "
            "there at once; iterate its calls instead"
        )
    return list(stream)


def _stored(keeper: Keeper, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Any]:
    """Return the samples that are there, in their order; compute none."""
    from dumbo import acts

    values = []
    for number in acts.samples(keeper, args, kwargs):
        found = acts.find(keeper, args, kwargs, number)
        if found is None:
            continue
        store, record = found
        try:
            value = store.load(record)
        except (StorageError, OSError):
            continue
        values.append(list(value) if keeper.streams else value)
    return values


def _understood(
    memoized: Memoized[Any, Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Wish, dict[str, Any]]:
    """Return what the words of `samples` say, and the keywords of the function."""
    name = memoized.__qualname__
    said = {word: kwargs[word] for word in _WORDS if word in kwargs}
    rest = {word: value for word, value in kwargs.items() if word not in said}
    if said:
        _check_own(memoized, said, args)
    count, index = said.get("n"), said.get("index")
    if count is not None and index is not None:
        raise InvalidUse(f"{name}.samples(n=..., index=...): give one of the two")
    for word, number in (("n", count), ("index", index)):
        if number is not None and (type(number) is not int or not 0 <= number <= MOST):
            raise InvalidUse(f"{name}.samples({word}={number!r}): give a whole number from 0 on")
    stacked = bool(said.get("stacked", False))
    if index is not None:
        return Wish([index], True, stacked), rest
    return Wish(None if count is None else range(count), False, stacked), rest


def _check_own(memoized: Memoized[Any, Any], said: dict[str, Any], args: tuple[Any, ...]) -> None:
    """Refuse a word that may as well be meant for a parameter of the function."""
    from dumbo.arguments.signature import parameters_of  # only for who asks for samples

    target = memoized._keeper.target
    own = parameters_of(target.function)
    positional = [*own.positional_only, *own.positional]
    given = len(target.args) + len(args)
    for word in said:
        if word in own.positional_only or word not in own.names():
            continue
        if word in positional and positional.index(word) < given:
            continue
        raise InvalidUse(
            f"{memoized.__qualname__}.samples({word}=...): the function has a parameter "
            f"{word!r} of its own; give that one by position"
            + ("" if word in positional else ", for which it must not be keyword-only")
        )


def _handed_over(found: list[Any], wish: Wish) -> Any:
    if wish.single:
        return found[0]
    if wish.stacked:
        import numpy  # only for who asks for an array

        return numpy.stack(found) if found else numpy.empty(0)
    return found
