"""Code objects as version-free steps.

The only module that knows which CPython it runs on; it must not know values.
`lower` reads the bytes of a code object and rewrites the spelling of one release
into the vocabulary of `steps` by five moves, so that the handlers are one per meaning:

    rename   LOAD_FAST_BORROW x             ->  LOAD_FAST x
    split    LOAD_FAST_LOAD_FAST (x, y)     ->  LOAD_FAST x; LOAD_FAST y
    unpack   LOAD_GLOBAL (True, f)          ->  LOAD_GLOBAL f; PUSH_NULL
    fold     KW_NAMES (k,); CALL 2          ->  CALL Shape(2, (k,))
    drop     RESUME, PRECALL, NOT_TAKEN     ->

It decodes by itself: the exception table is read as it stands, a new CPython needs no
release of *bytecode*, and a function takes a quarter of the time.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

from dumbo.errors import UntraceableFunction
from dumbo.tracing.pairs import GHOST, single
from dumbo.tracing.steps import (
    JUMP_EFFECTS,
    Handler,
    Lowered,
    Shape,
    Step,
    SuperAttr,
    step,
)

_VERSION = sys.version_info[:2]

_BINARY = ("+", "&", "//", "<<", "@", "*", "%", "|", "**", ">>", "-", "/", "^")
BINARY_OPS = (*_BINARY, *(f"{op}=" for op in _BINARY), "[]")
COMPARISONS = ("<", "<=", "==", "!=", ">", ">=")
CONVERSIONS = ("", "str", "repr", "ascii")
SPECIAL_NAMES = ("__enter__", "__exit__", "__aenter__", "__aexit__")
COMMON_NAMES = ("AssertionError", "NotImplementedError", "tuple", "all", "any", "list", "set")
COMMON_CONSTANTS = (None, "", True, False, -1)  # 3.15 numbers them on from the names
# fmt: off
INTRINSICS_1 = (
    "INVALID", "PRINT", "IMPORT_STAR", "STOPITERATION_ERROR", "ASYNC_GEN_WRAP", "UNARY_POSITIVE",
    "LIST_TO_TUPLE", "TYPEVAR", "PARAMSPEC", "TYPEVARTUPLE", "SUBSCRIPT_GENERIC", "TYPEALIAS",
)
INTRINSICS_2 = (
    "INVALID", "PREP_RERAISE_STAR", "TYPEVAR_WITH_BOUND", "TYPEVAR_WITH_CONSTRAINTS",
    "SET_FUNCTION_TYPE_PARAMS", "SET_TYPEPARAM_DEFAULT",
)
# fmt: on
_COMPARE_SHIFT = {(3, 11): 0, (3, 12): 4}.get(_VERSION, 5)
_ENTERING = ("COPY", "LOAD_SPECIAL", "SWAP", "SWAP", "LOAD_SPECIAL")


def lower(code: CodeType) -> Lowered:
    """Return *code* in the vocabulary of `steps`, the same on every CPython."""
    source = _Source(code)
    for instruction in _decode(code.co_code):
        source.read(*instruction)
    lowered = Lowered(source.landed(), source.handlers(code.co_exceptiontable))
    return single(lowered) if source.haunted else lowered


def _decode(raw: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield (offset, offset of the next, opcode, argument) of each instruction."""
    start = at = high = 0
    end = len(raw)
    while at < end:
        opcode, arg = raw[at], raw[at + 1] | high
        at += 2
        if opcode == dis.EXTENDED_ARG:
            high = arg << 8
            continue
        while at < end and raw[at] == 0:  # caches; jumps count from behind them
            at += 2
        yield start, at, opcode, arg
        start, high = at, 0


