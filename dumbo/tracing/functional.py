"""Models of what calls functions back, wraps them, or passes values through.

`map`, `sorted`, `reduce`, `partial`, `operator.itemgetter`, constructors of containers.

Knows the standard library by name; must not know steps or stacks.
"""

from __future__ import annotations

from dumbo.tracing import columns
from dumbo.tracing.attributes import MARKERS, special
from dumbo.tracing.calls import DECORATED, Arguments, escape_all, invoke, out_of_sight
from dumbo.tracing.containers import add, hashed, instance_of, make_heap, make_tuple, measure, put
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.filling import add_all, is_mapping, merge_instance, merge_into
from dumbo.tracing.formatting import stringify
from dumbo.tracing.frame import Frame
from dumbo.tracing.iteration import await_result, items_of, iterator_of, next_by_hand
from dumbo.tracing.looks import look
from dumbo.tracing.lookup import is_class
from dumbo.tracing.operators import compare, operate
from dumbo.tracing.registry import MODELS, Model, model
from dumbo.tracing.rows import Rows, iterator_over, rows_of
from dumbo.tracing.uses import SHOWN, SPECIAL
from dumbo.tracing.values import (
    UNKNOWN,
    Bound,
    Builtin,
    Const,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Tuple,
    Value,
    each,
)


@model("builtins:map")
def _map(frame: Frame, args: Arguments) -> Value | None:
    function, *sources = args.positional or (UNKNOWN,)
    items = [items_of(frame, source) for source in sources]
    given = None
    if all(item is not None for item in items):
        given = invoke(frame, function, tuple(item or UNKNOWN for item in items))
    return iterator_over(frame, given, "map")


@model("builtins:filter", "itertools:filterfalse", "itertools:takewhile", "itertools:dropwhile")
def _filter(frame: Frame, args: Arguments) -> Value | None:
    function, source = (*args.positional, UNKNOWN, UNKNOWN)[:2]
    item = items_of(frame, source)
    if item is not None and isinstance(function, Const) and function.obj is None:
        _test(frame, item)
    elif item is not None:
        given = invoke(frame, function, (item,))
        if given is not None:
            _test(frame, given)
    return iterator_over(frame, item, "filter")


@model("builtins:zip")
def _zip(frame: Frame, args: Arguments) -> Value | None:
    rows = columns.zipped(frame, args.positional) if args.rest is None else None
    if rows is None:
        return _combined(frame, args)
    return iterator_over(frame, None, ("zip", args.positional), rows)


@model("itertools:zip_longest", "itertools:product")
def _combined(frame: Frame, args: Arguments) -> Value:
    items = [items_of(frame, source) for source in args.positional]
    if args.rest is None:
        row = make_tuple(frame, tuple(item or UNKNOWN for item in items))
    else:  # nobody knows how long a row is
        row = make_heap(frame, "tuple", ())
        add(frame, row, frame.pool.join(*items))
    return iterator_over(frame, row, "zip")


@model("builtins:enumerate")
def _enumerate(frame: Frame, args: Arguments) -> Value:
    item = items_of(frame, args.positional[0]) if args.positional else UNKNOWN
    rows = rows_of(frame, args.positional[0]) if args.positional else None
    if rows is not None:
        return _numbered(frame, args.positional[0], rows)
    row = make_tuple(frame, (instance_of(frame, int), item or UNKNOWN))
    return iterator_over(frame, row if item is not None else None, "enumerate")


def _numbered(frame: Frame, source: Value, rows: Rows) -> Value:
    number = instance_of(frame, int)
    numbered = Rows(
        tuple([make_tuple(frame, (number, item)) for item in rows.items]),
        None if rows.more is None else make_tuple(frame, (number, rows.more)),
    )
    return iterator_over(frame, None, ("enumerate", source), numbered)


