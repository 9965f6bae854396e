"""What happens to a value that leaves the code we can see.

A value that is handed to a library, to a callee that is not known, or to the
caller of the whole call, may be looked at as a whole and may be called. So its
content counts, and what of it can be called back is entered with unknown
arguments: a function; of an object that goes to a library, its special methods and
the public ones, for who knows what it calls; of one that is only shown or returned,
its special methods and whatever overrides a library's method; where a library's class
written in Python is a base, all, for such classes call by made-up names (`visit_*`).

Knows which part of a value can be called back; must not know steps.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from dumbo.tracing import fingerprint
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.callgraph import NeedsCallee
from dumbo.tracing.frame import Frame
from dumbo.tracing.lookup import (
    MEMBERS,
    is_class,
    is_memoized,
    is_module,
    module_namespace,
    mro,
    namespace,
)
from dumbo.tracing.values import (
    Bound,
    Builtin,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Super,
    Tuple,
    Value,
    each,
)

# Bases that call nothing but special methods, or nothing at all.
_PLAIN_BASES = frozenset(
    {
        "builtins:object",
        "abc:ABC",
        "typing:Generic",
        "typing:Protocol",
        "typing:NamedTuple",
        "enum:Enum",
        "enum:IntEnum",
        "enum:StrEnum",
        "enum:Flag",
        "enum:IntFlag",
        "enum:ReprEnum",
    }
)
OUT = "out of sight"  # a heap site, with a slot for each class
_MADE_WITH = frozenset(
    {"__init__", "__new__", "__init_subclass__", "__class_getitem__", "__set_name__"}
)


def consume(frame: Frame, value: Value) -> None:
    """Make the content of live data count, without calling what is in it."""
    for member in each(value):
        if isinstance(member, Known) and is_data(member.obj):
            frame.depend(frame.analysis.node(member), "content")
            frame.analysis.take_whole(member)


def escape(frame: Frame, value: Value | None, *, by_name: bool = True) -> None:
    """Let *value* out of sight; see the module's docstring.

    Parameters:
        by_name: who gets it may call any method; else only those that operators,
            conversions and pickling call.
    """
    for member in each(value):
        # Once for each time that the step is made.
        if (member, by_name) not in frame.escaping:
            frame.escaping.add((member, by_name))
            _escape_member(frame, member, by_name)


def _escape_member(frame: Frame, value: Value, by_name: bool) -> None:
    if isinstance(value, Known):
        _escape_known(frame, value, by_name)
    elif isinstance(value, Instance):
        frame.touch(value.cls, "type")
        _remember(frame, value.cls, value)
        frame.analysis.escaped.add(value.site)
        frame.analysis.outside.receive(value, by_name)
    elif isinstance(value, Local | LocalClass):
        frame.analysis.outside.receive(value, by_name)
    elif isinstance(value, Heap):
        frame.analysis.escaped.add(value.site)
        frame.analysis.outside.receive(value, by_name)
    elif isinstance(value, Tuple):
        for item in value.items:
            escape(frame, item, by_name=by_name)
    elif isinstance(value, Bound):
        frame.touch(value.function, "call")
        frame.analysis.outside.receive(value, by_name)
        escape(frame, value.receiver, by_name=False)
    elif isinstance(value, Partial):
        escape(frame, value.function)
        for item in value.args:
            escape(frame, item, by_name=False)
    elif isinstance(value, Builtin | Super):
        escape(frame, value.receiver, by_name=by_name)
        if isinstance(value, Builtin) and value.name in ("__dict__()", "globals()"):
            from dumbo.tracing import namespaces  # a cycle: it follows attributes

            escape(frame, namespaces.everything(frame, value))


def expose(frame: Frame, value: Value, by_name: bool) -> None:
    """Call back what can be called of *value*; done once for each, by `Outside`."""
    if isinstance(value, Instance):
        _escape_site(frame, value.site, by_name)
        if isinstance(value.cls, LocalClass):
            _escape_local_class(frame, value.cls, value)
        elif isinstance(value.cls, Known):
            escape_methods(frame, value.cls, value, made=False, by_name=by_name)
    elif isinstance(value, LocalClass):
        _escape_local_class(frame, value, None)
    elif isinstance(value, Heap):
        _escape_heap(frame, value, by_name)
    elif isinstance(value, Bound):
        enter_unknown(frame, value.function, (value.receiver,))
    elif isinstance(value, Known) and is_class(value.obj):
        take_class(frame, value)
        made = frame.pool.make(Instance, value, ("class", id(value.obj)))
        _remember(frame, value, made)
        escape_methods(frame, value, made, made=True, by_name=by_name)
    else:
        enter_unknown(frame, value, ())


def is_data(obj: Any) -> bool:
    return not (
        is_module(obj)
        or is_class(obj)
        or is_memoized(obj)
        or type(obj) is FunctionType
        or type(obj) in MEMBERS
        or type(obj) in fingerprint.C_FUNCTIONS
        or type(obj) in fingerprint.ATOMS
    )


def _escape_known(frame: Frame, value: Known, by_name: bool) -> None:
    obj = value.obj
    analysis = frame.analysis
    if type(obj) is FunctionType:
        _escape_function(frame, value)
    elif is_memoized(obj):
        from dumbo.tracing.attributes import unwrap_memoized  # a cycle: it escapes in turn

        escape(frame, unwrap_memoized(frame, value))
    elif is_class(obj):
        frame.touch(value, "class")
        if owner_of(obj) is None:
            _remember(frame, value, value)
            analysis.outside.receive(value, by_name)
    elif is_module(obj):
        _escape_module(frame, value)
    elif type(obj) in MEMBERS:
        for name in sorted(MEMBERS[type(obj)]):
            escape(frame, frame.touch(analysis.get("member", value.ref, name), name))
    elif is_data(obj):
        frame.touch(value, "value")
        cls = analysis.get("type", value.ref, None)
        if isinstance(cls, Known) and owner_of(cls.obj) is None:
            _remember(frame, cls, value)
        for root in analysis.take_whole(value):
            frame.touch(root, "content")
            escape(frame, root, by_name=by_name)
        _escape_site(frame, ("object", id(obj)), by_name)


def _escape_function(frame: Frame, value: Known) -> None:
    frame.touch(value, "function")
    if owner_of(value.obj) is None:
        frame.analysis.outside.receive(value, True)
        return
    escape_captured(frame, value)


def escape_captured(frame: Frame, value: Known) -> None:
    """A library's function made by its decorator: what its cells and defaults hold."""
    for index in range(len(value.obj.__closure__ or ())):
        escape(frame, frame.touch(frame.analysis.get("cell", value.ref, index), f"cell {index}"))
    wrapped = frame.analysis.get("member", value.ref, "__wrapped__")
    if wrapped is not None:
        escape(frame, frame.touch(wrapped, "__wrapped__"))


