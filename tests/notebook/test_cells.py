"""Cells with the magic, in a real IPython: what runs, what is loaded, what is shown and said."""

from __future__ import annotations

from typing import Any

import pytest

RAN = "sys.audit('ran', 'cell')"


def kept(body: str, line: str = "") -> str:
    return f"%%dumbo --keep always {line}\n{RAN}\n{body}"


# ------------------------------------------------------------------ what comes back


def test_the_second_run_loads_outputs_prints_displays_and_the_last_value(
    notebook: Any, ran: list[object]
) -> None:
    notebook("a = [1, 2]")
    cell = kept(
        "print('out')\nprint('err', file=sys.stderr)\ndisplay({'x': 1})\nb = a + [3]\nlen(b)"
    )
    first = notebook(cell)
    del notebook.names["b"]
    second = notebook(cell)
    assert ran == ["cell"]
    assert notebook.names["b"] == [1, 2, 3]
    for shown in (first, second):
        assert (shown.stdout, shown.stderr, shown.value) == ("out\n", "err\n", 3)
        assert [data["text/plain"] for data in shown.displays] == ["{'x': 1}"]
    assert (first.marked, second.marked) == ([False], [True])
    assert "(a) -> b" in first.said
    assert "stored" in first.said
    assert "loaded" in second.said
    assert "replayed" in second.said


def test_what_was_shown_keeps_its_order(notebook: Any) -> None:
    cell = kept("print(1)\ndisplay(2)\nprint(3, file=sys.stderr)\nprint(4)")
    notebook(cell)
    events = [event[:2] for event in entry(notebook).load()["%shown"]]
    assert [event[0] for event in events] == ["stdout", "display", "stderr", "stdout"]


def entry(notebook: Any) -> Any:
    import dumbo.notebook

    (session,) = dumbo.notebook._sessions.values()
    return session.latest.memoized.get_entry(*session.latest.inputs())


def test_outputs_are_loaded_after_a_restart(notebook: Any, ran: list[object]) -> None:
    cell = kept("def twice(x):\n    return 2 * x\n\nb = twice(a)\nb")
    notebook("import sys\na = 4")
    notebook(cell)
    notebook.restart()
    notebook("x = 1")  # another number, another place
    notebook("import sys\na = 4")
    shown = notebook(cell)
    assert ran == ["cell"]
    assert (shown.value, notebook.names["b"]) == (8, 8)
    assert notebook("twice(5)").value == 10


def test_two_cells_of_one_name_serve_each_other_only_if_code_and_inputs_are_equal(
    notebook: Any, ran: list[object]
) -> None:
    notebook("a = 4")
    notebook(kept("b = a + 1", "-> b"))
    notebook(kept("b = a - 1", "-> b"))
    assert notebook.names["b"] == 3
    notebook(kept("# the same\nb = (a + 1)", "(a) -> b"))
    assert notebook.names["b"] == 5
    assert ran == ["cell", "cell"]


def test_a_value_that_cannot_be_stored_is_shown_as_it_was(notebook: Any, ran: list[object]) -> None:
    notebook(
        "class Odd:\n    def __reduce__(self): raise TypeError\n"
        "    def _repr_html_(self): return '<b>odd</b>'\n    def __repr__(self): return 'odd'"
    )
    cell = kept("Odd()")
    notebook(cell)
    shown = notebook(cell)
    assert ran == ["cell"]
    assert repr(shown.value) == "odd"
    data, _ = notebook.shell.display_formatter.format(shown.value)
    assert data["text/html"] == "<b>odd</b>"


def test_a_semicolon_at_the_end_silences(notebook: Any) -> None:
    cell = kept("b = 1\nb + 1;")
    assert notebook(cell).value is None
    assert notebook(cell).value is None


def test_what_was_cleared_is_not_shown_again(notebook: Any) -> None:
    cell = kept(
        "from IPython.display import clear_output\nprint('a')\nclear_output()\nprint('b')\n"
        "for i in range(3):\n    print(f'\\r{i}', end='')"
    )
    notebook(cell)
    assert notebook(cell).stdout == "b\n2"


# ------------------------------------------------------------------ what counts


