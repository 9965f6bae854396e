"""Results of another minor version of Python: where a setting allows it, and the code is the same.

Bytecode differs from one Python to the next, so closures are compared by what their parts are:
code by its syntax, as its kept source is read by this Python, and everything else by the digests
that hold on every Python. What a comprehension does belongs to the function around it, which is
how newer Pythons compile it. A result whose code was not written down is not found.

Knows accounts and sources; must not know how entries are found otherwise.
"""

from __future__ import annotations

import ast
from time import time

from dumbo import inputs
from dumbo.keeping import serving
from dumbo.lockfile.syntax import written
from dumbo.parsing import parse
from dumbo.persistence.ground import PYTHON
from dumbo.tracing import account as accounts
from dumbo.tracing.observed import UNOBSERVED
from dumbo.tracing.texts import source_of
from dumbo.versions import kin
from dumbo.versions.stale import kin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record
    from dumbo.tracing.account import Account, Part

__all__ = ["find"]

_INSIDE = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
_CODE = ("function", "method")


def find(keeper: Keeper, call: Call) -> Record | None:
    """Return an entry of *call* that another Python stored, of the same code."""
    assert call.key is not None
    store = call.store
    own = kin_of(keeper, call.snapshot)
    new: Account | None = None
    for record in store.entries_of(keeper.label, call.key):
        if record.python == PYTHON or kin.read_note(record.note)[1] != own or not own:
            continue
        extras, read = inputs.divide(record.extras)
        if extras not in (b"", UNOBSERVED) or (read and not inputs.hold(read, store)):
            continue
        if serving.expires_at(keeper, record) <= time():
            continue
        new = new or keeper.track().account_of(call.snapshot, store)
        for trace in store.traces_with(record.closure, python=record.python):
            old = accounts.decode(trace.details)
            if old is not None and new is not None and _is_same(old, new, call):
                return record
    return None


def _is_same(old: Account, new: Account, call: Call) -> bool:
    """Whether two closures are the same, part by part, but for what compilers do."""
    recipes = call.store.recipes()
    now = {part: source_of(part.code) for part in new.parts if part.code is not None}

    def text(part: Part) -> str:
        return now.get(part) or (recipes.text(part.text) if part.text else "")

    if old.salt != new.salt or not (old.whole and new.whole):
        return False
    pairs = {(0, 0)}
    queue = [(0, 0)]
    for was, is_now in queue:
        before, after = old.parts[was], new.parts[is_now]
        if before.kind != after.kind or not _are_alike(before, after, text(before), text(after)):
            return False
        ends = _ends(old, was), _ends(new, is_now)
        if ends[0].keys() != ends[1].keys():
            return False
        for label, one in ends[0].items():
            other = ends[1][label]
            if len(one) != len(other):
                return False
            for pair in zip(one, other, strict=True):
                if pair not in pairs:
                    pairs.add(pair)
                    queue.append(pair)
    return True


def _are_alike(before: Part, after: Part, old: str, new: str) -> bool:
    if before.kind in _CODE:
        return bool(old) and bool(new) and _syntax(old) == _syntax(new) != ""
    return before.own == after.own


def _syntax(text: str) -> str:
    """What a function does, by its source; empty if that is no single function."""
    try:
        tree = parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return ""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    if len(tree.body) == 1 and isinstance(tree.body[0], functions):
        return written(tree.body[0], lambda parts: None, keep_parameters=True)
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return written(found[0], lambda parts: None, keep_parameters=True) if len(found) == 1 else ""


def _ends(account: Account, number: int) -> Mapping[str, list[int]]:
    """What a part leads to, by how it is reached; comprehensions are passed through."""
    found: dict[str, list[int]] = {}
    seen = {number}
    queue = [number]
    for at in queue:
        for _, _, label, end in account.parts[at].edges:
            part = account.parts[end]
            if part.name.endswith(_INSIDE):
                if end not in seen:
                    seen.add(end)
                    queue.append(end)
            elif end not in found.setdefault(label, []):
                found[label].append(end)
    return {label: ends for label, ends in found.items() if ends}