def _escape_module(frame: Frame, value: Known) -> None:
    """A module out of sight: whatever it defines may be used."""
    frame.touch(value, "module")
    if owner_of(value.obj) is not None:
        return
    names = module_namespace(value.obj)
    for name in sorted(key for key in names if isinstance(key, str) and not key.startswith("__")):
        held = names[name]
        home = (
            getattr(held, "__module__", None)
            if type(held) is FunctionType or is_class(held)
            else None
        )
        if type(held) in fingerprint.ATOMS or home == names.get("__name__"):
            escape(
                frame, frame.touch(frame.analysis.get("attr", value.ref, name), f"attribute {name}")
            )


def take_class(frame: Frame, cls: Known) -> None:
    """The data of a class: its attributes that are not code."""
    analysis = frame.analysis
    for base in mro(cls.obj)[:-1]:
        if owner_of(base) is not None:
            continue
        for name, held in namespace(base).items():
            if name.startswith("__") or name in ("_abc_impl", "_member_map_"):
                continue
            if not is_data(held) and type(held) not in fingerprint.ATOMS:
                continue
            found = analysis.get("mro", cls.ref, name)
            if isinstance(found, Known):
                frame.touch(found, f"attribute {name}")
                if not hasattr(type(found.obj), "__get__"):
                    consume(frame, found)
    for name in ("_member_map_", "__dataclass_fields__", "__slots__", "__match_args__"):
        found = analysis.get("mro", cls.ref, name)
        if isinstance(found, Known):
            frame.touch(found, f"attribute {name}")
            consume(frame, found)


