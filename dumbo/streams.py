"""Memoized generator functions: recorded while the caller iterates, replayed on a hit.

Calling one makes the plain generator, which raises there and then what a wrong call raises, and
drives it as soon as it is iterated. That is also when the key is taken, for the body would look
at its arguments then.

    what happens                             on a miss               on a hit
    next                                     recorded, handed on     the recorded item
    the end                                  stored, if worth it     the recorded end
    send, throw                              nothing is stored       goes on with the real one,
                                                                     at the same item
    abandoned, or the body raises            nothing is stored       --

No lock is held across a `yield`: the caller may never come back. What is handed out has the
types that the plain function would hand out: generators, and asynchronous ones.

Knows how generators are driven; must not know what is stored, nor how.
"""

from __future__ import annotations

import sys
from time import perf_counter

from dumbo.errors import CorruptBlob
from dumbo.keeping import yielding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterator
    from types import FrameType
    from typing import Any

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.recordings import Recording

__all__ = ["Drawn", "drive", "drive_async"]

# What may be raised in here that is no fault of the generator's: where the stack ends, and in a
# process that can import nothing more. The generator then runs by itself.
_OURS = (RecursionError, ImportError)
# Items between which nothing is observed, for that is the caller's. Switching it on and off takes
# as long as many an item, so behind these all counts: too much, and never too little.
_APART = 64


class Drawn:
    """A call that is one sample, and how its generator is made once that is known which."""

    __slots__ = ("call", "make")

    def __init__(self, call: Call, make: Callable[[], Any]) -> None:
        self.call = call
        self.make = make


class Tape:
    """What is recorded of one iteration, and how long the generator itself took.

    Nothing is raised here but what stops the program: an iteration that cannot be recorded goes on.
    """

    __slots__ = ("_began", "_call", "_compute", "_items", "_keeper", "_recording", "_watch")

    def __init__(self, keeper: Keeper, call: Call) -> None:
        self._keeper = keeper
        self._call = call
        self._recording = yielding.recorder(keeper, call)
        self._watch = call.watch
        self._items = 0
        self._compute = 0.0
        self._began = 0.0

    def start(self) -> None:
        """The generator is about to run."""
        if self._recording is not None:
            self._recording.before()
        if self._watch is not None and self._items <= _APART:
            try:
                self._watch.start(task=True)
            except _OURS:
                self.drop()
        self._began = perf_counter()

    def add(self, item: object) -> None:
        """It has yielded *item*, which the caller may change as soon as it has it."""
        self._compute += perf_counter() - self._began
        self._items += 1
        if self._watch is not None and self._items <= _APART:
            self._watch.stop()
        if self._recording is not None and not self._can_add(self._recording, item):
            self._recording = None

    def _can_add(self, recording: Recording, item: object) -> bool:
        try:
            return yielding.add(self._keeper, self._call, recording, item)
        except _OURS:
            recording.drop()
            return False
        except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
            recording.drop()
            self._keeper.stumbled(error)
            return False

    def end(self, value: object) -> None:
        """It has returned *value*."""
        self._compute += perf_counter() - self._began
        if self._watch is not None:
            self._watch.stop()
        recording, self._recording = self._recording, None
        try:
            yielding.finish(self._keeper, self._call, recording, value, self._compute)
        except _OURS:
            if recording is not None:
                recording.drop()
        except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
            if recording is not None:
                recording.drop()
            self._keeper.stumbled(error)

    def drop(self) -> None:
        """Nothing of this iteration can be stored."""
        if self._watch is not None:
            self._watch.stop()
            self._watch = None
        recording, self._recording = self._recording, None
        if recording is not None:
            recording.drop()


