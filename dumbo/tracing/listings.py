"""Which names an object has, for code that asks for all of them, or calls what it finds.

    own names      of an object's `__dict__`, in their order
    all names      of an object, its class and the bases of that, as `dir` gives them
    special names  of a class: the methods that a protocol looks for, whether they are there or not

A class that gets a `__repr__` gives other text from then on, and one that gets a `__lt__` sorts:
that it has none is as good a fact as what it does. What only tells of the class itself, and comes
and goes by itself, is in none of these.

Knows the layout of live objects; must not know code, digests or the store.
"""

from __future__ import annotations

from dumbo.tracing.lookup import (
    instance_dict,
    is_class,
    is_module,
    module_namespace,
    mro,
    name_of,
    namespace,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["ALL", "EVERY", "TEXT", "all_names", "own_names", "special_names"]

TEXT = "text"  # what makes text of it
ALL = "all"  # what operators, conversions, protocols and copying call
EVERY = "every"  # any name, for a base class of a library calls methods by made-up names

_OF_TEXT = frozenset({"__class__", "__format__", "__getattribute__", "__repr__", "__str__"})
# Of protocols whose methods have plain names: mappings, files, numbers, iterators.
_PROTOCOLS = frozenset(
    """
    as_integer_ratio close conjugate copy denominator dst fileno flush get imag isatty isoformat
    items keys numerator read readinto readline readlines real seek send tell throw tolist tzname
    utcoffset values write writelines
    """.split()
)
# What a class has without saying anything by it, or gets when somebody looks.
_OF_ITSELF = frozenset(
    """
    __abstractmethods__ __annotate__ __annotate_func__ __annotations__ __annotations_cache__
    __classdictcell__ __conditional_annotations__ __dict__ __doc__ __dumbo_ignore__
    __firstlineno__ __module__ __orig_bases__ __parameters__ __qualname__ __slotnames__
    __static_attributes__ __type_params__ __weakref__ _abc_impl
    """.split()
)
_BY_ITSELF = frozenset({"__annotations_cache__", "__slotnames__", "__warningregistry__"})


def own_names(obj: Any) -> list[str]:
    """The names in the `__dict__` of *obj*, in their order."""
    if is_class(obj):
        held: Any = namespace(obj)
    elif is_module(obj):
        held = module_namespace(obj)
    else:
        held = instance_dict(obj) or ()
    names = [name if type(name) is str else f"<{name_of(type(name))}>" for name in held]
    return [name for name in names if name not in _BY_ITSELF]


def all_names(obj: Any) -> list[str]:
    """What `dir(obj)` gives, unless its class says otherwise, but for what all objects have."""
    cls = obj if is_class(obj) else type(obj)
    names = set() if is_class(obj) else set(own_names(obj))
    for base in mro(cls)[:-1]:
        names.update(own_names(base))
    return sorted(names)


def special_names(cls: Any, kind: str) -> list[str]:
    """Which of the methods meant by *kind* class *cls* has, and from which of its bases."""
    found: dict[str, str] = {}
    for place, base in enumerate(mro(cls)[:-1]):
        for name in namespace(base):
            if name not in found and _is(kind, name):
                found[name] = f"{name} {place}"
    return sorted(found.values())


def _is(kind: str, name: str) -> bool:
    if name in _OF_ITSELF or type(name) is not str:
        return False
    if kind == TEXT:
        return name in _OF_TEXT
    is_special = name.startswith("__") and name.endswith("__")
    return kind == EVERY or is_special or name in _PROTOCOLS
