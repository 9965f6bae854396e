"""`%dumbo`, word by word.

    deps f, deps NAME    what a function, or the cell that makes NAME, depends on
    why f(x), why NAME   what that call, or that cell, would meet now
    stats, stats NAME    what caching these has cost and gained; that function, or that cell
    status               how the functions and cells of the notebook stand to what is stored
    suggest              cells of this session that would have been worth it

Knows the words; must not know how any of them is found out.
"""

from __future__ import annotations

import ast

from dumbo.notebook.errors import CellError
from dumbo.parsing import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.notebook.session import Session

__all__ = ["USAGE", "run"]

USAGE = (
    "%dumbo deps FUNCTION|OUTPUT, why FUNCTION(ARGUMENTS)|OUTPUT, stats [FUNCTION|OUTPUT], status, "
    "suggest"
)


def run(line: str, session: Session) -> Any:
    """Return what is shown for *line*.

    Raises:
        CellError: if it cannot be meant.
    """
    word, _, rest = line.strip().partition(" ")
    known = {"deps": _deps, "why": _why, "stats": _stats, "status": _status, "suggest": _suggest}
    if word not in known:
        raise CellError(f"%dumbo {word}: use {USAGE}")
    return known[word](rest.strip(), session)


def _deps(text: str, session: Session) -> Any:
    import dumbo

    cell = session.maker_of(text) if text else session.latest
    if cell is not None and not _is_function(text, session):
        try:
            args = cell.inputs()
        except NameError:  # an input is gone
            args = ()
        return cell.memoized.deps(*args)
    call = _call(text, session)
    if call is not None:
        function, args, kwargs = call
        return dumbo.deps(function, args, kwargs)
    return dumbo.deps(_value(text, session))


def _why(text: str, session: Session) -> Any:
    cell = session.maker_of(text) if text else session.latest
    if cell is not None and not _is_function(text, session):
        return _Text(f"{cell.sides}: {cell.memoized.why(*cell.inputs())}")
    call = _call(text, session)
    if call is None:
        raise CellError(
            f"%dumbo why {text}: give a call of a memoized function, as in `%dumbo why f(3)`, or "
            "the name of what a %%dumbo cell gave out"
        )
    function, args, kwargs = call
    if not hasattr(type(function), "__dumbo_memo__"):
        raise CellError(f"%dumbo why {text}: that function is not memoized")
    return _Text(function.why(*args, **kwargs))


def _stats(text: str, session: Session) -> Any:
    if text:
        cell = session.maker_of(text)
        named = _value(text, session) if cell is None or _is_function(text, session) else None
        memoized = cell.memoized if cell is not None and named is None else named
        if memoized is None or not hasattr(type(memoized), "__dumbo_memo__"):
            raise CellError(f"%dumbo stats {text}: that is no memoized function, and no output")
        return memoized.stats()
    from dumbo import default_cache
    from dumbo.answers import asking
    from dumbo.cli.statistics import table  # the command's own words

    known = [asking.stats(keeper) for keeper in session.keepers().values()]
    return _Text("\n".join(table(known, default_cache().directory)))


def _status(text: str, session: Session) -> Any:
    from dumbo.cli.asking import table  # the command's own words
    from dumbo.cli.explaining import standings_of

    return _Text("\n".join(table(standings_of(session.keepers()))))


def _suggest(text: str, session: Session) -> Any:
    from dumbo.notebook.suggest import suggestions  # few sessions ask for it

    return suggestions(session)


class _Text(str):
    """A text that is shown without quotes."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))


def _is_function(text: str, session: Session) -> bool:
    value = session.shell.user_ns.get(text)
    return callable(value) and (hasattr(value, "__code__") or hasattr(value, "__wrapped__"))


def _value(text: str, session: Session) -> Any:
    if not text:
        raise CellError(f"%dumbo deps: of what? use {USAGE}")
    try:
        return eval(text, session.shell.user_ns)
    except Exception as error:  # noqa: BLE001 - the expression is the user's
        raise CellError(f"%dumbo: {text}: {type(error).__name__}: {error}") from None


def _call(text: str, session: Session) -> tuple[Any, tuple[Any, ...], dict[str, Any]] | None:
    """Return the function and the arguments of *text*, if it is a call; calls nothing."""
    try:
        tree = parse(text, mode="eval").body
    except SyntaxError as error:
        raise CellError(f"%dumbo: {text!r} is no expression ({error.msg})") from None
    if not isinstance(tree, ast.Call):
        return None
    take = ast.Lambda(
        ast.arguments([], [], ast.arg("args"), [], [], ast.arg("kwargs"), []),
        ast.Tuple([ast.Name("args", ast.Load()), ast.Name("kwargs", ast.Load())], ast.Load()),
    )
    both = ast.Tuple([tree.func, ast.Call(take, tree.args, tree.keywords)], ast.Load())
    code = compile(ast.fix_missing_locations(ast.Expression(both)), "<%dumbo>", "eval")
    function, (args, kwargs) = eval(code, session.shell.user_ns)
    return function, args, kwargs
