"""Where user code ends and installed libraries begin.

User code is walked. An installed distribution is one thing: its name and
version, and the standard library is the version of Python. What belongs to a
distribution is read from the metadata beside the module (`RECORD`,
`top_level.txt`), not guessed from a path: an editable install, a vendored copy
and a module that somebody put into `site-packages` by hand are user code.

Asked while tracing only; what it finds is kept in the trace as the path of the
`dist-info` folder, whose name holds the version. Knows files and metadata; must
not know code or values.
"""

from __future__ import annotations

import os
import sys
from collections import namedtuple
from functools import cache
from types import FunctionType

from dumbo.config import user_packages
from dumbo.tracing.lookup import is_class, is_module, is_plainly_read, module_namespace, namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Owner(  # `typing` imports more
    namedtuple("Owner", ("name", "version", "info"), defaults=("", ""))  # noqa: PYI024
):
    """A distribution that is not walked.

    `info` is the path of its metadata folder, empty for the standard library,
    whose version is the interpreter's.
    """

    __slots__ = ()


STDLIB = Owner("python")
_DUMBO = Owner("dumbo")


# Owner and wall by id, and what has that id, so that it keeps it; while something is traced.
_found: dict[int, tuple[Any, Owner | None, Owner | None]] = {}
_tracing: list[None] = []


class one_analysis:  # noqa: N801 - used as a function is
    """Within, the owner of a function or class is found once."""

    def __enter__(self) -> None:
        refresh()
        _tracing.append(None)

    def __exit__(self, *_: object) -> None:
        _tracing.pop()
        if not _tracing:
            _found.clear()


def owner_of(obj: Any) -> Owner | None:
    """Who owns a function, class, module or code object's function; None for user code."""
    found = _found.get(id(obj))
    return _find(obj)[1] if found is None else found[1]


def wall_of(obj: Any) -> Owner | None:
    """The owner of a function or class that is not looked into; None if it is."""
    found = _found.get(id(obj))
    return _find(obj)[2] if found is None else found[2]


def _find(obj: Any) -> tuple[Any, Owner | None, Owner | None]:
    owner = _owner_of(obj)
    found = (obj, owner, _wall_of(obj, owner))
    if _tracing and (type(obj) is FunctionType or is_class(obj)):
        _found[id(obj)] = found
    return found


def _owner_of(obj: Any) -> Owner | None:
    if type(obj) is FunctionType:
        return owner_of_code(obj.__code__.co_filename, str(obj.__globals__.get("__name__", "")))
    if is_module(obj):
        name = str(module_namespace(obj).get("__name__", ""))
        return _owner_of_module(name)
    if is_class(obj):
        module = namespace(obj).get("__module__")
        return _owner_of_module(module if isinstance(module, str) else "builtins")
    if not is_plainly_read(obj, "__module__", "__objclass__"):
        return _owner_of(type(obj))
    module = getattr(obj, "__module__", None) or getattr(
        getattr(obj, "__objclass__", None), "__module__", None
    )
    return _owner_of_module(module) if isinstance(module, str) else STDLIB


# The mixins of abstract containers: what they call is what the class that derives from them
# defines, so they are looked through, and belong to the standard library all the same.
_OPEN = frozenset({"collections.abc", "_collections_abc"})


def _wall_of(obj: Any, owner: Owner | None) -> Owner | None:
    if owner != STDLIB:
        return owner
    if type(obj) is FunctionType:
        module = obj.__globals__.get("__name__")
    else:
        module = namespace(obj).get("__module__") if is_class(obj) else None
    return None if module in _OPEN else owner


def owner_of_code(filename: str, module: str) -> Owner | None:
    """Who owns code from *filename* that runs in the globals of *module*."""
    if module.partition(".")[0] in _user_packages():
        return None
    if filename.startswith("<frozen "):
        return STDLIB
    if filename.startswith("<"):
        # Made by exec, or typed at a prompt: it belongs to the module it runs in.
        return _owner_of_module(module)
    return _owner_of_file(filename, module)


@cache
def _user_packages() -> frozenset[str]:
    return user_packages()


def refresh() -> None:
    """Forget what is only true for one analysis: settings, and which modules are loaded."""
    _found.clear()
    _user_packages.cache_clear()
    _owner_of_module.cache_clear()


@cache
def _owner_of_module(name: str) -> Owner | None:
    top = name.partition(".")[0]
    if top in _user_packages():
        return None
    if top == "dumbo":
        return _DUMBO
    module = sys.modules.get(name)
    if module is None or not is_module(module):
        return STDLIB if top in sys.stdlib_module_names else None
    names = module_namespace(module)
    filename = names.get("__file__") or getattr(names.get("__spec__"), "origin", None)
    if not isinstance(filename, str) or filename in ("built-in", "frozen"):
        known = top in sys.stdlib_module_names and top != "__main__"
        return STDLIB if known else None
    return _owner_of_file(filename, name)


