"""One stored result, as users see it.

Knows a store and one of its records; must not know functions or keys.
"""

from __future__ import annotations

from dumbo.explain import human_size, human_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any

    from dumbo.persistence.store import Record, Store

__all__ = ["Entry"]


class Entry:
    """A stored result: what it cost, what it takes, and, by `load`, its value."""

    __slots__ = ("_record", "_store")

    def __init__(self, store: Store, record: Record) -> None:
        self._store = store
        self._record = record

    def load(self) -> Any:
        """Return the value, a new object at each call.

        Raises:
            StorageError: if it can no longer be read.
        """
        return self._store.load(self._record)

    @property
    def function(self) -> str:
        """The function that computed it, as ``module:qualname`` or by the name it was given."""
        return self._record.function

    @property
    def size(self) -> int:
        """How many bytes it takes in the store."""
        return self._record.size

    @property
    def compute(self) -> float:
        """How many seconds computing it took."""
        return self._record.compute

    @property
    def observed(self) -> tuple[str, ...]:
        """The functions that were seen to run, were not foreseen, and count for this result too.

        As ``module:qualname``. What they call counts as well, and is not listed again.
        """
        # Imported here: few results have any.
        from dumbo.tracing.observed import UNOBSERVED, read

        extras = self._record.extras
        if not extras or extras == UNOBSERVED:
            return ()
        return tuple([extra.name for extra in read(extras, self._store) or ()])

    @property
    def created(self) -> datetime:
        """When it was stored, in local time."""
        # Imported here: a hit shows no dates.
        from datetime import UTC, datetime

        return datetime.fromtimestamp(self._record.created, UTC).astimezone()

    def __repr__(self) -> str:
        return (
            f"<Entry of {self.function}: {human_size(self.size)}, "
            f"computed in {human_time(self.compute)}, {self.created:%Y-%m-%d %H:%M:%S}>"
        )
