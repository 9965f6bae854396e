"""The command ``dumbo``: what a function depends on, and what is stored.

Knows how to start; the commands are in `commands`.
"""

from __future__ import annotations

__all__ = ["main"]


def main() -> None:
    """Run the command line, and exit with its status."""
    # Imported here: whoever imports `dumbo.cli` for its names shall not pay for click.
    from dumbo.cli.commands import dumbo

    dumbo(prog_name="dumbo")
