"""A directory of results as an object of the program.

Knows the decorator and its store; must not know how results are found or kept.
"""

# ruff: noqa: F811 - overloads; at run time their decorator is not that of `typing`

from __future__ import annotations

import os

from dumbo import config
from dumbo.memo import memo
from dumbo.shelf import Shelf, check_compression, check_key, check_usable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta
    from types import TracebackType
    from typing import Any, Literal, ParamSpec, Self, TypeVar, overload

    from dumbo.arguments.matchers import Matcher
    from dumbo.decision.policy import Rule
    from dumbo.decision.worth import Keep
    from dumbo.memo import Decorator, Read
    from dumbo.memoized import Memoized
    from dumbo.tracing.tracker import TrackDeps

    P = ParamSpec("P")
    R = TypeVar("R")
    T = TypeVar("T")
else:

    def overload(function):
        return function


__all__ = ["Cache", "clear", "default_cache"]


class Cache(Shelf):
    """A directory of results, with the decorator that fills it.

    Beyond *size_limit*, a number of bytes or a text such as ``"5 GB"``, what was not used for the
    longest time is removed; 0 is no limit, None what the settings say. With a *signing_key* (or
    ``DUMBO_SIGNING_KEY``, or the path of a file in ``DUMBO_SIGNING_KEY_FILE``) results are signed,
    and others are not read. With *allow_pickle* false nothing is pickled or unpickled: only plain
    builtins and plain arrays are stored and read. *durable* waits at each store until the disk has
    what was written, so that a power failure takes nothing of it. With *compress*, pickled results
    are stored compressed where that is worth it, which takes less room and more time.

    As a context manager it is closed at the end of the block; functions that it decorated
    still work after that, and open it again.

    Raises:
        UnusableDirectory: if *directory* cannot be used.
    """

    __slots__ = ()

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        size_limit: int | str | None = None,
        signing_key: str | bytes | None = None,
        allow_pickle: bool = True,
        durable: bool = False,
        compress: bool = False,
    ) -> None:
        path = config.cache_directory(directory)
        if directory is not None:
            check_usable(path)
        limit = None if size_limit is None else config.size_limit(size_limit)
        if signing_key is not None:
            check_key(signing_key)
        if compress:
            check_compression()
        super().__init__(
            path,
            size_limit=limit,
            signing_key=signing_key,
            allow_pickle=bool(allow_pickle),
            durable=bool(durable),
            compress=bool(compress),
        )

    @overload
    def memo(self, function: property, /) -> property: ...
    @overload
    def memo(  # type: ignore[overload-overlap]
        self, function: staticmethod[P, R], /
    ) -> staticmethod[P, R]: ...
    @overload
    def memo(self, function: classmethod[T, P, R], /) -> classmethod[T, P, R]: ...
    @overload
    def memo(self, function: Callable[P, R], /) -> Memoized[P, R]: ...
    @overload
    def memo(
        self,
        *,
        track_deps: TrackDeps = True,
        observe: bool | None = None,
        keep: Keep | Rule = "auto",
        ignore: list[str] | tuple[str, ...] = (),
        key: Mapping[str, Matcher | type[Matcher]] | None = None,
        reads: Iterable[Read] | Literal["observed"] | None = None,
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

    def memo(self, *functions: Any, **keywords: Any) -> Any:
        """Decorate a function, as `dumbo.memo` does, to keep its results in this cache."""
        keywords["cache"] = self
        return memo(*functions, **keywords)

    def clear(self) -> int:
        """Remove all results, of all functions; return how many there were."""
        return self.open().clear(None)

    def close(self) -> None:
        """Close files and connections; the next call opens them again."""
        self.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"dumbo.Cache({self.directory!r})"


def default_cache() -> Cache:
    """Return the cache that `memo` uses when it is given none.

    Its directory is ``DUMBO_DIR``, else `dir` in ``[tool.dumbo]`` of the project's
    pyproject.toml, else ``dumbo`` in the platform's cache directory.
    """
    return Cache()


def clear() -> int:
    """Remove all results from the default cache; return how many there were."""
    return default_cache().clear()
