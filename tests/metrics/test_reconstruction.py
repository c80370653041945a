"""Reconstruction errors and guards against slow references from the definitions and cases by hand."""

import math

import numpy as np
import pytest

from signjax.metrics import motion_statistics, reconstruction
from signjax.metrics.score import compute_value
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL, Placement

SIZES = (9, 1, 2, 14)
SCALES = (0.1, 0.08, 0.12, 0.09)


def canonical(points, valid=None):
    """A clip that lies in canonical space."""
    return Clip(points, valid, placement=CANONICAL)


def motion(rng, frames, missing=0.0):
    pose = rng.normal(size=(50, 3)) + np.cumsum(rng.normal(size=(frames, 50, 3)) * 0.1, 0)
    return canonical(pose, rng.random((frames, 50)) >= missing)


@pytest.fixture(scope="module", params=[0.0, 0.2], ids=["whole", "gaps"])
def pair(request):
    rng = np.random.default_rng(0)
    references = [motion(rng, n, request.param) for n in SIZES]
    noisy = [canonical(m.points + rng.normal(size=m.points.shape) * 0.25) for m in references]
    # Recorded clips lie somewhere and have a unit of their own; generated ones are in canonical space.
    places = [Placement(np.float32([1, -2, 3]), np.float32(scale)) for scale in SCALES]
    return [clip.move_to(place) for clip, place in zip(references, places, strict=True)], noisy


def each(pair):
    """(reference frame, prediction frame, both in the reference's unit, valid, clip number, frame number)."""
    for c, (r, p, s) in enumerate(zip(*pair, SCALES, strict=True)):
        x, y = (clip.canonical().astype(float) * s for clip in (r, p))
        for t in range(len(r)):
            yield x[t], y[t], r.valid[t], c, t


def values(pair):
    return {name: compute_value(s) for name, s in reconstruction.score_reconstruction(*pair).items()}


def test_positions(pair):
    sums = {"MPJPE": [], "MPJPE-body": [], "MPJPE-hands": [], "MPJPE-hands-relative": []}
    for x, y, valid, *_ in each(pair):
        for j in np.flatnonzero(valid):
            error = math.dist(x[j], y[j])
            sums["MPJPE"].append(error)
            sums["MPJPE-body" if j < 8 else "MPJPE-hands"].append(error)
            wrist = 4 if j < 29 else 7
            if j >= 8 and valid[wrist]:
                sums["MPJPE-hands-relative"].append(math.dist(x[j] - x[wrist], y[j] - y[wrist]))
    scores = values(pair)
    for name, errors in sums.items():
        assert scores[name] == pytest.approx(np.mean(errors), rel=1e-6), name


def test_motion_and_bones(pair):
    frames = {(c, t): (x, y, valid) for x, y, valid, c, t in each(pair)}
    velocity, acceleration, bones = [], [], []
    for (c, t), (x, y, valid) in frames.items():
        for j in range(50):
            past = [frames.get((c, t - k)) for k in (1, 2)]
            if past[0] and valid[j] and past[0][2][j]:
                velocity.append(math.dist((x - past[0][0])[j], (y - past[0][1])[j]))
                if past[1] and past[1][2][j]:
                    second = [
                        a[j] - 2 * b[j] + c_[j]
                        for a, b, c_ in ((x, past[0][0], past[1][0]), (y, past[0][1], past[1][1]))
                    ]
                    acceleration.append(math.dist(*second))
        for child, parent in skeleton.BONES:
            if valid[child] and valid[parent]:
                bones.append(abs(math.dist(x[child], x[parent]) - math.dist(y[child], y[parent])))
    scores = values(pair)
    assert scores["velocity error"] == pytest.approx(np.mean(velocity), rel=1e-6)
    assert scores["acceleration error"] == pytest.approx(np.mean(acceleration), rel=1e-6)
    assert scores["bone-length error"] == pytest.approx(np.mean(bones), rel=1e-6)


def test_pck(pair):
    near = {f"PCK-{part}@{a}": [] for part in ("body", "hands") for a in (0.1, 0.2)}
    for x, y, valid, *_ in each(pair):
        for j in np.flatnonzero(valid):
            if j < 8:
                size = math.dist(x[2], x[5]) if valid[2] and valid[5] else None
            else:
                hand = x[8:29][valid[8:29]] if j < 29 else x[29:][valid[29:]]
                size = (hand.max(0) - hand.min(0)).max()
            for a in (0.1, 0.2):
                if size is not None:
                    near[f"PCK-{'body' if j < 8 else 'hands'}@{a}"].append(math.dist(x[j], y[j]) < a * size)
    scores = values(pair)
    for name, hits in near.items():
        assert scores[name] == pytest.approx(100 * np.mean(hits)) and 0 < scores[name] < 100, name


