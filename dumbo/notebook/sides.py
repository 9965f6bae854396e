"""What goes into a cell and what comes out of it: as declared, or as its code says.

    inputs     data of the notebook that the code reads before it stores it
    outputs    what it stores
    scratch    what it stores or deletes, and does not give out: the notebook keeps what it had
    deleted    what it may delete
    unsure     what may be left unassigned, or be read before, and what the notebook has already

Functions, classes and modules that a cell reads are no inputs: they count as code. A name with an
underscore in front is not found as an output.

Knows the flow of names, and the types of the notebook's values; must not know how a cell runs.
"""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

from dumbo.notebook.errors import CellError
from dumbo.notebook.flow import names_within
from dumbo.notebook.inlined import PREFIX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from dumbo.notebook.line import Wanted
    from dumbo.notebook.source import Source

__all__ = ["Sides", "is_data", "settle"]

_CODE = (FunctionType, BuiltinFunctionType, ModuleType, type)


class Sides:
    """See the module's docstring.

    Attributes:
        found: whether the outputs were not declared; then what functions set counts, too.
        hidden: inputs that nobody reads, but that stay as they are where an output is not assigned.
        drawn: the name of the generator that is made for the cell, if there is one.
    """

    __slots__ = ("deleted", "drawn", "found", "hidden", "inputs", "outputs", "scratch", "unsure")

    def __init__(self) -> None:
        self.inputs: tuple[str, ...] = ()
        self.outputs: tuple[str, ...] = ()
        self.scratch: tuple[str, ...] = ()
        self.unsure: tuple[str, ...] = ()
        self.hidden: tuple[str, ...] = ()
        self.deleted: tuple[str, ...] = ()
        self.drawn: tuple[str, ...] = ()
        self.found = False

    @property
    def parameters(self) -> tuple[str, ...]:
        return self.inputs + self.hidden

    def __str__(self) -> str:
        outputs = ", ".join(self.outputs) or "()"
        return f"({', '.join(self.inputs)}) -> {outputs}"


def is_data(value: object) -> bool:
    """Whether *value* is an input, where a cell reads it; other things are code."""
    kind = type(value)
    if isinstance(value, _CODE) or hasattr(kind, "__dumbo_memo__"):
        return False
    if kind is MethodType:
        return is_data(value.__self__)  # type: ignore[attr-defined]
    # functools.lru_cache, numpy's ufuncs and the like: callables that lead to a function.
    return not (callable(value) and (hasattr(value, "__wrapped__") or kind.__name__ == "ufunc"))


def settle(source: Source, wanted: Wanted, names: Mapping[str, Any], hidden: Any) -> Sides:
    """Return the sides of a cell in a notebook with these *names*.

    Parameters:
        hidden: names that IPython put there.

    Raises:
        CellError: if what is declared contradicts the code, with the line.
    """
    found = _inputs(source, names, hidden)
    sides = Sides()
    if wanted.seed is not None:
        _check_seed(source, wanted)
        found.pop(wanted.seed, None)
        sides.drawn = (wanted.seed,)
    if wanted.inputs is None:
        sides.inputs = tuple(found)
    else:
        _check_inputs(source, wanted, found, names)
        sides.inputs = wanted.inputs
    if wanted.outputs is None:
        sides.outputs = tuple(_outputs(source))
        sides.found = True
    else:
        _check_outputs(source, wanted.outputs, sides.inputs)
        sides.outputs = wanted.outputs
    stored = [n for n in source.flow.stored if n not in source.defined and not _ours(n)]
    sides.scratch = tuple([name for name in stored if name not in sides.outputs])
    deleted = [name for name in source.flow.deleted if name not in source.defined]
    if wanted.outputs is None:
        sides.deleted = tuple(deleted)
    else:
        sides.deleted = tuple([name for name in deleted if name in sides.outputs])
        others = [name for name in deleted if name not in (*sides.outputs, *sides.scratch)]
        sides.scratch += tuple(others)
    sides.scratch += tuple([name for name in sides.drawn if name not in sides.scratch])
    maybe = {name for name in stored if name in source.flow.maybe}
    unassigned = {name for name in sides.outputs if name not in source.flow.certain}
    unsure = [n for n in stored if n in maybe | unassigned and n in names and n not in sides.inputs]
    # A function that looks at the old value must find it: then the value goes in as well.
    sides.hidden = tuple(
        [n for n in unsure if n in source.flow.later or _is_read_by_functions(n, names)]
    )
    sides.unsure = tuple([name for name in unsure if name not in sides.hidden])
    return sides


