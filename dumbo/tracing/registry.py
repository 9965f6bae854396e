"""Which of the standard library's callables has a model.

Knows names of callables; must not know what they do.
"""

from __future__ import annotations

from collections.abc import Callable

from dumbo.tracing.calls import Arguments
from dumbo.tracing.frame import Frame
from dumbo.tracing.values import Value

Model = Callable[[Frame, Arguments], Value | None]
MODELS: dict[str, Model] = {}  # by module:qualname


def model(*names: str) -> Callable[[Model], Model]:
    def register(function: Model) -> Model:
        for name in names:
            MODELS[name] = function
        return function

    return register