@pytest.mark.parametrize(
    ("edit", "again"),
    [
        ("x = 1", False),
        ("def helper(x):\n    # a comment\n    return x * RATE", False),
        ("def helper(x):\n    return x * RATE + 1", True),
        ("RATE = 4", True),
        ("a = 8", True),
        ("a = 7.0", True),
        ("other = helper", False),
    ],
)
def test_functions_and_values_of_other_cells_count(
    edit: str, again: bool, notebook: Any, ran: list[object]
) -> None:
    notebook("RATE = 3\ndef helper(x):\n    return x * RATE\na = 7")
    notebook(kept("b = helper(a)"))
    notebook(edit)
    shown = notebook(kept("b = helper(a)"))
    assert ran == ["cell"] * (2 if again else 1)
    name = edit.split("(")[0].split()[-1] if edit.startswith("def") else edit.split()[0]
    assert not again or name in shown.said, "what changed is named"
    assert notebook.names["b"] == notebook("helper(a)").value


def test_a_global_that_the_cell_itself_sets_is_what_functions_see(
    notebook: Any, ran: list[object]
) -> None:
    notebook("n = 100\ndef helper(x):\n    return x + n")
    cell = kept("n = 1\nb = helper(2)")
    notebook(cell)
    assert notebook.names["b"] == 3
    notebook("n = 50")
    notebook(cell)
    assert (ran, notebook.names["n"], notebook.names["b"]) == (["cell"], 1, 3)


def test_a_function_of_the_cell_reads_the_notebook_later(notebook: Any) -> None:
    notebook("k = 2")
    cell = kept("b = 1\ndef times(x):\n    return x * k")
    for _ in range(2):
        notebook(cell)
        notebook("k = 5")
        assert notebook("times(3)").value == 15
        notebook("k = 2")


@pytest.mark.parametrize("loops", [3, 0])
def test_running_again_is_a_hit_though_the_loops_variable_is_there(
    loops: int, notebook: Any, ran: list[object]
) -> None:
    notebook(f"n = {loops}\nlast = 'before'")
    cell = kept("for i in range(n):\n    last = i\nstr(last)")
    first = notebook(cell)
    second = notebook(cell)
    assert first.value == second.value == ("2" if loops else "before")
    # Where the old value is read, the result depends on it, and is not kept.
    assert ran == ["cell"] * (1 if loops else 2)
    assert notebook.names["last"] == (2 if loops else "before")
    if not loops:
        assert "the value that 'last' had before" in first.said


def test_an_output_that_is_not_assigned_stays_as_it_is(notebook: Any, ran: list[object]) -> None:
    notebook("go = False\nx = 1")
    cell = kept("if go:\n    x = 2", "-> x")
    notebook(cell)
    notebook("x = 3")
    notebook(cell)
    assert (notebook.names["x"], ran) == (3, ["cell"])


def test_names_that_are_no_outputs_stay_as_they_were(notebook: Any) -> None:
    notebook("t = 'mine'")
    cell = kept("t = 1\nu = 2\nb = t + u", "-> b")
    for _ in range(2):
        notebook(cell)
        assert notebook.names["t"] == "mine"
        assert "u" not in notebook.names
        assert notebook.names["b"] == 3


def test_what_is_deleted_is_deleted_again(notebook: Any, ran: list[object]) -> None:
    cell = kept("b = a\ndel a")
    notebook("a = 1")
    notebook(cell)
    notebook("a = 1")
    notebook(cell)
    assert ran == ["cell"]
    assert "a" not in notebook.names


# ------------------------------------------------------------------ what is not stored


def test_an_input_that_is_changed_in_place_is_said_and_nothing_is_stored(
    notebook: Any, ran: list[object]
) -> None:
    notebook("a = [1]")
    cell = kept("a.append(2)\nb = len(a)", "-> b")
    assert "changes its input 'a' in place" in notebook(cell).said
    assert notebook.names["a"] == [1, 2]
    notebook("a = [1]")
    notebook(cell)
    assert ran == ["cell", "cell"]


def test_an_input_that_is_changed_in_place_may_be_an_output(
    notebook: Any, ran: list[object]
) -> None:
    cell = kept("a.append(2)", "(a) -> a")
    for _ in range(2):
        notebook("a = [1]")
        notebook(cell)
        assert notebook.names["a"] == [1, 2]
    assert ran == ["cell"]


