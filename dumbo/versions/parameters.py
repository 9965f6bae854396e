"""Results from before a function had a parameter, for calls in which it has the value that is said.

``memo(new_parameters={"alpha": 0.5})`` states that with this value the function does what it did
before the argument existed. The key of a call is then also computed as if the parameter were not
there, and what is found under it may be served if

- all that changed since is the function's own code, and
- it is still the version in which the statement was first met in this cache: that is written down,
  as what is accepted by hand is. A later change of the function ends it, as it ends everything.

What else changed at the same time has to be accepted by hand (`dumbo accept`).

Knows keys and statements; must not know how entries are found otherwise.
"""

from __future__ import annotations

from dumbo.answers.reasons import account_in
from dumbo.arguments.hashing import digest_call
from dumbo.arguments.sharing import with_sharing
from dumbo.keeping import serving
from dumbo.tracing.compare import differences
from dumbo.versions import kin
from dumbo.versions.acceptance import when_it_is
from dumbo.versions.stale import kin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dumbo.call import Call
    from dumbo.keeper import Keeper
    from dumbo.persistence.store import Record

__all__ = ["find"]


def find(keeper: Keeper, call: Call) -> Record | None:
    """Return an entry of *call* from before the function had its new parameters."""
    own = kin_of(keeper, call.snapshot)
    for key in _older_keys(keeper, call):
        for record in call.store.entries_of(keeper.label, key):
            if not own or kin.read_note(record.note)[1] != own or record.closure in _tried(call):
                continue
            if _leads(keeper, call, record.closure):
                current, call.key = call.key, key
                try:
                    found = serving.held(keeper, call, record.closure)
                finally:
                    call.key = current
                if found is not None:
                    return found
    return None


def _tried(call: Call) -> tuple[bytes, ...]:
    return (call.snapshot.digest,)


def _older_keys(keeper: Keeper, call: Call) -> Iterator[bytes]:
    """The keys that the call had before, if it has the values that are said."""
    assert keeper.binder is not None
    said, names = keeper.options.new_parameters, keeper.binder.names
    values = call.given[0]
    if call.draw is not None or (call.taken is not None and call.taken.near is not None):
        return  # nobody had the like before
    for name, value in zip(names, values, strict=False):
        if name in said and _digest(value) != _digest(said[name]):
            return
    kept = [(n, v) for n, v in zip(names, values, strict=False) if n not in said]
    old_names = tuple(name for name, _ in kept)
    old_values = tuple(value for _, value in kept)
    if call.taken is None:
        key = digest_call(old_values, old_names)[0]
        shown = old_values
    else:
        from dumbo.arguments.matching import Matching  # only for functions with matchers

        options = keeper.options
        reads = options.reads if options.reads is not None and not options.reads.observed else None
        matchers = {name: one for name, one in options.key.items() if name in old_names}
        taken = Matching(old_names, matchers, reads).take(old_values)
        if taken.near is not None or taken.private:
            return
        key, shown = taken.key, taken.values
    yield key
    yield with_sharing(key, shown)


def _digest(value: Any) -> tuple[bytes, tuple[int, ...]]:
    digest, roots = digest_call((value,), ("",))
    return digest, tuple(map(id, roots))


def _leads(keeper: Keeper, call: Call, older: bytes) -> bool:
    """Whether what is stored under *older* is as good, by a statement or by a new one."""
    store, now = call.store, call.snapshot.digest
    statements = store.statements()
    if older in statements.older(now):
        return True
    for statement in statements.every().values():
        if statement.get("parameters") and any(o == older.hex() for o, _ in statement["pairs"]):
            return False  # it was said of another version, which is no more
    if not _is_own_change(keeper, call, older):
        return False
    said = keeper.options.new_parameters
    try:
        statements.add(
            {
                "function": keeper.label,
                "who": "the decorator",
                "when": when_it_is(),
                "why": "new_parameters=",
                "parameters": sorted(said),
                "changes": [],
                "diff": "",
                "pairs": [[older.hex(), now.hex()]],
            }
        )
    except OSError:  # what cannot be written down cannot end
        return False
    return True


def _is_own_change(keeper: Keeper, call: Call, older: bytes) -> bool:
    """Whether nothing but the function's own code changed since *older*."""
    assert keeper.binder is not None
    old = account_in(call.store, older)
    new = keeper.track().account_of(call.snapshot, call.store)
    if old is None or new is None or not (old.whole and new.whole):
        return False
    kept = [name for name in keeper.binder.names if name not in keeper.options.new_parameters]
    if list(old.names) != kept:
        return False
    for one in differences(old, new, every=True):
        was, now = one.places
        own = one.kind == "code" and len(one.path) == 1 and was >= 0 and now >= 0
        # The call itself has the type of one argument more.
        if not own and not (one.kind == "new" and one.of_call):
            return False
    return True
