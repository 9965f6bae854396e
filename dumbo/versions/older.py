"""Results of older versions that are as good: because somebody said so.

    accepted        a statement leads from the closure as it is now to an older one, or says that
                    what a computation was seen to run has changed for nothing
    new parameter   the call has the value for it under which the function does what it did
    other Python    the code is the same by its syntax, and a setting allows it

Asked where a call has no entry, before it is computed. Each of these asks for less than an
equal closure; none asks for less than what was said.

Knows which of these a function has; must not know how calls are identified or values loaded.
"""

from __future__ import annotations

from time import time

from dumbo import inputs
from dumbo.keeping import serving
from dumbo.persistence.ground import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.statements import Statements
    from dumbo.persistence.store import Record, Store

__all__ = ["find", "is_accepted", "remark"]


def find(keeper: Keeper, call: Call) -> Record | None:
    """Return an entry of an older version that may be served for *call*."""
    statements = call.store.statements()
    if statements.exist():
        record = _accepted(keeper, call, statements)
        if record is not None:
            return record
    if keeper.options.new_parameters:
        from dumbo.versions import parameters  # few functions have new ones

        record = parameters.find(keeper, call)
        if record is not None:
            return record
    if serving.goes_across_pythons(keeper):
        from dumbo.versions import pythons  # few programs do

        return pythons.find(keeper, call)
    return None


def _accepted(keeper: Keeper, call: Call, statements: Statements) -> Record | None:
    assert call.key is not None
    now = [call.snapshot.digest, *keeper.track().others(call.snapshot, call.store)]
    older = [one for closure in now for one in statements.older(closure)]
    for closure in older:
        record = serving.held(keeper, call, closure)
        if record is not None:
            return record
    for closure in [*now, *older]:
        for record in call.store.variants(closure, call.key):
            if serving.expires_at(keeper, record) > time() and is_accepted(record, call.store):
                return record
    return None


def is_accepted(record: Record, store: Store) -> bool:
    """Whether what changed of what a computation was seen to run was accepted as it is now."""
    code, read = inputs.divide(record.extras)
    new = store.statements().seen(record.closure, code)
    if not new or (read and not inputs.hold(read, store)):
        return False
    from dumbo.tracing import observed  # few results have such a statement

    return all(
        snapshot is not None and snapshot.digest in new.get(extra.name, ())
        for extra, snapshot, _ in observed.outdated(code, store)
    )


def remark(call: Call, record: Record) -> str:
    """Return by whose word a result of an older version is served; empty if by nobody's."""
    code, _ = inputs.divide(record.extras)
    if record.closure == call.snapshot.digest and not call.store.statements().seen(
        record.closure, code
    ):
        return ""
    for name, statement in call.store.statements().every().items():
        if statement.get("revoked") or not _leads_from(statement, record.closure):
            continue
        when = str(statement.get("when", ""))[:10]
        if statement.get("parameters"):
            return f"stored before it had its new parameters (as the decorator says, {when})"
        return f"of an older version, which {statement.get('who')} accepted on {when} ({name})"
    if record.python != PYTHON:
        return f"of Python {record.python // 100}.{record.python % 100}"
    return ""


def _leads_from(statement: dict[str, Any], closure: bytes) -> bool:
    every = [*statement["pairs"], *statement.get("seen", ())]
    return any(one[0] == closure.hex() for one in every)
