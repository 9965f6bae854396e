"""Methods of containers, strings and library objects, by their names.

Knows what such a method does to its receiver; must not know callables that are no methods.
"""

from __future__ import annotations

from dumbo.tracing import (
    catching,
    descriptors,
    fingerprint,
    given,
    mentions,
    namespaces,
    plugins,
    properties,
    queries,
)
from dumbo.tracing.attributes import attribute
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.calls import (
    Arguments,
    build_class,
    construct_bare,
    construct_by_default,
    escape_all,
    invoke,
    out_of_sight,
)
from dumbo.tracing.class_hooks import finish_by_type
from dumbo.tracing.container_methods import (
    call_on_heap,
    call_on_live,
    call_on_text,
    compare_with,
    known_arguments,
)
from dumbo.tracing.containers import add, hashed, instance_of, make_heap, make_tuple, text_of
from dumbo.tracing.contents import is_resource
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.formatting import stringify
from dumbo.tracing.frame import Frame
from dumbo.tracing.impure import READING, STREAM
from dumbo.tracing.items import live_item, subscript
from dumbo.tracing.lookup import is_class, is_property, mro, namespace
from dumbo.tracing.namespaces import by_pattern, is_namespace
from dumbo.tracing.registry import MODELS
from dumbo.tracing.rows import iterator_over
from dumbo.tracing.storing import store_by_default
from dumbo.tracing.uses import SHOWN, SPECIAL, Use, by_module
from dumbo.tracing.values import (
    GROUPS,
    PLAIN,
    POINTS,
    UNKNOWN,
    Bound,
    Builtin,
    Const,
    Given,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Text,
    Tuple,
    Value,
    each,
    is_plain,
)
from dumbo.tracing.words import MAKING

_CHANGING = frozenset(
    "append appendleft extend extendleft insert remove pop popleft popitem clear sort reverse "
    "rotate add discard update setdefault move_to_end difference_update intersection_update "
    "symmetric_difference_update fill put resize setflags setfield itemset".split()
)
_CONTAINERS = (dict, list, set)
# What these are given, they keep, or the items that they take from it.
_KEEPING = frozenset("__init__ __setitem__ add append extend insert setdefault update".split())
_TAKING = frozenset({"__init__", "extend", "update"})
_READING = frozenset("__getitem__ get pop setdefault".split())


def call_method(frame: Frame, callee: Builtin, args: Arguments) -> Value | None:
    """Call a method known by its name only, on each thing that its receiver may be."""
    name, receiver = callee.name, callee.receiver
    written, direct = frame.written, frame.is_direct
    frame.is_direct = direct and isinstance(receiver, Heap)  # others may call back later
    try:
        found = [_call_method(frame, name, receiver, variant) for variant in args.spread_out()]
        return frame.pool.join(*found)
    finally:
        frame.written = written  # what it calls back, it may call or not
        frame.is_direct = direct


