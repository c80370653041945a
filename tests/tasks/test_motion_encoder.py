"""The shipped motion encoder: what its features see, what changes nothing, how it is written and read."""

import functools
import json

import gpt_run
import jax
import numpy as np
import pytest
from flax import traverse_util

from signjax import demo
from signjax.errors import StorageError
from signjax.io.digest import digest_arrays
from signjax.metrics import base, frechet
from signjax.models import motion_encoder as models
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip
from signjax.tasks import motion_encoder
from signjax.tools import motion_encoder as motion_encoder_command
from signjax.training import checkpoint, loop, run_config

pytestmark = pytest.mark.usefixtures("compile_quickly")
SMALL = {"model.width": 8, "model.depth": 1, "model.features": 6, "batch_size": 4, "eval_batch_size": 4}
SMALL |= {"num_steps": 12, "eval_every": 12, "save_every": 12, "log_every": 1, "optim.warmup": 1}


def motion(frames):
    return Clip(frames, placement=normalization.CANONICAL)


@functools.cache
def recorded():
    """Clips of the demo language that no training saw: other texts, another seed."""
    texts = demo.make_split_texts(77, (1, 1, 70))["test"]
    clips = [demo.synthesize_pose(text, np.random.default_rng((77, k))) for k, text in enumerate(texts)]
    return [Clip(points).move_to() for points in clips]


@functools.cache
def shipped():
    return motion_encoder.load()


@functools.cache
def reference():
    return motion_encoder.features(shipped(), recorded())


def distance(change):
    """FGD of the recorded clips to themselves changed by pose -> pose."""
    changed = motion_encoder.features(shipped(), [motion(change(m.points)) for m in recorded()])
    return base.value(frechet.fgd(reference(), changed, shipped().digest))


def floor():
    halves = [frechet.split_half(reference(), shipped().digest, seed) for seed in range(3)]
    return np.mean([base.value(half) for half in halves])


def noisy(amount):
    rng = np.random.default_rng(0)
    return lambda x: x + rng.normal(scale=amount, size=x.shape)


def faster(speed):
    def change(x):
        times = np.arange(0, len(x) - 1.01, speed)
        low, share = times.astype(int), (times % 1)[:, None, None]
        return (1 - share) * x[low] + share * x[low + 1]

    return change


def foreign_hands():
    """Each clip with the hands of another, on its own wrists."""
    others = iter([*recorded()[1:], recorded()[0]])

    def change(x):
        other = next(others).points
        other, x = other[np.minimum(np.arange(len(x)), len(other) - 1)], x.copy()
        for joints, wrist in skeleton.HANDS:
            x[:, joints] = other[:, joints] + (x[:, wrist] - other[:, wrist])[:, None]
        return x

    return change


def swapped_hands(x):
    """Right hand on the left wrist and the other way round."""
    right, left = (x[:, joints] - x[:, wrist, None] for joints, wrist in skeleton.HANDS)
    right, left = left + x[:, skeleton.R_WRIST, None], right + x[:, skeleton.L_WRIST, None]
    return np.concatenate([x[:, skeleton.BODY], right, left], axis=1)


@functools.cache
def mean():
    return np.concatenate([m.points for m in recorded()]).mean(0)


def mean_pose(x):
    return np.repeat(mean()[None], len(x), axis=0)


def frozen(x):
    return np.repeat(x[:1], len(x), axis=0)


def test_worse_motion_is_further_away():
    assert distance(lambda x: x) < 1e-6
    for family in (
        [noisy(a) for a in (0.01, 0.03, 0.1, 0.3)],
        [faster(a) for a in (1.1, 1.4, 2.0)],
        [faster(a) for a in (0.9, 0.7, 0.5)],
        [lambda x, a=a: (1 - a) * x + a * mean() for a in (0.2, 0.5, 1.0)],
    ):
        distances = [distance(change) for change in family]
        assert distances == sorted(distances) and distances[0] > 1e-3, distances


def test_bad_motion_is_far_above_the_floor():
    bad = {"mean": mean_pose, "frozen": frozen, "noise": noisy(0.1), "foreign hands": foreign_hands()}
    bad |= {"twice as fast": faster(2), "half as fast": faster(0.5), "swapped hands": swapped_hands}
    distances = {name: distance(change) for name, change in bad.items()}
    assert min(distances.values()) > 2 * floor(), (floor(), distances)


