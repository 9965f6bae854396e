"""Results as bytes, and back.

    number  name     writes                                               mapped
    1       raw      bytes                                                no
    2       array    plain numpy arrays: a line that describes, the data  yes
    3       pickle   one pickle 5 stream                                  no
    4       buffers  a pickle 5 stream, and the buffers beside it         yes
    5       items    what a generator yielded: see `items`                yes
    6       parts    what is left where large parts lie by themselves:    yes
                     see `parts`; `assembly` decodes it
    7       plain    builtin values as a Python literal: nothing in it    no
                     is run when it is read
    8       arrow    tables and columns of pyarrow and polars: `arrow`    yes

`array` and `buffers` lay out a payload alike, so that each buffer is aligned for any
array and nothing has to be known before it is written:

    head | padding to 64 | buffer 0 | padding to 64 | buffer 1 | ... | table
    table: offset and length of each buffer (u64 each), then how many (u32), little-endian

Knows values and bytes; must not know paths, rows, keys or functions, nor what may be
stored at all: `fidelity` judges that while `encode` writes.
"""

from __future__ import annotations

import struct

try:  # The C half alone: `pickle` imports `re` and more, which a cold hit would pay for.
    from _pickle import dumps
    from _pickle import loads as loads
except ImportError:
    from pickle import dumps
    from pickle import loads as loads

from dumbo.errors import UnstorableResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pickle import PickleBuffer
    from typing import Any, Protocol, TypeAlias

    from dumbo.persistence.fidelity import Watching

    Buffer: TypeAlias = bytes | bytearray | memoryview

    class Sink(Protocol):
        """Where a payload goes, piece by piece."""

        size: int  # how much went there
        error: OSError | None  # why it takes no more

        def write(self, data: Buffer, /) -> object: ...
        def reset(self) -> None: ...


# Entries carry the number, so never reuse one.
RAW, ARRAY, PICKLE, BUFFERS, ITEMS, PARTS, PLAIN, ARROW = 1, 2, 3, 4, 5, 6, 7, 8
NAMES = {
    RAW: "raw",
    ARRAY: "array",
    PICKLE: "pickle",
    BUFFERS: "buffers",
    ITEMS: "items",
    PARTS: "parts",
    PLAIN: "plain",
    ARROW: "arrow",
}
MAPPED = frozenset((ARRAY, BUFFERS, ITEMS, PARTS, ARROW))  # read in parts, or parts of the value
COMPRESSIBLE = frozenset((RAW, PICKLE, PLAIN))  # read as a whole
UNPICKLED = frozenset((RAW, ARRAY, PLAIN, ARROW))  # these run nothing when they are read

_PROTOCOL = 5  # pinned, so that a Python upgrade does not change what is written
_ALIGN = 64
_LARGE = 1 << 20  # bytes of what is handed on as an argument without being hashed, if unchanged
_BESIDE = 1024  # bytes; smaller buffers cost less inside the stream
_SLAB = 1 << 24  # bytes of a scattered array that are gathered at a time
_SPAN = struct.Struct("<QQ")
_COUNT = struct.Struct("<I")
ATOMS = frozenset((type(None), bool, int, float, complex, str))


class Written:
    """What `encode` wrote, and which types in it call for a trial load.

    Attributes:
        fields: values that call for one each time.
    """

    __slots__ = ("by_value", "codec", "doubtful", "fields")

    def __init__(
        self,
        codec: int,
        doubtful: frozenset[type] = frozenset(),
        by_value: bool = False,
        fields: list[Any] | None = None,
    ) -> None:
        self.codec = codec
        self.doubtful = doubtful
        self.fields = fields or []
        self.by_value = by_value  # code went in too, by cloudpickle


