"""What happens to a value that leaves the code we can see.

A value that is handed to a library, to a callee that is not known, or to the
caller of the whole call, may be looked at as a whole and may be called. So its
content counts, and what of it can be called back is entered with unknown
arguments: a function; of an object, what the one who gets it may call (see `uses`), and
whatever overrides a library's method; where a library's class written in Python is a
base, what its source speaks of, for such classes call by made-up names (`visit_*`).

Knows which part of a value can be called back; must not know steps.
"""

from __future__ import annotations

import sys
from types import FunctionType
from typing import Any

from dumbo.tracing import fingerprint, sure, vocabulary
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.frame import Frame
from dumbo.tracing.listings import ALL, EVERY, TEXT
from dumbo.tracing.looks import look
from dumbo.tracing.lookup import (
    MEMBERS,
    class_has,
    is_class,
    is_memoized,
    is_module,
    module_namespace,
    mro,
    namespace,
)
from dumbo.tracing.schedule import NeedsCallee
from dumbo.tracing.uses import CALLED, KEPT, SHOWN, SPECIAL, Use, by_module, by_stranger
from dumbo.tracing.values import (
    UNKNOWN,
    Bound,
    Builtin,
    Given,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Super,
    Tuple,
    Unknown,
    Value,
    each,
)

# Bases that call nothing but special methods, or nothing at all.
PLAIN_BASES = frozenset(
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
_MADE_HERE = (Local, LocalClass)
OUT = "out of sight"  # a heap site, with a slot for each class
EXPOSED = "exposed"  # of a site that somebody who is not seen may write to
_MADE_WITH = frozenset(
    {"__init__", "__new__", "__init_subclass__", "__class_getitem__", "__set_name__"}
)


def consume(frame: Frame, value: Value) -> None:
    """Make the content of live data count, without calling what is in it."""
    for member in each(value):
        if isinstance(member, Known) and is_data(member.obj):
            frame.depend(frame.analysis.node(member), "content")
            frame.analysis.take_whole(member)
        elif isinstance(member, Builtin) and member.name in ("__dict__()", "globals()"):
            from dumbo.tracing import namespaces  # a cycle: it follows attributes

            namespaces.keys(frame, member)
            consume(frame, namespaces.everything(frame, member))


def escape(frame: Frame, value: Value | None, use: Use | None = None) -> None:
    """Let *value* out of sight, for *use*, or to somebody unknown; see the module's docstring."""
    use = use or by_stranger(frame.module)
    for member in each(value):
        if type(member) is Known and not use.reads:
            # What live objects are does not change: once for each step.
            key = (frame.place, member, use)
            if key not in frame.let_out:
                frame.let_out.add(key)
                try:
                    _escape_known(frame, member, use)
                except BaseException:
                    frame.let_out.discard(key)
                    raise
        elif (member, use) not in frame.escaping:
            # Once for each time that the step is made.
            frame.escaping.add((member, use))
            _escape_member(frame, member, use)


def _escape_member(frame: Frame, value: Value, use: Use) -> None:
    if use.reads:
        look(frame, value, docs=use.reads_docs)
    if isinstance(value, Known):
        _escape_known(frame, value, use)
    elif isinstance(value, Instance):
        frame.touch(value.cls, "type")
        look_for_methods(frame, value.cls, use)
        remember(frame, value.cls, value)
        _expose_site(frame, value.site, use)
        frame.analysis.outside.receive(value, use)
    elif isinstance(value, _MADE_HERE):
        if use.calls:
            frame.analysis.outside.receive(value, CALLED if isinstance(value, Local) else use)
    elif isinstance(value, Heap):
        _expose_site(frame, value.site, use)
        frame.analysis.outside.receive(value, use)
    elif isinstance(value, Given):
        if use.changes and not frame.analysis.partial:  # else what it runs is observed
            for place in value.places:
                frame.analysis.write(("given", place), "elem", UNKNOWN)
    elif isinstance(value, Tuple):
        for item in value.items:
            escape(frame, item, use)
    elif isinstance(value, Bound):
        frame.touch(value.function, "call")
        if use.calls:
            frame.analysis.outside.receive(value, CALLED)
        escape(frame, value.receiver, SPECIAL if use.calls else use)
    elif isinstance(value, Partial):
        escape(frame, value.function, use)
        for item in value.args:
            escape(frame, item, SPECIAL if use.calls else use)
    elif isinstance(value, Builtin | Super):
        escape(frame, value.receiver, use)
        if isinstance(value, Builtin) and value.name in ("__dict__()", "globals()"):
            if value.receiver is UNKNOWN and value.name == "__dict__()":
                return  # what it may be of is out of sight as it is
            from dumbo.tracing import namespaces  # a cycle: it follows attributes

            escape(frame, namespaces.everything(frame, value))


def expose(frame: Frame, value: Value, use: Use) -> None:
    """Call back what can be called of *value*; done once for each, by `Outside`."""
    if isinstance(value, Known) and is_data(value.obj):
        _escape_site(frame, ("object", id(value.obj)), use)
    elif isinstance(value, Instance):
        _escape_site(frame, value.site, use)
        if isinstance(value.cls, LocalClass):
            _escape_local_class(frame, value.cls, value, use)
        elif isinstance(value.cls, Known):
            escape_methods(frame, value.cls, value, use, made=False)
    elif isinstance(value, LocalClass):
        _escape_local_class(frame, value, None, use)
    elif isinstance(value, Heap):
        _escape_heap(frame, value, use)
    elif isinstance(value, Bound):
        enter_unknown(frame, value.function, (value.receiver,))
    elif isinstance(value, Known) and is_class(value.obj):
        take_class(frame, value)
        made = frame.pool.make(Instance, value, ("class", id(value.obj)))
        remember(frame, value, made)
        # Who guesses says that nobody unseen makes an object of it.
        escape_methods(frame, value, made, use, made=frame.analysis.guesses is None)
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


def _escape_known(frame: Frame, value: Known, use: Use) -> None:
    obj = value.obj
    analysis = frame.analysis
    if type(obj) is FunctionType:
        if not use.calls or (use is KEPT and _is_importable(obj)):
            frame.touch(value, "function")  # pickled by its name, or looked at; and not called
        else:
            if use not in (KEPT, SPECIAL, CALLED):
                _escape_marks(frame, value)
            _escape_function(frame, value)
    elif is_memoized(obj):
        from dumbo.tracing.attributes import unwrap_memoized  # a cycle: it escapes in turn

        escape(frame, unwrap_memoized(frame, value))
    elif is_class(obj):
        frame.touch(value, "class")
        if owner_of(obj) is None and not (use is KEPT and _is_importable(obj)):
            remember(frame, value, value)
            if use.calls:
                look_for_methods(frame, value, use)
                analysis.outside.receive(value, use)
    elif is_module(obj):
        _escape_module(frame, value)
    elif type(obj) in MEMBERS:
        for name in sorted(MEMBERS[type(obj)] - {"__doc__"}):
            escape(frame, frame.touch(analysis.get("member", value.ref, name), name))
    elif is_data(obj):
        frame.touch(value, "value")
        if use.changes:
            analysis.may_change(value)
        cls = analysis.get("type", value.ref, None)
        if isinstance(cls, Known) and owner_of(cls.obj) is None:
            remember(frame, cls, value)
        for root in analysis.take_whole(value):
            frame.touch(root, "content")
            if is_class(root.obj) and not analysis.holds_class(value, root.obj):
                # Not the class is in there, but an instance of it.
                made = frame.pool.make(Instance, root, ("found", id(root.obj)))
                escape(frame, made, use)
            else:
                escape(frame, root, use)
        _expose_site(frame, ("object", id(obj)), use)
        analysis.outside.spread(value, use)


def _is_importable(obj: Any) -> bool:
    """Whether a function or class is pickled by its name: others go by value, with their code."""
    module, _, name = fingerprint.qualified_name(obj).decode("utf-8", "replace").partition(":")
    home = sys.modules.get(module)
    if module == "__main__" or home is None or not is_module(home):
        return False
    if "." in name:
        return "<locals>" not in name
    return module_namespace(home).get(name) is obj


def _escape_function(frame: Frame, value: Known) -> None:
    frame.touch(value, "function")
    if owner_of(value.obj) is None:
        frame.analysis.outside.receive(value, CALLED)
        return
    escape_captured(frame, value)


def _escape_marks(frame: Frame, value: Known) -> None:
    """The attributes that a function has been given: who gets it may read them."""
    if owner_of(value.obj) is not None:
        return
    found = frame.analysis.get("listing", value.ref, False)
    frame.touch(found, "names")
    for name in found.obj.split("\0") if found is not None else ():
        held = frame.analysis.get("member", value.ref, name) if name else None
        if held is not None:
            frame.touch(held, name)
            consume(frame, held)


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
            _take_data(frame, cls, name, held)
    for name in ("_member_map_", "__dataclass_fields__", "__slots__", "__match_args__"):
        found = analysis.get("mro", cls.ref, name)
        if isinstance(found, Known):
            frame.touch(found, f"attribute {name}")
            consume(frame, found)


def _take_data(frame: Frame, cls: Known, name: str, held: Any) -> None:
    """An attribute of a class, if it is data of the program's."""
    if name.startswith("__") or name in ("_abc_impl", "_member_map_"):
        return
    if not is_data(held) and type(held) not in fingerprint.ATOMS:
        return
    found = frame.analysis.get("mro", cls.ref, name)
    if isinstance(found, Known):
        frame.touch(found, f"attribute {name}")
        if not class_has(type(found.obj), "__get__"):
            consume(frame, found)


def escape_methods(frame: Frame, cls: Known, receiver: Value, use: Use, *, made: bool) -> None:
    """Enter the methods of *cls* that code out of sight may call on *receiver*."""
    if owner_of(cls.obj) is not None:
        return
    from dumbo.tracing.attributes import bind  # a cycle: a property's getter is entered

    order = mro(cls.obj)
    foreign = [base for base in order if owner_of(base) is not None and base is not object]
    callers = [] if use is KEPT else [module for base in foreign if (module := _caller(base))]
    overridable = set() if use is KEPT else {name for base in foreign for name in namespace(base)}
    seen: set[str] = set()
    wants = use.likely if frame.analysis.watched else use.wants
    for base in order:
        if owner_of(base) is not None:
            continue
        for name, held in namespace(base).items():
            if name in seen:
                continue
            seen.add(name)
            if not _is_code(held):
                if name in overridable or any(vocabulary.speaks_of(by, name) for by in callers):
                    _take_data(frame, cls, name, held)
                continue
            if name in _MADE_WITH:
                wanted = made
            else:
                wanted = wants(name) or name in overridable
                wanted = wanted or any(vocabulary.speaks_of(module, name) for module in callers)
            if wanted:
                raw = frame.analysis.get("mro", cls.ref, name)
                if raw is not None:
                    escape(frame, bind(frame, raw, receiver, cls))


def look_for_methods(frame: Frame, cls: Value, use: Use) -> None:
    """Which methods *cls* has of those that code out of sight looks for counts: one more, and it
    does something else. What was stored was pickled by those that there were."""
    if use is KEPT or not isinstance(cls, Known) or owner_of(cls.obj) is not None:
        return
    kind = TEXT if use is SHOWN else ALL
    if use is not SHOWN and any(
        owner_of(base) is not None and _caller(base) for base in mro(cls.obj)[1:-1]
    ):
        kind = EVERY
    frame.touch(frame.analysis.get("specials", cls.ref, kind), "special methods")
    meta = frame.analysis.get("type", cls.ref, None)
    if kind != TEXT and isinstance(meta, Known) and owner_of(meta.obj) is None:
        # Libraries look for methods on classes, too: `getattr(cls, "__copy__", None)`.
        frame.touch(frame.analysis.get("specials", meta.ref, ALL), "special methods")


def _is_code(held: Any) -> bool:
    return type(held) is FunctionType or type(held) in MEMBERS or is_memoized(held)


def escape_made(frame: Frame, cls: Known, made: Value) -> None:
    """A library's `__init__` may call what the class *cls* of user code overrides."""
    for base in mro(cls.obj)[1:-1]:
        if owner_of(base) is not None and (module := _caller(base)):
            escape_methods(frame, cls, made, by_module(module), made=False)


def _caller(base: type) -> str:
    """The module of a base of which methods call others by name; nothing if none do."""
    name = fingerprint.qualified_name(base).decode("utf-8", "replace")
    if name in PLAIN_BASES:
        return ""
    calls = any(type(held) is FunctionType for held in namespace(base).values())
    return name.partition(":")[0] if calls else ""


def _escape_local_class(frame: Frame, cls: LocalClass, receiver: Value | None, use: Use) -> None:
    made = receiver or frame.pool.make(Instance, cls, ("instance", cls.site))
    remember(frame, cls, made)
    makes = receiver is None and use is not KEPT  # who pickles a class makes nothing of it
    overrides = any(_is_foreign(base) for base in cls.bases)
    wants = use.likely if frame.analysis.watched else use.wants
    for name in frame.analysis.slots(cls.site, frame, frame.index):
        held = frame.analysis.read(cls.site, name, frame, frame.index)
        if not (overrides or wants(name) or (makes and name in _MADE_WITH)):
            continue
        for raw in each(held):
            if isinstance(raw, Local):
                escape(frame, frame.pool.make(Bound, raw, made))
            elif isinstance(raw, Instance):
                escape(frame, frame.analysis.read(raw.site, "function", frame, frame.index))
    for base in cls.bases:
        if isinstance(base, LocalClass):
            _escape_local_class(frame, base, made, use)
        elif isinstance(base, Known) and is_class(base.obj):
            escape_methods(frame, base, made, use, made=makes)


def _is_foreign(base: Value) -> bool:
    """Whether code that is not seen may call what a class overrides that derives from *base*."""
    if isinstance(base, LocalClass):
        return any(_is_foreign(inner) for inner in base.bases)
    if not isinstance(base, Known) or not is_class(base.obj):
        return True
    return any(owner_of(cls) is not None for cls in mro(base.obj)[:-1])


def is_exposed(frame: Frame, site: Any) -> bool:
    """Whether somebody who is not seen may write to *site*; who asks is told when it becomes so."""
    frame.analysis.read((EXPOSED, site), "elem", frame, frame.index)
    return site in frame.analysis.escaped


def _expose_site(frame: Frame, site: Any, use: Use) -> None:
    if use.changes:
        uses = frame.analysis.escaped.setdefault(site, {})
        if not uses:
            frame.analysis.write((EXPOSED, site), "elem", frame.pool.const(True))
        uses[use] = None
        sure.share(frame.analysis, site)


def _escape_heap(frame: Frame, value: Heap, use: Use) -> None:
    from dumbo.tracing.iteration import finish_generator  # a cycle: its body is entered

    _escape_site(frame, value.site, use)
    finish_generator(frame, value)


def _escape_site(frame: Frame, site: Any, use: Use) -> None:
    """All that a container or object holds, now and later."""
    _expose_site(frame, site, use)
    for slot in frame.analysis.slots(site, frame, frame.index):
        escape(frame, frame.analysis.read(site, slot, frame, frame.index), use)


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


def remember_raised(frame: Frame, value: Value | None) -> None:
    """What is raised may be caught as an unknown value; nobody calls anything of it before."""
    for member in each(value):
        if isinstance(member, Instance):
            remember(frame, member.cls, member)
        else:
            escape(frame, member, SHOWN)


def remember(frame: Frame, cls: Value, value: Value) -> None:
    """What is out of sight may come back as an unknown value: see `out_of_sight_with`."""
    if isinstance(cls, Known) and owner_of(cls.obj) is not None:
        return  # a library's object has no attribute that is walked
    analysis = frame.analysis
    if analysis.write(OUT, cls, value) or isinstance(cls, LocalClass):
        for name in analysis.named_out:
            if defines(frame, cls, name):
                analysis.write((OUT, name), cls, value)


def out_of_sight_with(frame: Frame, name: str | None = None) -> list[Value]:
    """What an unknown value may be, as far as a class of user code gives it attribute *name*."""
    analysis = frame.analysis
    if name is None:
        return _members(frame, OUT)
    if name not in analysis.named_out:
        # From here on, `remember` keeps a list for this name.
        analysis.named_out.add(name)
        for cls in analysis.slots(OUT, analysis.outside, -1):
            if defines(frame, cls, name):
                held = analysis.read(OUT, cls, analysis.outside, -1)
                analysis.write((OUT, name), cls, held)
    return _members(frame, (OUT, name))


def _members(frame: Frame, site: Any) -> list[Value]:
    found: list[Value] = []
    for cls in frame.analysis.slots(site, frame, frame.index):
        held = each(frame.analysis.read(site, cls, frame, frame.index))
        found += [member for member in held if not isinstance(member, Unknown)]
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
