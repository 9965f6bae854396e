"""The text of a cell as code: what is done each time, and what is kept.

    setup        the imports, definitions and settings at the top: done each time
    work         the rest, whose result is kept
    definitions  of the work, what it imports and defines: done again when the result is loaded

The work becomes the code of a function, `Source.code`, whose parameters are the inputs and whose
globals are the notebook's. What it stores are globals of the notebook, as in any cell, so that
functions which read them find them; and the value of its last expression is what it returns.

Knows syntax trees and code; must not know values of the notebook, keys or results.
"""

from __future__ import annotations

import ast
from types import CodeType

from dumbo.notebook import inside
from dumbo.notebook.errors import CellError
from dumbo.notebook.flow import Flow, flow_of, names_within
from dumbo.notebook.inlined import PREFIX, SETUP, inline, magic_of
from dumbo.notebook.texts import names_in_texts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["Source", "read"]

_HELPERS = ("Timer", "call", "show")
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_COROUTINE = 0x80  # inspect.CO_COROUTINE
_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class Source:
    """See the module's docstring.

    Attributes:
        lines: the text, the magic's own line first, for messages.
        flow: what the work reads and stores.
        defined: the names that setup and definitions bind.
        is_async: whether the work awaits.
    """

    def __init__(self, lines: list[str], filename: str, flags: int) -> None:
        self.lines = lines
        self.filename = filename
        self.flags = flags
        self.setup: list[ast.stmt] = []
        self.work: list[ast.stmt] = []
        self.definitions: list[ast.stmt] = []
        self.flow = Flow()
        self.defined: frozenset[str] = frozenset()
        self.is_async = False
        self._inner: set[str] = set()  # names that functions within the work read

    def line(self, number: int) -> str:
        """Return a line of the cell, as messages show it."""
        text = self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""
        return f"line {number}: {text}" if text else f"line {number}"

    def compiled(self, statements: list[ast.stmt], flags: int = 0) -> CodeType:
        tree = ast.Module(list(statements), [])
        code: CodeType = compile(tree, self.filename, "exec", self.flags | flags)
        return code

    def code(self, inputs: Sequence[str]) -> CodeType:
        """Return the code of a function of *inputs* that does the work."""
        bound = {*self.flow.stored, *self.flow.deleted}
        stored = {name for name in bound if not name.startswith(PREFIX)}
        # A parameter cannot be a global, and functions that the work makes shall read the
        # notebook's names, not this call's.
        outside = [name for name in inputs if name in stored or name in self._inner]
        parameters = [PREFIX + name if name in outside else name for name in inputs]
        body: list[ast.stmt] = []
        places = sorted(stored.union(outside))
        if places:
            body.append(ast.Global(places))
        helpers = self._helpers()
        if helpers:
            body.append(helpers)
        for name in outside:
            target = ast.Name(name, ast.Store())
            body.append(ast.Assign([target], ast.Name(PREFIX + name, ast.Load())))
        body += _returning(self.work)
        kind = ast.AsyncFunctionDef if self.is_async else ast.FunctionDef
        arguments = ast.arguments(
            [], [ast.arg(name) for name in parameters], None, [], [], None, []
        )
        define: Any = kind("cell", arguments, body, [])
        if hasattr(define, "type_params"):
            define.type_params = []
        ast.copy_location(define, ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0))
        ast.fix_missing_locations(define)
        module = self.compiled([*_futures(self.setup), define])
        (code,) = [const for const in module.co_consts if isinstance(const, CodeType)]
        return code.replace(co_varnames=(*inputs, *code.co_varnames[len(inputs) :]))

    def prepare(self, names: dict[str, Any]) -> None:
        """Do the setup in the notebook's namespace."""
        self._execute(self.setup, names)

    def define(self, names: dict[str, Any]) -> None:
        """Do again what the work imports and defines, in the notebook's namespace."""
        self._execute(self.definitions, names)

    def _execute(self, statements: list[ast.stmt], names: dict[str, Any]) -> None:
        if statements:
            names[f"{PREFIX}call"] = inside.call
            try:
                exec(self.compiled(statements), names)
            finally:
                names.pop(f"{PREFIX}call", None)

    def _helpers(self) -> ast.stmt | None:
        """Return the import of what the cell's magics have become."""
        loaded = self._inner.union(self.flow.read, self.flow.maybe)
        used = [ast.alias(name, PREFIX + name) for name in _HELPERS if PREFIX + name in loaded]
        return ast.ImportFrom("dumbo.notebook.inside", used, 0) if used else None


