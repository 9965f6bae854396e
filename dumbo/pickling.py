"""Memoized functions as pickles.

    importable by name          by that name, like any function
    of ``__main__``             by that name where it leads to a memoized function, else by value
    anything else               by value

By value is the function as `cloudpickle` writes it, with the options of the decorator and the
settings of its cache; of a signing key only that there is one (see `Shelf.__getstate__`). A
worker that runs the same script, as those of `multiprocessing` do, finds its own function by
the name; one that does not, as those of joblib, rebuilds it.

Knows pickles; must not know what a memoized function does.
"""

from __future__ import annotations

import sys
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.memoized import Memoized

__all__ = ["reduce_in_result", "reduce_memoized"]

_MAIN = ("__main__", "__mp_main__")

# A function may refer to itself, by its name or through another memoized function: while it is
# written by value, it is on this list, and inside its own pickle it stands as its place there.
_local = threading.local()


def reduce_memoized(memoized: Memoized[Any, Any]) -> Any:
    """Return what ``__reduce_ex__`` shall.

    Raises:
        pickle.PicklingError: if there is no name for it, and it cannot be written by value.
    """
    module = memoized.__dict__.get("__module__")
    qualname = memoized.__dict__.get("__qualname__")
    named = _find(module, qualname) is memoized
    if named and module not in _MAIN:
        # pickle takes a string as a name in the object's module, and verifies that.
        return qualname
    writing: list[Any] = _local.__dict__.setdefault("writing", [])
    for place, other in enumerate(writing):
        if other is memoized:
            return _under_construction, (place,)
    writing.append(memoized)
    try:
        payload = _by_value(memoized)
    except Exception as error:  # __reduce__ of what the function refers to
        if not named:
            import pickle

            raise pickle.PicklingError(
                f"{qualname} cannot be found as {module}.{qualname}, and not be pickled by value "
                f"either ({type(error).__name__}: {error}): define it at the top of a module"
            ) from error
        payload = None
    finally:
        writing.pop()
    return _restore, (len(writing), module if named else None, qualname, payload)


def reduce_in_result(memoized: Memoized[Any, Any]) -> Any:
    """Return how a memoized function goes into a stored result.

    By its name as ever, else as a part of that very pickle, and not of one of its own: so it has
    in common with the rest what it had before, and loading finds no class that lives.
    """
    if (
        _find(memoized.__dict__.get("__module__"), memoized.__dict__.get("__qualname__"))
        is memoized
    ):
        return reduce_memoized(memoized)
    return _shell, (), _state(memoized), None, None, _fill


def _state(memoized: Memoized[Any, Any]) -> tuple[Any, ...]:
    keeper = memoized._keeper
    # What the cache was told travels, too: with other rules a worker would trust what we do not.
    return memoized._function, keeper.shelf.__getstate__(), keeper.options.as_dict()


def _by_value(memoized: Memoized[Any, Any]) -> bytes:
    # Imported here: only functions that have no importable name need it.
    import cloudpickle

    payload: bytes = cloudpickle.dumps(_state(memoized))
    return payload


def _find(module: object, qualname: object) -> object:
    """Return what *qualname* leads to in *module*, or None."""
    if not isinstance(module, str) or not isinstance(qualname, str):
        return None
    found: object = sys.modules.get(module)
    for name in qualname.split("."):
        found = getattr(found, name, None)
    return found


def _restore(depth: int, module: str | None, qualname: str, payload: bytes | None) -> Any:
    """Return the memoized function that `reduce_memoized` described."""
    from dumbo.memoized import Memoized

    if module is not None:
        for place in _MAIN:
            found = _find(place, qualname)
            if isinstance(found, Memoized):
                return found
    if payload is None:
        import pickle

        raise pickle.UnpicklingError(
            f"{module}.{qualname} is not here, and it could not be pickled by value: "
            "define it in a module that can be imported"
        )
    return _rebuild(depth, payload)


def _rebuild(depth: int, payload: bytes) -> Any:
    import pickle

    shells: list[Any] = _local.__dict__.setdefault("reading", [])
    # What refers to the function, inside it, must get the object that is made only afterwards.
    shell = _shell()
    del shells[depth:]
    shells.append(shell)
    try:
        state = pickle.loads(payload)
    finally:
        del shells[depth:]
    _fill(shell, state)
    return shell


def _shell() -> Any:
    """Make what `_fill` makes a memoized function. Stored results name both: they stay here."""
    from dumbo.memoized import Memoized

    return Memoized.__new__(Memoized)


def _fill(shell: Any, state: tuple[Any, ...]) -> None:
    from dumbo.memoized import Memoized, wrap
    from dumbo.options import Options
    from dumbo.shelf import Shelf

    function, told, options = state
    shelf = Shelf.__new__(Shelf)
    shelf.__setstate__(told)
    made = wrap(function, shelf, Options(**options))
    kind = type(made)
    assert issubclass(kind, Memoized)
    shell.__class__ = kind
    shell.__init__(function, made._keeper)


def _under_construction(place: int) -> Any:
    return _local.reading[place]
