"""The root seed: the one number that all draws hang on.

    seeded(42)     for this context: this thread, this task and the tasks that it starts
    otherwise      what the settings say: DUMBO_SEED, [tool.dumbo] seed, else 0

Knows one number; must not know what is drawn with it.
"""

from __future__ import annotations

from _contextvars import ContextVar  # `contextvars` itself imports more

from dumbo import config
from dumbo.errors import InvalidUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import Token
    from types import TracebackType

__all__ = ["root", "seeded"]

_root: ContextVar[int | None] = ContextVar("dumbo.seed", default=None)


def root() -> int:
    """Return the root seed that holds here and now."""
    found = _root.get()
    return config.seed() if found is None else found


class seeded:  # noqa: N801 - a word that stands behind `with`
    """A context manager in which draws hang on another root seed."""

    __slots__ = ("_seed", "_tokens")

    def __init__(self, seed: int) -> None:
        if type(seed) is not int:
            raise InvalidUse(
                f"dumbo.seeded({seed!r}): that is of type {type(seed).__name__}; give a whole "
                "number, as in dumbo.seeded(42)"
            )
        self._seed = seed
        self._tokens: list[Token[int | None]] = []

    def __enter__(self) -> None:
        self._tokens.append(_root.set(self._seed))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _root.reset(self._tokens.pop())

    def __repr__(self) -> str:
        return f"dumbo.seeded({self._seed})"
