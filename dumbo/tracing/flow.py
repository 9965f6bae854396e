"""What the steps that branch, return, raise, yield and enter contexts do to a frame.

Knows control flow, and narrowing by `isinstance`; must not know names or containers.
"""

from __future__ import annotations

from dumbo.tracing import catching, truth
from dumbo.tracing.attributes import call, special
from dumbo.tracing.calls import result
from dumbo.tracing.escapes import escape, remember_raised
from dumbo.tracing.frame import Frame
from dumbo.tracing.iteration import await_result, items_of, next_of
from dumbo.tracing.lookup import is_class, mro
from dumbo.tracing.rows import differ, hold_code, rows_in
from dumbo.tracing.steps import Step
from dumbo.tracing.values import (
    UNKNOWN,
    Instance,
    Known,
    LocalClass,
    Test,
    Tuple,
    Unknown,
    Value,
    each,
)

_TESTS = frozenset({"CALL", "IS_OP"})  # what gives a `Test`
RAISED = "raised"  # a heap site


def jump(frame: Frame, step: Step) -> None:
    assert step.target is not None
    frame.branch(step.target, frame.state())


def jump_if(frame: Frame, step: Step) -> None:
    """Both ways are taken where it is data that decides, for data may differ.

    The variable that is tested is narrowed on each way.
    """
    assert step.target is not None
    made_at = frame.at - 1
    variable = frame.plan.variable(frame.at, 0)
    condition = frame.pop()
    if step.name in ("POP_JUMP_IF_NONE", "POP_JUMP_IF_NOT_NONE"):
        yes, no = truth.split(frame, condition, truth.is_none)
    elif isinstance(condition, Test):
        yes, no = condition.yes, condition.no
        tested = frame.plan.steps[made_at].name in _TESTS and frame.at not in frame.plan.joins
        variable = condition.variable if tested else None
    else:
        _call_truth(frame, condition)
        yes, no = truth.split(frame, condition, lambda member: truth.is_true(frame, member))
    jumps = step.name in ("POP_JUMP_IF_TRUE", "POP_JUMP_IF_NONE")
    for target, value in (
        (frame.at + 1, no if jumps else yes),
        (step.target, yes if jumps else no),
    ):
        if value is not None:
            stack, variables, written, held = frame.state()
            if variable is not None and frame.locals.get(variable) is not value:
                variables = {**variables, variable: value}
            frame.branch(target, (stack, variables, written, held))
    if yes is None and no is None:
        frame.stop()


def _call_truth(frame: Frame, condition: Value) -> None:
    for member in each(condition):
        methods = special(frame, member, "__bool__")
        for method in methods or special(frame, member, "__len__"):
            call(frame, method, ())


def for_iter(frame: Frame, step: Step) -> None:
    assert step.target is not None
    iterator = frame.stack[-1]
    stack, variables, written, held = frame.state()
    rows = rows_in(frame, iterator)
    if (
        rows is not None
        and differ(rows)
        and frame.go_round(rows.items, frame.state(), picks=hold_code(rows))
    ):
        item = rows.more
    else:
        item = next_of(frame, iterator)
        if item is None and frame.analysis.guesses is not None:
            item = frame.analysis.guesses.item(frame)
    if item is not None:
        frame.branch(frame.at + 1, ((*stack, item), variables, written, held))
    frame.branch(step.target, (stack[:-1], variables, written, held))


def return_value(frame: Frame, step: Step) -> None:
    frame.returns(frame.pop())
    frame.stop()


def return_generator(frame: Frame, step: Step) -> None:
    frame.push(UNKNOWN)  # popped at once: the caller makes the generator


def yield_value(frame: Frame, step: Step) -> None:
    frame.yields(frame.pop())
    frame.push(frame.unknown_value("what is sent to the generator"))


def send(frame: Frame, step: Step) -> None:
    """``yield from`` and ``await``: what the inner one yields, then its result."""
    assert step.target is not None
    frame.pop()
    inner = frame.stack[-1]
    item = next_of(frame, inner)
    state = frame.state()
    if item is not None:
        frame.branch(frame.at + 1, ((*state[0], item), *state[1:]))
    given = await_result(frame, inner)
    if given is not None:
        frame.branch(step.target, ((*state[0], given), *state[1:]))
    elif item is None:
        frame.stop()


def end_send(frame: Frame, step: Step) -> None:
    _, value = frame.take(2)
    frame.push(value)


def cleanup_throw(frame: Frame, step: Step) -> None:
    frame.take(3)
    frame.push(UNKNOWN)
    frame.push(UNKNOWN)


def get_awaitable(frame: Frame, step: Step) -> None:
    value = frame.pop()
    methods = special(frame, value, "__await__")
    if methods:
        result(frame, frame.pool.join(*[call(frame, method, ()) for method in methods]))
    else:
        frame.push(value)


