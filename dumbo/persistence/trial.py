"""The trial load: what came back, and whether loading laid hands on what lives.

Classes may give out an instance that there is already (flyweights, registries), and loading then
writes the stored state into it. So where a class has a say in what is made, the stream is read by
pickle's own Python, which can be asked before each write.

Knows streams and objects; must not know where the bytes come from.
"""

from __future__ import annotations

import pickle
import sys
from io import BytesIO
from itertools import repeat, zip_longest
from pickle import _Unpickler  # the one that can be asked
from typing import Any, ClassVar, TypeAlias

from dumbo.errors import UnstorableResult
from dumbo.persistence import fidelity

__all__ = ["compare", "load", "picks_instances"]

_PICKS = ("__new__", "__reduce__", "__reduce_ex__")
_UNORDERED = 200  # values in sets whose fields are compared
_LINE = 4096  # bytes; lines of protocol 5 are the names of integers at most
_Known: TypeAlias = "dict[type, list[tuple[str, Any]]]"  # for `fidelity.attributes`
_CHANGEABLE = ("list", "dict", "set", "bytearray", "deque", "ndarray", "array")


def picks_instances(kind: type) -> bool:
    """Whether code of the user's decides which object loading gives, not `object` alone."""
    if _is_enumeration(kind) or issubclass(kind, type):
        return False  # members and classes are what their names lead to
    copyreg = sys.modules.get("copyreg")
    if copyreg is not None and kind in copyreg.dispatch_table and not fidelity.is_known(kind):
        return True
    names = {
        name
        for base in kind.__mro__
        if not fidelity.is_known(base)
        for name in _PICKS
        if name in base.__dict__
    }
    if names == {"__new__"} and issubclass(kind, tuple) and not kind.__dictoffset__:
        return False  # such as named tuples: nothing is ever written to them
    return bool(names)


def _is_enumeration(kind: type) -> bool:
    """Whether it has members, of each of which there is one."""
    enum = sys.modules.get("enum")
    return enum is not None and isinstance(kind, enum.EnumMeta)


def load(value: object, stream: Any, buffers: Any, kinds: set[type], by_value: bool) -> Any:
    """Load what was made of *value*, unless that writes to an object in it.

    Parameters:
        kinds: those of its types that pick their instances.

    Raises:
        UnstorableResult: if an object in it would be written to, or comes back as itself though it
            may change.
    """
    living = _instances(value, kinds, by_value)
    return _Careful(stream, buffers, living).load()


def _instances(value: object, kinds: set[type], by_value: bool) -> dict[int, object]:
    """Return the objects of these types that pickling *value* meets, by id."""
    found: dict[int, object] = {}
    make = fidelity.code_pickler if by_value else fidelity.pickler
    pickler: Any = make(_Nowhere(), lambda buffer: False)
    look = pickler.reducer_override

    def noted(obj: Any) -> Any:
        if type(obj) in kinds:
            found[id(obj)] = obj
        return look(obj)

    pickler.reducer_override = noted
    pickler.dump(value)
    return found


class _File:
    """A payload as a file: no copy of it, for it may be large and mapped."""

    def __init__(self, payload: Any) -> None:
        self._left = memoryview(payload).cast("B")

    def read(self, size: int) -> bytes:
        data, self._left = bytes(self._left[:size]), self._left[size:]
        return data

    def readinto(self, target: Any) -> int:
        size = min(len(target), len(self._left))
        target[:size], self._left = self._left[:size], self._left[size:]
        return size

    def readline(self) -> bytes:
        head = bytes(self._left[:_LINE])
        return self.read(head.index(b"\n") + 1)


class _Careful(_Unpickler):
    """Reads a stream, but for what would change one of the *living*."""

    dispatch: ClassVar = dict(_Unpickler.dispatch)

    def __init__(self, stream: Any, buffers: Any, living: dict[int, object]) -> None:
        super().__init__(_File(stream), buffers=buffers)
        self.living = living

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        self.made(found)
        return found

    def made(self, obj: Any) -> None:
        """Refuse an object that is there already, if it may change."""
        if id(obj) in self.living and _may_change(obj):
            self.refuse(obj)

    def written(self, obj: Any) -> None:
        """Refuse to write to an object that is there already."""
        if id(obj) in self.living:
            self.refuse(obj)

    def refuse(self, obj: Any) -> None:
        kind = type(obj)
        raise UnstorableResult(
            f"loading it hands out, and changes, the {kind.__module__}.{kind.__qualname__} that "
            "the program holds, not a copy: its class gives out instances that it keeps"
        )


def _guard(opcode: bytes, where: int | None) -> None:
    """Ask before an opcode writes to what lies at place *where*; None: below the last mark."""
    step = _Unpickler.dispatch[opcode[0]]

    def guarded(self: Any) -> None:
        self.written(self.metastack[-1][-1] if where is None else self.stack[where])
        step(self)

    _Careful.dispatch[opcode[0]] = guarded


def _look(opcode: bytes) -> None:
    """Look at what an opcode has made."""
    step = _Unpickler.dispatch[opcode[0]]

    def looked(self: Any) -> None:
        step(self)
        self.made(self.stack[-1])

    _Careful.dispatch[opcode[0]] = looked


