"""A graph as a tree for people."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import pytest

from dumbo.cli import tree


def diamond():
    graph = nx.DiGraph(root="m:f")
    code = (lambda: 0).__code__
    graph.add_node("m:f", kind="function", file="m.py", line=1, digest=b"\x01\xff", code=code)
    graph.add_node("m:a", kind="function", file="m.py", line=5, digest="aa")
    graph.add_node("m:b", kind="function", file="m.py", line=9, digest="bb")
    graph.add_node("m:c", kind="method", file="m.py", line=12, digest="cc")
    graph.add_node("numpy", kind="library", library="numpy 2.4", file="np.py")
    graph.add_edge("m:f", "m:a", reference="global a")
    graph.add_edge("m:f", "m:b", reference="global b")
    graph.add_edge("m:a", "m:c", reference="global c")
    graph.add_edge("m:b", "m:c", reference="default c")
    graph.add_edge("m:c", "m:f", reference="global f")
    graph.add_edge("m:c", "numpy", reference="global np")
    return graph


def test_each_node_is_drawn_once_with_what_is_below_it() -> None:
    assert list(tree.lines(diamond())) == [
        "m:f  [function]  m.py:1",
        "├── m:a  [function, global a]  m.py:5",
        "│   └── m:c  [method, global c]  m.py:12",
        "│       ├── m:f  [function, global f]  m.py:1 (above)",
        "│       └── numpy  [numpy 2.4, global np]",
        "└── m:b  [function, global b]  m.py:9",
        "    └── m:c  [method, default c]  m.py:12 (above)",
        "",
        "3 functions, 1 method, 1 library",
    ]


def test_what_could_not_be_resolved_is_told_with_its_reason() -> None:
    graph = nx.DiGraph()
    graph.add_node("m:f", kind="function", file="m.py", line=1)
    graph.add_node("?", kind="unresolved", name="call of an argument", file="m.py", line=3)
    graph.add_edge("m:f", "?", reference="call of an argument")
    assert list(tree.lines(graph)) == [
        "m:f  [function]  m.py:1",
        "└── ? call of an argument  m.py:3",
        "",
        "1 function, 1 unresolved",
    ]


def test_what_hangs_on_a_node_that_is_left_out_says_on_which() -> None:
    graph = nx.DiGraph()
    graph.add_node("m:f", kind="function", file="m.py", line=1)
    graph.add_node("numpy", kind="library", library="numpy 2.4")
    graph.add_node("?", kind="unresolved", name="call of a module", file="n.py", line=3)
    graph.add_edge("m:f", "numpy", reference="global np", inside="n:g")
    graph.add_edge("m:f", "?", reference="call of a module", inside="n:g")
    assert list(tree.lines(graph))[1:3] == [
        "├── numpy  [numpy 2.4, global np in n:g]",
        "└── ? call of a module in n:g  n.py:3",
    ]


def test_a_memoized_function_says_what_is_stored_of_it() -> None:
    graph = nx.DiGraph()
    graph.add_node("m:f", kind="function", memoized=True, entries=2, seconds=3.0)
    graph.add_node("m:g", kind="function", memoized=True)
    graph.add_edge("m:f", "m:g", reference="global g")
    assert list(tree.lines(graph))[:2] == [
        "m:f  [function, memoized, 2 results that took 3 s]",
        "└── m:g  [function, global g, memoized]",
    ]


def test_a_terminal_without_lines_gets_plain_ones() -> None:
    drawn = "\n".join(tree.lines(diamond(), unicode=False))
    assert drawn.isascii()
    assert "|-- m:a" in drawn


def test_files_below_the_working_directory_are_shown_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    graph = nx.DiGraph()
    graph.add_node("m:f", kind="function", file=str(tmp_path / "src" / "m.py"), line=3)
    assert next(tree.lines(graph)) == "m:f  [function]  src/m.py:3"


def test_a_name_cannot_play_tricks_on_the_terminal() -> None:
    graph = nx.DiGraph()
    graph.add_node("m:\x1b[2J\u202e", kind="function")
    assert next(tree.lines(graph)) == r"m:\x1b[2J\u202e  [function]"


def test_a_chain_longer_than_the_recursion_limit_is_drawn() -> None:
    graph = nx.path_graph([f"m:f{number}" for number in range(3000)], create_using=nx.DiGraph)
    assert len(list(tree.lines(graph))) == 3002
