"""How arguments count: ``from dumbo import by``.

    @memo(key={"path": by.file()})
    def read(path): ...

    @memo
    def fit(x: Annotated[float, by.approx(rel=1e-6)]): ...

Knows the public names; `arguments.matchers` says what each means, and what it costs.
"""

from __future__ import annotations

from dumbo.arguments.matchers import (
    Matcher,
    approx,
    content,
    env,
    file,
    identity,
    ignore,
    rounded,
    sample,
    schema,
    shape,
    subset,
    unordered,
    value,
    version,
)

__all__ = [
    "Matcher",
    "approx",
    "content",
    "env",
    "file",
    "identity",
    "ignore",
    "rounded",
    "sample",
    "schema",
    "shape",
    "subset",
    "unordered",
    "value",
    "version",
]