def test_features_are_spread_evenly():
    spread = np.concatenate(reference()).std(0)
    assert spread.min() > 0.1 and spread.max() < 3, spread


def test_company_changes_nothing():
    """However many other clips are encoded with it, and where among them a clip stands."""
    few = motion_encoder.features(shipped(), [recorded()[k] for k in (5, 0, 1)])
    for alone, k in zip(few, (5, 0, 1), strict=True):
        assert alone.dtype == np.float64
        np.testing.assert_array_equal(alone, reference()[k])
    assert motion_encoder.features(shipped(), []) == []


def test_windows_are_cut_from_their_clip_alone():
    long = next(m for m in recorded() if len(m) > 50)
    found = motion_encoder.features(shipped(), [long])[0]
    for frames, row in zip(frechet.window_frames(len(long)), found, strict=True):
        alone = motion_encoder.features(shipped(), [motion(long.points[frames])])[0]
        np.testing.assert_allclose(alone, row[None], atol=1e-5)
    short = motion(long.points[:20])
    held = motion(np.concatenate([long.points[:20], np.repeat(long.points[19:20], 12, axis=0)]))
    one, other = motion_encoder.features(shipped(), [short, held])
    np.testing.assert_array_equal(one, other)


def test_a_clip_of_one_frame_and_missing_joints():
    one, two = recorded()[0].points[:1], recorded()[1].points[:40]
    valid = np.ones((40, 50), bool)
    valid[:, skeleton.LEFT] = False
    nonsense, on_wrist = two.copy(), two.copy()
    nonsense[:, skeleton.LEFT] = np.nan
    on_wrist[:, skeleton.LEFT] = two[:, skeleton.L_WRIST, None]
    gaps = Clip(nonsense, valid, placement=normalization.CANONICAL)
    found = motion_encoder.features(shipped(), [motion(one), gaps, motion(on_wrist)])
    assert found[0].shape == (1, shipped().size) and all(np.isfinite(x).all() for x in found)
    np.testing.assert_array_equal(found[1], found[2])


