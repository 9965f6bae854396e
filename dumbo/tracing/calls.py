"""What the steps that call, or make a function, do to a frame.

Stack layouts, top on the right, after `instructions.lower`:

    CALL           a b arg*nargs      ->  result
    CALL_EX        a b args [kwargs]  ->  result
    MAKE_FUNCTION  extra* code        ->  function

`a b` is CPython's callee pair: a callee and NULL, or a method and its receiver,
on either side. `invoke` follows a call into the callee; what it cannot follow
takes its arguments out of sight, and is marked where the callee is not known.

Knows callees and arguments; must not know CPython versions.
"""

from __future__ import annotations

import functools
from _weakref import ReferenceType
from collections.abc import Sequence
from types import BuiltinFunctionType, CodeType, FunctionType, MethodWrapperType
from typing import Any, NamedTuple

from dumbo.tracing import catching, fingerprint, inherited, spreads, sure
from dumbo.tracing.attributes import bind, of_local_class, special, unwrap_memoized
from dumbo.tracing.binding import Arguments, bind_arguments
from dumbo.tracing.boundary import owner_of, wall_of
from dumbo.tracing.callgraph import Analysis, describe_value
from dumbo.tracing.escapes import (
    consume,
    enter_unknown,
    escape,
    escape_captured,
    escape_made,
    take_class,
)
from dumbo.tracing.frame import Frame, Plan, plan_of
from dumbo.tracing.impure import Source
from dumbo.tracing.looks import look_at_fields
from dumbo.tracing.lookup import (
    GETTERS,
    MEMBERS,
    draws_of,
    is_class,
    is_memoized,
    is_module,
    is_property,
    name_of,
)
from dumbo.tracing.schedule import NeedsCallee
from dumbo.tracing.steps import Step
from dumbo.tracing.uses import SHOWN, Use, by_made
from dumbo.tracing.values import (
    NULL,
    PLAIN,
    UNKNOWN,
    Bound,
    Builtin,
    Cell,
    Const,
    Given,
    Heap,
    Instance,
    Known,
    Local,
    LocalClass,
    Partial,
    Text,
    Tuple,
    Union,
    Unknown,
    Value,
    each,
    is_plain,
)

_GENERATOR = 0x20 | 0x80 | 0x200
_EXTRAS = (8, 4, 2, 1)  # closure, annotations, keyword defaults, defaults; top first
DECORATED = "decorated"  # heap site of what a class decorator was given
NAMED = 32  # argument sets of a function that is given names, if it is small
SMALL = 400  # bytes of code
HEAPS = 1  # contexts of a function that make containers of their own


# --- steps ---------------------------------------------------------------------------


def call(frame: Frame, step: Step) -> None:
    args = frame.take(step.arg.nargs)
    callee, receiver = _take_callee(frame)
    named = dict(zip(step.arg.names, args[len(args) - len(step.arg.names) :], strict=True))
    positional = args[: len(args) - len(step.arg.names)]
    frame.is_direct = True
    result(frame, invoke(frame, callee, Arguments((*receiver, *positional), named)))


def call_ex(frame: Frame, step: Step) -> None:
    spread = frame.take(step.arg.nargs)
    callee, receiver = _take_callee(frame)
    positional, rest = _spread(frame, spread[0])
    named: dict[str, Value] = {}
    named_rest: Value | None = None
    if len(spread) > 1 and spread[1] is not NULL:
        named, named_rest = spread_names(frame, spread[1])
    frame.is_direct = True
    result(
        frame, invoke(frame, callee, Arguments((*receiver, *positional), named, rest, named_rest))
    )


def result(frame: Frame, value: Value | None) -> None:
    """Push what a call gives; where it has given nothing yet, nothing flows on."""
    if value is None:
        frame.stop()
    else:
        frame.push(value)


def _take_callee(frame: Frame) -> tuple[Value, Sequence[Value]]:
    """Take the callee, with its receiver as a sequence of none or one."""
    first, second = frame.take(2)
    if first is NULL:
        return second, ()
    return first, () if second is NULL else (second,)