def read(shell: Any, first: str, body: str) -> Source:
    """Return the cell of the magic line *first* and the text *body*.

    Raises:
        CellError: for what cannot be kept at all.
        SyntaxError: as IPython would.
    """
    # The magic's line stands before it, so that lines have the numbers that the reader sees.
    text = "#\n" + shell.transform_cell(body)
    filename = shell.compile.cache(text, shell.execution_count, raw_code=f"{first}\n{body}")
    source = Source([first, *body.splitlines()], filename, shell.compile.flags)
    tree = shell.transform_ast(shell.compile.ast_parse(text, filename))
    tree = inline(tree, shell)
    _show(tree, shell.ast_node_interactivity)
    code = source.compiled(tree.body, _AWAIT)
    tree = ast.fix_missing_locations(_Plain().visit(tree))
    _split(source, tree.body)
    source.is_async = bool(code.co_flags & _COROUTINE)
    work = source.compiled(source.work, _AWAIT)
    source.flow = flow_of(work)
    for name, line in names_in_texts(source.work).items():
        if name not in source.flow.stored:
            source.flow.read.setdefault(name, line)
    for const in work.co_consts:
        if isinstance(const, CodeType):
            source._inner |= names_within(const)
    bound = flow_of(source.compiled([*source.setup, *source.definitions])).stored
    source.defined = frozenset(bound)
    return source


def _split(source: Source, body: list[ast.stmt]) -> None:
    """Tell setup, work and definitions apart."""
    at = 0
    while at < len(body) and _is_setup(body[at]):
        at += 1
    source.setup, source.work = body[:at], body[at:]
    for statement in source.work:
        line = source.line(statement.lineno)
        if isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*":
            raise CellError(f"{line}\n`import *` belongs to the top of the cell")
        name = _setting(statement)
        if name:
            raise CellError(
                f"{line}\n%{name} changes the session, and would be left out when the result is "
                "loaded: put it at the top of the cell, or into one of its own"
            )
    others = [one for one in source.work if not isinstance(one, _DEFINITIONS)]
    stored = flow_of(source.compiled(others, _AWAIT)).stored
    for statement in source.work:
        if isinstance(statement, _DEFINITIONS):
            if not stored.keys() & flow_of(source.compiled([statement])).stored.keys():
                source.definitions.append(statement)


def _is_setup(statement: ast.stmt) -> bool:
    if isinstance(statement, _DEFINITIONS) or _setting(statement):
        return True
    match statement:  # sys.path.append(...), and the like
        case ast.Expr(ast.Call(ast.Attribute(ast.Attribute(ast.Name("sys"), "path"), _))):
            return True
        case ast.Expr(ast.Constant(str())):
            return True
    return False


def _setting(statement: ast.stmt) -> str:
    """Return the magic that changes the session, if *statement* is one."""
    match statement:
        case ast.Expr(
            ast.Call(ast.Name(id), [ast.Constant("run_line_magic"), ast.Constant(name), *_])
        ):
            return str(name) if id == f"{PREFIX}call" and name in SETUP else ""
    return ""


def _futures(statements: list[ast.stmt]) -> list[ast.stmt]:
    return [
        one for one in statements if isinstance(one, ast.ImportFrom) and one.module == "__future__"
    ]


def _show(tree: ast.Module, interactivity: str) -> None:
    """Make the cell show what IPython's setting says beyond its last expression."""
    if not tree.body:
        return
    if interactivity == "last_expr_or_assign":
        last = tree.body[-1]
        targets = last.targets if isinstance(last, ast.Assign) else [getattr(last, "target", None)]
        if isinstance(last, (ast.Assign, ast.AugAssign, ast.AnnAssign)) and len(targets) == 1:
            if isinstance(targets[0], ast.Name):
                name = ast.Name(targets[0].id, ast.Load())
                tree.body.append(ast.copy_location(ast.Expr(name), last))
    elif interactivity == "all":
        for one in tree.body[:-1]:
            if isinstance(one, ast.Expr) and magic_of(one.value) is None:
                show = ast.Name(f"{PREFIX}show", ast.Load())
                one.value = ast.copy_location(ast.Call(show, [one.value], []), one)
    elif interactivity == "none":
        tree.body.append(ast.copy_location(ast.Pass(), tree.body[-1]))
    ast.fix_missing_locations(tree)


def _returning(work: list[ast.stmt]) -> list[ast.stmt]:
    """Return *work* with its last expression returned."""
    body = list(work)
    last = body[-1] if body else None
    if isinstance(last, ast.Expr):
        body[-1] = ast.copy_location(ast.Return(last.value), last)
    return body or [ast.Pass()]


class _Plain(ast.NodeTransformer):
    """What means another thing in a function: annotations of globals, and the scope of `exec`."""

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return node
        return super().visit(node)

    def visit_Call(self, node: ast.Call) -> Any:
        match node:
            case ast.Call(ast.Name("exec" | "eval"), [_], []):
                scope = ast.Call(ast.Name("globals", ast.Load()), [], [])
                node.args.append(ast.copy_location(scope, node))
            case ast.Call(ast.Name("locals" | "vars"), [], []):
                node.func = ast.copy_location(ast.Name("globals", ast.Load()), node)
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if not node.simple:
            return node
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        plain = ast.copy_location(ast.Assign([node.target], node.value), node)
        return self.generic_visit(plain)