def test_the_shipped_file_is_plain_small_and_what_it_says():
    assert motion_encoder.SHIPPED.stat().st_size < 300_000
    with np.load(motion_encoder.SHIPPED, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert all(x.dtype.kind in "fU" for x in arrays.values())
    assert shipped().digest == str(arrays.pop("digest")) == digest_arrays(arrays)
    for name, array in arrays.items():
        if array.dtype.kind == "f":
            other = array.copy()
            other.flat[-1] += 1
            assert digest_arrays(arrays | {name: other}) != shipped().digest, name
    setup = (gpt_run.ROOT / "setup.py").read_text()
    assert motion_encoder.SHIPPED.name in setup and motion_encoder.SHIPPED.parent.name in setup


def test_energy_by_hand():
    still = np.zeros((1, 32, 50, 3), np.float32)
    moving = still.copy()
    hand = [skeleton.R_WRIST, *range(8, 29)]  # moves as a whole
    moving[0, :, hand, 0] = 0.1 * np.arange(32)
    np.testing.assert_allclose(models.motion_energy(still), np.full((1, 12), np.log(models.STILL)), rtol=1e-5)
    found = np.array(models.motion_energy(moving)).reshape(3, 4)
    np.testing.assert_allclose(found[0, 0], np.log(0.1 / np.sqrt(2)), rtol=1e-2)  # elbow and wrist
    found[0, 0] = np.log(models.STILL)
    np.testing.assert_allclose(found, np.log(models.STILL), rtol=1e-3)


def test_disturbing_keeps_what_it_should():
    rng = np.random.default_rng(0)
    line = np.arange(48, dtype=np.float32)[:, None, None] * np.ones((50, 3), np.float32)
    example = {"pose": line, "mask": np.arange(48) < 40, "valid": rng.random((48, 50)) < 0.9}
    example["valid"][:, 0] = True
    for _ in range(20):
        out = motion_encoder.disturb(example, rng, tempo=1.5, noise=0.0, smooth=1e-9)
        assert out["pose"].shape == (32, 50, 3) and out["pose"].dtype == np.float32
        times = out["pose"][:, 0, 0]
        steps = np.diff(times)
        assert times[0] >= 0 and times[-1] <= 39 and 1 / 1.51 < steps[0] < 1.51
        assert (np.abs(steps - steps[0]) < 1e-4).sum() >= 25  # an even tempo until the end, which is held
        whole = times == times.round()
        np.testing.assert_array_equal(out["valid"][whole], example["valid"][times[whole].astype(int)])
    drawn = [motion_encoder.disturb(example, rng, tempo=1.0, noise=0.5, smooth=1e-9) for _ in range(80)]
    share = np.mean([np.abs(np.diff(x["pose"], axis=0) - 1).max() > 0.02 for x in drawn])
    assert 0.1 < share < 0.6


def test_smoothing_leaves_missing_joints_out():
    rng = np.random.default_rng(0)
    steady, valid = np.full((32, 50, 3), 2, np.float32), rng.random((32, 50)) < 0.7
    smooth = motion_encoder._smooth(np.where(valid[..., None], steady, 0), valid, 2.0)
    np.testing.assert_allclose(smooth[valid], 2, rtol=1e-5)
    shaken = steady + rng.normal(size=steady.shape).astype(np.float32)
    assert motion_encoder._smooth(shaken, None, 2.0).std() < 0.5 < shaken.std()


@pytest.fixture(scope="module")
def run(tmp_path_factory, compile_quickly):
    """A tiny run with the real engine."""
    root = tmp_path_factory.mktemp("encoder")
    demo.write_dataset(root / "datasets", sizes=(6, 2, 1))
    data = {"data.root": str(root / "datasets")}
    assert loop.train(gpt_run.get_config("motion_encoder", **data, **SMALL), root / "run").finished
    return root / "run"


def test_training_through_the_engine(run):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert len(losses) == 12 and np.mean(losses[-4:]) < 0.96 * np.mean(losses[:2]), losses
    assert {"eval/mpjpe", "eval/energy"} <= lines[-1].keys()


def test_what_is_written_is_what_was_trained(run, tmp_path, capsys):
    out = tmp_path / "encoder.npz"
    assert motion_encoder_command.main([str(run), "--out", str(out)]) == 0
    first = out.read_bytes()
    encoder = motion_encoder.load(out)
    assert encoder.digest[:12] in capsys.readouterr().out and encoder.size == 6
    assert motion_encoder_command.main([str(run), "--out", str(out)]) == 0 and out.read_bytes() == first
    variables, _ = checkpoint.load_variables(run)
    rounded = jax.tree.map(lambda x: np.asarray(x).astype(np.float16).astype(np.float32), variables)
    model = motion_encoder.build(run_config.load_config(run / "config.json"))
    windows = np.zeros((motion_encoder.BATCH, 32, 50, 3), np.float32)
    windows[:] = recorded()[0].points[frechet.window_frames(len(recorded()[0]))[0]]
    expected = jax.jit(lambda v, x: model.apply(v, x, method=lambda m, x: m.encoder(x)))(rounded, windows)
    np.testing.assert_allclose(encoder.encode(windows), expected, atol=1e-5)
    with np.load(out, allow_pickle=False) as file:
        for group in ("params", "batch_stats"):
            for name, array in traverse_util.flatten_dict(variables[group]["encoder"], sep="/").items():
                stored = file[f"{group}/{name}"]
                assert stored.tobytes() == np.asarray(array).astype(np.float16).tobytes(), name


def test_damage_is_named(run, tmp_path):
    data = motion_encoder.SHIPPED.read_bytes()
    with np.load(motion_encoder.SHIPPED) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["params/stem/bias"] = arrays["params/stem/bias"] + np.float16(1)
    np.savez(tmp_path / "changed.npz", **arrays)
    (tmp_path / "cut.npz").write_bytes(data[:1000])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("changed", "cut", "empty", "missing"):
        with pytest.raises(StorageError, match=rf"{name}\.npz.*signjax\.tools\.motion_encoder RUN"):
            motion_encoder.load(tmp_path / f"{name}.npz")


def test_the_command_refuses_what_is_no_such_run(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"task": "vqvae"}')
    assert motion_encoder_command.main([str(tmp_path)]) == 23 and "task is 'vqvae'" in capsys.readouterr().err
    (tmp_path / "config.json").write_text('{"task": "motion_encoder"}')
    for folder in (tmp_path, tmp_path / "nothing"):
        assert motion_encoder_command.main([str(folder)]) == 22
        error = capsys.readouterr().err
        assert error.count("\n") == 1 and str(folder) in error