class _Source:
    """One code object while it is read: what its arguments index, and the steps so far."""

    def __init__(self, code: CodeType) -> None:
        bound = code.co_varnames
        cells = tuple(name for name in code.co_cellvars if name not in bound)
        self.variables = bound + cells + code.co_freevars
        self.names = code.co_names
        self.consts = code.co_consts
        self.lines = {
            offset: line
            for start, stop, line in code.co_lines()
            for offset in range(start, stop, 2)
        }
        self.steps: list[Step] = []
        self.at: dict[int, int] = {}  # offset -> the first step that comes from there
        self.line: int | None = None  # of the instruction that is read
        self.keywords: tuple[str, ...] = ()  # of the next call, where KW_NAMES was seen
        self.sent: set[int] = set()  # where the SENDs of 3.11 land
        self.loop_ended = False  # END_FOR was just read, what pops the iterator follows
        self.haunted = False  # there are ghosts in the steps

    def read(self, start: int, stop: int, opcode: int, arg: int) -> None:
        self.line = self.lines.get(start)
        self.at[start] = len(self.steps)
        if start in self.sent:
            self.emit("END_SEND")
        spelling = dis.opname[opcode]
        name = _RENAMED.get(spelling, spelling)
        if name == "LOAD_FAST":
            bound = _VERSION >= (3, 12) and spelling != "LOAD_FAST_CHECK"
            self.load(self.variables[arg], bound)
        elif name in _ARGUMENTS:
            self.emit(name, _ARGUMENTS[name](self, arg))
        elif name in _REWRITTEN:
            _REWRITTEN[name](self, arg)
        elif name in _JUMPS:
            self.jump(name, stop + (-2 if "BACKWARD" in spelling else 2) * arg)
        elif name in _BARE:
            self.emit(name)
        elif name not in _DROPPED:
            self.foreign(opcode, arg)

    def emit(self, name: str, arg: Any = 0, target: int | None = None) -> None:
        self.steps.append(step(name, arg, target, self.line))

    def foreign(self, opcode: int, arg: int) -> None:
        """Pass on what a newer CPython brought: who does not know it must widen the answer."""
        name = dis.opname[opcode]
        if opcode in dis.hasjrel or opcode in dis.hasjabs:
            raise UntraceableFunction(f"where the opcode {name} jumps is not known")
        try:
            effect = dis.stack_effect(opcode, arg, jump=False)
        except ValueError:  # until 3.12: it takes no argument
            effect = dis.stack_effect(opcode, jump=False)
        self.steps.append(Step(name, arg, effect, line=self.line))

    def load(self, name: str, bound: bool = True) -> None:
        self.steps.append(Step("LOAD_FAST", name, 1, 0, None, self.line, bound))

    def ghost(self, below: int = 0) -> None:
        self.haunted = True
        self.steps.append(Step(GHOST, below, 1))

    def jump(self, name: str, target: int) -> None:
        if name.endswith("_OR_POP"):
            self.emit("COPY", 1)
            self.emit(f"POP_{name.removesuffix('_OR_POP')}", 0, target)
            self.emit("POP_TOP")
            return
        if name == "SEND" and _VERSION == (3, 11):
            self.sent.add(target)
        if name == "FOR_ITER" and _VERSION >= (3, 15) and self.last("PUSH_NULL"):
            self.steps.pop()  # of an iterator that was not made by GET_ITER
            self.ghost()
        self.emit(name, 0, target)

    def last(self, *names: str) -> bool:
        """Whether the newest steps are these."""
        return tuple(one.name for one in self.steps[-len(names) :]) == names

    def index(self, offset: int) -> int:
        return self.at.get(offset, len(self.steps))

    def landed(self) -> list[Step]:
        return [
            one if one.target is None else one._replace(target=self.index(one.target))
            for one in self.steps
        ]

    def handlers(self, table: bytes) -> list[Handler]:
        found = []
        for start, stop, target, depth, lasti in _ranges(table):
            first, last = self.index(start), self.index(stop)
            if first < last:
                found.append(Handler(first, last, self.index(target), depth + lasti, lasti))
        return found


def _ranges(table: bytes) -> Iterator[tuple[int, int, int, int, bool]]:
    """Yield (start, stop, target, depth, lasti) of an exception table, in offsets."""
    numbers = _varints(table)
    for start in numbers:
        length, target, depth_lasti = next(numbers), next(numbers), next(numbers)
        yield 2 * start, 2 * (start + length), 2 * target, depth_lasti >> 1, bool(depth_lasti & 1)


