"""A graph in the languages of drawing tools: Graphviz' DOT and Mermaid.

Ids in the drawing are numbers, in the order of the graph; everything that comes from names is a
label, in which nothing can end the label or draw by itself.

Knows the attributes of the graph that `dumbo.deps` returns; must not know how it was found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dumbo.cli.graphs import group_of, root_of
from dumbo.cli.text import printable
from dumbo.cli.tree import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    import networkx

__all__ = ["dot", "mermaid"]

# group: shape in DOT, fill, line; legible on white and on black.
_LOOKS = {
    "user": ("box", "#dbeafe", "#1d4ed8"),
    "library": ("component", "#f3e8ff", "#7e22ce"),
    "data": ("cylinder", "#dcfce7", "#15803d"),
    "unresolved": ("note", "#fee2e2", "#b91c1c"),
    "chance": ("diamond", "#fef3c7", "#b45309"),
}
# How Mermaid opens and closes a node of each group.
_ENDS = {
    "user": ("[", "]"),
    "library": ("[[", "]]"),
    "data": ("[(", ")]"),
    "unresolved": (">", "]"),
    "chance": ("{{", "}}"),
}


def dot(graph: networkx.DiGraph[str]) -> Iterator[str]:
    """Yield the lines of a DOT file; functions stand together by module."""
    ids = _numbers(graph)
    root = root_of(graph)
    yield f"digraph {_dot_text(root)} {{"
    yield '  rankdir=LR; fontname="sans-serif"; newrank=true;'
    yield '  node [fontname="sans-serif", style="filled,rounded", fontsize=11];'
    yield '  edge [fontname="sans-serif", fontsize=9, color="#64748b", fontcolor="#475569"];'
    modules: dict[str, list[str]] = {}
    for node, data in graph.nodes(data=True):
        module = str(data.get("name") or node).partition(":")[0] if _is_user(data) else ""
        modules.setdefault(module, []).append(node)
    for number, (module, nodes) in enumerate(modules.items()):
        indent = "  "
        if module:
            yield f"  subgraph cluster_{number} {{"
            yield f'    label={_dot_text(module)}; color="#94a3b8"; style=rounded;'
            indent = "    "
        for node in nodes:
            shape, fill, line = _LOOKS[group_of(graph.nodes[node])]
            label = "\\n".join(_dot_escaped(part) for part in _label(graph, node))
            wide = ", penwidth=2.5" if node == root else ""
            yield (
                f'{indent}{ids[node]} [label="{label}", shape={shape}, '
                f'fillcolor="{fill}", color="{line}"{wide}];'
            )
        if module:
            yield "  }"
    for start, end, data in graph.edges(data=True):
        yield f"  {ids[start]} -> {ids[end]} [label={_dot_text(_reference(data))}];"
    yield "}"


def mermaid(graph: networkx.DiGraph[str]) -> Iterator[str]:
    """Yield the lines of a Mermaid flowchart."""
    ids = _numbers(graph)
    yield "flowchart LR"
    for node, data in graph.nodes(data=True):
        opening, closing = _ENDS[group_of(data)]
        label = "<br>".join(_mermaid_escaped(part) for part in _label(graph, node))
        yield f'  {ids[node]}{opening}"{label}"{closing}:::{group_of(data)}'
    for start, end, data in graph.edges(data=True):
        reference = _mermaid_escaped(_reference(data))
        label = f'|"{reference}"|' if reference else ""
        yield f"  {ids[start]} -->{label} {ids[end]}"
    for group, (_, fill, line) in _LOOKS.items():
        yield f"  classDef {group} fill:{fill},stroke:{line},color:#0f172a"
    yield f"  style {ids[root_of(graph)]} stroke-width:3px"


def _numbers(graph: networkx.DiGraph[str]) -> dict[str, str]:
    return {node: f"n{number}" for number, node in enumerate(graph)}


def _is_user(data: dict[str, Any]) -> bool:
    return group_of(data) == "user"


def _label(graph: networkx.DiGraph[str], node: str) -> list[str]:
    """The lines of a node: what it is called, and what there is to say of it."""
    data = graph.nodes[node]
    name = str(data.get("name") or node)
    if _is_user(data):
        name = str(data.get("qualname") or name)
    second = str(data.get("library") or "") or place(data)
    return [part for part in (name, second) if part]


def _reference(data: dict[str, Any]) -> str:
    inside = f" in {data['inside']}" if data.get("inside") else ""
    return f"{data.get('reference') or ''}{inside}"


def _dot_escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')


def _dot_text(text: str) -> str:
    return f'"{_dot_escaped(text)}"'


def _mermaid_escaped(text: str) -> str:
    # Letters, digits and what cannot mean anything stay; all else is a character's number.
    return "".join(
        character if character.isalnum() or character in " _.,:/-+*?!'=@" else f"#{ord(character)};"
        for character in printable(text)
    )
