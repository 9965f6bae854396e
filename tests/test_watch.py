"""What really ran counts, though no analysis can foresee it: shown with real processes, threads,
debuggers and pools.

`pkgutil.resolve_name` stands for every way to a function that only data knows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import types
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import dumbo
from dumbo import Cache

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is of 3.12")

ROOT = str(Path(__file__).parent.parent)
PRELUDE = """
import pkgutil, sys
from dumbo import memo

def reach(name):
    return pkgutil.resolve_name(name)
"""


class Project:
    """Modules on disk, and a cache, used by one fresh process after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"

    def write(self, **modules: str) -> None:
        for name, source in modules.items():
            text = textwrap.dedent(source)
            (self.folder / f"{name}.py").write_text(PRELUDE + text if name == "work" else text)

    def run(self, code: str, *arguments: str, **environment: str) -> str:
        """What *code* prints in a process of its own."""
        done = subprocess.run(
            [sys.executable, *arguments, "-c", textwrap.dedent(code)],
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": ROOT,
                "PYTHONDONTWRITEBYTECODE": "1",
                "DUMBO_DIR": str(self.cache),
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.strip()

    def call(self, call: str = "work.f()", **environment: str) -> tuple[str, str]:
        """The value of *call* in a fresh process, and whether it was a "hit" or a "miss"."""
        hits = f"{call.partition('(')[0]}.cache_info().hits"
        code = f"import work; print({call}, 'hit' if {hits} else 'miss')"
        value, _, how = self.run(code, **environment).rpartition(" ")
        return value, how


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


@pytest.fixture(autouse=True)
def _tools_are_given_back() -> Iterator[None]:
    before = [sys.monitoring.get_tool(tool) for tool in range(6)]
    yield
    assert [sys.monitoring.get_tool(tool) for tool in range(6)] == before


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A module made of source, that can be found by name."""

    def make(source: str, name: str = "made") -> Any:
        found = types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, found)
        exec(compile(PRELUDE + textwrap.dedent(source), f"/{name}.py", "exec"), found.__dict__)
        return found

    return make


def redefine(module: Any, source: str) -> None:
    exec(compile(textwrap.dedent(source), f"/{module.__name__}.py", "exec"), module.__dict__)


# -- what counts -------------------------------------------------------------------------------

HANDLERS = """
TABLE = {"x": 1}
def handle_a():
    return helper() + TABLE["x"]
def handle_b():
    return 5
def helper():
    return 2
"""


def test_a_function_that_only_data_names_recomputes_when_it_changes(project: Project) -> None:
    project.write(
        handlers=HANDLERS,
        work="""
        import handlers
        @memo(keep="always")
        def f(kind):
            return reach("handlers:handle_" + kind)()
        """,
    )
    assert [project.call(f"work.f({kind!r})") for kind in "abab"] == [
        ("3", "miss"),
        ("5", "miss"),
        ("3", "hit"),
        ("5", "hit"),
    ]
    project.write(handlers=HANDLERS.replace("return 2", "return 3"))
    assert project.call("work.f('a')") == ("4", "miss")
    assert project.call("work.f('b')") == ("5", "hit")
    project.write(handlers=HANDLERS.replace('"x": 1', '"x": 10'))
    assert project.call("work.f('a')") == ("12", "miss")
    assert project.call("work.f('b')") == ("5", "hit")


def test_results_of_two_versions_are_both_found_when_their_code_comes_back(
    project: Project,
) -> None:
    project.write(
        handlers=HANDLERS,
        work="""
        import handlers
        @memo(keep="always")
        def f():
            return reach("handlers:handle_a")()
        """,
    )
    for number in range(2, 7):
        project.write(handlers=HANDLERS.replace("return 2", f"return {number}"))
        assert project.call() == (str(number + 1), "miss")
    for number in range(6, 1, -1):
        project.write(handlers=HANDLERS.replace("return 2", f"return {number}"))
        assert project.call() == (str(number + 1), "hit")


def test_comments_moves_and_new_functions_beside_what_ran_change_nothing(project: Project) -> None:
    project.write(
        handlers=HANDLERS,
        work="""
        import handlers
        @memo(keep="always")
        def f():
            return reach("handlers:handle_a")()
        """,
    )
    assert project.call() == ("3", "miss")
    project.write(handlers="# moved\n\ndef handle_c():\n    return 7\n" + HANDLERS)
    assert project.call() == ("3", "hit")


def test_the_same_call_twice_in_one_process_recomputes_after_each_edit(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module("def h():\n    return 1\ndef f(x):\n    return reach('made:h')() + x\n")
    f = cache.memo(keep="always")(made.f)
    assert [f(1), f(1)] == [2, 2]
    for number in (5, 6, 7):
        redefine(made, f"def h():\n    return {number}\n")
        assert [f(1), f(1)] == [number + 1, number + 1]
    redefine(made, "def h():\n    return 5\n")
    assert f(1) == 6
    assert f.cache_info()[:2] == (5, 4)


def test_a_class_that_only_data_names_counts_with_its_methods(
    module: Callable[..., Any], cache: Cache
) -> None:
    source = """
    class Base:
        K = 1
        def run(self):
            return self.step() + self.K
    class One(Base):
        def step(self):
            return 10
    def f():
        return reach("made:One")().run()
    """
    made = module(source)
    f = cache.memo(keep="always")(made.f)
    assert [f(), f()] == [11, 11]
    made.Base.K = 2
    assert [f(), f()] == [12, 12]
    made.One.step = lambda self: 20
    assert [f(), f()] == [22, 22]


def test_decorated_cached_and_partial_functions_are_found(
    module: Callable[..., Any], cache: Cache
) -> None:
    source = """
    import functools
    def deco(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args) + 100
        return wrapper
    @deco
    def one():
        return 1
    @functools.lru_cache
    def two():
        return 2
    class Holder:
        @property
        def prop(self):
            return 3
        @staticmethod
        def static():
            return 4
        @classmethod
        def cls(cls):
            return 5
    TABLE = {"six": lambda: 6}
    eight = functools.partial(lambda x: x, 8)
    def f(name):
        found = reach("made:" + name) if ":" not in name else reach("made:TABLE")[name[1:]]
        return found() if callable(found) else found
    """
    made = module(source)
    f = cache.memo(keep="always")(made.f)
    names = ["one", "two", "Holder.static", "Holder.cls", ":six", "eight"]
    assert [f(name) for name in names] == [101, 2, 4, 5, 6, 8]
    assert [f(name) for name in names] == [101, 2, 4, 5, 6, 8]
    assert f.cache_info()[:2] == (6, 6)
    seen = {name: f.get_entry(name).observed for name in names}
    assert seen["one"] == ("made:one",)
    assert seen["Holder.static"] == ("made:Holder.static.__func__",)
    made.TABLE["six"] = lambda: 66
    assert f(":six") == 66
    assert f("one") == 101


# -- threads, nesting, async -------------------------------------------------------------------


def test_two_threads_that_share_what_only_data_names_both_depend_on_it(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(
        """
        def h():
            return 1
        def f(x):
            meet()
            return reach("made:h")() + x
        def g(x):
            meet()
            return reach("made:h")() * x
        """
    )
    barrier = threading.Barrier(2)
    # Both recorders are open before either of them runs the helper.
    made.meet = lambda: barrier.wait(30) is None
    functions = [cache.memo(keep="always", version="1")(made.f), cache.memo(keep="always")(made.g)]

    def both() -> list[Any]:
        with ThreadPoolExecutor(2) as pool:
            return [done.result() for done in [pool.submit(f, 10) for f in functions]]

    assert both() == [11, 10]
    assert [f(10) for f in functions] == [11, 10]
    redefine(made, "def h():\n    return 3\n")
    assert both() == [13, 30]
    assert [f.cache_info()[:2] for f in functions] == [(1, 2), (1, 2)]


def test_what_an_inner_hit_once_ran_counts_for_the_outer_miss(project: Project) -> None:
    handlers = "def h():\n    return 1\n"
    project.write(
        handlers=handlers,
        work="""
        import handlers
        @memo(keep="always")
        def inner(x):
            return reach("handlers:h")() + x
        @memo(keep="always")
        def outer(x):
            return reach("work:inner")(x) * 10
        """,
    )
    assert project.call("work.inner(1)") == ("2", "miss")
    assert project.call("work.outer(1)") == ("20", "miss")  # and its inner call is a hit
    assert project.run("import work; print(work.outer(1), work.inner.cache_info().hits)") == "20 0"
    assert project.call("work.outer(1)") == ("20", "hit")
    project.write(handlers="def h():\n    return 4\n")
    assert project.call("work.outer(1)") == ("50", "miss")
    project.write(handlers=handlers)
    assert project.call("work.outer(1)") == ("20", "hit")


def test_what_an_inner_miss_runs_counts_for_both(module: Callable[..., Any], cache: Cache) -> None:
    made = module(
        """
        def h():
            return 1
        def inner():
            return reach("made:h")()
        def outer():
            return reach("made:inner")() * 10
        """
    )
    made.inner = cache.memo(keep="always")(made.inner)
    outer = cache.memo(keep="always")(made.outer)
    assert [outer(), made.inner(), outer()] == [10, 1, 10]
    redefine(made, "def h():\n    return 2\n")
    assert [made.inner(), outer()] == [2, 20]


def test_what_worker_threads_of_a_function_run_counts(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(
        """
        from concurrent.futures import ThreadPoolExecutor
        def h(x):
            return x + 1
        def f():
            with ThreadPoolExecutor(2) as pool:
                return list(pool.map(reach("made:h"), range(3)))
        """
    )
    f = cache.memo(keep="always")(made.f)
    assert [f(), f()] == [[1, 2, 3]] * 2
    redefine(made, "def h(x):\n    return x + 2\n")
    assert [f(), f()] == [[2, 3, 4]] * 2


def test_a_coroutine_function_is_observed_until_it_returns(
    module: Callable[..., Any], cache: Cache
) -> None:
    import asyncio

    made = module(
        """
        import asyncio
        async def h():
            await asyncio.sleep(0)
            return late()
        def late():
            return 1
        async def f():
            await asyncio.sleep(0)
            return await asyncio.gather(reach("made:h")(), reach("made:h")())
        """
    )
    f = cache.memo(keep="always")(made.f)
    assert [asyncio.run(f()), asyncio.run(f())] == [[1, 1]] * 2
    redefine(made, "def late():\n    return 2\n")
    assert [asyncio.run(f()), asyncio.run(f())] == [[2, 2]] * 2
    assert f.cache_info()[:2] == (2, 2)


def test_the_coroutines_that_wait_for_a_result_are_no_part_of_it(
    module: Callable[..., Any], cache: Cache
) -> None:
    import asyncio

    made = module(
        """
        import asyncio
        async def h():
            for _ in range(3):
                await asyncio.sleep(0)
            return 1
        async def f(x):
            return await reach("made:h")() + x
        async def middle(x):
            return await made_f(x)
        """
    )
    f = made.made_f = cache.memo(keep="always")(made.f)

    async def outermost(x: int) -> Any:
        return await made.middle(x)

    assert [asyncio.run(outermost(1)), asyncio.run(outermost(1))] == [2, 2]
    assert f.get_entry(1) is not None

    async def ask() -> Any:
        return f.get_entry(1).observed

    assert asyncio.run(ask()) == ("made:h",)


def test_a_generator_that_was_started_before_counts_when_it_is_resumed(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(
        """
        def numbers():
            yield 0
            while True:
                yield 1
        stream = numbers()
        next(stream)
        def pull(name):
            return next(reach(name))
        def f(x):
            return reach("made:pull")("made:stream") + x
        """
    )
    f = cache.memo(keep="always")(made.f)
    assert f(1) == 2
    entry = f.get_entry(1)
    assert entry is None or "made:numbers" in entry.observed


def test_recursion_through_a_memoized_name_stores_every_level(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(
        """
        def step():
            return 1
        def f(n):
            return reach("made:f")(n - 1) + reach("made:step")() if n else 0
        """
    )
    made.f = cache.memo(keep="always")(made.f)
    assert made.f(40) == 40
    assert made.f.cache_info()[:2] == (0, 41)
    assert [made.f(n) for n in (40, 20, 0)] == [40, 20, 0]
    redefine(made, "def step():\n    return 2\n")
    assert made.f(40) == 80


# -- what cannot be looked up ------------------------------------------------------------------

CLOSURES = """
import gc
def maker(n):
    def made(x):
        return x + n + inside()
    return made
def inside():
    return 0
KEPT = {frozenset([1]): maker(5)}  # no lookup leads into a set
@memo(keep="always")
def f(x):
    return [v for k, v in reach("work:KEPT").items()][0](x)
"""


def test_a_closure_that_no_name_leads_to_is_good_for_this_process_only(project: Project) -> None:
    project.write(work=CLOSURES)
    twice = "import work; print(work.f(1), work.f(1), work.f.cache_info().hits)"
    assert project.run(twice) == "6 6 1"
    assert project.run(twice) == "6 6 1"
    project.write(work=CLOSURES.replace("maker(5)", "maker(6)"))
    assert project.run(twice) == "7 7 1"


def test_a_closure_that_no_name_leads_to_is_verified_within_the_process(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(CLOSURES.replace('@memo(keep="always")', ""), "work")
    f = cache.memo(keep="always")(made.f)
    assert [f(1), f(1)] == [6, 6]
    redefine(made, "def inside():\n    return 100\n")
    assert [f(1), f(1)] == [106, 106]
    made.KEPT[frozenset([1])] = made.maker(7)
    assert [f(1), f(1)] == [108, 108]


def test_a_function_that_the_run_itself_made_is_known_by_its_maker(project: Project) -> None:
    source = """
    def outer(x):
        def inner(y):
            return y + EXTRA
        return reach("work:apply")(inner, x)
    def apply(function, x):
        return function(x)
    EXTRA = 1
    @memo(keep="always")
    def f(x):
        return reach("work:outer")(x)
    """
    project.write(work=source)
    assert project.call("work.f(1)") == ("2", "miss")
    assert project.call("work.f(1)") == ("2", "hit")
    project.write(work=source.replace("EXTRA = 1", "EXTRA = 2"))
    assert project.call("work.f(1)") == ("3", "miss")


def test_code_made_by_exec_is_good_for_this_process_only(project: Project) -> None:
    source = """
    space = {}
    exec("def made(x):\\n    return x + 1", space)
    HIDDEN = {frozenset([1]): space["made"]}
    @memo(keep="always")
    def f(x):
        return next(iter(reach("work:HIDDEN").values()))(x)
    """
    project.write(work=source)
    twice = "import work; print(work.f(1), work.f(1), work.f.cache_info().hits)"
    assert project.run(twice) == "2 2 1"
    project.write(work=source.replace("x + 1", "x + 2"))
    assert project.run(twice) == "3 3 1"


def test_what_a_debugger_in_python_runs_does_not_count(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module("def h():\n    return 1\ndef f():\n    return reach('made:h')()\n")
    f = cache.memo(keep="always")(made.f)
    seen = []

    def helper(frame: Any) -> None:
        seen.append(frame.f_code.co_name)

    def hook(frame: Any, event: str, arg: object) -> None:
        helper(frame)

    sys.setprofile(hook)
    try:
        f()
    finally:
        sys.setprofile(None)
    assert "h" in seen
    assert f.get_entry().observed == ("made:h",)


# -- modules that are loaded late --------------------------------------------------------------


def test_a_plug_in_that_the_run_loads_counts_by_its_source_in_the_next_process(
    project: Project,
) -> None:
    project.write(
        plugin="import part\ndef start():\n    return part.K\n",
        part="K = 1\n",
        work="""
        @memo(keep="always")
        def f(name):
            return reach(name)()
        """,
    )
    call = "work.f('plugin:start')"
    assert project.call(call) == ("1", "miss")
    assert project.call(call) == ("1", "hit")
    project.write(part="K = 2\n")
    assert project.call(call) == ("2", "miss")
    assert project.call(call) == ("2", "hit")
    (project.folder / "plugin.py").unlink()
    assert project.run(f"import work; print({call.replace('f(', 'f.why(')})").startswith("no entry")


def test_a_plug_in_counts_the_same_whether_it_is_loaded_before_or_not(project: Project) -> None:
    project.write(
        plugin="def start():\n    return 1\n",
        work="""
        @memo(keep="always")
        def f(name):
            return reach(name)()
        """,
    )
    call = "work.f('plugin:start')"
    assert project.call(call) == ("1", "miss")
    assert project.run(f"import plugin, work; print({call}, work.f.cache_info().hits)") == "1 1"


# -- state that the run changes ----------------------------------------------------------------


def test_a_counter_behind_a_name_is_never_served_stale(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(
        """
        COUNT = 0
        def count():
            global COUNT
            COUNT += 1
            return COUNT
        def f():
            return reach("made:count")()
        """
    )
    f = cache.memo(keep="always")(made.f)
    assert [f() for _ in range(4)] == [1, 2, 3, 4]


def test_a_list_that_the_run_appends_to_is_never_served_stale(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(
        """
        ITEMS = []
        def add():
            ITEMS.append(1)
        def size():
            return len(ITEMS)
        def f():
            reach("made:add")()
            return reach("made:size")()
        """
    )
    f = cache.memo(keep="always")(made.f)
    assert [f() for _ in range(4)] == [1, 2, 3, 4]
    assert "made:add was seen to run for the first time, and global ITEMS" in "".join(
        f.cache_info().reasons
    )
    made.ITEMS.clear()
    assert f() == 1
    made.ITEMS.clear()
    assert f() == 1
    assert f.cache_info().hits == 1


# -- tools -------------------------------------------------------------------------------------


def test_another_tool_keeps_its_place_and_its_events(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module("def h():\n    return 1\ndef f(x):\n    return reach('made:h')() + x\n")
    f = cache.memo(keep="always")(made.f)
    monitoring, seen = sys.monitoring, []

    def started(code: types.CodeType, offset: int) -> object:
        seen.append(code.co_name)
        return monitoring.DISABLE

    for tool in (3, 4):
        monitoring.use_tool_id(tool, f"somebody {tool}")
        monitoring.register_callback(tool, monitoring.events.PY_START, started)
        monitoring.set_events(tool, monitoring.events.PY_START)
    try:
        assert f(1) == 2
        assert sorted(name for name in seen if name in "fh") == ["f", "f", "h", "h"]
        assert f.get_entry(1).observed == ()
        assert "what ran for it was not observed" in f.why(1)
        assert "other tools have taken all places" in "".join(f.cache_info().reasons)
        assert f(1) == 2
        assert f.cache_info().hits == 1  # nobody can observe here, so nobody asks for more
        monitoring.set_events(4, 0)
        monitoring.free_tool_id(4)
        assert f(1) == 2  # somebody can
        assert f.cache_info().hits == 1
        assert f.get_entry(1).observed == ("made:h",)
        assert monitoring.get_tool(3) == "somebody 3"
        assert monitoring.get_events(3) == monitoring.events.PY_START
    finally:
        for tool in (3, 4):
            if monitoring.get_tool(tool):
                monitoring.set_events(tool, 0)
                monitoring.register_callback(tool, monitoring.events.PY_START, None)
                monitoring.free_tool_id(tool)


def test_coverage_counts_the_same_lines_with_and_without_observation(project: Project) -> None:
    pytest.importorskip("coverage")
    project.write(
        work="""
        def h(x):
            if x:
                return 1
            return 2
        @memo(keep="always")
        def f(x):
            total = 0
            for _ in range(3):
                total += reach("work:h")(x)
            return total
        """,
        main="""
        import sys, coverage
        branch = sys.version_info >= (3, 14)
        measured = coverage.Coverage(
            data_file=None, config_file=False, branch=branch, include="work.py"
        )
        measured.start()
        tools = [sys.monitoring.get_tool(tool) for tool in range(6)]
        import work
        print(work.f(1), work.f(1), work.f.get_entry(1).observed, work.f(2))
        print([sys.monitoring.get_tool(tool) for tool in range(6)] == tools, tools[1])
        measured.stop()
        data = measured.get_data()
        (file,) = data.measured_files()
        print(sorted(data.lines(file)), sorted(data.arcs(file) or ()))
        """,
    )
    told = []
    for number, observe in enumerate("10"):
        project.cache = project.folder / f"cache{number}"
        environment = {"COVERAGE_CORE": "sysmon", "DUMBO_OBSERVE": observe}
        told.append(project.run("import main", **environment).splitlines())
    assert told[0][0] == "3 3 ('work:h',) 3"
    assert told[1][0] == "3 3 () 3"
    assert told[0][1] == told[1][1] == "True coverage.py"
    assert told[0][2] == told[1][2]


def test_the_tool_is_given_back_when_a_function_raises_or_is_interrupted(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(
        """
        def f(kind):
            if sys.monitoring.get_tool(3) != "dumbo":
                return "unseen"
            raise reach("builtins:" + kind)("away")
        """
    )
    f = cache.memo(keep="always")(made.f)
    for kind in (ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, RecursionError):
        with pytest.raises(kind, match="away"):
            f(kind.__name__)
        assert sys.monitoring.get_tool(3) is None


def test_a_child_that_is_forked_while_a_recorder_is_open_works_on(project: Project) -> None:
    project.write(
        work="""
        import os
        def h(x):
            return x + 1
        @memo(keep="always")
        def g(x):
            return reach("work:h")(x)
        @memo(keep="always")
        def f(x):
            reader, writer = os.pipe()
            child = os.fork()
            if not child:
                os.write(writer, b"%d" % reach("work:g")(x))
                os._exit(0)
            os.waitpid(child, 0)
            return int(os.read(reader, 10))
        """
    )
    code = "import work; print(work.f(1), work.f(1), work.f.cache_info()[:2], work.g(1), {tool})"
    code = code.replace("{tool}", "sys.monitoring.get_tool(3)").replace(
        "import work", "import sys, work"
    )
    assert project.run(code) == "2 2 (1, 1) 2 None"


# -- what nobody sees --------------------------------------------------------------------------


def test_why_says_that_other_processes_are_not_seen(project: Project) -> None:
    project.write(
        work="""
        from concurrent.futures import ProcessPoolExecutor
        def h(x):
            return x + 1
        @memo(keep="always")
        def f():
            with ProcessPoolExecutor(1) as pool:
                return list(pool.map(reach("work:h"), [1, 2]))
        """
    )
    code = "import work\nif __name__ == '__main__': print(work.f(), work.f.why())"
    (project.folder / "script.py").write_text(code)
    told = project.run("import runpy; runpy.run_path('script.py', run_name='__main__')")
    assert told.startswith("[2, 3] hit: ")
    # On 3.14+ a helper process is begun, and files of its own are opened, which `why` tells too.
    assert "; what ran for it in other processes was not observed" in told


def test_observation_can_be_switched_off(
    project: Project, module: Callable[..., Any], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module(
        """
        def h():
            return sys.monitoring.get_tool(3)
        def f():
            return reach("made:h")()
        """
    )
    assert cache.memo(keep="always", observe=True)(made.f)() == "dumbo"
    monkeypatch.setenv("DUMBO_OBSERVE", "0")
    for number, options in enumerate(({}, {"observe": False}, {"track_deps": False})):
        f = cache.memo(keep="always", version=str(number), **options)(made.f)
        assert [f(), f()] == [None, None]
        assert f.cache_info().hits == 1
        assert "what ran for it was not observed" in f.why()


def test_a_result_that_nobody_observed_is_none_for_who_observes(
    module: Callable[..., Any], cache: Cache, ran: list[object]
) -> None:
    made = module(
        "def h():\n    sys.audit('ran')\n    return 1\ndef f():\n    return reach('made:h')()\n"
    )
    assert cache.memo(keep="always", observe=False)(made.f)() == 1
    assert cache.memo(keep="always", observe=True)(made.f)() == 1
    assert cache.memo(keep="always", observe=True)(made.f)() == 1
    assert cache.memo(keep="always", observe=False)(made.f)() == 1
    assert len(ran) == 2


def test_why_names_what_ran_and_has_changed(
    module: Callable[..., Any], cache: Cache, steady: None
) -> None:
    made = module("def h():\n    return 1\ndef f(x):\n    return reach('made:h')() + x\n")
    f = cache.memo(keep="always")(made.f)
    f(1)
    redefine(made, "def h():\n    return 2\n")
    assert f.why(1) == "no entry: made:h, which made:f uses, changed"
    assert f.why(2).startswith("no entry: new arguments")


def test_hits_from_memory_hold_only_while_what_ran_is_the_same(
    module: Callable[..., Any], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = module(HANDLERS + "def f(kind):\n    return [reach('made:handle_' + kind)()]\n")
    f = cache.memo(keep="always")(made.f)
    outer = cache.memo(keep="always")(lambda x: [made.reach("made:stored")("a"), x])
    made.stored = f
    for _ in range(3):
        assert f("a") == [3]
    from dumbo.persistence.store import Store

    asked: list[object] = []
    real = Store.variants
    monkeypatch.setattr(Store, "variants", lambda *args: asked.append(args) or real(*args))
    assert [f("a"), f("a")] == [[3], [3]]
    assert asked == []
    assert outer(1) == [[3], 1]  # its inner hit is from memory, too
    redefine(made, "def helper():\n    return 7\n")
    assert [f("a"), f("a")] == [[8], [8]]
    assert outer(1) == [[8], 1]
    made.TABLE["x"] = 2
    assert [f("a"), f("a"), outer(1)] == [[9], [9], [[9], 1]]


def test_deps_shows_what_ran_with_what_that_depends_on(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module(HANDLERS + "def f(kind):\n    return reach('made:handle_' + kind)()\n")
    f = cache.memo(keep="always")(made.f)
    assert [f("a"), f("b")] == [3, 5]
    assert "made:handle_a" not in dumbo.deps(f, ("a",))
    graph = dumbo.deps(f, ("a",), observed=True)
    assert graph.edges["made:f", "made:handle_a"]["reference"] == "observed"
    assert {"made:helper", "made:TABLE"} <= set(graph)
    assert "made:handle_b" not in graph
    assert {"made:handle_a", "made:handle_b"} <= set(dumbo.deps(f, observed=True))


def test_forgetting_a_call_forgets_all_its_variants(
    module: Callable[..., Any], cache: Cache
) -> None:
    made = module("def h():\n    return 1\ndef f(x):\n    return reach('made:h')() + x\n")
    f = cache.memo(keep="always")(made.f)
    for number in range(3):
        redefine(made, f"def h():\n    return {number}\n")
        f(1)
    assert f.forget(1) == 3
    assert f.get_entry(1) is None


def test_what_is_inserted_needs_no_observation(cache: Cache) -> None:
    f = cache.memo(lambda x: x)
    f.insert("given", 1)
    assert f(1) == "given"
    assert f.get_entry(1).observed == ()


def test_settings_that_cannot_be_meant_are_refused(cache: Cache) -> None:
    with pytest.raises(dumbo.InvalidUse, match="give True or False"):
        cache.memo(observe="yes")  # type: ignore[call-overload]
