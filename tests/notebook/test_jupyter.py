"""Notebooks in a real Jupyter server, driven through a real browser: run, restart, run again."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jupyterlab", reason="needs jupyterlab")
pytest.importorskip("ipykernel", reason="needs ipykernel")
pytest.importorskip("matplotlib", reason="needs matplotlib")
webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --window-size=1300,1500"
)
PACKAGE = Path(__file__).parent.parent.parent
PATIENCE = 120  # seconds

DRAWING = """\
%%dumbo --keep always (values) -> result
import matplotlib.pyplot as plt
with open('ran.txt', 'a') as log:
    log.write('ran ')
result = scaled(values)
print('the sum is', sum(result))
plt.plot(values, result)
plt.title('scaled');"""

CELLS = [
    "%load_ext dumbo\n%matplotlib inline\nimport sys",
    "SCALE = 3\n\ndef scaled(values):\n    return [value * SCALE for value in values]",
    "values = list(range(10))",
    DRAWING,
    "from IPython.display import HTML\nHTML(f'<b id=\"last\">{result[-1]}</b>')",
    "%dumbo deps result",
]


class Lab:
    """One notebook, open in JupyterLab."""

    def __init__(self, browser: Any, address: str, path: Path) -> None:
        self.browser = browser
        self.path = path
        browser.get(f"{address}/lab/tree/{path.name}?reset&token=secret")
        self.wait("return !!window.jupyterapp")
        self.wait(
            "const shown = jupyterapp.shell.currentWidget;"
            "return !!shown && !!shown.sessionContext && shown.context.isReady"
            " && !!shown.sessionContext.session"
            " && shown.sessionContext.session.kernel.status === 'idle'"
        )

    def wait(self, script: str, *args: Any) -> None:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                if self.browser.execute_script(script, *args):
                    return
            except Exception as error:
                if "javascript error" not in str(error):
                    raise
            assert time.monotonic() < until, f"never true: {script}"
            time.sleep(0.2)

    def command(self, name: str) -> None:
        self.browser.execute_script("jupyterapp.commands.execute(arguments[0])", name)

    def run_all(self) -> list[dict[str, Any]]:
        """Run all cells; return them with their outputs, as the file has them."""
        self.command("notebook:run-all-cells")
        return self._finished()

    def restart_and_run_all(self) -> list[dict[str, Any]]:
        self.command("notebook:restart-run-all")
        self.wait("return !!document.querySelector('.jp-Dialog .jp-mod-accept')")
        self.browser.find_element("css selector", ".jp-Dialog .jp-mod-accept").click()
        self.wait("return !document.querySelector('.jp-Dialog')")
        self.wait(_LAST + "return last.model.executionCount === null")
        return self._finished()

    def _finished(self) -> list[dict[str, Any]]:
        self.wait(_LAST + "return !!last.model.executionCount && last.model.outputs.length > 0")
        self.command("docmanager:save")
        self.wait("return !jupyterapp.shell.currentWidget.context.model.dirty")
        cells: list[dict[str, Any]] = json.loads(self.path.read_text())["cells"]
        return cells


_LAST = "const cells = jupyterapp.shell.currentWidget.content.widgets, last = cells.at(-1);"


def notebook_of(cells: list[str]) -> dict[str, Any]:
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{number}",
                "source": source,
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
            for number, source in enumerate(cells)
        ],
    }


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    # Named, so that nothing is looked for in the network.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def server(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("home")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.root_dir": folder,
        "IdentityProvider.token": "secret",
        "LabApp.expose_app_in_browser": True,
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *(f"--{name}={value}" for name, value in settings.items()),
            ],
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([str(PACKAGE), os.environ.get("PYTHONPATH", "")]),
                "HOME": str(home),
                "IPYTHONDIR": str(home / "ipython"),
                "JUPYTER_CONFIG_DIR": str(home / "config"),
                "JUPYTER_DATA_DIR": str(home / "data"),
                "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
                "DUMBO_DIR": str(home / "cache"),
                "PYTHONWARNINGS": "",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + PATIENCE
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (folder / "server.log").read_text()
            assert time.monotonic() < until, (folder / "server.log").read_text()
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def lab(browser: Any, server: str, folder: Path) -> Callable[[str, list[str]], Lab]:
    def opened(name: str, cells: list[str]) -> Lab:
        path = folder / name
        path.write_text(json.dumps(notebook_of(cells)))
        return Lab(browser, server, path)

    return opened


def figures(cell: dict[str, Any]) -> list[str]:
    return [o["data"]["image/png"] for o in cell["outputs"] if "image/png" in o.get("data", {})]


def said(cell: dict[str, Any]) -> str:
    (line,) = (o for o in cell["outputs"] if "loaded" in o.get("metadata", {}).get("dumbo", {}))
    return "".join(line["data"]["text/plain"])


def printed(cell: dict[str, Any]) -> str:
    return "".join("".join(o["text"]) for o in cell["outputs"] if o["output_type"] == "stream")


def test_after_a_restart_everything_is_loaded_and_the_figures_are_there(
    lab: Any, folder: Path
) -> None:
    page = lab("kept.ipynb", CELLS)
    first = page.run_all()
    again = page.restart_and_run_all()
    assert (folder / "ran.txt").read_text() == "ran "
    assert "stored" in said(first[3])
    assert "loaded" in said(again[3])
    assert "(values) -> result" in said(again[3])
    for cells in (first, again):
        assert printed(cells[3]) == "the sum is 135\n"
        assert len(figures(cells[3])) == 1
        assert "27" in cells[4]["outputs"][0]["data"]["text/html"][0]
        assert "image/svg+xml" in cells[5]["outputs"][0]["data"]
    assert figures(first[3]) == figures(again[3])
    (replayed,) = (o for o in again[3]["outputs"] if "image/png" in o.get("data", {}))
    assert replayed["metadata"]["dumbo"] == {"replayed": True}
    # And the reader sees it.
    seen = "return [...document.querySelectorAll('.jp-OutputArea img')].map((i) => i.naturalWidth)"
    assert any(width > 100 for width in page.browser.execute_script(seen))
    assert page.browser.find_element("id", "last").text == "27"
    if os.environ.get("DUMBO_SCREENSHOTS"):
        page.browser.save_screenshot(os.path.join(os.environ["DUMBO_SCREENSHOTS"], "kept.png"))


def test_another_notebook_of_the_same_names_gets_its_own(lab: Any, folder: Path) -> None:
    cells = [text.replace("'ran.txt'", "'other.txt'") for text in CELLS]
    cells[1] = cells[1].replace("SCALE = 3", "SCALE = 5")
    page = lab("other.ipynb", cells)
    first = page.run_all()
    assert "stored" in said(first[3])
    assert printed(first[3]) == "the sum is 225\n"
    assert (folder / "other.txt").read_text() == "ran "


def test_the_example_loads_what_took_long_and_shows_its_figure(lab: Any, folder: Path) -> None:
    examples = PACKAGE / "examples"
    shutil.copytree(examples / "atlas", folder / "atlas", dirs_exist_ok=True)
    example = json.loads((examples / "atlas.ipynb").read_text(encoding="utf-8"))
    assert not any(cell.get("outputs") for cell in example["cells"]), "outputs are not for git"
    cells = ["".join(cell["source"]) for cell in example["cells"] if cell["cell_type"] == "code"]
    assert cells[1].startswith("FILES = None")
    cells[1] = cells[1].replace("None", "40")
    # A part of the files takes less than anybody would keep.
    cells[3:5] = [text.replace("%%dumbo", "%%dumbo --keep always") for text in cells[3:5]]
    page = lab("example.ipynb", cells)
    first = page.run_all()
    again = page.restart_and_run_all()
    for before, after in zip(first[3:5], again[3:5], strict=True):
        assert "stored" in said(before)
        assert "loaded" in said(after)
        assert printed(before) == printed(after)
        assert figures(before) == figures(after)
    assert len(figures(again[4])) == 1
    assert "no branch at all" in printed(again[5])
    if os.environ.get("DUMBO_SCREENSHOTS"):
        page.browser.save_screenshot(os.path.join(os.environ["DUMBO_SCREENSHOTS"], "example.png"))
