"""The training loop: exact resume, on other devices too, the best step kept, wrong configs refused."""

import io
import json
import math
import os
import signal
import sys
import time

import engine_toy
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from engine_helpers import compiled, rows, same_bits, saved_state, start, toy

from signjax.errors import ConfigError, DataError, NumericsError, SignjaxWarning, StorageError
from signjax.tasks.registry import make_task
from signjax.training import best_metric, checkpoint, loop, run_config, saved_steps


@pytest.fixture(autouse=True)
def hooks(monkeypatch):
    """What happens before a batch, within evaluation and after it; undone after each test."""
    monkeypatch.setattr(engine_toy, "HOOKS", dict(engine_toy.HOOKS))
    return engine_toy.HOOKS


def signal_at(number, number_of_signal=signal.SIGTERM):
    return lambda n: os.kill(os.getpid(), number_of_signal) if n == number else None


@pytest.mark.parametrize("where", ["batch", "evals", "crash"])
def test_resume_is_bit_equal(where, whole, tmp_path, hooks, capsys):
    """Stopped between two saves, in the middle of an evaluation, or torn away after step 7."""

    def crash(number):
        if number == 7:
            raise KeyError("torn away")

    keep = dict(hooks)
    if where == "crash":
        hooks["batch"] = crash
        with pytest.raises(KeyError):
            loop.train(toy(), tmp_path, make_task)
        assert saved_steps.find_last_step(tmp_path, "latest") == 5
    else:
        hooks[where] = signal_at({"batch": 6, "evals": 1}[where])
        assert not loop.train(toy(), tmp_path, make_task, out=sys.stdout, command="again").finished
        assert saved_steps.find_last_step(tmp_path, "latest") == {"batch": 7, "evals": 4}[where]
        assert "run the same command again to continue: again" in capsys.readouterr().out
        assert any("eval/error" in row for row in rows(tmp_path)) == (where == "batch")
    hooks.update(keep)
    assert loop.train(toy(), tmp_path, make_task).finished
    assert same_bits(saved_state(toy(), whole), saved_state(toy(), tmp_path))
    assert rows(whole) == rows(tmp_path)
    for which in ("best", "latest"):
        a, b = (checkpoint.load_variables(d, which) for d in (whole, tmp_path))
        assert a[1] == b[1]
        assert jax.tree.all(jax.tree.map(lambda x, y: jnp.all(x == y), a, b))


def test_time_spent_adds_up(tmp_path, hooks):
    hooks["batch"] = signal_at(3)
    loop.train(toy(), tmp_path, make_task)
    spent = saved_steps.read_meta(tmp_path, "latest", 4)["spent"]
    hooks["batch"] = lambda number: None
    loop.train(toy(), tmp_path, make_task)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    for name in ("cpu_s", "wall_s"):
        times = [line[name] for line in lines]
        assert times == sorted(times)
        assert times[-1] > spent[name] > 0


def test_a_finished_run_says_so(whole, capsys):
    before = rows(whole)
    assert loop.train(toy(), whole, make_task, out=sys.stdout).finished
    assert "already finished" in capsys.readouterr().out
    assert rows(whole) == before


def test_a_run_moves_to_other_devices(whole, tmp_path, hooks):
    hooks["batch"] = signal_at(6)
    loop.train(toy("fsdp"), tmp_path, make_task)
    hooks["batch"] = lambda number: None
    one = toy(**{"mesh.shape": (1,)})
    assert loop.train(one, tmp_path, make_task).finished
    a, b = saved_state(toy(), whole), saved_state(one, tmp_path)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=0, atol=1e-6, err_msg=name)


def test_ordinary_gradients_are_no_spikes(whole, tiny_runs):
    for run in (whole, tiny_runs / "runs/gpt"):
        skipped = [row["train/skipped"] for row in rows(run) if "train/skipped" in row]
        assert skipped and set(skipped) == {(0.0).hex()}


def test_every_step_has_its_own_randomness(whole):
    draws = [row["train/draw"] for row in rows(whole) if "train/draw" in row]
    assert len(set(draws)) == len(draws) == 6


def test_bad_batches_end_the_run(tmp_path):
    c = toy(bad=(3, 99), num_steps=60, eval_every=30)
    with pytest.raises(NumericsError, match=r"last good step 3, last saved 20") as e:
        loop.train(c, tmp_path, make_task)
    assert e.value.exit_code == 20
    assert all(np.isfinite(x).all() for x in saved_state(c, tmp_path).values())
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["train/loss"] is None


