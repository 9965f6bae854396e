"""What an attribute of an abstract value may be.

CPython's own order: a data descriptor of the class, the instance's field, any
other attribute of the class, `__getattr__`. Everything is looked up on the live
classes and modules; nothing is guessed. Properties and descriptors of user code
are called, which the graph then shows.

Knows the object model; must not know steps.
"""

from __future__ import annotations

import collections
import functools
import sys
from types import (
    ClassMethodDescriptorType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
)
from typing import Any

from dumbo.arguments.threads import is_thread_local, may_be_read
from dumbo.tracing import catching, fingerprint
from dumbo.tracing.annotations import DERIVED
from dumbo.tracing.boundary import STDLIB, owner_of, wall_of
from dumbo.tracing.callgraph import PATH, Node
from dumbo.tracing.escapes import PLAIN_BASES, consume, defines, escape, is_data, is_exposed
from dumbo.tracing.frame import Frame
from dumbo.tracing.inherited import base_of, field_of
from dumbo.tracing.local_classes import after, linearised
from dumbo.tracing.looks import OF_FUNCTIONS, look
from dumbo.tracing.lookup import (
    MEMBERS,
    NAMES_OF_CLASSES,
    TupleField,
    class_has,
    describe,
    globals_of,
    is_class,
    is_memoized,
    is_module,
    module_namespace,
    mro,
    name_of,
    namespace,
)
from dumbo.tracing.mentions import use
from dumbo.tracing.uses import SPECIAL
from dumbo.tracing.values import (
    ENTRY_POINT,
    UNKNOWN,
    Bound,
    Builtin,
    Const,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Super,
    Text,
    Tuple,
    Unknown,
    Value,
    each,
    is_plain,
)

MARKERS = frozenset({"globals()", "sys.modules()", "__dict__()", "table()"})  # namespaces as tables
REBOUND = "rebound"  # heap site of what is assigned to attributes of live classes
ALIAS = "alias"  # heap site of what is assigned to fields of objects that came with the call
SWAPPED = "swapped"  # heap site of what is assigned to `__class__`
_WITH_DICT = (Known, Instance, LocalClass)
_STRANGE = (Unknown, Builtin)
_PLAIN = (Heap, Const, Text, Tuple, Bound, Partial)
_IN_C = (*fingerprint.C_FUNCTIONS, ClassMethodDescriptorType)
NAMES = frozenset({"__name__", "__qualname__", "__module__"})
# Classes of the standard library that are nothing but fields; of `local`, this thread's.
_PLAIN_HOLDERS = (b"_thread:_local", b"argparse:Namespace", b"types:SimpleNamespace")
_OF_MEMBERS = {"name": "_name_", "value": "_value_"}  # what properties of enums show
_MODELLED = (dict, list, tuple, set, frozenset, str, bytes, int, float, bool, complex, type(None))


def attribute(frame: Frame, value: Value, name: str, *, hooked: bool = True) -> Value | None:
    """The join of what *name* may be on each member of *value*; None while nothing is known.

    Parameters:
        hooked: whether `__getattribute__` and `__getattr__` of user code are asked; what they ask
            in turn, `object.__getattribute__`, does not.
    """
    if name in NAMES:
        frame.analysis.names_read.add(name)
    members = each(value)
    frame.analysis.work += len(members)
    if not all(isinstance(member, Known) and is_module(member.obj) for member in members):
        frame.node.named[frame.at] = False
    found = [of_member(frame, member, name, hooked=hooked) for member in members]
    if name in catching.FIELDS and any(_keeps(member, name) for member in members):
        found.append(catching.kept(frame, name))
    return frame.pool.join(*found)


def _keeps(value: Value, name: str) -> bool:
    """Whether *value* may be an exception with such a field in C."""
    if isinstance(value, Instance):
        return catching.is_exception(value.cls)
    return name == "args" and isinstance(value, _STRANGE) and not is_plain(value)


