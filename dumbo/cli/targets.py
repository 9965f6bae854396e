"""From what is typed to the function, or other thing, that is meant.

    module:qualname              pkg.mod:Class.method
    module.qualname              pkg.mod.Class.method
    path/to/file.py:qualname     src/pkg/mod.py:Class.method

Knows imports and names; must not know what is asked about what it finds.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import pkgutil
import sys
from types import ModuleType
from typing import Any, NamedTuple

from dumbo.errors import DumboError, InvalidUse

__all__ = ["Found", "find", "locate", "modules_below"]

_FORMS = "write module:function, module.function or path/to/file.py:function"


class Found(NamedTuple):
    """A thing, and where it was found; a module is found under no name in itself."""

    module: ModuleType
    qualname: str
    thing: Any


def find(target: str) -> Any:
    """Return the function that *target* names; imports its module.

    Raises:
        InvalidUse: if there is no such module or name, or the import fails.
    """
    _, colon, _ = target.rpartition(":")
    if not colon and _is_file(target):
        raise InvalidUse(f"{target!r} names a file, and no function in it: {_FORMS}")
    found = locate(target)
    if not found.qualname:
        raise InvalidUse(f"{target!r} is a module{_such_as(found.module)}: {_FORMS}")
    return _function(found)


def locate(target: str) -> Found:
    """Return what *target* names, be it a function, a class, a value or a module.

    Raises:
        InvalidUse: if there is no such module or name, or the import fails.
    """
    place, colon, qualname = target.rpartition(":")
    if not colon:
        if _is_file(target):
            module = _import_file(target)
            return Found(module, "", module)
        return _locate_dotted(target)
    if not place or not qualname:
        raise InvalidUse(f"{target!r} lacks {'a module' if not place else 'a name'}: {_FORMS}")
    return _attribute(_import_file(place) if _is_file(place) else _import(place), qualname)


def modules_below(name: str) -> tuple[list[ModuleType], list[str]]:
    """Import *name*, and all modules in it if it is a package; return what failed beside them.

    *name* may be the path of a file, too, such as that of a script.
    """
    modules = [_import_file(name) if _is_file(name) else _import(name)]
    failures: list[str] = []
    for module in modules:
        for found in pkgutil.iter_modules(getattr(module, "__path__", [])):
            if found.name == "__main__":  # importing it would run the program
                continue
            try:
                modules.append(_import(f"{module.__name__}.{found.name}"))
            except DumboError as error:
                failures.append(str(error))
    return modules, failures


def _is_file(place: str) -> bool:
    return place.endswith(".py") or os.sep in place


def _locate_dotted(target: str) -> Found:
    parts = target.split(".")
    if not all(parts):
        raise InvalidUse(f"{target!r} names nothing: {_FORMS}")
    module = _import(parts[0])
    rest = parts[1:]
    while rest:
        try:
            inner = _import(f"{module.__name__}.{rest[0]}")
        except _NoSuchModule:
            return _attribute(module, ".".join(rest))
        name = rest.pop(0)
        if not rest and not isinstance(getattr(module, name, inner), ModuleType):
            return _attribute(module, name)  # a package may export a function of that name
        module = inner
    return Found(module, "", module)


class _NoSuchModule(InvalidUse):
    """The module itself is not there; one that it needs may be missing too, which is another."""


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except DumboError:
        raise  # such as a decoration that cannot be meant: its message says all
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise _NoSuchModule(
                f"there is no module {name!r} here{_did_you_mean(name, _siblings(name))}"
            ) from error
        raise _failed(name, error) from error
    except (Exception, SystemExit) as error:  # the user's module may raise anything on import
        raise _failed(name, error) from error


def _failed(name: str, error: BaseException) -> InvalidUse:
    kind = type(error).__name__
    what = f"{kind}: {error}" if str(error) else kind
    return InvalidUse(f"importing {name!r} failed with {what} (--traceback shows where)")


def _import_file(path: str) -> ModuleType:
    """Import a file under the name that other modules import it by."""
    file = os.path.realpath(path)
    if not os.path.isfile(file):
        folder = os.path.dirname(path) or "."
        there = [os.path.join(os.path.dirname(path), name) for name in _files(folder)]
        raise InvalidUse(f"there is no file {path!r}{_did_you_mean(path, there)}")
    folder, name = os.path.split(file)
    parts = [] if name == "__init__.py" else [os.path.splitext(name)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    sys.path.insert(0, folder)
    module = _import(".".join(parts))
    loaded = getattr(module, "__file__", None)
    if loaded is None or os.path.realpath(loaded) != file:
        raise InvalidUse(
            f"{path!r} would be imported as {module.__name__!r}, and that is "
            f"{loaded or 'built into Python'}: rename the file"
        )
    return module


def _files(folder: str) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if name.endswith(".py")]
    except OSError:
        return []


def _attribute(module: ModuleType, qualname: str) -> Found:
    """Look *qualname* up without running anybody's code: no property, no ``__getattr__``."""
    found: Any = module
    path = module.__name__
    separator = ":"
    for part in qualname.split("."):
        if part == "<locals>":
            raise InvalidUse(
                f"{module.__name__}:{qualname} is made inside a function, and only exists while "
                "that runs: name the outer function, or use dumbo.deps() in the program"
            )
        try:
            found = inspect.getattr_static(found, part)
        except AttributeError as error:
            known = [name for name in dir(found) if not name.startswith("__")]
            known += [inner.name for inner in pkgutil.iter_modules(getattr(found, "__path__", []))]
            raise InvalidUse(
                f"there is no {part!r} in {path}{_did_you_mean(part, known)}"
            ) from error
        path, separator = f"{path}{separator}{part}", "."
    return Found(module, qualname, found)


def _function(located: Found) -> Any:
    found = located.thing
    if isinstance(found, property) and found.fget is not None:
        return found.fget
    if isinstance(found, (staticmethod, classmethod)):
        return found.__func__
    if not callable(found) and not hasattr(type(found), "__get__"):
        path = f"{located.module.__name__}:{located.qualname}"
        raise InvalidUse(f"{path} is no function: it is a {type(found).__name__}")
    return found


def _siblings(name: str) -> list[str]:
    """Return the names of modules that *name* may have been meant for."""
    parent, _, _ = name.rpartition(".")
    if not parent:
        return [module.name for module in pkgutil.iter_modules()] + list(sys.builtin_module_names)
    package = sys.modules.get(parent)
    if package is None:  # then the parent is what is missing
        return [f"{other}{name[len(parent) :]}" for other in _siblings(parent)]
    found = pkgutil.iter_modules(getattr(package, "__path__", []), f"{parent}.")
    return [module.name for module in found]


def _did_you_mean(wrong: str, known: list[str]) -> str:
    close = difflib.get_close_matches(wrong, sorted(set(known)), n=1)
    return f": did you mean {close[0]!r}?" if close else ""


def _such_as(module: ModuleType) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if inspect.isroutine(value) and getattr(value, "__module__", None) == module.__name__
    ]
    return f", such as {module.__name__}:{own[0]} has one in it" if own else ""
