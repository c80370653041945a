"""Distances of generated clips from recorded ones after dynamic time warping, as papers define them.

They differ in what a frame's distance is, what is normalised and what is divided by, so each has a name of
its own. All take poses in canonical space; warping is exact where papers use fastdtw. None of them can tell
a good clip from a still one by itself (`signjax.metrics.motion_statistics`).
"""

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data.sources import bucket
from signjax.metrics import dtw
from signjax.metrics.base import Score, mean_score, signature
from signjax.pose import skeleton
from signjax.pose.clip import Clip

CELLS = 1 << 24  # numbers of the largest array in a chunk: 64 MB
FEW = 16  # pairs that are not worth a compilation of their own
LENGTHS = (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024)  # to pad pairs to: few shapes to compile
HAND_POINTS = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)


class Track(NamedTuple):
    """K points over time as one metric compares them, in its own unit and in D dimensions."""

    points: np.ndarray  # [T, K, D]
    valid: np.ndarray  # [T, K] bool


def compare(references: list[Clip], predictions: list[Clip]) -> dict[str, Score]:
    """Every distance of this file between n pairs of clips: {name: Score}, smaller is nearer."""
    # Once for all of them: what lies in canonical space is taken as it is.
    references, predictions = ([clip.move_to() for clip in side] for side in (references, predictions))
    return {
        "PT-DTW": pt_dtw(references, predictions),
        "DTW-MJE": dtw_mje(references, predictions),
        "nDTW-MJE": ndtw_mje(references, predictions),
        "DTWp": dtwp(references, predictions),
        "nDTWp": ndtwp(references, predictions),
        "DTW-JPE-body": dtw_jpe(references, predictions, "body"),
        "DTW-JPE-right": dtw_jpe(references, predictions, "right"),
        "DTW-JPE-left": dtw_jpe(references, predictions, "left"),
    }


def pt_dtw(references, predictions) -> Score:
    """The distance of Progressive Transformers (Saunders et al. 2020): L1 over the 150 numbers of a frame.

    Accumulated cost over the reference's frames, mean over clips. Nothing of the reference's length is
    given to the system, and no first frame is dropped.
    """
    cost, *_ = _frames(_l1, *_both_tracks(references, predictions))
    per_clip = cost / [len(clip) for clip in references]
    return mean_score(signature("PT-DTW", path="exact", frame="L1", over="reference frames"), per_clip)


def dtw_mje(references, predictions) -> Score:
    """DTW-MJE (Huang et al. 2021, as in the SLRTP 2025 challenge): mean joint error along the path.

    The path has the least sum of Euclidean distances of whole frames; the error is the mean over all
    aligned frames and joints of the corpus, so long clips count more.
    """
    _, length, errors = _frames(_euclidean, *_both_tracks(references, predictions))
    return mean_score(signature("DTW-MJE", path="exact", mean="aligned frames"), errors, length)


def dtw_jpe(references, predictions, part: str) -> Score:
    """DTW-JPE (SOKE, Zuo et al. 2024): mean joint error after each frame's part is put on its first joint.

    Accumulated along the path and not divided by its length, so clips of more frames score worse.

    Args:
      references: n clips.
      predictions: n clips.
      part: "body" (8 joints from the neck), "right" or "left" (21 hand joints from the hand's root).
    """
    joints, root = {
        "body": (skeleton.BODY, skeleton.NECK),
        "right": (skeleton.RIGHT, skeleton.R_HAND),
        "left": (skeleton.LEFT, skeleton.L_HAND),
    }[part]
    sides = _both_tracks(references, predictions)
    sides = [[_from_root(track, joints, root) for track in side] for side in sides]
    cost, *_ = _frames(_joint_mean, *sides)
    return mean_score(signature(f"DTW-JPE-{part}", path="exact", frame="mean joint", over="none"), cost)


def ndtw_mje(references, predictions) -> Score:
    """nDTW-MJE (Ham2Pose, Shalev-Arkushin et al. 2023): every keypoint's xy trajectory warped by itself.

    Clips are centred between the shoulders and scaled to shoulder width 1; frames without any hand are
    trimmed off both ends. A keypoint that the reference misses costs nothing, one that only the
    prediction misses half its distance from the centre. Accumulated, mean over keypoints, then clips.
    """
    sides = [
        [_trim(_shoulders(m), _hands_seen) for m in side] for side in _both_tracks(references, predictions)
    ]
    sides = [[Track(m.points[..., :2], m.valid) for m in side] for side in sides]
    cost = _keypoints(_masked, *sides)
    return mean_score(signature("nDTW-MJE", path="exact", dims="xy", unit="shoulder width"), cost.mean(1))


