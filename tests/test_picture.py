"""The picture of a graph, and the faces that notebooks are shown."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import networkx as nx
import pytest

import dumbo
from dumbo.picture import svg

NASTY = "</text><script>alert(1)</script>&<b>\x07\u202e"
SVG = "{http://www.w3.org/2000/svg}"


def helper(x: int) -> int:
    return len(str(x))


def price(x: int) -> int:
    return helper(x) + helper(-x)


def graph(names: list[str]) -> Any:
    found: Any = nx.DiGraph(root=names[0])
    for name in names:
        found.add_node(name, kind="function", name=f"m:{name}", file="m.py", line=1, digest="00")
    return found


def texts(picture: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_functions_stand_in_columns_by_their_distance() -> None:
    found = graph(["a", "b", "c", "d"])
    found.add_edges_from([("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "a")])
    boxes = [box.attrib for box in ElementTree.fromstring(svg(found)).iter(f"{SVG}rect")]
    at = [(float(box["x"]), float(box["y"])) for box in boxes]
    assert at[0][0] < at[1][0] == at[2][0] < at[3][0]
    assert len(set(at)) == 4
    assert texts(svg(found))[::2] == ["a", "b", "c", "d"]
    assert len(list(ElementTree.fromstring(svg(found)).iter(f"{SVG}path"))) == 1 + 5


def test_names_are_text_whatever_is_in_them() -> None:
    found = graph(["a", NASTY])
    found.add_edge("a", NASTY, reference=NASTY)
    picture = svg(found)
    assert "<script" not in picture
    assert picture.isprintable() or "\n" in picture
    ElementTree.fromstring(picture)


def test_a_large_graph_is_cut_and_says_so() -> None:
    found = graph([f"f{number}" for number in range(200)])
    found.add_edges_from([("f0", f"f{number}") for number in range(1, 200)])
    shown = texts(svg(found))
    assert len(shown) == 2 * 60 + 1
    assert shown[-1].startswith("and 140 more")


def test_what_comes_with_python_is_left_out() -> None:
    shown = texts(svg(dumbo.deps(price)))
    assert shown[0] == "price"
    assert "helper" in shown
    assert "builtins:len" not in shown
    assert shown[-1].startswith("and ")


def test_the_graph_shows_itself_and_stays_networkx() -> None:
    found = dumbo.deps(price)
    faces = found._repr_mimebundle_()
    assert "helper" in faces["text/plain"]
    assert faces["image/svg+xml"].startswith("<svg")
    part = found.subgraph(list(found)[:2]).copy()
    assert isinstance(part, nx.DiGraph)
    assert "image/svg+xml" in part._repr_mimebundle_()
    assert "image/svg+xml" not in type(found)([(1, 2)])._repr_mimebundle_()


def test_what_does_not_print_is_escaped_in_an_entry(cache: dumbo.Cache) -> None:
    numpy = pytest.importorskip("numpy")

    @cache.memo(keep="always", name="mine\x1b\u202e")
    def f(n: int) -> dict[str, Any]:
        return {"large\x9b\u2066<i>": numpy.ones(n)}

    f(100_000)
    entry = f.get_entry(100_000)
    assert entry is not None
    shown = entry._repr_html_()
    assert "mine\\x1b\\u202e" in shown
    assert "large\\x9b\\u2066&lt;i&gt;" in shown
    assert (shown + repr(entry)).isprintable()


def test_an_entry_is_a_table(cache: dumbo.Cache) -> None:
    numpy = pytest.importorskip("numpy")

    @cache.memo(keep="always", name="<mine>")
    def f(n: int) -> dict[str, Any]:
        return {"large": numpy.ones(n)}

    f(100_000)
    entry = f.get_entry(100_000)
    assert entry is not None
    table = ElementTree.fromstring(entry._repr_html_())
    rows = {row[0].text: row[1].text for row in table.iter("tr")}
    assert rows["function"] == "<mine>"
    assert rows["large parts"] == "large: 800 kB"
    assert "also ran" not in rows
