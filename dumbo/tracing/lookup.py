"""How one live object is reached from another: the steps that a trace is made of.

    op        base                   arg          reaches
    root      -                      number       the function (0), or a code root of the arguments
    module    -                      dotted name  what `sys.modules` holds
    global    function or module     name         a global, else a builtin
    attr      module                 name         a module's attribute, or its submodule
    mro       class                  name         what stands first along the MRO, not bound
    super     class                  (index, n)   the same, behind the class at *index* of the MRO
    type      instance               -            its class
    field     instance               name         its own attribute, in `__dict__` or a slot
    member    function, partial, ... name         what CPython's own types hold, by MEMBERS; of a
                                                  class, its name
    cell      function               number       the content of a cell
    default   function               number       a default of a positional parameter
    kwdefault function               name         a default of a keyword-only parameter
    item      dict, list, tuple      key          an item
    keys      dict                   -            the strings among its keys, in one string
    has       dict                   key          whether it has that key
    content   anything               -            itself, to be hashed as a whole
    coderoot  (content)              number       a function or class inside of hashed content
    children  class                  -            its subclasses, as a tuple
    lineage   class                  name         the classes in its `__mro__` or `__bases__`, or
                                                  the one that is its `__base__`, as a tuple
    registry  abstract class         -            what is registered with it, as a tuple
    virtual   class                  -            whether others may be of it than what derives from
                                                  it: by registries and hooks, of subclasses, too
    names     function, module,      (prefix,     the names it has between these ends, in one
              class                   suffix)     string: globals, or attributes along the MRO
    listing   anything               whole        all names in its `__dict__`, in one string; with
                                                  *whole*, those of its classes, too: see `listings`
    specials  class                  kind         which special methods it has: see `listings`
    kind      function or module     name         the class of a global
    referent  weak reference         -            what it refers to
    truth     dict, list, set, ...   -            whether there is anything in it
    table     dict                   digest       what is to be known of a hand-made cache that
                                                  code of this digest fills: see `tables`
    submodule package                name         its attribute of that name, else the module
                                                  that an import would put there
    dist      -                      path         a distribution's metadata, if it is there
    ambient   -                      "decimal"    its context in this thread: precision, rounding
    plugins   -                      group        the entry points that installed distributions
                                                  have in it, in one string

A lookup that fails reaches `ABSENT`, and that is a fact like any other: a guard
checks that it still fails. No lookup runs user code: no property, no
`__getattr__`, no import. This is `inspect.getattr_static`'s contract, without
the price of importing `inspect`, for this module lies on the hot road.

Knows the layout of live objects; must not know code, digests or the store.
"""

from __future__ import annotations

import builtins
import functools
import operator
import os
import sys
from _collections import _tuplegetter  # type: ignore[import-not-found]
from _weakref import ReferenceType
from itertools import islice
from types import (
    BuiltinFunctionType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    NoneType,
    WrapperDescriptorType,
)

from dumbo.arguments.threads import fields_of, is_thread_local
from dumbo.tracing.virtual import has_virtual_instances, registered_with

TupleField = _tuplegetter  # the getter of a named tuple's field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any


