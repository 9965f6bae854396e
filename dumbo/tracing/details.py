"""What is kept beside a trace for people: the names of all that its closure held.

    bytes     zlib of marshal of (version, labels, libraries)
    labels    of user code and data, such as ``shop:helper`` and ``shop:RATE``
    libraries name and version, such as ``numpy 2.3.1``; the standard library is ``python``

With it, "what depends on this?" is answered for functions that nobody has imported. Never part
of a digest: an unreadable one only says less.

Knows nodes and their labels; must not know the store.
"""

from __future__ import annotations

import marshal
import zlib

from dumbo.tracing.callgraph import in_order
from dumbo.tracing.labels import label_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dumbo.tracing.callgraph import Analysis

_VERSION = 1
_NOTHING: tuple[list[str], list[str]] = ([], [])


def encode(analysis: Analysis) -> bytes:
    labels: dict[str, None] = {}
    libraries: dict[str, None] = {}
    assert analysis.root is not None
    values: set[int] = set()
    for node in in_order(analysis.root):
        if node.owner is not None:
            libraries[f"{node.owner.name} {node.owner.version}".strip()] = None
        elif node.kind == "value":
            values.add(id(node.obj))
        elif node.kind not in ("absent", "outside", "root"):
            labels[node.name] = None
    # Equal small numbers are one object: by all the ways to it.
    for index, found in enumerate(analysis.found):
        if id(found) in values:
            labels[label_of(analysis.program, analysis.found, index)] = None
    return zlib.compress(marshal.dumps((_VERSION, list(labels), list(libraries)), 2), 1)


def decode(payload: bytes) -> tuple[list[str], list[str]]:
    """Labels and libraries; nothing, if *payload* is of another version or none."""
    try:
        version, labels, libraries = marshal.loads(zlib.decompress(payload))
    except (zlib.error, ValueError, EOFError, TypeError):
        return _NOTHING
    return (labels, libraries) if version == _VERSION else _NOTHING