def dtwp(references, predictions) -> Score:
    """DTWp (Jiang et al., WMT 2025): hand keypoints, each warped by itself, no normalisation.

    Frames at both ends in which every hand is missing or hangs below its elbow are trimmed. Missing
    points lie at 10. The cost of a path is the root of its summed squared distances.
    """
    sides = [
        [_hands(_trim(m, _hands_raised), 10.0) for m in side]
        for side in _both_tracks(references, predictions)
    ]
    cost = np.sqrt(_keypoints(_squared, *sides))
    named = signature("DTWp", path="exact", trim="hands below elbows", points="hands", fill=10.0)
    return mean_score(named, cost.mean(1))


def ndtwp(references, predictions) -> Score:
    """nDTWp (Jiang et al., WMT 2025): as DTWp, in shoulder widths, untrimmed, missing points at 1."""
    sides = _both_tracks(references, predictions)
    sides = [[_hands(_shoulders(track), 1.0) for track in side] for side in sides]
    cost = np.sqrt(_keypoints(_squared, *sides))
    named = signature("nDTWp", path="exact", trim="none", points="hands", fill=1.0, unit="shoulder width")
    return mean_score(named, cost.mean(1))


# Costs: positions x [B, N, K, D], y [B, M, K, D] and validity [B, N, K], [B, M, K] of references and
# predictions to (cost, extra) of pairs of frames. Joints that either side misses are left out of a frame,
# and the others stand for them.


def _l1(x, y, seen, known):
    apart, weight, count = _apart(x, y, seen, known)
    cost = (jnp.abs(apart).sum(-1) * weight).sum(-1) * _share(weight, count)
    return cost, jnp.zeros_like(cost)


def _euclidean(x, y, seen, known):
    apart, weight, count = _apart(x, y, seen, known)
    squares = (apart**2).sum(-1) * weight
    cost = jnp.sqrt(squares.sum(-1) * _share(weight, count))
    return cost, jnp.sqrt(squares).sum(-1) * _share(weight, count) / count


def _joint_mean(x, y, seen, known):
    return (_euclidean(x, y, seen, known)[1],) * 2


def _apart(x, y, seen, known):
    weight = seen[:, :, None] & known[:, None]  # [B, N, M, K]
    return x[:, :, None] - y[:, None], weight, x.shape[2]


def _share(weight, count):
    return count / jnp.maximum(weight.sum(-1), 1)


def _masked(x, y, seen, known):
    """Costs [B, K, N, M] of keypoints, see ndtw_mje."""
    apart = jnp.sqrt(((x[:, :, None] - y[:, None]) ** 2).sum(-1))  # [B, N, M, K]
    alone = jnp.sqrt((x**2).sum(-1))[:, :, None] / 2
    cost = jnp.where(known[:, None], apart, alone) * seen[:, :, None]
    return cost.transpose(0, 3, 1, 2)


def _squared(x, y, seen, known):
    """Costs [B, K, N, M] of keypoints, see dtwp."""
    return ((x[:, :, None] - y[:, None]) ** 2).sum(-1).transpose(0, 3, 1, 2)


def _frames(cost: Callable, references, predictions):
    """Aligns n pairs by a cost of whole frames: (cost [n], path length [n], extra [n])."""
    return _chunks(_align_frames, cost, references, predictions)


@functools.partial(jax.jit, static_argnums=0)
def _align_frames(cost, x, y, seen, known, rows, columns):
    frames, extra = cost(x, y, seen, known)
    return dtw.align(frames, rows, columns, extra)


def _keypoints(cost: Callable, references, predictions) -> np.ndarray:
    """Aligns each of K keypoints of n pairs by itself: costs [n, K]."""
    return _chunks(_align_keypoints, cost, references, predictions)[0]


