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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec


def print_of(name: str) -> bytes:
    """16 bytes that change when what importing *name* would run changes; also when it appears."""
    hasher = xxhash.xxh3_128(b"source")
    seen: dict[str, None] = {name: None}
    for module in _closure(seen):
        hasher.update(module.encode() + b"\0" + _file_print(module))
    return hasher.digest()


def texts_of(name: str) -> list[tuple[str, bytes | None]]:
    """The modules that importing *name* would run, with their sources; None for installed ones."""
    return [(module, _user_source(module)) for module in _closure({name: None})]


def is_installed(name: str) -> bool:
    """Whether *name* is a module that counts by the version of its distribution, or of Python."""
    return find(name) is not None and _user_source(name) is None


def _closure(seen: dict[str, None]) -> Sequence[str]:
    """*seen* grows while it is walked: imports are followed breadth first."""
    done: list[str] = []
    while len(done) < len(seen):
        for name in list(seen)[len(done) :]:
            done.append(name)
            for parent in _parents(name):
                seen.setdefault(parent, None)
            for imported in _imports(name):
                seen.setdefault(imported, None)
    return done


def find(name: str) -> ModuleSpec | None:
    """Where *name* would be imported from; None if nowhere. Imports no parent package."""
    path: Sequence[str] | None = None
    spec: ModuleSpec | None = None
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        part = ".".join(parts[:count])
        loaded = sys.modules.get(part)
        if loaded is not None and hasattr(loaded, "__path__"):
            path, spec = list(loaded.__path__), loaded.__spec__
            continue
        try:
            spec = importlib.machinery.PathFinder.find_spec(part, path)
        except (ImportError, ValueError):
            return None
        if spec is None:
            return None
        path = spec.submodule_search_locations
    return spec


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]


def _user_source(name: str) -> bytes | None:
    from dumbo.tracing.boundary import owner_of_code  # reads metadata: only this rare road needs it

    spec = find(name)
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    if not spec.origin.endswith(".py") or owner_of_code(spec.origin, name) is not None:
        return None
    try:
        with open(spec.origin, "rb") as file:
            return file.read()
    except OSError:
        return None


def _file_print(name: str) -> bytes:
    source = _user_source(name)
    if source is None:
        spec = find(name)
        return b"absent" if spec is None else b"installed"
    return _code_print(source)


@cache
def _code_print(source: bytes) -> bytes:
    try:
        return fingerprint.code(compile(source, "<source>", "exec", dont_inherit=True))
    except (SyntaxError, ValueError):
        return xxhash.xxh3_128_digest(source)


def _imports(name: str) -> list[str]:
    """The user modules that *name* imports while it is loaded."""
    source = _user_source(name)
    if source is None:
        return []
    package = name if _is_package(name) else name.rpartition(".")[0]
    found = _imported(source, package)
    return [module for module in found if module and _user_source(module) is not None]


@cache
def _imported(source: bytes, package: str) -> tuple[str, ...]:
    import ast

    try:
        tree = ast.parse(source)
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


def _is_package(name: str) -> bool:
    spec = find(name)
    return spec is not None and spec.submodule_search_locations is not None
