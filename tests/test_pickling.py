"""Memoized functions in pickles, other processes and workers."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from dumbo import Cache, memo

cloudpickle = pytest.importorskip("cloudpickle")


@memo
def top(x):
    return [x]


class Model:
    def __init__(self, k):
        self.k = k

    @memo
    def method(self, x):
        return self.k * x

    renamed = memo(lambda self, x: self.k + x)

    @memo
    @classmethod
    def of(cls, x):
        return cls.__name__ * x

    @classmethod
    @memo
    def inside(cls, x):
        return cls.__name__ + str(x)


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    # pytest imports test modules under a name of its own; pickles go by names.
    monkeypatch.setitem(sys.modules, __name__, sys.modules[top.__module__])


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_function_of_a_module_is_pickled_by_name(protocol: int) -> None:
    if protocol < 4:
        assert pickle.loads(pickle.dumps(top, protocol)) is top
    data = pickle.dumps([top, Model.method], max(protocol, 4))
    assert pickle.loads(data) == [top, Model.method]
    assert len(data) < 150


def test_bound_methods_are_pickled_with_their_object() -> None:
    for method, result in (
        (Model(3).method, 12),
        (Model(3).renamed, 7),
        (Model.of, "ModelModelModelModel"),
        (Model.inside, "Model4"),
    ):
        assert pickle.loads(pickle.dumps(method))(4) == result


def test_a_nested_function_is_pickled_by_value_with_its_settings(
    cache: Cache, ran: list[object]
) -> None:
    k = 10

    @cache.memo(keep="always", version="7", name="nested")
    def f(x):
        sys.audit("ran", x)
        return k + x

    again = pickle.loads(pickle.dumps(f))
    assert again is not f
    assert again(1) == 11
    assert again.version == "7"
    assert again.get_entry(1).function == "nested"
    assert f(1) == 11
    assert ran == [1]


SETTINGS = {"allow_pickle": False, "durable": True, "size_limit": 1_000_000}


def in_a_worker(pickled: bytes, tmp_path: Path, **environment: str) -> str:
    """What a process that shares nothing with this one says of f(1), given `f`."""
    (tmp_path / "f.pickle").write_bytes(pickled)
    program = """
        import pickle, sys
        with open(sys.argv[1], "rb") as file:
            f = pickle.load(file)
        shelf = f._keeper.shelf
        print(f(1), f.cache_info().hits, shelf.allow_pickle, shelf.durable, shelf.size_limit)
        print(*f.cache_info().reasons)
    """
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "f.pickle")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **environment},
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def nested(cache: Cache):
    @cache.memo(keep="always")
    def f(x):
        return [x]

    f(1)
    cache.close()
    return f


def test_the_settings_of_its_cache_travel_with_a_nested_function(tmp_path: Path) -> None:
    f = nested(Cache(tmp_path / "c", **SETTINGS))
    assert in_a_worker(pickle.dumps(f), tmp_path).startswith("[1] 1 False True 1000000\n")


KEY = "a key of more than sixteen bytes"


@pytest.mark.parametrize("key", [KEY, KEY.encode()])
def test_a_key_that_the_program_gave_does_not_travel_and_nothing_is_cached_without_it(
    tmp_path: Path, key: str | bytes
) -> None:
    cache = Cache(tmp_path / "c", signing_key=key)
    f = nested(cache)
    pickled = pickle.dumps(f)
    assert KEY.encode() not in pickled
    assert KEY.encode() not in pickle.dumps(cache)
    said = in_a_worker(pickled, tmp_path)
    assert said.startswith("[1] 0 ")
    assert "no pickle takes along" in said
    assert "no pickle takes along" in in_a_worker(pickled, tmp_path, DUMBO_SIGNING_KEY=KEY)
    assert pickle.loads(pickled)._keeper.shelf.place() == cache.place()  # in this process it is
    assert pickle.loads(pickle.dumps(cache)).place() == cache.place()


def test_a_key_of_the_environment_is_taken_from_there_by_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DUMBO_SIGNING_KEY", KEY)
    pickled = pickle.dumps(nested(Cache(tmp_path / "c")))
    assert KEY.encode() not in pickled
    assert in_a_worker(pickled, tmp_path).startswith("[1] 1 ")
    monkeypatch.delenv("DUMBO_SIGNING_KEY")
    said = in_a_worker(pickled, tmp_path)
    assert said.startswith("[1] 0 ")
    assert "set DUMBO_SIGNING_KEY or DUMBO_SIGNING_KEY_FILE in this process, too" in said
    passed_on = pickle.dumps(pickle.loads(pickled))
    assert in_a_worker(passed_on, tmp_path).startswith("[1] 0 ")


def test_a_nested_coroutine_function_stays_one(cache: Cache) -> None:
    @cache.memo
    async def f(x):
        return x

    again = pickle.loads(pickle.dumps(f))
    assert type(again) is type(f)
    assert asyncio.run(again(1)) == 1


def test_functions_that_refer_to_themselves_and_to_each_other_by_value(cache: Cache) -> None:
    @cache.memo
    def even(n):
        return True if n == 0 else odd(n - 1)

    @cache.memo
    def odd(n):
        return False if n == 0 else even(n - 1)

    @cache.memo
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)

    for dumps in (pickle.dumps, cloudpickle.dumps):
        assert pickle.loads(dumps(fib))(10) == 55
        assert pickle.loads(dumps(even))(10) is True
        both = pickle.loads(dumps([even, odd]))
        assert [both[0](3), both[1](3)] == [False, True]
    again = pickle.loads(pickle.dumps(fib))
    assert again.__wrapped__.__closure__[0].cell_contents is again


def test_what_cannot_be_pickled_says_so(cache: Cache) -> None:
    lock = __import__("threading").Lock()
    f = cache.memo(lambda: lock)
    with pytest.raises(pickle.PicklingError, match="define it at the top of a module"):
        pickle.dumps(f)


SCRIPT = """
import multiprocessing, os, sys
from concurrent.futures import ProcessPoolExecutor
from dumbo import memo

