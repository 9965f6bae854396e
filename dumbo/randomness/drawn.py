"""Whether a computation drew from a global generator, by the states before it and after.

What a library draws stands in no code that is followed: `table.sample(3)`, `train_test_split(x)`,
a layer with dropout. But the generator has moved on. Looking takes some 10 µs for each, so only the
first few computations of a function are looked at, and those that are expected to take long.

Another thread may have drawn meanwhile; nobody can tell.

Knows where the global generators are; must not know what is done about those that have moved.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dumbo.keeper import Keeper

__all__ = ["is_looking", "noted", "read", "since", "states"]

_FIRST = 3  # computations of a function in a process that are looked at whatever they take
_LONG = 1e-3  # seconds that are expected: looking takes one in fifty of it
_MARK = "drew "  # begins a part of an entry's note


def _of_random(module: Any) -> object:
    return module._inst.getstate()


def _of_numpy(module: Any) -> object:
    state = module._rand.get_state(legacy=False)
    inner = state["state"]
    key = inner.get("key")  # of the Mersenne Twister; others have a few numbers
    moved = (key.tobytes(), inner["pos"]) if key is not None else repr(inner)
    return state["bit_generator"], moved, state.get("has_gauss"), state.get("gauss")


def _of_torch(module: Any) -> object:
    return module.default_generator.get_state().numpy().tobytes()


# By the module that has one, and what it is called.
_GENERATORS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "random": ("random", _of_random),
    "numpy.random.mtrand": ("numpy.random", _of_numpy),
    "torch": ("torch", _of_torch),
}


def is_looking(keeper: Keeper) -> bool:
    """Whether the next computation of *keeper*'s function is looked at."""
    ledger = keeper.ledger
    return ledger.misses < _FIRST or ledger.costs.expected >= _LONG


def states() -> dict[str, object]:
    """Return the states of the generators of modules that are loaded."""
    found = {}
    for name, (_, state_of) in _GENERATORS.items():
        module = sys.modules.get(name)
        if module is not None:
            try:
                found[name] = state_of(module)
            except Exception:  # noqa: BLE001 - a program may put its own generator there
                continue
    return found


def since(before: dict[str, object]) -> list[str]:
    """Return which generators have moved since *before*."""
    after = states()
    return [
        called
        for name, (called, _) in _GENERATORS.items()
        if name in before and name in after and before[name] != after[name]
    ]


def noted(note: str, drew: list[str]) -> str:
    """Return the note of an entry that says *note*, and what its computation drew from."""
    return "; ".join([*([note] if note else []), *[_MARK + name for name in drew]])


def read(note: str) -> list[str]:
    """Return what the computation of an entry drew from, as its note says."""
    parts = note.split("; ")
    return [part.removeprefix(_MARK) for part in parts if part.startswith(_MARK)]