def _varints(table: bytes) -> Iterator[int]:
    number = 0
    for byte in table:
        number = number << 6 | byte & 63
        if not byte & 64:
            yield number
            number = 0


def _name(source: _Source, arg: int) -> str:
    return source.names[arg]


def _variable(source: _Source, arg: int) -> str:
    return source.variables[arg]


def _number(source: _Source, arg: int) -> int:
    return arg


def _flag(source: _Source, arg: int) -> bool:
    return bool(arg)


_DROPPED = {"CACHE", "COPY_FREE_VARS", "NOP", "NOT_TAKEN", "PRECALL", "RESUME", "TO_BOOL"}
_RENAMED = {
    "FORMAT_SIMPLE": "FORMAT",
    "JUMP_BACKWARD": "JUMP",
    "JUMP_BACKWARD_NO_INTERRUPT": "JUMP",
    "JUMP_FORWARD": "JUMP",
    "LOAD_FAST_BORROW": "LOAD_FAST",
    "LOAD_FAST_BORROW_LOAD_FAST_BORROW": "LOAD_FAST_LOAD_FAST",
    "LOAD_FAST_CHECK": "LOAD_FAST",
    **{
        f"POP_JUMP_{way}_IF_{test}": f"POP_JUMP_IF_{test}"
        for way in ("FORWARD", "BACKWARD")
        for test in ("FALSE", "NONE", "NOT_NONE", "TRUE")
    },
}
_JUMPS = {*JUMP_EFFECTS, "JUMP_IF_FALSE_OR_POP", "JUMP_IF_TRUE_OR_POP"}
# fmt: off
_ARGUMENTS: dict[str, Callable[[_Source, int], Any]] = {
    **dict.fromkeys(
        (
            "DELETE_ATTR", "DELETE_GLOBAL", "DELETE_NAME", "IMPORT_FROM",
            "LOAD_FROM_DICT_OR_GLOBALS", "LOAD_NAME", "STORE_ATTR", "STORE_GLOBAL",
        ),
        _name,
    ),
    **dict.fromkeys(
        (
            "DELETE_DEREF", "DELETE_FAST", "LOAD_CLOSURE", "LOAD_DEREF", "LOAD_FAST",
            "LOAD_FAST_AND_CLEAR", "LOAD_FROM_DICT_OR_DEREF", "STORE_DEREF", "STORE_FAST",
        ),
        _variable,
    ),
    **dict.fromkeys(
        (
            "BUILD_CONST_KEY_MAP", "BUILD_INTERPOLATION", "BUILD_LIST", "BUILD_MAP", "BUILD_SET",
            "BUILD_SLICE", "BUILD_STRING", "BUILD_TUPLE", "COPY", "DICT_MERGE", "DICT_UPDATE",
            "LIST_APPEND", "LIST_EXTEND", "MAP_ADD", "MATCH_CLASS", "RAISE_VARARGS", "RERAISE",
            "SET_ADD", "SET_FUNCTION_ATTRIBUTE", "SET_UPDATE", "SWAP", "UNPACK_SEQUENCE",
        ),
        _number,
    ),
    "BINARY_OP": lambda source, arg: BINARY_OPS[arg],
    "CALL_INTRINSIC_2": lambda source, arg: INTRINSICS_2[arg],
    "COMPARE_OP": lambda source, arg: COMPARISONS[arg >> _COMPARE_SHIFT],
    "CONTAINS_OP": _flag,
    "FORMAT": _flag,
    "IS_OP": _flag,
    "LOAD_CONST": lambda source, arg: source.consts[arg],
    "UNPACK_EX": lambda source, arg: (arg & 255, arg >> 8),
}
_BARE = {
    "BINARY_SLICE", "BUILD_TEMPLATE", "CHECK_EG_MATCH", "CHECK_EXC_MATCH", "CLEANUP_THROW",
    "DELETE_SUBSCR", "END_ASYNC_FOR", "END_SEND", "GET_AITER", "GET_LEN", "GET_YIELD_FROM_ITER",
    "LIST_TO_TUPLE", "LOAD_BUILD_CLASS", "LOAD_LOCALS", "MATCH_KEYS", "MATCH_MAPPING",
    "MATCH_SEQUENCE", "POP_EXCEPT", "PUSH_EXC_INFO", "RETURN_GENERATOR", "RETURN_VALUE",
    "SETUP_ANNOTATIONS", "STORE_SLICE", "STORE_SUBSCR", "WITH_EXCEPT_START", "YIELD_VALUE",
}
# fmt: on


