"""Results of older versions that are as good: because somebody said so.

    accepted        a statement leads from the closure as it is now to an older one
    new parameter   the call has the value for it under which the function does what it did
    other Python    the code is the same by its syntax, and a setting allows it

Asked where a call has no entry, before it is computed. Each of these asks for less than an
equal closure; none asks for less than what was said.

Knows which of these a function has; must not know how calls are identified or values loaded.
"""

from __future__ import annotations

from dumbo.persistence.ground import PYTHON

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record

__all__ = ["find", "remark"]


def find(keeper: Keeper, call: Call) -> Record | None:
    """Return an entry of an older version that may be served for *call*."""
    statements = call.store.statements()
    if statements.exist():
        now = call.snapshot.digest
        for closure in [now, *keeper.track().others(call.snapshot, call.store)]:
            for older in statements.older(closure):
                record = keeper.held(call, older)
                if record is not None:
                    return record
    if keeper.options.new_parameters:
        from dumbo import parameters  # few functions have new ones

        record = parameters.find(keeper, call)
        if record is not None:
            return record
    if keeper.goes_across_pythons():
        from dumbo import pythons  # few programs do

        return pythons.find(keeper, call)
    return None


def remark(call: Call, record: Record) -> str:
    """Return by whose word a result of an older version is served; empty if by nobody's."""
    if record.closure == call.snapshot.digest:
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


def _leads_from(statement: dict[str, object], closure: bytes) -> bool:
    pairs = statement["pairs"]
    assert isinstance(pairs, list)
    return any(old == closure.hex() for old, _ in pairs)
