"""The bench command: what it counts, compares, writes and refuses."""

import functools
import io
import itertools
import json
import time
import types

import jax
import jax.numpy as jnp
import numpy as np
import program_helpers
import pytest
import shared_runs
from gpt_run import GPT, TOKENIZER
from paths import ROOT
from PIL import Image

from signjax.benchmarks import (
    data,
    first_clip,
    flops,
    hardware,
    rendering,
    sample,
    setup,
    subjects,
    timing,
    tokenizer,
    torch_reference,
    train,
)
from signjax.data.load import load_split
from signjax.inference import autoregressive
from signjax.models import build, gpt
from signjax.tools import bench
from signjax.training.configs import get_config

pytestmark = pytest.mark.extended

CLOSE = {"rel": 0.02}  # of XLA's count
SHAPE = jax.ShapeDtypeStruct


def counted(function, *arguments) -> float:
    """XLA's own count of the operations of a function."""
    return program_helpers.counted(jax.jit(function).lower(*arguments))


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("name", ["vqvae", "vqvae:seed"])
def test_operations_of_tokenizers(name, tiny_runs):
    c = setup.make_config(name, tiny_runs)
    model, inputs = build.build_tokenizer(c), (SHAPE((4, 64, 50, 3), jnp.float32), SHAPE((4, 64), bool))
    keys = {"params": jax.random.key(0), "quantize": jax.random.key(1)}
    variables = jax.eval_shape(functools.partial(model.init, keys), *inputs)
    assert flops.count_tokenizer(c, 4, 64) == pytest.approx(counted(model.apply, variables, *inputs), **CLOSE)


def test_operations_of_gpts(monkeypatch):
    program_helpers.unroll(monkeypatch)
    c, columns, codes, length, rows = get_config("gpt").model, 6, 512, 64, 2
    model = gpt.GPT(vocabulary=100, columns=columns, codes=codes, **c)
    inputs = (
        SHAPE((rows, 128, columns), jnp.int32),
        SHAPE((rows, length), jnp.int32),
        SHAPE((rows, length), bool),
    )
    variables = jax.eval_shape(functools.partial(model.init, jax.random.key(0)), *inputs)
    encode = functools.partial(model.apply, method="encode_text")
    text = flops.count_text_encoder(c, rows, length)
    assert text == pytest.approx(counted(encode, variables, *inputs[1:]), **CLOSE)
    whole = text + flops.count_decoder(c, columns, codes, rows * 128, 128, length)
    assert whole == pytest.approx(counted(model.apply, variables, *inputs), **CLOSE)

    def step(variables, recent, cache, memory):
        run = functools.partial(model.apply, variables)
        hidden, cache = run(
            recent, 5, cache, memory, model.later_layer_params(variables), method="decode_step"
        )
        return autoregressive.sample_token(
            run, hidden, 1.0, False, columns, lambda logits, column: logits[:, 0].astype(int)
        ), cache

    memory = jax.eval_shape(encode, variables, *inputs[1:])
    cache = jax.eval_shape(lambda: model.init_cache(rows, 100))
    counted_step = counted(step, variables, SHAPE((rows, gpt.RECENT, columns), jnp.int32), cache, memory)
    assert flops.count_decoder(c, columns, codes, rows, 100, length) == pytest.approx(counted_step, **CLOSE)


def test_runs_take_turns(monkeypatch):
    called, clock = [], itertools.count()
    lasts = {"slow": 12, "fast": 2, "faster": 1}
    now = [0.0]

    def run(name):
        def call():
            called.append(name)
            now[0] += lasts[name] + next(clock) * 1e-9

        return timing.Workload(call, units=3 if name == "faster" else 1, target=5)

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    rows = timing.compare_workloads({name: run(name) for name in lasts}, "slow", repeats=2)
    assert called == [*lasts, *lasts, *reversed(lasts)]
    assert [row.speedup for row in rows] == [None, pytest.approx(6), pytest.approx(36)]
    assert [(row.reference, row.target) for row in rows] == [(None, None), ("slow", 5), ("slow", 5)]
    alone = timing.compare_workloads({"fast": run("fast")}, "slow")
    assert (alone[0].speedup, alone[0].reference, alone[0].target, len(alone[0].seconds)) == (
        None,
        None,
        None,
        5,
    )