def _call_method(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    if name.endswith("()") or name == "__build_class__":
        return _call_marker(frame, name, receiver, args)
    mentions.use_in_method(frame, name, receiver, args.all())
    if name in queries.METHODS:
        queries.look_up(frame, args.all(), whole=False)
    if name in _CHANGING:
        frame.analysis.changes(receiver)
    return frame.pool.join(*[_call_on(frame, name, member, args) for member in each(receiver)])


def _call_marker(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    positional = args.positional
    if name == "__build_class__":
        return build_class(frame, args)
    if name in ("wraps()", "decorator()"):
        return positional[0] if positional else UNKNOWN
    if name == "class decorator()":
        return MODELS["dataclasses:dataclass"](frame, args)
    target = positional[-1] if positional else UNKNOWN
    if name == "methodcaller()" and text_of(positional[0]) is not None:
        method = attribute(frame, target, text_of(positional[0]) or "")
        return None if method is None else invoke(frame, method, positional[1:-1])
    if name == "attrgetter()":
        values: list[Value | None] = []
        for wanted in positional[:-1]:
            value: Value | None = target
            for part in (text_of(wanted) or "").split("."):
                value = attribute(frame, value, part) if value is not None else None
            values.append(value)
        return (
            values[0]
            if len(values) == 1
            else make_tuple(frame, tuple(v or UNKNOWN for v in values))
        )
    if name == "itemgetter()":
        items = [subscript(frame, target, key) for key in positional[:-1]]
        return (
            items[0] if len(items) == 1 else make_tuple(frame, tuple(i or UNKNOWN for i in items))
        )
    return out_of_sight(frame, args, f"call of {name}")


def _call_on(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    if name in descriptors.METHODS and args.positional and descriptors.handles(receiver, name):
        return descriptors.call(frame, receiver, name, args.positional)
    if name == "__subclasses__" and isinstance(receiver, Known):
        return _subclasses(frame, receiver)
    if name == "__new__" and args.positional:
        if len(args.positional) == 4:  # of `type`: the class, a name, its bases, a namespace
            finish_by_type(frame, *args.positional[2:])
        return construct_bare(frame, args.positional[0])
    if name == "__call__":
        is_made = isinstance(receiver, LocalClass)
        if is_made or (isinstance(receiver, Known) and is_class(receiver.obj)):
            return construct_by_default(frame, receiver, args)
        if isinstance(receiver, Instance) and _is_metaclass(receiver.cls):
            escape_all(frame, args)
            return frame.unknown_value("an instance of a class that was made by its metaclass")
        return invoke(frame, receiver, args)
    if name == "__getattribute__" and isinstance(receiver, Known) and args.positional:
        return _by_default(frame, receiver, args.positional[0])
    if name == "__dir__":
        return MODELS["builtins:dir"](frame, Arguments((receiver,), {}))
    if isinstance(receiver, Heap) and receiver.kind in (POINTS, GROUPS):
        return plugins.call_method(frame, name, receiver, args)
    if isinstance(receiver, Heap):
        return call_on_heap(frame, name, receiver, args)
    if isinstance(receiver, Tuple):
        compare_with(frame, name, receiver, args)
        for value in (*args.all(), *([receiver] if name.startswith("__") else ())):
            escape(frame, value, SPECIAL)
        if name in ("count", "index"):
            return instance_of(frame, int)
        return frame.unknown_value(f"the result of {name}")
    if isinstance(receiver, Const | Text) or _is_scalar(receiver):
        return call_on_text(frame, name, receiver, args)
    if isinstance(receiver, Known) and type(receiver.obj) in (dict, list, tuple, set, frozenset):
        return call_on_live(frame, name, receiver, args)
    if isinstance(receiver, Builtin) and is_namespace(receiver):
        return namespaces.call_method(frame, name, receiver, args)
    if is_plain(receiver):
        return _call_on_plain(frame, name, receiver, args)
    if isinstance(receiver, Local | Bound | Partial):
        if name in ("register", "cache_clear", "cache_info"):
            return args.positional[-1] if args.positional else UNKNOWN
        escape(frame, receiver)
        return out_of_sight(frame, args, f"method {name} of a function")
    if isinstance(receiver, Instance) and plugins.is_point(receiver):
        return plugins.call_on_point(frame, name, receiver, args)
    if isinstance(receiver, Instance):
        return _call_on_instance(frame, name, receiver, args)
    if isinstance(receiver, Known):
        if name == "__get__" and is_property(type(receiver.obj)) and args.positional:
            return properties.get(frame, receiver, args.positional[0])
        if namespace(type(receiver.obj)).get("__module__") == "logging":
            for value in args.all():
                stringify(frame, value, ("__str__", "__repr__"))
            return frame.pool.const(None)
        if name in READING and is_resource(receiver.obj):
            frame.remark(STREAM, f"{name} of {_name_of(type(receiver.obj))}")
        use = _use_by(type(receiver.obj))
        escape(frame, receiver, use)
        escape_all(frame, args, use)
        return frame.unknown_value(f"the result of {name}")
    return out_of_sight(frame, args, f"method {name} of {getattr(receiver, 'reason', 'a value')}")


def _is_metaclass(cls: Value) -> bool:
    # By identity: a metaclass may define ==.
    return isinstance(cls, Known) and is_class(cls.obj) and any(c is type for c in mro(cls.obj))


def _call_on_plain(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    """A method of plain data gives plain data, or what it is given."""
    for value in args.all():
        consume(frame, value)
        escape(frame, value, SPECIAL)
    if name in _CHANGING:
        given.put(frame, receiver, *args.all())
    known = known_arguments(args) if name in MAKING else None
    if known is not None and (places := given.made(receiver, name, known)):
        made_of: Value = frame.pool.make(Given, places)
        return made_of
    item = given.item(frame, receiver)
    if name in ("get", "pop", "setdefault"):
        return frame.pool.join(item, *args.positional[1:], frame.pool.const(None))
    if name in ("items", "values", "keys"):
        row = make_tuple(frame, (item, item)) if name == "items" else item
        return iterator_over(frame, row, name)
    return receiver if name == "copy" else PLAIN


def _use_by(cls: type) -> Use:
    """What a method of a library's class may call on what it is given."""
    return by_module(_name_of(cls).partition(":")[0])


def _name_of(cls: type) -> str:
    return fingerprint.qualified_name(cls).decode("utf-8", "replace")


def _is_scalar(value: Value) -> bool:
    if isinstance(value, Known):
        return type(value.obj) in fingerprint.ATOMS
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        return value.cls.obj in fingerprint.ATOMS
    return False


def _subclasses(frame: Frame, cls: Known) -> Value:
    found = frame.analysis.get("children", cls.ref, None)
    assert isinstance(found, Known)
    frame.touch(found, "subclasses")
    made = make_heap(frame, "list", ())
    for index in range(len(found.obj) + 1):  # that there is no other one is looked up too
        add(frame, made, live_item(frame, found, index))
    return made


def _call_on_instance(frame: Frame, name: str, receiver: Instance, args: Arguments) -> Value | None:
    """A method that a library's class defines, on a library's object or a user's subclass."""
    if name in ("append", "add", "put", "appendleft", "insert", "push"):
        for value in args.positional:
            frame.write(receiver.site, "elem", value)
    base = _definer_of(receiver, name)
    if base is object or (base is not None and issubclass(base, BaseException)):
        return _call_of_object(frame, name, receiver, args)
    if base is not None and any(base is kind for kind in _CONTAINERS):
        # What is made of such items is left to the observer, if there is one.
        if not frame.analysis.watched:
            return _call_of_container(frame, name, base, receiver, args)
    use = _use_by(base) if base is not None else None
    if name in ("__init__", "__init_subclass__"):
        escape_all(frame, args, use)
        escape(frame, receiver, use)
        return frame.pool.const(None)
    if name == "submit" and args.positional:
        rest = args._replace(positional=args.positional[1:])
        escape(frame, invoke(frame, args.positional[0], rest))
        for value in args.all():
            escape(frame, value, SPECIAL)
    else:
        escape_all(frame, args, use)
    escape(frame, receiver, use)
    return frame.unknown_value(f"the result of {name}")


def _call_of_container(
    frame: Frame, name: str, base: type, receiver: Instance, args: Arguments
) -> Value | None:
    """A method of a builtin container, on a user's subclass: it keeps what it is given.

    What subclasses override it does not call, if it is no special method.
    """
    use = _use_by(base)
    if name in _KEEPING:
        _keep(frame, name, base, receiver, args)
        for member in [member for value in args.positional for member in each(value)]:
            if name in _TAKING and not isinstance(member, Heap | Tuple | Const):
                escape(frame, member, use)  # such as the `keys` of a mapping
        if name != "setdefault":
            return frame.pool.const(None)
    else:
        escape_all(frame, args, use)
    escape(frame, receiver, SPECIAL)
    found = frame.unknown_value(f"the result of {name}")
    if name in _READING:
        held = frame.analysis.read(receiver.site, "elem", frame, frame.index)
        return frame.pool.join(found, held)
    return found


def _keep(frame: Frame, name: str, base: type, receiver: Instance, args: Arguments) -> None:
    """What a container of its own would hold after such a call, *receiver* holds."""
    kind = base.__name__
    kept: Heap = frame.pool.make(Heap, kind, (frame.site, frame.index, "kept by", kind))
    if name == "__setitem__":
        for slot, value in zip(("key", "elem"), args.positional, strict=False):
            frame.write(kept.site, slot, value)
        hashed(frame, *args.positional[:1])
    else:
        call_on_heap(
            frame,
            "extend" if base is list and name in _TAKING else "update" if name in _TAKING else name,
            kept,
            args,
        )
    for slot in frame.analysis.slots(kept.site, frame, frame.index):
        held = frame.analysis.read(kept.site, slot, frame, frame.index)
        frame.write(receiver.site, "key" if slot == "key" else "elem", held)
        if base is set:
            hashed(frame, *each(held))


def _definer_of(receiver: Instance, name: str) -> type | None:
    """The library's class whose method *name* is called on *receiver*."""
    if isinstance(receiver.cls, Known):
        for base in mro(receiver.cls.obj):
            if name in namespace(base) and owner_of(base) is not None:
                return base
    return None


def _by_default(frame: Frame, receiver: Value, name: Value) -> Value | None:
    """``object.__getattribute__(receiver, name)``: past what user code has put in its place."""
    found: Value | None = None
    for wanted in each(name):
        text = text_of(wanted)
        if text is not None:
            found = frame.pool.join(found, attribute(frame, receiver, text, hooked=False))
        else:
            found = frame.pool.join(found, by_pattern(frame, receiver, wanted))
    return found


def _call_of_object(frame: Frame, name: str, receiver: Instance, args: Arguments) -> Value | None:
    """A method of `object`, or of an exception: it keeps what it is given, and calls nothing."""
    positional = args.positional
    if name == "__setattr__" and len(positional) == 2:
        store_by_default(frame, receiver, text_of(positional[0]), positional[1])
        return frame.pool.const(None)
    if name == "__getattribute__" and positional:
        return _by_default(frame, receiver, positional[0])
    if catching.is_exception(receiver.cls):
        catching.keep(frame, args.all())
    for value in args.all():
        escape(frame, value, SHOWN)
    if name in ("__init__", "__init_subclass__", "__delattr__"):
        return frame.pool.const(None)
    return frame.unknown_value(f"the result of {name}")
