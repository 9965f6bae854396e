"""Chance under control: which sample a call is, and what generator it gets.

    seed="rng"    a generator that the caller leaves out is made for the call
    samples=5     calls of the same arguments draw one of five results after the other

Next comes the first sample that is not there, and from then on one after the other, round and
round; the count is this process's own. So a set that was interrupted is gone on with, and a
whole one begins anew.

Knows what is drawn for which call; must not know how a call is computed or stored.
"""

from __future__ import annotations

import os
from itertools import count

from dumbo import inputs
from dumbo.keeping import identity, serving
from dumbo.net import let_through
from dumbo.randomness.root_seed import root
from dumbo.randomness.sampling import Seed, among, family_of_draws, family_of_runs, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.options import Options
    from dumbo.randomness.generators import Kind
    from dumbo.randomness.sampling import Family

__all__ = ["NEXT", "PEEK", "Chance", "Draw", "seed_alone", "settle"]

NEXT, PEEK = -1, -2  # the sample that comes next: to draw it, or to see which it is
_REMEMBERED = 1 << 16  # calls of which a process knows what comes next


class Draw:
    """Which sample a call is.

    Attributes:
        number: from 0 on; `NEXT` or `PEEK` until the call's key is known.
        family: where the samples of the call are.
        seed: of what the seed of its generator is made; None if it gets none. A hit makes none.
        tag: what tells such draws from all others; empty if it gets no generator.
    """

    __slots__ = ("family", "number", "seed", "tag")

    def __init__(self, number: int) -> None:
        self.number = number
        self.family: Family | None = None
        self.seed: tuple[str, bytes, int, int] | None = None
        self.tag = b""

    def among(self, neighbours: bytes) -> bytes:
        """Return what calls near to this one share, from what they shared without samples."""
        return among(neighbours, self.tag, self.number)


class Chance:
    """What a function's decorator says of chance.

    Attributes:
        parameter: what is filled in, if it is left out; None: nothing.
        samples: among how many a call draws; None: there is one.
    """

    __slots__ = (
        "parameter",
        "samples",
        "_function",
        "_how",
        "_kind",
        "_model",
        "_next",
        "_place",
        "_tag",
    )

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.parameter = options.seed
        self.samples = options.samples
        self._function = function
        self._how = options.draw
        self._kind: Kind | None = None
        self._model: Any = None
        self._tag: tuple[int, bytes] | None = None  # the last, with its root seed
        self._next: dict[bytes, _Counter] = {}
        self._place: int | None = None
        if options.seed is not None:
            from dumbo.arguments.signature import parameters_of  # only for who draws

            own = parameters_of(function)
            names = [*own.positional_only, *own.positional]
            self._place = names.index(options.seed) if options.seed in names else None

    @property
    def place(self) -> int | None:
        """Where the parameter stands, if it may be given by position."""
        return self._place

    def kind(self) -> Kind:
        if self._kind is None:
            from dumbo.randomness.generators import kind_of  # only for who draws

            assert self.parameter is not None
            self._kind = kind_of(self._function, self.parameter)
        return self._kind

    def leaves_out(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        """Whether a call, with what is fixed beforehand, wants a generator."""
        if self.parameter is None or self.parameter in kwargs:
            return False
        return self._place is None or len(args) <= self._place

    def with_model(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return the keywords with what is of the type of the generator, and is never drawn of."""
        if self._model is None:
            self._model = self.kind().make(Seed("", b"", 0, 0))
        assert self.parameter is not None
        return {**kwargs, self.parameter: self._model}

    def filled(self, kwargs: dict[str, Any], seed: tuple[str, bytes, int, int]) -> dict[str, Any]:
        """Return the keywords with the generator of a seed that is made of *seed*."""
        assert self.parameter is not None
        return {**kwargs, self.parameter: self.kind().make(Seed(*seed))}

    def tag(self, label: str, start: int) -> bytes:
        """Return what tells the draws with root seed *start* from all others."""
        known = self._tag
        if known is None or known[0] != start:
            known = self._tag = (start, tag_of(label, start, self.kind().name))
        return known[1]

    def begin_anew(self) -> None:
        """Forget what comes next, for what was there is gone."""
        self._next.clear()

    def pick(self, place: bytes, number: int, stored: Callable[[int], bool]) -> int:
        """Return which sample comes next, and count on if it is to be drawn."""
        if self.samples is None or self._how == "first":
            return 0
        if self._how == "random":
            # Not from `random`: whoever seeds that shall find it as it was.
            return int.from_bytes(os.urandom(8), "big") % self.samples
        counter = self._next.get(place)
        if counter is None:
            if len(self._next) >= _REMEMBERED:
                self._next.clear()
            missing = (n for n in range(self.samples) if not stored(n))
            counter = self._next.setdefault(place, _Counter(next(missing, 0)))
        return (counter.upcoming if number == PEEK else counter.draw()) % self.samples


class _Counter:
    """Counts on, for several threads at once; `upcoming` is what nobody has drawn yet."""

    __slots__ = ("_numbers", "upcoming")

    def __init__(self, first: int) -> None:
        self._numbers = count(first)
        self.upcoming = first

    def draw(self) -> int:
        number = next(self._numbers)
        self.upcoming = number + 1
        return number


def settle(keeper: Keeper, call: Call, plain: bytes, drawn: bool) -> None:
    """Make *call*, whose key is known, the sample that it is.

    Args:
        plain: the key of its arguments alone.
        drawn: whether it gets a generator.
    """
    assert call.key is not None
    draw = call.draw = call.draw or Draw(0)
    chance = keeper.chance
    if drawn:
        assert chance is not None
        start = root()
        inputs.join_root_seed()
        draw.tag = chance.tag(keeper.label, start)
        family = family_of_draws(call.key, draw.tag)
    else:
        family = family_of_runs(call.key)
    draw.family = family
    if draw.number < 0:

        def stored(number: int) -> bool:
            call.key = family.key(number)
            there = serving.search(keeper, call) is not None
            call.reason = None
            return there

        one = chance is None or (chance.parameter is not None and not drawn)
        place = call.snapshot.digest + family.key(0)
        draw.number = 0 if one else chance.pick(place, draw.number, stored)  # type: ignore[union-attr]
    if drawn:
        draw.seed = (keeper.label, plain, draw.number, start)
    call.key = family.key(draw.number)


def seed_alone(
    keeper: Keeper, draw: Draw, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, bytes, int, int]:
    """Return what makes the seed of a call without the cache: the same that it would have had.

    Without an honest key there is no such seed. Then it is one that nobody knows.
    """
    chance = keeper.chance
    assert chance is not None
    try:
        plain = identity.key_of(keeper, args, kwargs)
        number = draw.number
        if number < 0:
            number = chance.pick(plain + b"%d" % root(), number, lambda number: False)
        inputs.join_root_seed()
        return keeper.label, plain, number, root()
    except Exception as error:  # noqa: BLE001 - __reduce__ and the like of arguments
        let_through(error)
        inputs.join((), f"{keeper.label} drew what cannot be drawn again")
        return keeper.label, os.urandom(16), 0, 0
