"""The graph that `dumbo.deps` returns: networkx's, with a face in notebooks.

Knows how notebooks ask for a face; must not know how the graph was found, or is drawn.
"""

from __future__ import annotations

from typing import Any

import networkx as nx

__all__ = ["DependencyGraph"]


class DependencyGraph(nx.DiGraph):  # type: ignore[misc]
    """A `networkx.DiGraph` that notebooks show as a picture, and terminals as a tree."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        if "root" not in self.graph:  # what somebody has made of it
            return {"text/plain": repr(self)}
        # Imported here: most graphs are never shown.
        from dumbo.cli.tree import lines
        from dumbo.picture import svg

        return {"text/plain": "\n".join(lines(self)), "image/svg+xml": svg(self)}
