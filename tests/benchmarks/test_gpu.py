"""The benchmark of a GPU, at a size for a CPU: every figure is of the work it names."""

import json
import types

import pytest
from gpt_run import GPT, TOKENIZER

from signjax.benchmarks import gpu, hardware, restarts, sample, setup, subjects, timing
from signjax.tools import bench
from signjax.training.configs import get_config

pytestmark = pytest.mark.usefixtures("compile_quickly")


def tiny():
    """The config of the benchmark, a small one of the same type."""
    c = get_config(gpu.CONFIG)
    c.mesh.shape = (1,)
    c.update_from_flattened_dict({k: v for k, v in GPT.items() if k != "model.dropout"})
    return c


def test_it_needs_a_gpu(capsys, monkeypatch):
    monkeypatch.setattr(hardware, "measure_peak", lambda: hardware.Peak(1.0, 1.0))
    assert bench.main(["gpu"]) == 23
    message = capsys.readouterr().err
    assert message.count("\n") == 1 and "no GPU" in message


def test_the_large_model_is_as_large_as_its_targets_suppose():
    c = get_config(gpu.CONFIG).model
    assert (c.depth, c.width, c.dtype) == (8, 768, "bfloat16")


@pytest.mark.slow
def test_a_step_on_full_rows():
    c = tiny()
    c.batch_tokens = 4 * gpu.LENGTH
    run = gpu.make_training_workload(c, 2)
    first = float(run.call()["loss"])
    assert run.units > 0.95 * c.batch_tokens and run.flops > 0
    assert min(float(run.call()["loss"]) for _ in range(5)) < first


@pytest.mark.slow
def test_decoding_counts_tokens(monkeypatch):
    monkeypatch.setattr(sample, "TOKENS", 3)
    one, many = gpu.measure_decoding(tiny().model)
    assert (one.units, many.units) == (3, 3 * 256)
    assert one.goal_value == pytest.approx(1e6 * sorted(one.seconds)[2] / 3) and many.goal_value > 0


def test_lookups_are_of_the_nearest():
    run = gpu.make_lookup_workload(16, 4, 50)
    codes = run.call()
    assert run.units == 50 and codes.shape == (50,) and len(set(codes.tolist())) > 5


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """(changes, folder) of a tiny run of the benchmark's config."""
    patch = pytest.MonkeyPatch()
    small = {"vqvae": TOKENIZER, gpu.CONFIG: {k: v for k, v in GPT.items() if k != "versions"}}
    config = setup.make_config
    patch.setattr(
        setup, "make_config", lambda name, folder, changes: config(name, folder, small[name] | changes)
    )
    with setup.make_home((12, 4, 1)) as folder:
        yield gpu.prepare_runs(gpu.CONFIG, folder), folder
    patch.undo()


@pytest.mark.slow
def test_a_clip_of_ten_seconds(prepared):
    pose = gpu.make_generation_workload(f"{prepared[1]}/runs/gpt").call()
    assert pose.points.shape[1:] == (50, 3) and abs(len(pose) / 25 - gpu.SECONDS) < 0.2


@pytest.mark.slow
def test_waiting_for_saves(prepared):
    row = restarts.measure_save_stall(gpu.CONFIG, *prepared)
    assert len(row.seconds) == restarts.REPEATS and 0 < row.goal_value < 60


@pytest.mark.slow
def test_a_restart_ends_at_its_first_step(prepared, monkeypatch):
    monkeypatch.setattr(restarts, "REPEATS", 1)
    changes, folder = prepared
    small = {k: v for k, v in GPT.items() if k not in ("versions", "log_every", "num_steps")}
    row = restarts.measure_restart(gpu.CONFIG, small | changes, folder)
    assert len(row.seconds) == 1 and 1 < row.goal_value < 120


def test_one_table(capsys, monkeypatch, tmp_path):
    more = timing.Goal("M tokens/s", 1.0, 2.0, lambda seconds: 1e-6 / seconds)
    less = timing.Goal("s", 10, 5, lambda seconds: seconds)
    rows = [
        timing.Measurement("fast", (1.0, 1.0), 3_000_000, goal=more),
        timing.Measurement("good", (7.0,), goal=less),
        timing.Measurement("slow", (1.0,), 500_000, goal=more),
        timing.Measurement("other", (1.0,)),
    ]
    monkeypatch.setattr(hardware, "measure_peak", lambda: hardware.Peak(1.0, 1.0))
    monkeypatch.setitem(subjects.ON_DEMAND, "gpu", lambda: rows)
    assert bench.main(["gpu", "--json", str(tmp_path / "gpu.json")]) == 0
    output = capsys.readouterr().out
    assert "| fast | 3 M tokens/s | 1 | 2 | stretch |\n| good | 7 s | 10 | 5 | target |\n" in output
    assert "| slow | 0.5 M tokens/s | 1 | 2 | missed |" in output and "| other" not in output
    written = json.loads((tmp_path / "gpu.json").read_text())["subjects"]["gpu"]
    goals = [types.SimpleNamespace(**row["goal"]) for row in written[:3]]
    assert [(g.met, g.stretch_met) for g in goals] == [(True, True), (True, False), (False, False)]
    assert written[3]["goal"] is None