class _Absent:
    """The outcome of a lookup that finds nothing."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()

_mro_of = type.__dict__["__mro__"].__get__
_dict_of = type.__dict__["__dict__"].__get__
_module_dict = ModuleType.__dict__["__dict__"].__get__  # type: ignore[index]

# What CPython's own objects hold and may be asked for without running user code.
MEMBERS: dict[type, frozenset[str]] = {
    FunctionType: frozenset(
        {
            "__defaults__",
            "__doc__",
            "__kwdefaults__",
            "__module__",
            "__name__",
            "__qualname__",
            "__wrapped__",
            # From 3.14 on, annotations are made when they are read, by code of the user's.
            "__annotate__" if sys.version_info >= (3, 14) else "__annotations__",
        }
    ),
    MethodType: frozenset({"__func__", "__self__"}),
    BuiltinFunctionType: frozenset({"__self__", "__name__"}),
    MethodWrapperType: frozenset({"__self__", "__name__"}),
    staticmethod: frozenset({"__func__"}),
    classmethod: frozenset({"__func__"}),
    property: frozenset({"__doc__", "fget", "fset", "fdel"}),
    functools.partial: frozenset({"func", "args", "keywords"}),
    functools.partialmethod: frozenset({"func", "args", "keywords"}),
    functools.cached_property: frozenset({"func"}),
    functools.singledispatchmethod: frozenset({"func", "dispatcher"}),
    type(functools.lru_cache(lambda: None)): frozenset({"__wrapped__"}),
    operator.attrgetter: frozenset({"args"}),
    operator.itemgetter: frozenset({"args"}),
    operator.methodcaller: frozenset({"args"}),
}
NAMES_OF_CLASSES = frozenset({"__name__", "__qualname__"})
GETTERS = (operator.attrgetter, operator.itemgetter, operator.methodcaller)


def mro(cls: type) -> tuple[type, ...]:
    """The classes in which an attribute of *cls* is looked for, whatever its metaclass says."""
    found: tuple[type, ...] = _mro_of(cls)
    return found


_name_of = type.__dict__["__name__"].__get__


_qualname_of = type.__dict__["__qualname__"].__get__
_home_of = type.__dict__["__module__"].__get__


def qualname_of(cls: type) -> str:
    """The qualified name of a class, whatever a metaclass says of it."""
    found: str = _qualname_of(cls)
    return found


def home_of(cls: type) -> str:
    """The name of the module of a class, whatever a metaclass says of it."""
    try:
        found = _home_of(cls)
    except AttributeError:  # it was deleted
        return "builtins"
    return found if type(found) is str else "builtins"


def is_plainly_read(obj: object, *names: str) -> bool:
    """Whether to read these attributes of *obj* runs no code of a class of the user's."""
    for cls in mro(type(obj)):
        space = namespace(cls)
        hook = space.get("__getattribute__", _PLAIN_HOOK)
        if type(hook) is not WrapperDescriptorType or "__getattr__" in space:
            return False
        for name in names:
            if name in space and type(space[name]) not in _READ_BY_C:
                return False
    return True


_PLAIN_HOOK = _dict_of(object)["__getattribute__"]
_READ_BY_C = (str, NoneType, GetSetDescriptorType, MemberDescriptorType)


def name_of(cls: type) -> str:
    """The name of a class, whatever a metaclass says of it."""
    name: str = _name_of(cls)
    return name


def namespace(cls: type) -> Mapping[str, Any]:
    """The class's own attributes, not bound."""
    found: Mapping[str, Any] = _dict_of(cls)
    return found


def class_has(cls: type, name: str) -> bool:
    """Whether *cls* has an attribute, without asking its metaclass."""
    return any(name in namespace(base) for base in mro(cls))


def is_class(obj: object) -> bool:
    return issubclass(type(obj), type)


# By id, and kept alive under it: hashing a class may run its metaclass's code.
_known: dict[int, tuple[type, bool, bool]] = {}


def _traits(cls: type) -> tuple[type, bool, bool]:
    """The class, and whether its instances are modules, or memoized functions."""
    known = _known.get(id(cls))
    if known is None:
        order = mro(cls)
        memoized = any("__dumbo_memo__" in namespace(base) for base in order)
        known = (cls, any(base is ModuleType for base in order), memoized)
        if len(_known) < 10_000:
            _known[id(cls)] = known
    return known


def is_module(obj: object) -> bool:
    kind = type(obj)
    return (_known.get(id(kind)) or _traits(kind))[1]


def is_memoized(obj: object) -> bool:
    """Whether *obj* is what `memo` made: it stands for its function and its version."""
    kind = type(obj)
    return (_known.get(id(kind)) or _traits(kind))[2]


