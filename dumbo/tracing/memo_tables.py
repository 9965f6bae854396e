"""Tables that a function fills by hand: ``if k not in T: T[k] = g(k)`` counts as ``g``.

The content of such a table cannot matter as long as each entry is what the code would put
there again. That is taken for granted only where

- every step of a function that touches the table tests, reads or writes the item of one key;
- the key is made of parameters, and no other parameter is read: so what is written depends
  on the key alone, and on code and globals that are followed anyway;
- nobody else in the closure writes to the table, and nobody else in its module does;
- in this process, it has been filled by no other code since it was empty: see `tables`.
  If it has, and functions or classes are in it, they are followed as those of any other global.

Else its content counts, like that of any other global.

Knows the patterns of steps; must not know the store.
"""

from __future__ import annotations

from types import CodeType, FunctionType
from typing import Any

import xxhash

from dumbo.tracing.callgraph import Analysis, Node
from dumbo.tracing.frame import Frame, Plan, plan_of
from dumbo.tracing.lookup import globals_of, instance_dict, is_class, is_plainly_read, namespace
from dumbo.tracing.rewritten import plain
from dumbo.tracing.steps import Shape, Step
from dumbo.tracing.tables import HOLDS_CODE
from dumbo.tracing.values import Builtin, Known, Value

TABLE = "table()"  # the name of the marker that stands for such a table
_NO_FLAGS = 0x4 | 0x8 | 0x20 | 0x80 | 0x200  # *args, **kwargs, generators, coroutines
_WRITERS = frozenset({"update", "setdefault", "__setitem__", "__ior__"})
_ARITHMETIC = frozenset({"+=", "-=", "*="})


def marker(frame: Frame, name: str) -> Value | None:
    """What stands for the global *name* of this frame, if it is a table of that kind."""
    if name not in tables_of(frame.plan):
        return None
    analysis = frame.analysis
    place = id(globals_of(frame.home.obj))
    if analysis.read(("global", place), name, frame, frame.index) is not None:
        return None
    found = analysis.get("global", frame.home.ref, name)
    if found is None or type(found.obj) is not dict or id(found.obj) in analysis.plain_tables:
        return None
    frame.resolved(found)
    frame.touch(found, f"global {name}")
    analysis.tables.setdefault(found, {})[frame.node] = name
    made: Value = frame.pool.make(Builtin, TABLE, found)
    return made


def read(frame: Frame, table: Known, *, quietly: bool) -> Value | None:
    """What the program puts into *table*."""
    held = frame.analysis.read(("object", id(table.obj)), "elem", frame, frame.index)
    if held is not None or quietly:
        return held
    return frame.await_or(lambda: frame.unknown_value("an item that nobody puts"))


def write(frame: Frame, table: Known, value: Value) -> None:
    frame.write(("object", id(table.obj)), "elem", value)


def finish(analysis: Analysis) -> frozenset[int]:
    """Look up whether each table can be trusted; return those that are no such tables at all."""
    from dumbo.tracing.digest import closure_digest  # needed by few closures

    refused = [
        id(table.obj)
        for table, users in analysis.tables.items()
        if id(table.obj) in analysis.changed or _others_write(users)
    ]
    if refused:
        return frozenset(refused)
    trusted: list[tuple[Known, bytes]] = []
    for table, users in analysis.tables.items():
        hasher = xxhash.xxh3_128()
        for node in users:
            hasher.update(closure_digest(analysis, node))
        trusted.append((table, hasher.digest()))
    prints = [(table, analysis.get("table", table.ref, fill)) for table, fill in trusted]
    refused = [id(table.obj) for table, found in prints if found and found.obj == HOLDS_CODE]
    if refused:
        return frozenset(refused)
    for table, found in prints:
        value = analysis.node(table)
        if value is not None and found is not None and value.content is None:
            value.content = b"table" + found.obj
    return frozenset()


def _others_write(users: dict[Node, str]) -> bool:
    """Whether code of the module that does not belong to the closure may write to it."""
    known = {id(node.code) for node in users}
    for node, name in users.items():
        if type(node.obj) is not FunctionType:
            return True
        names = globals_of(node.obj)
        for code in _codes_of(list(names.values()), names):
            if id(code) not in known and _may_write(code, name):
                return True
    return False


def _wrapped_by(value: Any) -> Any:
    """What a wrapper that is no function itself says it wraps, such as one with a cache."""
    if type(value) is FunctionType or is_class(value):
        return None
    if is_plainly_read(value, "__wrapped__"):
        return getattr(value, "__wrapped__", None)
    return (instance_dict(value) or {}).get("__wrapped__")


def _codes_of(values: list[Any], names: dict[str, Any]) -> list[CodeType]:
    """The code of functions in *values*, and of the methods of classes, that run in *names*."""
    found: list[CodeType] = []
    todo = list(values)
    classes: set[int] = set()  # by id: they may lie in one another
    for value in todo:  # which grows
        if type(value) in (staticmethod, classmethod):
            value = value.__func__
        wrapped = _wrapped_by(value)
        function = wrapped if type(wrapped) is FunctionType else value
        if type(function) is FunctionType and function.__globals__ is names:
            found += _nested(plain(function.__code__))
        elif is_class(value) and namespace(value).get("__module__") == names.get("__name__"):
            if id(value) not in classes:
                classes.add(id(value))
                todo += namespace(value).values()
    return found


