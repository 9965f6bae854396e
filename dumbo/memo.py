"""The decorator: what may be decorated, how, and what is said where it may not.

Everything that is wrong with a decoration is said here, when the module with the decoration is
imported, and not when the function is called.

Knows the words of the decorator; must not know what happens to a call.
"""

# ruff: noqa: F811 - overloads; at run time their decorator is not that of `typing`

from __future__ import annotations

import os
import sys
from types import FunctionType

from dumbo import config
from dumbo.arguments.annotated import said_of
from dumbo.bound import ClassMemoized
from dumbo.decision.worth import KEEP
from dumbo.errors import InvalidUse, UnusableDirectory
from dumbo.memoized import wrap
from dumbo.options import HOW, Options
from dumbo.shelf import Shelf, check_usable
from dumbo.target import Target, is_coroutine_function, is_generator_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta
    from types import FrameType
    from typing import Any, Literal, ParamSpec, Protocol, TypeVar, overload

    from dumbo.arguments.matchers import Matcher, env
    from dumbo.decision.policy import Rule
    from dumbo.decision.worth import Keep
    from dumbo.inputs import Reads
    from dumbo.memoized import Memoized
    from dumbo.tracing.tracker import TrackDeps

    P = ParamSpec("P")
    R = TypeVar("R")
    T = TypeVar("T")
    Read = str | os.PathLike[str] | env | Callable[[], object]

    class Decorator(Protocol):
        """`memo` with keywords, before the function is given."""

        @overload
        def __call__(self, function: property, /) -> property: ...
        @overload
        def __call__(self, function: staticmethod[P, R], /) -> staticmethod[P, R]: ...  # type: ignore[overload-overlap]
        @overload
        def __call__(self, function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...
        @overload
        def __call__(self, function: Callable[P, R], /) -> Memoized[P, R]: ...

else:

    def overload(function):
        return function


__all__ = ["memo"]

_KEYWORDS = (
    "track_deps",
    "observe",
    "keep",
    "ignore",
    "key",
    "reads",
    "cache",
    "name",
    "version",
    "new_parameters",
    "across_python",
    "on_stale",
    "recompute_within",
    "expires_after",
    "keep_versions",
    "readonly",
    "lazy",
    "seed",
    "samples",
    "draw",
    "on_impure",
    "verbose",
)


@overload
def memo(function: property, /) -> property: ...
@overload
def memo(function: staticmethod[P, R], /) -> staticmethod[P, R]: ...  # type: ignore[overload-overlap]
@overload
def memo(function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...
@overload
def memo(function: Callable[P, R], /) -> Memoized[P, R]: ...
@overload
def memo(
    *,
    track_deps: TrackDeps = True,
    observe: bool | None = None,
    keep: Keep | Rule = "auto",
    ignore: Iterable[str] = (),
    key: Mapping[str, Matcher | type[Matcher]] | None = None,
    reads: Iterable[Read] | Literal["observed"] | None = None,
    cache: Shelf | str | os.PathLike[str] | None = None,
    name: str | None = None,
    version: str | None = None,
    new_parameters: Mapping[str, object] | None = None,
    across_python: bool | None = None,
    on_stale: Literal["recompute", "reuse", "ask"] | None = None,
    recompute_within: str | float | timedelta | None = None,
    expires_after: float | timedelta | None = None,
    keep_versions: int | None = None,
    readonly: bool = False,
    lazy: bool = False,
    seed: str | type | Literal[True] | None = None,
    samples: int | None = None,
    draw: Literal["next", "random", "first"] = "next",
    on_impure: Literal["refuse", "warn", "ignore"] | None = None,
    verbose: bool = False,
) -> Decorator: ...


def memo(*functions: Any, **keywords: Any) -> Any:
    """Keep a function's results on disk, until something that it depends on changes.

    Use it bare, ``@memo``, or with keywords, ``@memo(keep="always")``:

    Args:
        track_deps: follow the functions that this one calls; False: its own code, defaults and
            closure only; ``"names"``: a method that is called on something unknown may be any of
            that name in reach, which misses less and recomputes more.
        observe: whether what runs while a result is computed, and was not foreseen, counts too
            (CPython 3.12+); None: as the settings say, which say yes if nothing is set.
        keep: which results are stored without being asked: ``"auto"``, those that took longer to
            compute than to store and to load; ``"always"``; ``"never"``; or a `dumbo.Policy`.
            What is stored is served in any case; `insert` and `recompute` always store.
        ignore: names of parameters that do not count: neither their values nor their code.
        key: how parameters count that do not count by content: name to matcher, as in
            ``key={"path": by.file()}``; see `dumbo.by`. An annotation says the same,
            ``path: Annotated[Path, by.file()]``.
        reads: what the function reads besides its arguments, to count by content: paths of files,
            folders and glob patterns, ``by.env("NAME")`` for variables of the environment, and
            functions without parameters for settings; ``"observed"``: the files that it is seen
            to open for reading.
        cache: a `dumbo.Cache`, or the directory of one; otherwise the default directory.
        name: what the results are listed under; otherwise ``module:qualname``.
        version: counts like code: another one makes all results stale.
        new_parameters: parameters that the function did not have before, and for each the value
            with which it does what it did then: such calls find results from before. Holds for
            the version in which it is first met, as `dumbo accept` does, and if nothing else that
            the function uses has changed.
        across_python: whether results are served that another minor version of Python stored, if
            the code is the same by its syntax; None: as the settings say, which say no if nothing
            is set.
        on_stale: what is done about a stored result of older code: ``"recompute"``; ``"reuse"``,
            hand it out with a warning, and store nothing that is made of it; ``"ask"``, on a
            terminal.
        recompute_within: a length of time, such as ``"10 min"``: only stale results that took
            longer to compute are reused.
        expires_after: seconds, or a timedelta, after which a result is computed again.
        keep_versions: of how many versions of the function, the latest ones, results are kept;
            otherwise only the size limit decides.
        readonly: hand out arrays that cannot be written to. Their content is known then: passed to
            the next memoized function, they are not hashed again.
        lazy: calls return proxies that load the result when they are first touched (`f.lazy`).
        seed: the parameter, by its name, its type or True (the one whose annotation tells), that a
            call may leave out: it gets a generator, or a number, whose seed hangs on the function's
            name, the other arguments, the sample and the root seed, and on nothing else.
        samples: calls with the same arguments draw one of so many results, each of which is
            computed once and kept (`f.samples`).
        draw: which: ``"next"``, one after the other and round again; ``"random"``; ``"first"``.
        on_impure: what to do where the function reaches random numbers, the clock, the environment,
            the network, or a stream that others have opened: ``"refuse"`` to store results,
            ``"warn"`` once and store them, ``"ignore"`` it; None: as the settings say, which warn
            if nothing is set.
        verbose: write a line to standard error for each computation, with its reason.

    Raises:
        InvalidUse: for what cannot be meant, here and now and not at a call.
    """
    if len(functions) > 1:
        raise InvalidUse(
            f"memo() takes one function, and was given {len(functions)} things: "
            "give settings by keyword, as in @memo(keep='always')"
        )
    if not functions:
        plan = _Plan(**_known(keywords))
        return plan.decorate
    if keywords:
        # memo(f, keep="always"): what the decorator with keywords would do to f.
        return _Plan(**_known(keywords)).decorate(functions[0])
    return _Plan().decorate(functions[0])


class _Plan:
    """The keywords of one decorator, checked as far as that goes without a function."""

    __slots__ = ("_matchers", "_options", "_seed", "_shelf")

    def __init__(
        self,
        track_deps: object = True,
        observe: object = None,
        keep: object = "auto",
        ignore: object = (),
        key: object = None,
        reads: object = None,
        cache: object = None,
        name: object = None,
        version: object = None,
        new_parameters: object = None,
        across_python: object = None,
        on_stale: object = None,
        recompute_within: object = None,
        expires_after: object = None,
        keep_versions: object = None,
        readonly: object = False,
        lazy: object = False,
        seed: object = None,
        samples: object = None,
        draw: object = "next",
        on_impure: object = None,
        verbose: object = False,
    ) -> None:
        rule = callable(getattr(keep, "stores", None)) and not isinstance(keep, type)
        if not rule and keep not in KEEP:
            close = _closest(keep, KEEP)
            raise InvalidUse(
                f"memo(keep={keep!r}) at {_caller()}: there is no such rule{close}; "
                "use 'auto', 'always', 'never', or a dumbo.Policy"
            )
        if track_deps != "names":
            _check_type("track_deps", track_deps, bool, "True, False or 'names'")
        if observe is not None:
            _check_type("observe", observe, bool, "True or False")
        if across_python is not None:
            _check_type("across_python", across_python, bool, "True or False")
        if on_impure not in (None, *config.ON_IMPURE):
            raise InvalidUse(
                f"memo(on_impure={on_impure!r}) at {_caller()}: there is no such rule"
                f"{_closest(on_impure, config.ON_IMPURE)}; use 'refuse', 'warn' or 'ignore'"
            )
        _check_type("lazy", lazy, bool, "True or False")
        _check_type("verbose", verbose, bool, "True or False")
        _check_type("readonly", readonly, bool, "True or False")
        if name is not None:
            _check_type("name", name, str, "a string")
            if not name:
                raise InvalidUse(f"memo(name='') at {_caller()}: give a name, or leave it out")
        if version is not None:
            _check_type("version", version, str, "a string, such as version='2'")
        self._options = Options(
            track_deps=track_deps,  # type: ignore[arg-type]
            observe=observe,  # type: ignore[arg-type]
            keep=keep,  # type: ignore[arg-type]
            ignore=_names(ignore),
            name=name,  # type: ignore[arg-type]
            version=version or "",  # type: ignore[arg-type]
            verbose=verbose,  # type: ignore[arg-type]
            expires_after=_seconds(expires_after),
            keep_versions=_versions(keep_versions),
            lazy=lazy,  # type: ignore[arg-type]
            reads=_reads(reads),
            readonly=readonly,  # type: ignore[arg-type]
            new_parameters=_new_parameters(new_parameters),
            across_python=across_python,  # type: ignore[arg-type]
            on_stale=_on_stale(on_stale, recompute_within),
            recompute_within=_within(recompute_within),
            samples=_samples(samples, draw, lazy),
            draw=draw,  # type: ignore[arg-type]
            on_impure=on_impure,
        )
        self._seed = _seed(seed)
        self._matchers = _matchers(key)
        self._shelf = _shelf(cache)

    def decorate(self, function: Any) -> Any:
        """Return *function* memoized."""
        if isinstance(function, staticmethod):
            return type(function)(self.decorate(function.__func__))
        if isinstance(function, classmethod):
            return ClassMemoized(self.decorate(function.__func__))
        if isinstance(function, property):
            return self._property(function)
        _check_function(function)
        if self._options.lazy and (
            is_coroutine_function(function) or is_generator_function(function)
        ):
            raise InvalidUse(
                f"memo(lazy=True) at {_caller()}: what coroutines and generators give is not "
                "there at once, so it cannot be lazy"
            )
        if self._options.ignore:
            self._check_ignored(function)
        if self._options.new_parameters:
            self._check_new(function)
        return wrap(function, self._shelf, self._with_rules(function))

    def _with_rules(self, function: Any) -> Options:
        """Return the options for *function*, whose signature may say more than the decorator."""
        target = Target(function).function
        try:
            seed = self._parameter(target)
            said = said_of(target, (_frame().f_locals,))
            if not said and not self._matchers:
                if seed is None:
                    return self._options
                return Options(**{**self._options.as_dict(), "seed": seed})
            # Imported here: `import dumbo` must not pay for reading signatures.
            from dumbo.arguments.matchers import combine
            from dumbo.arguments.signature import parameters_of

            parameters = parameters_of(target)
            rules = combine(parameters, self._options.ignore, said, self._matchers)
            if is_generator_function(target):
                rules.check_recorded()
        except InvalidUse as error:
            raise InvalidUse(f"memo at {_caller()}: {error}") from error.__cause__
        options = {**self._options.as_dict(), "ignore": rules.ignored, "key": rules.matchers}
        if seed is not None and (seed in rules.ignored or seed in rules.matchers):
            raise InvalidUse(
                f"memo at {_caller()}: seed={seed!r} is a parameter of which another rule says how "
                "it counts; where it is given it counts by its content, so remove that rule"
            )
        return Options(**{**options, "seed": seed})

    def _parameter(self, target: Any) -> str | None:
        """Return the parameter that is filled in with a generator."""
        if self._seed is None:
            return None
        from dumbo.randomness.generators import parameter_of  # only for functions that draw

        seed = parameter_of(target, self._seed)
        if seed in self._options.ignore:
            raise InvalidUse(
                f"ignore names {seed!r}, which seed= fills in: where it is given it counts, so "
                "remove it from ignore"
            )
        return seed

    def _property(self, whole: property) -> property:
        if whole.fget is None:
            raise InvalidUse(f"memo at {_caller()}: a property without a getter computes nothing")
        # getter() keeps the setter, the deleter and a subclass of property.
        return whole.getter(self.decorate(whole.fget))

    def _check_ignored(self, function: Any) -> None:
        # Imported here: `import dumbo` must not pay for reading signatures.
        from dumbo.arguments.signature import check_ignored

        try:
            check_ignored(Target(function).function, self._options.ignore)
        except InvalidUse as error:
            raise InvalidUse(f"memo at {_caller()}: {error}") from None

    def _check_new(self, function: Any) -> None:
        # Imported here: `import dumbo` must not pay for reading signatures.
        from dumbo.arguments.signature import parameters_of

        names = parameters_of(Target(function).function).names()
        for name in self._options.new_parameters:
            if name not in names or name in self._options.ignore:
                what = "is ignored" if name in names else f"is no parameter of {_brief(function)}"
                raise InvalidUse(
                    f"memo at {_caller()}: new_parameters names {name!r}, which {what}"
                )


def _known(keywords: dict[str, Any]) -> dict[str, Any]:
    for name in keywords:
        if name not in _KEYWORDS:
            raise InvalidUse(
                f"memo({name}=...) at {_caller()}: there is no such keyword"
                f"{_closest(name, _KEYWORDS)}; use {', '.join(_KEYWORDS)}"
            )
    return keywords


def _check_type(keyword: str, value: object, kind: type, wanted: str) -> None:
    if not isinstance(value, kind):
        raise InvalidUse(
            f"memo({keyword}={value!r}) at {_caller()}: that is of type "
            f"{type(value).__name__}; give {wanted}"
        )


def _seconds(age: object) -> float | None:
    if age is None:
        return None
    total = getattr(age, "total_seconds", None)  # a timedelta, without importing datetime
    seconds: Any = total() if total is not None else age
    if type(seconds) not in (int, float) or not seconds > 0:
        raise InvalidUse(
            f"memo(expires_after={age!r}) at {_caller()}: give a number of seconds above zero, "
            "or a timedelta"
        )
    return float(seconds)


def _new_parameters(given: object) -> dict[str, object]:
    if given is None:
        return {}
    items: Any = getattr(given, "items", None)
    if items is None or not all(type(name) is str for name in given):  # type: ignore[attr-defined]
        raise InvalidUse(
            f"memo(new_parameters={given!r}) at {_caller()}: give a dict of parameters and the "
            "values with which they change nothing, as in new_parameters={'alpha': 0.5}"
        )
    return dict(items())


def _on_stale(rule: object, within: object) -> str:
    if rule is None:
        return "" if within is None else "reuse"
    if rule == "recompute" and within is not None:
        raise InvalidUse(
            f"memo(on_stale='recompute', recompute_within={within!r}) at {_caller()}: then all of "
            "them are computed again; leave one of the two out"
        )
    return config.stale_rule(rule, f"memo(on_stale={rule!r}) at {_caller()}")


def _within(given: object) -> float | None:
    if given is None:
        return None
    return config.duration(given, f"memo(recompute_within={given!r}) at {_caller()}")


def _versions(count: object) -> int | None:
    if count is not None and (type(count) is not int or count < 1):
        raise InvalidUse(
            f"memo(keep_versions={count!r}) at {_caller()}: give a number from 1 on, or leave it "
            "out"
        )
    return count


def _seed(given: object) -> object:
    if given is None or given is True or isinstance(given, type) or (type(given) is str and given):
        return given
    raise InvalidUse(
        f"memo(seed={given!r}) at {_caller()}: give the name of a parameter, as in seed='rng', or "
        "True; the root seed is set by DUMBO_SEED, [tool.dumbo] seed or dumbo.seeded(42)"
    )


def _most() -> int:
    from dumbo.randomness.sampling import MOST  # only for functions that draw

    return MOST


def _samples(count: object, draw: object, lazy: object) -> int | None:
    if count is not None and (type(count) is not int or not 1 <= count <= _most()):
        raise InvalidUse(
            f"memo(samples={count!r}) at {_caller()}: give a number from 1 on, or leave it out"
        )
    if draw not in HOW:
        raise InvalidUse(
            f"memo(draw={draw!r}) at {_caller()}: there is no such way{_closest(draw, HOW)}; "
            "use 'next', 'random' or 'first'"
        )
    if count is None and draw != "next":
        raise InvalidUse(
            f"memo(draw={draw!r}) at {_caller()}: that says which of several samples a call draws; "
            "say how many there are, as in samples=5"
        )
    if count is not None and lazy:
        raise InvalidUse(
            f"memo(samples={count}, lazy=True) at {_caller()}: which sample a call draws is known "
            "when it is made, not when its result is touched; choose one of the two"
        )
    return count


def _names(ignore: object) -> tuple[str, ...]:
    names: tuple[object, ...]
    if isinstance(ignore, str):
        raise InvalidUse(
            f"memo(ignore={ignore!r}) at {_caller()}: a string is a sequence of letters; "
            f"give a list, ignore=[{ignore!r}]"
        )
    try:
        names = tuple(ignore)  # type: ignore[arg-type]
    except TypeError:
        names = (None,)
    if not all(isinstance(name, str) for name in names):
        raise InvalidUse(
            f"memo(ignore={ignore!r}) at {_caller()}: give a list of names of parameters"
        )
    return names  # type: ignore[return-value]


def _matchers(key: object) -> dict[str, Matcher]:
    if key is None:
        return {}
    items: Any = getattr(key, "items", None)
    if items is None or not all(type(name) is str for name in key):  # type: ignore[attr-defined]
        raise InvalidUse(
            f"memo(key={key!r}) at {_caller()}: give a dict of names of parameters and matchers, "
            "as in key={'path': by.file()}"
        )
    from dumbo.arguments.matchers import as_matcher

    try:
        return {name: as_matcher(given, f"key={{{name!r}: ...}}") for name, given in items()}
    except InvalidUse as error:
        raise InvalidUse(f"memo at {_caller()}: {error}") from None


def _reads(given: object) -> Reads | None:
    if given is None:
        return None
    from dumbo.inputs import Reads  # only for functions that say what they read

    try:
        return Reads(given)
    except InvalidUse as error:
        raise InvalidUse(f"memo at {_caller()}: {error}") from None


def _shelf(cache: object) -> Shelf:
    if cache is None:
        # As text, now: whoever sets DUMBO_DIR before a decoration means that decoration.
        return Shelf(config.cache_directory())
    if isinstance(cache, Shelf):
        return cache
    if not isinstance(cache, (str, os.PathLike)):
        raise InvalidUse(
            f"memo(cache={cache!r}) at {_caller()}: that is of type {type(cache).__name__}; "
            "give a dumbo.Cache, or a directory"
        )
    directory = config.cache_directory(cache)
    try:
        check_usable(directory)
    except UnusableDirectory as error:
        raise UnusableDirectory(
            f"memo(cache={os.fspath(cache)!r}) at {_caller()}: {error}"
        ) from None
    return Shelf(directory)


def _check_function(function: Any) -> None:
    if not callable(function):
        raise InvalidUse(
            f"memo at {_caller()} was given {_brief(function)}, which cannot be called: "
            f"decorate a function{_hint(function)}"
        )
    if isinstance(function, type):
        raise InvalidUse(
            f"memo at {_caller()} was given the class {function.__qualname__}: decorate its "
            "methods, or a function that makes its instances"
        )


def _hint(thing: object) -> str:
    if isinstance(thing, str):
        return "; settings go by keyword, as in @memo(name=...)"
    if isinstance(getattr(thing, "func", None), FunctionType):  # cached_property and the like
        return "; put @memo below the other decorator"
    return ""


def _brief(thing: object) -> str:
    try:
        text = repr(thing)
    except Exception:  # noqa: BLE001 - __repr__ of the user's
        text = "something"
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"{text} of type {type(thing).__name__}"


def _closest(given: object, known: tuple[str, ...]) -> str:
    # Imported here: difflib is needed to fail politely, and takes as long as the rest.
    from difflib import get_close_matches

    close = get_close_matches(given, known, 1) if isinstance(given, str) else []
    return f" (did you mean {close[0]!r}?)" if close else ""


def _caller() -> str:
    """Return file and line of the decoration: the nearest frame that is not of this package."""
    frame = _frame()
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _frame() -> FrameType:
    frame = sys._getframe(1)
    here = os.path.dirname(__file__) + os.sep
    while frame.f_back is not None and frame.f_code.co_filename.startswith(here):
        frame = frame.f_back
    return frame
