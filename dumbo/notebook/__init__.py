"""dumbo in IPython and Jupyter: `%load_ext dumbo`.

Knows what is put into a shell, and how it is taken out again; everything else lives in the modules
of this room.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["load", "unload"]

_sessions: dict[int, Any] = {}  # by shell, of which a process has one


def load(shell: Any) -> None:
    """Put the magics into *shell*."""
    if id(shell) in _sessions:
        return
    from dumbo.notebook import awaiting, reload
    from dumbo.notebook.magics import DumboMagics
    from dumbo.notebook.session import Session

    session = Session(shell)
    _sessions[id(shell)] = session
    shell.register_magics(DumboMagics(shell, session))
    shell.events.register("pre_run_cell", session.begun)
    shell.events.register("post_run_cell", session.ended)
    awaiting.install(shell)
    reload.install()


def unload(shell: Any) -> None:
    """Take the magics out of *shell* again."""
    session = _sessions.pop(id(shell), None)
    if session is None:
        return
    from dumbo.notebook import awaiting, reload

    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("dumbo", None)
    shell.events.unregister("pre_run_cell", session.begun)
    shell.events.unregister("post_run_cell", session.ended)
    awaiting.remove(shell)
    reload.remove()