@model("builtins:reversed")
def _reversed(frame: Frame, args: Arguments) -> Value | None:
    found: Value | None = None
    for value in args.positional[:1]:
        methods = special(frame, value, "__reversed__")
        for method in methods:
            found = frame.pool.join(found, invoke(frame, method, ()))
        if not methods:
            found = frame.pool.join(found, iterator_over(frame, items_of(frame, value), "rev"))
    return found


@model("itertools:chain", "builtins:chain.from_iterable")
def _chain(frame: Frame, args: Arguments) -> Value:
    items = [items_of(frame, source) for source in args.positional]
    return iterator_over(frame, frame.pool.join(*items), "chain")


@model("itertools:starmap")
def _starmap(frame: Frame, args: Arguments) -> Value:
    function, source = (*args.positional, UNKNOWN, UNKNOWN)[:2]
    row = items_of(frame, source)
    given = None
    for member in each(row):
        if isinstance(member, Tuple):
            given = frame.pool.join(given, invoke(frame, function, member.items))
        else:
            rest = Arguments((), {}, items_of(frame, member) or UNKNOWN, None)
            given = frame.pool.join(given, invoke(frame, function, rest))
    return iterator_over(frame, given, "starmap")


@model("builtins:iter")
def _iter(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) == 2:
        given = invoke(frame, args.positional[0], ())
        return iterator_over(frame, given, "iter")
    return iterator_of(frame, args.positional[0]) if args.positional else UNKNOWN


@model("builtins:next", "builtins:anext")
def _next(frame: Frame, args: Arguments) -> Value | None:
    iterator, *default = args.positional or (UNKNOWN,)
    return frame.pool.join(next_by_hand(frame, iterator), *default)


def key_function(frame: Frame, args: Arguments, item: Value | None) -> None:
    key = args.keyword("key")
    if key is not None and item is not None and not (isinstance(key, Const) and key.obj is None):
        given = invoke(frame, key, (item,))
        if given is not None:
            compare(frame, "<", given, given)
    elif item is not None:
        compare(frame, "<", item, item)


@model("builtins:sorted")
def _sorted(frame: Frame, args: Arguments) -> Value:
    item = items_of(frame, args.positional[0]) if args.positional else UNKNOWN
    measure(frame, args.positional[0] if args.positional else UNKNOWN)
    key_function(frame, args, item)
    made = make_heap(frame, "list", ())
    add(frame, made, item)
    return made


@model("heapq:nlargest", "heapq:nsmallest")
def _largest(frame: Frame, args: Arguments) -> Value | None:
    """As `sorted`, which its first argument says how much of."""
    rest = args._replace(positional=args.positional[1:2])
    return _sorted(frame, rest) if len(args.positional) > 1 else out_of_sight(frame, args, "heapq")


@model("builtins:min", "builtins:max")
def _extreme(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) == 1:
        item = items_of(frame, args.positional[0])
    else:
        item = frame.pool.join(*args.positional)
    key_function(frame, args, item)
    return frame.pool.join(item, args.keyword("default"))


@model("builtins:sum")
def _sum(frame: Frame, args: Arguments) -> Value | None:
    item = items_of(frame, args.positional[0]) if args.positional else UNKNOWN
    start = args.positional[1] if len(args.positional) > 1 else args.keyword("start")
    begun = start or frame.pool.const(0)  # which it is of nothing
    if item is None:
        return begun
    given = operate(frame, "+", start or instance_of(frame, int), item)
    return frame.pool.join(begun, given, operate(frame, "+", item, item))


@model("builtins:any", "builtins:all")
def _any(frame: Frame, args: Arguments) -> Value:
    item = items_of(frame, args.positional[0]) if args.positional else None
    if item is not None:
        _test(frame, item)
    return instance_of(frame, bool)


def _test(frame: Frame, value: Value) -> None:
    """Whether something is true."""
    for name in ("__bool__", "__len__"):
        for method in special(frame, value, name):
            invoke(frame, method, ())
    consume(frame, value)


