"""What a cell shows, as it goes by, and again.

A record is a list of what was shown, in its order:

    ("stdout" | "stderr", text)
    ("display", data, metadata, transient, update)

What was cleared is not in it. The state of a widget lives in its kernel alone, so that of a widget
only its text is kept.

Knows how IPython shows things; must not know cells or results.
"""

from __future__ import annotations

import sys
from copy import deepcopy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Self, TypeAlias

    Shown: TypeAlias = tuple[Any, ...]

__all__ = ["MARK", "Recorder", "flush_figures", "replay"]

MARK = {"dumbo": {"replayed": True}}  # in the metadata of what is shown again
_WIDGET = "application/vnd.jupyter.widget-view+json"
_INLINE = "matplotlib_inline.backend_inline"


class Recorder:
    """Records what is shown in a block, which is shown all the same.

    Attributes:
        shown: the record.
    """

    def __init__(self, shell: Any) -> None:
        self.shown: list[Shown] = []
        self._publisher = shell.display_pub
        self._streams: tuple[Any, Any] = (None, None)
        self._within = False  # of a display, which a terminal prints
        self._to_clear = False

    def __enter__(self) -> Self:
        self._streams = sys.stdout, sys.stderr
        sys.stdout = _Tee(sys.stdout, lambda text: self._write("stdout", text))
        sys.stderr = _Tee(sys.stderr, lambda text: self._write("stderr", text))
        publisher = self._publisher
        publish, clear = publisher.publish, publisher.clear_output

        def recording(data: Any, metadata: Any = None, *args: Any, **keywords: Any) -> None:
            self._display(data, metadata, keywords)
            self._pass_on(publish, data, metadata, *args, **keywords)

        def clearing(wait: bool = False) -> None:
            if wait:
                self._to_clear = True
            else:
                self.shown.clear()
            self._pass_on(clear, wait)

        publisher.publish, publisher.clear_output = recording, clearing
        return self

    def __exit__(self, *error: object) -> None:
        sys.stdout, sys.stderr = self._streams
        for name in ("publish", "clear_output"):
            self._publisher.__dict__.pop(name, None)

    def _pass_on(self, function: Callable[..., None], *args: Any, **keywords: Any) -> None:
        outer, self._within = self._within, True
        try:
            function(*args, **keywords)
        finally:
            self._within = outer

    def _write(self, stream: str, text: str) -> None:
        if self._within or not text:
            return
        self._clear_first()
        if self.shown and self.shown[-1][0] == stream:
            text = self.shown.pop()[1] + text
        # What a progress bar has written over is gone.
        start, line_break, last = text.rpartition("\n")
        back = last.rfind("\r", 0, -1)
        self.shown.append((stream, start + line_break + last[back + 1 :]))

    def _display(self, data: Any, metadata: Any, keywords: dict[str, Any]) -> None:
        self._clear_first()
        kept = {mime: value for mime, value in dict(data).items() if mime != _WIDGET}
        transient, update = keywords.get("transient"), bool(keywords.get("update"))
        event = ("display", deepcopy(kept), deepcopy(metadata), deepcopy(transient), update)
        name = (transient or {}).get("display_id")
        if update and name is not None:
            for place, other in enumerate(self.shown):
                if other[0] == "display" and (other[3] or {}).get("display_id") == name:
                    self.shown[place] = (*event[:4], other[4])
                    return
        self.shown.append(event)

    def _clear_first(self) -> None:
        if self._to_clear:
            self.shown.clear()
            self._to_clear = False


class _Tee:
    """A stream that tells what is written to it."""

    def __init__(self, stream: Any, tell: Callable[[str], None]) -> None:
        self._stream = stream
        self._tell = tell

    def write(self, text: str) -> int:
        written: int = self._stream.write(text)
        self._tell(text)
        return written

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def replay(shown: Iterable[Shown], shell: Any) -> None:
    """Show a record again, each display marked in its metadata."""
    for event in shown:
        if event[0] != "display":
            stream = sys.stdout if event[0] == "stdout" else sys.stderr
            stream.write(event[1])
            stream.flush()
            continue
        _, data, metadata, transient, update = event
        marked = {**(metadata or {}), **MARK}
        if not update:  # it is as it ended; nobody holds its handle
            transient = None
        shell.display_pub.publish(data=data, metadata=marked, transient=transient, update=update)


def flush_figures() -> None:
    """Show the figures that would be shown behind the cell, so that they are part of it."""
    backend = sys.modules.get(_INLINE)
    if backend is not None:
        backend.flush_figures()