def test_the_best_is_the_largest_where_larger_is_better(tmp_path, hooks):
    """Shares of joints that are right: 0.1, 0.9 (best), 0.5."""
    out, scores = io.StringIO(), iter([0.1, 0.9, 0.5])
    hooks["finish"] = lambda evals: {"pck_05": next(scores)}
    assert loop.train(toy(best="pck_05"), tmp_path, make_task, out=out).best == 0.9
    assert saved_steps.find_last_step(tmp_path, "best") == 8 and "not known" not in out.getvalue()
    assert best_metric.is_better("usage/book_arm_0", 0.2, 0.1) and best_metric.is_better("wer", 0.1, 0.2)
    assert not any(best_metric.is_better(x, math.nan, best) for x in ("pck_05", "wer") for best in (1, None))
    assert "'weight'" in best_metric.describe_guess("weight")


def test_the_best_survives_resuming(tmp_path, hooks):
    """Scores by evaluation: 3, 1 (best), stop, 2, 1.5, then 0.5 in a longer run."""
    scores = iter([3.0, 1.0, 2.0, 1.5, 0.5])
    hooks["finish"] = lambda evals: {"score": next(scores)}
    hooks["batch"] = signal_at(5)
    c = toy(best="score", eval_every=3)
    loop.train(c, tmp_path, make_task)
    hooks["batch"] = lambda number: None
    loop.train(c, tmp_path, make_task)
    assert checkpoint.load_variables(tmp_path)[1] == 6
    assert saved_steps.read_meta(tmp_path, "latest", 12)["best"] == 1.0
    assert loop.train(toy(best="score", eval_every=3, num_steps=15), tmp_path, make_task).finished
    assert checkpoint.load_variables(tmp_path)[1] == 15
    assert checkpoint.load_variables(tmp_path, "latest")[1] == 15
    assert sorted(p.name for p in (tmp_path / "checkpoints/latest").iterdir()) == ["12", "15"]


def test_an_evaluation_that_does_not_divide_is_refused_before_the_first_step(tmp_path, hooks):
    """Of a task that does not fill its batches up: 16 rows of evaluation on 7 devices, 14 of training."""
    hooks["batch"] = lambda number: pytest.fail("trained") if number else None
    with pytest.raises(ConfigError, match=r'16 rows of "x" do not divide into 7 equal parts'):
        loop.train(toy(batch_size=14, **{"mesh.shape": (7,)}), tmp_path, make_task)


def test_a_save_does_not_read_the_best_checkpoint(tmp_path, hooks, monkeypatch):
    """It did at every save, with all its checksums; now at the start, before a better one, and at the end."""
    asked, scores = [], iter([3.0, 1.0, 2.0])
    read = saved_steps.read_best_score
    monkeypatch.setattr(saved_steps, "read_best_score", lambda workdir: asked.append(1) or read(workdir))
    hooks["finish"] = lambda evals: {"score": next(scores)}
    assert loop.train(toy(best="score", save_every=1), tmp_path, make_task).best == 1.0
    assert len(asked) == 4
    assert [saved_steps.read_meta(tmp_path, "latest", step)["best"] for step in (11, 12)] == [1.0, 1.0]


@pytest.mark.extended
def test_a_best_checkpoint_that_is_damaged_meanwhile_is_not_deleted(tmp_path, hooks):
    scores, best = iter([3.0, 1.0, 2.0]), tmp_path / "checkpoints/best"
    hooks["finish"] = lambda evals: {"score": next(scores)}
    hooks["batch"] = lambda number: (best / "4/meta/metadata").write_text("{}") if number == 6 else None
    with pytest.warns(SignjaxWarning, match=r"4 is corrupt: .* moved to .*damaged-4"):
        assert loop.train(toy(best="score"), tmp_path, make_task).best == 1.0
    assert sorted(path.name for path in best.iterdir()) == [".damaged-4", "8"]


def test_details_go_to_the_file_only(tmp_path, hooks, capsys):
    hooks["finish"] = lambda evals: {"usage/left_hand": 0.25, "usage_min": 0.5}
    loop.train(toy(num_steps=2), tmp_path, make_task, out=sys.stdout)
    out = capsys.readouterr().out
    assert "usage_min 0.5" in out and "usage/" not in out
    assert rows(tmp_path)[-1]["eval/usage/left_hand"] == (0.25).hex()


