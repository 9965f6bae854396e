"""What exceptions keep, and who catches them takes out again."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from dumbo import Cache

SOURCE = """
def helper(): return 1
def kept(): return helper()

class Own(Exception): pass
class Passing(ValueError):
    def __init__(self, what): super().__init__(what)
class Silent(Exception):
    def __init__(self, what): pass
class Below(Passing): pass
class Stop(StopIteration): pass

def raised():
    try: raise Own(kept)
    except Own as e: return e.args[0]()

def of_builtin():
    try: raise ValueError(kept)
    except ValueError as e: return e.args[0]()

def passed_on():
    try: raise Passing(kept)
    except Passing as e: return e.args[0]()

def kept_by_new():
    try: raise Silent(kept)
    except Silent as e: return e.args[0]()

def never_raised():
    return Own(kept).args[0]()

def caught_by_base():
    try: raise Below(kept)
    except ValueError as e:
        (found,) = e.args
        return found()

def from_within():
    def inner(): raise Own(kept)
    try: inner()
    except Exception as e: return [found() for found in e.args][0]

def cause():
    try:
        try: raise Own(kept)
        except Own as e: raise RuntimeError("x") from e
    except RuntimeError as e: return e.__cause__.args[0]()

def value():
    try: raise Stop(kept)
    except Stop as e: return e.value()

def code():
    try: raise SystemExit(kept)
    except SystemExit as e: return e.code()

def group():
    try: raise ExceptionGroup("x", [Own(kept)])
    except* Own as e: found = e.exceptions[0].args[0]()
    return found

def local_class():
    class Local(Exception): pass
    try: raise Local(kept)
    except Local as e: return e.args[0]()

def in_a_list():
    try: raise Own([kept])
    except Own as e: return e.args[0][0]()
"""
NAMES = [
    *("raised", "of_builtin", "passed_on", "kept_by_new", "never_raised", "caught_by_base"),
    *("from_within", "cause", "value", "code", "group", "local_class", "in_a_list"),
]


@pytest.mark.parametrize("name", NAMES)
def test_what_an_exception_keeps_is_called_by_who_catches_it(tmp_path: Path, name: str) -> None:
    cache = Cache(tmp_path / "cache")
    results = []
    for number in (1, 2, 1):
        module = types.ModuleType(f"raising_{name}")
        file = tmp_path / "raising.py"
        file.write_text(SOURCE.replace("return 1", f"return {number}"))
        exec(compile(file.read_text(), file, "exec"), vars(module))
        sys.modules[module.__name__] = module
        f = cache.memo(keep="always", observe=False)(getattr(module, name))
        results.append(f())
    assert results == [1, 2, 1]
