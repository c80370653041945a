"""The memory command: planted leaks are found, a family without is flat; what a reading says."""

import concurrent.futures
import json
import pathlib

import engine_toy
import jax.numpy as jnp
import numpy as np
import pytest
from paths import ROOT

from signjax.benchmarks import memory_growth, memory_plot, process_memory, smoke_runs, tiny_configs
from signjax.tools import memory

FAMILY = """
import dataclasses, engine_toy, jax, jax.numpy as jnp, numpy as np
from signjax.benchmarks import smoke_runs
engine_toy.install()
smoke_runs.FAMILIES.pop("toy", None)
get_config, hooks, kept = engine_toy.get_config, engine_toy.HOOKS, []
"""
LEAKS = {
    "flat": "",
    "keeps": "hooks['batch'] = lambda number: kept.append((np.ones(1_000_000, np.uint8), jnp.zeros(())))",
    "programs": "hooks['batch'] = lambda number: number % 5 or jax.jit(lambda x: x + number)(1.0)",
    "lengths": """
total = jax.jit(jnp.sum)
smoke_runs.FAMILIES["toy"] = None

@dataclasses.dataclass
class Signer:
    checks_letters: bool = True

    def generate(self, texts, **_):
        return total(np.zeros(len(texts[0])))

smoke_runs.load_text_to_pose = lambda _: Signer()
""",
}


@pytest.fixture
def families(tmp_path, monkeypatch):
    """A folder with configs/ of the toy task with leaks, as the working folder."""
    (tmp_path / "configs").mkdir()
    for name, leak in LEAKS.items():
        (tmp_path / f"configs/{name}.py").write_text(FAMILY + leak)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def here(monkeypatch, compile_quickly):
    """Rehearsals in threads of this process, to be quick."""
    monkeypatch.setattr(smoke_runs, "_start_process", lambda: concurrent.futures.ThreadPoolExecutor(1))
    monkeypatch.setattr(smoke_runs.process, "enable_compile_cache", lambda folder: None)
    monkeypatch.setitem(engine_toy.HOOKS, "batch", engine_toy.HOOKS["batch"])


@pytest.mark.parametrize("name, leak", [
    pytest.param("programs", "15 programs compiled", marks=pytest.mark.extended),
    pytest.param("lengths", "15 programs compiled", marks=pytest.mark.slow),
])  # fmt: skip
def test_compiling_on_is_found(families, here, capsys, name, leak):
    assert memory.main(["--steps=100", f"--family={name}", "--out=out"]) == 1
    output = capsys.readouterr()
    assert output.err.startswith(f"error: {name} leaks: ") and output.err.count("\n") == 1
    assert leak in output.err
    assert "leaks" in output.out and output.out.count("        step ") == 10


@pytest.mark.slow
def test_a_flat_family_passes_beside_one_that_keeps_arrays(families, capsys):
    """In processes of their own, as a user has it."""
    for name in LEAKS.keys() - {"flat", "keeps"}:
        (families / f"configs/{name}.py").unlink()
    assert memory.main(["--steps=100", "--out=out"]) == 1
    output = capsys.readouterr()
    assert output.err.startswith("error: keeps leaks: resident memory +") and output.err.count("\n") == 1
    assert "number of live arrays +" in output.err
    report = json.loads((families / "out/memory.json").read_text())
    assert [report[name]["flat"] for name in ("flat", "keeps")] == [True, False]
    rows = report["flat"]["rows"]
    assert len(rows) == 20 and rows[-1]["step"] == 100 and rows[-1]["compiled"] > 3
    kept = [row["arrays"] - flat["arrays"] for row, flat in zip(report["keeps"]["rows"], rows, strict=True)]
    assert np.diff(kept).tolist() == [5] * 19  # one a step
    assert (families / "out/memory.png").read_bytes()[1:4] == b"PNG"