def _collection(kind: str) -> Model:
    def make(frame: Frame, args: Arguments) -> Value:
        made = make_heap(frame, kind, ())
        for source in args.positional:
            measure(frame, source)
            item = items_of(frame, source)
            if kind in ("set", "frozenset") and item is not None:
                hashed(frame, item)
            rows = rows_of(frame, source) if kind in ("list", "tuple") else None
            if rows is not None and isinstance(made, Heap) and _is_in_order(source):
                for index, one in enumerate(rows.items):
                    frame.write(made.site, ("item", index), one)
                add(frame, made, rows.more)
            elif isinstance(source, Heap | Const):
                add_all(frame, made, source, bare=len(args.positional) == 1)
            else:
                add(frame, made, item)
        return made

    return make


def _is_in_order(source: Value) -> bool:
    """Whether the rows of *source* stand where the program finds them."""
    return isinstance(source, Tuple) or (
        isinstance(source, Known) and type(source.obj) in (list, tuple)
    )


for _kind in ("list", "tuple", "set", "frozenset"):
    MODELS[f"builtins:{_kind}"] = _collection(_kind)
MODELS["collections:deque"] = _collection("list")


@model("builtins:dict", "collections:OrderedDict")
def _dict(frame: Frame, args: Arguments) -> Value:
    made = make_heap(frame, "dict", ())
    _fill_dict(frame, made, args)
    return made


def _fill_dict(frame: Frame, made: Value, args: Arguments) -> None:
    """What ``dict(...)`` puts into what it makes."""
    for source in (*args.positional, *each(args.rest)):
        merge_any(frame, made, source)
    for name, value in args.named.items():
        put(frame, made, frame.pool.const(name), value)
    put(frame, made, UNKNOWN, args.named_rest)


def merge_any(frame: Frame, target: Value, source: Value) -> None:
    for member in each(source):
        is_table = isinstance(member, Heap) and member.kind == "dict"
        if is_table or (isinstance(member, Known) and type(member.obj) is dict):
            merge_into(frame, target, member)
            continue
        if isinstance(member, Instance) and is_mapping(frame, member):
            merge_instance(frame, target, member)
            continue
        if isinstance(member, Builtin) and member.name in MARKERS:
            from dumbo.tracing import namespaces  # a cycle: it follows attributes

            put(frame, target, namespaces.keys(frame, member), namespaces.everything(frame, member))
            continue
        for row in each(items_of(frame, member)):
            if isinstance(row, Tuple) and len(row.items) == 2:
                put(frame, target, row.items[0], row.items[1])
            else:
                put(frame, target, UNKNOWN, row)


@model("collections:defaultdict")
def _defaultdict(frame: Frame, args: Arguments) -> Value:
    made = make_heap(frame, "dict", ())
    assert isinstance(made, Heap)
    for factory in args.positional[:1]:
        if not (isinstance(factory, Const) and factory.obj is None):
            frame.write(made.site, "factory result", invoke(frame, factory, ()))
    _fill_dict(frame, made, args._replace(positional=args.positional[1:]))
    return made


@model("functools:partial", "functools:partialmethod")
def _partial(frame: Frame, args: Arguments) -> Value:
    if not args.positional or args.rest is not None:
        return out_of_sight(frame, args, "a partial of spread arguments")
    values = (*args.positional[1:], *args.named.values())
    made: Value = frame.pool.make(Partial, args.positional[0], values, tuple(args.named))
    return made


@model("_functools:reduce", "functools:reduce", "itertools:accumulate")
def _reduce(frame: Frame, args: Arguments) -> Value | None:
    positional = args.positional
    if len(positional) > 1 and isinstance(positional[0], Heap | Tuple):
        positional = (positional[1], positional[0], *positional[2:])  # accumulate(items, function)
    function, source, *start = (*positional, UNKNOWN, UNKNOWN)[: max(2, len(positional))]
    item = items_of(frame, source)
    total = frame.pool.join(item, *start)
    if item is not None and total is not None:
        total = frame.pool.join(total, invoke(frame, function, (total, item)))
        if total is not None:
            total = frame.pool.join(total, invoke(frame, function, (total, item)))
    return total