def test_the_file_has_everything(monkeypatch, tmp_path, capsys):
    rows = [
        timing.Measurement("plain (reference)", (4.0, 2.0, 3.0)),
        timing.Measurement("ours", (1.0, 0.5, 0.75), 2, 6e9, 3e9, "plain (reference)", 4.0, 5.0),
        timing.Measurement("other", (1.0,), reference="plain (reference)", speedup=3.0),
    ]
    monkeypatch.setitem(subjects.SUBJECTS, "dtw", lambda: rows)
    monkeypatch.setattr(hardware, "measure_peak", lambda: hardware.Peak(16e9, 8e9))
    path = tmp_path / "out" / "bench.json"
    assert bench.main(["dtw", "--json", str(path)]) == 0
    output, report = capsys.readouterr().out, json.loads(path.read_text())
    assert {"device", "processor", "threads", "load", "python", "jax", "numpy"} == set(report["environment"])
    assert report["peak"] == {"flops_per_second": 16e9, "bytes_per_second": 8e9, "measured": True}
    assert list(report["subjects"]) == ["dtw"]
    plain, ours, other = report["subjects"]["dtw"]
    assert set(plain) == set(ours) and plain["met"] is plain["flops"] is plain["bytes_of_peak"] is None
    assert (other["times_as_fast"], other["target"], other["met"]) == (3.0, None, None)
    expected = {
        "repeats": 3, "median": 0.75, "low": 0.5, "high": 1.0, "units": 2, "flops_per_second": 8e9,
        "flops_of_peak": 0.5, "bytes_per_second": 4e9, "bytes_of_peak": 0.5, "times_as_fast": 4.0,
        "target": 5.0, "met": False, "reference": "plain (reference)", "seconds": [1.0, 0.5, 0.75],
    }  # fmt: skip
    assert expected.items() <= ours.items()
    assert (
        "8 GFLOP/s, 50.0 % of peak" in output and "4 times as fast" in output and "target 5, missed" in output
    )


def test_what_cannot_be_measured_is_refused(capsys, tmp_path):
    assert bench.main(["dtw", "speed"]) == 23
    output = capsys.readouterr()
    assert (
        output.err.count("\n") == 1
        and "'speed'" in output.err
        and "tokenize" in output.err
        and not output.out
    )


def test_the_peak_is_of_a_product_and_a_copy(monkeypatch):
    monkeypatch.setattr(
        timing,
        "compare_workloads",
        lambda runs: [timing.Measurement("product", (3.0, 2.0)), timing.Measurement("copy", (1.0, 4.0))],
    )
    assert hardware.measure_peak(10, 100) == (2 * 10**3 / 2.0, 2 * 400 / 1.0)


@pytest.mark.parametrize("torch", [None, types.SimpleNamespace(vqvae_step=lambda pose, dropout: dict)])
def test_steps_with_and_without_the_reference(monkeypatch, tmp_path, torch):
    batch = {"mask": np.ones((4, 32), bool), "pose": np.zeros((4, 32, 50, 3))}
    monkeypatch.setattr(setup, "make_stepper", lambda c, workdir: (dict, batch))
    monkeypatch.setattr(torch_reference, "load_reference", lambda: torch)
    rows = {row.name: row for row in train.measure_tokenizer_steps(tmp_path)}
    assert (train.VQVAE in rows) == bool(torch) and len(rows) == (3 if torch else 2)
    ours = rows["vqvae:seed, 32 x 64 frames"]
    assert ours.flops > 0 and (ours.speedup is not None) == (ours.target is not None) == bool(torch)