def encode(value: object, sink: Sink, known: bool = False) -> Written:
    """Write *value* to *sink*, which is empty; large data is never held twice.

    Parameters:
        known: beside a large array or table, write what the hasher of arguments will make of it, so
            that it need not be hashed where nobody has written to it.

    Raises:
        UnstorableResult: if *value*, or a part of it, would not come back as it is.
        OSError: what the sink raises.
    """
    kind = type(value)
    if kind is bytes:
        sink.write(value)  # type: ignore[arg-type]
        return Written(RAW)
    if kind in ATOMS:
        sink.write(encode_atom(value))
        return Written(PICKLE)
    from dumbo.persistence import fidelity  # here and below: a hit of most values needs none

    if fidelity.is_plain_array(value):
        _encode_array(value, sink, known)
        return Written(ARRAY)
    if fidelity.is_of_arrow(kind):
        from dumbo.persistence import arrow  # here and below: few values take it

        if arrow.encode(value, sink, known=known):
            return Written(ARROW)
    fidelity.refuse_whole(value)
    return _encode_pickle(value, sink)


def encode_atom(value: object) -> bytes:
    """Return what `encode` writes for a value of one of `ATOMS`, with the codec PICKLE."""
    return dumps(value, _PROTOCOL)


def decode(codec: int, payload: Buffer, frozen: bool = False) -> Any:
    """Return the value that `encode` wrote as *payload*, which the value may keep and change.

    Parameters:
        frozen: arrays come on memory that nothing can write to, if *payload* is a map that is
            read-only, or else on a copy of it.

    Raises whatever loading raises: classes of the user, and their imports, take part.
    """
    if codec == PICKLE:
        return loads(payload)
    if codec == RAW:
        value = payload if type(payload) is bytes else bytes(payload)
        if len(value) >= _LARGE:
            from dumbo.arguments import known

            known.hold(value)
        return value
    if codec == ITEMS:
        from dumbo.persistence.items import Items  # few functions are generators

        return Items(payload, decode)
    if codec == PLAIN:
        return _decode_plain(payload)
    if codec == ARROW:
        from dumbo.persistence import arrow

        return arrow.decode(payload)
    if frozen:
        if type(payload) is bytearray:
            payload = bytes(payload)
    elif type(payload) is bytes:
        payload = bytearray(payload)  # what comes back is as writable as what went in
    view = memoryview(payload)
    if codec == ARRAY:
        return _decode_array(view)
    if codec == BUFFERS:
        return loads(view, buffers=_buffers(view))
    raise ValueError(f"codec {codec} is none that this version of dumbo has")


def decoder(codec: int, payload: Buffer) -> Callable[[Buffer], Any] | None:
    """Return what makes a new value of *payload* each time, and without more ado; or None."""
    if codec == PICKLE:
        return loads
    if codec == ARRAY:
        array = decode(codec, payload)
        if array.flags.writeable:  # else it could be made so, and is not to be handed out again
            copy = array.copy
            return lambda payload: copy("K")
    if codec in (ARRAY, BUFFERS, PLAIN, ARROW):
        return lambda payload: decode(codec, payload)
    return None


def prove(value: object, written: Written, payload: Buffer) -> None:
    """Load *payload* on trial: is it what *value* is, as far as types tell?

    Raises:
        UnstorableResult: if it cannot be loaded, or comes back as something else.
    """
    # Imported here: it takes the whole of `pickle`.
    from dumbo.persistence import fidelity, trial

    try:
        back = _tried(value, written, payload)
    except (UnstorableResult, KeyboardInterrupt):
        raise
    except BaseException as cause:  # a user's __setstate__ or __init__ may raise anything
        raise UnstorableResult(
            f"can be pickled, but not loaded again: {fidelity.said(cause)}", cause=cause
        ) from cause
    doubtful, fields = written.doubtful, written.fields
    trial.compare(value, back, doubtful, fields, by_value=written.by_value)


def _tried(value: object, written: Written, payload: Buffer) -> Any:
    from dumbo.persistence import trial

    kinds = {kind for kind in written.doubtful if trial.picks_instances(kind)}
    if not kinds:
        return decode(written.codec, payload)
    buffers = _buffers(memoryview(payload)) if written.codec == BUFFERS else None
    return trial.load(value, payload, buffers, kinds, written.by_value)