def _instead(name: str, given: Any = 0, *more: str) -> Callable[[_Source, int], None]:
    """Return what reads an opcode that is spelled *name* with *given*, then *more*."""

    def rewrite(source: _Source, arg: int) -> None:
        source.emit(name, given)
        for other in more:
            source.emit(other)

    return rewrite


def _load_load(source: _Source, arg: int) -> None:
    source.load(source.variables[arg >> 4])
    source.load(source.variables[arg & 15])


def _store_load(source: _Source, arg: int) -> None:
    source.emit("STORE_FAST", source.variables[arg >> 4])
    source.load(source.variables[arg & 15])


def _store_store(source: _Source, arg: int) -> None:
    source.emit("STORE_FAST", source.variables[arg >> 4])
    source.emit("STORE_FAST", source.variables[arg & 15])


def _load_small_int(source: _Source, arg: int) -> None:
    source.emit("LOAD_CONST", arg)


def _return_const(source: _Source, arg: int) -> None:
    source.emit("LOAD_CONST", source.consts[arg])
    source.emit("RETURN_VALUE")


def _load_common_constant(source: _Source, arg: int) -> None:
    if arg < len(COMMON_NAMES):
        source.emit("LOAD_COMMON_CONSTANT", COMMON_NAMES[arg])
    else:
        source.emit("LOAD_CONST", COMMON_CONSTANTS[arg - len(COMMON_NAMES)])


def _load_global(source: _Source, arg: int) -> None:
    if arg & 1 and _VERSION < (3, 13):
        # NULL lies below, and more may be done to the value: `TABLE[key](x)`, `module.f(x)`.
        source.emit("PUSH_NULL")
        source.emit("LOAD_GLOBAL", source.names[arg >> 1])
    else:
        _callee(source, "LOAD_GLOBAL", source.names[arg >> 1], arg & 1)


def _load_attr(source: _Source, arg: int) -> None:
    flag, index = (0, arg) if _VERSION == (3, 11) else (arg & 1, arg >> 1)
    _callee(source, "LOAD_ATTR", source.names[index], flag)


def _load_method(source: _Source, arg: int) -> None:
    _callee(source, "LOAD_ATTR", source.names[arg], 1)


def _load_super_attr(source: _Source, arg: int) -> None:
    attr = SuperAttr(source.names[arg >> 2], bool(arg & 2))
    _callee(source, "LOAD_SUPER_ATTR", attr, arg & 1)


def _callee(source: _Source, name: str, arg: Any, called: int) -> None:
    source.emit(name, arg)
    if called:
        source.emit("PUSH_NULL")


def _load_classderef(source: _Source, arg: int) -> None:
    source.emit("LOAD_LOCALS")
    source.emit("LOAD_FROM_DICT_OR_DEREF", source.variables[arg])


def _make_cell(source: _Source, arg: int) -> None:
    # At the start, for all cells, it says nothing new; further on it makes a second one.
    if source.steps:
        source.emit("MAKE_CELL", source.variables[arg])


def _make_function(source: _Source, arg: int) -> None:
    made = source.steps[-1].arg
    if isinstance(made, CodeType):
        # 3.13 loads a cell as if it were its variable. A closure is the cells of the
        # free variables in a tuple, right before the code.
        count = len(made.co_freevars)
        cells = slice(-2 - count, -2)
        if count and tuple(one.arg for one in source.steps[cells]) == made.co_freevars:
            source.steps[cells] = [one._replace(name="LOAD_CLOSURE") for one in source.steps[cells]]
    source.emit("MAKE_FUNCTION", arg)


