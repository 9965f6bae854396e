"""``python -m dumbo``: the same as the command ``dumbo``."""

from __future__ import annotations

from dumbo.cli import main

if __name__ == "__main__":
    main()