_LITERALS = frozenset((type(None), bool, int, float, str, bytes))
_SIZED = frozenset((list, tuple, set, dict))
_NESTED = 60  # the parser of literals has its limits
_INFINITE = ("inf", "-inf", "nan")


def encode_plainly(value: object, sink: Sink, known: bool = False) -> Written:
    """Write *value* as `encode` does, without pickling anything, if that can be done.

    Raises:
        UnstorableResult: if it, or a part of it, is no plain builtin, plain array or table.
        OSError: what the sink raises.
    """
    if type(value) is bytes:
        sink.write(value)
        return Written(RAW)
    from dumbo.persistence import fidelity

    if fidelity.is_plain_array(value):
        _encode_array(value, sink, known)
        return Written(ARRAY)
    if fidelity.is_of_arrow(type(value)):
        from dumbo.persistence import arrow

        if arrow.encode(value, sink, known=known, always=True):
            return Written(ARROW)
    _check_plain(value, _NESTED, set())
    try:
        text = repr(value)
    except ValueError as cause:  # Python's limit of digits
        raise UnstorableResult(
            "a number of so many digits takes pickle, and allow_pickle=False", cause=cause
        ) from cause
    sink.write(text.encode("utf-8", "surrogatepass"))
    return Written(PLAIN)


def _check_plain(value: Any, depth: int, met: set[int]) -> None:
    kind = type(value)
    if kind in _LITERALS:
        if kind is not float or repr(value) not in _INFINITE:
            return
        what = f"the number {value!r}"
    elif kind in _SIZED and depth:
        if kind is not tuple:
            if id(value) in met:
                raise UnstorableResult(
                    f"the same {kind.__qualname__} is in it twice, which a literal cannot say, and "
                    "allow_pickle=False"
                )
            met.add(id(value))
        for item in value:
            _check_plain(item, depth - 1, met)
        if kind is dict:
            for item in value.values():
                _check_plain(item, depth - 1, met)
        if kind is not set or value:  # an empty set has no literal
            return
        what = "an empty set"
    else:
        what = f"a {kind.__qualname__}"
    raise UnstorableResult(f"{what} takes pickle, and allow_pickle=False")


def _decode_plain(payload: Buffer) -> Any:
    # Imported here: only caches without pickle need it.
    from ast import literal_eval

    return literal_eval(bytes(payload).decode("utf-8", "surrogatepass"))


def _encode_pickle(value: object, sink: Sink) -> Written:
    from dumbo.persistence import fidelity

    views: dict[int, Any] = {}
    pickler, by_value, buffers = _pickled(value, sink, {}, views)
    if pickler.arrays or pickler.fixed:
        from dumbo.persistence import overlaps  # few results hold arrays

        arrays, fixed = pickler.arrays, pickler.fixed
        overlaps.refuse_buffers([*arrays, *fixed], pickler.memo.copy)
        shared = overlaps.places(arrays, fixed, pickler.frames)
        if shared:
            sink.reset()
            pickler, by_value, buffers = _pickled(value, sink, shared, views)
    doubtful = fidelity.doubtful(pickler)
    if not buffers:
        return Written(PICKLE, doubtful, by_value, pickler.fields)
    _append(sink, buffers)
    return Written(BUFFERS, doubtful, by_value, pickler.fields)