def of_member(frame: Frame, value: Value, name: str, *, hooked: bool = True) -> Value | None:
    hook = _lookup_hook(frame, value) if hooked and name in ("__class__", "__dict__") else None
    if hook is not None:
        return call(frame, hook, (value, frame.pool.const(name)))
    if name == "__dict__" and isinstance(value, _WITH_DICT):
        marker: Value = frame.pool.make(Builtin, "__dict__()", value)
        return marker
    use(frame, value)
    if isinstance(value, Known):
        return _of_known(frame, value, name, hooked=hooked)
    if isinstance(value, Instance):
        return _of_instance(frame, value, name, hooked=hooked)
    if isinstance(value, Super):
        return _of_super(frame, value, name)
    if isinstance(value, LocalClass):
        return _of_local(frame, value, value, name, None, hooked=hooked)
    if isinstance(value, Local):
        held = frame.analysis.read(value.site, ("attr", name), frame, frame.index)
        if name == "__doc__" and held is None and (node := frame.analysis.node(value)) is not None:
            node.shows_doc = True
        if name == "__get__" and held is None:
            getter: Value = frame.pool.make(Builtin, name, value)
            return getter
        return held or frame.unknown_value(f"attribute {name} of a function made here")
    if isinstance(value, Bound) and name in ("__func__", "__self__"):
        return value.function if name == "__func__" else value.receiver
    if isinstance(value, Bound) and (name == "__doc__" or not class_has(MethodType, name)):
        return of_member(frame, value.function, name)  # as methods do
    if isinstance(value, Partial) and name == "func":
        return value.function
    if isinstance(value, Partial) and name in ("args", "keywords"):
        for item in value.args:
            consume(frame, item)
    if isinstance(value, _STRANGE):
        return _of_unknown(frame, value, name)
    if isinstance(value, _PLAIN):
        if not _may_have(value, name):
            return None  # it raises AttributeError, so nothing comes of it
        found: Value = frame.pool.make(Builtin, name, value)
        return found
    return frame.unresolved(f"attribute {name} of {type(value).__name__.lower()}")


def _lookup_hook(frame: Frame, value: Value) -> Value | None:
    """The `__getattribute__` of user code by which all attributes of *value* are read."""
    if isinstance(value, Instance):
        return user_hook(frame, value.cls, "__getattribute__")
    if isinstance(value, Known) and is_data(value.obj):
        cls = frame.analysis.get("type", value.ref, None)
        if isinstance(cls, Known) and wall_of(cls.obj) is None:
            return user_hook(frame, cls, "__getattribute__")
    return None


_STANDS_FOR: dict[str, tuple[type, ...]] = {
    "list": (list, collections.deque),
    "dict": (dict, collections.OrderedDict, collections.Counter, collections.defaultdict),
    "set": (set,),
    "frozenset": (frozenset,),
    "tuple": (tuple,),
}


def _may_have(value: Value, name: str) -> bool:
    """Whether a container or constant can have such an attribute at all."""
    kinds: tuple[type, ...] = ()
    if isinstance(value, Heap):
        kinds = _STANDS_FOR.get(value.kind, ())
    elif isinstance(value, Const):
        kinds = (type(value.obj),)
    elif isinstance(value, Text):
        kinds = (str,)
    elif isinstance(value, Tuple):
        kinds = (tuple,)
    return not kinds or any(class_has(kind, name) for kind in kinds)


def _of_unknown(frame: Frame, value: Value, name: str) -> Value | None:
    """Whatever went out of sight may have come back."""
    # One value for all such, or chains of them would never end.
    if is_plain(value):
        plain: Value = frame.pool.make(Builtin, name, value)
        return plain
    if isinstance(value, Builtin):
        if value.name in MARKERS:
            marked: Value = frame.pool.make(Builtin, name, value)
            return marked
        escape(frame, value.receiver)
    if getattr(value, "receiver", UNKNOWN) is UNKNOWN and frame.analysis.guesses is not None:
        guessed = frame.analysis.guesses.of_unknown(frame)
        if guessed:
            return frame.pool.join(*[of_member(frame, member, name) for member in guessed])
    if name == "__dict__":  # which all have: what is asked of that is asked of each
        table: Value = frame.pool.make(Builtin, "__dict__()", UNKNOWN)
        return table
    found = frame.analysis.strangers[frame.far].ask(frame, name)
    return frame.pool.join(found, frame.pool.make(Builtin, name, UNKNOWN))


def _of_known(frame: Frame, value: Known, name: str, *, hooked: bool) -> Value | None:
    obj = value.obj
    if is_module(obj):
        return _of_module(frame, value, name)
    if is_memoized(obj):
        return _of_memoized(frame, value, name)
    if is_class(obj):
        return _of_class(frame, value, name, hooked=hooked)
    if type(obj) is FunctionType or type(obj) in MEMBERS:
        return _of_member_holder(frame, value, name)
    if type(obj) in _MODELLED:
        if not class_has(type(obj), name):
            return None
        found: Value = frame.pool.make(Builtin, name, value)
        return found
    return _of_object(frame, value, name, hooked=hooked)