def test_errors_are_never_stored(notebook: Any, ran: list[object]) -> None:
    notebook("a = 0")
    cell = kept("b = 1\nprint('so far')\n1 / a")
    for _ in range(2):
        shown = notebook.run(cell)
        assert isinstance(shown.error, ZeroDivisionError)
        assert "so far" in shown.stdout
        assert "1 / a" in shown.stdout, "the traceback shows the line of the cell"
        assert "memoized.py" not in shown.stdout, "and nothing of ours"
    assert ran == ["cell", "cell"]
    assert notebook.names["b"] == 1, "as in any cell"


def test_a_function_is_no_output(notebook: Any, ran: list[object]) -> None:
    cell = kept("f = lambda x: x + k")
    assert "its output 'f' is a function" in notebook(cell).said
    notebook(cell)
    notebook("k = 2")
    assert notebook("f(1)").value == 3
    assert ran == ["cell", "cell"]


def test_what_is_not_to_be_kept_is_computed_each_time(notebook: Any, ran: list[object]) -> None:
    cell = f"%%dumbo --keep never\n{RAN}\nb = 1"
    assert "not kept: keep='never'" in notebook(cell).said
    notebook(cell)
    assert ran == ["cell", "cell"]


def test_recompute_runs_and_stores(notebook: Any, ran: list[object]) -> None:
    notebook("%%dumbo --recompute\n" + RAN + "\nb = 1")
    notebook("%%dumbo --recompute\n" + RAN + "\nb = 1")
    notebook("%%dumbo\n" + RAN + "\nb = 1")
    assert ran == ["cell", "cell"]


def test_the_name_is_what_results_are_listed_under(notebook: Any) -> None:
    notebook(kept("b = 1", "--name mine"))
    assert entry(notebook).function == "mine"
    assert entry(notebook).part("b") == 1
    assert "<td style='text-align:left'>mine</td>" in entry(notebook)._repr_html_()


# ------------------------------------------------------------------ contradictions


@pytest.mark.parametrize(
    ("line", "body", "said"),
    [
        ("(a) -> c", "x = 1\nc = a + b", "line 3: c = a + b\nthis reads 'b'"),
        ("(a, b) -> c", "c = a", "'b' is declared as an input, and the cell never reads it"),
        ("(a, c) -> c", "c = a\nc", "line 2: c = a\n'c' is declared as an input"),
        ("(x, a) -> c", "x = 1\nc = a + x", "line 2: x = 1\n'x' is declared as an input"),
        ("(a) -> d", "c = a", "line 1: %%dumbo (a) -> d\n'd' is declared as an output"),
        ("-> math", "import math\nc = a", "'math' is declared as an output, and is an import"),
        ("(nowhere) -> c", "c = nowhere", "'nowhere' is not there"),
        ("", "c = 1\n%cd /", "line 3: %cd /\n%cd changes the session"),
        ("", "c = 1\nfrom math import *", "belongs to the top of the cell"),
        ("", "%timeit c = 1", "%timeit of statements cannot be followed"),
    ],
)
def test_what_is_declared_must_not_contradict_the_code(
    line: str, body: str, said: str, notebook: Any
) -> None:
    notebook("a = 1\nb = 2")
    shown = notebook.run(f"%%dumbo {line}\n{body}")
    assert said in shown.stdout
    assert "Traceback" not in shown.stdout
    assert "c" not in notebook.names


# ------------------------------------------------------------------ magics, await, setup


def test_time_runs_code_that_is_followed(notebook: Any, ran: list[object]) -> None:
    notebook("def f(x):\n    return x + 1\na = 1")
    cell = "%%dumbo --keep always\n%%time\n" + RAN + "\nb = f(a)\nb"
    timed = kept("%time c = f(a)\nd = %time f(c)\n%time f(d)")
    assert notebook(cell).value == 2
    assert notebook(timed).value == 4
    again = notebook(cell), notebook(timed)
    assert [shown.value for shown in again] == [2, 4]
    assert all("Wall time" in shown.stdout for shown in again)
    assert notebook.names["c"] == 2
    assert ran == ["cell", "cell"]
    notebook("def f(x):\n    return x + 2")
    assert (notebook(cell).value, notebook(timed).value) == (3, 7)


