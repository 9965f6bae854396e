"""One cell and its results.

The work of a cell is a function, and that function is memoized like any other: its inputs are the
arguments, what it reads of the notebook is its closure, and a dict of outputs and displays is its
result. Two cells are one if their code is; where they stand, nobody asks.

    miss   inputs -> the function runs in the notebook, watched and recorded -> result
    hit    result -> its outputs go into the notebook, what was shown is shown

Knows what happens to a cell, in which order; must not know how a function is memoized.
"""

from __future__ import annotations

from contextlib import contextmanager
from time import perf_counter, time

from dumbo.arguments.hashing import digest_call
from dumbo.entry import Entry
from dumbo.keeper import Keeper
from dumbo.memoized import AsyncMemoized, Memoized
from dumbo.notebook.capture import Recorder, flush_figures
from dumbo.notebook.leftovers import Leftovers
from dumbo.notebook.outcome import CellKeeper, Outcome, Unkept
from dumbo.notebook.result import outputs_of, result_of, trouble_with, value_of
from dumbo.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Any

    from dumbo.notebook.line import Wanted
    from dumbo.notebook.sides import Sides
    from dumbo.notebook.source import Source
    from dumbo.shelf import Shelf

__all__ = ["Cell"]

_ATOMS = (int, float, complex, bool, str, bytes, type(None))


_NUMBERS = ("seed", "random_state", "random_seed")  # what is drawn for these is no generator
_NEEDED = "what it defines needs what it computes"