def test_another_config_is_refused(whole):
    with pytest.raises(ConfigError, match=r"optim\.lr was 0\.01 .* and is 0\.02 now"):
        loop.train(toy(**{"optim.lr": 0.02}), whole, make_task)
    more = toy()
    more.extra = 1
    with pytest.raises(ConfigError, match=r"extra was 'nothing' .* is 1 now"):
        loop.train(more, whole, make_task)
    with pytest.raises(ConfigError, match="save_every is 0"):
        loop.train(toy(save_every=0), whole, make_task)
    with pytest.raises(ConfigError, match="best is 'wer'; evaluation gives: error, root, weight"):
        loop.train(toy(best="wer", eval_every=1), whole.parent / "new", make_task)


def test_the_whole_config_is_saved(whole):
    assert run_config.load_config(whole / "config.json").to_dict() == toy().to_dict()


def test_a_start_that_fails_leaves_the_config_as_it_was(whole):
    before = (whole / "config.json").read_bytes()

    def fail(*_):
        raise DataError("datasets/demo: is gone")

    with pytest.raises(DataError, match="is gone"):
        loop.train(toy(num_steps=20), whole, fail)
    assert (whole / "config.json").read_bytes() == before


def test_load_variables_gives_the_average(whole):
    state = saved_state(toy(), whole)
    variables, at = checkpoint.load_variables(whole, "latest")
    assert at == 12
    kernel = np.asarray(variables["params"]["Dense_0"]["kernel"])
    assert kernel.tobytes() == state["ema/Dense_0/kernel"].tobytes()
    assert np.abs(kernel - state["params/Dense_0/kernel"]).max() > 1e-5
    assert np.asarray(variables["codebook"]["center"]).tobytes() == state["extra/codebook/center"].tobytes()
    assert float(kernel[0, 0]).hex() == rows(whole)[-1]["eval/weight"], "evaluation sees the average"
    best, at = checkpoint.load_variables(whole, "best")
    evals = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    evals = {r["step"]: r for r in evals if "eval/error" in r}
    assert at == min(evals, key=lambda s: evals[s]["eval/error"])
    assert float(best["params"]["Dense_0"]["kernel"][0, 0]) == evals[at]["eval/weight"]


def test_evaluation_leaves_padding_out(whole):
    """Reckoned again by hand from the best weights."""
    variables, _ = checkpoint.load_variables(whole)
    batches = [engine_toy.batch_of(10_000 + n, 16) for n in range(2)]
    x, y = (np.concatenate([b[k][:12] for b in batches]) for k in "xy")
    expected = ((engine_toy.Net().apply(variables, x) - y) ** 2).mean()
    score = saved_steps.read_meta(whole, "best", saved_steps.find_last_step(whole, "best"))["best"]
    np.testing.assert_allclose(score, expected, rtol=1e-5)


def test_a_state_of_another_model_is_refused(whole):
    *_, abstract = compiled(toy())
    wrong = abstract.replace(extra={"codebook": {"center": jax.ShapeDtypeStruct((3,), jnp.float32)}})
    with pytest.raises(StorageError, match=r"center is float32\[16\] there and float32\[3\] here"):
        checkpoint.restore_checkpoint(whole, 12, wrong)


def test_foreign_step_folders_do_not_count(whole, tmp_path):
    (tmp_path / "checkpoints/latest/99").mkdir(parents=True)
    assert saved_steps.find_last_step(tmp_path, "latest") is None
    assert loop.train(toy(num_steps=2), tmp_path, make_task).finished
    assert saved_steps.find_last_step(tmp_path, "latest") == 2


def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path):
    c = {"num_steps": 120, "eval_every": 120, "log_every": 20, "save_every": 120}
    flags = [f"--config.{name}={value}" for name, value in c.items()]
    first, other = start(tmp_path / "run", *flags), tmp_path / "whole"
    deadline = time.monotonic() + 60
    while not rows_so_far(tmp_path / "run") and time.monotonic() < deadline:
        time.sleep(0.1)
    first.send_signal(signal.SIGINT)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 130, err
    stopped = saved_steps.find_last_step(tmp_path / "run", "latest")
    assert 20 <= stopped < 120
    assert f"Stopped at step {stopped}; run the same command again to continue: python -m signjax.main" in out
    assert len(err.strip().splitlines()) == 1, "orbax and absl keep quiet"
    second = start(tmp_path / "run", *flags)
    out, err = second.communicate(timeout=120)
    assert second.returncode == 0, err
    assert f"resumed from step {stopped}" in out
    assert not err
    loop.train(toy(**c), other, make_task)
    assert rows(other) == rows(tmp_path / "run")


def rows_so_far(workdir):
    path = workdir / "metrics.jsonl"
    return path.exists() and path.read_text()
