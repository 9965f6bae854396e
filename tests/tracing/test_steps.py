"""The vocabulary means what its table says: run by that table, code does what CPython does.

`Machine` is the table in Python. It runs lowered and normalised code of functions
that use every group of steps, and the outcome is compared with a call.
"""

# Functions under test are written as no one should, or are spelled out:
# ruff: noqa: B023, B026, I001, PIE804, RUF021, UP008, UP028

from __future__ import annotations

import asyncio
import builtins
import contextlib
import inspect
import operator
from collections.abc import Callable, Generator
from types import CellType, CodeType, FunctionType
from typing import Any

import pytest

from dumbo.tracing.instructions import lower
from dumbo.tracing.normal import normalise
from dumbo.tracing.steps import Lowered

NULL = object()
UNBOUND = object()
BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "[]": operator.getitem,
    "+=": operator.iadd,
    "-=": operator.isub,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
}
UNARY = {"-": operator.neg, "not": operator.not_, "~": operator.invert, "+": operator.pos}


ENDS = {"RETURN_VALUE", "YIELD_VALUE"}


class WrongEffect(BaseException):
    """A step did not change the depth of the stack as it says."""


class Cell:
    def __init__(self, value: Any = UNBOUND) -> None:
        self.value = value


class Machine:
    """Runs steps; a generator, which yields what a generator under test yields."""

    def __init__(self, function: FunctionType, lowered: Lowered, arguments: dict[str, Any]) -> None:
        code = function.__code__
        self.globals = function.__globals__
        self.steps, self.handlers = lowered
        free = zip(code.co_freevars, function.__closure__ or (), strict=True)
        self.slots: dict[str, Any] = {name: Cell(cell.cell_contents) for name, cell in free}
        self.slots |= arguments
        for name in code.co_cellvars:
            self.slots[name] = Cell(self.slots.get(name, UNBOUND))
        self.stack: list[Any] = []
        self.current: list[BaseException | None] = []  # what is being handled

    def run(self) -> Generator[Any, Any, Any]:
        at = 0
        while True:
            step = self.steps[at]
            before = list(self.stack)
            do = None if step.name in ENDS else getattr(self, f"do_{step.name}")
            try:
                if step.name == "RETURN_VALUE":
                    return self.stack.pop()
                if step.name == "YIELD_VALUE":
                    self.stack.append((yield self.stack.pop()))
                    jumps = False
                else:
                    jumps = bool(do(step.arg))
                effect = step.jump_effect if jumps else step.effect
                if len(self.stack) != len(before) + effect:
                    raise WrongEffect(step)
            except WrongEffect:
                raise
            except BaseException as error:
                at = self.catch(at, error, before)
            else:
                at = step.target if jumps and step.target is not None else at + 1

    def catch(self, at: int, error: BaseException, before: list[Any]) -> int:
        for handler in self.handlers:
            if handler.start <= at < handler.stop:
                self.stack = before[: handler.depth - handler.lasti]
                self.stack += ["lasti"] * handler.lasti
                self.stack.append(error)
                return handler.target
        raise error

    def pop(self, count: int = 1) -> list[Any]:
        assert count <= len(self.stack)
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def push(self, value: Any) -> None:
        self.stack.append(value)

    # -- constants and variables

    def do_LOAD_CONST(self, arg: Any) -> None:
        self.push(arg)

    def do_LOAD_COMMON_CONSTANT(self, arg: str) -> None:
        self.push(getattr(builtins, arg))

    def do_LOAD_FAST(self, arg: str) -> None:
        if arg not in self.slots:
            raise UnboundLocalError(arg)
        self.push(self.slots[arg])

    def do_STORE_FAST(self, arg: str) -> None:
        (value,) = self.pop()
        self.slots.pop(arg, None)
        if value is not UNBOUND:
            self.slots[arg] = value

    def do_DELETE_FAST(self, arg: str) -> None:
        if arg not in self.slots:
            raise UnboundLocalError(arg)
        del self.slots[arg]

    def do_LOAD_FAST_AND_CLEAR(self, arg: str) -> None:
        self.push(self.slots.pop(arg, UNBOUND))

    def do_MAKE_CELL(self, arg: str) -> None:
        self.slots[arg] = Cell(self.slots.get(arg, UNBOUND))

    def do_LOAD_CLOSURE(self, arg: str) -> None:
        assert isinstance(self.slots[arg], Cell)
        self.push(self.slots[arg])

    def do_LOAD_DEREF(self, arg: str) -> None:
        self.push(self.slots[arg].value)

    def do_STORE_DEREF(self, arg: str) -> None:
        self.slots[arg].value = self.pop()[0]

    def do_LOAD_GLOBAL(self, arg: str) -> None:
        self.push(self.globals[arg] if arg in self.globals else getattr(builtins, arg))

    def do_PUSH_NULL(self, arg: int) -> None:
        self.push(NULL)

    def do_POP_TOP(self, arg: int) -> None:
        self.pop()

    def do_COPY(self, arg: int) -> None:
        self.push(self.stack[-arg])

    def do_SWAP(self, arg: int) -> None:
        self.stack[-1], self.stack[-arg] = self.stack[-arg], self.stack[-1]

    # -- attributes and operators

    def do_LOAD_ATTR(self, arg: str) -> None:
        self.push(getattr(*self.pop(), arg))

    def do_STORE_ATTR(self, arg: str) -> None:
        value, target = self.pop(2)
        setattr(target, arg, value)

    def do_LOAD_SUPER_ATTR(self, arg: Any) -> None:
        made, owner, receiver = self.pop(3)
        self.push(getattr(made(owner, receiver), arg.name))

    def do_BINARY_OP(self, arg: str) -> None:
        self.push(BINARY[arg](*self.pop(2)))

    do_COMPARE_OP = do_BINARY_OP

    def do_UNARY_OP(self, arg: str) -> None:
        self.push(UNARY[arg](*self.pop()))

    def do_IS_OP(self, arg: bool) -> None:
        first, second = self.pop(2)
        self.push((first is second) != arg)

    def do_CONTAINS_OP(self, arg: bool) -> None:
        first, second = self.pop(2)
        self.push((first in second) != arg)

    def do_BINARY_SLICE(self, arg: int) -> None:
        target, start, stop = self.pop(3)
        self.push(target[start:stop])

    def do_STORE_SLICE(self, arg: int) -> None:
        value, target, start, stop = self.pop(4)
        target[start:stop] = value

    def do_STORE_SUBSCR(self, arg: int) -> None:
        value, target, key = self.pop(3)
        target[key] = value

    def do_DELETE_SUBSCR(self, arg: int) -> None:
        target, key = self.pop(2)
        del target[key]

    # -- building

    def do_BUILD_TUPLE(self, arg: int) -> None:
        self.push(tuple(self.pop(arg)))

    def do_BUILD_LIST(self, arg: int) -> None:
        self.push(self.pop(arg))

    def do_BUILD_SET(self, arg: int) -> None:
        self.push(set(self.pop(arg)))

    def do_BUILD_STRING(self, arg: int) -> None:
        self.push("".join(self.pop(arg)))

    def do_BUILD_SLICE(self, arg: int) -> None:
        self.push(slice(*self.pop(arg)))

    def do_BUILD_MAP(self, arg: int) -> None:
        items = self.pop(2 * arg)
        self.push(dict(zip(items[::2], items[1::2], strict=True)))

    def do_BUILD_CONST_KEY_MAP(self, arg: int) -> None:
        (keys,) = self.pop()
        self.push(dict(zip(keys, self.pop(arg), strict=True)))

    def do_LIST_APPEND(self, arg: int) -> None:
        self._into(arg, "append", 1)

    def _into(self, arg: int, method: str, count: int) -> None:
        values = self.pop(count)
        getattr(self.stack[-arg], method)(*values)

    def do_LIST_EXTEND(self, arg: int) -> None:
        self._into(arg, "extend", 1)

    def do_SET_ADD(self, arg: int) -> None:
        self._into(arg, "add", 1)

    def do_SET_UPDATE(self, arg: int) -> None:
        self._into(arg, "update", 1)

    def do_DICT_UPDATE(self, arg: int) -> None:
        self._into(arg, "update", 1)

    do_DICT_MERGE = do_DICT_UPDATE

    def do_MAP_ADD(self, arg: int) -> None:
        self._into(arg, "__setitem__", 2)

    def do_LIST_TO_TUPLE(self, arg: int) -> None:
        self.push(tuple(*self.pop()))

    def do_UNPACK_SEQUENCE(self, arg: int) -> None:
        values = list(*self.pop())
        if len(values) != arg:
            raise ValueError("wrong number of values")
        self.stack += reversed(values)

    def do_UNPACK_EX(self, arg: tuple[int, int]) -> None:
        before, after = arg
        values = list(*self.pop())
        stop = len(values) - after
        if stop < before:
            raise ValueError("wrong number of values")
        self.stack += reversed([*values[:before], values[before:stop], *values[stop:]])

    def do_CONVERT(self, arg: str) -> None:
        self.push(getattr(builtins, arg)(*self.pop()))

    def do_FORMAT(self, arg: bool) -> None:
        self.push(format(*self.pop(1 + arg)))

    # -- iterating

    def do_GET_ITER(self, arg: int) -> None:
        self.push(iter(*self.pop()))

    do_GET_YIELD_FROM_ITER = do_GET_ITER

    def do_FOR_ITER(self, arg: int) -> bool:
        try:
            self.push(next(self.stack[-1]))
        except StopIteration:
            self.pop()
            return True
        return False

    def do_GET_LEN(self, arg: int) -> None:
        self.push(len(self.stack[-1]))

    def do_GET_AITER(self, arg: int) -> None:
        self.push(aiter(*self.pop()))

    def do_GET_ANEXT(self, arg: int) -> None:
        self.push(_awaited(self.stack[-1].__anext__()))

    def do_GET_AWAITABLE(self, arg: int) -> None:
        self.push(_awaited(*self.pop()))

    def do_SEND(self, arg: int) -> bool:
        (value,) = self.pop()
        receiver = self.stack[-1]
        try:
            waits = value is None and hasattr(receiver, "__next__")
            self.push(next(receiver) if waits else receiver.send(value))
        except StopIteration as stop:
            self.push(stop.value)
            return True
        return False

    def do_END_SEND(self, arg: int) -> None:
        _, result = self.pop(2)
        self.push(result)

    def do_CLEANUP_THROW(self, arg: int) -> None:
        *_, error = self.pop(3)
        if not isinstance(error, StopIteration):
            raise error
        self.stack += [None, error.value]

    def do_END_ASYNC_FOR(self, arg: int) -> None:
        _, error = self.pop(2)
        if not isinstance(error, StopAsyncIteration):
            raise error

    def do_RETURN_GENERATOR(self, arg: int) -> None:
        self.push(None)

    # -- jumping

    def do_JUMP(self, arg: int) -> bool:
        return True

    def do_POP_JUMP_IF_TRUE(self, arg: int) -> bool:
        return bool(*self.pop())

    def do_POP_JUMP_IF_FALSE(self, arg: int) -> bool:
        return not bool(*self.pop())

    def do_POP_JUMP_IF_NONE(self, arg: int) -> bool:
        return self.pop() == [None]

    def do_POP_JUMP_IF_NOT_NONE(self, arg: int) -> bool:
        return self.pop() != [None]

    # -- matching

    def do_MATCH_MAPPING(self, arg: int) -> None:
        self.push(isinstance(self.stack[-1], dict))

    def do_MATCH_SEQUENCE(self, arg: int) -> None:
        self.push(isinstance(self.stack[-1], list | tuple))

    def do_MATCH_KEYS(self, arg: int) -> None:
        subject, keys = self.stack[-2:]
        found = all(key in subject for key in keys)
        self.push(tuple(subject[key] for key in keys) if found else None)

    def do_MATCH_CLASS(self, arg: int) -> None:
        subject, cls, names = self.pop(3)
        own = arg and [subject]  # int(x) and the like match themselves
        found = isinstance(subject, cls) and all(hasattr(subject, name) for name in names)
        self.push((*(own or ()), *(getattr(subject, n) for n in names)) if found else None)

    # -- calling

    def callee(self) -> Callable[..., Any]:
        first, second = self.pop(2)
        if first is NULL:
            return second
        return first if second is NULL else lambda *a, **k: first(second, *a, **k)

    def do_CALL(self, arg: Any) -> None:
        values = self.pop(arg.nargs)
        keywords = dict(zip(arg.names, values[len(values) - len(arg.names) :], strict=True))
        self.push(self.callee()(*values[: len(values) - len(arg.names)], **keywords))

    def do_CALL_EX(self, arg: Any) -> None:
        args, *keywords = self.pop(arg.nargs)
        self.push(self.callee()(*args, **(keywords[0] if keywords else {})))

    def do_MAKE_FUNCTION(self, arg: int) -> None:
        (code,) = self.pop()
        extras = {flag: self.pop()[0] for flag in (8, 4, 2, 1) if arg & flag}
        self.push(Made(code, self.globals, extras))

    def do_SET_FUNCTION_ATTRIBUTE(self, arg: int) -> None:
        extra, made = self.pop(2)
        self.push(Made(made.code, made.globals, {**made.extras, arg: extra}))

    def do_CALL_INTRINSIC_1(self, arg: str) -> None:
        (value,) = self.pop()
        if arg == "STOPITERATION_ERROR" and isinstance(value, StopIteration):
            value = RuntimeError("generator raised StopIteration")
        self.push(value)

    def do_CALL_INTRINSIC_2(self, arg: str) -> None:
        assert arg == "PREP_RERAISE_STAR"
        _, raised = self.pop(2)
        left = [error for error in raised if error is not None]
        self.push(left[0] if left else None)

    def do_IMPORT_NAME(self, arg: str) -> None:
        level, fromlist = self.pop(2)
        self.push(__import__(arg, self.globals, None, fromlist, level))

    def do_IMPORT_FROM(self, arg: str) -> None:
        self.push(getattr(self.stack[-1], arg))

    # -- with, and exceptions

    def do_WITH_ENTER(self, arg: bool) -> None:
        (manager,) = self.pop()
        self.push(manager.__aexit__ if arg else manager.__exit__)
        self.push(manager.__aenter__() if arg else manager.__enter__())

    def do_WITH_EXCEPT_START(self, arg: int) -> None:
        leave, lasti, _, error = self.stack[-4:]
        assert lasti == "lasti"
        self.push(leave(type(error), error, error.__traceback__))

    def do_PUSH_EXC_INFO(self, arg: int) -> None:
        (error,) = self.pop()
        self.stack += ["previous", error]
        self.current.append(error)

    def do_POP_EXCEPT(self, arg: int) -> None:
        assert self.pop() == ["previous"]
        self.current.pop()

    def do_CHECK_EXC_MATCH(self, arg: int) -> None:
        (kind,) = self.pop()
        self.push(isinstance(self.stack[-1], kind))

    def do_CHECK_EG_MATCH(self, arg: int) -> None:
        error, kind = self.pop(2)
        if not isinstance(error, BaseExceptionGroup):
            match = ExceptionGroup("", [error]) if isinstance(error, kind) else None
            self.stack += [error if match is None else None, match]
        else:
            match, rest = error.split(kind)
            self.stack += [rest, match]

    def do_RERAISE(self, arg: int) -> None:
        (error,) = self.pop()
        assert not arg or self.stack[-arg] == "lasti"
        raise error

    def do_RAISE_VARARGS(self, arg: int) -> None:
        if arg == 0:
            assert self.current[-1] is not None
            raise self.current[-1]
        error, *cause = self.pop(arg)
        if isinstance(error, type):
            error = error()
        if cause:
            raise error from cause[0]
        raise error


