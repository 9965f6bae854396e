"""A module with other source for the length of a block, as if its file had been edited.

The file is not touched: other processes, such as other workers of the same tests, go on with what
it says, and nothing is left to put back if this one is killed. The edited source runs in the
module's namespace. What it makes anew takes the place of what was there in such a way that those
who imported it by name have it, too:

    function            the old one runs the new code
    memoized function   the old one has the new function and its decoration
    class               the old one has the new attributes
    anything else       rebound in the module, and in modules whose source imports it from there

Knows modules and live objects; must not know tests or results.
"""

from __future__ import annotations

import ast
import functools
import importlib
import linecache
import sys
from abc import ABCMeta
from contextlib import contextmanager
from types import CellType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from dumbo.errors import InvalidUse
from dumbo.memoized import Memoized
from dumbo.parsing import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["edited"]

# Since 3.14, reading annotations evaluates them.
_ANNOTATIONS = "__annotate__" if hasattr(FunctionType, "__annotate__") else "__annotations__"
_OF_FUNCTIONS = ("__code__", "__defaults__", "__kwdefaults__", "__doc__", _ANNOTATIONS)
_OF_MEMOIZED = ("_function", "_keeper")
_NOT_OF_CLASSES = frozenset({"__dict__", "__weakref__", "__module__", "__qualname__"})
_CACHED = type(functools.lru_cache(lambda: None))
_MISSING = object()

# What modules that are being edited say, by name; edits may be nested.
_sources: dict[str, str] = {}