def _of_module(frame: Frame, value: Known, name: str) -> Value | None:
    analysis = frame.analysis
    site = ("global", id(globals_of(value.obj)))
    stored = analysis.read(site, name, frame, frame.index)
    stored = analysis.pool.join(stored, analysis.read(site, None, frame, frame.index))
    if value.obj is sys and name == "modules":
        marker: Value = frame.pool.make(Builtin, "sys.modules()", UNKNOWN)
        return marker
    found = analysis.get(_op_of_module(value.obj, name), value.ref, name)
    if found is not None:
        frame.resolved(found)
        if is_data(found.obj) and owner_of(value.obj) == STDLIB:
            # `os.environ`, `sys.path`: not the program's, and other in each process.
            frame.meet(found)
            frame.depend(
                analysis.foreign_node(STDLIB, f"{value.obj.__name__}:{name}"), f"global {name}"
            )
            return analysis.pool.join(frame.unknown_value(f"{value.obj.__name__}.{name}"), stored)
        return analysis.pool.join(frame.touch(found, f"global {name}"), stored)
    frame.depend(analysis.absent(), f"attribute {name}")
    if stored is not None:
        return stored
    hook = analysis.get("attr", value.ref, "__getattr__")
    if hook is not None and owner_of(value.obj) is None:
        frame.touch(hook, "attribute __getattr__")
        return call(frame, hook, (frame.pool.const(name),))
    return frame.unresolved(f"attribute {name} of module {value.obj.__name__}")


def _op_of_module(module: Any, name: str) -> str:
    """A package's submodule is an attribute of it only once it is loaded."""
    names = module_namespace(module)
    if "__path__" in names and (name not in names or is_module(names[name])):
        return "submodule"
    return "attr"


def _of_memoized(frame: Frame, value: Known, name: str) -> Value | None:
    wrapped = unwrap_memoized(frame, value)
    if name == "__wrapped__":
        return wrapped
    if name in NAMES or name in OF_FUNCTIONS or name == "__doc__":  # it has those of its function
        return attribute(frame, wrapped, name)
    # A method of the memoized function, such as `recompute`: it may run the function.
    escape(frame, wrapped)
    return frame.unknown_value(f"attribute {name} of a memoized function")


def unwrap_memoized(frame: Frame, value: Known) -> Value:
    """A memoized function stands for its function and its `version`."""
    analysis = frame.analysis
    frame.touch(analysis.get("member", value.ref, "version"), "version")
    wrapped = analysis.get("member", value.ref, "__wrapped__")
    if wrapped is None:
        return frame.unresolved("a memoized function without its function")
    frame.touch(wrapped, "memoized function")
    return wrapped


def _of_member_holder(frame: Frame, value: Known, name: str) -> Value | None:
    """Functions, methods, partials, properties, ...: what CPython's own types hold."""
    analysis = frame.analysis
    stored = analysis.read(("object", id(value.obj)), ("attr", name), frame, frame.index)
    found = analysis.get("member", value.ref, name)
    if found is not None:
        return analysis.pool.join(frame.touch(found, name), stored)
    if stored is not None:
        return stored
    if type(value.obj) is MethodType and (name == "__doc__" or not class_has(MethodType, name)):
        function = frame.touch(analysis.get("member", value.ref, "__func__"), "__func__")
        return attribute(frame, function or UNKNOWN, name)
    if name == "__call__":
        return value
    if name == "__globals__":
        # What is put there by a name that nobody knows is not followed.
        table: Value = frame.pool.make(Heap, "dict", ("globals of", value))
        return table
    if name in OF_FUNCTIONS:
        look(frame, value)
    bound: Value = frame.pool.make(Builtin, name, value)
    return bound


def _of_class(frame: Frame, value: Known, name: str, *, hooked: bool) -> Value | None:
    analysis = frame.analysis
    stored = analysis.read(("object", id(value.obj)), ("attr", name), frame, frame.index)
    stored = analysis.pool.join(stored, _rebound(frame, name, value))
    meta = analysis.get("type", value.ref, None)
    assert isinstance(meta, Known)
    if hooked and wall_of(meta.obj) is None:
        hook = user_hook(frame, meta, "__getattribute__")
        if hook is not None:
            return _by_hook(frame, hook, meta, value, name)
    from_meta = analysis.get("mro", meta.ref, name)
    if (
        isinstance(from_meta, Known)
        and _is_data_descriptor(from_meta.obj)
        and namespace(type).get(name) is not from_meta.obj  # what `type` itself says is followed
    ):
        return bind(frame, from_meta, value, meta)
    if name in _LINEAGE and from_meta is not None and from_meta.obj is namespace(type)[name]:
        return _lineage(frame, value, name)
    if name in NAMES_OF_CLASSES and from_meta is not None and _is_named_by_itself(value.obj):
        if from_meta.obj is namespace(type)[name] and stored is None:
            named = frame.touch(analysis.get("member", value.ref, name), name)
            for base in mro(value.obj)[:-1]:
                if analysis.read((DERIVED, id(base)), "elem", frame, frame.index) is not None:
                    return analysis.pool.join(named, _some_name(frame))
            return named
    if name == "__call__" and isinstance(from_meta, Known) and type(from_meta.obj) is FunctionType:
        return bind(frame, from_meta, value, meta)
    if name in ("__subclasses__", "mro", "__call__", "__new__") and isinstance(from_meta, Known):
        if analysis.get("mro", value.ref, name) is None or name == "__subclasses__":
            found: Value = frame.pool.make(Builtin, name, value)
            return found
    if _is_enum(value.obj) and owner_of(value.obj) is None:
        return analysis.pool.join(_of_enum(frame, value, name), stored)
    raw = analysis.get("mro", value.ref, name)
    if raw is not None:
        return analysis.pool.join(bind(frame, raw, None, value), stored)
    frame.depend(analysis.absent(), f"attribute {name}")
    if from_meta is not None:
        return bind(frame, from_meta, value, meta)
    if stored is not None:
        return stored
    if owner_of(value.obj) is not None:
        return frame.unknown_value(f"attribute {name} of {name_of(value.obj)}")
    return _by_getattr_hook(frame, meta, value, name) or frame.unresolved(
        f"attribute {name} of class {name_of(value.obj)}"
    )