def escape_methods(
    frame: Frame, cls: Known, receiver: Value, *, made: bool, by_name: bool = False
) -> None:
    """Enter the methods of *cls* that code out of sight may call on *receiver*."""
    if owner_of(cls.obj) is not None:
        return
    from dumbo.tracing.attributes import bind  # a cycle: a property's getter is entered

    order = mro(cls.obj)
    foreign = [base for base in order if owner_of(base) is not None and base is not object]
    inherited = any(_calls_by_name(base) for base in foreign)
    overridable = {name for base in foreign for name in namespace(base)}
    seen: set[str] = set()
    for base in order:
        if owner_of(base) is not None:
            continue
        for name, held in namespace(base).items():
            if name in seen or not _is_code(held):
                continue
            seen.add(name)
            dunder = name.startswith("__") and name.endswith("__")
            wanted = (made if name in _MADE_WITH else dunder) or name in overridable or inherited
            wanted = wanted or (by_name and not name.startswith("_"))
            if wanted and not (name in _MADE_WITH and not made):
                raw = frame.analysis.get("mro", cls.ref, name)
                if raw is not None:
                    escape(frame, bind(frame, raw, receiver, cls))


def _is_code(held: Any) -> bool:
    return type(held) is FunctionType or type(held) in MEMBERS or is_memoized(held)


def _calls_by_name(base: type) -> bool:
    if fingerprint.qualified_name(base).decode() in _PLAIN_BASES:
        return False
    return any(type(held) is FunctionType for held in namespace(base).values())


def _escape_local_class(frame: Frame, cls: LocalClass, receiver: Value | None) -> None:
    made = receiver or frame.pool.make(Instance, cls, ("instance", cls.site))
    _remember(frame, cls, made)
    for name in frame.analysis.slots(cls.site, frame, frame.index):
        held = frame.analysis.read(cls.site, name, frame, frame.index)
        for raw in each(held):
            if isinstance(raw, Local):
                escape(frame, frame.pool.make(Bound, raw, made))
            elif isinstance(raw, Instance):
                escape(frame, frame.analysis.read(raw.site, "function", frame, frame.index))
    for base in cls.bases:
        if isinstance(base, LocalClass):
            _escape_local_class(frame, base, made)
        elif isinstance(base, Known) and is_class(base.obj):
            escape_methods(frame, base, made, made=True)


def _escape_heap(frame: Frame, value: Heap, by_name: bool) -> None:
    from dumbo.tracing.data import finish_generator  # a cycle: its body is entered

    _escape_site(frame, value.site, by_name)
    finish_generator(frame, value)


def _escape_site(frame: Frame, site: Any, by_name: bool) -> None:
    """All that a container or object holds, now and later."""
    frame.analysis.escaped.add(site)
    for slot in frame.analysis.slots(site, frame, frame.index):
        escape(frame, frame.analysis.read(site, slot, frame, frame.index), by_name=by_name)


def enter_unknown(frame: Frame, function: Value, receiver: tuple[Value, ...]) -> None:
    """Enter *function* with its receiver, if any, and unknown arguments."""
    from dumbo.tracing.calls import Arguments, invoke  # a cycle by nature

    rest = frame.unknown_value("an argument from out of sight")
    written = frame.written
    try:
        escape(frame, invoke(frame, function, Arguments(receiver, {}, rest, rest)))
    except NeedsCallee as need:
        # Nothing here waits for its result; if it has one, this step is made again.
        frame.analysis.later(need.frame)
    finally:
        frame.written = written  # it may be called, or not


def _remember(frame: Frame, cls: Value, value: Value) -> None:
    """What is out of sight may come back as an unknown value: see `out_of_sight_with`."""
    if isinstance(cls, Known) and owner_of(cls.obj) is not None:
        return  # a library's object has no attribute that is walked
    frame.analysis.write(OUT, cls, value)


def out_of_sight_with(frame: Frame, name: str | None = None) -> list[Value]:
    """What an unknown value may be, as far as a class of user code gives it attribute *name*."""
    found: list[Value] = []
    for cls in frame.analysis.slots(OUT, frame, frame.index):
        if name is None or defines(frame, cls, name):
            found += each(frame.analysis.read(OUT, cls, frame, frame.index))
    return found


def defines(frame: Frame, cls: Value, name: str) -> bool:
    if isinstance(cls, LocalClass):
        if frame.analysis.read(cls.site, name, frame, frame.index) is not None:
            return True
        return any(defines(frame, base, name) for base in cls.bases)
    if isinstance(cls, Known) and is_class(cls.obj):
        bases = (*mro(cls.obj), type(cls.obj))
        return any(name in namespace(base) and owner_of(base) is None for base in bases)
    return False
