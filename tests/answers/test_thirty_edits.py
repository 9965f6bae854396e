"""Thirty edits of the example: after each, `why` names what was edited, and the way to it.

The stages of `examples/atlas` are stored once for a few sources. Each edit is made in a copy that
is loaded anew; what is expected is written down beside it by hand.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from dumbo.answers.why import Why
from tests.edited import Edited

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "atlas"

# What only those know who have read how dumbo works, or how Python does.
JARGON = (
    "account", "ast", "blob", "bytecode", "closure", "codec", "digest", "edge", "fingerprint",
    "guard", "hash", "identity", "instruction", "lowered", "marshal", "node", "ordinal", "pickle",
    "program", "recipe", "replay", "shape", "specialis", "trace", "transitive", "verdict",
)  # fmt: skip


class Edit(NamedTuple):
    stage: str  # that is asked
    file: str
    before: str
    after: str
    kind: str
    path: str  # from the stage to what changed
    words: str  # of the sentence


OUTLINE, MEASURE, RELATE, RANK = "outline.py", "measure.py", "relate.py", "rank.py"
EDITS = [
    # the stage itself
    Edit("outline", OUTLINE, "Outline(fault=str(fault))", "Outline(fault=repr(fault))",
         "code", "outline:outline", "itself changed: `return Outline(fault=str(fault))` is now"),
    Edit("measure", MEASURE, "/ 1e6}", "/ 1e9}",
         "code", "measure:measure", "measure:measure itself changed"),
    Edit("relate", RELATE, "for name in sorted(library)\n", "for name in library\n",
         "code", "relate:relate", "`for name in sorted(library)` is now `for name in library`"),
    Edit("twins", RELATE, "common < 4", "common < 5",
         "code", "relate:twins", "relate:twins itself changed"),
    Edit("rank", RANK, "round(risk(row), 1)", "round(risk(row), 2)",
         "code", "rank:rank", "rank:rank itself changed"),
    Edit("twins", RELATE, "        if share >= ALIKE:\n", "        if share >= ALIKE and left:\n",
         "code", "relate:twins", "is now `if share >= ALIKE and left:`"),
    # a helper
    Edit("outline", OUTLINE, "cost += len(node.values) - 1", "cost += len(node.values)",
         "code", "outline:outline > outline:tangle", "which atlas.outline:outline uses"),
    Edit("outline", OUTLINE, 'f"{name}."', 'f"{name}/"',
         "code", "outline:outline > outline:_functions", "_functions, which"),
    Edit("outline", OUTLINE, "alias.name, ())", "alias.asname, ())",
         "code", "outline:outline > outline:_imports", "_imports, which"),
    Edit("measure", MEASURE, "len(operators) / 2 *", "len(operators) / 3 *",
         "code", "measure:measure > measure:effort", "changed: `difficulty ="),
    Edit("measure", MEASURE, "return token.type in _OPERANDS", "return token.type not in _OPERANDS",
         "code", "measure:measure > measure:is_operand", "measure:is_operand, which"),
    Edit("relate", RELATE, "name: value / pairs", "name: 100 * value / pairs",
         "code", "relate:relate > relate:betweenness", "relate:betweenness, which"),
    Edit("relate", RELATE, "return seen - {start}", "return seen",
         "code", "relate:relate > relate:reachable", "`return seen - {start}` is now"),
    Edit("relate", RELATE, "needed.get(candidate, False) or early", "early",
         "code", "relate:relate > relate:targets", "relate:targets, which"),
    Edit("relate", RELATE, "for other in (user, *users[user])}", "for other in users[user]}",
         "code", "relate:relate > relate:near", "relate:near, which"),
    Edit("twins", RELATE, "/ len(smallest)", "/ max(1, len(smallest))",
         "code", "relate:twins > relate:likeness", "relate:likeness, which"),
    Edit("rank", RANK, '10 * row["bridge"]', '20 * row["bridge"]',
         "code", "rank:rank > rank:risk", "rank:risk, which atlas.rank:rank uses, changed"),
    # a helper of a helper
    Edit("outline", OUTLINE, "return 1 + depth", "return 1 + 2 * depth",
         "code", "outline:outline > outline:tangle > outline:branch_cost",
         "which atlas.outline:outline uses through atlas.outline:tangle"),
    Edit("outline", OUTLINE, "{node.value!r}", "{node.value}",
         "code", "outline:outline > outline:sketch > outline:_word",
         "through atlas.outline:sketch, changed"),
    Edit("relate", RELATE, "distance[name] + 1\n                paths[other] = 0",
         "distance[name] + 2\n                paths[other] = 0",
         "code", "relate:relate > relate:betweenness > relate:_shortest_paths",
         "through atlas.relate:betweenness"),
    Edit("relate", RELATE, 'return name.rpartition(".")[0]', 'return name.partition(".")[0]',
         "code", "relate:relate > relate:_parent", "relate:_parent, which"),
    Edit("relate", RELATE, "for end in range(len(parts))]", "for end in range(1, len(parts))]",
         "code", "relate:relate > relate:targets > relate:_ancestors",
         "through atlas.relate:targets"),
    # of another module
    Edit("relate", "sources.py", '"idle_test") for', '"idle") for',
         "code", "relate:relate > sources:is_test", "atlas.sources:is_test, which"),
    # a value
    Edit("outline", OUTLINE, "SHINGLE = 6", "SHINGLE = 7",
         "value", "outline:outline > outline:sketch > outline:SHINGLE", "was 6 and is 7"),
    Edit("outline", OUTLINE, "SMALLEST = 60", "SMALLEST = 50",
         "value", "outline:outline > outline:sketch > outline:SMALLEST", "was 60 and is 50"),
    Edit("twins", RELATE, "ALIKE = 0.7", "ALIKE = 0.8",
         "value", "relate:twins > relate:ALIKE", "was 0.7 and is 0.8"),
    Edit("measure", MEASURE, "(tokenize.NUMBER, tokenize.STRING)", "(tokenize.NUMBER,)",
         "value", "measure:measure > measure:is_operand > measure:_OPERANDS", "and is (2,)"),
    Edit("outline", OUTLINE, "ast.Raise)", "ast.Raise, ast.Return)",
         "value", "outline:outline > outline:tangle > outline:_JUMPS", "outline:_JUMPS, which"),
    # what a name stands for
    Edit("outline", OUTLINE, "import zlib\n", "import binascii as zlib\n",
         "library", "outline:outline > outline:sketch", "where it used zlib:crc32"),
    Edit("outline", OUTLINE, "zlib.crc32(", "zlib.adler32(",
         "code", "outline:outline > outline:sketch", "is now `zlib.adler32("),
]  # fmt: skip


class Stages:
    """The example in a folder, and calls of its stages that are stored."""

    def __init__(self, program: Edited) -> None:
        self.program = program
        self.calls: dict[str, tuple[Any, ...]] = {}

    def load(self) -> dict[str, Any]:
        self.program.load("atlas.__main__")
        modules = sys.modules
        return dict(modules["atlas.__main__"].STAGES)

    def store(self) -> None:
        stages = self.load()
        names = ["ast", "json.decoder", "json.encoder", "json", "test.test_json"]
        sources = {name: _source(name) for name in names}
        outlines = {name: stages["outline"].recompute(text) for name, text in sources.items()}
        library = {name: text for name, text in sources.items() if "test" not in name}
        measures = {name: stages["measure"].recompute(text) for name, text in library.items()}
        imports = {name: found.imports for name, found in outlines.items()}
        relations = stages["relate"].recompute(imports)
        sketches = {name: found.sketches for name, found in outlines.items()}
        pairs = stages["twins"].recompute(sketches)
        tangles = {name: found.tangle for name, found in outlines.items()}
        stages["rank"].recompute(tangles, measures, relations, pairs)
        self.calls = {
            "outline": (sources["ast"],),
            "measure": (sources["ast"],),
            "relate": (imports,),
            "twins": (sketches,),
            "rank": (tangles, measures, relations, pairs),
        }

    def why(self, stage: str) -> Why:
        answer: Why = self.load()[stage].why(*self.calls[stage])
        return answer


def _source(name: str) -> bytes:
    # Small and the same on every Python.
    lines = [f"import {other}" for other in ("ast", "json", "json.decoder") if other != name]
    body = "\n".join([f"    if a{n} and b:\n        return [a{n}, {n}]" for n in range(20)])
    return "\n".join([*lines, "def f(b, **k):", body, ""]).encode()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    folder = tmp_path_factory.mktemp("thirty")
    shutil.copytree(EXAMPLE, folder / "program" / "atlas", ignore=_no_caches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DUMBO_DIR", str(folder / "cache"))
        program = Edited(folder / "program", patch)
        stages = Stages(program)
        stages.store()
        yield stages
        program.forget()


@pytest.fixture
def stages(stored: Stages, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stages]:
    """The stages, with the files as they were after each test."""
    folder = stored.program.folder
    monkeypatch.setenv("DUMBO_DIR", str(folder.parent / "cache"))
    yield stored
    for file in EXAMPLE.glob("*.py"):
        shutil.copy(file, folder / "atlas" / file.name)


def _no_caches(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


def test_there_are_thirty_and_all_of_them_differ() -> None:
    assert len({(edit.file, edit.before, edit.after) for edit in EDITS}) == 30


def test_without_an_edit_all_stages_are_hits(stages: Stages) -> None:
    assert {stage: stages.why(stage).code for stage in stages.calls} == dict.fromkeys(
        stages.calls, "hit"
    )


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.stage}: {edit.after[:30]!r}")
def test_an_edit_is_named_with_the_way_to_it(stages: Stages, edit: Edit) -> None:
    stages.program.replace(f"atlas/{edit.file}", edit.before, edit.after)
    why = stages.why(edit.stage)
    first = why.changes[0]
    path = [f"atlas.{name}" for name in edit.path.split(" > ")] if edit.path else []
    assert first.kind == edit.kind, why
    assert list(first.path)[: len(path)] == path, why
    assert edit.kind == "library" or list(first.path) == path, why
    assert edit.words in why
    assert [change.name for change in why.changes[1:]] == []
    _reads_well(why)
    if edit.kind == "code":
        plus = [line[1:].strip() for line in why.diff().splitlines() if line.startswith("+ ")]
        wanted = edit.after.strip().splitlines()[0]
        assert any(wanted in line or line in wanted for line in plus), why.diff()


def _reads_well(why: Why) -> None:
    sentence = re.sub(r"`[^`]*`", "", why.reason).lower()  # the user's lines are not ours
    for change in why.changes:
        for name in (*change.path, change.before, change.after):
            sentence = sentence.replace(name.lower(), "")
    assert why.startswith("no entry: ")
    assert "\n" not in why
    for word in JARGON:
        assert not re.search(rf"\b{word}", sentence), f"{word!r} in {why}"


IN_THE_DOCS = [17, 23, 28]


@pytest.mark.parametrize("number", IN_THE_DOCS)
def test_the_docs_show_what_is_said_word_for_word(stages: Stages, number: int) -> None:
    edit = EDITS[number]
    stages.program.replace(f"atlas/{edit.file}", edit.before, edit.after)
    text = (ROOT / "docs" / "why.md").read_text(encoding="utf-8")
    shown = " ".join(text.replace("\n> ", " ").split())
    assert " ".join(stages.why(edit.stage).reason.split()) in shown