def _some_name(frame: Frame) -> Value:
    """The name of some class: a text, whichever."""
    from dumbo.tracing.containers import instance_of  # a cycle: unpacking follows attributes

    return instance_of(frame, str)


def _is_named_by_itself(cls: type) -> bool:
    """Whether the type of a value that is taken for one of *cls* has the name of *cls*.

    What is caught may be of a class that derives from it, and so may an object of a library's; and
    where a class stands for more classes than are looked at, these have other names, too.
    """
    return owner_of(cls) is None and not issubclass(cls, BaseException)


_LINEAGE = ("__mro__", "__bases__", "__base__")


def _lineage(frame: Frame, value: Known, name: str) -> Value | None:
    """The classes that a class is made of, each as it is reached from there."""
    found = frame.analysis.get("lineage", value.ref, name)
    if found is None:
        return frame.unresolved(f"attribute {name}")
    frame.touch(found, f"attribute {name}")
    items = [frame.analysis.get("item", found.ref, place) for place in range(len(found.obj) + 1)]
    classes = tuple(
        frame.touch(item, f"{name} {place}") or UNKNOWN
        for place, item in enumerate(items)
        if item is not None
    )
    if name == "__base__":
        return classes[0] if classes else frame.pool.const(None)
    from dumbo.tracing.containers import make_tuple  # a cycle: unpacking follows attributes

    return make_tuple(frame, classes)


def _is_enum(cls: type) -> bool:
    return any(fingerprint.qualified_name(base) == b"enum:Enum" for base in mro(cls))


def _of_enum(frame: Frame, value: Known, name: str) -> Value | None:
    analysis = frame.analysis
    members = analysis.get("mro", value.ref, "_member_map_")
    if isinstance(members, Known) and type(members.obj) is dict and name in members.obj:
        return frame.touch(analysis.get("item", members.ref, name), f"member {name}")
    raw = analysis.get("mro", value.ref, name)
    if raw is not None:
        return bind(frame, raw, None, value)
    consume(frame, value)
    return frame.unknown_value(f"attribute {name} of an enum")


def _of_object(frame: Frame, value: Known, name: str, *, hooked: bool) -> Value | None:
    """An attribute of a live instance: of a user class, a library's, or a partial."""
    analysis = frame.analysis
    cls = analysis.get("type", value.ref, None)
    assert isinstance(cls, Known)
    if name == "__class__" and not _tells_class(cls):
        return frame.touch(cls, "type")
    if owner_of(cls.obj) is not None and not _is_plain_holder(cls.obj):
        consume(frame, value)
        found: Value = frame.pool.make(Builtin, name, value)
        return found
    if is_thread_local(cls.obj) and not may_be_read(cls.obj):
        consume(frame, value)  # which says that it cannot
    if analysis.depth(value.ref) > PATH:
        consume(frame, value)
        return frame.unresolved(f"attribute {name}, too many fields deep")
    stored = analysis.read(("object", id(value.obj)), ("attr", name), frame, frame.index)
    stored = analysis.pool.join(stored, _rebound(frame, name, value))
    hook = user_hook(frame, cls, "__getattribute__") if hooked else None
    if hook is not None:
        return _by_hook(frame, hook, cls, value, name)
    raw = analysis.get("mro", cls.ref, name)
    if isinstance(raw, Known) and _is_data_descriptor(raw.obj):
        if name in _OF_MEMBERS and _is_enum(cls.obj) and owner_of(raw.obj.fget) is not None:
            name = _OF_MEMBERS[name]  # past the library's property; the other members are not asked
        elif type(raw.obj) is not MemberDescriptorType and type(raw.obj) is not TupleField:
            return bind(frame, raw, value, cls)
    field = analysis.get("field", value.ref, name)
    if field is not None:
        return analysis.pool.join(frame.touch(field, f"field {name}"), stored)
    frame.depend(analysis.absent(), f"field {name}")
    if raw is not None:
        return analysis.pool.join(bind(frame, raw, value, cls), stored)
    if stored is None and hooked:
        stored = _by_getattr_hook(frame, cls, value, name)
    return stored or _unfound(frame, cls, name)