def _store_name(source: _Source, arg: int) -> None:
    name = source.names[arg]
    # The other place for cells: how a class body hands them to its class.
    if name == "__classcell__" and source.last("LOAD_FAST", "COPY"):
        source.steps[-2] = source.steps[-2]._replace(name="LOAD_CLOSURE")
    elif name == "__classdictcell__" and source.last("LOAD_FAST"):
        source.steps[-1] = source.steps[-1]._replace(name="LOAD_CLOSURE")
    source.emit("STORE_NAME", name)


def _kw_names(source: _Source, arg: int) -> None:
    source.keywords = source.consts[arg]


def _call(source: _Source, arg: int) -> None:
    if arg == 0 and source.last(*_ENTERING):
        is_async = source.steps[-1].arg == "__aenter__"
        del source.steps[-len(_ENTERING) :]
        _enter(source, is_async)
        return
    keywords, source.keywords = source.keywords, ()
    source.emit("CALL", Shape(arg, keywords))


def _call_kw(source: _Source, arg: int) -> None:
    source.emit("CALL", Shape(arg, source.steps.pop().arg))


def _call_function_ex(source: _Source, arg: int) -> None:
    if _VERSION < (3, 14):
        source.emit("CALL_EX", Shape(1 + (arg & 1)))
    elif source.last("PUSH_NULL"):  # the keywords' slot, which 3.14 fills always
        source.steps.pop()
        source.emit("CALL_EX", Shape(1))
    else:
        source.emit("CALL_EX", Shape(2))


def _call_intrinsic_1(source: _Source, arg: int) -> None:
    intrinsic = INTRINSICS_1[arg]
    if intrinsic == "LIST_TO_TUPLE":
        source.emit("LIST_TO_TUPLE")
    elif intrinsic == "UNARY_POSITIVE":
        source.emit("UNARY_OP", "+")
    else:
        source.emit("CALL_INTRINSIC_1", intrinsic)


def _import_name(source: _Source, arg: int) -> None:
    if _VERSION < (3, 15):
        source.emit("IMPORT_NAME", source.names[arg])
    else:
        name = "LAZY_IMPORT_NAME" if arg & 1 else "IMPORT_NAME"
        source.emit(name, source.names[arg >> 2])


def _convert_value(source: _Source, arg: int) -> None:
    source.emit("CONVERT", CONVERSIONS[arg])


def _format_value(source: _Source, arg: int) -> None:
    conversion, has_spec = CONVERSIONS[arg & 3], bool(arg & 4)
    if conversion and has_spec:  # 3.13 converts before it makes the specification
        source.emit("SWAP", 2)
        source.emit("CONVERT", conversion)
        source.emit("SWAP", 2)
    elif conversion:
        source.emit("CONVERT", conversion)
    source.emit("FORMAT", has_spec)


def _load_special(source: _Source, arg: int) -> None:
    source.emit("LOAD_SPECIAL", SPECIAL_NAMES[arg])


def _enter(source: _Source, is_async: bool) -> None:
    source.emit("WITH_ENTER", is_async)
    source.ghost(below=1)  # the receiver of `exit`


def _get_iter(source: _Source, arg: int) -> None:
    source.emit("GET_YIELD_FROM_ITER" if arg else "GET_ITER")
    if _VERSION >= (3, 15):
        source.ghost()  # an index, for sequences that need no iterator


def _push_null(source: _Source, arg: int) -> None:
    if source.last("GET_ANEXT") or source.last("GET_AWAITABLE"):
        source.ghost()  # nothing calls these: it is the index again
    else:
        source.emit("PUSH_NULL")


def _end_for(source: _Source, arg: int) -> None:
    source.loop_ended = _VERSION >= (3, 13)  # until 3.12 it pops the iterator itself


def _pop_top(source: _Source, arg: int) -> None:
    if source.loop_ended:
        source.loop_ended = False
    else:
        source.emit("POP_TOP")


def _pop_iter(source: _Source, arg: int) -> None:
    if _VERSION >= (3, 15) and not source.loop_ended:
        source.emit("POP_TOP")
    _pop_top(source, arg)


