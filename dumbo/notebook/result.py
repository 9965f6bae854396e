"""The result of a cell, as it is stored: a plain dict.

    c, d, ...    the outputs that were assigned, by name
    %deleted     names that the cell deleted
    %modules     outputs that are modules: by which name to import them
    %shown       what it showed, as `capture` records it
    %value       the value of its last expression, if that can be stored
    %display     otherwise, how that value was displayed: data and metadata
    %took, %at   seconds that it took, and the unix time at which it ended

Names with a % are no names of Python, so that they hide no output; and as a dict, its large parts
are stored by themselves, and loaded by name: ``entry.part("c")``.

Knows values of the notebook and displays; must not know how cells are told apart, or run.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import FunctionType, ModuleType

from dumbo.errors import UnstorableResult
from dumbo.persistence.codecs import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from dumbo.notebook.sides import Sides

__all__ = ["Replayed", "outputs_of", "result_of", "size_of", "trouble_with", "value_of"]

# Objects of these are parts of something that lives, and bring all of it along when pickled.
_LIVE = ("matplotlib", "ipywidgets", "plotly.graph_objs._figurewidget", "bokeh", "tqdm")


class Replayed:
    """Stands for the value of a last expression of which only the display was kept."""

    def __init__(self, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        self._data = data
        self._metadata = metadata

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        return self._data, self._metadata

    def __repr__(self) -> str:
        return str(self._data.get("text/plain", "<replayed>"))


def result_of(
    sides: Sides, also: Iterable[str], names: Mapping[str, Any], value: object, shell: Any
) -> dict[str, Any]:
    """Return what is stored of a cell that has just run; *also* are outputs that nobody foresaw."""
    outputs = [name for name in (*sides.outputs, *also) if name in names]
    modules = {n: names[n].__name__ for n in outputs if _is_importable(names[n])}
    result: dict[str, Any] = {name: names[name] for name in outputs if name not in modules}
    if modules:
        result["%modules"] = modules
    gone = [name for name in sides.deleted if name not in names]
    if gone:
        result["%deleted"] = gone
    if value is None:
        return result
    if any(value is output for output in result.values()) or _is_storable(value):
        result["%value"] = value
    else:
        result["%display"] = shell.display_formatter.format(value)
    return result


def outputs_of(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the outputs by name.

    Raises:
        ImportError: if one is a module that cannot be imported any more.
    """
    outputs = {name: value for name, value in result.items() if not name.startswith("%")}
    for name, module in result.get("%modules", {}).items():
        outputs[name] = import_module(module)
    return outputs


def _is_importable(value: object) -> bool:
    return isinstance(value, ModuleType) and sys.modules.get(value.__name__) is value


def value_of(result: Mapping[str, Any]) -> Any:
    """Return what the last expression of a loaded cell gives."""
    if "%display" in result:
        return Replayed(*result["%display"])
    return result.get("%value")


def trouble_with(result: Mapping[str, Any], names: Mapping[str, Any], sides: Sides) -> str:
    """Return why a result must not be stored; empty if it may be.

    A function of the notebook, stored, would come back with globals of its own.
    """
    alive = [name for name, value in outputs_of(result).items() if _is_alive(value)]
    if alive:
        rest = ", ".join(name for name in sides.outputs if name not in alive) or "()"
        return (
            f"its output {alive[0]!r} is part of a figure, or of what else lives in this kernel, "
            f"of which only what is shown can be kept: leave it out, as in `%%dumbo -> {rest}`"
        )
    for name, value in outputs_of(result).items():
        own = type(value) is FunctionType and value.__globals__ is names
        if own or (isinstance(value, type) and value.__module__ == names.get("__name__")):
            kind = "function" if own else "class"
            return (
                f"its output {name!r} is a {kind}, which belongs to the notebook and not into a "
                "result: define it in a cell of its own"
            )
    return ""


def _is_alive(value: object) -> bool:
    members = list(value[:100]) if type(value) in (list, tuple) else []  # type: ignore[index]
    return any(type(one).__module__.startswith(_LIVE) for one in [value, *members])


def size_of(value: object) -> int | None:
    """Return how many bytes *value* would take, stored; None if it cannot be stored."""
    nowhere = _Nowhere()
    try:
        encode(value, nowhere)
    except UnstorableResult:
        return None
    except Exception:  # noqa: BLE001 - __reduce__ and the like of the value
        return None
    return nowhere.size


class _Nowhere:
    """What takes any bytes."""

    def __init__(self) -> None:
        self.size = 0
        self.error: OSError | None = None

    def write(self, data: Any, /) -> None:
        self.size += len(memoryview(data).cast("B"))

    def reset(self) -> None:
        self.size = 0


def _is_storable(value: object) -> bool:
    return not _is_alive(value) and size_of(value) is not None