def _ours(name: str) -> bool:
    return name.startswith((PREFIX, "__"))


def _inputs(source: Source, names: Mapping[str, Any], hidden: Any) -> dict[str, int]:
    """Return the data that the code reads, with the lines where it does so first."""
    flow = source.flow
    # What only a function of the cell reads, and the cell stores too, is read when it is called.
    later = {name: line for name, line in flow.later.items() if name not in flow.stored}
    lines = {**later, **flow.read}
    return {
        name: lines[name]
        for name in sorted(lines, key=lambda name: (lines[name], name))
        if name in names
        and not _ours(name)
        and name not in source.defined
        and is_data(names[name])
        and not (name in hidden and hidden[name] is names[name])
    }


def _outputs(source: Source) -> list[str]:
    stored = source.flow.stored
    return [
        name
        for name in sorted(stored, key=lambda name: (stored[name], name))
        if name not in source.defined and not name.startswith("_")
    ]


def _check_inputs(
    source: Source, wanted: Wanted, found: dict[str, int], names: Mapping[str, Any]
) -> None:
    declared = wanted.inputs or ()
    flow = source.flow
    for name in declared:
        through = name in (wanted.outputs or ()) and name not in flow.stored
        if through or name in {**flow.read, **flow.maybe, **flow.later}:
            if name not in names:
                raise CellError(
                    f"%%dumbo: the input {name!r} is not there: nothing has made it yet"
                )
        elif name in flow.stored and name in flow.certain:
            line = source.line(flow.stored[name])
            raise CellError(f"{line}\n{name!r} is declared as an input, and is only assigned here")
        elif name not in flow.stored:
            raise CellError(
                f"{source.line(1)}\n{name!r} is declared as an input, and the cell never reads it"
            )
    for name, number in found.items():
        if name not in declared:
            raise CellError(
                f"{source.line(number)}\nthis reads {name!r}, which is not among the inputs "
                f"({', '.join(declared)}): add it"
            )


def _check_outputs(source: Source, declared: tuple[str, ...], inputs: tuple[str, ...]) -> None:
    for name in declared:
        if name in source.defined:
            raise CellError(
                f"{source.line(1)}\n{name!r} is declared as an output, and is an import or a "
                "definition: these are made each time, leave it out"
            )
        if name not in source.flow.stored and name not in inputs:
            raise CellError(
                f"{source.line(1)}\n{name!r} is declared as an output, and the cell never "
                "assigns it"
            )


def _check_seed(source: Source, wanted: Wanted) -> None:
    name = wanted.seed or ""
    if name not in {**source.flow.read, **source.flow.maybe, **source.flow.later}:
        raise CellError(
            f"{source.line(1)}\n--seed {name}: the cell never reads {name!r}, for which a "
            "generator would be made"
        )
    if name in (*(wanted.inputs or ()), *(wanted.outputs or ())) or name in source.flow.stored:
        raise CellError(
            f"{source.line(1)}\n--seed {name}: a generator is made under that name, so that it is "
            "neither an input nor an output, and is not assigned"
        )


def _is_read_by_functions(name: str, names: Mapping[str, Any]) -> bool:
    """Whether a function of the notebook, or a method of its classes, speaks of *name*."""
    for value in list(names.values()):
        if hasattr(type(value), "__dumbo_memo__"):
            value = value.__wrapped__
        if isinstance(value, type) and value.__module__ == names.get("__name__"):
            members = list(vars(value).values())
        else:
            members = [value]
        for member in members:
            code = getattr(getattr(member, "__func__", member), "__code__", None)
            if type(member) is not ModuleType and code is not None:
                if member.__globals__ is names and name in names_within(code):
                    return True
    return False
