"""The direction of imports: lower layers know nothing of higher ones, the hot road is light.

The table is the architecture. A new module gets a row here, or falls under its folder's.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dumbo"

LAYERS = {
    "dumbo.errors": 0,
    "dumbo.config": 0,
    "dumbo.switches": 0,
    "dumbo.net": 0,
    "dumbo.clocks": 0,
    "dumbo.forks": 0,
    "dumbo.depth": 0,
    "dumbo.durations": 0,
    "dumbo.logs": 0,
    "dumbo.names": 0,
    "dumbo.parsing": 0,
    "dumbo.randomness.root_seed": 0,
    "dumbo.randomness.sampling": 0,
    "dumbo.memory": 1,
    "dumbo.arguments": 0,
    "dumbo.by": 0,
    "dumbo.answers.brief": 1,
    "dumbo.tracing": 1,
    "dumbo.decision": 1,
    "dumbo.arguments.sharing": 1,
    "dumbo.arguments.signature": 1,
    "dumbo.persistence": 2,
    "dumbo.explain": 2,
    "dumbo.*": 3,  # memo.py, and what it is cut into
    "dumbo.cli": 4,
    "dumbo.cli.graphs": 2,  # a graph as text, which notebooks show too
    "dumbo.cli.text": 2,
    "dumbo.cli.tree": 2,
    "dumbo.notebook": 4,
    "dumbo.editing": 4,
    "dumbo.pytest_plugin": 4,
    "dumbo.testing": 4,
    "dumbo.lockfile": 4,
    "dumbo.lockfile.compare": 1,
    "dumbo.lockfile.form": 0,
    "dumbo.lockfile.report": 2,
    "dumbo.lockfile.syntax": 0,
    "dumbo.__main__": 4,
    "dumbo": 4,
}

# Taking any of these costs milliseconds; `import dumbo` and a hit have none to give.
HEAVY = {
    "asyncio",
    "bytecode",
    "click",
    "cloudpickle",
    "dataclasses",
    "enum",
    "importlib.metadata",
    "inspect",
    "json",
    "logging",
    "networkx",
    "numpy",
    "pandas",
    "pathlib",
    "pickle",
    "re",
    "sqlite3",
    "tomllib",
    "typing",
    "uuid",
}


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def layer(module: str) -> int:
    name = module
    while name not in LAYERS:
        name = name.rpartition(".")[0]
        if name == "dumbo":
            name = "dumbo.*"
    return LAYERS[name]


def imports(path: Path, *, only_when_imported: bool = False) -> set[str]:
    """The modules that a file imports; without those for type checkers only."""
    found: set[str] = set()
    todo: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo.extend(node.orelse)
            continue
        if only_when_imported and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide the layer"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            inner = {name for name in names if name in MODULES}
            found.update(inner or {str(node.module)})
        todo.extend(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    used = {name for name in imports(MODULES[module]) if name in MODULES}
    assert {name for name in used if layer(name) > layer(module)} == set()


def test_every_row_of_the_table_stands_for_a_module() -> None:
    assert {name for name in LAYERS if name not in MODULES} == {"dumbo.*"}


def test_no_module_imports_itself_in_a_circle_when_it_is_imported() -> None:
    graph = {
        name: {used for used in imports(path, only_when_imported=True) if used in MODULES}
        for name, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for used in sorted(graph[name]):
                visit(used, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def loaded(code: str) -> set[str]:
    """The modules that a fresh process has after *code*, and had not before."""
    program = (
        f"import sys; before = set(sys.modules)\n{code}\nprint(*sorted(set(sys.modules) - before))"
    )
    # -I -S: neither site customisations nor the environment may import anything.
    path = f"import sys; sys.path[:0] = {[str(PACKAGE.parent), *sys.path]!r}\n"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", path + program], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return set(ran.stdout.split())


def test_import_dumbo_takes_nothing_heavy() -> None:
    assert loaded("import dumbo") & HEAVY == set()


def test_import_dumbo_takes_nothing_of_the_command_line() -> None:
    assert {name for name in loaded("import dumbo") if name.startswith("dumbo.cli")} == set()


def test_the_command_line_starts_without_click_until_it_runs() -> None:
    assert "click" not in loaded("import dumbo.cli")


# What tracing needs is not needed where nothing changed.
NOT_FOR_A_HIT = {"bytecode", "cloudpickle", "networkx", "numpy", "pandas", "inspect", "click"}
NOT_FOR_A_HIT |= {"contextlib", "dumbo.persistence.saving", "dumbo.persistence.drafts"}
NOT_FOR_A_HIT |= {"dumbo.persistence.fidelity", "dumbo.keeping.storing", "dumbo.keeping.rapid"}

PROGRAM = """
import sys
from dumbo import memo

def helper(x):
    return x + 1

@memo(keep="always")
def f(x):
    print("computed")
    return helper(x)

class Model:
    rate = 3

    @memo(keep="always")
    def fit(self, data):
        print("computed")
        return [helper(x) * self.rate for x in data]

assert f(1) == 2
assert Model().fit([1, 2]) == [6, 9]
print(*sys.modules)
"""


def test_a_hit_in_a_fresh_process_takes_nothing_that_only_tracing_needs(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-S", str(program)],
            env={
                "PYTHONPATH": os.pathsep.join([str(PACKAGE.parent), *sys.path]),
                "DUMBO_DIR": str(tmp_path / "cache"),
            },
            capture_output=True,
            text=True,
        )

    first, second = run(), run()
    assert first.returncode == 0, first.stderr
    assert first.stdout.split()[:2] == ["computed", "computed"]
    assert (second.returncode, second.stderr) == (0, "")
    modules = set(second.stdout.split())
    assert "computed" not in modules
    assert modules & NOT_FOR_A_HIT == set()
