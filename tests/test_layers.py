"""Who may import whom: rooms before and one's own, never in a circle; each library has its place."""

import ast
import graphlib

import pytest
from paths import ROOT

PACKAGE = ROOT / "signjax"
ROOMS = [
    "errors",
    "seeds",
    "limits",
    "io",
    "pose",
    "rendering",
    "demo",
    "models",
    "text",
    "data",
    "lexicon",
    "metrics",
    "training",
    "configs",
    "inference",
    "tasks",
    "evaluation",
    "export",
    "compat",
    "displacements",
    "benchmarks",
    "cli",
    "main",
    "sample",
    "evaluate",
    "tools",
    "__main__",
]
LEVEL = {room: level for level, room in enumerate(ROOMS)}
COMMANDS = ROOMS[ROOMS.index("cli") :]


def name_of(path):
    """signjax/data/clip_files.py is "data.clips", signjax/data/__init__.py "data"."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


MODULES = {
    name_of(p): ast.parse(p.read_text()) for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py"
}


def imports(tree):
    """Dotted names of all that a module imports: "jax", "absl.flags", "signjax.data.clip_files"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            yield from (f"{node.module}.{a.name}" for a in node.names)


# A clip reads, saves and shows itself in one word, and a run saves itself; these imports wait for the call.
LATE = {
    "pose.clip": {"data.read_clip", "export.clips", "rendering.figure", "rendering.html_player"},
    "inference.hub": {"export.hub_folder"},
}


def own_imports(name):
    """The modules of signjax that module `name` imports, but for those that wait."""
    yield from (dep for dep in all_imports(name) if dep not in LATE.get(name, ()))


def all_imports(name):
    """The modules of signjax that module `name` imports, inside functions, too."""
    for full in imports(MODULES[name]):
        parts = full.split(".")[1:] if full.startswith("signjax.") else []
        modules = [".".join(parts[:n]) for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in MODULES]
        yield from modules[:1]


def importers(library):
    """The modules that import a library or a part of it."""
    return {m for m, tree in MODULES.items() if any(f"{i}.".startswith(f"{library}.") for i in imports(tree))}


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_down(name):
    unit = name.partition(".")[0]
    assert unit in LEVEL, f"give signjax/{unit} a room in this test"
    for dep in own_imports(name):
        assert LEVEL[dep.partition(".")[0]] <= LEVEL[unit], f"{name} may not import {dep}"


def test_imports_that_wait_are_in_functions():
    for name, late in LATE.items():
        at_start = ast.Module([node for node in MODULES[name].body if not isinstance(node, ast.ClassDef)], [])
        assert late <= set(all_imports(name))
        assert not any(f"signjax.{dep}" in f"{full}." for full in imports(at_start) for dep in late)


def test_no_import_circles():
    graphlib.TopologicalSorter({name: set(own_imports(name)) - {name} for name in MODULES}).prepare()


def test_libraries_have_their_place():
    assert importers("grain") <= {"data.loader"}
    assert importers("orbax") <= {"training.checkpoint"}
    for library in ("absl.app", "ml_collections.config_flags"):
        assert not importers(library), "commands parse with argparse"
    # grain reads flags of its own: they have to be marked as parsed
    assert importers("absl.flags") <= {"data.loader"}
    assert {m.partition(".")[0] for m in importers("argparse")} <= set(COMMANDS)


def test_only_sharding_builds_meshes():
    for name, tree in MODULES.items():
        called = {ast.unparse(n.func).rpartition(".") for n in ast.walk(tree) if isinstance(n, ast.Call)}
        made = [c for c in called if c[2] in ("make_mesh", "Mesh") and c[0] != "sharding"]
        assert not made or name == "training.sharding", (
            f"{name} builds a mesh; signjax.training.sharding does that"
        )


def test_data_knows_no_jax():
    reached, todo = set(), [m for m in MODULES if m.partition(".")[0] == "data"]
    while todo:
        reached.add(todo[-1])
        todo += set(own_imports(todo.pop())) - reached
    for library in ("jax", "flax", "optax"):
        assert not reached & importers(library), f"data workers would import {library}"


def test_commands_without_jax_reach_none():
    """The machine is not asked whether it has room for JAX before they start."""
    without = {name for name, tree in MODULES.items() if "run_without_jax" in ast.unparse(tree)}
    assert len(without) > 5
    for name in without - {"cli.command"}:
        reached, todo = set(), [name]
        while todo:
            reached.add(todo[-1])
            todo += set(own_imports(todo.pop())) - reached
        assert not reached & (importers("jax") | importers("flax")), name