def test_commands_of_the_shell_run_with_what_they_name(notebook: Any, ran: list[object]) -> None:
    notebook("word = 'hello'")
    cell = kept("!echo {word} $word\nlines = !echo 1; echo 2\nlist(lines)")
    for _ in range(2):
        shown = notebook(cell)
        assert shown.stdout.split() == ["hello", "hello"]
        assert shown.value == ["1", "2"]
    assert ran == ["cell"]
    notebook("word = 'bye'")
    assert notebook(cell).stdout.split() == ["bye", "bye"]


def test_timeit_sees_the_notebook(notebook: Any) -> None:
    notebook("def f(x):\n    return x\na = 1")
    shown = notebook(kept("%timeit -n 1 -r 1 f(a)"))
    assert "loop each" in shown.stdout
    assert "(a) -> ()" in shown.said


def test_await_at_the_top(notebook: Any, ran: list[object]) -> None:
    notebook("import asyncio\nasync def get(x):\n    await asyncio.sleep(0)\n    return x + 1")
    cell = kept("b = await get(1)\nprint('got')\nb")
    for _ in range(2):
        shown = notebook(cell)
        assert (shown.value, shown.stdout, notebook.names["b"]) == (2, "got\n", 2)
    assert ran == ["cell"]
    notebook("async def get(x):\n    return x + 2")
    assert notebook(cell).value == 3


def test_the_top_of_a_cell_is_done_each_time(notebook: Any) -> None:
    cell = "%%dumbo --keep always\nimport math as m\n%precision 3\nb = m.floor(2.5)"
    notebook(cell)
    for name in ("b", "m"):
        del notebook.names[name]
    notebook("%precision 8")
    notebook(cell)
    assert notebook.names["m"].__name__ == "math"
    assert notebook.shell.display_formatter.formatters["text/plain"].float_format == "%.3f"


def test_definitions_that_need_what_the_cell_computes_make_it_run_again(
    notebook: Any, ran: list[object]
) -> None:
    cell = kept("t = 3\ndef f(x=t):\n    return x\nb = f()", "-> b")
    notebook(cell)
    shown = notebook(cell)
    assert "what it defines needs what it computes" in shown.said
    assert notebook("f()").value == 3
    assert ran == ["cell", "cell"]


def test_every_expression_is_shown_where_ipython_is_set_so(notebook: Any) -> None:
    notebook.shell.ast_node_interactivity = "all"
    cell = kept("'one'\nb = 1\n'two'")
    for _ in range(2):
        shown = notebook(cell)
        texts = [data["text/plain"] for data in shown.displays]
        assert [*texts, shown.value] == ["'one'", "two"]
    notebook.shell.ast_node_interactivity = "last_expr_or_assign"
    assert notebook(kept("b = 7")).value == 7


