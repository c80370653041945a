"""Distances of generated clips from recorded ones after dynamic time warping, as papers define them.

They differ in what a frame's distance is, what is normalised and what is divided by, so each has a name of
its own. All take body and hands in canonical space; warping is exact where papers use fastdtw. None of them
can tell a good clip from a still one by itself (`signjax.metrics.motion_statistics`).
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from signjax.metrics.dtw_tracks import Track, align_by_frame, align_by_keypoint
from signjax.metrics.score import Score, format_signature, make_mean_score
from signjax.pose import skeleton
from signjax.pose.clip import Clip

HAND_POINTS = slice(skeleton.RIGHT.start, skeleton.LEFT.stop)
# Parts of the body and the joint that each is put on, of DTW-JPE.
JPE_PARTS = {
    "body": (skeleton.BODY, skeleton.NECK),
    "right": (skeleton.RIGHT, skeleton.R_HAND),
    "left": (skeleton.LEFT, skeleton.L_HAND),
}


def score_distances(references: list[Clip], predictions: list[Clip]) -> dict[str, Score]:
    """Every distance of this file between n pairs of clips: {name: Score}, smaller is nearer."""
    # Once for all of them: what lies in canonical space is taken as it is.
    references, predictions = ([clip.move_to() for clip in side] for side in (references, predictions))
    return {
        "PT-DTW": score_pt_dtw(references, predictions),
        "DTW-MJE": score_dtw_mje(references, predictions),
        "nDTW-MJE": score_ndtw_mje(references, predictions),
        "DTWp": score_dtwp(references, predictions),
        "nDTWp": score_ndtwp(references, predictions),
        "DTW-JPE-body": score_dtw_jpe(references, predictions, "body"),
        "DTW-JPE-right": score_dtw_jpe(references, predictions, "right"),
        "DTW-JPE-left": score_dtw_jpe(references, predictions, "left"),
    }


def score_pt_dtw(references: list[Clip], predictions: list[Clip]) -> Score:
    """The distance of Progressive Transformers (Saunders et al. 2020): L1 over the 150 numbers of a frame.

    Accumulated cost over the reference's frames, mean over clips. Nothing of the reference's length is
    given to the system, and no first frame is dropped.
    """
    # Over the reference's length: a system that signs long is not forgiven for it.
    cost, *_ = align_by_frame(_l1_cost, *_take_tracks(references, predictions))
    signature = format_signature("PT-DTW", path="exact", frame="L1", over="reference frames")
    return make_mean_score(signature, cost / [len(clip) for clip in references])


def score_dtw_mje(references: list[Clip], predictions: list[Clip]) -> Score:
    """DTW-MJE (Huang et al. 2021, as in the SLRTP 2025 challenge): mean joint error along the path.

    The path has the least sum of Euclidean distances of whole frames; the error is the mean over all
    aligned frames and joints of the corpus, so long clips count more.
    """
    # The path minimises distances of frames; the errors of joints are summed along it.
    _, length, errors = align_by_frame(_euclidean_cost, *_take_tracks(references, predictions))
    return make_mean_score(format_signature("DTW-MJE", path="exact", mean="aligned frames"), errors, length)


def score_dtw_jpe(references: list[Clip], predictions: list[Clip], part: str) -> Score:
    """DTW-JPE (SOKE, Zuo et al. 2024): mean joint error after each frame's part is put on its first joint.

    Accumulated along the path and not divided by its length, so clips of more frames score worse.

    Args:
      references: n clips.
      predictions: n clips.
      part: "body" (8 joints from the neck), "right" or "left" (21 hand joints from the hand's root).
    """
    joints, root = JPE_PARTS[part]
    sides = _take_tracks(references, predictions)
    sides = [[_subtract_root(track, joints, root) for track in side] for side in sides]
    cost, *_ = align_by_frame(_joint_mean_cost, *sides)
    # Not divided by the path's length, as in the authors' code.
    signature = format_signature(f"DTW-JPE-{part}", path="exact", frame="mean joint", over="none")
    return make_mean_score(signature, cost)


def score_ndtw_mje(references: list[Clip], predictions: list[Clip]) -> Score:
    """nDTW-MJE (Ham2Pose, Shalev-Arkushin et al. 2023): every keypoint's xy trajectory warped by itself.

    Clips are centred between the shoulders and scaled to shoulder width 1; frames without any hand are
    trimmed off both ends. A keypoint that the reference misses costs nothing, one that only the
    prediction misses half its distance from the centre. Accumulated, mean over keypoints, then clips.
    """
    sides = _take_tracks(references, predictions)
    sides = [[_trim_ends(_scale_to_shoulders(track), _find_seen_hands) for track in side] for side in sides]
    sides = [[Track(track.points[..., :2], track.valid) for track in side] for side in sides]
    cost = align_by_keypoint(_missing_keypoint_cost, *sides)
    signature = format_signature("nDTW-MJE", path="exact", dims="xy", unit="shoulder width")
    return make_mean_score(signature, cost.mean(1))


def score_dtwp(references: list[Clip], predictions: list[Clip]) -> Score:
    """DTWp (Jiang et al., WMT 2025): hand keypoints, each warped by itself, no normalisation.

    Frames at both ends in which every hand is missing or hangs below its elbow are trimmed. Missing
    points lie at 10. The cost of a path is the root of its summed squared distances.
    """
    sides = _take_tracks(references, predictions)
    sides = [[_take_hands(_trim_ends(track, _find_raised_hands), 10.0) for track in side] for side in sides]
    # The root of summed squares, as the authors' library takes it: not the sum of distances.
    cost = np.sqrt(align_by_keypoint(_squared_cost, *sides))
    signature = format_signature("DTWp", path="exact", trim="hands below elbows", points="hands", fill=10.0)
    return make_mean_score(signature, cost.mean(1))


def score_ndtwp(references: list[Clip], predictions: list[Clip]) -> Score:
    """nDTWp (Jiang et al., WMT 2025): as DTWp, in shoulder widths, untrimmed, missing points at 1."""
    sides = _take_tracks(references, predictions)
    sides = [[_take_hands(_scale_to_shoulders(track), 1.0) for track in side] for side in sides]
    cost = np.sqrt(align_by_keypoint(_squared_cost, *sides))
    parameters = {"path": "exact", "trim": "none", "points": "hands", "fill": 1.0, "unit": "shoulder width"}
    return make_mean_score(format_signature("nDTWp", **parameters), cost.mean(1))


# Costs: see signjax.metrics.dtw_tracks. Joints that either side misses are left out of a frame, and the
# others stand for them: else a clip would come nearer by showing less.


def _l1_cost(x, y, x_valid, y_valid):
    difference, both = _subtract_frames(x, y, x_valid, y_valid)
    cost = (jnp.abs(difference).sum(-1) * both).sum(-1) * _missing_factor(both)
    return cost, jnp.zeros_like(cost)


def _euclidean_cost(x, y, x_valid, y_valid):
    # The distance of two frames is that of two vectors of 150 numbers, not a mean over joints.
    difference, both = _subtract_frames(x, y, x_valid, y_valid)
    squares = (difference**2).sum(-1) * both
    cost = jnp.sqrt(squares.sum(-1) * _missing_factor(both))
    return cost, jnp.sqrt(squares).sum(-1) * _missing_factor(both) / both.shape[-1]


def _joint_mean_cost(x, y, x_valid, y_valid):
    return (_euclidean_cost(x, y, x_valid, y_valid)[1],) * 2


def _subtract_frames(x, y, x_valid, y_valid):
    """Differences [B, N, M, K, D] of all pairs of frames, and which joints both show [B, N, M, K]."""
    return x[:, :, None] - y[:, None], x_valid[:, :, None] & y_valid[:, None]


def _missing_factor(both):
    """[B, N, M]: what makes the sum over the joints that both show one over all K."""
    # Frames that have no joint in common cost nothing, where a division by 0 would forbid every path.
    return both.shape[-1] / jnp.maximum(both.sum(-1), 1)


def _missing_keypoint_cost(x, y, x_valid, y_valid):
    """Costs [B, K, N, M] of keypoints, see `score_ndtw_mje`."""
    distance = jnp.sqrt(((x[:, :, None] - y[:, None]) ** 2).sum(-1))  # [B, N, M, K]
    # As in Ham2Pose: a keypoint that was left out is as far off as one that was put at the centre, by half.
    from_centre = jnp.sqrt((x**2).sum(-1))[:, :, None]
    cost = jnp.where(y_valid[:, None], distance, from_centre / 2) * x_valid[:, :, None]
    return cost.transpose(0, 3, 1, 2)


def _squared_cost(x, y, x_valid, y_valid):
    """Costs [B, K, N, M] of keypoints, see `score_dtwp`."""
    del x_valid, y_valid  # what is missing has a place of its own
    return ((x[:, :, None] - y[:, None]) ** 2).sum(-1).transpose(0, 3, 1, 2)


def _take_tracks(references: list[Clip], predictions: list[Clip]) -> list[list[Track]]:
    """Body and hands of the clips of both sides, in canonical space."""
    # Papers compare body and hands; data with faces must give the same numbers as data without.
    bodies = [[clip.without_face() for clip in side] for side in (references, predictions)]
    return [[Track(body.canonical(), body.valid) for body in side] for side in bodies]


def _subtract_root(track: Track, joints: slice, root: int) -> Track:
    # Without the root there is nothing that the other joints could be relative to.
    valid = track.valid[:, joints] & track.valid[:, [root]]
    return Track(track.points[:, joints] - track.points[:, [root]], valid)


def _scale_to_shoulders(track: Track) -> Track:
    """Centred between the shoulders and in shoulder widths, both means over the frames that show them."""
    pair = [skeleton.R_SHOULDER, skeleton.L_SHOULDER]
    shown = track.valid[:, pair].all(1)
    if not shown.any():
        return track
    # One scale for the whole clip: from frame to frame it would breathe with the noise of two points.
    shoulders = track.points[shown][:, pair]  # [T', 2, 3]
    width = np.linalg.norm(shoulders[:, 0, :2] - shoulders[:, 1, :2], axis=-1).mean()
    return Track((track.points - shoulders.mean((0, 1))) / max(width, 1e-6), track.valid)


def _take_hands(track: Track, fill: float) -> Track:
    """The points of both hands, those that are missing at `fill` in every coordinate."""
    # A missing point has a place, as the metrics' authors define it: so missing a hand costs something.
    points = np.where(track.valid[..., None], track.points, np.float32(fill))[:, HAND_POINTS]
    return Track(points, np.ones(points.shape[:2], bool))


def _trim_ends(track: Track, find_wanted: Callable) -> Track:
    """Without the frames before the first and after the last wanted one; whole if none is wanted."""
    # Frames in between stay, wanted or not: a pause inside a sentence is part of it.
    wanted = np.flatnonzero(find_wanted(track))
    span = slice(wanted[0], wanted[-1] + 1) if wanted.size else slice(None)
    return Track(track.points[span], track.valid[span])


def _find_seen_hands(track: Track) -> np.ndarray:
    """Frames [T] that show a point of a hand."""
    return np.any(track.valid[:, HAND_POINTS], axis=1)


def _find_raised_hands(track: Track) -> np.ndarray:
    """Frames [T] in which a wrist is seen, and not below its elbow (y points down)."""
    arms = ((skeleton.R_ELBOW, skeleton.R_WRIST), (skeleton.L_ELBOW, skeleton.L_WRIST))
    raised = [
        track.valid[:, wrist] & (track.points[:, wrist, 1] <= track.points[:, elbow, 1])
        for elbow, wrist in arms
    ]
    return np.logical_or(*raised)
