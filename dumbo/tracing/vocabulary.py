"""Which methods a library may call by their names: those of which its source speaks.

A library that is handed an object of the user's can call a method of it by a name
that stands in its source, or by one that it puts together from an end that stands
there (``"visit_" + kind``). All attributes and strings in its modules and in those that
they import are taken, in comments too: too many names cost precision only. Where there
is no source, as for code in C, the names of the protocols that such code speaks are
taken for the standard library; for other extensions, all.

Knows source files and loaded modules; must not know values.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from functools import cache
from itertools import chain
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple

from dumbo.tracing.boundary import STDLIB_FOLDER, owner_of
from dumbo.tracing.lookup import is_class, is_module, module_namespace, namespace

_WORD = re.compile(r"""\.([A-Za-z_]\w*)|["']([A-Za-z_]\w*)["']""")  # attributes, and strings
# Ends of names in strings, which code may put a name together from.
_BEGINNING = re.compile(r"""["']([A-Za-z]\w*_)["'{%]|startswith\(\s*["'](\w+)["']""")
_ENDING = re.compile(r"""(?:\}|%s|\+\s*["'])(_\w*[A-Za-z0-9])["']|endswith\(\s*["'](\w+)["']""")
# What code in C calls by name: files, mappings, iterators, futures, time zones, parsers.
_PROTOCOLS = frozenset(
    "acquire add_done_callback append as_integer_ratio call_soon cancel close comment copy cursor "
    "data doctype dst encode decode end extend fileno finalize find_spec flush fromutc getvalue "
    "get_loop inverse isatty isoformat items keys mro pi persistent_id persistent_load read "
    "read1 readable readall readinto readline readlines reducer_override release result seek "
    "seekable send start step tell throw truncate tzname update utcoffset value values writable "
    "write writelines".split()
)
# Modules of the standard library that read what they are given; and what others speak of that do.
_READERS = frozenset(
    {"annotationlib", "dataclasses", "dis", "doctest", "inspect", "pydoc", "typing"}
)
_READS = re.compile(
    r"\b(?:__annotations__|get_annotations|get_type_hints|getfullargspec|inspect\.signature)\b"
    r"|from inspect import .*\bsignature\b"
)


class Words(NamedTuple):
    """Names in source, and what names may begin and end with."""

    names: frozenset[str]
    beginnings: tuple[str, ...]
    endings: tuple[str, ...]


def speaks_of(module: str, name: str) -> bool:
    """Whether code of the library that *module* belongs to may call a method *name*."""
    words = _words_around(module)
    if words is None:
        return not name.startswith("_") or name.startswith("__")
    return name in words.names or name.startswith(words.beginnings) or name.endswith(words.endings)


def reaches(module: str, name: str, *, own: bool) -> bool:
    """Whether a library that *module* of user code imports may call a method *name*.

    With *own*, the words of the module itself count too.
    """
    if own and (words := _words_of(module)) is not None and name in words.names:
        return True
    return any(speaks_of(home, name) for home in _libraries_of(module))


@cache
def reads(module: str) -> bool:
    """Whether code of the library that *module* belongs to reads signatures and annotations."""
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return top in _READERS
    own = [name for name in list(sys.modules) if name == top or name.startswith(f"{top}.")]
    return any(_READS.search(_source_of(name) or "") for name in own)


@cache
def _libraries_of(module: str) -> tuple[str, ...]:
    homes = {home.partition(".")[0]: home for home in _imported_by(module)}
    return tuple(home for home in homes.values() if owner_of(sys.modules[home]) is not None)


@cache
def _words_around(module: str) -> Words | None:
    """The words of a module's top-level package, and of what its modules import."""
    top = module.partition(".")[0]
    own = [name for name in list(sys.modules) if name == top or name.startswith(f"{top}.")]
    around = dict.fromkeys(own)
    for name in own:
        around.update(dict.fromkeys(_imported_by(name)))
    found = [_words_of(name) for name in around]
    if None in found:
        return None
    known = [words for words in found if words is not None]
    return Words(
        frozenset().union(*[words.names for words in known]),
        tuple(sorted({end for words in known for end in words.beginnings})),
        tuple(sorted({end for words in known for end in words.endings})),
    )


def _imported_by(name: str) -> list[str]:
    module = sys.modules.get(name)
    if module is None or not is_module(module):
        return []
    return [home for held in list(module_namespace(module).values()) if (home := _home_of(held))]


def _home_of(held: Any) -> str:
    if is_module(held):
        home = module_namespace(held).get("__name__")
    elif is_class(held):
        home = namespace(held).get("__module__")
    else:
        plain = type(held) in (FunctionType, BuiltinFunctionType)
        home = held.__module__ if plain else None
    return home if isinstance(home, str) and home in sys.modules else ""


@cache
def _words_of(name: str) -> Words | None:
    """The words of one module; None if they cannot be read."""
    text = _source_of(name)
    if text is None:
        known = name.partition(".")[0] in sys.stdlib_module_names
        return Words(_PROTOCOLS, (), ()) if known else None
    return Words(
        frozenset(chain.from_iterable(_WORD.findall(text))),
        _ends_in(_BEGINNING, text),
        _ends_in(_ENDING, text),
    )


def _ends_in(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    return tuple({end for pair in pattern.findall(text) for end in pair if len(end) > 2})


def _source_of(name: str) -> str | None:
    module = sys.modules.get(name)
    names = module_namespace(module) if module is not None and is_module(module) else {}
    path = names.get("__file__")
    if not isinstance(path, str):
        # A frozen module of the standard library lies beside the others.
        path = os.path.join(STDLIB_FOLDER, f"{name.replace('.', os.sep)}.py")
    if path.endswith(".pyc"):
        try:
            path = importlib.util.source_from_cache(path)
        except ValueError:
            return None
    if not path.endswith(".py"):
        return None
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return None
