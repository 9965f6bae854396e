"""Spreads, `f(*values, **named)`, to what is known by what it does and not by its code."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from typing import Any

import pytest

from dumbo import Cache
from dumbo.tracing.tracker import Tracker

SOURCE = """
import functools
import heapq
import itertools
import operator
from collections import *

class Held:
    def __init__(self, x=0):
        self.x = x

    def run(self):
        return ran()

    def __lt__(self, other):
        return ran() and False

def ran():
    return 1

def key(value):
    return value.run()

class Bare:
    pass
"""
CALLS = {
    "list": "xs = [[Held()]]; return list(*xs)[0].run()",
    "tuple": "xs = [[Held()]]; return tuple(*xs)[0].run()",
    "set": "xs = [[Held()]]; return set(*xs).pop().run()",
    "deque": "xs = [[Held()]]; return deque(*xs)[0].run()",
    "dict": "xs = [{'a': Held()}]; return dict(*xs)['a'].run()",
    "defaultdict": "xs = [Held]; return defaultdict(*xs)['a'].run()",
    "max": "xs = [Held(), Held()]; return max(*xs).run()",
    "max by key": "xs = [Bare(), Bare()]; return max(*xs, key=lambda v: ran())",
    "zip": "xs = [[Held()], [Held()]]; return [a.run() for a, b in zip(*xs)]",
    "zip_longest": "xs = [[Held()], [1]]; return [a.run() for a, b in itertools.zip_longest(*xs)]",
    "product": "xs = [[Held()], [1]]; return [a.run() for a, b in itertools.product(*xs)]",
    "chain": "xs = [[Held()]]; return [v.run() for v in itertools.chain(*xs)]",
    "map": "xs = [[Held()]]; return list(map(key, *xs))",
    "map of all": "xs = [key, [Held()]]; return list(map(*xs))",
    "filter": "xs = [key, [Held()]]; return list(filter(*xs))",
    "reduce": "xs = [lambda a, b: b.run(), [Held(), Held()]]; return functools.reduce(*xs)",
    "accumulate": "xs = [[Held(), Held()], lambda a, b: b.run()];"
    " return list(itertools.accumulate(*xs))",
    "starmap": "xs = [lambda a: a.run(), [(Held(),)]]; return list(itertools.starmap(*xs))",
    "sorted": "xs = [[Held(), Held()]]; return sorted(*xs)",
    "enumerate": "xs = [[Held()]]; return [v.run() for i, v in enumerate(*xs)]",
    "iter": "xs = [[Held()]]; return next(iter(*xs)).run()",
    "next": "xs = [iter([]), Held()]; return next(*xs).run()",
    "reversed": "xs = [[Held()]]; return next(reversed(*xs)).run()",
    "setattr": "c = Bare(); xs = [c, 'z', Held()]; setattr(*xs); return c.z.run()",
    "attrgetter": "xs = ['x']; return operator.attrgetter(*xs)(Held(Held())).run()",
    "itemgetter": "xs = [0]; return operator.itemgetter(*xs)([Held()]).run()",
    "append": "l = []; xs = [Held()]; l.append(*xs); return l[0].run()",
    "extend": "l = []; xs = [[Held()]]; l.extend(*xs); return l[0].run()",
    "insert": "l = []; xs = [0, Held()]; l.insert(*xs); return l[0].run()",
    "update": "d = {}; xs = [{'a': Held()}]; d.update(*xs); return d['a'].run()",
    "get": "d = {}; xs = ['a', Held()]; return d.get(*xs).run()",
    "pop": "d = {}; xs = ['a', Held()]; return d.pop(*xs).run()",
    "setdefault": "d = {}; xs = ['a', Held()]; d.setdefault(*xs); return d['a'].run()",
    "str": "class S:\n  def __str__(self): return str(ran())\n xs = [S()]; return str(*xs)",
    "keywords of dict": "kw = {c: Held() for c in 'a'}; return dict(**kw)['a'].run()",
    "keywords of OrderedDict": "kw = {c: Held() for c in 'a'}; return OrderedDict(**kw)['a'].run()",
    "keywords of update": "d = {}; kw = {c: Held() for c in 'a'}; d.update(**kw);"
    " return d['a'].run()",
    "keywords of max": "kw = {c: (lambda v: v.run()) for c in ['key']}; return max([Held()], **kw)",
    "keywords of defaultdict": "return defaultdict(None, a=Held())['a'].run()",
}


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = types.ModuleType("of_spreads")
    monkeypatch.setitem(sys.modules, made.__name__, made)
    exec(compile(SOURCE, "/src/of_spreads.py", "exec"), made.__dict__)
    return made


def defined(module: Any, body: str) -> Any:
    exec(compile(f"def call():\n {body}", "/src/of_spreads.py", "exec"), vars(module))
    return module.call


@pytest.mark.parametrize("observed", [False, True])
@pytest.mark.parametrize("name", CALLS)
def test_what_is_spread_is_passed(module: Any, name: str, observed: bool) -> None:
    nodes = Tracker(defined(module, CALLS[name]), observed=observed).graph((), {}).nodes.values()
    assert "of_spreads:ran" in {node["name"] for node in nodes}


@pytest.mark.parametrize("name", ["zip", "max", "map", "chain", "extend"])
def test_a_result_is_computed_again_when_what_a_spread_item_calls_has_changed(
    module: Any, name: str, tmp_path: Path
) -> None:
    function = defined(module, CALLS[name])
    before = function()
    memoized = Cache(tmp_path).memo(keep="always", observe=False)(function)
    assert memoized() == before
    module.ran.__code__ = (lambda: 3).__code__
    assert memoized() == function() != before