def _is_plain_holder(cls: type) -> bool:
    return fingerprint.qualified_name(cls) in _PLAIN_HOLDERS


def _unfound(frame: Frame, cls: Known, name: str) -> Value:
    if any(owner_of(base) for base in mro(cls.obj)[:-1]):
        return frame.unknown_value(f"attribute {name} of a library's class")
    return frame.unresolved(f"attribute {name} of {name_of(cls.obj)}")


def _of_instance(frame: Frame, value: Instance, name: str, *, hooked: bool) -> Value | None:
    """As what it was made, and as what an assignment to `__class__` may have made of it."""
    found = _of_instance_of(frame, value, name, hooked=hooked)
    for cls in each(frame.analysis.read(SWAPPED, "elem", frame, frame.index)):
        if isinstance(cls, Known | LocalClass) and cls is not value.cls:
            if name == "__class__" or defines(frame, cls, name):
                other = frame.pool.make(Instance, cls, value.site)
                held = _of_instance_of(frame, other, name, hooked=hooked)
                found = frame.pool.join(found, held)
    return found


def _of_instance_of(frame: Frame, value: Instance, name: str, *, hooked: bool) -> Value | None:
    if name == "__class__" and not _tells_class(value.cls):
        return value.cls
    if isinstance(value.cls, LocalClass):
        return _of_local(frame, value.cls, value.cls, name, value, hooked=hooked)
    assert isinstance(value.cls, Known)
    analysis, cls = frame.analysis, value.cls
    if wall_of(cls.obj) is not None:
        held = analysis.read(value.site, ("attr", name), frame, frame.index)
        if cls.obj in _MODELLED and not class_has(cls.obj, name):
            return held
        if held is not None and value.site[0] == ENTRY_POINT:
            return held  # which cannot be written to
        found: Value = frame.pool.make(Builtin, name, value)
        return frame.pool.join(held, found)
    hook = user_hook(frame, cls, "__getattribute__") if hooked else None
    if hook is not None:
        return _by_hook(frame, hook, cls, value, name)
    raw = analysis.get("mro", cls.ref, name)
    if isinstance(raw, Known) and _is_data_descriptor(raw.obj):
        if type(raw.obj) is TupleField and base_of(value) is tuple:
            consume(frame, raw)  # for its place
            return field_of(frame, value, name)
        if type(raw.obj) is not MemberDescriptorType:
            return bind(frame, raw, value, cls)
        raw = None
    held = _fields(frame, value, name)
    if raw is None:
        frame.depend(analysis.absent(), f"attribute {name}")
        if held is None and hooked:
            held = _by_getattr_hook(frame, cls, value, name)
        return held or _missing(frame, value, name)
    return analysis.pool.join(bind(frame, raw, value, cls), held)


def _tells_class(cls: Value) -> bool:
    """Whether its objects say themselves, by a property `__class__`, of which class they are."""
    return isinstance(cls, Known) and any("__class__" in namespace(b) for b in mro(cls.obj)[:-1])


def _fields(frame: Frame, value: Instance, name: str) -> Value | None:
    """What is written to a field: here, or through some instance of which no more is known."""
    analysis = frame.analysis
    held = analysis.read(value.site, ("attr", name), frame, frame.index)
    if isinstance(value.cls, Known):
        shared = ("class", id(value.cls.obj))
        if shared != value.site:
            held = analysis.pool.join(
                held, analysis.read(shared, ("attr", name), frame, frame.index)
            )
        if value.site[0] == "argument":
            # It may be the same object as another one that came with the call.
            alias = (ALIAS, id(value.cls.obj))
            held = analysis.pool.join(
                held, analysis.read(alias, ("attr", name), frame, frame.index)
            )
    anything = analysis.read(value.site, ("attr", None), frame, frame.index)
    return analysis.pool.join(held, anything, _rebound(frame, name, value))


