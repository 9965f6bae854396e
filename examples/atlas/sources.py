"""Where the sources of the standard library are. Not memoized: the disk is the input."""

from __future__ import annotations

import os
import sysconfig

_NOT_OURS = {"__pycache__", "site-packages", "dist-packages"}


def read_all(limit: int | None = None) -> dict[str, bytes]:
    """Return the bytes of every module of the standard library, by its dotted name."""
    top = sysconfig.get_path("stdlib")
    found: dict[str, bytes] = {}
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(set(folders) - _NOT_OURS)
        package = os.path.relpath(folder, top).replace(os.sep, ".").lstrip(".")
        for file in sorted(files):
            if not file.endswith(".py"):
                continue
            if limit is not None and len(found) == limit:
                return found
            with open(os.path.join(folder, file), "rb") as stream:
                found[_dotted(package, file[:-3])] = stream.read()
    return found


def is_test(module: str) -> bool:
    """Return whether *module* tests others; a test that breaks breaks nobody."""
    parts = module.split(".")
    return any(part in ("test", "tests", "idle_test") for part in parts)


def _dotted(package: str, module: str) -> str:
    if module == "__init__":
        return package or module
    return f"{package}.{module}" if package else module