@model("functools:wraps")
def _wraps(frame: Frame, args: Arguments) -> Value:
    made: Value = frame.pool.make(
        Builtin, "wraps()", args.positional[0] if args.positional else UNKNOWN
    )
    return made


@model("functools:update_wrapper")
def _update_wrapper(frame: Frame, args: Arguments) -> Value:
    return args.positional[0] if args.positional else UNKNOWN


@model("functools:lru_cache", "functools:cache", "functools:singledispatch")
def _pass_through(frame: Frame, args: Arguments) -> Value:
    first = args.positional[0] if args.positional else UNKNOWN
    if isinstance(first, Local | Known | Bound):
        return first
    made: Value = frame.pool.make(Builtin, "decorator()", UNKNOWN)
    return made


@model(
    "attr._make:attrs",
    "attr._next_gen:define",
    "dataclasses:dataclass",
    "enum:unique",
    "functools:total_ordering",
    "typing:final",
    "typing:runtime_checkable",
)
def _class_decorator(frame: Frame, args: Arguments) -> Value:
    """They give methods to a class, and call none that it has."""
    first = args.positional[0] if args.positional else UNKNOWN
    if isinstance(first, LocalClass):
        frame.write((DECORATED, first.site), "elem", frame.pool.const(True))
        return first
    if isinstance(first, Known) and is_class(first.obj):
        escape(frame, first, SPECIAL)
        return first
    for value in args.all():
        escape(frame, value, SPECIAL)
    made: Value = frame.pool.make(Builtin, "class decorator()", UNKNOWN)
    return made


@model("attr._make:fields", "attr._funcs:has", "dataclasses:fields", "dataclasses:is_dataclass")
def _fields(frame: Frame, args: Arguments) -> Value:
    for value in args.all():
        escape(frame, value, SHOWN)
        look(frame, value)
    return frame.unknown_value("what is known of fields")


@model("contextlib:contextmanager", "contextlib:asynccontextmanager")
def _contextmanager(frame: Frame, args: Arguments) -> Value:
    return args.positional[0] if args.positional else UNKNOWN


@model("builtins:staticmethod", "builtins:classmethod", "builtins:property")
def _descriptor(frame: Frame, args: Arguments) -> Value:
    return args.positional[0] if args.positional else UNKNOWN


@model("operator:methodcaller", "_operator:methodcaller")
def _methodcaller(frame: Frame, args: Arguments) -> Value:
    made: Value = frame.pool.make(
        Partial, frame.pool.make(Builtin, "methodcaller()", UNKNOWN), args.positional, ()
    )
    return made


@model("operator:attrgetter", "_operator:attrgetter")
def _attrgetter(frame: Frame, args: Arguments) -> Value:
    made: Value = frame.pool.make(
        Partial, frame.pool.make(Builtin, "attrgetter()", UNKNOWN), args.positional, ()
    )
    return made


@model("operator:itemgetter", "_operator:itemgetter")
def _itemgetter(frame: Frame, args: Arguments) -> Value:
    made: Value = frame.pool.make(
        Partial, frame.pool.make(Builtin, "itemgetter()", UNKNOWN), args.positional, ()
    )
    return made


@model("builtins:print")
def _print(frame: Frame, args: Arguments) -> Value:
    for value in args.all():
        stringify(frame, value, ("__str__", "__repr__"))
    return frame.pool.const(None)


@model("dataclasses:replace")
def _replace(frame: Frame, args: Arguments) -> Value:
    escape_all(frame, args)
    return args.positional[0] if args.positional else UNKNOWN


@model("typing:cast")
def _cast(frame: Frame, args: Arguments) -> Value:
    return args.positional[1] if len(args.positional) > 1 else UNKNOWN


@model("asyncio.runners:run")
def _run(frame: Frame, args: Arguments) -> Value | None:
    return await_result(frame, args.positional[0]) if args.positional else UNKNOWN
