"""What code that cannot be seen may call on a value that is handed to it.

    KEPT      nothing but what pickling asks for: the result of the whole call
    SHOWN     what makes text of it: `print`, formatting, messages of errors
    SPECIAL   what operators, conversions and protocols call
    by_module special methods, and those of which the source of a library speaks
              (of one that only looks at what it is given, these alone, and it calls nothing)
    by_stranger  a callee that is not known: special methods, and those of which a library
              speaks that this module imports. If it is code of the user's, then it has
              been let out of sight itself, was entered, and finds what it calls
    by_made   code that this module puts together: what the module itself speaks of, too

Knows names of methods; must not know values or frames.
"""

from __future__ import annotations

from functools import cache

from dumbo.tracing import vocabulary

_PICKLING = frozenset(
    {
        "__getnewargs__",
        "__getnewargs_ex__",
        "__getstate__",
        "__reduce__",
        "__reduce_ex__",
    }
)
# Modules that read what functions, classes and annotations are, and call none of them.
_READERS = frozenset({"dis", "inspect", "typing", "annotationlib", "typing_extensions"})
_NOT_READ = _PICKLING | {"__call__", "__init__", "__new__"}
_TEXT = frozenset({"__format__", "__repr__", "__str__"})


def _is_special(method: str) -> bool:
    """Whether operators, conversions and protocols call it; who pickles speaks of it."""
    return method.startswith("__") and method.endswith("__") and method not in _PICKLING


class Use:
    """See the module's docstring; compared by identity."""

    __slots__ = ("calls", "changes", "name", "reads", "reads_docs")

    def __init__(self, name: str, *, changes: bool, calls: bool = True) -> None:
        self.name = name
        self.reads = self.reads_docs = False  # what functions and classes look like, see `looks`
        self.calls = calls  # it may call what can be called
        self.changes = changes  # it may put something into what it is given

    def wants(self, method: str) -> bool:
        """Whether a method of this name may be called."""
        if self is KEPT:
            return method in _PICKLING
        if self is SHOWN:
            return method in _TEXT
        return _is_special(method)

    def likely(self, method: str) -> bool:
        """Whether it likely is; for who observes what is called all the same."""
        return self is not SPECIAL and self.wants(method)


class _ByModule(Use):
    __slots__ = ("module",)

    def __init__(self, module: str) -> None:
        reads = module.partition(".")[0] in _READERS
        super().__init__(f"by {module}", changes=not reads, calls=not reads)
        self.reads = reads or vocabulary.reads(module)
        self.reads_docs = module in ("inspect", "pydoc", "doctest")
        self.module = module

    def wants(self, method: str) -> bool:
        if self.calls and _is_special(method):
            return True
        return method not in _NOT_READ and vocabulary.speaks_of(self.module, method)

    def likely(self, method: str) -> bool:
        # What builtin functions and containers call of what they are given is modelled.
        return self.module != "builtins" and self.wants(method)


class _ByStranger(Use):
    __slots__ = ("module", "own")

    def __init__(self, module: str, *, own: bool) -> None:
        super().__init__(f"{'made' if own else 'stranger'} in {module}", changes=True)
        self.module = module
        self.own = own

    def wants(self, method: str) -> bool:
        if _is_special(method):
            return True
        return vocabulary.reaches(self.module, method, own=self.own)

    def likely(self, method: str) -> bool:
        # Code that is seen somewhere else, or a method of something builtin, for the most part.
        return self.own and self.wants(method)


KEPT = Use("kept", changes=False)
SHOWN = Use("shown", changes=False, calls=False)
SPECIAL = Use("special", changes=False)
CALLED = Use("called", changes=True)  # a function, of which there are no methods


@cache
def by_stranger(name: str) -> Use:
    """What a callee that is not known may call, where code of module *name* calls it."""
    return _ByStranger(name, own=False)


@cache
def by_made(name: str) -> Use:
    """What code may call that module *name* makes while it runs."""
    return _ByStranger(name, own=True)


@cache
def by_module(name: str) -> Use:
    """What code of the library to which module *name* belongs may call."""
    return _ByModule(name)