class Cell:
    """A cell of one notebook, by its code and its sides.

    Attributes:
        memoized: its work, as a memoized function of its inputs.
    """

    def __init__(
        self, source: Source, sides: Sides, wanted: Wanted, label: str, shell: Any, shelf: Shelf
    ) -> None:
        self.source = source
        self.sides = sides
        self._shell = shell
        code = source.code(sides.parameters + sides.drawn)
        self._leftovers = Leftovers(code, shell.user_ns, watched=bool(source.flow.maybe))
        self._function = self._leftovers.function
        # What it is called is a hint by which traces of older versions are found.
        module, _, name = label.rpartition(":")
        self._function.__module__ = module or "notebook"
        self._function.__qualname__ = self._function.__name__ = name
        if wanted.seed in _NUMBERS:
            self._function.__annotations__ = {wanted.seed: int}
        options = Options(
            keep=wanted.keep,
            name=label,
            samples=wanted.samples,
            seed=wanted.seed,
            # What is given out is no part of the code, and is one of the result.
            version=f"-> {', '.join(sorted(sides.outputs))}",
            on_stale="recompute",  # whose older version a cell is, nobody can tell
        )
        self._keeper = CellKeeper(self._function, shelf, options)
        self._ran = False
        self._value: Any = None  # of the last expression
        self._deleted: Iterable[str] = ()
        self._before: dict[str, Any] = {}  # what the notebook had before this run
        runs = self._run_async if source.is_async else self._run
        self.memoized = _kind(source.is_async, self._keeper)(runs, self._keeper)

    def inputs(self) -> tuple[Any, ...]:
        """Return the values of the inputs, as they are now.

        Raises:
            NameError: if one is not there.
        """
        names = self._shell.user_ns
        for name in self.sides.parameters:
            if name not in names:
                raise NameError(f"name {name!r} is not defined", name=name)
        return tuple([names[name] for name in self.sides.parameters])

    def run(self, *, recompute: bool) -> Outcome:
        """Run the cell, or load what it gave; what is loaded has still to be shown."""
        __tracebackhide__ = True
        act = self.memoized.recompute if recompute else self.memoized
        try:
            with self._around() as args:
                result, why = self._tried(act, args)
                if not self._ran and not self._take(result):
                    result, why = self._tried(self.memoized.recompute, args)
                    why = why or _NEEDED
                return self._ended(result, why)
        except BaseException as error:
            error.__traceback__ = _without_us(error, self.source.filename)
            raise

    async def run_async(self, *, recompute: bool) -> Outcome:
        """Do what `run` does, for a cell that awaits."""
        __tracebackhide__ = True
        act = self.memoized.recompute if recompute else self.memoized
        try:
            with self._around() as args:
                result, why = await self._tried_async(act, args)
                if not self._ran and not self._take(result):
                    result, why = await self._tried_async(self.memoized.recompute, args)
                    why = why or _NEEDED
                return self._ended(result, why)
        except BaseException as error:
            error.__traceback__ = _without_us(error, self.source.filename)
            raise

    def _tried(self, act: Any, args: tuple[Any, ...]) -> tuple[dict[str, Any], str]:
        """Return the result, and why it was not stored if the cell itself has a reason."""
        __tracebackhide__ = True
        try:
            return act(*args), ""
        except Unkept as unkept:
            return unkept.result, unkept.why

    async def _tried_async(self, act: Any, args: tuple[Any, ...]) -> tuple[dict[str, Any], str]:
        __tracebackhide__ = True
        try:
            return await act(*args), ""
        except Unkept as unkept:
            return unkept.result, unkept.why

    @contextmanager
    def _around(self) -> Iterator[tuple[Any, ...]]:
        """What is the same for every run, before and after; gives the inputs."""
        __tracebackhide__ = True
        names = self._shell.user_ns
        self._ran, self._value, self._deleted = False, None, ()
        self.source.prepare(names)
        args = self.inputs()
        self._before = dict(names)
        self._leftovers.put_aside(self.sides.unsure)
        try:
            yield args
        finally:
            self._leftovers.put_back(self._deleted)
            self._before = {}

    # -- a miss ----------------------------------------------------------------------------

    def _run(self, *args: Any, **drawn: Any) -> dict[str, Any]:
        digests = self._digests(args)
        with Recorder(self._shell) as recorder:
            self._ran = True
            began = perf_counter()
            self._value = self._function(*args, **drawn)
            flush_figures()
        return self._result(args, digests, recorder, perf_counter() - began)

    async def _run_async(self, *args: Any, **drawn: Any) -> dict[str, Any]:
        digests = self._digests(args)
        with Recorder(self._shell) as recorder:
            self._ran = True
            began = perf_counter()
            self._value = await self._function(*args, **drawn)
            flush_figures()
        return self._result(args, digests, recorder, perf_counter() - began)

    def _result(
        self, args: tuple[Any, ...], digests: dict[str, bytes], recorder: Recorder, took: float
    ) -> dict[str, Any]:
        """Return what is to be stored of a run that has just ended.

        Raises:
            Unkept: if nothing is; it carries the result.
        """
        names = self._shell.user_ns
        also = self._also_set()
        result = result_of(self.sides, also, names, self._value, self._shell)
        result.update({"%shown": recorder.shown, "%took": took, "%at": time()})
        self._deleted = result.get("%deleted", ())
        self._restore()
        why = self._changed(args, digests) or self._left() or self._undeclared(also)
        why = why or trouble_with(result, names, self.sides)
        if why:
            raise Unkept(result, why)
        return result

    def _restore(self) -> None:
        """Let the notebook have what it had under names that are no outputs."""
        names = self._shell.user_ns
        for name in self.sides.scratch:
            if name in self._before:
                names[name] = self._before[name]
            else:
                names.pop(name, None)

    def _also_set(self) -> list[str]:
        """Return the names that functions have set for the cell, which its own code does not."""
        sides, names, before = self.sides, self._shell.user_ns, self._before
        own = {*sides.outputs, *sides.scratch, *sides.deleted, *sides.parameters}
        own |= self.source.defined
        return [
            name
            for name, value in names.items()
            if not name.startswith("_") and name not in own and before.get(name, own) is not value
        ]

    def _undeclared(self, also: list[str]) -> str:
        return (
            f"a function that the cell calls sets {also[0]!r}: name it as an output"
            if also and not self.sides.found
            else ""
        )

    def _left(self) -> str:
        name = self._leftovers.read()
        return name and (
            f"the cell read the value that {name!r} had before, on a way that it does not always "
            f"take: name it as an input, or assign it first"
        )

    def _digests(self, args: tuple[Any, ...]) -> dict[str, bytes]:
        """Return digests of the inputs that the cell might change and does not give out."""
        digests = {}
        for name, value in zip(self.sides.parameters, args, strict=True):
            if type(value) not in _ATOMS and name not in self.sides.outputs:
                try:
                    digests[name] = digest_call((value,), (name,))[0]
                except Exception:  # noqa: BLE001 - __reduce__ and the like of inputs
                    pass  # it has no key, so nothing is stored
        return digests

    def _changed(self, args: tuple[Any, ...], before: dict[str, bytes]) -> str:
        after = self._digests(args)
        for name, digest in before.items():
            if after.get(name) != digest:
                return (
                    f"the cell changes its input {name!r} in place, which loading a result would "
                    "not do: name it as an output as well, or work on a copy"
                )
        return ""

    # -- a hit -----------------------------------------------------------------------------

    def _take(self, result: dict[str, Any]) -> bool:
        """Put what was loaded into the notebook; say whether all of it could be."""
        names = self._shell.user_ns
        self._deleted = [name for name in result.get("%deleted", ()) if name in self.sides.deleted]
        present: dict[str, Any] = {}
        try:
            outputs = outputs_of(result)
            if not self.sides.found and outputs.keys() - set(self.sides.outputs):
                return False  # it was stored when nothing was declared: now that has to be said
            for name in self._deleted:
                if name in names:
                    present[name] = names.pop(name)
            present.update({name: names[name] for name in outputs if name in names})
            names.update(outputs)
            self.source.define(names)
        except Exception:  # noqa: BLE001 - the definitions are the user's code
            names.update(present)
            return False
        self._value = value_of(result)
        return True

    def _ended(self, result: dict[str, Any], why: str) -> Outcome:
        outcome = Outcome(result, self._value, loaded=not self._ran)
        call = self._keeper.call
        if call is not None and call.record is not None:
            outcome.size = Entry(call.store, call.record).size
        if call is not None and call.draw is not None and self._keeper.options.samples:
            outcome.sample = (call.draw.number, self._keeper.options.samples)
        if self._ran:
            outcome.why = why or self._keeper.why_not_stored()
            outcome.because = self._keeper.why_computed()
        self._value = None
        return outcome


def _kind(is_async: bool, keeper: Keeper) -> type[Memoized[..., Any]]:
    if keeper.chance is None:
        return AsyncMemoized if is_async else Memoized
    from dumbo.randomness import sampled  # few cells draw

    return sampled.AsyncChance if is_async else sampled.ChanceMemoized


def _without_us(error: BaseException, filename: str) -> TracebackType | None:
    """Return the traceback of *error* from the code of the cell on, if it got there."""
    place = error.__traceback__
    while place is not None:
        if place.tb_frame.f_code.co_filename == filename:
            return place
        place = place.tb_next
    return error.__traceback__
