"""Kinds of generators: which one a parameter wants, and how one is made of a seed.

    kind            annotation                      made as
    numpy           numpy.random.Generator          Generator(PCG64(128 bits))
    numpy, legacy   numpy.random.RandomState        RandomState(MT19937(128 bits))
    numpy, seeds    numpy.random.SeedSequence       SeedSequence(128 bits)
    random          random.Random                   Random(128 bits)
    torch           torch.Generator                 a generator of the CPU, 63 bits
    jax             jax.Array, jaxtyping's keys     jax.random.key, 62 bits
    int             int                             32 bits, which every library takes

A parameter says which by its annotation, else by its default; else it gets numpy's where
numpy is installed, and `random.Random` elsewhere. No library is imported that the parameter
does not ask for.

Annotations are read as text where that is what they are, or what 3.14 gives without running
them: names are looked up where the function would find them, and those that only type checkers
see are taken for what they are called.

Knows generators and annotations; must not know what is drawn, when, or for which call.
"""

from __future__ import annotations

import builtins
import sys

from dumbo.arguments.signature import parameters_of
from dumbo.errors import InvalidUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from dumbo.randomness.sampling import Seed

__all__ = ["KINDS", "Kind", "kind_of", "parameter_of"]


class Kind:
    """One kind of generator."""

    __slots__ = ("make", "name")

    def __init__(self, name: str, make: Callable[[Seed], Any]) -> None:
        self.name = name
        self.make = make


def _random(seed: Seed) -> Any:
    from random import Random  # only for who draws

    return Random(seed.wide)


def _numpy(seed: Seed) -> Any:
    from numpy.random import PCG64, Generator  # the parameter asks for it

    # Not default_rng: which bits that takes may change from one numpy to the next.
    return Generator(PCG64(seed.wide))


def _random_state(seed: Seed) -> Any:
    from numpy.random import MT19937, RandomState  # the parameter asks for it

    return RandomState(MT19937(seed.wide))


def _seed_sequence(seed: Seed) -> Any:
    from numpy.random import SeedSequence  # the parameter asks for it

    return SeedSequence(seed.wide)


def _torch(seed: Seed) -> Any:
    import torch  # the parameter asks for it

    generator = torch.Generator()
    generator.manual_seed(seed.wide >> 65)
    return generator


def _jax(seed: Seed) -> Any:
    import jax  # the parameter asks for it

    # Without x64, jax takes no more than 32 bits at once.
    key = jax.random.key((seed.wide >> 97) & 0x7FFFFFFF)
    return jax.random.fold_in(key, (seed.wide >> 66) & 0x7FFFFFFF)


def _int(seed: Seed) -> int:
    return seed.small


KINDS = {
    kind.name: kind
    for kind in (
        Kind("random.Random", _random),
        Kind("numpy.random.Generator", _numpy),
        Kind("numpy.random.RandomState", _random_state),
        Kind("numpy.random.SeedSequence", _seed_sequence),
        Kind("torch.Generator", _torch),
        Kind("jax.Array", _jax),
        Kind("int", _int),
    )
}

# Where classes really live, and what keys of jax are called.
_ALIASES = {
    "numpy.random._generator.Generator": "numpy.random.Generator",
    "numpy.random.mtrand.RandomState": "numpy.random.RandomState",
    "numpy.random.bit_generator.SeedSequence": "numpy.random.SeedSequence",
    "torch._C.Generator": "torch.Generator",
    "jax._src.basearray.Array": "jax.Array",
    "jaxlib._jax.ArrayImpl": "jax.Array",
    "builtins.int": "int",
}
# By the last name of what only type checkers see.
_UNSEEN = {
    "Random": "random.Random",
    "Generator": "numpy.random.Generator",
    "RandomState": "numpy.random.RandomState",
    "SeedSequence": "numpy.random.SeedSequence",
    "KeyArray": "jax.Array",
    "PRNGKeyArray": "jax.Array",
}
_INTS = frozenset({"seed", "random_state", "random_seed", "rng_seed"})  # names of seeds
_MISSING = object()
_MODULE = type(sys)


# -- which parameter ---------------------------------------------------------------------


def parameter_of(function: Any, said: object) -> str:
    """Return the parameter of *function* that ``seed=`` means.

    Args:
        said: its name, its type, or True: the one whose annotation tells.

    Raises:
        InvalidUse: if there is none, or several, or nothing could be put there.
    """
    parameters = parameters_of(function)
    names = [*parameters.positional, *parameters.keyword_only]
    if type(said) is str:
        if said in parameters.positional_only:
            raise InvalidUse(
                f"seed={said!r}: that parameter is positional-only, so it cannot be filled in "
                "behind others; make it an ordinary one"
            )
        if said not in names:
            there = ", ".join(names) or "none"
            hint = "; put @memo below the other decorator" if said in _behind(function) else ""
            raise InvalidUse(f"seed={said!r}: there is no such parameter; there are {there}{hint}")
        _check(function, said)
        return said
    wanted = None
    if said is not True:
        wanted = _of_object(said)
        if wanted is None:
            raise InvalidUse(
                f"seed={said!r}: give the name of a parameter, True, or one of the types "
                f"{', '.join(KINDS)}"
            )
    found = [(name, _annotated(function, name)) for name in names]
    if wanted is None:
        fit = [name for name, kind in found if kind is not None and kind.name != "int"]
        fit = fit or [name for name, kind in found if kind is not None and name in _INTS]
    else:
        fit = [name for name, kind in found if kind is wanted]
    if len(fit) != 1:
        what = f"{len(fit)} parameters ({', '.join(fit)})" if fit else "no parameter"
        raise InvalidUse(
            f"seed={getattr(said, '__name__', said)}: {what} with such an annotation; give the "
            "name, as in seed='rng'"
        )
    return fit[0]