def draws_of(memoized: Any) -> tuple[str, int | None, str] | None:
    """The parameter of *memoized* that its calls may leave out, for dumbo to fill in; its place,
    and what its draws hang on."""
    found: tuple[str, int | None, str] | None = getattr(memoized, "__dumbo_draws__", None)
    return found


def version_of(memoized: Any) -> Any:
    """What a memoized function stands for besides its function."""
    draws = draws_of(memoized)
    return memoized.version if draws is None else f"{memoized.version}; draws {draws}"


def module_namespace(module: ModuleType) -> dict[str, Any]:
    found: dict[str, Any] = _module_dict(module)
    return found


def globals_of(base: Any) -> dict[str, Any]:
    """The global namespace that code of *base*, a function or a module, runs in."""
    if type(base) is FunctionType:
        return base.__globals__
    return module_namespace(base)


def builtins_of(namespace_: dict[str, Any]) -> Mapping[str, Any]:
    found = namespace_.get("__builtins__", builtins)
    return found if type(found) is dict else vars(found)


def instance_dict(obj: object) -> dict[str, Any] | None:
    """The instance's own `__dict__`, read past any property of that name; of a `threading.local`,
    this thread's.
    """
    if is_thread_local(type(obj)):
        return fields_of(obj)
    for cls in mro(type(obj)):
        found: Any = namespace(cls).get("__dict__")
        if type(found) in (GetSetDescriptorType, MemberDescriptorType):
            try:
                held = found.__get__(obj, type(obj))
            except (AttributeError, TypeError):
                return None
            return held if type(held) is dict else None
        if found is not None:
            return None
    return None


def _global(base: Any, name: str) -> Any:
    names = globals_of(base)
    if name in names:
        return names[name]
    return builtins_of(names).get(name, ABSENT)


def _attr(base: Any, name: str) -> Any:
    if not is_module(base):
        return ABSENT
    names = module_namespace(base)
    if name in names:
        return names[name]
    return sys.modules.get(f"{names.get('__name__')}.{name}", ABSENT)


def _mro(base: Any, name: str) -> Any:
    if not is_class(base):
        return ABSENT
    for cls in mro(base):
        found = namespace(cls)
        if name in found:
            return found[name]
    return ABSENT


def _super(base: Any, arg: tuple[int, str]) -> Any:
    if not is_class(base):
        return ABSENT
    index, name = arg
    for cls in mro(base)[index + 1 :]:
        found = namespace(cls)
        if name in found:
            return found[name]
    return ABSENT


def _field(base: Any, name: str) -> Any:
    held = instance_dict(base)
    if held is not None and name in held:
        return held[name]
    slot = _mro(type(base), name)
    if type(slot) is MemberDescriptorType:
        try:
            return slot.__get__(base, type(base))
        except AttributeError:
            return ABSENT
    if type(slot) is TupleField and any(one is tuple for one in mro(type(base))):
        return slot.__get__(base, type(base))  # a field of a named tuple: nobody's code runs
    return ABSENT


def place_of(field: Any) -> int:
    """The place that the getter of a named tuple's field reads: it is pickled with it."""
    place: int = field.__reduce__()[1][0]
    return place


def fields_of_tuples(cls: type) -> dict[str, int]:
    """The named fields of instances of *cls*, and their places; none if it is no named tuple."""
    order = mro(cls)
    if not any(one is tuple for one in order):
        return {}
    return {
        name: place_of(getter)
        for one in reversed(order)
        for name, getter in namespace(one).items()
        if type(getter) is TupleField
    }