class Made:
    """A function that was made while the machine ran; it runs as CPython would run it."""

    def __init__(self, code: CodeType, globals: dict[str, Any], extras: dict[int, Any]) -> None:
        self.code, self.globals, self.extras = code, globals, extras

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        closure = tuple(CellType(cell.value) for cell in self.extras.get(8, ()))
        made = FunctionType(self.code, self.globals, closure=closure or None)
        made.__defaults__ = self.extras.get(1)
        made.__kwdefaults__ = self.extras.get(2)
        return made(*args, **kwargs)


def _awaited(value: Any) -> Any:
    return value if hasattr(value, "send") else value.__await__()


# ------------------------------------------------------------------ functions under test

flag = 3
TABLE = {"twice": [lambda x: 2 * x]}


class Plain:
    def __init__(self, value: Any = 1) -> None:
        self.value = value

    def twice(self, *, add=0):
        return 2 * self.value + add


class Derived(Plain):
    def twice(self, *, add=0):
        return super(Derived, self).twice(add=add) + super().value.__abs__() * 0


def operators(a, b):
    a += b
    c = [a, b]
    c[0] = -a * +b
    del c[1]
    return not a, a is not b, a in c, a not in c, a < b <= 9, c[0], ~b, a != b


def building(a, b):
    d = {"k": a, **b}
    return [a, *b], (a, *b), {a, *b}, {a: 1, "b": b, **b}, d, [1, 2, 3], {1, 2, 3}


