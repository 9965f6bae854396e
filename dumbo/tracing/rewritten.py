"""Code that pytest has rewritten to explain its asserts, and what the source says instead.

A test's functions, and those of its helpers, shall have the digest that they have without pytest.
So their source is compiled plainly. That it is the source which the code was made from is proven:
rewritten once more, it must give the same code. Where that fails, the code counts as it is.

Knows pytest's rewriting by what it leaves in code; must not know digests.
"""

from __future__ import annotations

import sys
from types import CodeType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["plain"]

_MARK = "@pytest_ar"  # the name under which rewritten modules import what explains asserts

# By id, and kept alive under it.
_known: dict[int, tuple[CodeType, CodeType]] = {}
# The code of a source, rewritten and plain, by file and content.
_pairs: dict[tuple[str, bytes], dict[CodeType, CodeType]] = {}
_FILES = 200  # of which the pairs are kept


def plain(code: CodeType) -> CodeType:
    """Return *code* as its source compiles without rewriting; itself where that is not known."""
    if "pytest" not in sys.modules:
        return code
    known = _known.get(id(code))
    if known is None:
        found = _pairs_of(code.co_filename).get(code, code) if _is_rewritten(code) else code
        known = _known[id(code)] = (code, found)
    return known[1]


def _is_rewritten(code: CodeType) -> bool:
    return _MARK in code.co_names or any(
        _is_rewritten(constant) for constant in code.co_consts if type(constant) is CodeType
    )


def _pairs_of(file: str) -> dict[CodeType, CodeType]:
    try:
        with open(file, "rb") as lines:
            source = lines.read()
    except OSError:
        return {}
    pairs = _pairs.get((file, source))
    if pairs is None:
        if len(_pairs) >= _FILES:
            del _pairs[next(iter(_pairs))]
        pairs = _pairs[file, source] = _compiled(source, file)
    return pairs


def _compiled(source: bytes, file: str) -> dict[CodeType, CodeType]:
    from dumbo.parsing import parse  # only where a test's functions are memoized

    try:
        from _pytest.assertion.rewrite import rewrite_asserts

        tree = parse(source, filename=file)
        rewrite_asserts(tree, source, file, _config())
        rewritten = compile(tree, file, "exec", dont_inherit=True)
        bare = compile(source, file, "exec", dont_inherit=True)
    # Of sources that are none by now, and of another pytest's rewriting, which is not public.
    except (ImportError, AttributeError, TypeError, SyntaxError, ValueError, RecursionError):
        return {}
    places = {_place(code): code for code in _inside(bare)}
    found = ((code, places.get(_place(code))) for code in _inside(rewritten))
    return {code: other for code, other in found if other is not None}


def _config() -> Any:
    """What pytest rewrites with: an option of it leaves more in the code."""
    for finder in sys.meta_path:
        if type(finder).__name__ == "AssertionRewritingHook":
            return getattr(finder, "config", None)
    return None


def _place(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _inside(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield constant
            yield from _inside(constant)