@functools.partial(jax.jit, static_argnums=0)
def _align_keypoints(cost, x, y, seen, known, rows, columns):
    table = cost(x, y, seen, known)  # [B, K, N, M]
    points = table.shape[1]
    found = dtw.align(
        table.reshape(-1, *table.shape[2:]), jnp.repeat(rows, points), jnp.repeat(columns, points)
    )
    return (found.cost.reshape(-1, points),)


def _chunks(run: Callable, cost: Callable, references, predictions) -> list[np.ndarray]:
    """Runs pairs of like lengths together, padded; results in the order of the pairs."""
    lengths = np.array([[len(m.points) for m in side] for side in (references, predictions)]).T  # [n, 2]
    groups = _groups(lengths.max(1))
    results: list = [None] * len(lengths)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        rows, columns = (bucket(int(n), LENGTHS) for n in lengths[members].max(0))
        chunk = max(1, CELLS // (rows * columns * references[0].points[0].size))
        for start in range(0, len(members), chunk):
            part = members[start : start + chunk]
            filled = part[np.minimum(np.arange(chunk), len(part) - 1)]
            x, seen = _stack([references[i] for i in filled], rows)
            y, known = _stack([predictions[i] for i in filled], columns)
            found = jax.device_get(run(cost, x, y, seen, known, *lengths[filled].T))
            for row, i in enumerate(part):
                results[i] = [np.asarray(f[row], np.float64) for f in found]
    return [np.array(column) for column in zip(*results, strict=True)]


def _groups(lengths) -> np.ndarray:
    """Pairs of about equal length get one number; a few pairs of one length go with those of the next."""
    found = np.array([bucket(int(n), LENGTHS) for n in lengths])
    for size, larger in pairwise(np.unique(found).tolist()):
        if (found == size).sum() < FEW:
            found[found == size] = larger
    return found


def _stack(tracks: list[Track], length: int):
    points = np.zeros((len(tracks), length, *tracks[0].points.shape[1:]), np.float32)
    valid = np.zeros(points.shape[:3], bool)
    for row, track in enumerate(tracks):
        points[row, : len(track.points)], valid[row, : len(track.points)] = track
    return points, valid


def _both_tracks(references: list[Clip], predictions: list[Clip]) -> list[list[Track]]:
    """Body and hands of the clips of both sides, in canonical space."""
    bodies = [[clip.without_face() for clip in side] for side in (references, predictions)]
    return [[Track(body.canonical(), body.valid) for body in side] for side in bodies]


def _from_root(track: Track, joints: slice, root: int) -> Track:
    valid = track.valid[:, joints] & track.valid[:, [root]]
    return Track(track.points[:, joints] - track.points[:, [root]], valid)


def _shoulders(track: Track) -> Track:
    """Centred between the shoulders and in shoulder widths, both means over the frames that show them."""
    pair = [skeleton.R_SHOULDER, skeleton.L_SHOULDER]
    shown = track.valid[:, pair].all(1)
    if not shown.any():
        return track
    ends = track.points[shown][:, pair]  # [T', 2, 3]
    width = np.linalg.norm(ends[:, 0, :2] - ends[:, 1, :2], axis=-1).mean()
    return Track((track.points - ends.mean((0, 1))) / max(width, 1e-6), track.valid)


def _hands(track: Track, fill: float) -> Track:
    points = np.where(track.valid[..., None], track.points, np.float32(fill))[:, HAND_POINTS]
    return Track(points, np.ones(points.shape[:2], bool))


def _trim(track: Track, wanted: Callable) -> Track:
    """Without the frames before the first and after the last wanted one; whole if none is wanted."""
    at = np.flatnonzero(wanted(track))
    span = slice(at[0], at[-1] + 1) if at.size else slice(None)
    return Track(track.points[span], track.valid[span])


def _hands_seen(track: Track) -> np.ndarray:
    return track.valid[:, HAND_POINTS].any(1)


def _hands_raised(track: Track) -> np.ndarray:
    """Frames [T] in which a wrist is seen, and not below its elbow (y points down)."""
    arms = ((skeleton.R_ELBOW, skeleton.R_WRIST), (skeleton.L_ELBOW, skeleton.L_WRIST))
    raised = [
        track.valid[:, wrist] & (track.points[:, wrist, 1] <= track.points[:, elbow, 1])
        for elbow, wrist in arms
    ]
    return np.logical_or(*raised)