for _opcode, _where in (
    (pickle.BUILD, -2),
    (pickle.APPEND, -2),
    (pickle.SETITEM, -3),
    (pickle.APPENDS, None),
    (pickle.SETITEMS, None),
    (pickle.ADDITEMS, None),
):
    _guard(_opcode, _where)
for _opcode in (pickle.REDUCE, pickle.NEWOBJ, pickle.NEWOBJ_EX):
    _look(_opcode)


def _may_change(obj: Any) -> bool:
    """Whether *obj* holds, or is, what can be changed for certain; what is interned does not."""
    if any(base.__name__ in _CHANGEABLE and fidelity.is_known(base) for base in type(obj).__mro__):
        return True
    held = [field for _, field in fidelity.attributes(obj)]
    return any(type(f).__name__ in _CHANGEABLE and fidelity.is_known(type(f)) for f in held)


# -- comparing ---------------------------------------------------------------------


class _Nowhere:
    """A file for a pickler that is only watched."""

    error = None

    def write(self, data: object) -> None:
        pass


def compare(
    value: Any, back: object, types: frozenset[type], fields: list[Any], *, by_value: bool
) -> None:
    """Compare a result with what a trial load made of it, by all types inside.

    Parameters:
        fields: those of its values whose fields are compared, too.

    Raises:
        UnstorableResult: if types were lost or came in, or fields are not what they were.
    """
    if fidelity.stands_in(type(value)):
        value = value.__wrapped__
    if _kind(type(back)) != _kind(type(value)):
        raise UnstorableResult(
            f"{fidelity.a(type(value))} comes back from pickle as {fidelity.a(type(back))}"
        )
    make = fidelity.code_pickler if by_value else fidelity.pickler
    again = make(_Nowhere(), lambda buffer: False)
    try:
        again.dump(back)
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # a user's __reduce__ may raise anything
        raise UnstorableResult(
            f"comes back as what cannot be pickled: {fidelity.said(cause)}"
        ) from cause
    before = {_kind(kind): kind for kind in types}
    after = {_kind(kind): kind for kind in fidelity.doubtful(again)}
    for key in before.keys() ^ after.keys():
        kind, what = (before[key], "is lost") if key in before else (after[key], "is new")
        raise UnstorableResult(
            f"changes on its way through pickle: {fidelity.a(kind)} in it {what}"
        )
    lost = _lost(fields, again.fields, types, by_value=by_value)
    if lost is not None:
        what = f"{fidelity.a(type(lost))} in it loses or changes what it holds"
        raise UnstorableResult(f"changes on its way through pickle: {what}")


def _lost(
    fields: list[Any], back: list[Any], types: frozenset[type], *, by_value: bool
) -> object | None:
    """Return a value whose fields are not what they were, or None.

    Those in a set come back in another order: then each has to be among what came back, and to come
    back as it was when it is loaded by itself.
    """
    left, others = [], []
    known: _Known = {}
    for one, other in zip_longest(fields, back):
        if not _same_fields(one, other, known):
            left.append(one)
            others.append(other)
    for one in left:
        place = next(
            (at for at, other in enumerate(others) if _same_fields(one, other, known)), None
        )
        if place is None or len(left) > _UNORDERED or not _keeps_fields(one, types, by_value):
            return one if one is not None else others
        del others[place]
    return None


def _same_fields(one: Any, other: Any, known: _Known) -> bool:
    if not _are_one(type(one), type(other)):
        return False
    return _alike(_all_fields(one, known), _all_fields(other, known))


def _keeps_fields(one: Any, types: frozenset[type], by_value: bool) -> bool:
    """Whether an object that may be in a set keeps its fields when it is loaded by itself."""
    if by_value or type(one).__hash__ is None:
        return False
    file = BytesIO()
    fidelity.pickler(file, lambda buffer: True).dump(one)
    kinds = {kind for kind in types if picks_instances(kind)}
    return _same_fields(one, load(one, file.getvalue(), None, kinds, by_value), {})


def _all_fields(value: Any, known: _Known) -> dict[str, object]:
    """Return what an exception or array holds beside what its type keeps for certain."""
    found = dict(fidelity.attributes(value, known))
    if isinstance(value, BaseException):
        found["args"] = value.args
    return found


def _alike(one: Any, other: Any, depth: int = 20) -> bool:
    """Whether two values are the same, as far as builtin types tell; the rest goes by its types."""
    if one is other:
        return True
    if fidelity.stands_in(type(one)):
        one = one.__wrapped__
    kind = type(one)
    if not _are_one(kind, type(other)):
        return False
    if kind in (bool, int, float, complex, str, bytes):
        return bool(one == other or (one != one and other != other))
    if kind not in (list, tuple, dict, set, frozenset) or not depth:
        return True
    if len(one) != len(other):
        return False
    if kind is dict:
        return _alike([*one], [*other], depth - 1) and _alike(
            [*one.values()], [*other.values()], depth - 1
        )
    return kind in (set, frozenset) or all(map(_alike, one, other, repeat(depth - 1)))


def _are_one(kind: type, other: type) -> bool:
    return kind is other or _kind(kind) == _kind(other)


def _kind(kind: type) -> object:
    """What tells a type from others: of one that is stored as code, a load makes another one."""
    return kind if fidelity.importable(kind) else (str(kind.__module__), kind.__qualname__)
