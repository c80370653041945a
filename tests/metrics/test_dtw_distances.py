"""Distances after warping against slow references, two libraries, and cases by hand."""

import fastdtw
import numpy as np
import pytest
from dtaidistance import dtw_ndim

from signjax.metrics import dtw, dtw_distances
from signjax.metrics.dtw_tracks import Track, align_by_frame
from signjax.metrics.score import compute_value
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL

HANDS = np.r_[8:50]


def slow_dtw(cost, extra=None):
    """(accumulated cost, pairs on the path, extra along it), cell by cell."""
    rows, columns = cost.shape
    extra = cost if extra is None else extra
    table = {(-1, -1): (0.0, 0, 0.0)}
    for i in range(rows):
        for j in range(columns):
            before = [table[c] for c in ((i - 1, j - 1), (i - 1, j), (i, j - 1)) if c in table]
            best = min(before, key=lambda cell: cell[0])
            table[i, j] = best[0] + cost[i, j], best[1] + 1, best[2] + extra[i, j]
    return table[rows - 1, columns - 1]


def pairwise(x, y, of):
    return np.array([[of(a, b) for b in y] for a in x], np.float64)


def walk(rng, frames):
    """A pose that moves: joints of the size of a body, smooth."""
    steps = rng.normal(size=(frames, 50, 3)) * 0.2
    return (rng.normal(size=(50, 3)) + np.cumsum(steps, 0)).astype(np.float32)


def canonical(points, valid=None):
    """A clip that lies in canonical space."""
    return Clip(points, valid, placement=CANONICAL)


@pytest.fixture(scope="module")
def clips():
    rng = np.random.default_rng(0)
    sizes = [(7, 9), (1, 5), (6, 1), (1, 1), (33, 12), (12, 40)]
    sides = [[canonical(walk(rng, n[k])) for n in sizes] for k in range(2)]
    return sides


@pytest.fixture(scope="module")
def gaps(clips):
    """The same with missing joints and hands, none of them wholly."""
    rng = np.random.default_rng(1)
    sides = []
    for side in clips:
        kept = []
        for m in side:
            valid = rng.random(m.valid.shape) < 0.8
            valid[:, [1, 2, 5]] = True
            kept.append(canonical(m.points, valid))
        kept[0].valid[:2, HANDS] = False
        kept[0].valid[-1:, HANDS] = False
        sides.append(kept)
    return sides


def both(mask_a, mask_b):
    return mask_a & mask_b


def slow_frames(references, predictions, of):
    """of(x, y, both seen) -> (cost, extra) of a pair of frames."""
    distances = []
    for r, p in zip(references, predictions, strict=True):
        frames = [list(zip(clip.points, clip.valid, strict=True)) for clip in (r, p)]
        cells = [[of(a, b, u & v) for b, v in frames[1]] for a, u in frames[0]]
        distances.append(slow_dtw(*np.moveaxis(np.array(cells, np.float64), -1, 0)))
    return np.array(distances)


def euclidean(a, b, seen):
    joint = np.sqrt(((a - b) ** 2).sum(-1))[seen].astype(float)
    scale = len(seen) / max(seen.sum(), 1)
    return np.sqrt((joint**2).sum() * scale), joint.sum() * scale / len(seen)


def test_pt_dtw(clips, gaps):
    def l1(a, b, seen):
        return (np.abs(a - b)[seen].sum() * 50 / seen.sum(),) * 2

    for sides in (clips, gaps):
        expected = slow_frames(*sides, l1)[:, 0] / [len(m) for m in sides[0]]
        assert compute_value(dtw_distances.score_pt_dtw(*sides)) == pytest.approx(expected.mean(), rel=1e-5)


def test_dtw_mje_pools_the_frames_of_the_corpus(clips, gaps):
    for sides in (clips, gaps):
        _, length, errors = slow_frames(*sides, euclidean).T
        value = compute_value(dtw_distances.score_dtw_mje(*sides))
        assert value == pytest.approx(errors.sum() / length.sum(), rel=1e-5)


@pytest.mark.parametrize("part", ["body", "right", "left"])
def test_dtw_jpe(clips, gaps, part):
    joints, root = {"body": (slice(0, 8), 1), "right": (slice(8, 29), 8), "left": (slice(29, 50), 29)}[part]
    for sides in (clips, gaps):
        moved = [
            [
                Track((m.points - m.points[:, [root]])[:, joints], (m.valid & m.valid[:, [root]])[:, joints])
                for m in side
            ]
            for side in sides
        ]
        expected = slow_frames(*moved, lambda a, b, seen: (euclidean(a, b, seen)[1],) * 2)[:, 0]
        assert compute_value(dtw_distances.score_dtw_jpe(*sides, part)) == pytest.approx(
            expected.mean(), rel=1e-5
        )


def in_shoulders(m):
    shown = m.valid[:, 2] & m.valid[:, 5]
    ends = m.points[shown][:, [2, 5]].astype(float)
    width = np.mean([np.hypot(*(a - b)[:2]) for a, b in ends])
    return (m.points - ends.reshape(-1, 3).mean(0)) / width


