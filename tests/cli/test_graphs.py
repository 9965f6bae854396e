"""A graph cut down to what was asked for, and as data for programs."""

from __future__ import annotations

import json

import networkx as nx

from dumbo.cli import graphs


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


def test_depth_keeps_what_is_that_near_by_any_road() -> None:
    assert set(graphs.within(diamond(), 0)) == {"m:f"}
    assert set(graphs.within(diamond(), 1)) == {"m:f", "m:a", "m:b"}
    assert set(graphs.within(diamond(), 9)) == set(diamond())


def test_data_is_plain_and_loads_again() -> None:
    data = json.loads(json.dumps(graphs.node_link_data(diamond())))
    loaded = nx.node_link_graph(data, edges="edges")
    assert nx.utils.graphs_equal(nx.DiGraph(loaded.edges), nx.DiGraph(diamond().edges))
    assert loaded.nodes["m:f"] == {"kind": "function", "file": "m.py", "line": 1, "digest": "01ff"}
    assert loaded.edges["m:f", "m:a"] == {"reference": "global a"}
    assert loaded.graph == {"root": "m:f"}


def test_only_some_groups_hang_on_what_is_nearest_and_kept() -> None:
    shown = graphs.only(diamond(), ["library"])
    assert list(shown) == ["m:f", "numpy"]
    assert shown.edges["m:f", "numpy"] == {"reference": "global np", "inside": "m:c"}


def test_the_root_is_kept_and_so_are_edges_between_what_is() -> None:
    graph = diamond()
    graph.add_node("m:R", kind="value")
    graph.add_node("?", kind="unresolved", name="call of a module")
    graph.add_edge("m:a", "m:R", reference="global R")
    graph.add_edge("m:a", "?", reference="call of a module")
    assert set(graphs.only(graph, ["data", "unresolved"])) == {"m:f", "m:R", "?"}
    user = graphs.only(graph, ["user"])
    assert set(user) == {"m:f", "m:a", "m:b", "m:c"}
    assert set(user.edges) == {edge for edge in diamond().edges if "numpy" not in edge}
    assert not any(data.get("inside") for _, _, data in user.edges(data=True))
    everything = graphs.only(graph, graphs.GROUPS)
    assert nx.utils.graphs_equal(everything, graph)


def test_a_circle_of_what_is_left_out_is_walked_once() -> None:
    graph = nx.DiGraph(root="m:f")
    for name in ("m:f", "m:a", "m:b"):
        graph.add_node(name, kind="function")
    graph.add_node("m:R", kind="value")
    graph.add_edges_from([("m:f", "m:a"), ("m:a", "m:b"), ("m:b", "m:a"), ("m:b", "m:R")])
    assert set(graphs.only(graph, ["data"]).edges) == {("m:f", "m:R")}