def readings(**quantities):
    """Twenty rows in which all is level but what is given."""
    level = {"resident": 400.0, "heap": 100.0, "live": 1.0, "arrays": 200, "compiled": 9}
    rows = [level | {name: values[k] for name, values in quantities.items()} for k in range(20)]
    return [(5 * k + 5, process_memory.MemoryReading(**row)) for k, row in enumerate(rows)]


def test_what_is_flat():
    ramp = np.arange(20)
    assert memory_growth.describe_leak("x", readings()) is None
    assert (
        memory_growth.describe_leak("x", readings(resident=400 + 0.39 * ramp)) is None
    )  # 0.98 % from row 7 to row 17
    assert memory_growth.describe_leak("x", readings(resident=500 - ramp, heap=np.full(20, np.nan))) is None
    assert (
        memory_growth.describe_leak(
            "x", readings(compiled=np.minimum(ramp, 4), live=np.where(ramp < 5, 0.5, 1))
        )
        is None
    )
    assert (
        memory_growth.describe_leak("x", readings(resident=np.where(ramp == 18, 900.0, 400.0))) is None
    )  # once, by chance
    message = memory_growth.describe_leak(
        "x", readings(resident=400 + 0.42 * ramp, compiled=np.minimum(ramp, 5))
    )
    assert message == (
        "x leaks: resident memory +1.04 %, 1 programs compiled after the warm-up, step 25; "
        "1 % and none are allowed"
    )


def test_without_glibc_the_heap_is_unknown(tmp_path):
    rows = {"x": readings(heap=np.full(20, np.nan))}
    kept = json.loads(json.dumps(memory_growth.make_report(rows), allow_nan=False))["x"]
    assert kept["flat"] and kept["growth"]["heap"] is None and kept["rows"][3]["heap"] is None
    assert kept["rows"][3]["resident"] == 400
    assert memory_plot.plot_memory(tmp_path / "a.png", rows).is_file()


@pytest.mark.extended
def test_a_reading_sees_what_is_held():
    read = process_memory.start_readings()
    before = read()
    numbers, array = np.ones(40_000_000, np.uint8), jnp.zeros(1_000_000) + 1
    after = read()
    assert after.resident - before.resident > 39
    assert np.isnan(after.heap) or after.heap - before.heap > 39
    assert after.live - before.live == pytest.approx(4.0)
    assert after.arrays - before.arrays == 1
    assert after.compiled > before.compiled
    del numbers, array
    assert read().arrays == before.arrays


@pytest.mark.parametrize("flags, message", [
    (["--family=gtp"], "--family is 'gtp', which configs/ does not have; it has: flat, keeps, "),
    (["--family=flat", "--steps=99"], "--steps is 99, too few to judge by; give 100 or more"),
])  # fmt: skip
def test_wrong_use_is_one_line(families, capsys, flags, message):
    assert memory.main(flags) == 23
    assert message in capsys.readouterr().err


def test_another_folder_has_the_families_of_signjax(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert smoke_runs.list_families() == sorted(
        path.stem for path in ROOT.glob("configs/*.py") if path.stem != "common"
    )


def test_every_family_can_be_rehearsed(monkeypatch):
    """Each config becomes tiny, and what it needs is a family, too."""
    monkeypatch.chdir(ROOT)
    names = {path.stem for path in pathlib.Path("configs").glob("[!_]*.py")} - {"common"}
    needs = {}
    for name in names:
        c, needs[name] = tiny_configs.make_tiny_config(name, "home")
        assert c.data.root == "home/datasets" and c.num_steps == 2 and tuple(c.mesh.shape) == (1,)
        for needed in needs[name]:
            assert tiny_configs.make_tiny_config(needed, "home")[0].num_steps == 2
    assert needs["vqvae"] == [] and needs["gpt"] == ["vqvae"] and needs["flow"] == ["vqvae:kl"]
    assert tiny_configs.make_tiny_config("gpt", "home")[0].tokenizer == "home/runs/vqvae"
    assert tiny_configs.make_tiny_config("flow", "home")[0].autoencoder == "home/runs/vqvae-kl"
