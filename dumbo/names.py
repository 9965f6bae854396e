"""What a module is called, for people and in lists: a script by its file, and not ``__main__``.

    python job.py           job        as `import job` calls it
    python -m package.job   package.job
    a session, python -c    __main__

So what a script stored is found from outside of it, and two scripts in one cache are two.

Knows what Python leaves in the names of a module; must not know files or what names are for.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FunctionType
    from typing import Any

__all__ = ["MAIN", "in_lists", "module_name", "named"]

# The second is what a spawned worker of multiprocessing calls the script.
MAIN = ("__main__", "__mp_main__")


def module_name(module: str, names: Mapping[str, Any] | None = None) -> str:
    """Return what *module* is called.

    Args:
        names: its namespace, such as the globals of a function, which may have come from another
            process; without it, that of the module of this process.
    """
    if module not in MAIN:
        return module
    if names is None:
        names = getattr(sys.modules.get(module), "__dict__", {})
    file = names.get("__file__")
    if names.get("__name__") not in MAIN or type(file) is not str or not file.endswith(".py"):
        return "__main__"
    stem = file.replace("\\", "/").rpartition("/")[2][: -len(".py")]
    package = names.get("__package__")
    return f"{package}.{stem}" if package and type(package) is str else stem or "__main__"


def named(function: FunctionType) -> str:
    """Return ``module:qualname`` of a plain function."""
    return f"{module_name(function.__module__, function.__globals__)}:{function.__qualname__}"


def in_lists(label: str) -> str:
    """Return a label, ``module:qualname`` as Python has it, as people know it."""
    module, colon, qualname = label.partition(":")
    return f"{module_name(module)}{colon}{qualname}"