def test_autoreload_reaches_cells_and_memoized_functions(
    notebook: Any, ran: list[object], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "reloaded_by_a_notebook.py"
    text = (
        "from dumbo import memo\n"
        "def helper(x):\n    return x + 1\n"
        "@memo(keep='always')\ndef f(x):\n    return helper(x)\n"
    )
    module.write_text(text)
    notebook("%load_ext autoreload\n%autoreload 2\nfrom reloaded_by_a_notebook import f, helper")
    cell = kept("b = f(1), helper(1)")
    notebook(cell)
    assert notebook.names["b"] == (2, 2)
    module.write_text(text.replace("x + 1", "x + 10"))
    stat = module.stat()
    os.utime(module, (stat.st_atime, stat.st_mtime + 5))
    notebook(cell)
    assert notebook.names["b"] == (11, 11)
    module.write_text(text.replace("return helper(x)", "return -helper(x)"))
    os.utime(module, (stat.st_atime, stat.st_mtime + 10))
    notebook(cell)
    assert notebook.names["b"] == (-2, 2)
    assert ran == ["cell"] * 3
    notebook("%autoreload 0")


# ------------------------------------------------------------------ the line magic


def test_why_deps_stats_and_status(notebook: Any) -> None:
    notebook("from dumbo import memo\nimport time\nRATE = 3\ndef helper(x):\n    return x * RATE")
    notebook("@memo(keep='always')\ndef f(x):\n    return helper(x)")
    notebook("f(2)")
    notebook(kept("b = helper(1)"))
    assert notebook("%dumbo why f(2)").value.startswith("hit")
    assert notebook("%dumbo why f(3)").value.startswith("no entry")
    assert "hit" in notebook("%dumbo why b").value
    notebook("RATE = 4")
    assert "RATE" in notebook("%dumbo why b").value
    status = notebook("%dumbo status").value
    states = [line.split()[:2] for line in status.splitlines()]
    assert ["__main__:f", "stale"] in states
    assert ["notebook:b", "stale"] in states
    stats = notebook("%dumbo stats").value
    rows = {line.split()[0]: line.split()[1] for line in stats.splitlines() if line}
    assert (rows["__main__:f"], rows["notebook:b"]) == ("1", "1")
    assert notebook("%dumbo stats b").value.computed == 1
    assert notebook("%dumbo stats f").value.function == "__main__:f"
    assert "no memoized function" in notebook.run("%dumbo stats RATE").stdout
    assert "NameError: name 'nowhere'" in notebook.run("%dumbo deps nowhere").stdout
    notebook(kept("c = helper(1)", "--name mine"))
    assert "mine        fresh" in notebook("%dumbo status").value
    for shown in (notebook("%dumbo deps f"), notebook("%dumbo deps b"), notebook("%dumbo deps")):
        data, _ = notebook.shell.display_formatter.format(shown.value)
        assert "helper" in data["text/plain"]
        assert data["image/svg+xml"].startswith("<svg")
    assert "use %dumbo deps" in notebook.run("%dumbo dpes").stdout
    assert "not memoized" in notebook.run("%dumbo why helper(1)").stdout


def test_unloading_takes_everything_out(notebook: Any) -> None:
    shell = notebook.shell
    transforms = len(shell.input_transformer_manager.line_transforms)
    notebook.shell.run_line_magic("unload_ext", "dumbo")
    assert len(shell.input_transformer_manager.line_transforms) == transforms - 1
    assert shell.find_cell_magic("dumbo") is None
    notebook.shell.run_line_magic("load_ext", "dumbo")
    assert shell.find_cell_magic("dumbo") is not None


# ------------------------------------------------------------------ chance


def test_samples_are_drawn_one_after_the_other_and_kept(notebook: Any, ran: list[object]) -> None:
    notebook("import random")
    cell = kept("b = random.random()", "--samples 2 -> b")
    said = []
    drawn = []
    for _ in range(4):
        said.append(notebook(cell).said)
        drawn.append(notebook.names["b"])
    assert ran == ["cell", "cell"]
    assert drawn[:2] == drawn[2:]
    assert drawn[0] != drawn[1]
    assert "sample 2 of 2" in said[1]
    assert "sample 1 of 2" in said[2]


@pytest.mark.parametrize("awaits", [False, True])
def test_a_seed_makes_a_generator_that_draws_the_same_after_an_edit(
    awaits: bool, notebook: Any, ran: list[object]
) -> None:
    notebook("import asyncio\nrng = 'mine'")
    body = "await asyncio.sleep(0)\n" if awaits else ""
    cell = kept(body + "draw = lambda: rng.random()\nb = draw()", "--seed rng -> b")
    notebook(cell)
    drawn = notebook.names["b"]
    notebook(cell)
    assert (ran, notebook.names["b"], notebook.names["rng"]) == (["cell"], drawn, "mine")
    notebook(cell.replace("b = draw()", "b = draw() + 1"))
    assert notebook.names["b"] == drawn + 1
    notebook(cell.replace("--seed", "--seed 7 --seed"))
    assert notebook.names["b"] != drawn
    notebook(kept("b = seed", "--seed seed -> b"))
    assert type(notebook.names["b"]) is int


def test_a_seed_is_for_a_name_that_is_only_read(notebook: Any) -> None:
    notebook("rng = 1")
    assert "never reads 'rng'" in notebook.run("%%dumbo --seed rng\nb = 1").stdout
    said = notebook.run("%%dumbo (rng) -> b --seed rng\nb = rng").stdout
    assert "neither an input nor an output" in said
    assert "give a number from 1 on" in notebook.run("%%dumbo --samples 0\nb = 1").stdout


def test_what_a_function_sets_comes_back_or_must_be_declared(
    notebook: Any, ran: list[object]
) -> None:
    notebook("def load():\n    global data\n    data = [1, 2]")
    notebook(kept("load()"))
    del notebook.names["data"]
    notebook(kept("load()"))
    assert (ran, notebook.names["data"]) == (["cell"], [1, 2])
    assert "sets 'data': name it as an output" in notebook(kept("load()", "-> ()")).said


def test_the_same_code_with_other_outputs_is_another_result(
    notebook: Any, ran: list[object]
) -> None:
    for outputs in ("-> x", "-> y", "-> y, x", "", "-> x, y"):
        notebook(kept("x = 1\ny = 2", outputs))
    assert ran == ["cell"] * 3
    assert (notebook.names["x"], notebook.names["y"]) == (1, 2)


def test_names_in_the_texts_of_queries_count(notebook: Any, ran: list[object]) -> None:
    pytest.importorskip("pandas")
    notebook("import pandas as pd\ntable = pd.DataFrame({'x': range(5)})\nlimit = 2")
    cell = kept("b = len(table.query('x > @limit'))\nc = list(pd.eval('table.x + limit'))")
    assert "(limit, table) -> b, c" in notebook(cell).said
    notebook("limit = 3")
    notebook(cell)
    assert (notebook.names["b"], notebook.names["c"][0]) == (1, 3)
    assert (
        "'limit', which is not" in notebook.run(kept("table.query('x > @limit')", "(table)")).stdout
    )


def test_a_frame_that_gets_a_column_is_noticed(notebook: Any) -> None:
    pytest.importorskip("pandas")
    notebook("import pandas as pd\ntable = pd.DataFrame({'x': range(5)})")
    assert "its input 'table' in place" in notebook(kept("table['y'] = 1")).said


def test_a_figure_is_shown_but_is_no_output(notebook: Any, ran: list[object]) -> None:
    pytest.importorskip("matplotlib")
    notebook.shell.enable_gui = lambda gui=None: None
    notebook("%matplotlib inline\nimport matplotlib.pyplot as plt")
    drawing = "fig, ax = plt.subplots()\nline = ax.plot([1, 2])\nn = 2"
    said = notebook(kept(drawing)).said
    assert "'ax' is part of a figure" in said
    assert "`%%dumbo -> line, n`" in said or "`%%dumbo -> n`" in said
    for _ in range(2):
        shown = notebook(kept(drawing + "\nax.set_title('t')", "-> n"))
        (figure,) = shown.displays
        assert figure["image/png"]
        assert "Text(" in repr(shown.value)
    assert ran == ["cell", "cell"]
    notebook("plt.close('all')")


def test_cells_that_would_have_been_worth_it_are_suggested(notebook: Any) -> None:
    import dumbo.notebook
    from dumbo.notebook.session import Run

    (session,) = dumbo.notebook._sessions.values()
    notebook("n = 3\ndef helper(x):\n    return [x] * 100")
    notebook("data = helper(n)")
    notebook(kept("other = 1"))
    assert list(session.runs)[-1] == "data = helper(n)", "cells with the magic need no advice"
    texts = {
        "data = helper(n)": 2.0,
        "print(n)\nprint(helper(n))": 3.0,
        "def helper(x):\n    return x": 9.0,  # nothing but definitions
        "helper(n)": 9.0,  # nothing but a call
        "quick = 1": 0.001,
        "stream = open('nowhere')": 9.0,  # gives out what is not there
        "n = (": 9.0,
    }
    notebook("stream = (x for x in [])")
    session.runs = {text: Run(text, 7, seconds) for text, seconds in texts.items()}
    found = notebook("%dumbo suggest").value
    assert [one.line for one in found] == ["%%dumbo (n) -> ()", "%%dumbo (n) -> data"]
    assert "data = helper(n)" in found._repr_html_()
    assert "In [7]  2 s" in repr(found)
    session.runs = {}
    assert "No cell of this session" in repr(notebook("%dumbo suggest").value)


def test_large_outputs_are_parts_that_can_be_loaded_alone(notebook: Any, ran: list[object]) -> None:
    pytest.importorskip("numpy")
    notebook("import numpy as np\nn = 100_000")
    cell = kept("x = np.zeros(n)\ny = np.ones(n)\nz = y")
    for _ in range(2):
        assert "1.6 MB" in notebook(cell).said
        assert notebook("y is z, float(y.sum()), y.flags.writeable").value == (True, 1e5, True)
    assert ran == ["cell"]
    assert float(entry(notebook).part("x").sum()) == 0.0
