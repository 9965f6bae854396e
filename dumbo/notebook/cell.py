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
from dumbo.asking import why_missing
from dumbo.explain import Reason
from dumbo.keeper import Keeper
from dumbo.memoized import AsyncMemoized, Memoized
from dumbo.notebook.capture import Recorder, flush_figures
from dumbo.notebook.leftovers import Leftovers
from dumbo.notebook.result import outputs_of, result_of, trouble_with, value_of
from dumbo.options import Options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import CodeType, TracebackType
    from typing import Any

    from dumbo.call import Call
    from dumbo.notebook.line import Wanted
    from dumbo.notebook.sides import Sides
    from dumbo.notebook.source import Source
    from dumbo.shelf import Shelf

__all__ = ["Cell", "Outcome"]

_ATOMS = (int, float, complex, bool, str, bytes, type(None))


_NUMBERS = ("seed", "random_state", "random_seed")  # what is drawn for these is no generator
_NO_ENTRY = "no entry: "
_NEEDED = "what it defines needs what it computes"


class Outcome:
    """How one run of a cell ended.

    Attributes:
        loaded: whether its result was there.
        value: of the last expression.
        shown: what is still to be shown again, of a result that was loaded.
        took: seconds that it took, now or when it was stored.
        at: the unix time of that.
        size: bytes stored or loaded; None if that is not known, or nothing is stored.
        because: why it was computed although results of such a cell are stored; empty if none are.
        sample: which it is, from 0 on, and of how many; None if there is one.
        why: why nothing was stored; empty if it was.
    """

    __slots__ = ("at", "because", "loaded", "sample", "shown", "size", "took", "value", "why")

    def __init__(self, result: dict[str, Any], value: Any, *, loaded: bool) -> None:
        self.loaded = loaded
        self.value = value
        self.shown = result["%shown"] if loaded else []
        self.took: float = result["%took"]
        self.at: float = result["%at"]
        self.size: int | None = None
        self.sample: tuple[int, int] | None = None
        self.why = ""
        self.because = ""


class _Unkept(Exception):
    """Carries a result past those who would store it."""

    def __init__(self, result: dict[str, Any], why: str) -> None:
        super().__init__(why)
        self.result = result
        self.why = why


class _Keeper(Keeper):
    """A keeper that can be asked what became of its last call.

    Attributes:
        call: the last one; None if it was served from memory.
        because: why it had no result.
    """

    __slots__ = ("because", "call")

    def __init__(self, function: Any, shelf: Shelf, options: Options) -> None:
        super().__init__(function, shelf, options)
        self.call: Call | None = None
        self.because: Reason | None = None

    def begin(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        return self._noted(super().begin(args, kwargs, call))

    async def begin_in_task(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call | None = None
    ) -> Call:
        return self._noted(await super().begin_in_task(args, kwargs, call))

    def begin_explicit(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], act: str, call: Call | None = None
    ) -> Call:
        self.because = None
        self.call = super().begin_explicit(args, kwargs, act, call)
        return self.call

    def _noted(self, call: Call) -> Call:
        self.call = call
        self.because = call.reason
        if call.key is not None and not call.done and call.reason is None:
            self.because = why_missing(self, call)  # asked now: running may change what counts
        return call

    def recall(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.call = None
        return super().recall(args, kwargs)


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
        options = Options(keep=wanted.keep, name=label, samples=wanted.samples, seed=wanted.seed)
        self._keeper = _Keeper(self._function, shelf, options)
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
                try:
                    result, why = act(*args), ""
                except _Unkept as unkept:
                    result, why = unkept.result, unkept.why
                if not self._ran and not self._take(result):
                    result, why = self.memoized.recompute(*args), _NEEDED
                return self._ended(result, why)
        except BaseException as error:
            error.__traceback__ = _without_us(error, self._function.__code__)
            raise

    async def run_async(self, *, recompute: bool) -> Outcome:
        """Do what `run` does, for a cell that awaits."""
        __tracebackhide__ = True
        act = self.memoized.recompute if recompute else self.memoized
        try:
            with self._around() as args:
                try:
                    result, why = await act(*args), ""
                except _Unkept as unkept:
                    result, why = unkept.result, unkept.why
                if not self._ran and not self._take(result):
                    result, why = await self.memoized.recompute(*args), _NEEDED
                return self._ended(result, why)
        except BaseException as error:
            error.__traceback__ = _without_us(error, self._function.__code__)
            raise

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
            _Unkept: if nothing is; it carries the result.
        """
        names = self._shell.user_ns
        result = result_of(self.sides, names, self._value, self._shell)
        result.update({"%shown": recorder.shown, "%took": took, "%at": time()})
        self._deleted = result.get("%deleted", ())
        self._restore()
        why = self._changed(args, digests) or self._left() or trouble_with(result, names)
        if why:
            raise _Unkept(result, why)
        return result

    def _restore(self) -> None:
        """Let the notebook have what it had under names that are no outputs."""
        names = self._shell.user_ns
        for name in self.sides.scratch:
            if name in self._before:
                names[name] = self._before[name]
            else:
                names.pop(name, None)

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
        self._deleted = result.get("%deleted", ())
        for name in self._deleted:
            names.pop(name, None)
        names.update(outputs_of(result))
        try:
            self.source.define(names)
        except Exception:  # noqa: BLE001 - the definitions are the user's code
            return False
        self._value = value_of(result)
        return True

    def _ended(self, result: dict[str, Any], why: str) -> Outcome:
        outcome = Outcome(result, self._value, loaded=not self._ran)
        call = self._keeper.call
        if call is not None and call.record is not None:
            outcome.size = call.record.size
        if call is not None and call.draw is not None and self._keeper.options.samples:
            outcome.sample = (call.draw.number, self._keeper.options.samples)
        if self._ran:
            outcome.why = why or self._why_not_stored(call)
            because = self._keeper.because
            if because is not None and str(because).startswith(_NO_ENTRY):
                first = because.code == "new" and not because.facts.get("others")
                outcome.because = "" if first else str(because).removeprefix(_NO_ENTRY)
        self._value = None
        return outcome

    def _why_not_stored(self, call: Call | None) -> str:
        if call is None or call.record is not None:
            return ""
        reason: Reason | None = call.reason
        if call.straight:
            reason = Reason("not asked", compute=self._keeper.ledger.costs.compute.value)
        elif call.key is not None:
            reason = self._keeper.ledger.of(call.identity) or reason
        elif reason is None and self._keeper.ledger.last:
            reason = self._keeper.ledger.last[-1]
        return "" if reason is None else str(reason)


def _kind(is_async: bool, keeper: Keeper) -> type[Memoized[..., Any]]:
    if keeper.chance is None:
        return AsyncMemoized if is_async else Memoized
    from dumbo import sampled  # few cells draw

    return sampled.AsyncChance if is_async else sampled.ChanceMemoized


def _without_us(error: BaseException, code: CodeType) -> TracebackType | None:
    """Return the traceback of *error* from the cell's own code on, if it got there."""
    place = error.__traceback__
    while place is not None:
        if place.tb_frame.f_code is code:
            return place
        place = place.tb_next
    return error.__traceback__
