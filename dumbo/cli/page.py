"""A graph as one page of HTML that needs nothing else: no network, no other file.

The parts lie in ``assets``; the graph goes in as JSON, and the page's own script shows it as text.
Names and sources may hold anything, so that they are made printable, and that no character of
them can end the element they stand in; and the page's policy allows its own scripts only.

Knows the attributes of the graph that `dumbo.deps` returns; must not know how it was found.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import json
import linecache
import os
from html import escape
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

from dumbo.cli.graphs import CHANCE, UNRESOLVED, group_of, root_of
from dumbo.cli.text import printable
from dumbo.cli.tree import place, stored

if TYPE_CHECKING:
    import networkx

__all__ = ["html"]

_ASSETS = os.path.join(os.path.dirname(__file__), "assets")
_LINES = 300  # of one source
_UNKNOWN = "Nothing is recorded of it, so what changed is not known."
_REVERSE = "Arrows lead to what depends on a thing. Filled: memoized functions."
_AROUND = 3  # lines shown before and after a place that is no definition


def html(graph: networkx.DiGraph[str]) -> str:
    """Return the page."""
    linecache.checkcache()
    scripts = {
        "cytoscape": _asset("vendor", "cytoscape.min.js"),
        "dagre": _asset("vendor", "cytoscape-dagre.min.js"),
        "script": _asset("page.js"),
    }
    title = printable(str(graph.graph.get("title") or root_of(graph)))
    parts = {
        **scripts,
        "policy": _policy(scripts.values()),
        "title": escape(f"{title} – dumbo deps"),
        "style": _asset("page.css"),
        "data": _for_a_script(_data(graph, title)),
    }
    page = _asset("page.html")
    # Cut apart first: what is put in may hold anything, such as a name in braces.
    head, *rest = page.split("{{")
    filled = [head]
    for piece in rest:
        name, _, text = piece.partition("}}")
        filled += [parts[name], text]
    return "".join(filled)


def _asset(*path: str) -> str:
    with open(os.path.join(_ASSETS, *path), encoding="utf-8") as file:
        return file.read()


def _policy(scripts: Any) -> str:
    """What the page may do: run these scripts, and style itself."""
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:"


def _for_a_script(data: Any) -> str:
    """Return *data* as JSON in which nothing can end a script element, or begin a comment."""
    text = json.dumps(data, separators=(",", ":"))  # ASCII only
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _data(graph: networkx.DiGraph[str], title: str) -> dict[str, Any]:
    ids = {node: f"n{number}" for number, node in enumerate(graph)}
    standing = graph.graph.get("standing")
    return {
        "title": title,
        "root": ids[root_of(graph)],
        "reverse": bool(graph.graph.get("reverse")),
        "standing": None if standing is None else list(map(printable, standing)),
        "gone": [printable(label) for label in graph.graph.get("gone", ())],
        "note": _REVERSE if graph.graph.get("reverse") else _UNKNOWN,
        "nodes": [_node(node, graph.nodes[node], ids[node]) for node in graph],
        "edges": [
            [ids[start], ids[end], printable(_reference(data))]
            for start, end, data in graph.edges(data=True)
        ],
    }


def _reference(data: dict[str, Any]) -> str:
    inside = f" in {data['inside']}" if data.get("inside") else ""
    return f"{data.get('reference') or ''}{inside}"


def _node(node: str, data: dict[str, Any], number: str) -> dict[str, Any]:
    name = printable(str(data.get("name") or node))
    group = group_of(data)
    shown: dict[str, Any] = {
        "id": number,
        "name": name,
        "label": _short(name, data),
        "kind": str(data.get("kind") or ""),
        "group": group,
        "digest": printable(str(data.get("digest") or "")),
        "library": printable(str(data.get("library") or "")),
        "place": printable(place(data)) if group != "library" else "",
        "path": printable(str(data.get("path") or "")),
        "state": str(data.get("state") or ""),
        "memoized": bool(data.get("memoized")),
        "stored": stored(data),
    }
    shown["text"] = " ".join(
        [name, shown["kind"], shown["library"], shown["place"], shown["state"]]
    ).lower()
    if group != "library":
        shown |= _source(data)
    return shown


def _short(name: str, data: dict[str, Any]) -> str:
    if data.get("kind") == UNRESOLVED:
        return f"? {name}"
    if data.get("kind") == CHANCE:
        return f"~ {name}"
    if data.get("library"):
        return name
    return name.partition(":")[2] or name


def _source(data: dict[str, Any]) -> dict[str, Any]:
    """The lines of a node, the number of the first, and the one that is meant."""
    code, file, line = data.get("code"), data.get("file"), data.get("line")
    if not file or not line:
        return {}
    if code is not None:
        try:
            lines, first = inspect.getsourcelines(code)
        except (OSError, TypeError, IndexError, SyntaxError, TokenError):
            return {}
        here = 0
    else:
        every = linecache.getlines(file)
        is_definition = data.get("end_line") is not None
        first = line if is_definition else max(1, line - _AROUND)
        lines = every[first - 1 : data["end_line"] if is_definition else line + _AROUND]
        here = 0 if is_definition else line
    if not lines:
        return {}
    text = "".join(lines[:_LINES]).expandtabs().rstrip()
    if len(lines) > _LINES:
        text += f"\n… {len(lines) - _LINES} more lines"
    return {"source": printable(text, lines=True), "first": max(1, first), "here": here}