def _rebound(frame: Frame, name: str, receiver: Value) -> Value | None:
    """What the program itself puts into an attribute *name* of the class, or of a base of it.

    Parameters:
        receiver: the class itself, or an instance of it.
    """
    analysis = frame.analysis
    changed = analysis.slots(REBOUND, frame, frame.index)
    if not changed:
        return None
    cls = _class_behind(receiver)
    order = frozenset(map(id, mro(cls))) if cls is not None else frozenset(changed)
    is_bound = not (isinstance(receiver, Known) and is_class(receiver.obj))
    found: Value | None = None
    for place in [place for place in changed if place in order]:
        for slot in (name, None):
            held = analysis.read((REBOUND, place), ("attr", slot), frame, frame.index)
            for member in each(held):
                is_function = isinstance(member, Local) or (
                    isinstance(member, Known) and type(member.obj) is FunctionType
                )
                if is_function and is_bound:
                    found = frame.pool.join(found, frame.pool.make(Bound, member, receiver))
                found = frame.pool.join(found, member)
    return found


def _class_behind(value: Value) -> type | None:
    if isinstance(value, Known):
        found: type = value.obj if is_class(value.obj) else type(value.obj)
        return found
    if isinstance(value, Instance) and isinstance(value.cls, Known) and not value.vague:
        cls: type = value.cls.obj
        return cls
    return None


def _missing(frame: Frame, value: Instance, name: str) -> Value | None:
    """A field that nobody writes: maybe nobody has written it yet."""
    assert isinstance(value.cls, Known)
    if any(map(_sets_fields, mro(value.cls.obj)[:-1])):
        # A library's base class may set it, and may call what the subclass overrides.
        escape(frame, value, SPECIAL)
        found: Value = frame.pool.make(Builtin, name, value)
        return found
    reason = f"attribute {name} of {name_of(value.cls.obj)}"
    if frame.analysis.partial and value.site[0] == "class" and not is_exposed(frame, value.site):
        # It was made by code that was seen, none of which sets the field: this raises.
        frame.unresolved(reason)
        return None
    if frame.analysis.guesses is not None:
        frame.analysis.guesses.field(frame, value, name)
    return frame.await_or(lambda: frame.unresolved(reason))


def _sets_fields(base: type) -> bool:
    """Whether a class that is not looked into may set fields: what builtins hold, they declare."""
    if wall_of(base) is None:
        return False
    name = fingerprint.qualified_name(base).decode("utf-8", "replace")
    return name not in PLAIN_BASES and not name.startswith("builtins:")


def _of_local(
    frame: Frame,
    cls: LocalClass,
    owner: Value,
    name: str,
    receiver: Value | None,
    *,
    hooked: bool,
) -> Value | None:
    analysis = frame.analysis
    held: Value | None = None
    lookup, otherwise = _hooks_of_local(frame, cls, receiver) if hooked else ([], [])
    if lookup:
        return _ask(frame, [*lookup, *otherwise], name)
    if isinstance(receiver, Instance):
        held = analysis.read(receiver.site, ("attr", name), frame, frame.index)
        anything = analysis.read(receiver.site, ("attr", None), frame, frame.index)
        held = frame.pool.join(held, anything)
    for one in linearised(cls):
        found = _in_namespace(frame, one, owner, name, receiver)
        if found is not None:
            if receiver is None and _is_local_member(frame, cls, found):
                found = frame.pool.make(Instance, cls, ("instance", cls.site))
            return frame.pool.join(held, found)
    if receiver is None:
        from dumbo.tracing import class_hooks  # a cycle: it reads attributes

        of_meta = class_hooks.of_metaclass(frame, cls, name)
        if of_meta:
            return frame.pool.join(held, *of_meta)
    if held is None and otherwise:
        return _ask(frame, otherwise, name)
    return held or frame.await_or(lambda: frame.unresolved(f"attribute {name} of a local class"))


def _hooks_of_local(
    frame: Frame, cls: LocalClass, receiver: Value | None
) -> tuple[list[Value], list[Value]]:
    """The `__getattribute__` and `__getattr__` by which attributes of it are read, bound."""
    found: list[list[Value]] = []
    for name in ("__getattribute__", "__getattr__"):
        if receiver is None:
            from dumbo.tracing import class_hooks  # a cycle: it reads attributes

            found.append(class_hooks.of_metaclass(frame, cls, name))
        else:
            own = of_local_class(frame, cls, name, receiver)
            found.append([one for one in each(own) if _is_user_method(one)] if own else [])
    return found[0], found[1]


def _is_user_method(value: Value) -> bool:
    if not isinstance(value, Bound):
        return False
    function = value.function
    return isinstance(function, Local) or (
        isinstance(function, Known) and wall_of(function.obj) is None
    )


