"""What `dumbo.deps` shows: each thing once, by its own name, with where it stands."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import networkx as nx
import pytest

import dumbo

SOURCE = """\
import json
import sys
from json import JSONDecoder

RATE = 3
if sys:
    try:
        TABLE = {"a": 1, "b": 2}
    except ValueError:
        pass

class Base:
    scale = 2

    def part(self, x):
        return x * self.scale

class Model(
    Base,
):
    def __init__(self, n):
        self.n = n

    def fit(self, x):
        return self.part(x) + self.n + RATE

def outer(rate):
    def inner(x, *, key=len):
        return rate * TABLE["a"] * key(x)
    return inner

made = outer([2])

def first(x):
    return Model(1).fit(x) + made(x) + RATE

def second(x):
    return (
        x.unheard_of() +
        json.dumps(x)
    )

def third(model, x):
    return model.fit(x)

SAME = 3

def fifth(x, y=3):
    return x + y + SAME

def fourth(x, y=3):
    return fifth(x) + RATE + y
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModuleType]:
    folder = tmp_path_factory.mktemp("shown")
    (folder / "shown_by_deps.py").write_text(SOURCE)
    sys.path.insert(0, str(folder))
    try:
        yield importlib.import_module("shown_by_deps")
    finally:
        sys.path.remove(str(folder))
        del sys.modules["shown_by_deps"]


def line_of(text: str) -> int:
    return SOURCE.splitlines().index(text) + 1


def places(graph: nx.DiGraph) -> dict[str, tuple[str, int | None]]:
    home = "shown_by_deps:"
    return {
        node.removeprefix(home): (data["kind"], data["line"])
        for node, data in graph.nodes(data=True)
        if node.startswith(home)
    }


def test_everything_has_a_name_a_kind_and_a_place(shown: ModuleType) -> None:
    graph = dumbo.deps(shown.first)
    assert graph.graph["root"] == "shown_by_deps:first" == next(iter(graph))
    assert places(graph) == {
        "first": ("function", line_of("def first(x):")),
        "Model": ("class", line_of("class Model(")),
        "Base": ("class", line_of("class Base:")),
        "Model.__init__": ("method", line_of("    def __init__(self, n):")),
        "Model.fit": ("method", line_of("    def fit(self, x):")),
        "Base.part": ("method", line_of("    def part(self, x):")),
        "Base.scale": ("value", line_of("    scale = 2")),
        "RATE": ("value", line_of("RATE = 3")),
        "TABLE": ("value", line_of('        TABLE = {"a": 1, "b": 2}')),
        "TABLE['a']": ("value", line_of('        TABLE = {"a": 1, "b": 2}')),
        "outer.<locals>.inner": ("method", line_of("    def inner(x, *, key=len):")),
        "outer.<locals>.inner cell rate": ("value", line_of("made = outer([2])")),
    }
    files = {data["file"] for node, data in graph.nodes(data=True) if node in ("RATE", "Model")}
    assert files <= {shown.__file__}


def test_what_is_reached_in_two_ways_is_one_node_with_a_digest(shown: ModuleType) -> None:
    graph = dumbo.deps(shown.first)
    assert [node for node in graph if "RATE" in node] == ["shown_by_deps:RATE"]
    users = set(graph.predecessors("shown_by_deps:RATE"))
    assert users == {"shown_by_deps:first", "shown_by_deps:Model.fit"}
    assert all(len(data["digest"]) == 32 for _, data in graph.nodes(data=True))


def test_equal_numbers_are_as_many_nodes_as_they_have_names(shown: ModuleType) -> None:
    nodes = set(dumbo.deps(shown.fourth))
    home = "shown_by_deps:"
    expected = {"fourth", "fifth", "RATE", "SAME", "fourth default y", "fifth default y"}
    assert {node.removeprefix(home) for node in nodes if home in node} == expected
    graph = dumbo.deps(shown.fourth)
    assert set(graph.predecessors(f"{home}SAME")) == {f"{home}fifth"}
    assert set(graph.predecessors(f"{home}fifth default y")) == {f"{home}fifth"}


def test_a_changed_value_is_another_digest(
    shown: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dumbo.deps(shown.first).nodes
    monkeypatch.setattr(shown, "RATE", 4)
    after = dumbo.deps(shown.first).nodes
    changed = {node for node in before if before[node]["digest"] != after[node]["digest"]}
    assert changed == {"shown_by_deps:RATE"}


def test_lines_of_classes_and_values_end_where_they_end(shown: ModuleType) -> None:
    nodes = dumbo.deps(shown.first).nodes
    assert nodes["shown_by_deps:Model"]["end_line"] == line_of("def outer(rate):") - 2
    assert nodes["shown_by_deps:RATE"]["end_line"] == line_of("RATE = 3")


def test_what_is_unresolved_says_why_and_where(shown: ModuleType) -> None:
    graph = dumbo.deps(shown.second)
    (unresolved,) = (d for _, d in graph.nodes(data=True) if d["kind"] == "unresolved")
    assert unresolved["file"] == shown.__file__
    assert unresolved["line"] == line_of("        x.unheard_of() +")
    assert "unheard_of" in unresolved["name"]


def test_libraries_go_by_their_own_names(shown: ModuleType) -> None:
    nodes = dumbo.deps(shown.second).nodes
    assert nodes["json:dumps"]["library"] == "python"


def test_arguments_that_bring_code_along_are_part_of_the_tree(shown: ModuleType) -> None:
    graph = dumbo.deps(shown.third, [shown.Model(1), 2])
    assert {"shown_by_deps:Model.fit", "shown_by_deps:Model", "shown_by_deps:RATE"} <= set(graph)
    reached = nx.descendants(graph, "shown_by_deps:third")
    assert reached == set(graph) - {"shown_by_deps:third"}
    # Without a call, what has `fit` is a guess; what no parameter is asked for is none.
    assert "shown_by_deps:Model.fit" in dumbo.deps(shown.third)
    assert "shown_by_deps:Model.fit" not in dumbo.deps(shown.second)


def test_a_memoized_function_shows_the_same_by_itself(
    shown: ModuleType, cache: dumbo.Cache
) -> None:
    memoized = cache.memo(shown.first).deps()
    assert dict(memoized.nodes(data=True)) == dict(dumbo.deps(shown.first).nodes(data=True))
