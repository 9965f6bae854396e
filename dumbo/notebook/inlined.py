"""Magics within a cell, as code.

IPython turns `%time y = f(x)` into ``get_ipython().run_line_magic('time', 'y = f(x)')``: what
it runs is a text that nobody can follow. Here it becomes the code itself. Of
other magics, what their text reads of the notebook is told by a function beside it.

    %time expression     Timer().end(expression)
    %time statements     timer = Timer(); statements; timer.end()
    %%time               the same, round the whole cell
    %timeit, %prun, ...  call(..., reads=lambda: expression)
    %magic {x}, !cmd $x  call(..., reads=lambda: (x,))

Knows syntax trees and the names of magics; must not know values or a running shell, save for its
way to read the text of a cell.
"""

from __future__ import annotations

import ast
import re

from dumbo.notebook.errors import CellError
from dumbo.parsing import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["PREFIX", "SETUP", "inline", "magic_of"]

PREFIX = "_dumbo_"  # of the names that a cell gets from here
# These change the session, not a result: they are done each time.
SETUP = frozenset(
    "alias aliases autoawait autocall automagic autoreload autosave cd colors conda config dhist "
    "env gui load_ext logstart logstop mamba matplotlib micromamba pip precision pylab reload_ext "
    "rehashx reset set_env unload_ext uv xmode".split()
)
_RUN_CODE = frozenset("lprun memit mprun prun timeit".split())  # and print what they measured
_UNFOLLOWED = frozenset("capture debug run macro rerun recall load".split())
_OPTION = re.compile(r"\s*-(?:[a-zA-Z]+\d*|-[\w-]+)(?:[= ]+[\d.]+)?(?=\s)")
_EXPANDED = re.compile(r"\{([^{}]*)\}|\$\{([^{}]*)\}|\$([A-Za-z_][\w.]*)")


def magic_of(node: ast.AST) -> tuple[str, list[str]] | None:
    """Return the method and the texts of *node*, ``get_ipython().method('text', ...)``, or None."""
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method),
            args=args,
        ) if args and all(
            isinstance(arg, ast.Constant) and isinstance(arg.value, str) for arg in args
        ):
            return method, [arg.value for arg in args]  # type: ignore[attr-defined]
    return None


def inline(tree: ast.Module, shell: Any) -> ast.Module:
    """Return *tree* with its magics as code.

    Raises:
        CellError: for a magic whose code cannot be followed.
    """
    inlined: ast.Module = ast.fix_missing_locations(_Inline(shell).visit(tree))
    return inlined


class _Inline(ast.NodeTransformer):
    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            return node  # it outlives the cell, and has its magics as they are
        return super().visit(node)

    def visit_Expr(self, node: ast.Expr) -> Any:
        found = magic_of(node.value)
        if found is None or found[1][0] != "time":
            return self.generic_visit(node)
        statements = self._parsed(found[1][-1], node.lineno + (found[0] == "run_cell_magic"))
        if found[0] == "run_line_magic" and _is_expression(statements):
            return self.generic_visit(node)
        timer = ast.Call(ast.Name(f"{PREFIX}Timer", ast.Load()), [], [])
        begin = ast.Assign([ast.Name(f"{PREFIX}timer", ast.Store())], timer)
        last: list[ast.expr] = []
        if statements and isinstance(statements[-1], ast.Expr):
            last = [statements.pop().value]  # type: ignore[attr-defined]
        method = ast.Attribute(ast.Name(f"{PREFIX}timer", ast.Load()), "end", ast.Load())
        end = ast.Expr(ast.Call(method, last, []))
        line = statements[-1] if statements else node
        return [ast.copy_location(begin, node), *statements, ast.copy_location(end, line)]

    def visit_Call(self, node: ast.Call) -> Any:
        found = magic_of(node)
        if found is None:
            return self.generic_visit(node)
        method, texts = found
        name = texts[0] if method in ("run_line_magic", "run_cell_magic") else ""
        if name in _UNFOLLOWED:
            raise CellError(
                f"line {node.lineno}: what %{name} runs cannot be followed, so a cell with it "
                "cannot be kept: put it into a cell of its own"
            )
        if name == "time":
            statements = self._parsed(texts[-1], node.lineno)
            if not _is_expression(statements):
                raise CellError(f"line {node.lineno}: %time of a statement has no value")
            # The timer is made before what it is handed is computed.
            timer = _called(f"{PREFIX}Timer", [], [], node)
            end = ast.Attribute(timer, "end", ast.Load())
            value = statements[0].value  # type: ignore[attr-defined]
            return ast.copy_location(ast.Call(end, [value], []), node)
        reads = self._reads(name, texts, node.lineno)
        keywords = [ast.keyword("reads", _thunk(reads))] if reads is not None else []
        args = [ast.Constant(text) for text in (method, *texts)]
        return _called(f"{PREFIX}call", args, keywords, node)

    def _reads(self, name: str, texts: list[str], line: int) -> ast.expr | None:
        """Return an expression that reads what a magic reads, as far as its text says so."""
        if name in _RUN_CODE:
            code = texts[-1]
            while (option := _OPTION.match(code)) is not None:
                code = code[option.end() :]
            statements = self._parsed(code, line)
            if len(texts) > 2 or not _is_expression(statements):
                raise CellError(
                    f"line {line}: %{name} of statements cannot be followed; give it an expression"
                )
            return statements[0].value  # type: ignore[attr-defined, no-any-return]
        read = []
        for groups in _EXPANDED.findall(" ".join(texts)):
            try:
                read.append(parse("".join(groups).strip(), mode="eval").body)
            except SyntaxError:
                pass  # a brace of the shell's
        return ast.Tuple(read, ast.Load()) if read else None

    def _parsed(self, code: str, line: int) -> list[ast.stmt]:
        tree = parse(self._shell.transform_cell(code))
        ast.increment_lineno(tree, line - 1)
        body: list[ast.stmt] = self.visit(tree).body
        return body


def _is_expression(statements: list[ast.stmt]) -> bool:
    return len(statements) == 1 and isinstance(statements[0], ast.Expr)


def _thunk(value: ast.expr) -> ast.Lambda:
    nothing = ast.arguments([], [], None, [], [], None, [])
    return ast.Lambda(nothing, value)


def _called(name: str, args: Any, keywords: list[ast.keyword], node: ast.AST) -> ast.Call:
    return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), args, keywords), node)