class _Undo:
    """How to go back, and what took the place of which new class."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []
        self._became: dict[int, tuple[type, type]] = {}  # by id, and kept alive under it

    def append(self, step: Callable[[], object]) -> None:
        self._steps.append(step)

    def run(self) -> None:
        while self._steps:
            self._steps.pop()()

    def became(self, new: type, old: type) -> None:
        self._became[id(new)] = new, old

    def translated(self, annotations: Any) -> Any:
        """Annotations that name the classes that are there."""
        if type(annotations) is not dict:
            return annotations
        return {name: self._became.get(id(v), (v, v))[1] for name, v in annotations.items()}


@contextmanager
def edited(module: str | ModuleType, old: str, new: str) -> Iterator[ModuleType]:
    """Replace *old*, which stands once in the source of *module*, by *new* while the block runs.

    Raises:
        InvalidUse: if the module has no source, or *old* does not stand in it exactly once.
        SyntaxError: or whatever else the edited source raises; then nothing has changed.
    """
    loaded = importlib.import_module(module) if isinstance(module, str) else module
    source = _source(loaded)
    text = _replaced(loaded.__name__, source, old, new)
    undo = _Undo()
    try:
        _show(loaded, text, undo)
        _run(loaded, source, text, undo)
        yield loaded
    finally:
        undo.run()


def _source(module: ModuleType) -> str:
    name = module.__name__
    if name in _sources:
        return _sources[name]
    file = getattr(module, "__file__", None)
    if not file or not file.endswith(".py"):
        raise InvalidUse(f"module {name!r} has no Python source to edit: it comes from {file}")
    import tokenize

    with tokenize.open(file) as lines:
        return lines.read()


def _replaced(name: str, source: str, old: str, new: str) -> str:
    count = source.count(old) if old else 0
    if count != 1:
        times = "is not" if not count else f"stands {count} times"
        more = "" if not count else ": give more of what is around it"
        raise InvalidUse(f"{old!r} {times} in the source of {name}{more}")
    return source.replace(old, new)


def _show(module: ModuleType, text: str, undo: _Undo) -> None:
    """Let who asks for the source, such as `inspect` and `why`, see *text*."""
    name, file = module.__name__, str(module.__file__)
    _put(_sources, name, text, undo)
    entry = (len(text), None, text.splitlines(keepends=True), file)
    _put(linecache.cache, file, entry, undo)  # without a time: it is not checked


def _run(module: ModuleType, source: str, text: str, undo: _Undo) -> None:
    code = compile(text, str(module.__file__), "exec", dont_inherit=True)
    names = vars(module)
    before = dict(names)

    def restore() -> None:
        names.update(before)
        for name in set(names) - set(before):
            del names[name]

    undo.append(restore)
    exec(code, names)
    unchanged = {name for name, _ in _classes(source) & _classes(text)}
    importers = _importers(module.__name__)
    # Classes first: annotations of functions may name them.
    for name, was in sorted(before.items(), key=lambda item: not isinstance(item[1], type)):
        now = names.get(name, _MISSING)
        if now is was or now is _MISSING or name.startswith("__"):
            continue
        if _is_made_in(module, was, now) and (_become(was, now, undo) or name in unchanged):
            names[name] = was
            continue
        for other, aliases in importers:
            for alias in aliases.get(name, ()):
                if vars(other).get(alias) is was:
                    _put(vars(other), alias, now, undo)


def _classes(source: str) -> set[tuple[str, str]]:
    """The classes that *source* defines, by name and text."""
    tree = parse(source)
    return {(item.name, ast.dump(item)) for item in tree.body if isinstance(item, ast.ClassDef)}


def _is_made_in(module: ModuleType, *things: Any) -> bool:
    """Whether these are things of the module itself, which it has not only imported."""
    return all(getattr(thing, "__module__", None) == module.__name__ for thing in things)


def _become(was: Any, now: Any, undo: _Undo) -> bool:
    """Make *was*, which others hold, do what *now* does; False if that is impossible."""
    if type(was) is FunctionType and type(now) is FunctionType:
        return _become_function(was, now, undo)
    if isinstance(was, Memoized) and type(was) is type(now):
        for attribute in _OF_MEMOIZED:
            _set(was, attribute, getattr(now, attribute), undo)
        function: Any = now.__wrapped__
        if type(function) is FunctionType:  # which is gone after the block
            setattr(function, _ANNOTATIONS, undo.translated(getattr(function, _ANNOTATIONS)))
        return True
    if type(was) is _CACHED and type(now) is _CACHED:
        undo.append(was.cache_clear)
        was.cache_clear()
        return _become(was.__wrapped__, now.__wrapped__, undo)
    if type(was) in (type, ABCMeta) and type(now) is type(was):
        return _become_class(was, now, undo)
    return False


def _become_function(was: FunctionType, now: FunctionType, undo: _Undo) -> bool:
    if was.__code__.co_freevars != now.__code__.co_freevars:
        return False
    for attribute in _OF_FUNCTIONS:
        _set(was, attribute, undo.translated(getattr(now, attribute)), undo)
    for cell, other in zip(was.__closure__ or (), now.__closure__ or (), strict=True):
        _become_cell(cell, other, undo)
    return True


def _become_cell(was: CellType, now: CellType, undo: _Undo) -> None:
    try:
        held, wanted = was.cell_contents, now.cell_contents
    except ValueError:  # not set yet
        return
    is_own_class = isinstance(held, type) and isinstance(wanted, type)  # of `super()`
    if not is_own_class and not _become(held, wanted, undo):
        _set(was, "cell_contents", wanted, undo)


def _become_class(was: type, now: type, undo: _Undo) -> bool:
    undo.became(now, was)
    if was.__bases__ != now.__bases__:
        try:
            _set(was, "__bases__", now.__bases__, undo)
        except TypeError:  # another layout
            return False
    for name in {**vars(was), **vars(now)}:
        if name in _NOT_OF_CLASSES:
            continue
        old, new = vars(was).get(name, _MISSING), vars(now).get(name, _MISSING)
        if old is new or _become_attribute(old, new, undo):
            continue
        try:
            if new is _MISSING:
                _delete(was, name, undo)
            else:
                _set(was, name, _for_class(new, was, now), undo)
        except (AttributeError, TypeError):  # a slot, or the like: as it was
            continue
    return True


def _become_attribute(old: Any, new: Any, undo: _Undo) -> bool:
    if type(old) is not type(new):
        return False
    if isinstance(old, (staticmethod, classmethod)):
        return _become(old.__func__, new.__func__, undo)
    if isinstance(old, property):
        pairs = [(old.fget, new.fget), (old.fset, new.fset), (old.fdel, new.fdel)]
        return all(a is b or _become(a, b, undo) for a, b in pairs)
    return _become(old, new, undo)


def _for_class(value: Any, was: type, now: type) -> Any:
    """*value*, whose `super()` shall mean *was* where it means *now*."""
    if type(value) is not FunctionType or "__class__" not in value.__code__.co_freevars:
        return value
    cells = tuple(
        CellType(was) if name == "__class__" and cell.cell_contents is now else cell
        for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
    )
    made = FunctionType(
        value.__code__, value.__globals__, value.__name__, value.__defaults__, cells
    )
    made.__kwdefaults__, made.__qualname__ = value.__kwdefaults__, value.__qualname__
    made.__dict__.update(value.__dict__)
    return made


def _importers(module: str) -> list[tuple[ModuleType, dict[str, list[str]]]]:
    """The user's modules whose source imports names from *module*, with what they call these."""
    # Imported here: it reads metadata, which only an edit needs.
    from dumbo.tracing.boundary import owner_of

    found = []
    for other in list(sys.modules.values()):
        file = getattr(other, "__file__", None)
        if type(other) is not ModuleType or not file or other.__name__ == module:
            continue
        if file.endswith(".py") and owner_of(other) is None:
            package = getattr(other, "__package__", None) or ""
            aliases = _aliases(file, package).get(module)
            if aliases:
                found.append((other, aliases))
    return found


@functools.cache
def _aliases(file: str, package: str) -> dict[str, dict[str, list[str]]]:
    """What *file* imports by name: module, name there, names here."""
    try:
        with open(file, "rb") as source:
            tree = parse(source.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    found: dict[str, dict[str, list[str]]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            above = package.split(".")[: -(node.level - 1) or None] if node.level else []
            home = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                here = found.setdefault(home, {}).setdefault(alias.name, [])
                here.append(alias.asname or alias.name)
    return found


# -- what can be undone ----------------------------------------------------------------


def _put(table: dict[Any, Any], key: Any, value: Any, undo: _Undo) -> None:
    if key in table:
        undo.append(functools.partial(table.__setitem__, key, table[key]))
    else:
        undo.append(functools.partial(table.pop, key, None))
    table[key] = value


def _set(thing: Any, name: str, value: Any, undo: _Undo) -> None:
    before = vars(thing).get(name, _MISSING) if isinstance(thing, type) else getattr(thing, name)
    if isinstance(thing, type) and name == "__bases__":
        before = thing.__bases__
    setattr(thing, name, value)
    if before is _MISSING:
        undo.append(functools.partial(delattr, thing, name))
    else:
        undo.append(functools.partial(setattr, thing, name, before))


def _delete(cls: type, name: str, undo: _Undo) -> None:
    before = vars(cls)[name]
    delattr(cls, name)
    undo.append(functools.partial(setattr, cls, name, before))