def _ask(frame: Frame, hooks: list[Value], name: str) -> Value | None:
    asked = frame.pool.const(name)
    return frame.pool.join(*[call(frame, hook, (asked,)) for hook in hooks])


def _is_local_member(frame: Frame, cls: LocalClass, held: Value) -> bool:
    """Whether what stands in the body of a class is a member of an enumeration."""
    if isinstance(held, Local | Bound):
        return False
    kinds = [one.obj for one in linearised(cls) if isinstance(one, Known) and is_class(one.obj)]
    return any(map(_is_enum, kinds))


def _in_namespace(
    frame: Frame, base: Value, owner: Value, name: str, receiver: Value | None
) -> Value | None:
    """What one class of an order of look-up has under *name*, bound; None if it has nothing."""
    if isinstance(base, LocalClass):
        own = frame.analysis.read(base.site, name, frame, frame.index)
        bound = [_bind_local(frame, raw, receiver, owner) for raw in each(own)]
        return frame.pool.join(*bound) if bound else None
    if isinstance(base, Known) and is_class(base.obj) and base.obj is not object:
        raw = frame.analysis.get("mro", base.ref, name)
        return bind(frame, raw, receiver, owner) if raw is not None else None
    return None


def _bind_local(frame: Frame, raw: Value, receiver: Value | None, owner: Value) -> Value | None:
    if isinstance(raw, Local):
        bound: Value = raw if receiver is None else frame.pool.make(Bound, raw, receiver)
        return bound
    if isinstance(raw, Instance) and isinstance(raw.cls, Known):
        held = frame.analysis.read(raw.site, "function", frame, frame.index)
        if raw.cls.obj is staticmethod:
            return held
        if raw.cls.obj is classmethod and held is not None:
            found: Value = frame.pool.make(Bound, held, owner)
            return found
        if raw.cls.obj is property and held is not None and receiver is not None:
            return call(frame, held, (receiver,))
    if isinstance(raw, Known) and type(raw.obj) is FunctionType and receiver is not None:
        method: Value = frame.pool.make(Bound, raw, receiver)
        return method
    getters = special(frame, raw, "__get__") if isinstance(raw, Instance | Known) else []
    if getters:
        given = receiver or frame.pool.const(None)
        return frame.pool.join(*[call(frame, getter, (given, owner)) for getter in getters])
    return raw


def _of_super(frame: Frame, value: Super, name: str) -> Value | None:
    cls = value.cls
    if isinstance(cls, LocalClass):
        kind = value.receiver.cls if isinstance(value.receiver, Instance) else value.receiver
        for base in after(cls, kind):
            found = _in_namespace(frame, base, cls, name, value.receiver)
            if found is not None:
                return found
        return frame.unknown_value(f"super().{name}")
    assert isinstance(cls, Known)
    raw = frame.analysis.get("super", cls.ref, (value.index, name))
    if raw is None:
        frame.depend(frame.analysis.absent(), f"super().{name}")
        return frame.unknown_value(f"super().{name}")
    receiver: Value | None = value.receiver
    owner: Value = cls
    if isinstance(receiver, Known) and is_class(receiver.obj):
        owner, receiver = receiver, receiver
        if type(getattr(raw, "obj", None)) is FunctionType:
            receiver = None
    return bind(frame, raw, receiver, owner)


def bind(frame: Frame, raw: Value, receiver: Value | None, owner: Value) -> Value | None:
    """What reading the class attribute *raw* gives: a method, a property's value, itself."""
    if not isinstance(raw, Known):
        return raw
    analysis, obj = frame.analysis, raw.obj
    op, _, arg = analysis.program[raw.ref]
    frame.touch(raw, describe(op, arg) if op in ("mro", "super") else "attribute")
    if type(obj) is FunctionType or is_memoized(obj):
        bound: Value = raw if receiver is None else frame.pool.make(Bound, raw, receiver)
        return bound
    if type(obj) is staticmethod:
        return frame.touch(analysis.get("member", raw.ref, "__func__"), "staticmethod")
    if type(obj) is classmethod:
        function = frame.touch(analysis.get("member", raw.ref, "__func__"), "classmethod")
        made: Value = frame.pool.make(Bound, function, owner)
        return made
    if type(obj) in (property, functools.cached_property):
        return _of_property(frame, raw, receiver)
    if is_class(obj) or type(obj) in fingerprint.ATOMS or type(obj) in _MODELLED:
        return raw
    if receiver is None and type(obj) is MemberDescriptorType:
        return raw
    if type(obj) in (MemberDescriptorType, GetSetDescriptorType):
        if any(namespace(type)[name] is obj for name in ("__name__", "__qualname__")):
            return _some_name(frame)
        return frame.unknown_value("a slot")
    getter = user_hook(frame, analysis.get("type", raw.ref, None), "__get__")
    if getter is not None:
        none = frame.pool.const(None)
        return call(frame, getter, (raw, receiver or none, owner))
    if type(obj) is ClassMethodDescriptorType:  # such as `dict.fromkeys`
        made = frame.pool.make(Builtin, obj.__name__, owner)
        return made
    if type(obj) in fingerprint.C_FUNCTIONS and receiver is not None:
        name = getattr(obj, "__name__", "")
        found: Value = frame.pool.make(Builtin, name, receiver)
        return found
    if class_has(type(obj), "__get__") and receiver is not None:
        escape(frame, raw)
        escape(frame, receiver)
        return frame.unknown_value(f"a descriptor of type {name_of(type(obj))}")
    return raw