def _spread(frame: Frame, value: Value) -> tuple[tuple[Value, ...], Value | None]:
    if isinstance(value, Known) and type(value.obj) in (tuple, list) and len(value.obj) <= 64:
        found = [frame.analysis.get("item", value.ref, index) for index in range(len(value.obj))]
        frame.analysis.get("item", value.ref, len(found))  # that there is no other one
        # Each by its place, for the order counts.
        touched = [frame.touch(item, f"item {place}") for place, item in enumerate(found)]
        return tuple(item or UNKNOWN for item in touched), None
    return spreads.parts_of(frame, value)


def spread_names(frame: Frame, value: Value) -> tuple[dict[str, Value], Value | None]:
    named: dict[str, Value] = {}
    rest: Value | None = None
    for member in each(value):
        if isinstance(member, Heap) and member.kind == "dict":
            for slot in frame.analysis.slots(member.site, frame, frame.index):
                held = frame.analysis.read(member.site, slot, frame, frame.index)
                if isinstance(slot, tuple) and slot[0] == "item" and isinstance(slot[1], str):
                    named[slot[1]] = frame.pool.join(named.get(slot[1]), held) or UNKNOWN
                elif slot == "elem":
                    rest = frame.pool.join(rest, held)
        elif isinstance(member, Known) and type(member.obj) is dict:
            for key in [key for key in member.obj if isinstance(key, str)]:
                found = frame.analysis.get("item", member.ref, key)
                named[key] = frame.touch(found, f"item {key!r}") or UNKNOWN
            consume(frame, member)
        else:
            escape(frame, member)
            rest = frame.unknown_value("spread keywords")
    return named, rest


def make_function(frame: Frame, step: Step) -> None:
    code = frame.pop()
    flags = step.arg if isinstance(step.arg, int) else 0
    extras = {flag: frame.pop() for flag in _EXTRAS if flags & flag}
    found: Value | None = None
    for member in each(code):
        if isinstance(member, Const) and isinstance(member.obj, CodeType):
            # Ways that end alike share this step, and come with a code of their own each.
            site = (frame.site, frame.index, id(member.obj))
            made = frame.pool.make(Local, member.obj, frame.home, site)
            for flag, extra in extras.items():
                _attach(frame, made, flag, extra)
            frame.depend(frame.analysis.node(made), f"function {member.obj.co_name}")
            found = frame.pool.join(found, made)
        else:
            found = frame.pool.join(found, frame.unresolved("a function made of unknown code"))
    frame.push(found)


def set_function_attribute(frame: Frame, step: Step) -> None:
    # 3.13 makes the function bare and adds each extra with a step of its own.
    extra, made = frame.take(2)
    for member in each(made):
        if isinstance(member, Local):
            _attach(frame, member, step.arg, extra)
    frame.push(made)


def _attach(frame: Frame, made: Local, flag: int, extra: Value) -> None:
    analysis = frame.analysis
    if flag == 8 and isinstance(extra, Tuple):
        for name, cell in zip(made.code.co_freevars, extra.items, strict=False):
            analysis.write(made.site, ("cell", name), cell)
    elif flag == 2:
        analysis.write(made.site, "kwdefaults", extra)
    elif flag == 1:
        analysis.write(made.site, "defaults", extra)


def build_class(frame: Frame, args: Arguments) -> Value:
    """``__build_class__(body, name, *bases)``: a class that is made while the program runs."""
    body, *bases = args.positional[:1] + args.positional[2:] or (UNKNOWN,)
    if not isinstance(body, Local):
        return frame.unresolved("a class of unknown code")
    site = ("class body", body.site)
    made: Value = frame.pool.make(LocalClass, body, tuple(bases), site)
    for base in (*bases, *args.named.values()):
        if isinstance(base, Known) and is_class(base.obj):
            frame.touch(base, "base class")
            frame.touch(
                frame.analysis.get("mro", base.ref, "__init_subclass__"), "__init_subclass__"
            )
    entered = _enter(frame, body, {}, namespace=site)
    frame.analysis.write((entered.site, "__class__"), "value", made)  # what super() means
    from dumbo.tracing import class_hooks  # a cycle: these are called

    assert isinstance(made, LocalClass)
    class_hooks.finish(frame, made, args)
    return made if entered.result is not None else frame.unresolved("a class body that raises")