def test_steps_are_of_training(tiny_runs, tmp_path, compile_quickly):
    step, batch = setup.make_stepper(tiny(tiny_runs, "vqvae"), tmp_path / "new")
    losses = [float(step()["loss"]) for _ in range(6)]
    assert losses[-1] < losses[0] and batch["mask"].shape == (4, 32)


def tiny(root, name):
    """A config, tiny and on the data of root."""
    return setup.make_config(name, root, {**TOKENIZER, "num_steps": 4, "batch_size": 4, "optim.warmup": 1})


def test_a_missing_reference_takes_a_line(monkeypatch):
    monkeypatch.setattr(torch_reference.importlib.util, "find_spec", lambda name: None)
    assert torch_reference.load_reference.__wrapped__() is None
    [line] = subjects.explain_left_out(["data", "train"])
    assert "\n" not in line and "torch" in line and "[bench]" in line
    assert subjects.explain_left_out(["data", "dtw"]) == []


def test_a_tokenizer_raced_against_itself_reaches_the_same_error(tiny_runs, tmp_path, compile_quickly):
    c = tiny(tiny_runs, "vqvae")
    slow, fast = tokenizer.race_configs({"one": c, "other": c}, tmp_path, rounds=2)
    assert slow.note == fast.note and fast.speedup > 0 and fast.reference == slow.name == "one (reference)"


def test_time_to_the_least_error_of_the_reference():
    slow = [
        tokenizer.ProgressMark(10.0, 0.5),
        tokenizer.ProgressMark(20.0, 0.2),
        tokenizer.ProgressMark(30.0, 0.3),
    ]
    fast = [
        tokenizer.ProgressMark(1.0, 0.4),
        tokenizer.ProgressMark(2.0, 0.2),
        tokenizer.ProgressMark(3.0, 0.1),
    ]
    first, second = tokenizer.compare_marks("seed", "ours", slow, fast)
    assert (first.seconds, second.seconds, second.speedup) == ((20.0,), (2.0,), 10.0)
    _, never = tokenizer.compare_marks("seed", "ours", slow, fast[:1])
    assert never.speedup == 0 and "not reached" in never.note


def test_plain_parsing_reads_what_the_pack_holds(tiny_runs):
    stored = load_split(tiny_runs / "datasets", "demo", "train")
    total = data.parse_clips(tiny_runs / "datasets/demo/train", stored.sids)
    assert total == pytest.approx(float(np.add.reduce(stored.pose, axis=None)), rel=1e-3)


def test_sampling_writes_every_token(monkeypatch):
    monkeypatch.setattr(sample, "TOKENS", 5)
    small = get_config("gpt").model
    small.update({name.removeprefix("model."): v for name, v in GPT.items() if name.startswith("model.")})
    run, variables = sample.make_sampling_workload(small, 2, 50, autoregressive.Sampler(guidance=2.0), 3)
    codes, lengths = run.call()
    assert run.units == 3 and codes.shape == (3, 5, 2) and list(lengths) == [5, 5, 5]
    one, _ = sample.make_sampling_workload(small, 2, 50, autoregressive.Sampler(), 3, variables)
    assert run.flops == 2 * one.flops, "guidance runs the model twice"


def test_a_redrawn_gif_has_every_frame():
    pose = np.random.default_rng(0).normal(size=(2, 50, 3))
    with Image.open(io.BytesIO(rendering.redraw_gif(pose, "two frames"))) as picture:
        assert (picture.n_frames, picture.size) == (2, (800, 800))


def test_the_phases_of_a_first_clip(tmp_path, capsys):
    run = shared_runs.write(tmp_path, "gpt")
    first_clip.print_phases(str(run), "hello", str(tmp_path / "out"), time.time())
    phases = json.loads(capsys.readouterr().out)
    assert min(phases.values()) >= 0 and list(phases)[-1] == "in all"
    assert phases.pop("in all") == pytest.approx(sum(phases.values()))
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".gif", ".npz", ".html"}
