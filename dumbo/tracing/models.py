"""What calling the standard library's own callables gives, and whom they call back.

A model is needed only where it tells more than the default, which is always
sound: arguments go out of sight, the result is unknown. So there are models for
what passes values through (`map`, `sorted`, `partial`, `getattr`, `reduce`, the
methods of containers) and for what says a type (`isinstance`, `len`, `str`).

Knows the standard library by name; must not know steps or stacks.
"""

from __future__ import annotations

from collections.abc import Callable
from types import BuiltinFunctionType, CodeType
from typing import Any

from dumbo.tracing import fingerprint, mentions, namespaces, queries, truth
from dumbo.tracing.attributes import attribute, rebind, special, store_attribute
from dumbo.tracing.boundary import owner_of
from dumbo.tracing.calls import (
    Arguments,
    build_class,
    construct_bare,
    escape_all,
    invoke,
    out_of_sight,
)
from dumbo.tracing.data import (
    add,
    add_all,
    compare,
    hashed,
    instance_of,
    items_of,
    iterator_of,
    iterator_over,
    live_item,
    make_heap,
    make_tuple,
    measure,
    merge_into,
    next_of,
    note_order,
    operate,
    put,
    read_item,
    shift,
    stringify,
    subscript,
)
from dumbo.tracing.escapes import consume, escape
from dumbo.tracing.frame import Frame
from dumbo.tracing.loads import import_module, make_super, read_cell, read_global
from dumbo.tracing.lookup import globals_of, is_class, is_module, mro, namespace
from dumbo.tracing.namespaces import (
    ANY,
    by_pattern,
    computed_module,
    is_namespace,
    live_names,
    names_of,
)
from dumbo.tracing.uses import SHOWN, SPECIAL, Use, by_made, by_module
from dumbo.tracing.values import (
    PLAIN,
    UNKNOWN,
    Bound,
    Builtin,
    Cell,
    Const,
    Heap,
    Instance,
    Known,
    Local,
    Partial,
    Test,
    Text,
    Tuple,
    Union,
    Value,
    each,
    is_plain,
)

Model = Callable[[Frame, Arguments], "Value | None"]
_MODELS: dict[str, Model] = {}  # by module:qualname
_CALLS_SPECIAL = {
    "builtins:abs": ("__abs__",),
    "builtins:bin": ("__index__",),
    "builtins:bytes": ("__bytes__",),
    "builtins:complex": ("__complex__", "__float__"),
    "builtins:divmod": ("__divmod__",),
    "builtins:format": ("__format__", "__str__", "__repr__"),
    "builtins:hash": ("__hash__",),
    "builtins:hex": ("__index__",),
    "builtins:bool": ("__bool__", "__len__"),
    "builtins:float": ("__float__", "__index__"),
    "builtins:int": ("__int__", "__index__", "__trunc__"),
    "builtins:len": ("__len__",),
    "builtins:round": ("__round__",),
    "copy:copy": ("__copy__",),
    "copy:deepcopy": ("__deepcopy__",),
    "math:ceil": ("__ceil__",),
    "math:floor": ("__floor__",),
    "math:trunc": ("__trunc__",),
}
_GIVES = {
    "builtins:abs": None,
    "builtins:ascii": str,
    "builtins:bin": str,
    "builtins:bool": bool,
    "builtins:bytes": bytes,
    "builtins:callable": bool,
    "builtins:chr": str,
    "builtins:float": float,
    "builtins:format": str,
    "builtins:hasattr": bool,
    "builtins:hash": int,
    "builtins:hex": str,
    "builtins:id": int,
    "builtins:int": int,
    "builtins:input": str,
    "builtins:isinstance": bool,
    "builtins:issubclass": bool,
    "builtins:len": int,
    "builtins:ord": int,
    "builtins:repr": str,
    "builtins:str": str,
}
_TEXT_METHODS = frozenset(
    "capitalize casefold center expandtabs format format_map join ljust lower lstrip removeprefix "
    "removesuffix replace rjust rstrip strip swapcase title translate upper zfill".split()
)


# After these, items of a list stand at other places; after `pop(index)`, too.
_SHIFTING = frozenset("appendleft extendleft insert popleft remove reverse rotate sort".split())
_CHANGING = frozenset(
    "append appendleft extend extendleft insert remove pop popleft popitem clear sort reverse "
    "rotate add discard update setdefault move_to_end difference_update intersection_update "
    "symmetric_difference_update fill put resize setflags setfield itemset".split()
)


def model(*names: str) -> Callable[[Model], Model]:
    def register(function: Model) -> Model:
        for name in names:
            _MODELS[name] = function
        return function

    return register