@cache
def _owner_of_file(filename: str, module: str) -> Owner | None:
    path = os.path.realpath(filename)
    if path.startswith(_HOME + os.sep):
        return _DUMBO
    for folder in _folders_above(path, module):
        owner = _claimant(folder, os.path.relpath(path, folder).replace(os.sep, "/"))
        if owner is not None:
            return None if owner.info and _is_editable(owner.info) else owner
        if _installed(folder):
            return None  # lies among installed ones, but none of them claims it
    if any(path.startswith(root + os.sep) for root in _STDLIB_ROOTS):
        return STDLIB
    return None


_HOME = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

# As `sysconfig` has them, which takes longer to import than all else here.
STDLIB_FOLDER = os.path.dirname(os.__file__)
_PLATSTDLIB = os.path.join(sys.exec_prefix, sys.platlibdir, os.path.basename(STDLIB_FOLDER))
_STDLIB_ROOTS = tuple({os.path.realpath(path) for path in (STDLIB_FOLDER, _PLATSTDLIB)})


def _folders_above(path: str, module: str) -> list[str]:
    """Folders that may be the root of an installation of *path*, the nearest first."""
    folders = []
    folder = os.path.dirname(path)
    while True:
        folders.append(folder)
        parent = os.path.dirname(folder)
        if parent == folder or folder in _STDLIB_ROOTS or len(folders) > 40:
            return folders
        folder = parent


@cache
def _installed(folder: str) -> list[Owner]:
    """The distributions whose metadata lie in *folder*."""
    try:
        infos = [name for name in os.listdir(folder) if name.endswith(".dist-info")]
    except OSError:
        return []
    return [_read_owner(os.path.join(folder, info)) for info in sorted(infos)]


@cache
def _namesakes(folder: str) -> dict[str, Owner]:
    """The distributions in *folder*, by what a package of the same name is called."""
    return {owner.name.replace("-", "_"): owner for owner in _installed(folder)}


@cache
def _listed(owner: Owner) -> frozenset[str]:
    return frozenset(_lines(_text(owner.info)))


def _claimant(folder: str, file: str) -> Owner | None:
    """The distribution installed in *folder* whose metadata names *file*, or what it lies in."""
    top = file.split("/")[0]
    namesake = _namesakes(folder).get(top.removesuffix(".py").lower())
    if namesake is not None and file in _listed(namesake):  # most: no other need be read
        return namesake
    owners = _claimed(folder, top)
    if len(owners) > 1:
        return next((owner for owner in owners if file in _listed(owner)), owners[0])
    return owners[0] if owners else None


@cache
def _claimed(folder: str, top: str) -> list[Owner]:
    """The distributions in *folder* whose metadata name *top*, or files that lie in it."""
    if top == "__pycache__":  # of modules that are files: whose it is, it does not say
        return []
    return [owner for owner in _installed(folder) if _names(owner.info, top)]


def _names(info: str, top: str) -> bool:
    text = _text(info)
    # Most name others, which is seen without taking the text apart.
    return top in text and any(file.split("/", 1)[0] == top for file in _lines(text))


def _read_owner(info: str) -> Owner:
    name, _, version = os.path.basename(info)[: -len(".dist-info")].partition("-")
    return Owner(name.lower().replace("_", "-"), version, info)


def _text(info: str) -> str:
    """The files of a distribution, or what they lie in: a line for each, as `RECORD` has them."""
    try:
        with open(os.path.join(info, "RECORD"), encoding="utf-8") as record:
            return record.read()
    except (OSError, UnicodeDecodeError):
        pass
    try:
        with open(os.path.join(info, "top_level.txt"), encoding="utf-8") as lines:
            tops = [line.strip() for line in lines if line.strip()]
        return "\n".join(name for top in tops for name in (top, f"{top}.py"))
    except (OSError, UnicodeDecodeError):
        return ""


def _lines(text: str) -> list[str]:
    return [line.split(",", 1)[0].strip('"') for line in text.splitlines()]


@cache
def _is_editable(info: str) -> bool:
    try:
        with open(os.path.join(info, "direct_url.json"), encoding="utf-8") as file:
            import json  # few distributions were installed from a place of their own

            return bool(json.load(file).get("dir_info", {}).get("editable"))
    except (OSError, ValueError, AttributeError):
        return False
