"""One stored result, as users see it.

Knows a store and one of its records; must not know functions or keys.
"""

from __future__ import annotations

from dumbo.explain import human_size, human_time, printable

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
    def parts(self) -> dict[Any, int]:
        """The large parts that lie by themselves, with their bytes: by key, place or field.

        Empty for a result that is stored whole. Parts that share memory or objects lie together,
        and each has the bytes of all.

        Raises:
            StorageError: if it can no longer be read.
        """
        if self._record.codec != "parts":
            return {}
        return self._store.part_sizes(self._record)

    def part(self, name: Any, /, *inner: Any) -> Any:
        """Return one child of a result that is a dict, list, tuple or dataclass.

        Of a result in parts, no other part is loaded.

        Args:
            name: the key, the place or the name of the field.
            inner: of a child of that child, and so on: ``part("model", "weights")``.

        Raises:
            KeyError: if there is none of that name.
            StorageError: if it can no longer be read.
        """
        if self._record.codec == "parts":
            return self._store.load_part(self._record, (name, *inner))
        from dumbo.persistence import assembly

        return assembly.child_of(self.load(), (name, *inner))

    @property
    def function(self) -> str:
        """The function that computed it, as ``module:qualname`` or by the name it was given."""
        return self._record.function

    @property
    def size(self) -> int:
        """How many bytes it takes in the store; parts that other results have too count fully."""
        if self._record.codec != "parts":
            return self._record.size
        from dumbo.persistence import parts

        units = parts.units_of(self._store.payload(self._record))
        return self._record.size + sum([size for _, size in units])

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

    def _repr_html_(self) -> str:
        """Return a table, for notebooks."""
        # Imported here: nobody else shows a table.
        from html import escape

        rows = {
            "function": self.function,
            "size": human_size(self.size),
            "computed in": human_time(self.compute),
            "stored": f"{self.created:%Y-%m-%d %H:%M:%S}",
            "large parts": ", ".join(f"{name}: {human_size(n)}" for name, n in self.parts.items()),
            "also ran": ", ".join(self.observed),
        }
        lines = "".join(
            f"<tr><th style='text-align:left'>{name}</th>"
            f"<td style='text-align:left'>{escape(printable(str(text)))}</td></tr>"
            for name, text in rows.items()
            if text
        )
        return f"<table><tbody>{lines}</tbody></table>"

    def __repr__(self) -> str:
        return (
            f"<Entry of {printable(self.function)}: {human_size(self.size)}, "
            f"computed in {human_time(self.compute)}, {self.created:%Y-%m-%d %H:%M:%S}>"
        )