def unpacking(a):
    first, *middle, last = a
    (x, y), z = (first, last), middle
    (
        x,
        y,
        z,
        last,
    ) = (
        y,
        z,
        x,
        first,
    )
    _, _, w = a
    return x, y, z, last, w


def slicing(a, b):
    c = a[1:b]
    c[0:1] = [7, 8]
    return c, a[b:], a[:-1:2]


def formatting(a, b):
    return f"{a!r:>{b}}|{a:x}|{b!s}|{a!r}{b}" + f"{a}"


def booleans(a, b, c):
    x = a and b or c
    y = a or (b and not c)
    z = (a and b) and (b or c) or a
    if (a or b) and not (b and c):
        z = z, 1
    while a and b:
        a = a - 1
        if not (a or c):
            break
    else:
        return x, y, z, "else"
    return x, y, z, a if b else c, 0 < a < b < c


# fmt: off
def boolean_lines(a, b, c):
    if (
        a
        and b
        or (
            c
            and not a
        )
    ):
        return (
            a
            or b
            and c
        )
    return [
        a
        if b
        else c,
        a and
        b and
        c,
    ]
# fmt: on


def loops(n):
    found = []
    for i in range(n):
        for j in range(i):
            if j == 3:
                break
            if j % 2:
                continue
            found.append((i, j))
        else:
            found.append("all")
    while n > 0:
        n -= 1
        if n == 2:
            return found, n
    return found


