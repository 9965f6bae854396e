"""What is known of a test before it is made, and what it says of the variable tested.

A branch that cannot be taken is not followed. The truth of a constant, of a function or of
an instance without `__bool__` is known; that of live data is a lookup of its own, and so
part of the trace; an argument is known by its type alone. What the program changes itself
while it runs may be either.

Knows truth, identity and classes; must not know steps other than by their names.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import Any

from dumbo.tracing import fingerprint, given
from dumbo.tracing.annotations import instances
from dumbo.tracing.boundary import STDLIB, owner_of
from dumbo.tracing.frame import Frame, plan_of
from dumbo.tracing.lookup import (
    MEMBERS,
    TRUTHFUL,
    class_has,
    is_class,
    is_memoized,
    is_module,
    mro,
    namespace,
)
from dumbo.tracing.normal import raises
from dumbo.tracing.values import (
    UNKNOWN,
    Bound,
    Const,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Test,
    Text,
    Tuple,
    Value,
    each,
    is_plain,
)

Judge = Any  # Callable[[Value], bool | None]
_NONE = type(None)
_PLAIN = frozenset({int, float, complex, bool, str, bytes, list, dict, tuple, set, type(None)})
# Abstract classes of which the instances among builtin and library classes are known.
_ABSTRACT = frozenset({"abc", "collections.abc", "numbers"})


def is_true(frame: Frame, value: Value) -> bool | None:
    """Whether one member *value* counts as true; None if that is not known."""
    if isinstance(value, Const):
        return bool(value.obj)
    if isinstance(value, Known):
        return _live(frame, value)
    if isinstance(value, Tuple):
        return bool(value.items)
    if isinstance(value, Text):
        return True
    if isinstance(value, Local | LocalClass | Bound | Partial):
        return True
    if isinstance(value, Heap):
        return True if value.kind in ("generator", "coroutine") else None
    if isinstance(value, Instance):
        told = given.is_true(frame, value)
        return _instance(value.cls) if told is None else told
    return None


def _live(frame: Frame, value: Known) -> bool | None:
    obj = value.obj
    kind = type(obj)
    if kind in fingerprint.ATOMS and kind is not type(NotImplemented):
        return bool(obj)
    if kind in TRUTHFUL:
        changed = frame.analysis.read(("changed", id(obj)), "elem", frame, frame.index)
        if changed is not None:
            return None
        found = frame.touch(frame.analysis.get("truth", value.ref, None), "truth")
        return bool(found.obj) if isinstance(found, Known) else None
    if is_class(obj):
        return True if type(obj) is type else None
    if is_module(obj) or is_memoized(obj) or kind in MEMBERS or kind in fingerprint.C_FUNCTIONS:
        return True
    return _instance_of(kind)


def _instance(cls: Value) -> bool | None:
    if not isinstance(cls, Known):
        return None
    if cls.obj is _NONE:
        return False
    return _instance_of(cls.obj)


def _instance_of(cls: type) -> bool | None:
    """Objects of classes that define no truth of their own are true."""
    if any(owner_of(base) is not None for base in mro(cls)[:-1]):
        return None
    for base in mro(cls)[:-1]:
        if "__bool__" in namespace(base) or "__len__" in namespace(base):
            return None
    return True


def is_none(value: Value) -> bool | None:
    """Whether one member *value* is None."""
    if isinstance(value, Const | Known):
        return value.obj is None
    if isinstance(value, Instance):
        return isinstance(value.cls, Known) and value.cls.obj is _NONE
    if isinstance(value, Local | LocalClass | Bound | Partial | Tuple | Heap | Text):
        return False
    return None


# Types of which all objects there are can be told apart by their values.
SINGLE = frozenset({type(None), bool, type(...), type(NotImplemented)})


def is_single(frame: Frame, value: Value, single: object) -> bool | None:
    """Whether one member *value* is *single*, which is of one of these types."""
    if single is None:
        return is_none(value)
    if isinstance(value, Const | Known):
        return value.obj is single
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        kinds = mro(type(single)) if value.vague else (type(single),)
        if any(value.cls.obj is kind for kind in kinds):
            if type(single) is not bool and not value.vague:
                return True  # there is no other one
            told = given.is_true(frame, value)
            return None if told is None else told is single
        return False
    if isinstance(value, Local | LocalClass | Bound | Partial | Tuple | Heap | Text):
        return False
    return None


def is_not_class(value: Value, cls: type) -> bool:
    """Whether one member *value* is surely another object than the class *cls*.

    The type of an object is that of which it is taken for one, or a class that derives from it.
    """
    if isinstance(value, Known):
        return not (is_class(value.obj) and any(base is value.obj for base in mro(cls)))
    return isinstance(value, Const | Text | Tuple | Heap | Local | LocalClass | Bound | Partial)


def is_of(frame: Frame, value: Value, kinds: list[Value]) -> bool | None:
    """Whether one member *value* is an instance of one of *kinds*."""
    answers = [_is_of_one(frame, value, kind) for kind in kinds]
    if any(answer is True for answer in answers):
        return True
    return None if any(answer is None for answer in answers) else False


def ask(frame: Frame, kind: Value, value: Value) -> None:
    """Call what a class of user code says of what its instances and subclasses are."""
    from dumbo.tracing.attributes import bind, call, special  # a cycle: these test what they find

    for hook in ("__instancecheck__", "__subclasscheck__"):
        for method in special(frame, kind, hook):
            call(frame, method, (value,))
    if not isinstance(kind, Known) or not is_class(kind.obj) or owner_of(kind.obj) is not None:
        return
    if type(kind.obj) is not type:
        # This one is asked of the class itself, by its metaclass `ABCMeta`.
        raw = frame.analysis.get("mro", kind.ref, "__subclasshook__")
        if isinstance(raw, Known) and type(raw.obj) in (classmethod, staticmethod):
            hook_of_kind = bind(frame, raw, None, kind)
            if hook_of_kind is not None:
                call(frame, hook_of_kind, (_class_asked_for(frame, value),))


def _class_asked_for(frame: Frame, value: Value) -> Value:
    """The class of *value*, or *value* itself if it is one."""
    found: Value | None = None
    for member in each(value):
        if isinstance(member, Instance):
            found = frame.pool.join(found, member.cls)
        elif isinstance(member, Known) and is_class(member.obj):
            found = frame.pool.join(found, member)
        else:
            found = frame.pool.join(found, frame.unknown_value("a class"))
    return found or UNKNOWN


def _is_of_one(frame: Frame, value: Value, kind: Value) -> bool | None:
    cls = class_of(frame, value)
    if not isinstance(kind, Known) or not is_class(kind.obj):
        return None
    if is_plain(value) and type(kind.obj) is type and owner_of(kind.obj) is None:
        return False  # plain data holds no object of a class that is user code
    if cls is None:
        return None
    if type(kind.obj) is type or _is_plain_kind(frame, kind):
        if any(kind.obj is base for base in mro(cls)):
            return True
    elif not (_is_plain_abstract(kind.obj) and owner_of(cls) is not None):
        return None
    elif _is_registered(cls, kind.obj):
        return True
    return None if isinstance(value, Instance) and value.vague else False


def _is_plain_kind(frame: Frame, kind: Known) -> bool:
    """Whether only what derives from a class of user code with a metaclass is an instance of it."""
    if owner_of(kind.obj) is not None:
        return False
    found = frame.analysis.get("virtual", kind.ref, None)
    return found is not None and found.obj is False


def _is_plain_abstract(kind: type) -> bool:
    return owner_of(kind) == STDLIB and namespace(kind).get("__module__") in _ABSTRACT


@cache
def _is_registered(cls: type, kind: type) -> bool:
    """No user code runs: both are the standard library's, or a library's."""
    return issubclass(cls, kind)


def tells_class(kind: type) -> bool:
    """Whether objects of *kind* say themselves of which class they are, as proxies do."""
    return any("__class__" in namespace(base) for base in mro(kind)[:-1])


def class_of(frame: Frame, value: Value) -> type | None:
    """The class of which a member is an instance, if it is known."""
    if isinstance(value, Const):
        return type(value.obj)
    if isinstance(value, Known):
        kind = type(value.obj)
        return None if is_memoized(value.obj) or tells_class(kind) else kind
    if isinstance(value, Text):
        return str
    if isinstance(value, Tuple):
        return tuple
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        return None if tells_class(value.cls.obj) else value.cls.obj
    # A heap of kind "list" stands for a deque, too, and one of kind "dict" for an OrderedDict.
    return None


def has(frame: Frame, value: Value, name: str) -> bool | None:
    """Whether one member *value* has an attribute *name*."""
    analysis = frame.analysis
    if isinstance(value, Local):
        return True if class_has(FunctionType, name) else None
    if isinstance(value, Known):
        kind = type(value.obj)
        if is_module(value.obj):
            return True if analysis.get("attr", value.ref, name) is not None else None
        if kind is FunctionType or kind in fingerprint.C_FUNCTIONS:
            if class_has(kind, name):
                return True
            stored = analysis.read(("object", id(value.obj)), ("attr", name), frame, frame.index)
            held = kind is FunctionType and analysis.get("member", value.ref, name) is not None
            return held if stored is None else None
        if is_class(value.obj):
            return True if analysis.get("mro", value.ref, name) is not None else None
        if kind in _PLAIN:
            return class_has(kind, name)
        if analysis.get("field", value.ref, name) is not None:
            return True
        return _by_class(analysis.get("type", value.ref, None), name, frame)
    if isinstance(value, Instance):
        if isinstance(value.cls, Known) and value.cls.obj in _PLAIN and not value.vague:
            return class_has(value.cls.obj, name)
        return _by_class(value.cls, name, frame)
    if isinstance(value, Const):
        return hasattr(value.obj, name)
    return class_has(str, name) if isinstance(value, Text) else None


def _by_class(cls: Value | None, name: str, frame: Frame) -> bool | None:
    """A method or a plain value of the class is there, as is what all objects have; of all else
    nothing is known."""
    raw = frame.analysis.get("mro", cls.ref, name) if isinstance(cls, Known) else None
    if isinstance(raw, Known) and raw.obj is namespace(object).get(name):
        return True
    if isinstance(raw, Known) and not class_has(type(raw.obj), "__set__"):
        simple = type(raw.obj) in (FunctionType, staticmethod, classmethod)
        return True if simple or not class_has(type(raw.obj), "__get__") else None
    if isinstance(raw, Known) and type(raw.obj) is property:
        getter = frame.analysis.get("member", raw.ref, "fget")
        if isinstance(getter, Known) and type(getter.obj) is FunctionType:
            frame.touch(getter, "property")
            steps = plan_of(getter.obj.__code__).steps
            return None if any(map(raises, steps)) else True
    return None


def test(frame: Frame, operand: int, value: Value, judge: Judge) -> Value:
    """What a test of *value* gives, where *judge* says of each member what is known.

    Parameters:
        operand: which operand of this step is tested, counted down from the top.
    """
    from dumbo.tracing.containers import instance_of  # a cycle: attributes are tested

    yes, no = split(frame, value, judge)
    if yes is None or no is None:
        return frame.pool.const(yes is not None)
    variable = frame.plan.variable(frame.at, operand)
    if variable is None:
        return instance_of(frame, bool)
    made: Value = frame.pool.make(Test, variable, yes, no)
    return made


def split(frame: Frame, value: Value, judge: Judge) -> tuple[Value | None, Value | None]:
    """What *value* may be where the test holds, and where it does not."""
    members = each(value)
    answers = [judge(member) for member in members]
    yes = [m for m, answer in zip(members, answers, strict=True) if answer is not False]
    no = [m for m, answer in zip(members, answers, strict=True) if answer is not True]
    return frame.pool.join(*yes), frame.pool.join(*no)


def narrowed(frame: Frame, value: Value | None, kinds: list[Value]) -> Value | None:
    """*value* where it is known to be an instance of one of *kinds*: what is unknown is one."""
    known = [kind for kind in kinds if isinstance(kind, Known) and is_class(kind.obj)]
    user = [kind for kind in known if owner_of(kind.obj) is None]
    found: Value | None = None
    for member in each(value):
        if class_of(frame, member) is None and not isinstance(member, Heap) and user == kinds:
            for kind in user:
                found = frame.pool.join(found, *instances(frame, kind))
        else:
            found = frame.pool.join(found, member)
    return found


__all__ = ["Test", "class_of", "is_none", "is_of", "is_true", "narrowed", "split", "test"]