@memo(keep="always")
def slow(x):
    with open(os.environ["RAN"], "a") as file:
        file.write(f"{x}\\n")
    return helper(x)

def helper(x):
    return [x, fib(x)]

@memo(keep="always")
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

class Model:
    def __init__(self, k):
        self.k = k

    @memo(keep="always")
    def method(self, x):
        return [self.k, x]

def main(kind):
    if kind == "joblib":
        import joblib
        run = lambda f, xs: joblib.Parallel(2)(joblib.delayed(f)(x) for x in xs)
        assert run(slow, range(6)) == [[x, fib(x)] for x in range(6)]
        assert run(slow, range(6)) == [[x, fib(x)] for x in range(6)]
        assert run(Model(3).method, range(2)) == [[3, 0], [3, 1]]
        return
    context = multiprocessing.get_context(kind)
    with context.Pool(2) as pool:
        for _ in range(2):
            assert pool.map(slow, range(6)) == [[x, fib(x)] for x in range(6)]
        assert pool.map(Model(3).method, range(2)) == [[3, 0], [3, 1]]
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(slow, range(6))) == [[x, fib(x)] for x in range(6)]

if __name__ == "__main__":
    main(sys.argv[1])
    print(len(slow.cache_info()), slow.cache_info().entries)
"""


@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver", "joblib"])
def test_functions_of_a_script_work_in_the_workers_that_it_starts(
    tmp_path: Path, kind: str
) -> None:
    if kind == "joblib":
        pytest.importorskip("joblib")
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))
    environment = {
        **os.environ,
        "RAN": str(tmp_path / "ran"),
        "DUMBO_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    done = subprocess.run(
        [sys.executable, str(script), kind],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    ran = (tmp_path / "ran").read_text().split()
    assert set(ran) == set("012345")
    assert len(ran) <= 8  # two workers may have started on one call at the same time
    assert done.stdout.split()[1] == "6"


def test_functions_of_an_imported_module_work_in_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "worked.py").write_text(
        "from dumbo import memo\n@memo(keep='always')\ndef f(x):\n    return [x]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import worked  # type: ignore[import-not-found]

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(worked.f, 3).result(60) == [3]
    assert worked.f.get_entry(3).load() == [3]


def test_a_local_function_in_a_result_shares_with_the_rest(cache: Cache) -> None:
    @cache.memo(keep="always")
    def make(n):
        data = [n]

        class Table:
            rows = data

        @cache.memo
        def inner(n):
            return inner if n else (Table, data)

        return {"data": data, "inner": inner, "table": Table}

    first = make(1)
    assert first["table"].rows is first["data"]
    first["table"].rows = [9]
    hit = make(1)
    assert make.cache_info().hits == 1
    assert first["table"].rows == [9]
    inner = hit["inner"]
    assert inner.__wrapped__(1) is inner
    table, data = inner.__wrapped__(0)
    assert table is hit["table"]
    assert table.rows is hit["data"] is data
    assert data == [1]
