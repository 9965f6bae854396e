"""What functions, classes and modules look like to code that reads them, and calls none of them.

    inspect.signature(f)         parameters, defaults, annotations
    typing.get_type_hints(C)     annotations, of the classes along the MRO
    inspect.getdoc(x)            docstrings
    f.__defaults__               what the program reads by itself
    dataclasses.fields(C)        fields, and what they hold

Where one of these is reached, what it shows counts; else annotations, docstrings and names of
parameters are nobody's affair. The text of code is not known: comments and places count for
nothing here, so a result for which it is read has no honest digest.

Knows which members show what; must not know who asks for them.
"""

from __future__ import annotations

import sys
from types import FunctionType

from dumbo.tracing.boundary import owner_of
from dumbo.tracing.lookup import is_class, is_memoized, is_module, mro, namespace
from dumbo.tracing.values import Instance, Known, Value, each

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.tracing.frame import Frame

__all__ = ["OF_FUNCTIONS", "look", "look_at_fields", "read_text"]

OF_FUNCTIONS = frozenset(
    {"__annotate__", "__annotations__", "__code__", "__defaults__", "__kwdefaults__"}
)
# Of classes, what no step of the program shows that makes them; and of these, what libraries of
# which they are derived make objects by.
_OF_MAKERS = (
    "__fields__", "__pydantic_fields__", "__struct_defaults__", "__struct_encode_fields__",
    "__struct_fields__", "_fields_", "_pack_",
)  # fmt: skip
_OF_CLASSES = (
    "__abstractmethods__", "__attrs_attrs__", "__dataclass_fields__", "__dataclass_params__",
    "__match_args__", "__orig_bases__", "__parameters__", "__protocol_attrs__",
    "__required_keys__", "__optional_keys__", "__signature__", "__slots__", "__total__",
    *_OF_MAKERS,
)  # fmt: skip
_DOC = ("__doc__",)
_ANNOTATE = sys.version_info >= (3, 14)  # annotations are made when they are read, by user code


def look(frame: Frame, value: Value | None, *, docs: bool = False) -> None:
    """Let what *value* shows count; docstrings with *docs*."""
    for member in each(value):
        if isinstance(member, Instance):
            look(frame, member.cls, docs=docs)
        elif not isinstance(member, Known):
            continue
        elif is_memoized(member.obj):
            look(frame, frame.analysis.get("member", member.ref, "__wrapped__"), docs=docs)
        elif type(member.obj) is FunctionType:
            _look_at_function(frame, member, docs)
        elif is_class(member.obj):
            _look_at_class(frame, member, docs)
        elif is_module(member.obj):
            _look_at_names(frame, member)
            if docs:
                _take(frame, frame.analysis.get("attr", member.ref, "__doc__"), "attribute __doc__")
        else:
            look(frame, frame.analysis.get("type", member.ref, None), docs=docs)


def _look_at_function(frame: Frame, value: Known, docs: bool) -> None:
    if owner_of(value.obj) is not None:
        return
    analysis = frame.analysis
    node = analysis.node(value)
    if node is not None:
        node.by_keyword = True
    frame.touch(value, "function")
    for name in ("__defaults__", "__kwdefaults__", *_DOC[:docs]):
        _take(frame, analysis.get("member", value.ref, name), name)
    _look_at_annotations(frame, analysis.get("member", value.ref, _annotations_of(value.obj)))
    wrapped = analysis.get("member", value.ref, "__wrapped__")
    if wrapped is not None and wrapped.obj is not value.obj:
        look(frame, frame.touch(wrapped, "__wrapped__"), docs=docs)


def _annotations_of(function: FunctionType) -> str:
    return "__annotate__" if _ANNOTATE else "__annotations__"


def _look_at_annotations(frame: Frame, found: Known | None) -> None:
    from dumbo.tracing.escapes import enter_unknown  # a cycle: these look at what they let out

    if found is not None and type(found.obj) is FunctionType:
        frame.touch(found, "__annotate__")
        enter_unknown(frame, found, ())
    else:
        _take(frame, found, "__annotations__")


def _look_at_class(frame: Frame, value: Known, docs: bool) -> None:
    from dumbo.tracing.escapes import take_class  # the same cycle

    if owner_of(value.obj) is not None or (value, "look") in frame.escaping:
        return
    frame.escaping.add((value, "look"))  # once for each time that the step is made
    analysis = frame.analysis
    frame.touch(value, "class")
    take_class(frame, value)
    _look_at_names(frame, value)
    for name in (*_OF_CLASSES, *_DOC[:docs]):
        _take(frame, _of_class(frame, value, name), f"attribute {name}")
    for index, base in enumerate(mro(value.obj)[:-1]):
        if owner_of(base) is not None:
            continue
        # What stands in this class, whatever stands before it.
        for name in ("__annotate_func__",) if _ANNOTATE else ("__annotations__",):
            if name in namespace(base):
                found = (
                    analysis.get("super", value.ref, (index - 1, name))
                    if index
                    else analysis.get("mro", value.ref, name)
                )
                _look_at_annotations(frame, found)
        for name, held in namespace(base).items():
            if type(held) is FunctionType and not (_ANNOTATE and name == "__annotate_func__"):
                found = analysis.get("mro", value.ref, name)
                if found is not None and type(found.obj) is FunctionType:
                    _look_at_function(frame, found, docs)


def look_at_fields(frame: Frame, cls: Known) -> None:
    """A library makes an object of *cls*: what it goes by counts."""
    for name in _OF_MAKERS:
        found = _of_class(frame, cls, name)
        if found is not None:
            _take(frame, found, f"attribute {name}")


def _of_class(frame: Frame, cls: Known, name: str) -> Known | None:
    """What a class has by this name, or what its metaclass in C keeps for it."""
    found = frame.analysis.get("field", cls.ref, name)
    return found or frame.analysis.get("mro", cls.ref, name)


def _look_at_names(frame: Frame, value: Known) -> None:
    _take(frame, frame.analysis.get("names", value.ref, ("", "")), "names")


def _take(frame: Frame, found: Known | None, label: str) -> None:
    from dumbo.tracing.escapes import escape, is_data  # the same cycle

    if found is None:
        frame.depend(frame.analysis.absent(), label)
        return
    frame.touch(found, label)
    if is_data(found.obj):
        escape(frame, found)  # who reads a class there may hand it on to be called


def read_text(frame: Frame, who: str) -> None:
    """The program reads the text of code, of which nothing is known here."""
    analysis = frame.analysis
    analysis.untraceable = analysis.untraceable or (
        f"{frame.node.name}, line {frame.line()}, reads the text of code by {who}: comments and "
        "places would count, which do not (pass it as an argument)"
    )
