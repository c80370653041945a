"""The engine's parts by themselves: placement, config, logs, locks, one-line errors."""

import io
import json
import logging
import math
import os
import signal
import sys

import engine_toy
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from engine_helpers import compiled, spawn, toy

from signjax import main
from signjax.cli import command as commands
from signjax.errors import ConfigError, StorageError
from signjax.tasks.registry import make_task
from signjax.training import (
    checkpoint,
    loop,
    metric_writer,
    process,
    run_config,
    sharding,
    train_step,
)


def test_config_comes_back_whole(tmp_path):
    c = toy("fsdp", bad=(1, 2))
    c.none, c.flag, c.empty = None, True, ml_collections.ConfigDict()
    run_config.save_config(tmp_path / "config.json", c)
    loaded = run_config.load_config(tmp_path / "config.json")
    assert loaded.to_dict() == c.to_dict()
    assert type(loaded.optim.lr) is float and type(loaded.seed) is int
    assert loaded.sharding[0][1] == (None, "data")
    run_config.check_same_config(json.loads((tmp_path / "config.json").read_text()), c, tmp_path)
    with pytest.raises(StorageError, match="train first"):
        run_config.load_config(tmp_path / "nothing" / "config.json")


def test_a_missing_run_names_its_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variant in ("", ":rvq"):
        workdir = run_config.get_default_workdir(f"configs/vqvae.py{variant}")
        assert workdir == "runs/vqvae" + variant.replace(":", "-")
        with pytest.raises(StorageError, match=f"signjax.main --config=vqvae{variant}$"):
            checkpoint.load_variables(workdir)


def test_wrong_shardings_are_named():
    mesh = sharding.make_mesh(toy().mesh)
    tree = {"a": {"kernel": jnp.ones((6, 4))}}
    for spec, message in (
        (("data",), "a/kernel.*6 does not divide into 8"),
        ((None, "model"), "no axis 'model'"),
        ((None, None, "data"), "only 2 dimensions"),
    ):
        with pytest.raises(ConfigError, match=message):
            sharding.choose_shardings(tree, mesh, (("kernel", spec),))
    first = sharding.choose_shardings(
        {"a": jnp.ones((8, 8))}, mesh, (("a", ("data",)), (".", (None, "data")))
    )
    assert first["a"].spec == jax.sharding.PartitionSpec("data")
    with pytest.raises(ConfigError, match=r"batch_size .or batch_tokens.: 12 rows"):
        sharding.make_global_batch(engine_toy.batch_of(0, 12), mesh)
    wrong = (((3, -1), ("data", "model")), ((16,), ("data",)), ((8,), ("model",)), ((0,), ("data",)))
    for shape, axes in wrong:
        with pytest.raises(ConfigError, match="mesh"):
            sharding.make_mesh(ml_collections.ConfigDict({"shape": shape, "axes": axes}))


def test_rules_for_many_shapes_divide_what_they_can():
    mesh = sharding.make_mesh(ml_collections.ConfigDict(sharding.configure_sharding(("fsdp", "tensor"))[0]))
    assert dict(mesh.shape) == {"data": 1, "fsdp": 4, "tensor": 2}
    spec = jax.sharding.PartitionSpec
    wanted = {
        "params/blocks_0/mlp_in/kernel": ((8, 16), spec("fsdp", "tensor")),
        "opt_state/1/0/mu/blocks/mlp_in/kernel": ((3, 8, 16), spec(None, "fsdp", "tensor")),
        "ema/blocks/self_out/kernel": ((3, 8, 16), spec(None, "tensor", "fsdp")),
        "params/text_blocks_1/qkv/bias": ((16,), spec(("tensor", "fsdp"))),
        "params/text_blocks_1/down/kernel": ((2, 3), spec("tensor", None)),
        "params/end/kernel": ((8, 1), spec("fsdp", None)),
        "params/text_embedding/embedding": ((7, 8), spec(None, "fsdp")),
        "params/scale": ((), spec()),
        "extra/codebook/quantizers_arm/sums": ((2, 8, 8), spec()),
        "skipped": ((4,), spec()),
    }
    for name, (shape, placed) in wanted.items():
        tree = jnp.ones(shape)
        for key in reversed(name.split("/")):
            tree = {key: tree}
        (sharding_of_leaf,) = jax.tree.leaves(sharding.choose_shardings(tree, mesh, sharding.RULES))
        assert sharding_of_leaf.spec == placed, name
    with pytest.raises(ConfigError, match="no axis 'expert'"):
        sharding.choose_shardings({"a": jnp.ones(8)}, mesh, (("a", ("...", "expert")),))


