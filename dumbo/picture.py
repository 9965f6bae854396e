"""A graph of dependencies as a picture in SVG, for notebooks.

What is one step from the function stands in the next column, and so on; within a column, things
stand near to what they are connected with. What comes with Python is left out, and a large graph is
cut: libraries go first, then what is farthest. The picture says how much is missing.

Knows the attributes of the graph that `dumbo.deps` returns; must not know how it was found.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from dumbo.cli.graphs import CHANCE, UNRESOLVED, group_of, root_of
from dumbo.cli.text import printable
from dumbo.cli.tree import place

if TYPE_CHECKING:
    import networkx

__all__ = ["svg"]

_MOST = 60  # nodes in one picture
_LONGEST = 34  # characters of a name
_LETTER, _LINE, _PAD = 7.0, 15, 10
_HEIGHT, _ROW, _COLUMN = 38, 52, 70
_SWEEPS = 4
# group: fill, line; legible on white and on black.
_LOOKS = {
    "user": ("#dbeafe", "#1d4ed8"),
    "library": ("#f3e8ff", "#7e22ce"),
    "data": ("#dcfce7", "#15803d"),
    "unresolved": ("#fee2e2", "#b91c1c"),
    "chance": ("#fef3c7", "#b45309"),
}
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0:.0f} {1:.0f}" width="{0:.0f}" '
    'height="{1:.0f}" style="max-width:100%;height:auto" role="img" '
    'font-family="ui-monospace, Menlo, Consolas, monospace" font-size="11.5">'
)
_ARROW = (
    '<defs><marker id="dumbo-arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
    'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#64748b"/></marker></defs>'
)


def svg(graph: networkx.DiGraph[str]) -> str:
    """Return the picture of *graph*, as the text of an SVG element."""
    root = root_of(graph)
    distance = _distances(graph, root)
    shown = _chosen(graph, distance)
    columns = _columns(graph, shown, distance)
    boxes, width, height = _boxes(graph, columns)
    left_out = len(graph) - len(shown)
    if left_out:
        height += 22
    parts = [
        _HEAD.format(width, height),
        f"<title>{_text('what ' + root + ' depends on')}</title>",
        _ARROW,
    ]
    parts += [
        _edge(boxes[start], boxes[end], data)
        for start, end, data in graph.edges(data=True)
        if start in boxes and end in boxes and start != end
    ]
    parts += [_node(graph, node, box, node == root) for node, box in boxes.items()]
    if left_out:
        parts.append(
            f'<text x="{_PAD}" y="{height - 7:.0f}" fill="#64748b">and {left_out} more: '
            "dumbo deps --format html shows all</text>"
        )
    return "".join([*parts, "</svg>"])


def _distances(graph: networkx.DiGraph[str], root: str) -> dict[str, int]:
    distance = {root: 0}
    todo = [root]
    for node in todo:
        for target in graph.successors(node):
            if target not in distance:
                distance[target] = distance[node] + 1
                todo.append(target)
    for node in graph:  # what nothing leads to
        distance.setdefault(node, 1)
    return distance


def _chosen(graph: networkx.DiGraph[str], distance: dict[str, int]) -> list[str]:
    nodes = [node for node in graph if graph.nodes[node].get("library") != "python"]
    if len(nodes) > _MOST:
        nodes = [node for node in nodes if group_of(graph.nodes[node]) != "library"]
    nearest = sorted(nodes, key=lambda node: distance[node])[:_MOST]
    chosen = set(nearest)
    return [node for node in graph if node in chosen]


def _columns(
    graph: networkx.DiGraph[str], shown: list[str], distance: dict[str, int]
) -> list[list[str]]:
    """Return the nodes by column, each column in an order with few crossings."""
    depths = sorted({distance[node] for node in shown})
    columns = [[node for node in shown if distance[node] == depth] for depth in depths]
    at = {node: float(row) for column in columns for row, node in enumerate(column)}
    for sweep in range(_SWEEPS):
        near = graph.predecessors if sweep % 2 == 0 else graph.successors
        for column in columns if sweep % 2 == 0 else reversed(columns):
            wanted = {}
            for node in column:
                others = [at[other] for other in near(node) if other in at]
                wanted[node] = sum(others) / len(others) if others else at[node]
            column.sort(key=lambda node: wanted[node])
            middle = (len(column) - 1) / 2
            at.update({node: row - middle for row, node in enumerate(column)})
    return columns


def _boxes(
    graph: networkx.DiGraph[str], columns: list[list[str]]
) -> tuple[dict[str, tuple[float, float, float]], float, float]:
    """Return x, y and width of each node, and the size of the whole."""
    height = max(len(column) for column in columns) * _ROW + _PAD
    boxes = {}
    x = float(_PAD)
    for column in columns:
        widths = {node: max(map(len, _lines(graph, node))) * _LETTER + 16 for node in column}
        top = (height - len(column) * _ROW) / 2 + (_ROW - _HEIGHT) / 2
        for row, node in enumerate(column):
            boxes[node] = (x, top + row * _ROW, widths[node])
        x += max(widths.values()) + _COLUMN
    return boxes, x - _COLUMN + _PAD, height


def _lines(graph: networkx.DiGraph[str], node: str) -> list[str]:
    """Return the two lines of a box: what it is called, and what there is to say of it."""
    data = graph.nodes[node]
    name = str(data.get("name") or node)
    group = group_of(data)
    if data.get("kind") == UNRESOLVED:
        first = f"? {name}"
    elif data.get("kind") == CHANCE:
        first = f"~ {name}"
    elif group == "library":
        first = name
    else:
        first = str(data.get("qualname") or name.partition(":")[2] or name)
    second = str(data.get("library") or "") or str(data.get("kind") or "")
    return [_cut(printable(first)), _cut(printable(second))]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _node(
    graph: networkx.DiGraph[str], node: str, box: tuple[float, float, float], root: bool
) -> str:
    data = graph.nodes[node]
    x, y, width = box
    fill, line = _LOOKS[group_of(data)]
    first, second = _lines(graph, node)
    title = "\n".join(
        part
        for part in (
            str(data.get("name") or node),
            place(data) if not data.get("library") else "",
            str(data.get("digest") or ""),
        )
        if part
    )
    return (
        f'<g><title>{_text(title)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
        f'height="{_HEIGHT}" rx="6" fill="{fill}" stroke="{line}" '
        f'stroke-width="{2.4 if root else 1}"/>'
        f'<text x="{x + 8:.1f}" y="{y + 16:.1f}" fill="#0f172a">{_text(first)}</text>'
        f'<text x="{x + 8:.1f}" y="{y + 16 + _LINE:.1f}" fill="#475569" font-size="10">'
        f"{_text(second)}</text></g>"
    )


def _edge(
    start: tuple[float, float, float], end: tuple[float, float, float], data: dict[str, Any]
) -> str:
    x, y = start[0] + start[2], start[1] + _HEIGHT / 2
    to, at = end[0], end[1] + _HEIGHT / 2
    if to > x:
        bend = max(24.0, (to - x) / 2)
        path = (
            f"M{x:.1f},{y:.1f} C{x + bend:.1f},{y:.1f} {to - bend:.1f},{at:.1f} {to:.1f},{at:.1f}"
        )
    else:  # to the same column, or back: round the outside
        side = max(x, end[0] + end[2]) + 40
        to = end[0] + end[2]
        path = f"M{x:.1f},{y:.1f} C{side:.1f},{y:.1f} {side:.1f},{at:.1f} {to:.1f},{at:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="#64748b" marker-end="url(#dumbo-arrow)">'
        f"<title>{_text(str(data.get('reference') or ''))}</title></path>"
    )


def _text(text: str) -> str:
    return escape(printable(text, lines=True))