# --- following a call ------------------------------------------------------------------


def invoke(
    frame: Frame, callee: Value, args: Arguments | tuple[Value, ...], names: tuple[str, ...] = ()
) -> Value | None:
    """The value that a call gives; None while none is known (it may never return)."""
    if not isinstance(args, Arguments):
        split = len(args) - len(names)
        args = Arguments(args[:split], dict(zip(names, args[split:], strict=True)))
    if not isinstance(callee, Union):
        frame.analysis.work += 1
        return _invoke_one(frame, callee, args)
    members = callee.members
    frame.analysis.work += len(members)
    before, held = frame.written, frame.sure
    found: Value | None = None
    after = []
    for member in members:
        frame.written, frame.sure = before, held
        found = frame.pool.join(found, _invoke_one(frame, member, args))
        after.append((frame.written, frame.sure))
    for written, left in after[:-1]:
        frame.written &= written
        frame.sure = sure.meet(frame.pool, left, frame.sure)
    return found


def _invoke_one(frame: Frame, callee: Value, args: Arguments) -> Value | None:
    if isinstance(callee, Known):
        return _invoke_known(frame, callee, args)
    if isinstance(callee, Local):
        return _invoke_local(frame, callee, args)
    if isinstance(callee, Bound):
        return invoke(frame, callee.function, args.before(callee.receiver))
    if isinstance(callee, Partial):
        return _invoke_partial(frame, callee, args)
    if isinstance(callee, LocalClass):
        return _construct_local(frame, callee, args)
    if isinstance(callee, Builtin):
        from dumbo.tracing.methods import call_method  # a cycle: `map` calls its function

        return call_method(frame, callee, args)
    if isinstance(callee, Instance):
        return _invoke_object(frame, callee, args)
    if isinstance(callee, Const) and _is_builtin_data(callee):
        return None  # the same
    return out_of_sight(frame, args, f"call of {describe_value(callee)}")


def out_of_sight(frame: Frame, args: Arguments, reason: str, use: Use | None = None) -> Value:
    """A call that cannot be followed."""
    escape_all(frame, args, use)
    return frame.unresolved(reason)