def test_the_batch_is_divided_over_data_and_fsdp(monkeypatch):
    mesh = sharding.make_mesh(
        ml_collections.ConfigDict({"shape": (2, 2, 2), "axes": ("data", "fsdp", "tensor")})
    )
    x = np.arange(8.0)
    (made,) = sharding.make_global_batch({"x": x}, mesh).values()
    np.testing.assert_array_equal(made, x)
    assert made.sharding.shard_shape(made.shape) == (2,)
    with pytest.raises(ConfigError, match=r"6 rows .* 4 equal parts of the mesh axes 'data' and 'fsdp'"):
        sharding.make_global_batch({"x": x[:6]}, mesh)
    monkeypatch.setattr(jax, "process_count", lambda: 2)  # of which each would have every device
    with pytest.raises(ConfigError, match="more than one of 2 hosts"):
        sharding.make_global_batch({"x": x}, mesh)


def test_what_ends_an_evaluation_sees_whole_parameters():
    mesh, batch, init, _, evaluate, _ = compiled(toy("fsdp"))
    variables = train_step.get_inference_variables(init(jax.random.key(0), batch))
    assert not variables["params"]["Dense_0"]["kernel"].is_fully_replicated

    def finish(variables, evals):
        return {"whole": all(x.is_fully_replicated for x in jax.tree.leaves(variables))}

    made = engine_toy.make_toy_task(toy(), "")._replace(finish=finish)
    assert train_step.run_evaluation(made, evaluate, mesh, variables)["whole"]


def test_one_job_a_workdir(tmp_path):
    with (
        process.lock_workdir(tmp_path),
        pytest.raises(StorageError, match=f"process {os.getpid()} on .+ is already"),
    ):
        loop.train(toy(), tmp_path, make_task)
    with pytest.raises(StorageError, match="cannot be written"), process.lock_workdir("/dev/null/run"):
        pass


def test_unknown_task_and_config(capsys):
    with pytest.raises(ConfigError, match="task is 'nope'"):
        make_task(toy(task="nope"), "")
    assert main.main(["--config=configs/nope.py:a"]) == 23
    assert capsys.readouterr().err.startswith("error: configs/nope.py: no such config")


def test_ctrl_c_is_one_line(capsys):
    def command():
        raise KeyboardInterrupt

    assert commands.run_as_command(command)() == 130
    assert capsys.readouterr().err.strip() == "Stopped by Ctrl-C; the same command starts again"


def test_errors_are_one_line(capsys):
    def command(code):
        raise ConfigError(code)

    assert commands.run_as_command(command)("lr is missing") == 23
    assert capsys.readouterr().err == "error: lr is missing\n"


def test_compile_cache_is_private_and_optional(tmp_path, monkeypatch):
    names = "jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"
    before = {name: getattr(jax.config, name) for name in names}
    process.enable_compile_cache("/dev/null/cache")
    process.enable_compile_cache()  # the tests have chosen one, see conftest.py
    assert before == {name: getattr(jax.config, name) for name in names}
    try:
        process.enable_compile_cache(tmp_path / "xla")
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "xla")
        assert (tmp_path / "xla").stat().st_mode & 0o777 == 0o700
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
        jax.config.update("jax_compilation_cache_dir", None)
        assert process.enable_compile_cache() == tmp_path / "caches/signjax/xla"
    finally:
        for name, value in before.items():
            jax.config.update(name, value)


def test_progress_line(monkeypatch):
    now = iter([10.0, 14.0, 15.0, 22.0, 24.0])
    monkeypatch.setattr(metric_writer.time, "monotonic", lambda: next(now))
    out = io.StringIO()
    progress = metric_writer.Progress(6000, out)
    progress.show_step(1000, {}, logged=False)
    progress.show_step(1200, {"loss": 0.031234, "grad": 0.41}, logged=True)
    progress.show_step(1201, {"loss": 1.0}, logged=False)
    assert out.getvalue() == "step 1200/6000  loss 0.0312  grad 0.41  50 steps/s  1:36 left\n"
    progress.pause()
    progress.show_step(1300, {}, logged=False)
    progress.show_step(1400, {}, logged=True)
    assert out.getvalue().splitlines()[1] == "step 1400/6000    50 steps/s  2:41 left"
    assert metric_writer.format_duration(3725.4) == "1:02:05"