def drive(
    keeper: Keeper,
    generator: Generator[Any, Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    act: str = "",
    drawn: Drawn | None = None,
) -> Generator[Any, Any, Any]:
    """Iterate *generator*, or what is stored of it."""
    items: Iterator[Any] | None = None
    call: Call | None = None
    tape: Tape | None = None
    if not _enters_a_context(sys._getframe(1)):
        call, tape = _begin(keeper, args, kwargs, act, drawn)
        if call is not None and call.done:
            items = iter(call.value)
    if drawn is not None:
        generator = drawn.make()
    count = 0
    sent: Any = None
    thrown: BaseException | None = None
    try:
        while True:
            if items is not None:
                try:
                    item = next(items)
                except StopIteration as end:
                    return end.value
                except (CorruptBlob, ImportError) as error:
                    _unreadable(keeper, call, error)
                    items = None
                    _advance(generator, count)
            if items is None:
                if tape is not None:
                    tape.start()
                try:
                    item = generator.send(sent) if thrown is None else generator.throw(thrown)
                except StopIteration as end:
                    if tape is not None:
                        tape.end(end.value)
                    return end.value
                if tape is not None:
                    tape.add(item)
            thrown = None
            count += 1
            try:
                sent = yield item
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:  # noqa: BLE001 - of the program, for its generator
                sent, thrown = None, error
            if sent is not None or thrown is not None:
                _drop(tape)
                tape = None
                if items is not None:
                    items = None
                    _advance(generator, count)
    finally:
        thrown = None  # its traceback holds this frame
        _drop(tape)


async def drive_async(
    keeper: Keeper,
    generator: AsyncGenerator[Any, Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    act: str = "",
    drawn: Drawn | None = None,
) -> AsyncGenerator[Any, Any]:
    """Iterate *generator*, or what is stored of it."""
    items: Iterator[Any] | None = None
    call: Call | None = None
    tape: Tape | None = None
    if not _enters_a_context(sys._getframe(1)):
        call, tape = _begin(keeper, args, kwargs, act, drawn)
        if call is not None and call.done:
            items = iter(call.value)
    if drawn is not None:
        generator = drawn.make()
    count = 0
    sent: Any = None
    thrown: BaseException | None = None
    try:
        while True:
            if items is not None:
                try:
                    item = next(items)
                except StopIteration:
                    return
                except (CorruptBlob, ImportError) as error:
                    _unreadable(keeper, call, error)
                    items = None
                    await _advance_async(generator, count)
            if items is None:
                if tape is not None:
                    tape.start()
                try:
                    if thrown is None:
                        item = await generator.asend(sent)
                    else:
                        item = await generator.athrow(thrown)
                except StopAsyncIteration:
                    if tape is not None:
                        tape.end(None)
                    return
                if tape is not None:
                    tape.add(item)
            thrown = None
            count += 1
            try:
                sent = yield item
            except GeneratorExit:
                await generator.aclose()
                raise
            except BaseException as error:  # noqa: BLE001 - of the program, for its generator
                sent, thrown = None, error
            if sent is not None or thrown is not None:
                _drop(tape)
                tape = None
                if items is not None:
                    items = None
                    await _advance_async(generator, count)
    finally:
        thrown = None  # its traceback holds this frame
        _drop(tape)


def _begin(
    keeper: Keeper,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    act: str,
    drawn: Drawn | None,
) -> tuple[Call | None, Tape | None]:
    """Return the call, and what it is recorded with unless it is done; None if it just runs."""
    try:
        call = yielding.begin(keeper, args, kwargs, act, drawn.call if drawn is not None else None)
        return call, None if call.done else Tape(keeper, call)
    except _OURS:
        return None, None
    except Exception as error:  # noqa: BLE001 - a part of dumbo; see `stumbled`
        keeper.stumbled(error)
        return None, None


def _unreadable(keeper: Keeper, call: Call | None, error: Exception) -> None:
    if isinstance(error, CorruptBlob) and call is not None:
        yielding.unreadable(keeper, call, error)


def _enters_a_context(caller: FrameType) -> bool:
    """Whether a ``with`` block is what asks for the first item.

    What is decorated by `contextlib.contextmanager`, too, is there for what it does before and
    after its only item, which a replay would not do.
    """
    return caller.f_globals.get("__name__") == "contextlib"


def _drop(tape: Tape | None) -> None:
    if tape is not None:
        tape.drop()


def _advance(generator: Generator[Any, Any, Any], count: int) -> None:
    """Bring the real generator to where the replay is."""
    for _ in range(count):
        next(generator, None)


async def _advance_async(generator: AsyncGenerator[Any, Any], count: int) -> None:
    for _ in range(count):
        try:
            await generator.__anext__()
        except StopAsyncIteration:
            return
