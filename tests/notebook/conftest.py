"""A notebook without a browser: a real IPython shell, and what its cells show."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest


class Shown:
    """What one cell did.

    Attributes:
        said: dumbo's own line; empty if there was none.
        displays: the data of what was displayed, without that line and the last value.
        marked: of each display, whether it is marked as replayed.
        value: of the last expression.
    """

    def __init__(self, captured: Any, result: Any) -> None:
        self.stdout: str = captured.stdout
        self.stderr: str = captured.stderr
        self.error = result.error_before_exec or result.error_in_exec
        self.value = None if self.error else result.result
        self.said = ""
        self.displays: list[dict[str, Any]] = []
        self.marked: list[bool] = []
        for output in captured.outputs:
            own = (output.metadata or {}).get("dumbo", {})
            if "loaded" in own:
                self.said = output.data["text/plain"]
            else:
                self.displays.append(output.data)
                self.marked.append("replayed" in own)

    @property
    def loaded(self) -> bool:
        return "loaded" in self.said and "computed in" in self.said


class Notebook:
    def __init__(self, shell: Any) -> None:
        self.shell = shell
        self.names: dict[str, Any] = shell.user_ns

    def run(self, text: str) -> Shown:
        """Run one cell, as a front end would, whatever comes of it."""
        from IPython.utils.capture import capture_output

        with capture_output() as captured:
            result = self.shell.run_cell(text, store_history=True)
        return Shown(captured, result)

    def __call__(self, text: str) -> Shown:
        """Run one cell that must not fail."""
        shown = self.run(text)
        assert shown.error is None, shown.stdout
        return shown

    def restart(self) -> None:
        """Forget all names and cells, as a new kernel would."""
        self.shell.run_line_magic("unload_ext", "dumbo")
        self.shell.reset(new_session=True)
        self.shell.run_line_magic("load_ext", "dumbo")


@pytest.fixture
def notebook(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Notebook]:
    pytest.importorskip("IPython", reason="needs IPython")
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config)
    # Last values are looked at as such: as text they would be among what is printed.
    for name in ("write_output_prompt", "write_format_data", "finish_displayhook"):
        monkeypatch.setattr(type(shell.displayhook), name, lambda *_: None)
    shell.run_line_magic("load_ext", "dumbo")
    shell.run_cell("import sys")
    yield Notebook(shell)
    shell.run_line_magic("unload_ext", "dumbo")
    InteractiveShell.clear_instance()