def with_enter(frame: Frame, step: Step) -> None:
    manager = frame.pop()
    entered: Value | None = None
    is_async = step.arg
    enters = special(frame, manager, "__aenter__" if is_async else "__enter__")
    exits = special(frame, manager, "__aexit__" if is_async else "__exit__")
    for method in enters:
        entered = frame.pool.join(entered, call(frame, method, ()))
    if enters and entered is None:
        frame.stop()
        return
    given = [call(frame, method, (UNKNOWN, UNKNOWN, UNKNOWN)) for method in exits]
    catching.enters(frame, manager, frame.pool.join(*given))
    if not enters:
        entered = _entered_by_library(frame, manager)
    frame.push(frame.pool.join(*exits) or frame.unknown_value("__exit__ of a library"))
    frame.push(entered)


def _entered_by_library(frame: Frame, manager: Value) -> Value | None:
    """``with`` on what is not of user code: generators made into managers run, files open."""
    found: Value | None = None
    for member in each(manager):
        if isinstance(member, Instance) and getattr(member.site, "__class__", None) is tuple:
            inner = frame.analysis.read(member.site, "generator", frame, frame.index)
            if inner is not None:
                found = frame.pool.join(found, next_of(frame, inner))
                continue
        escape(frame, member)
        found = frame.pool.join(found, frame.unknown_value("what a library's `with` gives"))
    return found


def with_except_start(frame: Frame, step: Step) -> None:
    frame.push(UNKNOWN)


def push_exc_info(frame: Frame, step: Step) -> None:
    if frame.at in frame.plan.bare:
        catching.catches_all(frame)
    exception = frame.pop()
    frame.push(UNKNOWN)
    frame.push(exception)


def check_exc_match(frame: Frame, step: Step) -> None:
    kinds = _classes(frame, frame.pop())
    catching.catches(frame, kinds)
    caught = _caught(frame, kinds)
    if caught is not None:
        frame.stack[-1] = caught
    frame.push(UNKNOWN)


def _classes(frame: Frame, kind: Value) -> list[Value]:
    """The classes that an ``except`` clause names, one by one or in tuples."""
    found: list[Value] = []
    for member in each(kind):
        if isinstance(member, Tuple):
            found += [cls for item in member.items for cls in _classes(frame, item)]
        elif isinstance(member, Known) and type(member.obj) is tuple:
            frame.touch(member, "except")
            found += each(items_of(frame, member))
        else:
            found.append(frame.touch(member, "except") or member)
    return found


def _caught(frame: Frame, kinds: list[Value]) -> Value | None:
    """What an ``except`` clause binds: an instance of its class, or of one derived from it."""
    found: Value | None = None
    raised = each(frame.analysis.read(RAISED, "elem", frame, frame.index))
    for member in kinds:
        if isinstance(member, Known) and is_class(member.obj):
            made = frame.pool.make(Instance, member, ("class", id(member.obj)))
            fitting = [one for one in raised if _may_be(frame, one, member)]
            found = frame.pool.join(found, made, *fitting)
        else:
            return frame.pool.join(UNKNOWN, *raised)
    return found


def _may_be(frame: Frame, value: Value, kind: Known) -> bool:
    cls: Value | None = value.cls if isinstance(value, Instance) else None
    if isinstance(value, Known) and not is_class(value.obj):
        cls = frame.analysis.get("type", value.ref, None)
    return not isinstance(cls, Known) or kind.obj in mro(cls.obj)


def check_eg_match(frame: Frame, step: Step) -> None:
    catching.catches(frame, _classes(frame, frame.pop()))
    frame.push(UNKNOWN)


def raise_varargs(frame: Frame, step: Step) -> None:
    for value in frame.take(step.arg):
        for member in each(value):
            raised: Value | None = member
            if isinstance(member, LocalClass) or (
                isinstance(member, Known) and is_class(member.obj)
            ):
                raised = call(frame, member, ())  # `raise Oops` makes one
            elif isinstance(member, Instance):
                frame.touch(member.cls, "raise")
            elif isinstance(member, Unknown):
                catching.raises_unknown(frame)
            # Who catches it is not followed: it may be any `except` that fits.
            frame.analysis.write(RAISED, "elem", raised)
            remember_raised(frame, raised)
    frame.stop()


def end(frame: Frame, step: Step) -> None:
    frame.stop()


HANDLERS = {
    "CHECK_EG_MATCH": check_eg_match,
    "CHECK_EXC_MATCH": check_exc_match,
    "CLEANUP_THROW": cleanup_throw,
    "END_SEND": end_send,
    "FOR_ITER": for_iter,
    "GET_AWAITABLE": get_awaitable,
    "JUMP": jump,
    "POP_EXCEPT": lambda frame, step: frame.take(1),
    "POP_JUMP_IF_FALSE": jump_if,
    "POP_JUMP_IF_NONE": jump_if,
    "POP_JUMP_IF_NOT_NONE": jump_if,
    "POP_JUMP_IF_TRUE": jump_if,
    "PUSH_EXC_INFO": push_exc_info,
    "RAISE_VARARGS": raise_varargs,
    "RERAISE": end,
    "RETURN_GENERATOR": return_generator,
    "RETURN_VALUE": return_value,
    "SEND": send,
    "WITH_ENTER": with_enter,
    "WITH_EXCEPT_START": with_except_start,
    "YIELD_VALUE": yield_value,
}
