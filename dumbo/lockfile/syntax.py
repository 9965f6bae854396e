"""A function's source in a form that says what it does: the same on every Python, however laid out.

    left out   lines, comments, docstrings, annotations, decorators, `pass`; the defaults of the
               function itself, which are looked at as live values
    numbered   local variables, by first mention in their scope; parameters too, unless somebody
               passes them by name
    resolved   what comes from outside the function: whoever asks says what a name stands for

Fields of the tree that are empty are not written, so that a Python that knows more fields writes
the same as long as nobody uses them.

Knows Python's syntax; must not know live objects, nodes or files other than sources.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, Any

from dumbo.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    # From the parts of a dotted name: how many of them are meant, and what they stand for.
    Resolve = Callable[[Sequence[str]], tuple[int, str] | None]

__all__ = ["definition_of", "imports_of", "written"]

_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_SKIPPED = frozenset(
    {"annotation", "ctx", "kind", "lineno", "returns", "simple", "type_comment", "type_params"}
)
# Of these, zero is what every older source means.
_ZERO = frozenset({"is_lazy"})


class _Scope:
    """The local names of one function, and how each is written."""

    def __init__(
        self, names: set[str], outer: _Scope | None, number: int, *, is_class: bool = False
    ) -> None:
        self.names = names
        self.number = number
        self.outer = outer
        self.is_class = is_class
        self.written: dict[str, str] = {}

    def find(self, name: str) -> _Scope | None:
        scope: _Scope | None = self
        while scope is not None:
            # The names of a class are seen by its body alone.
            if name in scope.names and (scope is self or not scope.is_class):
                return scope
            scope = scope.outer
        return None


def written(
    function: _Function,
    resolve: Resolve,
    *,
    free: Sequence[str] = (),
    keep_parameters: bool = False,
    keep_locals: bool = False,
) -> str:
    """Return *function* as text in which layout and the names of local variables do not count.

    Parameters:
        resolve: what a name from outside stands for; None: what it says.
        free: variables of functions around it, which *resolve* is asked for too.
        keep_parameters: write the names of parameters.
        keep_locals: write the names of all variables.
    """
    writer = _Writer(resolve, keep_parameters, keep_locals)
    outer = _Scope(set(free), None, 0)
    outer.written = dict.fromkeys(free, "")
    return writer.function(function, outer, own=True)


class _Writer:
    def __init__(self, resolve: Resolve, keep_parameters: bool, keep_locals: bool) -> None:
        self._resolve = resolve
        self._keep_parameters = keep_parameters
        self._keep_locals = keep_locals
        self._scopes = 0

    def _inside(self, names: set[str], outer: _Scope, *, is_class: bool = False) -> _Scope:
        self._scopes += 1
        return _Scope(names, outer, self._scopes, is_class=is_class)

    def function(self, node: _Function, outer: _Scope, *, own: bool = False) -> str:
        scope = self._inside(_locals(node), outer)
        args = node.args
        parts = [type(node).__name__ if not isinstance(node, ast.Lambda) else "FunctionDef"]
        for kind in ("posonlyargs", "args", "vararg", "kwonlyargs", "kwarg"):
            held = getattr(args, kind)
            for arg in held if isinstance(held, list) else [held] if held else []:
                # Keyword-only ones are always passed by name.
                keeps = (own and self._keep_parameters) or kind == "kwonlyargs"
                said = arg.arg if keeps or self._keep_locals else ""
                parts.append(f"{kind} {said}")
                self._variable(arg.arg, scope)
        defaults = [*args.defaults, *(item for item in args.kw_defaults if item is not None)]
        parts.append(f"defaults {len(args.defaults)} {[d is not None for d in args.kw_defaults]}")
        if not own:  # those are evaluated by the function around
            parts += [self.node(item, outer) for item in defaults]
            parts += [self.node(item, outer) for item in _decorators(node)]
        if isinstance(node, ast.Lambda):
            body: list[ast.stmt] = [ast.Return(node.body)]
        else:
            body = node.body
        parts += [self.node(item, scope) for item in _effective(body)]
        return "(" + "\n".join(parts) + ")"

    def node(self, node: ast.AST, scope: _Scope) -> str:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            made = self.function(node, scope)
            return f"(def {self._variable(node.name, scope)} {made})"
        if isinstance(node, ast.Lambda):
            return self.function(node, scope)
        if isinstance(node, ast.ClassDef):
            return self._class(node, scope)
        if isinstance(node, _Comprehension):
            return self._comprehension(node, scope)
        if isinstance(node, ast.Name):
            return self._name([node.id], scope)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, scope)
        if isinstance(node, ast.Constant):
            return f"({type(node.value).__name__} {_constant(node.value)})"
        if isinstance(node, ast.AnnAssign):
            if node.value is None:
                return "()"
            target, value = (self.node(n, scope) for n in (node.target, node.value))
            return f"(Assign\ntargets [{target}]\nvalue {value})"
        return self._fields(node, scope)

    def _fields(self, node: ast.AST, scope: _Scope) -> str:
        parts = [type(node).__name__]
        for field in node._fields:
            held = getattr(node, field, None)
            if held is None or held == [] or field in _SKIPPED or (field in _ZERO and not held):
                continue
            if isinstance(held, ast.AST):
                text = self.node(held, scope)
            elif isinstance(held, list):
                items = _effective(held) if field in ("body", "orelse", "finalbody") else held
                text = "[" + " ".join([self._item(i, scope) for i in items]) + "]"
            elif isinstance(held, str) and _binds(node, field):
                text = self._variable(held, scope)
            else:
                text = repr(held)
            parts.append(f"{field} {text}")
        return "(" + "\n".join(parts) + ")"

    def _item(self, item: Any, scope: _Scope) -> str:
        if isinstance(item, ast.alias):  # `import a.b as c`, inside of a function
            bound = item.asname or item.name.partition(".")[0]
            return f"({item.name} as {self._variable(bound, scope)})"
        if isinstance(item, ast.AST):
            return self.node(item, scope)
        if isinstance(item, str):  # of `global` and `nonlocal`
            return self._variable(item, scope)
        return repr(item)

    def _class(self, node: ast.ClassDef, scope: _Scope) -> str:
        parts = [f"ClassDef {node.name} {self._variable(node.name, scope)}"]
        around = [*node.decorator_list, *node.bases, *node.keywords]
        parts += [self.node(item, scope) for item in around]
        inner = self._inside(_bound(node.body), scope, is_class=True)
        inner.written = {name: name for name in inner.names}  # they are attributes
        parts += [self.node(item, inner) for item in _effective(node.body)]
        return "(" + "\n".join(parts) + ")"

    def _comprehension(self, node: Any, scope: _Scope) -> str:
        targets = {
            name.id
            for generator in node.generators
            for name in ast.walk(generator.target)
            if isinstance(name, ast.Name)
        }
        inner = self._inside(targets, scope)
        parts = [type(node).__name__]
        for index, generator in enumerate(node.generators):
            source = self.node(generator.iter, inner if index else scope)
            target = self.node(generator.target, inner)
            tests = [self.node(test, inner) for test in generator.ifs]
            parts.append(f"for {generator.is_async} {target} in {source} if {tests}")
        for field in ("elt", "key", "value"):
            held = getattr(node, field, None)
            if held is not None:
                parts.append(self.node(held, inner))
        return "(" + "\n".join(parts) + ")"

    def _attribute(self, node: ast.Attribute, scope: _Scope) -> str:
        parts: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            parts.insert(0, base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            return self._name([base.id, *parts], scope)
        return ".".join([self.node(base, scope), *parts])

    def _name(self, parts: list[str], scope: _Scope) -> str:
        found = scope.find(parts[0])
        if found is not None and found.written.get(parts[0]) != "":
            return ".".join([self._variable(parts[0], scope), *parts[1:]])
        resolved = self._resolve(parts)
        if resolved is None:
            return ".".join(parts)
        count, stands_for = resolved
        return ".".join([stands_for, *parts[count:]])

    def _variable(self, name: str, scope: _Scope) -> str:
        found = scope.find(name)
        if found is None or found.written.get(name) == "":
            return self._name([name], scope) if found is None else f"free {name}"
        if self._keep_locals and not found.is_class:
            return f"local {name}"
        if name not in found.written:
            found.written[name] = f"local {found.number}.{len(found.written)}"
        return found.written[name]


def _constant(value: Any) -> str:
    # `repr` of a float is exact; that of nan and of complex numbers keeps the sign of zero.
    return repr(value)


def _decorators(node: _Function) -> list[ast.expr]:
    return [] if isinstance(node, ast.Lambda) else node.decorator_list


def _effective(body: list[Any]) -> list[Any]:
    """Statements without those that do nothing: docstrings, `pass`, bare annotations."""
    return [
        item
        for item in body
        if not isinstance(item, ast.Pass)
        and not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant))
        and not (isinstance(item, ast.AnnAssign) and item.value is None)
    ]


def _binds(node: ast.AST, field: str) -> bool:
    """Whether a text in the tree is the name of a variable."""
    return (
        field == "name" and isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar)
    ) or (field == "rest" and isinstance(node, ast.MatchMapping))


def _locals(node: _Function) -> set[str]:
    args = node.args
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
    names = {arg.arg for arg in every if arg is not None}
    return names | _bound([node.body] if isinstance(node, ast.Lambda) else node.body)


def _bound(body: Sequence[ast.AST]) -> set[str]:
    """The names that statements bind in their own scope."""
    bound: set[str] = set()
    elsewhere: set[str] = set()
    todo = list(body)
    while todo:
        node = todo.pop()
        bound.update(_bound_by(node))
        if isinstance(node, ast.Global | ast.Nonlocal):
            elsewhere.update(node.names)
        elif isinstance(node, ast.Lambda):
            todo += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            todo += [*node.args.defaults, *filter(None, node.args.kw_defaults)]
            todo += node.decorator_list
        elif isinstance(node, ast.ClassDef):
            todo += [*node.bases, *node.keywords, *node.decorator_list]
        elif isinstance(node, _Comprehension):
            # Its targets are its own; what it assigns with := is not.
            walked = (inner for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
            bound.update(inner.target.id for inner in walked)
            todo += [generator.iter for generator in node.generators[:1]]
        else:
            todo += ast.iter_child_nodes(node)
    return bound - elsewhere


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.alias):
        yield node.asname or node.name.partition(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        if node.name:
            yield node.name
    elif isinstance(node, ast.MatchMapping):
        if node.rest:
            yield node.rest


def definition_of(source: str, qualname: str, line: int) -> _Function | None:
    """Return the function that *source* defines under *qualname* on *line*.

    None if it defines none, or several that cannot be told apart.
    """
    found = _definitions(source).get((qualname, line), [])
    return found[0] if len(found) == 1 else None


@cache
def _definitions(source: str) -> dict[tuple[str, int], list[_Function]]:
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[tuple[str, int], list[_Function]] = {}
    todo: list[tuple[ast.AST, str]] = [(tree, "")]
    while todo:
        node, prefix = todo.pop()
        for child in ast.iter_child_nodes(node):
            inner = prefix
            if isinstance(child, _Function):
                name = "<lambda>" if isinstance(child, ast.Lambda) else child.name
                # Code objects count from their first decorator.
                first = min([child.lineno, *(item.lineno for item in _decorators(child))])
                found.setdefault((prefix + name, first), []).append(child)
                inner = f"{prefix}{name}.<locals>."
            elif isinstance(child, ast.ClassDef):
                inner = f"{prefix}{child.name}."
            todo.append((child, inner))
    return found


@cache
def imports_of(source: str) -> dict[str, str]:
    """Return what the names that *source* imports at top level are called where they come from."""
    try:
        tree = parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                plain = alias.name if alias.asname else alias.name.partition(".")[0]
                found.setdefault(alias.asname or plain, plain)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                found.setdefault(alias.asname or alias.name, f"{node.module}.{alias.name}")
    return found
