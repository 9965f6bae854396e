"""The page of a graph: whole in itself, safe whatever the names are, and at work in a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

import dumbo
from dumbo.cli import graphs, page

NASTY = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>"

SOURCE = f'''\
RATE = 3

def helper(x):
    "{NASTY}"
    return x * RATE

class Model:
    def fit(self, x):
        return helper(x)

def price(x):
    return Model().fit(x) + x.unheard_of() + len({{}})
'''


class Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def elements(html: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Elements()
    parser.feed(html)
    return parser.tags


def data_of(html: str) -> Any:
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html)
    return json.loads(text)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("page")
    (folder / "shown_on_a_page.py").write_text(SOURCE)
    sys.path.insert(0, str(folder))
    try:
        import shown_on_a_page  # type: ignore[import-not-found]

        yield dumbo.deps(shown_on_a_page.price)
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop("shown_on_a_page", None)


def nasty() -> Any:
    found: Any = nx.DiGraph(root=NASTY, title=NASTY, standing=[NASTY], gone=[NASTY, "a\u202eb"])
    names = [NASTY, "right\u202eleft", "bell\x07", "lone \udc80", "<!--", "{{data}}", "a\u2028b"]
    for name in names:
        found.add_node(name, kind="function", name=f"{name}:{name}", file=name, line=1, digest=name)
        if name != NASTY:
            found.add_edge(NASTY, name, reference=name)
    found.add_node("l", kind="library", name=NASTY, library=NASTY)
    found.add_node("u", kind="unresolved", name=NASTY, file=NASTY, line=3)
    found.add_edge(NASTY, "l", reference=NASTY, inside=NASTY)
    found.add_edge(NASTY, "u")
    return found


# ------------------------------------------------------------------ the text


def test_the_page_needs_nothing_else(graph: Any) -> None:
    html = page.html(graph)
    for tag, attributes in elements(html):
        assert tag not in ("link", "img", "iframe", "base", "object", "embed")
        assert not {"src", "href"} & set(attributes)
    (policy,) = (a["content"] for t, a in elements(html) if "http-equiv" in a)
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert re.search(r"script-src[^;]*unsafe-inline", policy) is None


def test_every_node_has_what_there_is_to_say_of_it(graph: Any) -> None:
    data = data_of(page.html(graph))
    nodes = {node["name"]: node for node in data["nodes"]}
    assert len(nodes) == len(graph)
    helper = nodes["shown_on_a_page:helper"]
    assert helper["first"] == 3
    assert helper["source"].splitlines()[0] == "def helper(x):"
    assert NASTY in helper["source"]
    assert len(helper["digest"]) == 32
    assert helper["place"].endswith("shown_on_a_page.py:3")
    assert nodes["shown_on_a_page:RATE"]["source"] == "RATE = 3"
    assert nodes["shown_on_a_page:Model"]["source"].startswith("class Model:")
    (unresolved,) = (node for node in data["nodes"] if node["group"] == "unresolved")
    assert unresolved["here"] == 12
    assert "unheard_of" in unresolved["source"]
    ids = {node["id"] for node in data["nodes"]}
    assert {end for edge in data["edges"] for end in edge[:2]} <= ids
    assert data["root"] in ids


def test_no_name_becomes_markup_or_ends_a_script() -> None:
    html = page.html(nasty())
    assert [tag for tag, _ in elements(html)].count("script") == 4
    assert not any(tag == "img" for tag, _ in elements(html))
    (text,) = re.findall(r'id="data">(.*?)</script>', html)
    assert text.isascii()
    assert not set("<>&") & set(text)
    title = re.search(r"<title>(.*?)</title>", html)
    assert title is not None
    assert "<" not in title[1]
    for node in data_of(html)["nodes"]:
        for name, value in node.items():
            assert not isinstance(value, str) or name == "source" or value.isprintable()


def test_a_node_says_whether_it_changed(graph: Any) -> None:
    marked = graph.copy()
    graphs.mark(marked, ["shown_on_a_page:RATE", "shown_on_a_page:old"])
    states = {data["name"].partition(":")[2]: data["state"] for _, data in marked.nodes(data=True)}
    assert {name for name, state in states.items() if state == "changed"} == {"RATE"}
    assert {name for name, state in states.items() if state == "stale"} == {
        "helper",
        "Model.fit",
        "price",
    }
    data = data_of(page.html(marked))
    assert data["gone"] == ["shown_on_a_page:old"]
    assert {node["state"] for node in data["nodes"]} == {"changed", "stale", "fresh"}


def test_where_nothing_is_recorded_nothing_is_said(graph: Any) -> None:
    marked = graph.copy()
    graphs.mark(marked, None)
    assert data_of(page.html(marked))["standing"] is None
    assert not any("state" in data for _, data in marked.nodes(data=True))


def test_what_comes_with_the_page_comes_with_its_licence() -> None:
    vendor = Path(page.__file__).parent / "assets" / "vendor"
    for script in vendor.glob("*.js"):
        licence = vendor / f"LICENSE.{script.name.removesuffix('.min.js')}"
        assert "Permission is hereby granted" in licence.read_text(encoding="utf-8")
        assert script.name in (vendor / "README.md").read_text(encoding="utf-8")


# ------------------------------------------------------------------ in a browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1300,900"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("needs chromium and chromedriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS.split():
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # Named, so that nothing is looked for in the network.
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def opened(browser: Any, graph: Any, folder: Path) -> None:
    file = folder / "page.html"
    file.write_text(page.html(graph), encoding="utf-8")
    browser.get_log("browser")
    browser.get(file.as_uri())
    wait(browser, "return document.documentElement.dataset.ready === 'yes'")


def wait(browser: Any, script: str) -> None:
    until = time.monotonic() + 30
    while not browser.execute_script(script):
        assert time.monotonic() < until, f"never true: {script}"
        time.sleep(0.05)


def click(browser: Any, name: str) -> None:
    """Click a node on the canvas, where it is drawn."""
    from selenium.webdriver.common.action_chains import ActionChains  # type: ignore[import-not-found, unused-ignore]

    x, y = browser.execute_script(
        """
        const id = page.data.nodes.find((node) => node.name === arguments[0]).id;
        const at = page.cy.getElementById(id).renderedPosition();
        const box = document.getElementById("graph").getBoundingClientRect();
        return [at.x - box.width / 2, at.y - box.height / 2];
        """,
        name,
    )
    canvas = browser.find_element("id", "graph")
    ActionChains(browser).move_to_element_with_offset(canvas, x, y).click().perform()


def panel(browser: Any) -> str:
    text: str = browser.find_element("id", "panel").text
    return text


def complaints(browser: Any) -> list[str]:
    return [line["message"] for line in browser.get_log("browser")]


def test_a_click_shows_source_digest_callers_and_callees(
    browser: Any, graph: Any, tmp_path: Path
) -> None:
    opened(browser, graph, tmp_path)
    assert panel(browser) == ""
    click(browser, "shown_on_a_page:helper")
    wait(browser, "return document.getElementById('panel').textContent !== ''")
    shown = panel(browser)
    assert shown.startswith("shown_on_a_page:helper")
    assert "return x * RATE" in shown
    assert graph.nodes["shown_on_a_page:helper"]["digest"] in shown
    callers, callees = (part.lower() for part in shown.split("USERS (1)")[1].split("USES (1)"))
    assert "model.fit" in callers
    assert "rate" in callees
    # And from there on, along the callers.
    browser.find_element("css selector", "#panel li button").click()
    assert panel(browser).startswith("shown_on_a_page:Model.fit")
    assert complaints(browser) == []
    assert "owned" not in browser.title


def test_a_search_finds_and_goes_there(browser: Any, graph: Any, tmp_path: Path) -> None:
    opened(browser, graph, tmp_path)
    query = browser.find_element("id", "query")
    query.send_keys("shown rate")
    assert browser.find_element("id", "hits").text == f"1 of {len(graph)}"
    query.send_keys("\n")
    assert panel(browser).startswith("shown_on_a_page:RATE")
    assert browser.execute_script("return page.cy.nodes('.hit').length") == 1


def test_kinds_can_be_hidden_and_the_view_moved(browser: Any, graph: Any, tmp_path: Path) -> None:
    opened(browser, graph, tmp_path)
    visible = "return page.cy.nodes(':visible').length"
    assert browser.execute_script(visible) == len(graph)
    libraries = sum(data["kind"] == "library" for _, data in graph.nodes(data=True))
    browser.find_element("css selector", "[data-group=library]").click()
    assert browser.execute_script(visible) == len(graph) - libraries
    before = browser.execute_script("return page.cy.zoom()")
    browser.find_element("id", "in").click()
    assert browser.execute_script("return page.cy.zoom()") > before
    click(browser, "shown_on_a_page:helper")
    browser.find_element("id", "near").click()
    assert 1 < browser.execute_script(visible) < len(graph)
    assert complaints(browser) == []


def test_names_that_look_like_markup_are_shown_as_they_are(browser: Any, tmp_path: Path) -> None:
    opened(browser, nasty(), tmp_path)
    browser.execute_script("page.select(page.data.root)")
    assert NASTY in panel(browser)
    assert (
        browser.execute_script("return document.querySelectorAll('img, #panel script').length") == 0
    )
    assert complaints(browser) == []
    assert not browser.title.startswith("owned")


def test_where_arrows_lead_to_users_they_are_called_so(
    browser: Any, graph: Any, tmp_path: Path
) -> None:
    turned = graph.reverse()
    turned.graph.update(reverse=True, root="shown_on_a_page:RATE")
    opened(browser, turned, tmp_path)
    click(browser, "shown_on_a_page:helper")
    wait(browser, "return document.getElementById('panel').textContent !== ''")
    users, uses = (part.lower() for part in panel(browser).split("USERS (1)")[1].split("USES (1)"))
    assert "model.fit" in users
    assert "rate" in uses
    assert "Arrows lead to what depends" in browser.find_element("id", "legend").text


def test_a_graph_of_thousands_is_drawn(browser: Any, tmp_path: Path) -> None:
    large: Any = nx.gn_graph(2_000, seed=1).reverse()
    nx.relabel_nodes(large, {n: f"m:f{n}" for n in large}, copy=False)
    nx.set_node_attributes(large, "function", "kind")
    large.graph["root"] = "m:f0"
    opened(browser, large, tmp_path)
    boxes = browser.execute_script(
        "return page.cy.nodes().map((n) => [n.position().x, n.position().y].join())"
    )
    assert len(set(boxes)) == 2_000, "each has a place of its own"
    query = browser.find_element("id", "query")
    query.send_keys("f1999\n")
    assert panel(browser).startswith("m:f1999")
    assert complaints(browser) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_reader(scheme: str, browser: Any, graph: Any, tmp_path: Path) -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    opened(browser, graph, tmp_path)
    colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", colour)[:3])) > 384) is (scheme == "light")
    label = browser.execute_script("return page.cy.nodes('.data').style('color')")
    assert (sum(map(int, re.findall(r"\d+", label)[:3])) > 384) is (scheme == "dark")
    if keep := os.environ.get("DUMBO_SCREENSHOTS"):  # to look at
        browser.save_screenshot(os.path.join(keep, f"{scheme}.png"))