def test_ndtw_mje(clips, gaps):
    for sides in (clips, gaps):
        expected = []
        for r, p in zip(*sides, strict=True):
            (x, u), (y, v) = ((in_shoulders(m)[..., :2], m.valid) for m in (r, p))
            keep = [np.flatnonzero(m[:, HANDS].any(1)) for m in (u, v)]
            x, u, y, v = (
                a[k[0] : k[-1] + 1]
                for a, k in zip(
                    (x, u, y, v),
                    np.repeat(keep, 2, 0)
                    if len(keep[0]) == len(keep[1])
                    else (keep[0], keep[0], keep[1], keep[1]),
                    strict=True,
                )
            )
            points = []
            for k in range(50):
                cost = np.zeros((len(x), len(y)))
                for i in range(len(x)):
                    for j in range(len(y)):
                        if u[i, k]:
                            there, missed = np.hypot(*(x[i, k] - y[j, k])), np.hypot(*x[i, k]) / 2
                            cost[i, j] = there if v[j, k] else missed
                points.append(slow_dtw(cost)[0])
            expected.append(np.mean(points))
        assert compute_value(dtw_distances.score_ndtw_mje(*sides)) == pytest.approx(
            np.mean(expected), rel=1e-5
        )


def test_dtwp_equals_dtaidistance(clips, gaps):
    def raised(m):
        wrists = [m.valid[:, w] & (m.points[:, w, 1] <= m.points[:, e, 1]) for e, w in ((3, 4), (6, 7))]
        at = np.flatnonzero(wrists[0] | wrists[1])
        span = slice(at[0], at[-1] + 1) if len(at) else slice(None)
        return np.where(m.valid[span, :, None], m.points[span], 10.0)[:, HANDS]

    def shoulders(m):
        return np.where(m.valid[..., None], in_shoulders(m), 1.0)[:, HANDS]

    for sides in (clips, gaps):
        for metric, prepared in ((dtw_distances.score_dtwp, raised), (dtw_distances.score_ndtwp, shoulders)):
            expected = [
                np.mean([dtw_ndim.distance(x[:, k].astype(float), y[:, k].astype(float)) for k in range(42)])
                for x, y in zip(map(prepared, sides[0]), map(prepared, sides[1]), strict=True)
            ]
            assert compute_value(metric(*sides)) == pytest.approx(np.mean(expected), rel=1e-4)


def test_the_exact_path_is_no_longer_than_fastdtws(clips):
    """fastdtw with a radius as large as the clips is exact; with the field's radius of 1 it is above."""
    reference, prediction = ([m.points.reshape(len(m), -1) for m in side] for side in clips)
    tracks = [[Track(m.points, m.valid) for m in side] for side in clips]
    cost, *_ = align_by_frame(dtw_distances._euclidean_cost, *tracks)
    for x, y, exact in zip(reference, prediction, cost, strict=True):

        def apart(a, b):
            return np.linalg.norm(a - b)

        assert fastdtw.fastdtw(x, y, radius=50, dist=apart)[0] == pytest.approx(exact, rel=1e-5)
        assert fastdtw.fastdtw(x, y, radius=1, dist=apart)[0] >= exact * (1 - 1e-6)


def test_by_hand():
    """0 1 2 against 0 2: the frame 1 goes with either; one joint differs by 1 of 50 in one of 3 pairs."""
    still = np.zeros((3, 50, 3), np.float32)
    still[:, skeleton.R_SHOULDER, 0], still[:, skeleton.L_SHOULDER, 0] = -1, 1
    longer, shorter = still.copy(), still[:2].copy()
    longer[:, 20, 0], shorter[:, 20, 0] = [0, 1, 2], [0, 2]
    sides = [[canonical(pose)] for pose in (longer, shorter)]
    assert compute_value(dtw_distances.score_pt_dtw(*sides)) == pytest.approx(1 / 3)
    assert compute_value(dtw_distances.score_dtw_mje(*sides)) == pytest.approx(1 / 50 / 3)
    assert compute_value(dtw_distances.score_dtw_jpe(*sides, "right")) == pytest.approx(1 / 21)
    assert compute_value(dtw_distances.score_dtw_jpe(*sides, "left")) == 0
    assert compute_value(dtw_distances.score_ndtw_mje(*sides)) == pytest.approx(
        0.5 / 50
    )  # shoulders are 2 apart
    assert compute_value(dtw_distances.score_dtwp(*sides)) == pytest.approx(1 / 42)
    assert compute_value(dtw_distances.score_ndtwp(*sides)) == pytest.approx(0.5 / 42)


@pytest.mark.extended
def test_a_pair_does_not_depend_on_the_others(clips):
    """Padding and chunks change nothing."""
    together = dtw_distances.score_distances(*clips)
    for k in (1, 2, 5):  # one frame on either side, and the longest
        for name, alone in dtw_distances.score_distances([clips[0][k]], [clips[1][k]]).items():
            np.testing.assert_allclose(alone.statistics[0], together[name].statistics[k], rtol=1e-5)


def test_nothing_is_nearer_than_itself(clips):
    for name, metric in dtw_distances.score_distances(clips[0], clips[0]).items():
        assert compute_value(metric) == pytest.approx(0, abs=1e-4), name
    for name, metric in dtw_distances.score_distances(*clips).items():
        assert compute_value(metric) > 0.01, name


def test_signatures_tell_the_metrics_apart(clips):
    scores = dtw_distances.score_distances(*clips)
    assert len({s.signature for s in scores.values()}) == len(scores)
    for name, s in scores.items():
        assert s.signature.startswith(f"{name}|") and s.signature.endswith("|v:1")


def test_alignment_equals_the_loop():
    rng = np.random.default_rng(2)
    cost, extra = rng.random((2, 40, 30, 45)).astype(np.float32)
    rows, columns = rng.integers(1, 31, 40), rng.integers(1, 46, 40)
    aligned = dtw.align_pairs(cost, rows, columns, extra)
    for k, (n, m) in enumerate(zip(rows, columns, strict=True)):
        expected = slow_dtw(cost[k, :n, :m].astype(float), extra[k, :n, :m].astype(float))
        np.testing.assert_allclose([x[k] for x in aligned], expected, rtol=1e-5)
