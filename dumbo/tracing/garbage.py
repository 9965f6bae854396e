"""Collecting garbage, put off while many objects are made that are no garbage.

Knows the collector; must not know what is made.
"""

from __future__ import annotations

import gc

__all__ = ["Uncollected"]


class Uncollected:
    """While this is open, nothing is collected, unless somebody else says so.

    An analysis, and the syntax trees of the sources that it shows, make no garbage and many
    objects: collecting would look at all of the program's again and again, and take longer than
    they do.
    """

    __slots__ = ("_collects",)

    def __enter__(self) -> None:
        self._collects = gc.isenabled()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        if self._collects:
            gc.enable()