def _behind(function: Any) -> list[str]:
    """Return the parameters of the function that *function* wraps, if it says that it does."""
    wrapped = getattr(function, "__dict__", {}).get("__wrapped__")
    return parameters_of(wrapped).names() if callable(wrapped) else []


def _check(function: Any, parameter: str) -> None:
    """Refuse what is plainly no generator."""
    said = _annotation(function, parameter)
    if said is _MISSING or _annotated(function, parameter) is not None:
        return
    if type(said) is str:
        said = _look_up(said, function)
    if isinstance(said, type) and said is not object:
        raise InvalidUse(
            f"seed={parameter!r}: its annotation is {said.__name__}, which is no generator that "
            f"could be made; use one of {', '.join(KINDS)}"
        )


# -- which kind --------------------------------------------------------------------------


def kind_of(function: Any, parameter: str) -> Kind:
    """Return the kind of generator that *parameter* of *function* wants."""
    found = _annotated(function, parameter)
    if found is None:
        default = _default(function, parameter)
        if default is not None:
            found = _of_object(type(default))
    return found or KINDS["numpy.random.Generator" if _has_numpy() else "random.Random"]


def _default(function: Any, parameter: str) -> object:
    parameters = parameters_of(function)
    if parameter in parameters.keyword_only:
        return (parameters.keyword_defaults or {}).get(parameter)
    defaults = parameters.defaults or ()
    names = [*parameters.positional_only, *parameters.positional]
    place = names.index(parameter) - (len(names) - len(defaults))
    return defaults[place] if place >= 0 else None


def _has_numpy() -> bool:
    if "numpy" in sys.modules:
        return True
    from importlib.util import find_spec  # only for parameters that say nothing

    try:
        return find_spec("numpy") is not None
    except (ImportError, ValueError):
        return False


def _annotated(function: Any, parameter: str) -> Kind | None:
    said = _annotation(function, parameter)
    if said is _MISSING:
        return None
    if type(said) is str:
        return _of_text(said, function)
    return _of_object(said)


def _annotation(function: Any, parameter: str) -> object:
    """Return the annotation: text where that is what is to be had, else an object."""
    annotate = getattr(function, "__annotate__", None)  # before 3.14 there is none
    try:
        if annotate is None:
            read = getattr(function, "__annotations__", {})
        else:
            # It imports much: only for who draws. As text, nothing of it runs.
            annotationlib: Any = __import__("annotationlib")
            how = annotationlib.Format.STRING
            read = annotationlib.get_annotations(function, format=how)
    except Exception:  # noqa: BLE001 - the code of annotations is the user's
        return _MISSING
    return read.get(parameter, _MISSING) if isinstance(read, dict) else _MISSING


def _of_object(said: Any) -> Kind | None:
    if type(said) is str:
        return _of_text(said, None)
    if isinstance(said, type):
        name = f"{said.__module__}.{said.__qualname__}"
        return KINDS.get(_ALIASES.get(name, name))
    if getattr(said, "__forward_arg__", None):
        return _of_text(said.__forward_arg__, None)
    origin = getattr(said, "__origin__", None)
    parts = getattr(said, "__args__", None)
    if type(said).__name__ == "_AnnotatedAlias":  # Annotated[Generator, ...]
        return _of_object(origin)
    if type(parts) is tuple:  # Generator | None
        return next((kind for part in parts if (kind := _of_object(part)) is not None), None)
    return None


def _of_text(text: str, function: Any) -> Kind | None:
    for name in _names_in(text):
        found = _look_up(name, function)
        if found is not _MISSING:
            kind = _of_object(found)
        elif name in KINDS:
            kind = KINDS[name]
        elif name.startswith("np.random."):
            kind = KINDS.get(f"numpy.{name[3:]}")
        else:
            kind = KINDS.get(_UNSEEN.get(name.rpartition(".")[2], ""))
        if kind is not None:
            return kind
    return None


def _names_in(text: str) -> Iterator[str]:
    """Yield the names that an annotation is made of, each with its dots."""
    bare = "".join([c if c.isalnum() or c in "_." else " " for c in text])
    for name in bare.split():
        if all(map(str.isidentifier, name.split("."))):
            yield name


def _look_up(text: str, function: Any) -> object:
    """Return what a name, or names through modules and classes, stands for."""
    first, *rest = text.split(".")
    scopes = [getattr(function, "__globals__", {}), vars(builtins)]
    found: object = next((scope[first] for scope in scopes if first in scope), _MISSING)
    for name in rest:
        if type(found) is _MODULE or isinstance(found, type):
            found = vars(found).get(name, _MISSING)
        else:
            return _MISSING
    return found
