"""Results as nobody may write to them by mistake, where loading does not see to that.

Knows arrays and what they may lie in; must not know stores.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["frozen"]


def frozen(value: Any) -> Any:
    """Return *value* with read-only views in place of its arrays, itself or its children.

    The arrays themselves stay as they are, for the function may go on using them.
    """
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return value
    if type(value) is numpy.ndarray:
        return _view(value) if value.flags.writeable else value
    # Imported here: it is there, for results are stored.
    from dumbo.persistence.parts import take_apart

    taken = take_apart(value)
    if taken is None:
        return value
    views: dict[int, Any] = {}
    for place, child in enumerate(taken.children):
        if type(child) is numpy.ndarray and child.flags.writeable:
            taken.children[place] = views.setdefault(id(child), _view(child))
    return taken.whole(lambda unit: None) if views else value


def _view(array: Any) -> Any:
    view = array.view()
    view.flags.writeable = False
    return view