def comprehensions(a):
    x = "outer"
    made = [lambda: x for x in a]
    return (
        [i for i in a if i],
        {i: j for i in a for j in a if i < j},
        {i % 2 for i in a},
        [[j for j in range(i)] for i in a],
        list(i for i in a),
        any(i > 1 for i in a),
        all(i for i in a),
        tuple(i for i in a),
        x,
        len(made),
    )


def returns_inside(a):
    for x in a:
        with contextlib.nullcontext(x) as y:
            for z in a:
                return x, y, z
    return None


class Manager:
    def __init__(self, log: list[Any], swallow: bool = False) -> None:
        self.log, self.swallow = log, swallow

    def __enter__(self):
        self.log.append("enter")
        return self

    def __exit__(self, kind, error, trace):
        self.log.append(("exit", kind, type(error)))
        return self.swallow

    async def __aenter__(self):
        return self.__enter__()

    async def __aexit__(self, *args):
        await asyncio.sleep(0)
        return self.__exit__(*args)


def withs(a, swallow):
    log = []
    for i in range(2):
        with Manager(log, swallow) as m, Manager(log):
            m.log.append(1 / a)
            if i:
                continue
            log.append(i)
    # fmt: off
    with Manager(log): log.append(3)  # noqa: E701
    # fmt: on
    return log