def _pickled(
    value: object, sink: Sink, places: dict[int, Any], views: dict[int, Any]
) -> tuple[Watching, bool, list[memoryview]]:
    """Write the stream; return who did, whether code went into it, and what lies beside it.

    Parameters:
        places: of arrays that share memory.
        views: for the pickler, the same each time.
    """
    from dumbo.persistence import fidelity

    buffers: list[memoryview] = []

    def beside(buffer: PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < _BESIDE:
            return True  # pickle's word for "keep it in the stream"
        buffers.append(raw)
        return False

    pickler = fidelity.pickler(sink, beside, places, views)
    try:
        pickler.dump(value)
        return pickler, False, buffers
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # a user's __reduce__ may raise anything
        if cause is sink.error:
            raise
        if not fidelity.needs_code(pickler, cause):
            raise fidelity.refusal(value, pickler, cause) from cause
    # Outside the handler: its exception holds frames, they hold the value.
    sink.reset()
    buffers.clear()
    return _dump_by_value(value, sink, beside, places, views), True, buffers


def _dump_by_value(
    value: object, sink: Sink, beside: Any, places: dict[int, Any], views: dict[int, Any]
) -> Watching:
    from dumbo.persistence import fidelity

    try:
        pickler = fidelity.code_pickler(sink, beside, places, views)
    except ImportError as cause:
        raise UnstorableResult(
            "holds a function or class without a name that can be imported, which takes "
            "cloudpickle to store: `pip install cloudpickle`"
        ) from cause
    try:
        pickler.dump(value)
    except KeyboardInterrupt:
        raise
    except BaseException as cause:  # a user's __reduce__ may raise anything
        if cause is sink.error:
            raise
        raise fidelity.refusal(value, pickler, cause) from cause
    return pickler


def _encode_array(array: Any, sink: Sink, known: bool) -> None:
    flags = array.flags
    order = "F" if flags.f_contiguous and not flags.c_contiguous else "C"
    shape = ",".join(map(str, array.shape))
    head = f"{array.dtype.str} {order} {'rw' if flags.writeable else 'ro'} {shape}"
    if known and array.nbytes >= _LARGE:
        from dumbo.persistence import tokens  # here and below: what is small does without

        head += f" {tokens.token(array)}"
    sink.write(f"{head}\n".encode("ascii"))
    if order == "F":
        array = array.T
    if array.flags.c_contiguous:
        _append(sink, [memoryview(array.reshape(-1).view("u1"))])
        return
    # Scattered: gathered a slab at a time, for it may be a view of all the memory there is.
    _pad(sink)
    start = sink.size
    rows = max(1, _SLAB * len(array) // (array.nbytes or 1))
    for row in range(0, len(array), rows):
        slab = array[row : row + rows].flatten()
        sink.write(memoryview(slab.view("u1")))
    sink.write(_SPAN.pack(start, array.nbytes) + _COUNT.pack(1))


def _decode_array(view: memoryview) -> Any:
    from dumbo.persistence import fidelity

    (buffer,) = _buffers(view)
    head = bytes(view[:4096]).partition(b"\n")[0].decode("ascii")
    dtype, order, access, shape, *known = head.split(" ")
    lengths = tuple(int(length) for length in shape.split(",")) if shape else ()
    writable = access == "rw" and not view.readonly
    array = fidelity.restore_array(buffer, dtype, lengths, order, writable)
    if array.nbytes >= _LARGE:
        from dumbo.persistence import tokens

        tokens.believe(array, known[0] if known else "", buffer)
    return array


def _append(sink: Sink, buffers: Iterable[memoryview]) -> None:
    """Write *buffers*, each aligned, and the table that finds them again."""
    spans = []
    for buffer in buffers:
        _pad(sink)
        spans.append(_SPAN.pack(sink.size, buffer.nbytes))
        sink.write(buffer)
    sink.write(b"".join(spans) + _COUNT.pack(len(spans)))


def _pad(sink: Sink) -> None:
    gap = -sink.size % _ALIGN
    if gap:
        sink.write(bytes(gap))


def _buffers(view: memoryview) -> list[memoryview]:
    end = len(view) - _COUNT.size
    (count,) = _COUNT.unpack_from(view, end)
    table = view[end - count * _SPAN.size : end]
    return [view[start : start + size] for start, size in _SPAN.iter_unpack(table)]