def _member(base: Any, name: str) -> Any:
    if is_memoized(base):
        if name == "version":
            return version_of(base)
        return base.__wrapped__ if name == "__wrapped__" else ABSENT
    if type(base) is FunctionType and name not in MEMBERS[FunctionType]:
        return base.__dict__.get(name, ABSENT)
    if is_class(base):
        return type.__dict__[name].__get__(base) if name in NAMES_OF_CLASSES else ABSENT
    if type(base) in GETTERS:
        # As they are pickled; a method that is called with keywords is pickled another way.
        made, args = base.__reduce__()
        return args if name == "args" and made is type(base) else ABSENT
    if name in MEMBERS.get(type(base), ()):
        return getattr(base, name, ABSENT)
    if name in _OF_PROPERTIES and is_property(type(base)):
        return _OF_PROPERTIES[name](base)  # past any attribute of its class of that name
    return ABSENT


def is_property(cls: type) -> bool:
    """Whether *cls* is `property`, or derives from it."""
    return any(one is property for one in mro(cls))


_OF_PROPERTIES: dict[str, Any] = {
    name: property.__dict__[name].__get__ for name in ("fget", "fset", "fdel")
}


def _cell(base: Any, index: int) -> Any:
    cells = base.__closure__ or ()
    try:
        return cells[index].cell_contents
    except (IndexError, ValueError):
        return ABSENT


def _default(base: Any, index: int) -> Any:
    defaults = base.__defaults__ or ()
    return defaults[index] if index < len(defaults) else ABSENT


def _kwdefault(base: Any, name: str) -> Any:
    return (base.__kwdefaults__ or {}).get(name, ABSENT)


def _item(base: Any, key: Any) -> Any:
    # Exact types only: a subclass may have a __getitem__ of its own.
    try:
        return base[key] if type(base) in (dict, list, tuple) else ABSENT
    except (KeyError, IndexError, TypeError):
        return ABSENT


def _key(base: Any, place: int) -> Any:
    return next(islice(base, place, None), ABSENT) if type(base) is dict else ABSENT


def _value(base: Any, place: int) -> Any:
    return next(islice(base.values(), place, None), ABSENT) if type(base) is dict else ABSENT


def _keys(base: Any, _: None) -> Any:
    if type(base) is not dict:
        return ABSENT
    return "\0".join(sorted([key for key in base if type(key) is str]))


def _has(base: Any, key: Any) -> Any:
    return key in base if type(base) is dict else ABSENT


def _children(base: Any, _: None) -> Any:
    return tuple(type.__subclasses__(base)) if is_class(base) else ABSENT


def _lineage(base: Any, name: str) -> Any:
    if not is_class(base):
        return ABSENT
    found = type.__dict__[name].__get__(base)
    return found if type(found) is tuple else () if found is None else (found,)


def _registry(base: Any, _: None) -> Any:
    # Weak and unordered: names make an order that a second process repeats.
    classes = registered_with(base) if is_class(base) else None
    if classes is None:
        return ABSENT
    return tuple(sorted(classes, key=lambda cls: (home_of(cls), qualname_of(cls))))


def _virtual(base: Any, _: None) -> Any:
    return has_virtual_instances(base) if is_class(base) else ABSENT


def names_between(names: Iterable[Any], ends: tuple[str, str]) -> list[str]:
    """Those of *names* that begin and end so; dunders only where that is asked for."""
    prefix, suffix = ends
    plain = not prefix and not suffix
    return sorted(
        {
            name
            for name in names
            if isinstance(name, str)
            and name.startswith(prefix)
            and name.endswith(suffix)
            and not (plain and name.startswith("__"))
        }
    )


def _names(base: Any, ends: tuple[str, str]) -> Any:
    if is_class(base):
        held = [name for cls in mro(base) if cls is not object for name in namespace(cls)]
    elif type(base) is FunctionType or is_module(base):
        held = list(globals_of(base))
    else:
        held = list(instance_dict(base) or ())
    return "\0".join(names_between(held, ends))


def _listing(base: Any, whole: bool) -> Any:
    from dumbo.tracing.listings import all_names, own_names  # most closures ask for none

    return "\0".join(all_names(base) if whole else own_names(base))