def _nested(code: CodeType) -> list[CodeType]:
    inner = [const for const in code.co_consts if type(const) is CodeType]
    return [code, *[deeper for one in inner for deeper in _nested(one)]]


def _may_write(code: CodeType, name: str) -> bool:
    if name not in code.co_names:
        return False
    if not _WRITERS.isdisjoint(code.co_names):
        return True
    return any(step.name == "STORE_SUBSCR" for step in plan_of(code).steps)


# --- patterns of steps -------------------------------------------------------------------


def counts(frame: Frame, index: int) -> bool:
    """Whether step *index* begins a ``N += 1`` whose old value goes nowhere but into ``N``."""
    steps = frame.plan.steps[index : index + 4]
    if [step.name for step in steps] != ["LOAD_GLOBAL", "LOAD_CONST", "BINARY_OP", "STORE_GLOBAL"]:
        return False
    load, const, op, store = steps
    if type(const.arg) not in (int, float) or op.arg not in _ARITHMETIC or store.arg != load.arg:
        return False
    return not any(index + n in frame.plan.joins for n in (1, 2, 3))


_tables: dict[int, tuple[Plan, frozenset[str]]] = {}


def tables_of(plan: Plan) -> frozenset[str]:
    """The globals that *plan* uses as tables of one key made of its parameters."""
    known = _tables.get(id(plan))
    if known is None:
        known = _tables[id(plan)] = (plan, frozenset(_find_tables(plan)))
    return known[1]


def _find_tables(plan: Plan) -> list[str]:
    code, steps = plan.code, plan.steps
    if code.co_flags & _NO_FLAGS or code.co_cellvars or code.co_freevars:
        return []
    if not any(step.name == "STORE_SUBSCR" for step in steps):
        return []
    written = {step.arg for step in steps if step.name in ("STORE_GLOBAL", "DELETE_GLOBAL")}
    names = dict.fromkeys(step.arg for step in steps if step.name == "LOAD_GLOBAL")
    return [name for name in names if name not in written and _is_table(plan, name)]


def _is_table(plan: Plan, name: str) -> bool:
    steps, code = plan.steps, plan.code
    parameters = set(code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
    keys: set[Any] = set()
    uses: set[str] = set()
    for index, step in enumerate(steps):
        if step.name == "LOAD_GLOBAL" and step.arg == name:
            use, key = _use_at(plan, index)
            uses.add(use)
            keys.add(_resolve(steps, key, parameters))
    if len(keys) != 1 or None in keys or "" in uses or "write" not in uses or len(uses) < 2:
        return False
    made_of = set(next(iter(keys))[1])
    touched = [step for step in steps if step.name in ("STORE_FAST", "DELETE_FAST")]
    read = {step.arg for step in steps if step.name.startswith("LOAD_FAST")} & parameters
    return read <= made_of and made_of.isdisjoint(step.arg for step in touched)


def _use_at(plan: Plan, index: int) -> tuple[str, Any]:
    """What is done with the table that step *index* loads, and by which key."""
    steps = plan.steps
    following = steps[index + 1] if index + 1 < len(steps) else None
    if following is not None and following.name == "CONTAINS_OP":
        return "test", _key_before(steps, index)
    at = index + 1
    got = following is not None and following.name == "LOAD_ATTR" and following.arg == "get"
    if got:
        at += 1
        at += steps[at].name == "PUSH_NULL"
    key, at = _key_from(steps, at)
    if key is None or at >= len(steps) or any(n in plan.joins for n in range(index + 1, at + 1)):
        return "", None
    last = steps[at]
    if got:
        fits = last.name == "CALL" and last.arg == Shape(1)
        return ("get" if fits else ""), key
    if last.name == "BINARY_OP" and last.arg == "[]":
        return "read", key
    return ("write" if last.name == "STORE_SUBSCR" else ""), key


def _key_from(steps: list[Step], at: int) -> tuple[Any, int]:
    """The names that a key is made of, by the steps from *at* on, and what comes behind."""
    names: list[str] = []
    while at < len(steps) and steps[at].name == "LOAD_FAST":
        names.append(steps[at].arg)
        at += 1
    if at < len(steps) and steps[at].name == "BUILD_TUPLE" and steps[at].arg == len(names):
        return ("tuple", tuple(names)), at + 1
    return (("one", tuple(names)) if len(names) == 1 else None), at


def _key_before(steps: list[Step], at: int) -> Any:
    start = at - 1
    if steps[start].name == "BUILD_TUPLE":
        start -= steps[start].arg
    key, end = _key_from(steps, start) if start >= 0 else (None, -1)
    return key if end == at else None


def _resolve(steps: list[Step], key: Any, parameters: set[str]) -> Any:
    """*key* in terms of parameters: a variable that is once set to a tuple of them is one."""
    if key is None or set(key[1]) <= parameters:
        return key
    stores = [i for i, s in enumerate(steps) if s.name == "STORE_FAST" and s.arg == key[1][0]]
    if key[0] != "one" or len(stores) != 1:
        return None
    made = _key_before(steps, stores[0])
    return made if made is not None and made[0] == "tuple" and set(made[1]) <= parameters else None