def test_metrics_forget_what_was_not_saved(tmp_path):
    lines = [{"step": 1}, {"step": 2, "eval/a": 1.0, "cpu_s": 5.0}, {"step": 3, "cpu_s": 7.0}]
    whole_lines = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "metrics.jsonl").write_text(whole_lines + '{"step": 4, "x')
    metrics = metric_writer.MetricWriter(tmp_path, 2, metric_writer.TimeSpent(1.0, 2.0))
    assert metrics.evaluated
    assert metrics.get_time_spent().cpu_s >= 7.0
    metrics.write(3, "train", {"loss": math.inf})
    got = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in got] == [1, 2, 3]
    assert got[2]["train/loss"] is None


def test_a_long_run_has_a_long_file_and_resumes(tmp_path):
    path = tmp_path / "metrics.jsonl"
    with open(path, "wb") as file:
        file.write(b'{"step": 1, "eval/a": 0.5}\n')
        file.seek(1 << 27)  # a hole, which is no row
        file.write(b'\n{"step": 2, "eval/a": 0.25}\n{"step": 3}\n')
    assert metric_writer.MetricWriter(tmp_path, 2, metric_writer.TimeSpent(1.0, 2.0), writes=False).evaluated
    assert metric_writer.MetricWriter(tmp_path, 2, metric_writer.TimeSpent(1.0, 2.0)).evaluated
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [1, 2]


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_hangup_stops_like_sigterm(number):
    before = signal.getsignal(number)
    with process.catch_stop_signals() as stop:
        assert not stop
        for _ in range(2):  # a shell sends a second one when its terminal is closed
            os.kill(os.getpid(), number)
        assert stop and stop.is_agreed() and stop.exit_code == 0
    assert signal.getsignal(number) == before


def test_nohup_is_respected(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with process.catch_stop_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_hosts_are_asked_to_stop_once(monkeypatch):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    sent = []
    with process.catch_stop_signals() as stop:
        hang_up = signal.getsignal(signal.SIGHUP)
        monkeypatch.setattr(os, "kill", lambda *args: sent.append(args))
        hang_up(signal.SIGHUP, None)
        hang_up(signal.SIGHUP, None)
    assert sent == [(os.getpid(), signal.SIGTERM)] and stop.exit_code == 0


def test_a_second_ctrl_c_kills(tmp_path):
    code = (
        "import time; from signjax.training import process\n"
        "with process.catch_stop_signals():\n print(flush=True)\n"
    )
    child = spawn("-c", code + " while True: time.sleep(0.05)\n")
    child.stdout.readline()
    child.send_signal(signal.SIGINT)
    assert "Ctrl-C again" in child.stderr.readline() + child.stderr.readline()
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=10) == -signal.SIGINT


def test_jax_does_not_tell_of_backends_it_misses(caplog):
    caplog.set_level(logging.INFO)
    commands.quiet_libraries()
    log = logging.getLogger("jax._src.xla_bridge")
    assert not log.isEnabledFor(logging.INFO) and log.isEnabledFor(logging.WARNING)


def test_compiling_is_said_once_for_each_program(tmp_path, capsys):
    for resumed in (False, True):
        steps = {"num_steps": 4 * (1 + resumed), "eval_every": 2}
        assert loop.train(toy(**steps), tmp_path, engine_toy.make_toy_task, out=sys.stdout).finished
        lines = capsys.readouterr().out.splitlines()
        said = [line for line in lines if line.startswith("compiling ")]
        assert said == ["compiling the training step", "compiling the evaluation"]
        step = lines.index(said[0])
        assert "device(s)" in lines[step - 1] and not lines[step + 1].startswith("eval")
    loop.train(toy(num_steps=10, eval_every=2), tmp_path, engine_toy.make_toy_task)
    assert capsys.readouterr() == ("", ""), "without out"
