"""What the steps that read and write names do to a frame: locals, cells, globals, imports.

A global is looked up in the live namespace, and that it was found there, or was
not, is recorded. Where the code itself has written it on every way here, its
value from before the call cannot matter, and is not looked at.

Knows namespaces; must not know calls or operators.
"""

from __future__ import annotations

import sys
from typing import Any

from dumbo.tracing import memo_tables, sure
from dumbo.tracing.attributes import attribute
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.calls import result
from dumbo.tracing.frame import Frame
from dumbo.tracing.lookup import globals_of, is_class, is_module, module_namespace, mro
from dumbo.tracing.sources import is_nowhere
from dumbo.tracing.steps import Step
from dumbo.tracing.storing import store_attribute
from dumbo.tracing.values import (
    NULL,
    UNKNOWN,
    Cell,
    Const,
    Instance,
    Known,
    LocalClass,
    Super,
    Value,
    each,
)

_READ_LOCALS = frozenset({"locals", "vars", "eval", "exec", "dir"})


def load_const(frame: Frame, step: Step) -> None:
    frame.push(frame.pool.const(step.arg))


def load_common_constant(frame: Frame, step: Step) -> None:
    if isinstance(step.arg, str):
        frame.push(read_global(frame, step.arg))
    else:
        frame.push(frame.pool.const(step.arg))


def push_null(frame: Frame, step: Step) -> None:
    frame.push(NULL)


def load_fast(frame: Frame, step: Step) -> None:
    if frame.namespace is not None and step.arg not in frame.locals:
        frame.push(UNKNOWN)
        return
    frame.push(frame.locals.get(step.arg, UNKNOWN))


def load_fast_and_clear(frame: Frame, step: Step) -> None:
    frame.push(frame.locals.get(step.arg, UNKNOWN))


def store_fast(frame: Frame, step: Step) -> None:
    frame.store(step.arg, frame.pop())


def delete_fast(frame: Frame, step: Step) -> None:
    frame.locals = {name: value for name, value in frame.locals.items() if name != step.arg}


def load_closure(frame: Frame, step: Step) -> None:
    frame.push(frame.cell(step.arg))


def load_deref(frame: Frame, step: Step) -> None:
    result(frame, read_cell(frame, frame.cell(step.arg)))


def read_cell(frame: Frame, cell: Value) -> Value | None:
    """What a shared variable holds: live, or what has been stored into it."""
    assert isinstance(cell, Cell)
    analysis = frame.analysis
    stored = analysis.read(cell.site, "value", frame, frame.index)
    if isinstance(cell.site, tuple) and cell.site[0] == "live":
        _, ref, index = cell.site
        if cell.site in frame.written and stored is not None:
            return stored
        found = analysis.get("cell", ref, index)
        if found is None:
            frame.depend(analysis.absent(), f"cell {index}")
        return frame.pool.join(frame.touch(found, f"cell {index}"), stored) or UNKNOWN
    if stored is None:
        return frame.await_or(lambda: frame.unknown_value("a variable that nobody sets"))
    return sure.value_of(frame, cell.site, "value") or stored


def store_deref(frame: Frame, step: Step) -> None:
    cell = frame.cell(step.arg)
    assert isinstance(cell, Cell)
    value = frame.pop()
    frame.write(cell.site, "value", value)
    sure.assign(frame, cell.site, "value", value)
    if isinstance(cell.site, tuple) and cell.site[0] == "live":
        frame.written = frame.written | {cell.site}


def load_global(frame: Frame, step: Step) -> None:
    if _counts(frame, frame.at):
        # `N += 1`: what was in it before goes nowhere but into it.
        kind = frame.analysis.get("kind", frame.home.ref, step.arg)
        frame.touch(kind, "type of a counter")
        frame.push(frame.unknown_value("a counter"))
        return
    table = memo_tables.marker(frame, step.arg)
    result(frame, read_global(frame, step.arg) if table is None else table)


def _counts(frame: Frame, index: int) -> bool:
    """Whether step *index* begins a `N += 1` on a number that was there before the call."""
    if not memo_tables.counts(frame, index):
        return False
    name = frame.plan.steps[index].arg
    names = globals_of(frame.home.obj)
    return (id(names), name) not in frame.written and type(names.get(name)) in (int, float)