def _specials(base: Any, kind: str) -> Any:
    from dumbo.tracing.listings import special_names

    return "\0".join(special_names(base, kind)) if is_class(base) else ABSENT


def _kind(base: Any, name: str) -> Any:
    found = globals_of(base).get(name, ABSENT)
    return ABSENT if found is ABSENT else type(found)


def _table(base: Any, fill: bytes) -> Any:
    from dumbo.tracing.tables import print_of  # most closures have none

    return print_of(base, fill) if type(base) is dict else ABSENT


TRUTHFUL = frozenset({dict, list, tuple, set, frozenset})


def _truth(base: Any, _: None) -> Any:
    return bool(base) if type(base) in TRUTHFUL else ABSENT


def _referent(base: Any, _: None) -> Any:
    if type(base) is not ReferenceType:
        return ABSENT
    held = base()
    return ABSENT if held is None else held


def _submodule(base: Any, name: str) -> Any:
    return _attr(base, name)


def _dist(_: Any, path: str) -> Any:
    return path if os.path.exists(path) else ABSENT


def _ambient(_: Any, name: str) -> Any:
    module = sys.modules.get(name)
    if module is None:
        return ABSENT
    now = module.getcontext()
    traps = sorted([trap.__name__ for trap, on in now.traps.items() if on])
    return repr((now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp, traps))


def _plugins(_: Any, group: str) -> Any:
    from dumbo.tracing.entry_points import as_text, rows_of  # most closures ask for none

    rows = rows_of(group)
    return ABSENT if rows is None else as_text(rows)


_OPS: dict[str, Callable[[Any, Any], Any]] = {
    "module": lambda _, name: sys.modules.get(name, ABSENT),
    "global": _global,
    "attr": _attr,
    "mro": _mro,
    "super": _super,
    "type": lambda base, _: type(base),
    "field": _field,
    "member": _member,
    "cell": _cell,
    "default": _default,
    "kwdefault": _kwdefault,
    "item": _item,
    "key": _key,
    "value": _value,
    "has": _has,
    "keys": _keys,
    "content": lambda base, _: base,
    "children": _children,
    "lineage": _lineage,
    "registry": _registry,
    "virtual": _virtual,
    "kind": _kind,
    "names": _names,
    "listing": _listing,
    "specials": _specials,
    "referent": _referent,
    "submodule": _submodule,
    "table": _table,
    "truth": _truth,
    "dist": _dist,
    "ambient": _ambient,
    "plugins": _plugins,
}


def reach(op: str, base: object, arg: Any) -> Any:
    """What *op* finds from *base*, or `ABSENT`. Roots and code roots are the caller's."""
    if base is ABSENT:
        return ABSENT
    try:
        return _OPS[op](base, arg)
    except (AttributeError, TypeError):  # the base is of another kind than it was
        return ABSENT


def describe(op: str, arg: Any) -> str:
    """A lookup in words, for edges and reasons: ``global helper``, ``attribute fit``."""
    words = {
        "attr": "attribute",
        "mro": "attribute",
        "kwdefault": "default",
        "plugins": "entry points",
        "lineage": "attribute",
    }
    if op == "super":
        return f"super().{arg[1]}"
    if op in ("listing", "specials"):
        return "names" if op == "listing" else "special methods"
    if op == "names":
        return f"names {arg[0]}*{arg[1]}"
    if op in ("type", "table", "truth", "keys", "content", "children", "registry") or arg is None:
        return words.get(op, op)
    return f"{words.get(op, op)} {arg!r}" if op == "item" else f"{words.get(op, op)} {arg}"


def path_of(program: Sequence[tuple[str, int, Any]], index: int) -> str:
    """The way to lookup *index* of *program*, from its beginning: ``global model, field k``."""
    parts: list[str] = []
    while index >= 0:
        op, base, arg = program[index]
        if op not in ("root", "content", "type"):
            parts.append(describe(op, arg))
        index = base
    return ", ".join(reversed(parts))
