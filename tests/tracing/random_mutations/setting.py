"""Data of many kinds, for programs that `test_random_mutations` makes."""

import abc
import array
import bisect
import builtins
import collections
import contextlib
import contextvars
import copy
import ctypes
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import heapq
import inspect
import io
import itertools
import json
import locale
import math
import operator
import os
import pickle
import random
import re
import statistics
import string
import struct
import sys
import textwrap
import threading
import types
import typing
import weakref

numbers = [3, 1, 2]
nested = [1, [2, 3], {"a": 4}, (5, [6])]
table = {"a": 1, "b": {"a": 2, "c": [1, 2, {"z": 5}]}, "c": [3, 4], 1: "one"}
fixed = (1, [5, 6], {"q": 7})
members = {1, 2, 3}
frozen = frozenset([1, 2])
count = 10
text = "some text"
flag = False
nothing = None
real = 1.5
data = bytearray(b"abc")
view = memoryview(data)
packed = array.array("i", [1, 2, 3])
counted = (ctypes.c_int * 3)(1, 2, 3)
amount = decimal.Decimal("1.10")
part = fractions.Fraction(1, 3)
day = datetime.date(2020, 1, 1)
stream = io.StringIO("first\nsecond\n")
default = collections.defaultdict(int, {"a": 1})
queue = collections.deque([1, 2, 3], 5)
counter = collections.Counter("aab")
ordered = collections.OrderedDict(a=1, b=2)
chained = collections.ChainMap({"a": 1}, table)
user_list = collections.UserList([1, 2])
user_dict = collections.UserDict({"a": 1})
readonly = types.MappingProxyType(table)
space = types.SimpleNamespace(a=1, b=[2], c=types.SimpleNamespace(a=3))
local = threading.local()
local.v = 1
variable = contextvars.ContextVar("variable", default=1)
variable.set(2)
pattern = re.compile("a+")
module = types.ModuleType("side_module")
sys.modules["side_module"] = module
exec(
    "x = 1\ny = [1, 2]\ndef go(): return x\ndef __getattr__(name): return (name, y[0])",
    vars(module),
)


class Meta(type):
    shared = 1

    def total(cls):
        return cls.k + cls.shared

    def __len__(cls):
        return cls.shared


class Base(metaclass=Meta):
    k = 1
    lookup = {"a": 1}

    def m(self):
        return self.k

    def __init_subclass__(cls, **kwargs):
        cls.made = Base.k


class Other:
    k = 7
    only = 8

    def m(self):
        return 70


class Kid(Base):
    items = [1, 2]

    def __init__(self):
        self.v = 3
        self.d = {"a": [1]}
        self.other = None

    def m(self):
        return super().m() + len(self.items)

    @property
    def p(self):
        return self.v

    @classmethod
    def c(cls):
        return cls.k

    @staticmethod
    def s():
        return count

    def __len__(self):
        return self.v

    def __iter__(self):
        return iter(self.items)

    def __getitem__(self, key):
        return self.items[key]

    def __contains__(self, value):
        return value in self.items

    def __call__(self, *args):
        return self.v + len(args)

    def __eq__(self, other):
        return self.v == getattr(other, "v", None)

    def __hash__(self):
        return self.v

    def __lt__(self, other):
        return self.v < count

    def __add__(self, other):
        return self.v + count

    def __format__(self, how):
        return f"{self.v}{how}"

    def __enter__(self):
        return self.v

    def __exit__(self, *args):
        return None

    def __getattr__(self, name):
        if name.startswith("dyn_"):
            return self.d["a"][0]
        raise AttributeError(name)


class Below(Kid):
    pass


class Slot:
    __slots__ = ("x", "y", "__dict__")

    def __init__(self):
        self.x = 1
        self.y = [2]


class Field:
    """A descriptor with a state of its own."""

    def __init__(self, start):
        self.start = start

    def __get__(self, obj, cls=None):
        return self.start if obj is None else self.start + obj.base

    def __set__(self, obj, value):
        obj.base = value