def tries(a):
    log = []
    for i in (1, 2):
        try:
            try:
                log.append(1 / a)
                if a == 2:
                    break
            except ZeroDivisionError as error:
                log.append(str(error))
                raise ValueError(i) from error
            except (TypeError, OSError):
                log.append("type")
                continue
            else:
                log.append("else")
            finally:
                log.append("finally")
        except ValueError as e:
            log.append(type(e.__cause__))
    return log


def finally_raises(a):
    try:
        return 1 / a
    finally:
        if not a:
            raise KeyError("finally")


def reraises(a):
    try:
        a()
    except KeyError:
        raise
    assert a is None, "message"


def exception_groups(a):
    log = []
    try:
        if a == 1:
            raise ValueError("v")
        if a == 2:
            raise ExceptionGroup("g", [ValueError("v"), TypeError("t")])
        if a == 3:
            raise ExceptionGroup("g", [OSError("o")])
    except* ValueError as group:
        log.append(len(group.exceptions))
    except* TypeError:
        log.append("t")
    return log


def unbound(a):
    if a:
        x = 1
    try:
        return x
    except UnboundLocalError:
        return "unbound"


def deletes(a):
    x = a
    del x
    y = {"a": 1}
    del y["a"]
    return y


def matches(a):
    match a:
        case {"k": b, **rest} if b:
            return "mapping", b, rest
        case [1, b, *rest]:
            return "sequence", b, rest
        case (x, y) | [x, y, _]:
            return x, y
        case int() | str() as b:
            return "builtin", b
        case Plain(value=v):
            return "class", v
        case None:
            return "none"
        case _:
            return "other"