def _of_property(frame: Frame, raw: Known, receiver: Value | None) -> Value | None:
    if receiver is None:
        return raw
    name = "fget" if type(raw.obj) is property else "func"
    getter = frame.analysis.get("member", raw.ref, name)
    if getter is None or (isinstance(getter, Known) and getter.obj is None):
        return frame.unknown_value("a property without a getter")
    frame.touch(getter, "property")
    return call(frame, getter, (receiver,))


def _is_data_descriptor(obj: Any) -> bool:
    if type(obj) in (property, MemberDescriptorType, GetSetDescriptorType):
        return True
    return any("__set__" in namespace(cls) for cls in mro(type(obj)))


def user_hook(frame: Frame, cls: Value | None, name: str) -> Value | None:
    """A special method that user code defines on *cls*, or None."""
    if not isinstance(cls, Known):
        return None
    raw = frame.analysis.get("mro", cls.ref, name)
    if isinstance(raw, Known) and type(raw.obj) in (FunctionType, MethodType):
        if wall_of(raw.obj) is None:
            frame.touch(raw, f"attribute {name}")
            return raw
    return None


def _by_hook(frame: Frame, hook: Value, cls: Known, receiver: Value, name: str) -> Value | None:
    """What a `__getattribute__` gives, and, where it may raise, the `__getattr__` beside it."""
    found = call(frame, hook, (receiver, frame.pool.const(name)))
    return frame.pool.join(found, _by_getattr_hook(frame, cls, receiver, name))


def _by_getattr_hook(frame: Frame, cls: Known, receiver: Value, name: str) -> Value | None:
    hook = user_hook(frame, cls, "__getattr__")
    if hook is None:
        return None
    return call(frame, hook, (receiver, frame.pool.const(name)))


def special(frame: Frame, value: Value, name: str) -> list[Value]:
    """The special methods *name* of user code that an operator on *value* calls, bound."""
    found: list[Value] = []
    for member in each(value):
        cls: Value | None
        if isinstance(member, Instance):
            cls = member.cls
        elif isinstance(member, LocalClass):
            from dumbo.tracing import class_hooks  # a cycle: it reads attributes

            found += class_hooks.of_metaclass(frame, member, name)
            continue
        elif not isinstance(member, Known):
            continue
        elif is_module(member.obj) or not _may_be_special(member.obj):
            continue
        else:
            cls = frame.analysis.get("type", member.ref, None)
        if isinstance(cls, LocalClass):
            own = of_local_class(frame, cls, name, member)
            found += [own] if own is not None else []
        elif isinstance(cls, Known) and wall_of(cls.obj) is None:
            raw = frame.analysis.get("mro", cls.ref, name)
            if raw is None:
                frame.depend(frame.analysis.absent(), f"attribute {name}")
            elif not (isinstance(raw, Known) and type(raw.obj) in _IN_C):
                bound = bind(frame, raw, member, cls)
                found += [bound] if bound is not None else []
    return found


def _may_be_special(obj: Any) -> bool:
    return type(obj) not in _MODELLED and type(obj) not in MEMBERS


def of_local_class(
    frame: Frame, cls: LocalClass, name: str, receiver: Value | None
) -> Value | None:
    """What a class of the program has under *name*, bound to *receiver*; None if it has nothing."""
    for one in linearised(cls):
        found = _in_namespace(frame, one, cls, name, receiver)
        if found is not None:
            return found
    return None


def call(frame: Frame, callee: Value, args: tuple[Value, ...]) -> Value | None:
    """Call with positional arguments; `calls` knows how."""
    from dumbo.tracing.calls import invoke  # a cycle by nature: attributes call, calls look up

    return invoke(frame, callee, args, ())


__all__ = [
    "Node",
    "attribute",
    "bind",
    "of_local_class",
    "of_member",
    "special",
    "unwrap_memoized",
    "user_hook",
]
