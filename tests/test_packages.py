"""Real packages as user code: what dumbo says a result depends on holds every function that ran.

What ran is told by a recorder of its own, which knows nothing of dumbo. Nested functions count as
a part of the function in whose body they stand, whose digest has their code.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is of 3.12")

CALLS = {
    "toolz": """
        import toolz
        def words(text):
            return toolz.groupby(len, toolz.unique(text.split()))
        def counts(text):
            return toolz.valmap(len, toolz.keyfilter(str.isalpha, toolz.groupby(str.upper, text)))
        def nested(data):
            return toolz.update_in(toolz.assoc_in(data, ["a", "b"], 3), ["a", "c"], lambda x: 7)
        def by_name(name, *arguments):
            result = pkgutil.resolve_name("toolz:" + name)(*arguments)
            return result if isinstance(result, (dict, int)) else list(result)
        CALLS = [
            (words, "to be or not to be"), (counts, "tattle"), (nested, {"x": 1}),
            (by_name, "sliding_window", 2, [1, 2, 3]), (by_name, "frequencies", "abca"),
            (by_name, "merge_sorted", [1, 3], [2, 4]), (by_name, "partition_all", 2, [1, 2, 3]),
        ]
    """,
    "markdown": """
        import markdown, markdown.util, markdown.serializers, markdown.extensions.toc
        def by_name(name, *arguments):
            return pkgutil.resolve_name("markdown." + name)(*arguments)
        def parts(name, value):
            return pkgutil.resolve_name("markdown." + name)(value) is None
        def document(texts):
            from xml.etree import ElementTree
            root = ElementTree.Element("div")
            for text in texts:
                ElementTree.SubElement(root, "p").text = text
            return pkgutil.resolve_name("markdown.serializers:to_xhtml_string")(root)
        CALLS = [
            (by_name, "extensions.toc:slugify", "A title & more", "-"),
            (by_name, "util:parseBoolValue", "yes"),
            (document, ["one & two", "<three>"]), (parts, "util:AtomicString", "text"),
            (by_name, "util:code_escape", "a < b"),
        ]
    """,
    "jsonschema": """
        import jsonschema, jsonschema._types, jsonschema._utils, jsonschema._format
        def equal(one, two):
            return jsonschema._utils.equal(one, two)
        def typed(value, kind):
            return jsonschema.Draft7Validator.TYPE_CHECKER.is_type(value, kind)
        def by_name(name, *arguments):
            return bool(pkgutil.resolve_name("jsonschema." + name)(*arguments))
        CALLS = [
            (equal, {"a": [1, 2]}, {"a": [1, 2]}), (typed, 3, "number"), (typed, {}, "object"),
            (by_name, "_utils:uniq", [1, [2], {"a": 3}]), (by_name, "_utils:unbool", True),
            (by_name, "_format:is_ipv4", "127.0.0.1"), (by_name, "_format:is_email", "a@b"),
        ]
    """,
    "lark": """
        import lark, lark.tree, lark.utils, lark.grammar
        def pretty(depth):
            tree = lark.Tree("leaf", [1])
            for level in range(depth):
                tree = lark.Tree(f"level{level}", [tree, level])
            return tree.pretty()
        def by_name(name, *arguments):
            return repr(pkgutil.resolve_name("lark." + name)(*arguments))
        CALLS = [
            (pretty, 3), (by_name, "utils:get_regexp_width", "a+b?"),
            (by_name, "utils:dedup_list", [1, 2, 1]), (by_name, "lexer:Token", "A", "text"),
            (by_name, "grammar:Rule", "origin", ["one", "two"]),
        ]
    """,
}

RECORDER = """
import json, pkgutil, sys
import dumbo
from dumbo import memo

def recorded(package, function, arguments):
    root = package.__path__[0]
    monitoring, seen = sys.monitoring, {}
    def started(code, offset):
        if code.co_filename.startswith(root) and code.co_flags & 1:
            seen[id(code)] = code
    monitoring.use_tool_id(4, "recorder")
    monitoring.register_callback(4, monitoring.events.PY_START, started)
    monitoring.set_events(4, monitoring.events.PY_START)
    try:
        function(*arguments)
    finally:
        monitoring.set_events(4, 0)
        monitoring.free_tool_id(4)
    return seen

def within(code):
    yield id(code)
    for constant in code.co_consts:
        if type(constant) is type(code):
            yield from within(constant)

def told(package):
    for function, *arguments in CALLS:
        seen = recorded(package, function, arguments)
        memoized = memo(keep="always")(function)
        memoized(*arguments)
        entry = memoized.get_entry(*arguments)
        graph = dumbo.deps(memoized, arguments, observed=True)
        static = dumbo.deps(memoized, arguments)
        held, foreseen = [
            {one for _, code in part.nodes(data="code") if code for one in within(code)}
            for part in (graph, static)
        ]
        yield {
            "call": [function.__name__, repr(arguments)],
            "stored": entry is not None,
            "why": memoized.why(*arguments),
            "ran": len(seen),
            "missing": [code.co_qualname for key, code in seen.items() if key not in held],
            "unforeseen": [code.co_qualname for key, code in seen.items() if key not in foreseen],
        }
"""


@pytest.mark.parametrize("package", CALLS)
def test_what_a_result_depends_on_holds_every_function_that_ran(
    tmp_path: Path, package: str
) -> None:
    pytest.importorskip(package)
    (tmp_path / "work.py").write_text(RECORDER + textwrap.dedent(CALLS[package]))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import json, work, {package}; print(json.dumps(list(work.told({package}))))",
        ],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent.parent),
            "DUMBO_DIR": str(tmp_path / "cache"),
            "DUMBO_USER_PACKAGES": package,
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    print(json.dumps(told, indent=1))
    stored = [one for one in told if one["stored"]]
    assert len(stored) == len(told), [one for one in told if not one["stored"]]
    assert [one for one in stored if one["missing"]] == []
    assert sum(one["ran"] for one in stored) >= len(stored)
    assert any(one["unforeseen"] for one in stored)  # or observation would not be needed
