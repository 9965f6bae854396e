"""Matchers in a signature: ``x: Annotated[float, by.approx(rel=1e-6)]``.

Reads no more of the annotations than it has to, for each decorated function pays: strings are
parsed only if they may name a matcher, and of these only what surely makes one is evaluated,
in the places where the function's own names would be looked up. Since 3.14 annotations are
code: it is run only if it names something that a matcher may come from.

Knows annotations; must not know what a matcher does.
"""

from __future__ import annotations

import builtins
import sys

from dumbo.errors import InvalidUse

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from dumbo.arguments.matchers import Matcher

_FUTURE = 0x1000000  # CO_FUTURE_ANNOTATIONS: they are strings
_MISSING = object()
_MODULE = type(sys)


def said_of(
    function: Callable[..., Any], scopes: Iterable[Mapping[str, Any]] = ()
) -> dict[str, Matcher]:
    """Return what the annotations of *function* say: parameter -> matcher.

    Args:
        scopes: where else names may be looked up: the locals of who defines it.

    Raises:
        InvalidUse: if they say two things of one parameter, or what cannot be meant.
    """
    code = getattr(function, "__code__", None)
    if type(function) is not _FUNCTION or code is None:
        return {}
    names = _Names(function, tuple(scopes))
    found: dict[str, Matcher] = {}
    for parameter, annotation in _annotations(function, names).items():
        if parameter == "return":
            continue
        where = f"the annotation of {parameter!r}"
        matchers = [_as_matcher(thing, where) for thing in _metadata(annotation, names, where)]
        if len(matchers) > 1:
            raise InvalidUse(
                f"parameter {parameter!r} has two matchers in its annotation, "
                f"{matchers[0]!r} and {matchers[1]!r}: keep one"
            )
        if matchers:
            found[parameter] = matchers[0]
    return found


def _annotations(function: Any, names: _Names) -> Mapping[str, Any]:
    annotate = getattr(function, "__annotate__", None)  # before 3.14 there is none
    if annotate is None or function.__code__.co_flags & _FUTURE:
        found: Mapping[str, Any] = function.__annotations__
        return found
    if type(annotate) is not _FUNCTION or not _may_match(annotate, names):
        return {}
    # It imports much: only for who says something.
    annotationlib: Any = __import__("annotationlib")
    how = annotationlib.Format.FORWARDREF
    try:
        read: Mapping[str, Any] = annotationlib.get_annotations(function, format=how)
    except Exception as error:  # the code of annotations is the user's
        raise InvalidUse(f"its annotations cannot be read: {error}") from error
    return read


def _may_match(annotate: Any, names: _Names) -> bool:
    code = annotate.__code__
    held = names.with_cells(annotate)
    for name in (*code.co_names, *code.co_freevars):
        if name == "Annotated":
            return True
        if _is_ours(held.find(name)):
            return True
    return any(type(const) is str and "Annotated" in const for const in code.co_consts)


def _is_ours(thing: object) -> bool:
    return _is_matcher(thing) or bool(_metadata_of(thing))


def _is_matcher(thing: object) -> bool:
    known = _matcher()
    return known is not None and isinstance(thing, known)


def _matcher() -> Any:
    """Return the class of matchers; None as long as it is not loaded, so that there are none."""
    return getattr(sys.modules.get("dumbo.arguments.matchers"), "Matcher", None)


def _as_matcher(thing: object, where: str) -> Matcher:
    from dumbo.arguments.matchers import as_matcher  # only for who says something

    return as_matcher(thing, where)


def _metadata_of(annotation: object) -> tuple[Any, ...]:
    if type(annotation).__module__ != "typing" or type(annotation).__name__ != "_AnnotatedAlias":
        return ()
    found: tuple[Any, ...] = vars(annotation).get("__metadata__", ())
    return found


def _metadata(annotation: object, names: _Names, where: str) -> list[object]:
    """Return what in *annotation* is a matcher, or a class of matchers."""
    if type(annotation) is str:
        return _parsed(annotation, names, where)
    return [thing for thing in _metadata_of(annotation) if _is_word(thing)]


def _is_word(thing: object) -> bool:
    if not isinstance(thing, type):
        return _is_matcher(thing)
    known = _matcher()
    return known is not None and issubclass(thing, known)


# Strings


def _parsed(text: str, names: _Names, where: str) -> list[object]:
    text = text.strip(" '\"")  # a string in a string: both of them are to be read
    if "Annotated" not in text:
        # A name for an `Annotated` is the only other thing that says something.
        if not all(map(str.isidentifier, text.split("."))):
            return []
        return _metadata(names.dotted(text), names, where)
    import ast  # only for who says something

    from dumbo.parsing import parse

    try:
        node = parse(text, mode="eval").body
    except SyntaxError:
        return []
    if not isinstance(node, ast.Subscript) or not isinstance(node.slice, ast.Tuple):
        return []
    if ast.unparse(node.value).rpartition(".")[2] != "Annotated":
        return []
    found = [_made(part, names, where) for part in node.slice.elts[1:]]
    inner = _metadata(ast.unparse(node.slice.elts[0]), names, where)  # one in another
    return [*inner, *[thing for thing in found if _is_word(thing)]]


def _made(node: ast.expr, names: _Names, where: str) -> object:
    """Return the matcher that *node* makes, or something else if it makes none."""
    import ast

    callee = node.func if isinstance(node, ast.Call) else node
    if not isinstance(callee, (ast.Name, ast.Attribute)):
        return None
    thing = names.dotted(ast.unparse(callee))
    if not isinstance(node, ast.Call) or not (isinstance(thing, type) and _is_word(thing)):
        return thing if not isinstance(node, ast.Call) else None
    source = ast.unparse(node)
    try:
        return eval(compile(ast.Expression(node), where, "eval"), names.globals, names)
    except NameError as error:
        raise InvalidUse(
            f"{where}, {source}, uses {error.name!r}, which has no value yet: define it before"
        ) from None
    except InvalidUse:
        raise
    except Exception as error:  # what stands in the brackets is the user's
        raise InvalidUse(f"{where}, {source}: {error}") from error


class _Names(dict):  # type: ignore[type-arg]
    """Names as the function would find them; for `eval`, the locals."""

    __slots__ = ("_cells", "_scopes", "globals")

    def __init__(self, function: Any, scopes: tuple[Mapping[str, Any], ...]) -> None:
        super().__init__()
        self.globals: dict[str, Any] = function.__globals__
        self._scopes = (*scopes, function.__globals__, vars(builtins))
        self._cells: dict[str, Any] = {}
        self._add(function)

    def _add(self, function: Any) -> None:
        for name, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=False
        ):
            try:
                self._cells[name] = cell.cell_contents
            except ValueError:  # empty so far
                continue

    def with_cells(self, function: Any) -> _Names:
        self._add(function)
        return self

    def find(self, name: str) -> object:
        for scope in (self._cells, *self._scopes):
            if name in scope:
                return scope[name]
        return _MISSING

    def __missing__(self, name: str) -> object:
        found = self.find(name)
        if found is _MISSING:
            raise KeyError(name)
        return found

    def dotted(self, text: str) -> object:
        """Return what a name, or names through modules and classes, stands for."""
        first, *rest = text.split(".")
        found = self.find(first)
        for name in rest:
            if type(found) is not _MODULE and not isinstance(found, type):
                return _MISSING
            found = vars(found).get(name, _MISSING)
        return found


_FUNCTION = type(said_of)