def calls(a, *b, c=1, **d):
    p = Plain(a)
    return (
        p.twice(),
        p.twice(add=2),
        Derived(a).twice(add=1),
        dict(a=a, *b, **d),
        max(*b, a),
        (lambda x, y=c: x + y)(a),
        sorted(b, key=lambda x: -x, reverse=True),
        print(*b, sep="", end="", file=None, **{}),
        TABLE["twice"][0](a),
        contextlib.ExitStack.__name__.upper().lower(),
        asyncio.queues.Queue(maxsize=a).maxsize,
        (TABLE if a else {})["twice"][0](a),
        flag,
    )


def cells(a):
    total = a

    def add(x):
        nonlocal total
        return total + x

    total += 1
    return total, add(2), (add, a)[1]


def imports():
    import os.path as p
    from collections import abc, OrderedDict as o

    return p.sep, abc.Sized, o


def generator(a):
    try:
        b = yield a
        c = yield from range(a)
        for i in [b, c]:
            yield i
        d = yield from inner(a)
        return d
    finally:
        yield "last"


def inner(a):
    yield a
    return "from inner"


def failing_generator(a):
    yield a
    try:
        yield from failing_inner(a)
    except ValueError as error:
        yield str(error)
    yield 1 / a


def failing_inner(a):
    yield "in"
    raise ValueError(a)


