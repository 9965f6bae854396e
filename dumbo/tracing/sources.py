"""A module that is not loaded, by its source: what stands for it until it is.

A function may import a module in its body. In a process that has not loaded it
yet there is nothing to look up, so the whole file counts, and the files of the
user modules that it imports at top level: as compiled code without lines, so
that comments change nothing.

Knows how modules are found; imports none.
"""

from __future__ import annotations

import importlib.machinery
import sys
from functools import cache

import xxhash

from dumbo.tracing import fingerprint
from dumbo.tracing.lookup import is_class, is_module, module_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from typing import Any


class Reader:
    """Reads each file once, for as long as whoever holds this wants files to be as they are."""

    __slots__ = ("_imports", "_prints", "_sources", "_specs")

    def __init__(self) -> None:
        self._specs: dict[str, ModuleSpec | None] = {}
        self._sources: dict[str, bytes | None] = {}
        self._imports: dict[str, tuple[str, ...]] = {}
        self._prints: dict[str, bytes] = {}

    def print_of(self, name: str) -> bytes:
        """16 bytes that change when what importing *name* would run changes; also when it
        appears."""
        hasher = xxhash.xxh3_128(b"source")
        for module in self.closure(name):
            hasher.update(module.encode() + b"\0" + self._file_print(module))
        return hasher.digest()

    def closure(self, name: str) -> Sequence[str]:
        """*name*, its packages, and the user modules that importing it would run."""
        seen: dict[str, None] = {name: None}
        done: list[str] = []
        while len(done) < len(seen):
            for module in list(seen)[len(done) :]:
                done.append(module)
                for parent in _parents(module):
                    seen.setdefault(parent, None)
                for imported in self._imported_by(module):
                    seen.setdefault(imported, None)
        return done

    def find(self, name: str) -> ModuleSpec | None:
        if name not in self._specs:
            self._specs[name] = find(name)
        return self._specs[name]

    def user_source(self, name: str) -> bytes | None:
        """The source of *name*; None if it is no user code that has one."""
        if name not in self._sources:
            self._sources[name] = _user_source(name, self.find(name))
        return self._sources[name]

    def _imported_by(self, name: str) -> tuple[str, ...]:
        """The user modules that *name* imports while it is loaded."""
        known = self._imports.get(name)
        if known is None:
            source = self.user_source(name)
            found = () if source is None else _imported(source, self._package_of(name))
            known = tuple([one for one in found if one and self.user_source(one) is not None])
            self._imports[name] = known
        return known

    def _package_of(self, name: str) -> str:
        spec = self.find(name)
        is_package = spec is not None and spec.submodule_search_locations is not None
        return name if is_package else name.rpartition(".")[0]

    def _file_print(self, name: str) -> bytes:
        known = self._prints.get(name)
        if known is None:
            source = self.user_source(name)
            if source is None:
                known = b"installed" if self.find(name) is not None else _absence(name)
            else:
                known = _code_print(source)
            self._prints[name] = known
        return known


def print_of(name: str) -> bytes:
    """See `Reader.print_of`: of the files as they are now."""
    return Reader().print_of(name)


def texts_of(name: str) -> list[tuple[str, bytes | None]]:
    """The modules that importing *name* would run, with their sources; None for installed ones."""
    reader = Reader()
    return [(module, reader.user_source(module)) for module in reader.closure(name)]


def is_installed(name: str) -> bool:
    """Whether *name* is a module that counts by the version of its distribution, or of Python."""
    spec = find(name)
    return spec is not None and _user_source(name, spec) is None


def find(name: str) -> ModuleSpec | None:
    """Where *name* would be imported from; None if nowhere. Imports no parent package."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        part = ".".join(parts[:count])
        loaded = sys.modules.get(part)
        # By its namespace, for `__getattr__` of a module is the user's.
        names = module_namespace(loaded) if loaded is not None and is_module(loaded) else {}
        if "__path__" in names:
            path, spec = list(names["__path__"]), names.get("__spec__")
            continue
        if count > 1 and path is None:
            return None  # what it would be in is no package; on `sys.path` lies something else
        try:
            spec = importlib.machinery.PathFinder.find_spec(part, path)
        except (ImportError, ValueError):
            return None
        except KeyError:
            # A folder without `__init__.py` asks its parent for the path, and that is not loaded.
            spec = _folder(part, path)
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec


def _folder(name: str, path: Sequence[str] | None) -> ModuleSpec:
    """A package that is nothing but folders: those of its name on *path*, which was searched."""
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [
        folder
        for entry in (sys.path if path is None else path)
        if (finder := sys.path_importer_cache.get(entry)) is not None
        and (portion := finder.find_spec(name, None)) is not None
        for folder in portion.submodule_search_locations or ()
    ]
    return spec


def is_nowhere(name: str) -> bool:
    """Whether importing *name* surely fails, as nobody who is asked for modules knows it."""
    return find(name) is None and _absence(name) == _ABSENT


_ABSENT = b"absent"


def _absence(name: str) -> bytes:
    """What is to be said of a module that lies on no path: nothing, if others may know it."""
    top, parents = name.partition(".")[0], _parents(name)
    package = sys.modules.get(top)
    if package is not None and not _has_path(package):
        return b"unsure"  # it may put what is in it into `sys.modules` itself
    if any((spec := find(one)) and spec.submodule_search_locations is None for one in parents):
        return b"unsure"  # so may this
    for finder in sys.meta_path:
        if finder is importlib.machinery.PathFinder:
            continue
        if not _is_known(finder):
            return b"unsure"
        try:
            found = finder.find_spec(top if package is None else name, None)
        except Exception:  # noqa: BLE001 - a library's finder may raise whatever it likes
            return b"unsure"
        if found is not None:
            return b"elsewhere"
    return _ABSENT


def _has_path(module: Any) -> bool:
    return is_module(module) and "__path__" in module_namespace(module)


def _is_known(finder: Any) -> bool:
    """Whether asking *finder* runs no user code."""
    if any(finder is own for own in _OWN):
        return True
    from dumbo.tracing.boundary import owner_of  # reads metadata: few have such finders

    return owner_of(finder if is_class(finder) else type(finder)) is not None


_OWN = (importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter)


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _user_source(name: str, spec: ModuleSpec | None) -> bytes | None:
    from dumbo.tracing.boundary import owner_of_code  # reads metadata: only this rare road needs it

    if spec is None or not spec.has_location or spec.origin is None:
        return None
    if not spec.origin.endswith(".py") or owner_of_code(spec.origin, name) is not None:
        return None
    try:
        with open(spec.origin, "rb") as file:
            return file.read()
    except OSError:
        return None


@cache
def _code_print(source: bytes) -> bytes:
    try:
        return fingerprint.code(compile(source, "<source>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError):
        return xxhash.xxh3_128_digest(source)


@cache
def _imported(source: bytes, package: str) -> tuple[str, ...]:
    import ast

    from dumbo.parsing import parse

    try:
        tree = parse(source)
    except (SyntaxError, ValueError):
        return ()
    found: list[str] = []
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".")
                home = ".".join(parts[: len(parts) - node.level + 1])
                base = f"{home}.{base}" if base else home
            found += [base, *[f"{base}.{alias.name}" for alias in node.names]]
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.expr):
            todo += ast.iter_child_nodes(node)
    return tuple(found)