def read_global(frame: Frame, name: str) -> Value | None:
    analysis = frame.analysis
    place = (id(globals_of(frame.home.obj)), name)
    stored = analysis.read(("global", place[0]), name, frame, frame.index)
    anything = analysis.read(("global", place[0]), None, frame, frame.index)
    stored = analysis.pool.join(stored, anything)
    if place in frame.written:
        return sure.value_of(frame, ("global", place[0]), name) or stored
    found = analysis.get("global", frame.home.ref, name)
    if found is None:
        frame.depend(analysis.absent(), f"global {name}")
        if stored is None:
            return frame.unresolved(f"global {name} is not defined")
    else:
        frame.resolved(found)
    if name in _READ_LOCALS:
        frame.node.reads_locals = True
    return frame.pool.join(frame.touch(found, f"global {name}"), stored)


def store_global(frame: Frame, step: Step) -> None:
    place = id(globals_of(frame.home.obj))
    value = frame.pop()
    frame.write(("global", place), step.arg, value)
    sure.assign(frame, ("global", place), step.arg, value)
    if not (frame.at >= 3 and _counts(frame, frame.at - 3)):
        frame.write_global((place, step.arg))


def load_name(frame: Frame, step: Step) -> None:
    held = None
    if frame.namespace is not None:
        held = frame.analysis.read(frame.namespace, step.arg, frame, frame.index)
        if step.arg in frame.locals:
            frame.push(frame.locals[step.arg])
            return
    result(frame, held or read_global(frame, step.arg))


def store_name(frame: Frame, step: Step) -> None:
    if frame.namespace is None:  # the body of a module, whose names are its globals
        store_global(frame, step)
        return
    value = frame.pop()
    frame.analysis.write(frame.namespace, step.arg, value)
    frame.store(step.arg, value)


def load_from_dict_or_deref(frame: Frame, step: Step) -> None:
    frame.pop()
    result(frame, read_cell(frame, frame.cell(step.arg)))


def load_from_dict_or_globals(frame: Frame, step: Step) -> None:
    frame.pop()
    load_name(frame, step)


def load_locals(frame: Frame, step: Step) -> None:
    frame.push(frame.unknown_value("locals()"))


def nothing(frame: Frame, step: Step) -> None:
    """Making a cell, say: no value comes or goes."""


def delete_global(frame: Frame, step: Step) -> None:
    if frame.namespace is None or step.name == "DELETE_GLOBAL":
        sure.deleted(frame, ("global", id(globals_of(frame.home.obj))), step.arg)


def delete_deref(frame: Frame, step: Step) -> None:
    cell = frame.cell(step.arg)
    assert isinstance(cell, Cell)
    sure.deleted(frame, cell.site, "value")


def load_attr(frame: Frame, step: Step) -> None:
    result(frame, attribute(frame, frame.pop(), step.arg))


def load_super_attr(frame: Frame, step: Step) -> None:
    _, cls, receiver = frame.take(3)
    made = make_super(frame, cls, receiver)
    result(frame, attribute(frame, made, step.arg.name) if made is not None else None)


def make_super(frame: Frame, cls: Value, receiver: Value) -> Value | None:
    """``super(cls, receiver)``: for each class of receiver, where its MRO goes on."""
    found: Value | None = None
    for owner in each(cls):
        for member in each(receiver):
            found = frame.pool.join(found, _super_of(frame, owner, member))
    return found


def _super_of(frame: Frame, owner: Value, receiver: Value) -> Value:
    kind: Value | None = None
    if isinstance(receiver, Instance | LocalClass):
        kind = receiver.cls if isinstance(receiver, Instance) else receiver
    elif isinstance(receiver, Known) and is_class(receiver.obj):
        kind = receiver
    elif isinstance(receiver, Known):
        kind = frame.analysis.get("type", receiver.ref, None)
    if isinstance(owner, Known) and isinstance(kind, Known) and owner.obj in mro(kind.obj):
        made: Value = frame.pool.make(Super, kind, mro(kind.obj).index(owner.obj), receiver)
        return made
    if isinstance(owner, LocalClass):
        made = frame.pool.make(Super, owner, 0, receiver)
        return made
    if isinstance(owner, Known) and is_class(owner.obj):
        made = frame.pool.make(Super, owner, 0, receiver)
        return made
    return frame.unresolved("super() of an unknown class")


def store_attr(frame: Frame, step: Step) -> None:
    value, target = frame.take(2)
    store_attribute(frame, target, step.arg, value)


def pop_top(frame: Frame, step: Step) -> None:
    frame.pop()


def copy(frame: Frame, step: Step) -> None:
    frame.push(frame.stack[-step.arg])


def swap(frame: Frame, step: Step) -> None:
    stack = frame.stack
    stack[-1], stack[-step.arg] = stack[-step.arg], stack[-1]


# --- imports -----------------------------------------------------------------------------