async def ticks(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


async def coroutine(a, swallow):
    log = []
    async for i in ticks(a):
        if i == 1:
            continue
        log.append(i)
    async with Manager(log, swallow) as m:
        m.log.append(await asyncio.sleep(0, "slept"))
        1 / (a - 2)
    found = [i async for i in ticks(a) if i]
    for i in range(2):
        async with Manager(log):
            if i:
                break
    else:
        log.append("no")
    try:
        async for i in ticks(a):
            if i == 2:
                return log, found
    finally:
        log.append("left")
    return log


def outcome(run: Callable[..., Any], *args: Any) -> Any:
    try:
        return plain(run(*args))
    except Exception as error:
        return type(error), error.__cause__


def plain(value: Any) -> Any:
    """Return what is compared: functions by their kind."""
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return "function" if isinstance(value, Made | FunctionType) else value


def driven(generator: Generator[Any, Any, Any], numbers: bool) -> Any:
    """Return all that a generator yields, numbers being sent or None, and what it returns."""
    found: list[Any] = []
    try:
        found.append(generator.send(None))
        while True:
            found.append(generator.send(len(found) if numbers else None))
    except StopIteration as stop:
        return found, stop.value
    except Exception as error:
        return found, type(error)


CASES: list[tuple[Callable[..., Any], list[tuple[Any, ...]]]] = [
    (operators, [(2, 3), (-1, 0)]),
    (building, [(1, {"x": 2, "y": 3})]),
    (unpacking, [([1, 2, 3],), ([1],), ([1, 2, 3, 4],)]),
    (slicing, [([1, 2, 3, 4], 3)]),
    (formatting, [(255, 9), ("a", 1)]),
    (booleans, [(a, b, c) for a in (0, 1, 2) for b in (0, 3) for c in (0, 5)]),
    (boolean_lines, [(a, b, c) for a in (0, 1) for b in (0, 3) for c in (0, 5)]),
    (loops, [(6,), (0,), (2,)]),
    (comprehensions, [([0, 1, 2],), ([],), (5,)]),
    (returns_inside, [([1, 2],), ([],)]),
    (withs, [(1, True), (0, True), (0, False)]),
    (tries, [(1,), (2,), (0,), ("a",)]),
    (finally_raises, [(2,), (0,)]),
    (reraises, [(None,), ({}.popitem,), (list,)]),
    (exception_groups, [(0,), (1,), (2,), (3,)]),
    (unbound, [(0,), (1,)]),
    (deletes, [(0,)]),
    (
        matches,
        [
            ({"k": 1, "l": 2},),
            ({"k": 0},),
            ([1, 2, 3],),
            ([5, 6],),
            ((5, 6, 7),),
            (7,),
            ("a",),
            (Plain(3),),
            (None,),
            (2.5,),
        ],
    ),
    (calls, [(1, 2, 3), (1,)]),
    (cells, [(1,)]),
    (imports, [()]),
    (generator, [(0,), (3,)]),
    (failing_generator, [(0,), (2,)]),
    (coroutine, [(4, False), (2, True), (2, False)]),
]


@pytest.mark.parametrize("form", [lambda low: low, normalise], ids=["lowered", "normalised"])
@pytest.mark.parametrize(("function", "calls"), CASES, ids=lambda it: getattr(it, "__name__", ""))
def test_steps_do_what_their_function_does(
    function: FunctionType,
    calls: list[tuple[Any, ...]],
    form: Callable[[Lowered], Lowered],
) -> None:
    lowered = form(lower(function.__code__))
    for args in calls:
        bound = inspect.signature(function).bind(*args)
        bound.apply_defaults()
        machine = Machine(function, lowered, dict(bound.arguments)).run()
        if inspect.isgeneratorfunction(function) or inspect.iscoroutinefunction(function):
            numbers = inspect.isgeneratorfunction(function)
            assert driven(machine, numbers) == driven(function(*args), numbers)
        else:
            assert outcome(finished, machine) == outcome(function, *args)


def finished(machine: Generator[Any, Any, Any]) -> Any:
    try:
        next(machine)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("yields")
