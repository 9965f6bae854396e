"""Graphs in the languages of drawing tools, whatever the names in them are."""

from __future__ import annotations

import re
import shutil
import subprocess

import networkx as nx
import pytest

from dumbo.cli import drawing

NASTY = [
    'quote"',
    "back\\slash",
    'both\\"',
    "line\nbreak",
    "]; evil -> n0 [",
    'x"]; click n0 "javascript:alert(1)',
    "<b>bold</b><script>alert(1)</script>",
    "#quot;",
    "`code`",
    "right\u202eleft",
    "null\x00",
    "lone \udc80",
    "end",
]


def shop():
    graph = nx.DiGraph(root="shop:price")
    graph.add_node("shop:price", kind="function", name="shop:price", qualname="price")
    graph.add_node("tool:help", kind="function", name="tool:help", qualname="help")
    graph.add_node("numpy", kind="library", name="numpy", library="numpy 2.4")
    graph.add_node("shop:RATE", kind="value", name="shop:RATE", file="shop.py", line=3)
    graph.add_node("?", kind="unresolved", name="call of x", file="shop.py", line=9)
    graph.add_edge("shop:price", "tool:help", reference="global help")
    graph.add_edge("tool:help", "numpy", reference="global np", inside="tool:inner")
    graph.add_edge("shop:price", "shop:RATE", reference="global RATE")
    graph.add_edge("shop:price", "?", reference="call of x")
    return graph


def nasty():
    graph = nx.DiGraph()
    graph.add_node("m:f", kind="function", name="m:f", qualname="f")
    for number, text in enumerate(NASTY):
        graph.add_node(number, kind="function", name=f"{text}:{text}", qualname=text, file=text)
        graph.add_edge("m:f", number, reference=text)
    return graph


def test_dot_has_every_node_and_edge_and_a_box_for_each_module() -> None:
    lines = list(drawing.dot(shop()))
    assert lines[0] == 'digraph "shop:price" {'
    assert lines[-1] == "}"
    text = "\n".join(lines)
    assert re.findall(r'^    label="(\w+)"', text, re.M) == ["shop", "tool"]
    assert re.findall(r"(n\d) -> (n\d)", text) == [
        ("n0", "n1"),
        ("n0", "n3"),
        ("n0", "n4"),
        ("n1", "n2"),
    ]
    assert 'n3 [label="shop:RATE\\nshop.py:3", shape=cylinder' in text
    assert '[label="global np in tool:inner"]' in text


def test_no_name_ends_its_label_in_dot() -> None:
    for line in drawing.dot(nasty()):
        rest = re.sub(r'"(?:[^"\\]|\\.)*"', "", line)
        assert '"' not in rest
        assert "evil" not in rest
        assert "javascript" not in rest
        assert line.isprintable()


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz")
def test_graphviz_draws_it() -> None:
    for graph in (shop(), nasty()):
        text = "\n".join(drawing.dot(graph))
        ran = subprocess.run(["dot", "-Tsvg"], input=text, capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert ran.stdout.count('class="node"') == len(graph)


def test_mermaid_has_every_node_and_edge_and_its_colour() -> None:
    lines = list(drawing.mermaid(shop()))
    assert lines[0] == "flowchart LR"
    assert '  n0["price"]:::user' in lines
    assert '  n2[["numpy<br>numpy 2.4"]]:::library' in lines
    assert '  n3[("shop:RATE<br>shop.py:3")]:::data' in lines
    assert '  n4>"call of x<br>shop.py:9"]:::unresolved' in lines
    assert '  n1 -->|"global np in tool:inner"| n2' in lines


def test_no_name_ends_its_label_in_mermaid() -> None:
    node = re.compile(r'  n\d+\["[^"<>`\\;\[\]]*(#\d+;|<br>|[^"<>`\\;\[\]])*"\]:::user')
    edge = re.compile(r'  n0 -->\|"([^"<>`\\;#]|#\d+;)*"\| n\d+')
    for line in list(drawing.mermaid(nasty()))[1:]:
        assert line.isprintable()
        if not line.startswith(("  classDef", "  style")):
            assert node.fullmatch(line) or edge.fullmatch(line), line
