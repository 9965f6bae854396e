"""What a parameter may be, by its annotation, where nothing better is known.

An annotation is read as text, or as the class that it already is, and resolved
by lookups in the function's own namespace: it is never evaluated. `self` and
`cls` of a method are instances of, or, the class that the method stands in.

Knows the grammar of annotations; must not know calls.
"""

from __future__ import annotations

import ast
import sys
from types import CellType, FunctionType
from typing import Any

from dumbo.parsing import parse
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.frame import Frame
from dumbo.tracing.lookup import is_class, is_module, mro, namespace, reach
from dumbo.tracing.values import Heap, Instance, Known, Value

_SEQUENCES = frozenset(
    {
        "list",
        "List",
        "Sequence",
        "Iterable",
        "Iterator",
        "Collection",
        "deque",
        "MutableSequence",
        "tuple",
    }
)
_SETS = frozenset({"set", "Set", "frozenset", "FrozenSet", "AbstractSet", "MutableSet"})
_MAPPINGS = frozenset({"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "OrderedDict"})
_TRANSPARENT = frozenset({"Optional", "Union", "Annotated", "Final", "ClassVar", "Required"})
SUBCLASSES = 12  # of an annotated class that are taken into account
DERIVED = "derived"  # heap site of a class of which there are more


def parameters_of(frame: Frame, function: Known) -> dict[str, Value]:
    """The parameters of *function* of which anything is known without a call."""
    obj = function.obj
    if type(obj) is not FunctionType:
        return {}
    found: dict[str, Value] = {}
    for name, annotation in _annotations(obj).items():
        if name != "return":
            value = _resolve(frame, function, annotation, name)
            if value is not None:
                found[name] = value
    owner = _owner_class(frame, function)
    code = obj.__code__
    if owner is not None and code.co_argcount:
        first = code.co_varnames[0]
        raw = namespace(owner.obj).get(obj.__name__)
        if type(raw) is classmethod:
            found.setdefault(first, owner)
        elif type(raw) is not staticmethod:
            made = frame.pool.join(*instances(frame, owner))
            if made is not None:
                found.setdefault(first, made)
    return found


def _annotations(function: FunctionType) -> dict[str, Any]:
    if sys.version_info >= (3, 14):
        annotate = function.__annotate__
        if type(annotate) is FunctionType:
            return _as_text(annotate)
    return function.__annotations__ or {}


def _as_text(annotate: FunctionType) -> dict[str, Any]:
    """What the compiler's *annotate* would give, put together as text from the names in it."""
    # It is called with its own globals first, only to see whether it may be: without any, and
    # with empty cells, that ends at the first name, and nothing of the program runs.
    code = annotate.__code__
    cells = tuple(CellType() for _ in code.co_freevars)
    blind = FunctionType(code, {"__builtins__": {}}, code.co_name, None, cells)
    found: dict[str, Any] = {}
    if sys.version_info >= (3, 14):
        import annotationlib  # for annotated functions only

        try:
            found = annotationlib.call_annotate_function(blind, annotationlib.Format.STRING)
        except Exception:  # noqa: BLE001 - the user's annotations may do what text cannot
            pass
    return found


def _owner_class(frame: Frame, function: Known) -> Known | None:
    """The class in whose body a method stands, if it still does."""
    *outer, name = function.obj.__qualname__.split(".")
    if not outer or "<locals>" in outer:
        return None
    found = _dotted(frame, function, ".".join(outer))
    if found is None or not is_class(found.obj):
        return None
    held = namespace(found.obj).get(name)
    inner = getattr(held, "__func__", getattr(held, "fget", getattr(held, "__wrapped__", held)))
    return found if inner is function.obj else None


def _dotted(frame: Frame, function: Known, name: str) -> Known | None:
    first, *rest = name.split(".")
    found = frame.analysis.get("global", function.ref, first)
    for part in rest:
        if found is None:
            return None
        op = "attr" if is_module(found.obj) else "mro" if is_class(found.obj) else ""
        found = frame.analysis.get(op, found.ref, part) if op else None
    return found


def _resolve(frame: Frame, function: Known, annotation: Any, name: str) -> Value | None:
    # Not by isinstance, which asks the object for its class.
    text = annotation if issubclass(type(annotation), str) else _text_of(annotation)
    try:
        tree = parse(text, mode="eval").body
    except (SyntaxError, ValueError):
        return None
    return _value(frame, function, tree, (function, name))


def _text_of(annotation: Any) -> str:
    if is_class(annotation):
        return str(type.__dict__["__qualname__"].__get__(annotation))
    return repr(annotation).replace("typing.", "")


def _value(frame: Frame, function: Known, tree: ast.expr, site: Any) -> Value | None:
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str):
        return _resolve(frame, function, tree.value, site[-1])
    if isinstance(tree, ast.BinOp):
        left = _value(frame, function, tree.left, (*site, "l"))
        return frame.pool.join(left, _value(frame, function, tree.right, (*site, "r")))
    if isinstance(tree, ast.Subscript):
        return _generic(frame, function, tree, site)
    if isinstance(tree, ast.Name | ast.Attribute):
        found = _dotted(frame, function, ast.unparse(tree))
        if found is not None and is_class(found.obj):
            return frame.pool.join(*instances(frame, found))
        if found is not None and isinstance(found.obj, str):
            return _resolve(frame, function, found.obj, site[-1])
    return None


def instances(frame: Frame, cls: Known) -> list[Value]:
    """An instance of *cls*, and of the user classes that derive from it."""
    made: list[Value] = [frame.pool.make(Instance, cls, ("found", id(cls.obj)))]
    if owner_of(cls.obj) is not None:
        return made
    todo = [cls]
    for known in todo:
        children = frame.analysis.look("children", known.ref, None)
        found = reach("children", known.obj, None)
        for index, child in enumerate(found[:SUBCLASSES]):
            if owner_of(child) is None and len(made) <= SUBCLASSES and mro(child):
                ref = frame.analysis.look("item", children, index)
                todo.append(frame.pool.known(child, ref))
                made.append(frame.pool.make(Instance, todo[-1], ("found", id(child))))
        if len(found) > SUBCLASSES or len(made) > SUBCLASSES:
            frame.analysis.write((DERIVED, id(cls.obj)), "elem", frame.pool.const(True))
    return made


def _generic(frame: Frame, function: Known, tree: ast.Subscript, site: Any) -> Value | None:
    name = ast.unparse(tree.value).rpartition(".")[2]
    parts = list(tree.slice.elts) if isinstance(tree.slice, ast.Tuple) else [tree.slice]
    if name in ("Type", "type"):
        found = _dotted(frame, function, ast.unparse(parts[0]))
        return found if found is not None and is_class(found.obj) else None
    values = [_value(frame, function, part, (*site, index)) for index, part in enumerate(parts)]
    if name in _TRANSPARENT:
        return frame.pool.join(*values[: 1 if name == "Annotated" else None])
    kind = "dict" if name in _MAPPINGS else "set" if name in _SETS else "list"
    if name not in _SEQUENCES | _SETS | _MAPPINGS:
        return _value(frame, function, tree.value, site)
    heap: Value = frame.pool.make(Heap, kind, ("annotation", *site))
    assert isinstance(heap, Heap)
    if kind == "dict" and len(values) == 2:
        frame.analysis.write(heap.site, "key", values[0])
    frame.analysis.write(
        heap.site, "elem", frame.pool.join(values[-1], frame.unknown_value("an item"))
    )
    return heap