_REWRITTEN: dict[str, Callable[[_Source, int], None]] = {
    "ASYNC_GEN_WRAP": _instead("CALL_INTRINSIC_1", "ASYNC_GEN_WRAP"),
    "BEFORE_ASYNC_WITH": _instead("WITH_ENTER", True),
    "BEFORE_WITH": _instead("WITH_ENTER", False),
    "BINARY_SUBSCR": _instead("BINARY_OP", "[]"),
    "CALL": _call,
    "CALL_FUNCTION_EX": _call_function_ex,
    "CALL_INTRINSIC_1": _call_intrinsic_1,
    "CALL_KW": _call_kw,
    "CONVERT_VALUE": _convert_value,
    "END_FOR": _end_for,
    "FORMAT_VALUE": _format_value,
    "FORMAT_WITH_SPEC": _instead("FORMAT", True),
    "GET_ANEXT": _instead("GET_ANEXT"),
    "GET_AWAITABLE": _instead("GET_AWAITABLE"),
    "GET_ITER": _get_iter,
    "IMPORT_NAME": _import_name,
    "IMPORT_STAR": _instead("CALL_INTRINSIC_1", "IMPORT_STAR", "POP_TOP"),
    "KW_NAMES": _kw_names,
    "LOAD_ASSERTION_ERROR": _instead("LOAD_COMMON_CONSTANT", "AssertionError"),
    "LOAD_ATTR": _load_attr,
    "LOAD_CLASSDEREF": _load_classderef,
    "LOAD_COMMON_CONSTANT": _load_common_constant,
    "LOAD_FAST_LOAD_FAST": _load_load,
    "LOAD_GLOBAL": _load_global,
    "LOAD_METHOD": _load_method,
    "LOAD_SMALL_INT": _load_small_int,
    "LOAD_SPECIAL": _load_special,
    "LOAD_SUPER_ATTR": _load_super_attr,
    "MAKE_CELL": _make_cell,
    "MAKE_FUNCTION": _make_function,
    "POP_ITER": _pop_iter,
    "POP_TOP": _pop_top,
    "PREP_RERAISE_STAR": _instead("CALL_INTRINSIC_2", "PREP_RERAISE_STAR"),
    "PRINT_EXPR": _instead("CALL_INTRINSIC_1", "PRINT", "POP_TOP"),
    "PUSH_NULL": _push_null,
    "RETURN_CONST": _return_const,
    "STORE_FAST_LOAD_FAST": _store_load,
    "STORE_FAST_STORE_FAST": _store_store,
    "STORE_NAME": _store_name,
    "UNARY_INVERT": _instead("UNARY_OP", "~"),
    "UNARY_NEGATIVE": _instead("UNARY_OP", "-"),
    "UNARY_NOT": _instead("UNARY_OP", "not"),
    "UNARY_POSITIVE": _instead("UNARY_OP", "+"),
}

# Opcodes that never stand in a code object: the compiler's own, and the interpreter's.
# fmt: off
_INTERNAL = {
    "ANNOTATIONS_PLACEHOLDER", "ENTER_EXECUTOR", "EXIT_INIT_CHECK", "EXTENDED_ARG",
    "INTERPRETER_EXIT", "JUMP", "JUMP_IF_FALSE", "JUMP_IF_TRUE", "JUMP_NO_INTERRUPT",
    "LOAD_SUPER_METHOD", "LOAD_ZERO_SUPER_ATTR", "LOAD_ZERO_SUPER_METHOD", "POP_BLOCK",
    "RESERVED", "SETUP_CLEANUP", "SETUP_FINALLY", "SETUP_WITH", "STORE_FAST_MAYBE_NULL",
    "TRACE_RECORD",
}
# fmt: on
_KNOWN = {*_RENAMED, *_ARGUMENTS, *_REWRITTEN, *_JUMPS, *_BARE, *_DROPPED, *_INTERNAL}
# What the running CPython has and this file has not heard of: it comes through as it is.
UNDECLARED = frozenset(
    name for name in dis.opmap if name not in _KNOWN and not name.startswith("INSTRUMENTED_")
)
