"""dumbo keeps results on disk until something that they depend on changes.

    from dumbo import memo

    @memo
    def slow(x): ...

Knows the public names; everything else lives in the modules that they come from.
"""

from __future__ import annotations

from dumbo.arguments.registry import register_hasher
from dumbo.cache import Cache, clear, default_cache
from dumbo.errors import (
    DumboError,
    DumboWarning,
    InvalidUse,
    StaleResultWarning,
    StorageError,
    UnstorableResult,
    UnusableDirectory,
)
from dumbo.memo import memo
from dumbo.memoized import Memoized
from dumbo.switches import disabled, read_only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    import networkx as nx

    from dumbo import by
    from dumbo.decision.policy import Offer, Policy
    from dumbo.entry import Entry
    from dumbo.randomness.root_seed import seeded

__all__ = [
    # the decorator, and what it makes
    "memo",
    "by",
    "register_hasher",
    "Memoized",
    "Entry",
    # which results are kept
    "Policy",
    "Offer",
    # directories of results
    "Cache",
    "default_cache",
    "clear",
    # switches
    "disabled",
    "read_only",
    # chance
    "seeded",
    # what a function depends on
    "deps",
    # %load_ext dumbo
    "load_ipython_extension",
    "unload_ipython_extension",
    # errors
    "DumboError",
    "InvalidUse",
    "UnusableDirectory",
    "StorageError",
    "UnstorableResult",
    # warnings
    "DumboWarning",
    "StaleResultWarning",
]

__version__ = "0.1.0"


# What few programs name, and where it is; `by` is a module itself.
_LATER = {
    "by": "dumbo.by",
    "Entry": "dumbo.entry",
    "Offer": "dumbo.decision.policy",
    "Policy": "dumbo.decision.policy",
    "seeded": "dumbo.randomness.root_seed",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_LATER[name])
    value = globals()[name] = module if name == "by" else getattr(module, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})


def deps(
    function: Callable[..., Any],
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    observed: bool = False,
) -> nx.DiGraph:
    """Return what *function*, memoized or not, depends on; for these arguments if any are given.

    Node ids are ``module:qualname``; each node has its kind, file, line and digest, and its
    ``code`` object where there is one. What could not be resolved is a node of that kind, with
    its reason and its place. An edge says as ``reference`` how its end was reached. Without
    arguments, what they may be is guessed from what the function does with them; a call guesses
    nothing.

    With *observed*, of a memoized function: also what the stored result of that call, or without
    arguments any result, was seen to run though it was not foreseen, and what that depends on. The
    edges to it have ``observed`` as their reference.
    """
    # Imported here: tracing is not for those who only call memoized functions.
    from dumbo.graph import graph_of

    return graph_of(function, args, kwargs, observed=observed)


def load_ipython_extension(shell: Any) -> None:
    """Do what ``%load_ext dumbo`` asks for: the magics ``%%dumbo`` and ``%dumbo``."""
    # Imported here, as below: IPython is an extra.
    from dumbo.notebook import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Do what ``%unload_ext dumbo`` asks for."""
    from dumbo.notebook import unload

    unload(shell)