def _invoke_known(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    from dumbo.tracing.models import call_library  # a cycle: `map` calls its function

    obj = callee.obj
    if type(obj) is FunctionType:
        entered = _entered_before(frame, callee, args)
        if entered is not None:
            return _given(frame, callee, args, _finish(frame, entered, obj.__code__))
    if id(obj) in frame.analysis.impure and not _is_given(frame.analysis.impure[id(obj)], args):
        frame.meet(callee, called=True)
    if is_memoized(obj):
        return invoke(frame, unwrap_memoized(frame, callee), _with_draw(frame, obj, args))
    if type(obj) is FunctionType:
        if wall_of(obj) is None:
            return _invoke_function(frame, callee, args)
        escape_captured(frame, callee)
        return call_library(frame, callee, args)
    if is_class(obj):
        return construct(frame, callee, args)
    if type(obj) in MEMBERS or type(obj) in fingerprint.C_FUNCTIONS:
        return _invoke_holder(frame, callee, args)
    if is_module(obj):
        return out_of_sight(frame, args, "call of a module")
    return _invoke_object(frame, callee, args)


def _is_given(source: Source, args: Arguments) -> bool:
    """Whether a call gives what makes it pure: a seed, a time, a generator."""
    if args.rest is not None or args.named_rest is not None:
        return True  # nobody knows; to say so of each would be noise
    if source.needs and len(args.positional) >= source.needs:
        return not _is_none(args.positional[source.needs - 1])
    return source.keyword in args.named and not _is_none(args.named[source.keyword])


def _is_none(value: Value) -> bool:
    return all(isinstance(member, Const | Known) and member.obj is None for member in each(value))


def _with_draw(frame: Frame, memoized: Any, args: Arguments) -> Arguments:
    """With the generator that dumbo makes where the caller gives none, and not the default."""
    draws = draws_of(memoized)
    if draws is None:
        return args
    name, place, _ = draws
    if name in args.named or (place is not None and len(args.positional) > place):
        return args
    made = frame.unknown_value(f"generator {name}")
    return args._replace(named={**args.named, name: made})


def _invoke_holder(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    """CPython's own callables: bound methods, partials, lru_caches, builtins."""
    from dumbo.tracing.models import call_library  # a cycle: `map` calls its function

    analysis, obj = frame.analysis, callee.obj
    get = functools.partial(_member, frame, callee)
    if name_of(type(obj)) == "method":
        return invoke(frame, get("__func__"), args.before(get("__self__")))
    if type(obj) is functools.partial:
        frame.touch(callee, "partial")
        positional, _ = _spread(frame, get("args"))
        named, _ = spread_names(frame, get("keywords"))
        return invoke(
            frame,
            get("func"),
            args._replace(
                positional=(*positional, *args.positional), named={**named, **args.named}
            ),
        )
    if type(obj) in (staticmethod, classmethod):
        return invoke(frame, get("__func__"), args)
    if type(obj) in GETTERS:
        frame.touch(callee, "getter")
        own, _ = _spread(frame, get("args"))
        marker = frame.pool.make(Builtin, f"{type(obj).__name__}()", UNKNOWN)
        if own:
            return invoke(frame, marker, args.before(*own))
    if analysis.get("member", callee.ref, "__wrapped__") is not None:
        return invoke(frame, get("__wrapped__"), args)
    if type(obj) is MethodWrapperType or (
        type(obj) is BuiltinFunctionType and _is_bound_to_data(obj)
    ):
        receiver = analysis.get("member", callee.ref, "__self__")
        if receiver is not None:  # else it is chance
            frame.touch(receiver, "__self__")
            return invoke(frame, frame.pool.make(Builtin, obj.__name__, receiver), args)
    return call_library(frame, callee, args)


def _is_bound_to_data(function: Any) -> bool:
    """Whether a builtin is a method of an object, such as ``[].append``."""
    holder = function.__self__
    return holder is not None and not is_module(holder) and not is_class(holder)


def _member(frame: Frame, value: Known, name: str) -> Value:
    found = frame.touch(frame.analysis.get("member", value.ref, name), name)
    return UNKNOWN if found is None else found


def _invoke_object(frame: Frame, callee: Value, args: Arguments) -> Value | None:
    if isinstance(callee, Known) and type(callee.obj) is ReferenceType:
        referent = frame.analysis.get("referent", callee.ref, None)
        return frame.pool.join(frame.touch(referent, "referent"), frame.pool.const(None))
    methods = special(frame, callee, "__call__")
    if methods:
        return frame.pool.join(*[invoke(frame, method, args) for method in methods])
    if _is_builtin_data(callee):
        return None  # it raises TypeError, so nothing comes of it
    escape(frame, callee)
    return out_of_sight(frame, args, f"call of {describe_value(callee)}")


def _is_builtin_data(value: Value) -> bool:
    """Whether *value* is of a builtin type of which nothing can be called."""
    if isinstance(value, Instance):
        exact = isinstance(value.cls, Known) and not value.vague and value.site[0] != "found"
        kind = value.cls.obj if exact else None  # type: ignore[attr-defined]
    else:
        kind = type(value.obj) if isinstance(value, Const | Known) else None
    return any(kind is one for one in fingerprint.ATOMS)


def _invoke_partial(frame: Frame, callee: Partial, args: Arguments) -> Value | None:
    split = len(callee.args) - len(callee.names)
    named = dict(zip(callee.names, callee.args[split:], strict=True))
    merged = args._replace(
        positional=(*callee.args[:split], *args.positional), named={**named, **args.named}
    )
    return invoke(frame, callee.function, merged)


def _invoke_function(frame: Frame, callee: Known, args: Arguments) -> Value | None:
    frame.touch(callee, "call")
    if catching.is_left_out(frame):
        return _left_out(frame, args)
    code = callee.obj.__code__
    parameters = bind_arguments(frame, callee, code, args)
    return _given(
        frame, callee, args, _finish(frame, _enter(frame, callee, parameters, args), code)
    )


def _given(frame: Frame, callee: Known, args: Arguments, given: Value | None) -> Value | None:
    """What a call of *callee* gives, if its code gives *given*."""
    site = ("object", id(callee.obj))
    if frame.analysis.read(site, ("attr", "__code__"), frame, frame.index) is not None:
        # The program puts other code into the function. What it wraps is likely called.
        unseen = out_of_sight(frame, args, "code put into a function", by_made(frame.module))
        given = frame.pool.join(given, unseen)
        wrapped = frame.analysis.get("member", callee.ref, "__wrapped__")
        if wrapped is not None:
            frame.touch(wrapped, "__wrapped__")
            given = frame.pool.join(given, invoke(frame, wrapped, args))
    return given


class _Call(NamedTuple):
    """What a step that calls has entered, and what else that hung on."""

    entered: Frame
    written: frozenset[Any]
    sure: sure.Sure
    is_direct: bool
    far: bool


def _key_of_call(frame: Frame, callee: Known, args: Arguments) -> Any:
    return (
        frame.index,
        callee,
        args.positional,
        tuple(args.named.items()) if args.named else (),
        args.rest,
        args.named_rest,
    )


def _entered_before(frame: Frame, callee: Known, args: Arguments) -> Frame | None:
    """The frame that this step has entered by the same call, if nothing else has changed.

    Arguments only ever join what the parameters of a frame may be, so that joining the same
    ones again is of no use.
    """
    call = frame.calls.get(_key_of_call(frame, callee, args))
    if (
        call is None
        or call.written != frame.written
        or call.far != frame.far
        or call.is_direct != frame.is_direct
        or not (call.sure is frame.sure or call.sure == frame.sure)
    ):
        return None
    sure.entered(call.entered, frame)
    found: Frame = call.entered
    return found


def _invoke_local(frame: Frame, callee: Local, args: Arguments) -> Value | None:
    frame.touch(callee, "call")
    if catching.is_left_out(frame):
        return _left_out(frame, args)
    parameters = bind_arguments(frame, callee, callee.code, args)
    return _finish(frame, _enter(frame, callee, parameters), callee.code)


def _left_out(frame: Frame, args: Arguments) -> Value:
    """What is called where the function raises in any case is seen if it runs."""
    for value in args.all():
        for member in each(value):
            if isinstance(member, Known) and type(member.obj) is FunctionType:
                frame.analysis.used.add(id(member.obj))
    return frame.unknown_value("a call before something is raised")


def _finish(frame: Frame, entered: Frame, code: CodeType) -> Value | None:
    if code.co_flags & _GENERATOR:
        site = ("frame", entered.site)
        frame.analysis.generators[site] = entered
        kind = "coroutine" if code.co_flags & 0x80 else "generator"
        made: Value = frame.pool.make(Heap, kind, site)
        return made
    if entered.result is not None and entered.exit_written is not None:
        frame.written = frame.written | entered.exit_written
    return entered.result


def _enter(
    frame: Frame,
    callee: Value,
    parameters: dict[str, Value],
    args: Arguments | None = None,
    namespace: Any = None,
) -> Frame:
    """The frame of *callee* with *parameters*, having run as far as it can.

    Parameters:
        args: from which alone the parameters were made, if so; see `_entered_before`.

    Raises:
        NeedsCallee: if it is new: the step is made again when it has run.
    """
    analysis = frame.analysis
    node = analysis.node(callee)
    assert node is not None
    code = callee.obj.__code__ if isinstance(callee, Known) else callee.code  # type: ignore[attr-defined]
    if analysis.guesses is not None:
        parameters = analysis.guesses.of_parameters(frame, code, parameters)
    outer = callee.site if isinstance(callee, Local) else None
    key: Any = (outer, *[_context(analysis, value) for value in parameters.values()])
    entered = analysis.frames.get((node, key))
    allowed = analysis.contexts
    if allowed > 1 and len(code.co_code) <= SMALL and any(map(_is_name, parameters.values())):
        allowed = NAMED
    if entered is None and (crowd := len(analysis.by_node.get(node, ())) - allowed) >= 0:
        # One frame for all further argument sets; methods keep one for each class of receiver.
        apart = analysis.contexts > 1
        is_method = code.co_argcount and "." in code.co_qualname
        receiver = key[1] if is_method and apart and crowd < 32 else None
        key = ("joined", receiver, outer if apart and crowd < 16 else None)
        entered = analysis.frames.get((node, key))
    if entered is None:
        number = len(analysis.by_node.get(node, ()))
        entered = _new_frame(frame, callee, node, plan_of(code), dict(parameters), number)
        entered.namespace = namespace
        analysis.enter(node, entered, key)
        grown = True
    else:
        grown = entered.gets(parameters)
        if isinstance(callee, Local) and key[:1] == ("joined",):
            _share_cells(frame, callee, entered)
    if entered.far and not frame.far:
        entered.far = False
        analysis.later(entered)
    later = code.co_flags & _GENERATOR  # it runs when somebody asks it to
    held = sure.NOTHING if later else sure.passed(frame, parameters.values())
    entered.entered_with(frame.written, held)
    sure.entered(entered, frame)
    entered.callers[frame, frame.index] = None
    if args is not None and analysis.guesses is None:
        assert isinstance(callee, Known)
        frame.calls[_key_of_call(frame, callee, args)] = _Call(
            entered, frame.written, frame.sure, frame.is_direct, frame.far
        )
    if grown:
        entered.start()
        raise NeedsCallee(entered)
    return entered


def _is_name(value: Value) -> bool:
    return isinstance(value, Const | Known) and type(value.obj) is str


def _share_cells(frame: Frame, callee: Local, entered: Frame) -> None:
    """A frame that stands for several closures of one code sees what any of them captured."""
    for name in callee.code.co_freevars:
        own = entered.cells.get(name)
        held = frame.analysis.read(callee.site, ("cell", name), frame, frame.index)
        for cell in each(held):
            if isinstance(cell, Cell) and isinstance(own, Cell) and cell is not own:
                value = frame.analysis.read(cell.site, "value", frame, frame.index)
                frame.analysis.write(own.site, "value", value)


def _context(analysis: Analysis, value: Value) -> Any:
    found = analysis.contexts_of.get(value)
    if found is None:
        found = analysis.contexts_of[value] = context_of(value)
    return found


def context_of(value: Value) -> Any:
    """What of an argument makes a context of its own: code, types and names, not data.

    Arguments that agree in this share a frame, whose parameters are their union.
    """
    if isinstance(value, Instance):
        return ("instance", value.cls)
    if isinstance(value, Known):
        obj = value.obj
        if type(obj) is FunctionType or is_class(obj) or is_memoized(obj) or is_module(obj):
            return value
        if is_property(type(obj)):
            return value  # what it gives is that of one attribute
        return obj if type(obj) is str else ("known", type(obj))
    if isinstance(value, Const):
        return (
            ("const", value.obj) if type(value.obj) in (str, bool, type(None)) else type(value.obj)
        )
    if isinstance(value, Heap):
        return value.kind
    if isinstance(value, Tuple):
        return ("tuple", *map(context_of, value.items[:4]))
    if isinstance(value, Union):
        return frozenset(map(context_of, value.members)) if len(value.members) < 4 else Union
    if isinstance(value, Given):
        return value
    if isinstance(value, Unknown | Text):
        return PLAIN if is_plain(value) else type(value)
    if isinstance(value, Builtin) and value.receiver is UNKNOWN:
        return Unknown
    return value


def _new_frame(
    frame: Frame, callee: Value, node: Any, plan: Plan, parameters: dict[str, Value], number: int
) -> Frame:
    analysis = frame.analysis
    cells: dict[str, Value] = {}
    if isinstance(callee, Known):
        home: Known = callee
        for index, name in enumerate(plan.code.co_freevars):
            cells[name] = frame.pool.make(Cell, ("live", callee.ref, index))
    else:
        assert isinstance(callee, Local)
        assert isinstance(callee.home, Known)
        home = callee.home
        for name in plan.code.co_freevars:
            held = analysis.read(callee.site, ("cell", name), frame, frame.index)
            first = next((cell for cell in each(held) if isinstance(cell, Cell)), None)
            cells[name] = first or frame.pool.make(Cell, (callee.site, name))
    # The first contexts have a heap of their own; the others share one, lest it never settles.
    site = (node, min(number, HEAPS))
    made = Frame(analysis, node, plan, home, parameters, cells, site, frame.handlers)
    made.far = frame.far
    first_name = plan.code.co_varnames[0] if plan.code.co_argcount else None
    made.receiver = parameters.get(first_name) if first_name else None
    return made


# --- making objects ----------------------------------------------------------------------


def construct(frame: Frame, cls: Known, args: Arguments, *, hooked: bool = True) -> Value | None:
    """``cls(...)`` on the live class: its metaclass, `__new__`, `__init__`.

    Parameters:
        hooked: whether a `__call__` of the metaclass is asked; what it asks in turn,
            `type.__call__`, does not.
    """
    from dumbo.tracing.models import call_library  # a cycle: `map` calls its function

    frame.touch(cls, "class")
    left_out = catching.is_left_out(frame, cls)
    if wall_of(cls.obj) is not None:
        return call_library(frame, cls, args)
    if left_out:
        _left_out(frame, args)
        raised: Value = frame.pool.make(Instance, cls, ("left out", id(cls.obj)))
        return raised
    analysis = frame.analysis
    meta = analysis.get("type", cls.ref, None)
    assert isinstance(meta, Known)
    caller = analysis.get("mro", meta.ref, "__call__")
    if hooked and isinstance(caller, Known) and type(caller.obj) is FunctionType:
        if owner_of(caller.obj) is None:
            frame.touch(caller, "metaclass __call__")
            return invoke(frame, caller, args.before(cls))
        take_class(frame, cls)
        escape_all(frame, args)
    made: Value | None = frame.pool.make(Instance, cls, ("class", id(cls.obj)))
    if issubclass(cls.obj, BaseException):
        catching.keep(frame, args.all())
    new = analysis.get("mro", cls.ref, "__new__")
    if isinstance(new, Known) and _is_user_code(new.obj):
        function = bind(frame, new, None, cls)
        given = invoke(frame, function, args.before(cls)) if function is not None else None
        made = given if given is None or not isinstance(given, Unknown) else made
    init = analysis.get("mro", cls.ref, "__init__")
    if made is not None and isinstance(init, Known) and _is_user_code(init.obj):
        frame.touch(init, "__init__")
        for member in each(made):
            initialised = invoke(frame, init, args.before(member))
            if initialised is None:
                return None
    elif (
        made is not None
        and not analysis.watched
        and isinstance(init, Known)
        and _is_of_container(init.obj)
    ):
        invoke(frame, frame.pool.make(Builtin, "__init__", made), args)
    elif isinstance(new, Known) and not _is_user_code(new.obj):
        raises = issubclass(cls.obj, BaseException)
        escape_all(frame, args, SHOWN if raises else None)
        inherited.fill_unseen(frame, made)
    if made is not None and not (isinstance(init, Known) and _is_user_code(init.obj)):
        escape_made(frame, cls, made)
        look_at_fields(frame, cls)
    return made


def _is_of_container(init: Any) -> bool:
    """Whether an `__init__` is that of a builtin container, which keeps what it is given."""
    return any(getattr(init, "__objclass__", None) is kind for kind in (dict, list, set))


def construct_by_default(frame: Frame, cls: Value, args: Arguments) -> Value | None:
    """``type.__call__(cls, ...)``: past what a metaclass has put in its place."""
    if isinstance(cls, LocalClass):
        return _construct_local(frame, cls, args, hooked=False)
    assert isinstance(cls, Known)
    return construct(frame, cls, args, hooked=False)


def construct_bare(frame: Frame, cls: Value) -> Value:
    """What ``object.__new__(cls)`` makes."""
    if isinstance(cls, Known) and is_class(cls.obj):
        made: Value = frame.pool.make(Instance, cls, ("class", id(cls.obj)))
        return made
    if isinstance(cls, LocalClass):
        made = frame.pool.make(Instance, cls, ("instance", cls.site))
        return made
    return frame.unknown_value("an instance of an unknown class")


def escape_all(frame: Frame, args: Arguments, use: Use | None = None) -> None:
    for value in args.all():
        escape(frame, value, use)


def _is_user_code(obj: Any) -> bool:
    inner = obj.__func__ if type(obj) in (staticmethod, classmethod) else obj
    return type(inner) is FunctionType and wall_of(inner) is None


def _construct_local(
    frame: Frame, cls: LocalClass, args: Arguments, *, hooked: bool = True
) -> Value | None:
    from dumbo.tracing import class_hooks  # a cycle: these are called

    callers = class_hooks.of_metaclass(frame, cls, "__call__") if hooked else []
    if callers:
        return frame.pool.join(*[invoke(frame, caller, args) for caller in callers])
    made: Value = frame.pool.make(Instance, cls, ("instance", cls.site))
    if catching.is_exception(cls):
        catching.keep(frame, args.all())
    for new in each(of_local_class(frame, cls, "__new__", None)):
        if isinstance(new, Local) or (isinstance(new, Known) and _is_user_code(new.obj)):
            given = invoke(frame, new, args.before(cls))
            if given is None:
                return None
            if not any(isinstance(one, Unknown | Instance) for one in each(given)):
                made = given  # something else, of which no `__init__` is called
    if frame.analysis.read((DECORATED, cls.site), "elem", frame, frame.index) is not None:
        _fill_fields(frame, made, args)
    elif frame.analysis.read(cls.site, "__init__", frame, frame.index) is not None or cls.bases:
        own = special(frame, made, "__init__")
        for member in own:
            if invoke(frame, member, args) is None:
                return None
        if not own and inherited.base_of(made) is not None:
            escape_all(frame, args)
            inherited.fill_unseen(frame, made)
    else:
        escape_all(frame, args)
    if any(isinstance(base, Known) and owner_of(base.obj) for base in cls.bases):
        escape(frame, made)
    return made


def _fill_fields(frame: Frame, made: Value, args: Arguments) -> None:
    """The `__init__` that a decorator has made: fields get what it is given, by name or place."""
    assert isinstance(made, Instance)
    for name, value in args.named.items():
        frame.write(made.site, ("attr", name), value)
    for other in (*args.positional, args.rest, args.named_rest):
        frame.write(made.site, ("attr", None), other)
    for name in ("__init__", "__post_init__", "__attrs_post_init__"):
        for member in special(frame, made, name):
            invoke(frame, member, args if name == "__init__" else ())


HANDLERS = {
    "CALL": call,
    "CALL_EX": call_ex,
    "MAKE_FUNCTION": make_function,
    "SET_FUNCTION_ATTRIBUTE": set_function_attribute,
}

__all__ = ["HANDLERS", "Arguments", "build_class", "construct", "enter_unknown", "invoke"]
