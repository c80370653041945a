"""Features of motion by the shipped encoder: what they see, what changes nothing, what the file is."""

import functools

import numpy as np
import pytest
from paths import ROOT

from signjax import demo
from signjax.errors import StorageError
from signjax.io.digest import digest_arrays
from signjax.metrics import frechet, motion_features
from signjax.metrics.score import compute_value
from signjax.pose import normalization, skeleton
from signjax.pose.clip import Clip

pytestmark = pytest.mark.usefixtures("compile_quickly")


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
    return motion_features.load_extractor()


@functools.cache
def reference():
    return motion_features.extract_features(shipped(), recorded())


def distance(change):
    """FGD of the recorded clips to themselves changed by pose -> pose."""
    changed = motion_features.extract_features(shipped(), [motion(change(m.points)) for m in recorded()])
    return compute_value(frechet.score_fgd(reference(), changed, shipped().digest))


def floor():
    halves = [frechet.score_split_half(reference(), shipped().digest, seed) for seed in range(3)]
    return np.mean([compute_value(half) for half in halves])


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
    few = motion_features.extract_features(shipped(), [recorded()[k] for k in (5, 0, 1)])
    for alone, k in zip(few, (5, 0, 1), strict=True):
        assert alone.dtype == np.float64
        np.testing.assert_array_equal(alone, reference()[k])
    assert motion_features.extract_features(shipped(), []) == []


def test_windows_are_cut_from_their_clip_alone():
    long = next(m for m in recorded() if len(m) > 50)
    features = motion_features.extract_features(shipped(), [long])[0]
    for frames, row in zip(frechet.split_windows(len(long)), features, strict=True):
        alone = motion_features.extract_features(shipped(), [motion(long.points[frames])])[0]
        np.testing.assert_allclose(alone, row[None], atol=1e-5)
    short = motion(long.points[:20])
    extended = motion(np.concatenate([long.points[:20], np.repeat(long.points[19:20], 12, axis=0)]))
    one, other = motion_features.extract_features(shipped(), [short, extended])
    np.testing.assert_array_equal(one, other)


def test_a_clip_of_one_frame_and_missing_joints():
    one, two = recorded()[0].points[:1], recorded()[1].points[:40]
    valid = np.ones((40, 50), bool)
    valid[:, skeleton.LEFT] = False
    nonsense, on_wrist = two.copy(), two.copy()
    nonsense[:, skeleton.LEFT] = np.nan
    on_wrist[:, skeleton.LEFT] = two[:, skeleton.L_WRIST, None]
    gaps = Clip(nonsense, valid, placement=normalization.CANONICAL)
    features = motion_features.extract_features(shipped(), [motion(one), gaps, motion(on_wrist)])
    assert features[0].shape == (1, shipped().size) and all(np.isfinite(x).all() for x in features)
    np.testing.assert_array_equal(features[1], features[2])


def test_the_shipped_file_is_plain_small_and_what_it_says():
    assert motion_features.SHIPPED_FILE.stat().st_size < 300_000
    with np.load(motion_features.SHIPPED_FILE, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    assert all(x.dtype.kind in "fU" for x in arrays.values())
    assert shipped().digest == str(arrays.pop("digest")) == digest_arrays(arrays)
    for name, array in arrays.items():
        if array.dtype.kind == "f":
            other = array.copy()
            other.flat[-1] += 1
            assert digest_arrays(arrays | {name: other}) != shipped().digest, name
    setup = (ROOT / "setup.py").read_text()
    assert motion_features.SHIPPED_FILE.name in setup and motion_features.SHIPPED_FILE.parent.name in setup


def test_damage_is_named(tmp_path):
    data = motion_features.SHIPPED_FILE.read_bytes()
    with np.load(motion_features.SHIPPED_FILE) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["params/stem/bias"] = arrays["params/stem/bias"] + np.float16(1)
    np.savez(tmp_path / "changed.npz", **arrays)
    (tmp_path / "cut.npz").write_bytes(data[:1000])
    (tmp_path / "empty.npz").write_bytes(b"")
    for name in ("changed", "cut", "empty", "missing"):
        with pytest.raises(StorageError, match=rf"{name}\.npz.*signjax\.tools\.motion_encoder RUN"):
            motion_features.load_extractor(tmp_path / f"{name}.npz")