def call_library(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    """Call what is not user code."""
    written = frame.written
    try:
        return _call_library(frame, callee, args)
    finally:
        frame.written = written  # what it calls back, it may call or not


def _call_library(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    mentions.use_inside(frame, args.all())
    name = fingerprint.qualified_name(callee.obj).decode("utf-8", "replace")
    if name in _KEEP_ORDER and args.positional:
        note_order(frame, args.positional[0])
    if queries.reads_names(name):
        queries.look_up(frame, args.all(), whole=True)
    known = _MODELS.get(name)
    if known is not None:
        return known(frame, args)
    if name.endswith(".__new__") and type(callee.obj) is BuiltinFunctionType and args.positional:
        return _make_bare(frame, args)
    for special_name in _CALLS_SPECIAL.get(name, ()):
        for value in args.positional:
            for method in special(frame, value, special_name):
                invoke(frame, method, ())
    if name in _GIVES:
        return _gives(frame, name, args)
    if type(callee.obj) in fingerprint.C_FUNCTIONS and _owner(callee.obj) is not None:
        return _call_unbound(frame, callee, args)
    escape_all(frame, args, by_module(name.partition(":")[0]))
    if is_class(callee.obj):
        # What is passed to a library's object may be called back by its methods.
        made: Value = frame.pool.make(Instance, callee, ("library", callee))
        return made
    return frame.unknown_value(f"the result of {name}")


# What goes through a set for its own sake: `sorted`, `sum` and the like do not care.
_KEEP_ORDER = frozenset(
    {"builtins:list", "builtins:tuple", "builtins:enumerate", "builtins:iter", "itertools:chain"}
)


def _make_bare(frame: Frame, args: Arguments) -> Value:
    """``tuple.__new__(cls, items)``: what builtin types keep of what they are given."""
    made = construct_bare(frame, args.positional[0])
    for value in (*args.positional[1:], *args.named.values()):
        if isinstance(made, Instance):
            held = items_of(frame, value) if isinstance(value, Tuple | Heap) else None
            frame.write(made.site, "elem", held)
        escape(frame, value, SPECIAL)
    return made


def _gives(frame: Frame, name: str, args: Arguments) -> Value:
    if name == "builtins:id":
        frame.analysis.identity = True
    for value in args.all():
        consume(frame, value)
    if name in ("builtins:isinstance", "builtins:issubclass"):
        return _check_instance(frame, args, name)
    if name == "builtins:bool" and len(args.positional) == 1 and not args.named:
        return truth.test(frame, 0, args.positional[0], lambda member: truth.is_true(frame, member))
    if name in ("builtins:str", "builtins:repr", "builtins:ascii", "builtins:format"):
        names = ("__str__", "__repr__") if name == "builtins:str" else ("__repr__",)
        for value in args.positional[:1]:
            if name == "builtins:str" and len(args.positional) == 1 and _text(value) is not None:
                return value
            stringify(frame, value, names)
    if name == "builtins:hasattr" and len(args.positional) == 2:
        return _has_attribute(frame, args)
    kind = _GIVES[name]
    return instance_of(frame, kind) if kind is not None else frame.unknown_value(name)


def _check_instance(frame: Frame, args: Arguments, name: str) -> Value:
    kinds = _kinds_of(args.positional[1]) if len(args.positional) == 2 else []
    for kind in kinds:
        if isinstance(kind, Known) and is_class(kind.obj):
            frame.touch(kind, "isinstance")
            for hook in ("__instancecheck__", "__subclasscheck__", "__subclasshook__"):
                for method in special(frame, kind, hook):
                    invoke(frame, method, Arguments((args.positional[0],), {}))
            _registered(frame, kind)
        elif isinstance(kind, Known):
            consume(frame, kind)
    if not kinds or name == "builtins:issubclass":
        return instance_of(frame, bool)
    tested = truth.test(
        frame, 1, args.positional[0], lambda member: truth.is_of(frame, member, kinds)
    )
    if isinstance(tested, Test):
        yes = truth.narrowed(frame, tested.yes, kinds)
        tested = frame.pool.make(Test, tested.variable, yes, tested.no)
    return tested


def _kinds_of(value: Value) -> list[Value]:
    """The classes that are asked for, one by one or in tuples."""
    if isinstance(value, Tuple):
        return [kind for item in value.items for kind in _kinds_of(item)]
    return list(each(value)) if not isinstance(value, Union) else [value]


def _registered(frame: Frame, kind: Known) -> None:
    """``ABC.register``: the virtual subclasses of a user's abstract class count."""
    if "_abc_impl" not in namespace(kind.obj):
        return
    known = frame.analysis.get("registry", kind.ref, None)
    if isinstance(known, Known):
        frame.touch(known, "registered classes")
        consume(frame, known)


def _has_attribute(frame: Frame, args: Arguments) -> Value:
    target, name = args.positional
    text = _text(name)
    if text is not None:
        for member in each(target):
            if isinstance(member, Known | Instance):
                attribute(frame, member, text)
        return truth.test(frame, 1, target, lambda member: truth.has(frame, member, text))
    escape(frame, target, SPECIAL)
    return instance_of(frame, bool)


def _text(value: Value) -> str | None:
    if isinstance(value, Const | Known) and type(value.obj) is str:
        return value.obj
    return None


def _owner(obj: Any) -> Any:
    return getattr(obj, "__objclass__", None)


def _call_unbound(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    """``str.lower(x)``, ``dict.__init__(self)``, ``object.__new__(cls)``."""
    name = getattr(callee.obj, "__name__", "")
    if args.positional:
        receiver, rest = args.positional[0], args._replace(positional=args.positional[1:])
        return call_method(frame, frame.pool.make(Builtin, name, receiver), rest)
    return out_of_sight(frame, args, f"call of {name}")


# --- builtins that pass values through ---------------------------------------------------------


@model("builtins:object.__new__", "builtins:type.__new__", "builtins:object")
def _new(frame: Frame, args: Arguments) -> Value:
    if len(args.positional) >= 1:
        return construct_bare(frame, args.positional[0])
    return frame.unknown_value("an object")


@model("builtins:super")
def _super(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) >= 2:
        return make_super(frame, args.positional[0], args.positional[1])
    cell = frame.cells.get("__class__")
    receiver = frame.receiver
    if isinstance(cell, Cell) and receiver is not None:
        owner = read_cell(frame, cell)
        return make_super(frame, owner, receiver) if owner is not None else None
    return frame.unresolved("super() outside of a method")


@model("builtins:type")
def _type(frame: Frame, args: Arguments) -> Value:
    if len(args.positional) != 1:
        escape_all(frame, args)
        return frame.unknown_value("a class made by type()")
    found: Value | None = None
    for member in each(args.positional[0]):
        if isinstance(member, Instance):
            found = frame.pool.join(found, member.cls)
        elif isinstance(member, Known):
            cls = frame.analysis.get("type", member.ref, None)
            found = frame.pool.join(found, frame.touch(cls, "type"))
        else:
            found = frame.pool.join(found, frame.unknown_value("a type"))
    return found or UNKNOWN


@model("builtins:getattr")
def _getattr(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) < 2:
        return out_of_sight(frame, args, "getattr with spread arguments")
    target, name, *default = args.positional
    found: Value | None = None
    for wanted in each(name):
        text = _text(wanted)
        if text is not None:
            found = frame.pool.join(found, attribute(frame, target, text))
        else:
            found = frame.pool.join(found, by_pattern(frame, target, wanted))
    return frame.pool.join(found, *default)


@model("builtins:setattr")
def _setattr(frame: Frame, args: Arguments) -> Value:
    if len(args.positional) == 3:
        target, name, value = args.positional
        text = _text(name)
        if text is not None:
            store_attribute(frame, target, text, value)
        else:
            for member in each(target):
                if isinstance(member, Instance):
                    frame.write(member.site, ("attr", None), value)
                elif isinstance(member, Known) and is_class(member.obj):
                    rebind(frame, member, None, value)
                else:
                    if isinstance(member, Known) and is_module(member.obj):
                        site = ("global", id(globals_of(member.obj)))
                        frame.write(site, None, value)
                    escape(frame, value)
    return frame.pool.const(None)


@model("builtins:globals")
def _globals(frame: Frame, args: Arguments) -> Value:
    made: Value = frame.pool.make(Builtin, "globals()", UNKNOWN)
    return made


@model("builtins:vars")
def _vars(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) == 1:
        return attribute(frame, args.positional[0], "__dict__")
    return frame.unknown_value("vars()")


@model("builtins:dir")
def _dir(frame: Frame, args: Arguments) -> Value:
    for value in args.positional:
        for method in special(frame, value, "__dir__"):
            invoke(frame, method, ())
        for member in each(value):
            names_of(frame, member, ANY)
    if not args.positional:
        live_names(frame, frame.home, ANY)
    made = make_heap(frame, "list", ())
    add(frame, made, instance_of(frame, str))
    return made


@model("inspect:getmembers", "inspect:getmembers_static")
def _getmembers(frame: Frame, args: Arguments) -> Value:
    made = make_heap(frame, "list", ())
    for value in args.positional[:1]:
        member = by_pattern(frame, value, UNKNOWN)
        for predicate in args.positional[1:]:
            invoke(frame, predicate, (member or UNKNOWN,))
        add(frame, made, make_tuple(frame, (instance_of(frame, str), member or UNKNOWN)))
    return made


@model("builtins:eval", "builtins:exec")
def _eval(frame: Frame, args: Arguments) -> Value:
    """The names in a text that is known; else whatever the module defines."""
    escape_all(frame, args, by_made(frame.module))
    text = _text(args.positional[0]) if args.positional else None
    if len(args.positional) > 1 or "globals" in args.named:
        # It runs in namespaces that it is given, and reaches nothing else.
        if text is None:
            return frame.unresolved("code that is made while the program runs")
        return frame.unknown_value("the result of eval()")
    for value in frame.locals.values():
        escape(frame, value)
    for name in _names_in(text):
        if name in frame.locals or name not in globals_of(frame.home.obj):
            continue
        escape(frame, read_global(frame, name))
    if text is None:
        for name in live_names(frame, frame.home, ("", "")):
            escape(frame, read_global(frame, name))
        return frame.unresolved("code that is made while the program runs")
    return frame.unknown_value("the result of eval()")


def _names_in(text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        todo = [compile(text.strip(), "<text>", "exec", dont_inherit=True)]
    except (SyntaxError, ValueError):
        return []
    found: dict[str, None] = {}
    while todo:
        code = todo.pop()
        found.update(dict.fromkeys(code.co_names))
        todo += [const for const in code.co_consts if isinstance(const, CodeType)]
    return list(found)


@model("builtins:__build_class__")
def _build_class(frame: Frame, args: Arguments) -> Value:
    return build_class(frame, args)


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
    if item is not None and not (isinstance(function, Const) and function.obj is None):
        invoke(frame, function, (item,))
    return iterator_over(frame, item, "filter")


@model("builtins:zip", "itertools:zip_longest", "itertools:product")
def _zip(frame: Frame, args: Arguments) -> Value:
    items = [items_of(frame, source) for source in args.positional]
    row = make_tuple(frame, tuple(item or UNKNOWN for item in items))
    if args.rest is not None:
        row = frame.unknown_value("a row of spread arguments")
    return iterator_over(frame, row, "zip")


@model("builtins:enumerate")
def _enumerate(frame: Frame, args: Arguments) -> Value:
    item = items_of(frame, args.positional[0]) if args.positional else UNKNOWN
    row = make_tuple(frame, (instance_of(frame, int), item or UNKNOWN))
    return iterator_over(frame, row if item is not None else None, "enumerate")


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
        spread = member.items if isinstance(member, Tuple) else (UNKNOWN,)
        given = frame.pool.join(given, invoke(frame, function, spread))
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
    return frame.pool.join(next_of(frame, iterator), *default)


def _key_function(frame: Frame, args: Arguments, item: Value | None) -> None:
    key = args.named.get("key")
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
    _key_function(frame, args, item)
    made = make_heap(frame, "list", ())
    add(frame, made, item)
    return made


@model("builtins:min", "builtins:max", "heapq:nlargest", "heapq:nsmallest")
def _extreme(frame: Frame, args: Arguments) -> Value | None:
    if len(args.positional) == 1:
        item = items_of(frame, args.positional[0])
    else:
        item = frame.pool.join(*args.positional)
    _key_function(frame, args, item)
    return frame.pool.join(item, args.named.get("default"))


@model("builtins:sum")
def _sum(frame: Frame, args: Arguments) -> Value | None:
    item = items_of(frame, args.positional[0]) if args.positional else UNKNOWN
    start = args.positional[1] if len(args.positional) > 1 else args.named.get("start")
    if item is None:
        return start or frame.pool.const(0)
    given = operate(frame, "+", start or instance_of(frame, int), item)
    return frame.pool.join(given, operate(frame, "+", item, item))


@model("builtins:any", "builtins:all")
def _any(frame: Frame, args: Arguments) -> Value:
    item = items_of(frame, args.positional[0]) if args.positional else None
    for name in ("__bool__", "__len__"):
        for method in special(frame, item, name) if item is not None else ():
            invoke(frame, method, ())
    return instance_of(frame, bool)


def _collection(kind: str) -> Model:
    def make(frame: Frame, args: Arguments) -> Value:
        made = make_heap(frame, kind, ())
        for source in args.positional:
            measure(frame, source)
            item = items_of(frame, source)
            if kind in ("set", "frozenset") and item is not None:
                hashed(frame, item)
            add_all(frame, made, source) if isinstance(source, Heap | Const) else add(
                frame, made, item
            )
        return made

    return make


for _kind in ("list", "tuple", "set", "frozenset"):
    _MODELS[f"builtins:{_kind}"] = _collection(_kind)
_MODELS["collections:deque"] = _collection("list")


@model("builtins:dict", "collections:OrderedDict")
def _dict(frame: Frame, args: Arguments) -> Value:
    made = make_heap(frame, "dict", ())
    for source in args.positional:
        _merge_any(frame, made, source)
    for name, value in args.named.items():
        put(frame, made, frame.pool.const(name), value)
    return made


def _merge_any(frame: Frame, target: Value, source: Value) -> None:
    for member in each(source):
        is_table = isinstance(member, Heap) and member.kind == "dict"
        if is_table or (isinstance(member, Known) and type(member.obj) is dict):
            merge_into(frame, target, member)
            continue
        for row in each(items_of(frame, member)):
            if isinstance(row, Tuple) and len(row.items) == 2:
                put(frame, target, row.items[0], row.items[1])
            else:
                add(frame, target, row)


@model("collections:defaultdict")
def _defaultdict(frame: Frame, args: Arguments) -> Value:
    made = make_heap(frame, "dict", ())
    assert isinstance(made, Heap)
    for factory in args.positional[:1]:
        if not (isinstance(factory, Const) and factory.obj is None):
            frame.write(made.site, "factory result", invoke(frame, factory, ()))
    for source in args.positional[1:]:
        _merge_any(frame, made, source)
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


@model("importlib:import_module")
def _import(frame: Frame, args: Arguments) -> Value:
    given = (*args.positional, *args.named.values())
    name = _text(given[0]) if given else None
    package = _text(given[1]) if len(given) > 1 else None
    if name is not None and name.startswith(".") and package is not None:
        level = len(name) - len(name.lstrip("."))
        home = package.split(".")
        name = ".".join([*home[: len(home) - level + 1], name[level:]])
    if name is None or name.startswith("."):
        return computed_module(frame, args)
    return import_module(frame, name, whole=True)


@model("builtins:__import__")
def _import_name(frame: Frame, args: Arguments) -> Value:
    name = _text(args.positional[0]) if len(args.positional) == 1 else None
    if name is None:
        return computed_module(frame, args)
    return import_module(frame, name, whole=False)


@model("builtins:print")
def _print(frame: Frame, args: Arguments) -> Value:
    for value in args.all():
        stringify(frame, value, ("__str__", "__repr__"))
    return frame.pool.const(None)


@model("copy:copy", "copy:deepcopy")
def _copy(frame: Frame, args: Arguments) -> Value:
    for value in args.positional[:1]:
        consume(frame, value)
        found: Value | None = None
        for name in ("__copy__", "__deepcopy__"):
            for method in special(frame, value, name):
                found = frame.pool.join(found, invoke(frame, method, (UNKNOWN,)))
        return found or value
    return UNKNOWN


@model("dataclasses:replace")
def _replace(frame: Frame, args: Arguments) -> Value:
    escape_all(frame, args)
    return args.positional[0] if args.positional else UNKNOWN


@model("typing:cast")
def _cast(frame: Frame, args: Arguments) -> Value:
    return args.positional[1] if len(args.positional) > 1 else UNKNOWN


@model("asyncio.runners:run")
def _run(frame: Frame, args: Arguments) -> Value | None:
    from dumbo.tracing.data import await_result

    return await_result(frame, args.positional[0]) if args.positional else UNKNOWN


# --- methods of containers, strings and the unknown -----------------------------------------------


def call_method(frame: Frame, callee: Builtin, args: Arguments) -> Value | None:
    """Call a method known by its name only, on each thing that its receiver may be."""
    name, receiver = callee.name, callee.receiver
    written = frame.written
    try:
        return _call_method(frame, name, receiver, args)
    finally:
        frame.written = written  # what it calls back, it may call or not


def _call_method(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    if name.endswith("()") or name == "__build_class__":
        return _call_marker(frame, name, receiver, args)
    mentions.use_in_method(frame, name, receiver, args.all())
    if name in queries.METHODS:
        queries.look_up(frame, args.all(), whole=False)
    if name in _CHANGING:
        frame.analysis.changes(receiver)
    return frame.pool.join(*[_call_on(frame, name, member, args) for member in each(receiver)])


def _call_marker(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    positional = args.positional
    if name == "__build_class__":
        return build_class(frame, args)
    if name in ("wraps()", "decorator()"):
        return positional[0] if positional else UNKNOWN
    target = positional[-1] if positional else UNKNOWN
    if name == "methodcaller()" and _text(positional[0]) is not None:
        method = attribute(frame, target, _text(positional[0]) or "")
        return None if method is None else invoke(frame, method, positional[1:-1])
    if name == "attrgetter()":
        values: list[Value | None] = []
        for wanted in positional[:-1]:
            value: Value | None = target
            for part in (_text(wanted) or "").split("."):
                value = attribute(frame, value, part) if value is not None else None
            values.append(value)
        return (
            values[0]
            if len(values) == 1
            else make_tuple(frame, tuple(v or UNKNOWN for v in values))
        )
    if name == "itemgetter()":
        items = [subscript(frame, target, key) for key in positional[:-1]]
        return (
            items[0] if len(items) == 1 else make_tuple(frame, tuple(i or UNKNOWN for i in items))
        )
    return out_of_sight(frame, args, f"call of {name}")


def _call_on(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value | None:
    if name == "__subclasses__" and isinstance(receiver, Known):
        return _subclasses(frame, receiver)
    if name == "__new__" and args.positional:
        return construct_bare(frame, args.positional[0])
    if name == "__call__":
        return invoke(frame, receiver, args)
    if isinstance(receiver, Heap):
        return _call_on_heap(frame, name, receiver, args)
    if isinstance(receiver, Tuple):
        for value in args.all():
            escape(frame, value, SPECIAL)
        return instance_of(frame, int)
    if isinstance(receiver, Const | Text) or _is_scalar(receiver):
        return _call_on_text(frame, name, receiver, args)
    if isinstance(receiver, Known) and type(receiver.obj) in (dict, list, tuple, set, frozenset):
        return _call_on_live(frame, name, receiver, args)
    if isinstance(receiver, Builtin) and is_namespace(receiver):
        return namespaces.call_method(frame, name, receiver, args)
    if is_plain(receiver):
        return _call_on_plain(frame, name, args)
    if isinstance(receiver, Local | Bound | Partial):
        if name in ("register", "cache_clear", "cache_info"):
            return args.positional[-1] if args.positional else UNKNOWN
        escape(frame, receiver)
        return out_of_sight(frame, args, f"method {name} of a function")
    if isinstance(receiver, Instance):
        return _call_on_instance(frame, name, receiver, args)
    if isinstance(receiver, Known):
        if namespace(type(receiver.obj)).get("__module__") == "logging":
            for value in args.all():
                stringify(frame, value, ("__str__", "__repr__"))
            return frame.pool.const(None)
        use = _use_by(type(receiver.obj))
        escape(frame, receiver, use)
        escape_all(frame, args, use)
        return frame.unknown_value(f"the result of {name}")
    return out_of_sight(frame, args, f"method {name} of {getattr(receiver, 'reason', 'a value')}")


def _call_on_plain(frame: Frame, name: str, args: Arguments) -> Value | None:
    """A method of plain data gives plain data, or what it is given."""
    for value in args.all():
        consume(frame, value)
        escape(frame, value, SPECIAL)
    if name in ("get", "pop", "setdefault"):
        return frame.pool.join(PLAIN, *args.positional[1:], frame.pool.const(None))
    if name in ("items", "values", "keys"):
        row = make_tuple(frame, (PLAIN, PLAIN)) if name == "items" else PLAIN
        return iterator_over(frame, row, name)
    return PLAIN


def _use_by(cls: type) -> Use:
    """What a method of a library's class may call on what it is given."""
    return by_module(fingerprint.qualified_name(cls).decode("utf-8", "replace").partition(":")[0])


def _is_scalar(value: Value) -> bool:
    if isinstance(value, Known):
        return type(value.obj) in fingerprint.ATOMS
    if isinstance(value, Instance) and isinstance(value.cls, Known):
        return value.cls.obj in fingerprint.ATOMS
    return False


def _subclasses(frame: Frame, cls: Known) -> Value:
    found = frame.analysis.get("children", cls.ref, None)
    assert isinstance(found, Known)
    frame.touch(found, "subclasses")
    made = make_heap(frame, "list", ())
    for index in range(len(found.obj) + 1):  # that there is no other one is looked up too
        add(frame, made, live_item(frame, found, index))
    return made


def _call_on_instance(frame: Frame, name: str, receiver: Instance, args: Arguments) -> Value | None:
    """A method that a library's class defines, on a library's object or a user's subclass."""
    if name in ("append", "add", "put", "appendleft", "insert", "push"):
        for value in args.positional:
            frame.write(receiver.site, "elem", value)
    base = _definer_of(receiver, name)
    if base is object or (base is not None and issubclass(base, BaseException)):
        return _call_of_object(frame, name, receiver, args)
    use = _use_by(base) if base is not None else None
    if name in ("__init__", "__init_subclass__"):
        escape_all(frame, args, use)
        escape(frame, receiver, use)
        return frame.pool.const(None)
    if name == "submit" and args.positional:
        rest = args._replace(positional=args.positional[1:])
        escape(frame, invoke(frame, args.positional[0], rest))
        for value in args.all():
            escape(frame, value, SPECIAL)
    else:
        escape_all(frame, args, use)
    escape(frame, receiver, use)
    return frame.unknown_value(f"the result of {name}")


def _definer_of(receiver: Instance, name: str) -> type | None:
    """The library's class whose method *name* is called on *receiver*."""
    if isinstance(receiver.cls, Known):
        for base in mro(receiver.cls.obj):
            if name in namespace(base) and owner_of(base) is not None:
                return base
    return None


def _call_of_object(frame: Frame, name: str, receiver: Instance, args: Arguments) -> Value:
    """A method of `object`, or of an exception: it keeps what it is given, and calls nothing."""
    positional = args.positional
    if name == "__setattr__" and len(positional) == 2:
        frame.write(receiver.site, ("attr", _text(positional[0])), positional[1])
        frame.analysis.changes(receiver)
        return frame.pool.const(None)
    if name == "__getattribute__" and positional:
        text = _text(positional[0])
        held = frame.analysis.read(receiver.site, ("attr", text), frame, frame.index)
        return frame.pool.join(held, frame.unknown_value("an attribute")) or UNKNOWN
    for value in args.all():
        escape(frame, value, SHOWN)
    if name in ("__init__", "__init_subclass__", "__delattr__"):
        return frame.pool.const(None)
    return frame.unknown_value(f"the result of {name}")


def _call_on_text(frame: Frame, name: str, receiver: Value, args: Arguments) -> Value:
    if name == "format" and _text(receiver) is not None:
        return _format(frame, _text(receiver) or "", args)
    for value in args.all():
        if name == "join":
            note_order(frame, value)
            measure(frame, value)
            items_of(frame, value)
        consume(frame, value)
    if name in ("lower", "upper", "title", "capitalize") and isinstance(receiver, Text):
        change = getattr(str, name) if name != "title" and name != "capitalize" else None
        if change is not None:
            made: Value = frame.pool.make(Text, change(receiver.prefix), change(receiver.suffix))
            return made
    if name in _TEXT_METHODS:
        return instance_of(frame, str)
    if name in ("split", "rsplit", "splitlines", "partition", "rpartition"):
        made = make_heap(frame, "list", ())
        add(frame, made, instance_of(frame, str))
        return made
    return frame.unknown_value(f"the result of {name}")


def _format(frame: Frame, template: str, args: Arguments) -> Value:
    for value in args.all():
        stringify(frame, value, ("__format__", "__str__", "__repr__"))
    prefix, _, rest = template.partition("{")
    suffix = rest.rpartition("}")[2]
    if not prefix and not suffix:
        return instance_of(frame, str)
    made: Value = frame.pool.make(Text, prefix, suffix)
    return made


def _call_on_heap(frame: Frame, name: str, receiver: Heap, args: Arguments) -> Value | None:
    positional = args.positional
    if name in _SHIFTING or (name == "pop" and positional):
        shift(frame, receiver)
    if name in ("append", "add", "appendleft", "put", "remove", "discard", "count", "index"):
        if name in ("add", "remove", "discard", "count", "index"):
            hashed(frame, *positional)
        if name in ("append", "add", "appendleft", "put"):
            for value in (*positional, *([args.rest] if args.rest else [])):
                add(frame, receiver, value)
        return frame.pool.const(None)
    if name == "insert" and len(positional) == 2:
        add(frame, receiver, positional[1])
        return frame.pool.const(None)
    if name in ("extend", "extendleft") or (name == "update" and receiver.kind == "set"):
        for source in positional:
            measure(frame, source)
            add(frame, receiver, items_of(frame, source))
        return frame.pool.const(None)
    if name == "update":
        for source in positional:
            _merge_any(frame, receiver, source)
        for key, value in args.named.items():
            put(frame, receiver, frame.pool.const(key), value)
        return frame.pool.const(None)
    if name in ("get", "pop", "setdefault") and receiver.kind == "dict" and positional:
        hashed(frame, positional[0])
        if name == "setdefault" and len(positional) > 1:
            put(frame, receiver, positional[0], positional[1])
        constant = positional[0].obj if isinstance(positional[0], Const) else None
        held = _quiet_item(frame, receiver, constant)
        default = positional[1:] or ((frame.pool.const(None),) if name == "get" else ())
        return frame.pool.join(held, *default) or UNKNOWN
    if name in ("pop", "popleft", "popitem", "get", "__getitem__"):
        return read_item(frame, receiver, None)
    return _more_on_heap(frame, name, receiver, args)


def _quiet_item(frame: Frame, receiver: Heap, constant: Any) -> Value | None:
    analysis = frame.analysis
    held = analysis.read(receiver.site, "elem", frame, frame.index)
    slots = analysis.slots(receiver.site, frame, frame.index)
    wanted = [s for s in slots if isinstance(s, tuple) and s[0] == "item"]
    if constant is not None:
        wanted = [("item", constant)]
    found = [analysis.read(receiver.site, slot, frame, frame.index) for slot in wanted]
    return frame.pool.join(held, *found)


def _more_on_heap(frame: Frame, name: str, receiver: Heap, args: Arguments) -> Value | None:
    if name in ("keys", "__iter__", "elements"):
        return iterator_over(frame, items_of(frame, receiver), "keys")
    if name == "values":
        return iterator_over(frame, _quiet_item(frame, receiver, None), "values")
    if name == "items":
        value = _quiet_item(frame, receiver, None)
        key = frame.analysis.read(receiver.site, "key", frame, frame.index)
        row = make_tuple(frame, (key or UNKNOWN, value or UNKNOWN))
        return iterator_over(frame, row if value is not None else None, "items")
    if name == "sort":
        _key_function(frame, args, read_quietly(frame, receiver))
        return frame.pool.const(None)
    if name in ("copy", "union", "intersection", "difference", "symmetric_difference", "__enter__"):
        for source in args.positional:
            add(frame, receiver, items_of(frame, source))
        return receiver
    if name in ("send", "throw", "__next__", "asend", "athrow", "__anext__"):
        return next_of(frame, receiver) or frame.unknown_value("the next item")
    if name in ("clear", "reverse", "rotate", "close", "aclose", "move_to_end"):
        return frame.pool.const(None)
    escape_all(frame, args)
    for value in args.all():
        add(frame, receiver, value)  # who knows what it does with them
    return frame.unknown_value(f"the result of {name}")


def read_quietly(frame: Frame, receiver: Heap) -> Value | None:
    return _quiet_item(frame, receiver, None)


def _call_on_live(frame: Frame, name: str, receiver: Known, args: Arguments) -> Value | None:
    """A method of a live list, dict, tuple or set."""
    positional = args.positional
    obj = receiver.obj
    if name in ("get", "__getitem__", "pop", "setdefault") and type(obj) is dict and positional:
        found = None
        for key in each(positional[0]):
            if isinstance(key, Const | Known) and type(key.obj) in (str, int, bool, float, bytes):
                found = frame.pool.join(found, live_item(frame, receiver, key.obj))
            else:
                found = frame.pool.join(found, subscript(frame, receiver, key))
        if name == "setdefault" and len(positional) > 1:
            put(frame, receiver, positional[0], positional[1])
        stored = frame.analysis.read(("object", id(obj)), "elem", frame, frame.index)
        return frame.pool.join(found, stored, *positional[1:], frame.pool.const(None))
    consume(frame, receiver)
    if name in _SHIFTING or (name == "pop" and positional):
        shift(frame, receiver)
    if name == "values" and type(obj) is dict:
        return iterator_over(frame, subscript(frame, receiver, UNKNOWN), "values")
    if name == "items" and type(obj) is dict:
        pair = (items_of(frame, receiver), subscript(frame, receiver, UNKNOWN))
        row = make_tuple(frame, tuple(part or UNKNOWN for part in pair))
        return iterator_over(frame, row, "items")
    if name in ("keys", "__iter__", "copy") and type(obj) is dict:
        return receiver
    if name in ("append", "add", "insert", "appendleft"):
        for value in positional:
            add(frame, receiver, value)
        return frame.pool.const(None)
    if name in ("extend", "update"):
        for source in positional:
            measure(frame, source)
            add(frame, receiver, items_of(frame, source))
        return frame.pool.const(None)
    if name == "sort":
        _key_function(frame, args, items_of(frame, receiver))
        return frame.pool.const(None)
    escape_all(frame, args)
    if name in ("pop", "popleft", "copy", "union", "__getitem__"):
        return frame.pool.join(items_of(frame, receiver), UNKNOWN)
    return frame.unknown_value(f"the result of {name}")