def test_seed_xy(pair):
    clips = [[] for _ in SIZES]
    for x, y, valid, c, _ in each(pair):
        clips[c].append(((x - y)[valid, :2] ** 2).sum())
    assert values(pair)["seed xy"] == pytest.approx(np.mean([np.mean(c) for c in clips]), rel=1e-6)


def test_procrustes_takes_out_a_similarity_and_nothing_else():
    """Turned, moved and scaled frames have no error; a mirror image has."""
    rng = np.random.default_rng(1)
    reference = motion(rng, 20)
    turn, _ = np.linalg.qr(rng.normal(size=(20, 3, 3)))
    turn *= np.sign(np.linalg.det(turn))[:, None, None]
    moved = 1.7 * reference.points @ turn + rng.normal(size=(20, 1, 3))
    for pose, low, high in ((moved, 0, 1e-5), (moved * [-1, 1, 1], 0.1, 10)):
        scores = reconstruction.score_reconstruction([reference], [canonical(pose, reference.valid)])
        assert low <= compute_value(scores["PA-MPJPE"]) <= high


def test_procrustes_is_the_best_similarity():
    """No similarity near the one found has a smaller sum of squares."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 50, 3))
    y = x + 0.3 * rng.normal(size=x.shape)
    seen = rng.random((1, 50)) < 0.7

    def squares(of):
        errors, valid = reconstruction._measure_aligned_joints(x, of, seen)
        return ((errors * valid) ** 2).sum()

    best = squares(y)
    centred = y - y[seen].mean(0)
    target = x - x[seen].mean(0)
    for _ in range(200):
        small = np.linalg.qr(np.eye(3) + 0.1 * rng.normal(size=(3, 3)))[0]
        small *= np.sign(np.diag(small))
        tried = (((target - rng.normal(1, 0.1) * centred @ small) ** 2).sum(-1) * seen).sum()
        assert tried >= best - 1e-9


def test_by_hand():
    pose = np.zeros((2, 50, 3), np.float32)
    pose[:, 2, 0], pose[:, 5, 0] = -1, 1
    off = pose.copy()
    off[1, 0, 1] = 0.3  # the nose, in one of two frames
    recorded = canonical(pose).move_to(Placement(np.zeros(3, np.float32), np.float32(0.5)))
    scores = reconstruction.score_reconstruction([recorded], [canonical(off)])
    scores = {name: compute_value(s) for name, s in scores.items()}
    assert scores["MPJPE"] == pytest.approx(0.15 / 100) and scores["MPJPE-body"] == pytest.approx(0.15 / 16)
    assert scores["MPJPE-hands"] == scores["MPJPE-hands-relative"] == 0
    assert scores["velocity error"] == pytest.approx(0.15 / 50) and math.isnan(scores["acceleration error"])
    assert scores["bone-length error"] == pytest.approx(0.15 / 98)
    assert scores["PCK-body@0.1"] == pytest.approx(100 * 15 / 16) and scores["PCK-body@0.2"] == 100
    assert scores["seed xy"] == pytest.approx(0.15**2 / 2)


def test_guards_by_hand():
    rng = np.random.default_rng(3)
    truth = [motion(rng, n) for n in (30, 40)]

    def score_changed(change):
        changed = [canonical(change(m.points)) for m in truth]
        return {name: compute_value(s) for name, s in motion_statistics.score_motion(truth, changed).items()}

    same = score_changed(lambda p: p)
    assert all(v == pytest.approx(1) for v in same.values()) and not motion_statistics.list_warnings(same)
    half = score_changed(lambda p: p.mean(0) + 0.5 * (p - p.mean(0)))
    assert all(half[n] == pytest.approx(0.5, rel=1e-4) for n in ("hand travel", "deviation", "speed"))
    assert half["jitter"] == pytest.approx(1, rel=1e-4) and half["length"] == 1
    slow = score_changed(lambda p: np.repeat(p, 2, 0))
    assert slow["hand travel"] == pytest.approx(1) and slow["length"] == 2 and slow["speed"] < 0.51
    still = score_changed(lambda p: np.repeat(p.mean(0, keepdims=True), len(p), 0))
    assert still["hand travel"] == 0 and motion_statistics.list_warnings(still)
    trembling = score_changed(lambda p: p + 0.2 * rng.normal(size=p.shape))
    assert trembling["jitter"] > 1.2
    right = np.arange(50) != skeleton.R_WRIST
    one_hand_still = score_changed(lambda p: np.where(right[:, None], p, p[:1]))
    assert one_hand_still["hand travel"] == pytest.approx(0.5)


def test_guards_do_not_count_missing_joints():
    rng = np.random.default_rng(4)
    truth = [motion(rng, 25, 0.3)]
    spoilt = np.where(truth[0].valid[..., None], truth[0].points, 1e3).astype(np.float32)
    clean, other = (
        motion_statistics.score_motion(truth, [canonical(p, truth[0].valid)])
        for p in (truth[0].points, spoilt)
    )
    for name in clean:
        np.testing.assert_array_equal(clean[name].statistics, other[name].statistics)
