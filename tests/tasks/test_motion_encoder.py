"""Training of the motion encoder: what training shows it, and that the file holds what was trained."""

import json

import gpt_run
import jax
import numpy as np
import pytest
from flax import traverse_util

from signjax import demo
from signjax.metrics import frechet, motion_features
from signjax.models import motion_encoder as models
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.tasks import motion_encoder as training
from signjax.tasks.registry import make_task
from signjax.tools import motion_encoder as motion_encoder_command
from signjax.training import checkpoint, loop, run_config

pytestmark = pytest.mark.usefixtures("compile_quickly")
SMALL = {"model.width": 8, "model.depth": 1, "model.features": 6, "batch_size": 4, "eval_batch_size": 4}
SMALL |= {"num_steps": 12, "eval_every": 12, "save_every": 12, "log_every": 1, "optim.warmup": 1}


def test_energy_by_hand():
    still = np.zeros((1, 32, 50, 3), np.float32)
    moving = still.copy()
    hand = [skeleton.R_WRIST, *range(8, 29)]  # moves as a whole
    moving[0, :, hand, 0] = 0.1 * np.arange(32)
    np.testing.assert_allclose(models.motion_energy(still), np.full((1, 12), np.log(models.STILL)), rtol=1e-5)
    energies = np.array(models.motion_energy(moving)).reshape(3, 4)
    np.testing.assert_allclose(energies[0, 0], np.log(0.1 / np.sqrt(2)), rtol=1e-2)  # elbow and wrist
    energies[0, 0] = np.log(models.STILL)
    np.testing.assert_allclose(energies, np.log(models.STILL), rtol=1e-3)


def test_disturbing_keeps_what_it_should():
    rng = np.random.default_rng(0)
    line = np.arange(48, dtype=np.float32)[:, None, None] * np.ones((50, 3), np.float32)
    example = {"pose": line, "mask": np.arange(48) < 40, "valid": rng.random((48, 50)) < 0.9}
    example["valid"][:, 0] = True
    for _ in range(20):
        out = training.perturb_window(example, rng, tempo=1.5, noise=0.0, smooth=1e-9)
        assert out["pose"].shape == (32, 50, 3) and out["pose"].dtype == np.float32
        times = out["pose"][:, 0, 0]
        steps = np.diff(times)
        assert times[0] >= 0 and times[-1] <= 39 and 1 / 1.51 < steps[0] < 1.51
        assert (np.abs(steps - steps[0]) < 1e-4).sum() >= 25  # an even tempo until the end, which is held
        whole = times == times.round()
        np.testing.assert_array_equal(out["valid"][whole], example["valid"][times[whole].astype(int)])
    drawn = [training.perturb_window(example, rng, tempo=1.0, noise=0.5, smooth=1e-9) for _ in range(80)]
    share = np.mean([np.abs(np.diff(x["pose"], axis=0) - 1).max() > 0.02 for x in drawn])
    assert 0.1 < share < 0.6


def test_smoothing_leaves_missing_joints_out():
    rng = np.random.default_rng(0)
    steady, valid = np.full((32, 50, 3), 2, np.float32), rng.random((32, 50)) < 0.7
    smooth = training._smooth_over_time(np.where(valid[..., None], steady, 0), valid, 2.0)
    np.testing.assert_allclose(smooth[valid], 2, rtol=1e-5)
    shaken = steady + rng.normal(size=steady.shape).astype(np.float32)
    assert training._smooth_over_time(shaken, None, 2.0).std() < 0.5 < shaken.std()


@pytest.fixture(scope="module")
def run(tmp_path_factory, compile_quickly):
    """A tiny run with the real engine."""
    root = tmp_path_factory.mktemp("encoder")
    demo.write_dataset(root / "datasets", sizes=(6, 2, 1))
    data = {"data.root": str(root / "datasets")}
    assert loop.train(gpt_run.get_config("motion_encoder", **data, **SMALL), root / "run", make_task).finished
    return root / "run"


@pytest.mark.extended
def test_training_through_the_engine(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert len(losses) == 12 and np.mean(losses[-4:]) < 0.96 * np.mean(losses[:2]), losses
    assert {"eval/mpjpe", "eval/energy"} <= lines[-1].keys()


@pytest.mark.extended
def test_what_is_written_is_what_was_trained(run, tmp_path, capsys):
    out = tmp_path / "encoder.npz"
    assert motion_encoder_command.main([str(run), "--out", str(out)]) == 0
    first = out.read_bytes()
    encoder = motion_features.load_extractor(out)
    assert encoder.digest[:12] in capsys.readouterr().out and encoder.size == 6
    assert motion_encoder_command.main([str(run), "--out", str(out)]) == 0 and out.read_bytes() == first
    variables, _ = checkpoint.load_variables(run)
    rounded = jax.tree.map(lambda x: np.asarray(x).astype(np.float16).astype(np.float32), variables)
    model = training.build_autoencoder(run_config.load_config(run / "config.json"))
    clip = Clip(demo.synthesize_pose("Where do you live, my friend?", np.random.default_rng(77))).move_to()
    windows = np.zeros((motion_features.BATCH, 32, 50, 3), np.float32)
    windows[:] = clip.points[frechet.split_windows(len(clip))[0]]
    expected = jax.jit(lambda v, x: model.apply(v, x, method=lambda m, x: m.encoder(x)))(rounded, windows)
    np.testing.assert_allclose(encoder.encode(windows), expected, atol=1e-5)
    with np.load(out, allow_pickle=False) as file:
        for group in ("params", "batch_stats"):
            for name, array in traverse_util.flatten_dict(variables[group]["encoder"], sep="/").items():
                stored = file[f"{group}/{name}"]
                assert stored.tobytes() == np.asarray(array).astype(np.float16).tobytes(), name


def test_the_command_refuses_what_is_no_such_run(tmp_path, capsys):
    run_config.save_config(tmp_path / "config.json", gpt_run.get_config("vqvae"))
    assert motion_encoder_command.main([str(tmp_path)]) == 23 and "task is 'vqvae'" in capsys.readouterr().err
    run_config.save_config(tmp_path / "config.json", gpt_run.get_config("motion_encoder"))
    for folder in (tmp_path, tmp_path / "nothing"):
        assert motion_encoder_command.main([str(folder)]) == 22
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and str(folder) in error