def import_name(frame: Frame, step: Step) -> None:
    level, names = frame.take(2)
    depth = level.obj if isinstance(level, Const) else 0
    wanted = names.obj if isinstance(names, Const) else ()
    result(frame, import_named(frame, step.arg, depth, wanted))


def import_named(frame: Frame, name: str, level: Any, wanted: Any) -> Value | None:
    """``import name``, or with *wanted* the module of ``from name import wanted``."""
    depth = level if isinstance(level, int) else 0
    found = import_module(frame, _absolute(frame, name, depth), whole=bool(wanted))
    if wanted:
        _ask_module(frame, found, wanted)
        _import_submodules(frame, name, depth, wanted)
    return found


def _ask_module(frame: Frame, module: Value | None, wanted: Any) -> None:
    """``from module import name``: whether it is a package, and has that name, its hook may say."""
    if not isinstance(module, Known) or not is_module(module.obj):
        return
    if owner_of(module.obj) is None and frame.analysis.get("attr", module.ref, "__getattr__"):
        names = module_namespace(module.obj)
        for name in wanted if "__path__" in names else ("__path__",):
            if isinstance(name, str) and name != "*" and name not in names:
                attribute(frame, module, name)


def _absolute(frame: Frame, name: str, level: int) -> str:
    if not level:
        return name
    names = globals_of(frame.home.obj)
    package = names.get("__package__")
    if package is None:
        package = str(names.get("__name__", ""))
        if "__path__" not in names:
            package = package.rpartition(".")[0]
    for _ in range(level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{name}" if name else str(package)


def import_module(frame: Frame, name: str, *, whole: bool) -> Value | None:
    """The module *name*, or with `whole` false the first package of its path.

    None where there is no such module, so that importing it raises. Where nobody observes what
    a run makes of it (it may write the module first), that is never said.
    """
    analysis = frame.analysis
    found = analysis.get("module", -1, name)
    if found is None:
        parts = name.split(".")
        for count in range(1, len(parts) + 1):
            part = ".".join(parts[:count])
            if part not in sys.modules:
                analysis.unloaded[part] = None
        frame.depend(analysis.unloaded_module(name), f"import {name}")
        if analysis.watched and is_nowhere(name):
            return None
        return frame.unknown_value(f"module {name}, which is not loaded yet")
    if not whole and "." in name:
        found = analysis.get("module", -1, name.partition(".")[0])
    return frame.touch(found, f"import {name}") or UNKNOWN


def _import_submodules(frame: Frame, name: str, level: int, names: Any) -> None:
    # `from package import submodule`: loaded by the import, if it is not yet.
    package = _absolute(frame, name, level)
    module = sys.modules.get(package)
    if module is None or not is_module(module) or "__path__" not in module_namespace(module):
        return
    for sub in names:
        if isinstance(sub, str) and sub != "*" and sub not in vars(module):
            import_module(frame, f"{package}.{sub}", whole=True)


def import_from(frame: Frame, step: Step) -> None:
    module = frame.stack[-1]
    found = attribute(frame, module, step.arg) if isinstance(module, Known) else None
    frame.push(found or frame.unknown_value(f"{step.arg} of a module that is not loaded yet"))


HANDLERS = {
    "COPY": copy,
    "DELETE_DEREF": delete_deref,
    "DELETE_FAST": delete_fast,
    "DELETE_GLOBAL": delete_global,
    "DELETE_NAME": delete_global,
    "IMPORT_FROM": import_from,
    "IMPORT_NAME": import_name,
    "LAZY_IMPORT_NAME": import_name,
    "LOAD_ATTR": load_attr,
    "LOAD_CLOSURE": load_closure,
    "LOAD_COMMON_CONSTANT": load_common_constant,
    "LOAD_CONST": load_const,
    "LOAD_DEREF": load_deref,
    "LOAD_FAST": load_fast,
    "LOAD_FAST_AND_CLEAR": load_fast_and_clear,
    "LOAD_FROM_DICT_OR_DEREF": load_from_dict_or_deref,
    "LOAD_FROM_DICT_OR_GLOBALS": load_from_dict_or_globals,
    "LOAD_GLOBAL": load_global,
    "LOAD_LOCALS": load_locals,
    "LOAD_NAME": load_name,
    "LOAD_SUPER_ATTR": load_super_attr,
    "MAKE_CELL": nothing,
    "POP_TOP": pop_top,
    "PUSH_NULL": push_null,
    "SETUP_ANNOTATIONS": nothing,
    "STORE_ATTR": store_attr,
    "STORE_DEREF": store_deref,
    "STORE_FAST": store_fast,
    "STORE_GLOBAL": store_global,
    "STORE_NAME": store_name,
    "SWAP": swap,
}