class Described:
    f = Field(4)
    plain = 1

    def __init__(self):
        self.base = 1

    def __repr__(self):
        return f"{self.f}"


class MyList(list):
    """A list with a field."""

    extra = 1


class MyDict(dict):
    def __missing__(self, key):
        return (key, count)


class MyInt(int):
    unit = "m"


class MyStr(str):
    pass


class Color(enum.Enum):
    RED = 1
    BLUE = 2

    def mixed(self):
        return (self.value, count)


class Flags(enum.IntFlag):
    R = 1
    W = 2


class Point(typing.NamedTuple):
    x: int = 1
    y: list = []


@dataclasses.dataclass
class Record:
    a: int = 1
    b: list = dataclasses.field(default_factory=lambda: [1])
    c: typing.ClassVar[int] = 3


@dataclasses.dataclass(frozen=True, order=True)
class Fixed:
    a: int = 1
    b: tuple = (1, 2)


class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...


class Square(Shape):
    side = 2

    def area(self):
        return self.side**2


class Duck:
    pass


class Failure(Exception):
    code = 1

    def __str__(self):
        return f"{self.code} {self.args}"


obj = Kid()
obj.other = Slot()
kid = Kid()
below = Below()
slot = Slot()
described = Described()
my_list = MyList([1, 2])
my_dict = MyDict(a=1)
my_int = MyInt(5)
my_int.scale = 2
my_str = MyStr("ab")
my_str.tag = [1]
point = Point(1, [2])
record = Record()
fixed_record = Fixed()
square = Square()
failure = Failure("what", [1])
duck = Duck()
lock = threading.Lock()
Shape.register(Duck)


def enclosed():
    inner = {"a": 1}
    value = 1

    def get():
        return inner["a"] + value

    def put(new):
        nonlocal value
        value = new

    get.put = put
    get.inner = inner
    return get


def defaults(x=[1, 2], *, y={"a": 1}):
    return x[0] + y["a"]


def marked():
    """Some words."""
    return marked.n


marked.n = 1


def annotated(x: int = 1) -> str:
    return helper(x)


def helper(x=1):
    return (x, count)


def deep():
    return table["b"]["c"][2]["z"]


def walk(value):
    if isinstance(value, dict):
        return sum(walk(item) for item in value.values())
    if isinstance(value, (list, tuple, set)):
        return sum(walk(item) for item in value)
    return value if isinstance(value, int) else 0


def each(items=numbers):
    for item in items:
        yield item


def wraps(function):
    @functools.wraps(function)
    def wrapper(*args):
        return (wrapper.times, function(*args))

    wrapper.times = 1
    return wrapper


@wraps
def wrapped(*args):
    return count + len(args)


@functools.singledispatch
def dispatch(value):
    return "any"


@dispatch.register
def _(value: int):
    return value + count


@contextlib.contextmanager
def context():
    yield count


async def slow(value):
    return (value, count)


def driven(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value


def choose(name):
    return getattr(obj, name)


def matched(value):
    match value:
        case Kid(v=n):
            return n
        case {"a": a, "c": [c, *_]}:
            return (a, c)
        case [a, [b, *_], *_]:
            return (a, b)
        case Point(x, y):
            return (x, y)
        case str() | int():
            return value
    return None


get = enclosed()
square_of = lambda v=2: v * v + count
partial = functools.partial(lambda a, b: a[0] + b, [1], b=2)
bound = obj.m
bound_append = numbers.count
item_of = operator.itemgetter(0)
attribute_of = operator.attrgetter("a")
caller_of = operator.methodcaller("m")
functions = [len, sum, helper]
registry = {"up": lambda v: v + 1, "down": lambda v: v - 1}
key = "up"
methods = {"m": Kid.m, "s": Kid.s}
classes = [Kid, Other]
pairs = [(1, "a"), (2, "b")]
loop = [1]
loop.append(loop)
weak = weakref.ref(obj)
