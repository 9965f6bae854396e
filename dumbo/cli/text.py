"""Text that is safe to show: names may hold anything, a terminal obeys some of it."""

from __future__ import annotations

from dumbo.explain import printable

__all__ = ["printable"]
