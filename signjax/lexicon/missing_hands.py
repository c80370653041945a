"""Hands that the pose estimator lost: carried over short gaps, lowered to rest over long ones.

A hand that is left out would be a stub at its wrist. So each frame of a sign gets all its joints: what is
missing briefly is where the wrist took it, and an arm whose hand is missing for long hangs down.
"""

import numpy as np

from signjax.lexicon import blending
from signjax.pose import skeleton

LONG_GAP = 0.5  # seconds; a hand that is missing for longer may have done anything
LOWERING = 0.4  # seconds of the way down, and of the way up
SIDES = (
    (skeleton.R_SHOULDER, skeleton.R_ELBOW, skeleton.R_WRIST, skeleton.RIGHT),
    (skeleton.L_SHOULDER, skeleton.L_ELBOW, skeleton.L_WRIST, skeleton.LEFT),
)
LEAST_SEEN = 0.6  # share of its joints with which a hand counts as seen


def find_seen_hands(valid: np.ndarray) -> np.ndarray:
    """[T, 2] whether the right and the left hand are there, from valid [T, 50]."""
    return np.stack([valid[:, hand].mean(1) >= LEAST_SEEN for *_, hand in SIDES], 1)


def complete_pose(pose: np.ndarray, valid: np.ndarray, fps: float) -> np.ndarray:
    """The pose [T, 50, 3] with all its joints.

    Args:
      pose: [T, 50, 3] in canonical space.
      valid: [T, 50] bool, False where a joint is missing.
      fps: frames per second.
    """
    pose = np.where(valid[..., None], pose, 0).astype(np.float64)
    resting = make_resting_pose()
    for joint in range(skeleton.BODY.stop):
        pose[:, joint] = _fill_track(pose[:, joint], valid[:, joint], resting[joint])
    seen = find_seen_hands(valid)
    for side, (_, _, wrist, hand) in enumerate(SIDES):
        # Relative to the wrist, which is nearly always seen: a hand goes where the arm takes it.
        at = pose[:, wrist, None]
        rest = resting[hand] - resting[wrist]
        tracks = pose[:, hand] - at
        for joint in range(tracks.shape[1]):
            known = valid[:, hand.start + joint] & seen[:, side]
            tracks[:, joint] = _fill_track(tracks[:, joint], known, rest[joint])
        pose[:, hand] = at + tracks
        pose = _lower_hand(pose, side, weigh_rest(seen[:, side], fps), resting)
    return pose


def weigh_rest(seen: np.ndarray, fps: float) -> np.ndarray:
    """[T] how far a hand is lowered, 0 to 1: only inside of long gaps of `seen` [T]."""
    frames = len(seen)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], seen, [True]])))
    weight, ramp = np.zeros(frames), max(1, round(LOWERING * fps))
    for start, stop in edges.reshape(-1, 2):
        if stop - start <= LONG_GAP * fps and not (start == 0 and stop == frames):
            continue
        t = np.arange(start, stop)
        # At the ends of the clip there is no way: the hand was, or stays, down.
        up = np.full(len(t), np.inf) if start == 0 else t - start + 1
        down = np.full(len(t), np.inf) if stop == frames else stop - t
        weight[start:stop] = blending.ease(np.clip(np.minimum(up, down) / (ramp + 1), 0, 1))
    return weight


def make_resting_pose() -> np.ndarray:
    """A pose [50, 3] in canonical space with both arms hanging down and loose hands."""
    bones = np.zeros((skeleton.NUM_JOINTS, 3))
    bones[skeleton.NOSE] = 0, -1, 0
    for sign, (shoulder, elbow, wrist, hand) in zip((-1, 1), SIDES, strict=True):
        bones[shoulder] = sign, 0.1, 0
        bones[elbow] = 0.1 * sign, 1, 0
        bones[wrist] = -0.15 * sign, 1, 0
        bones[hand.start] = -0.15 * sign, 1, 0
        for finger in range(5):
            # Seen from its back, the thumb on the side of the body.
            slant = -sign * (0.5 - 0.25 * finger)
            for joint in range(1, 5):
                bones[hand.start + 4 * finger + joint] = slant * (1.4 - 0.3 * joint), 1, 0.15 * joint
    norm = np.sqrt((bones**2).sum(-1, keepdims=True))
    bones *= skeleton.LENGTHS[:, None] / np.maximum(norm, 1e-9)
    pose = np.zeros_like(bones)
    for joint in skeleton.ORDER[1:]:
        pose[joint] = pose[skeleton.PARENTS[joint]] + bones[joint]
    return pose


def _fill_track(track: np.ndarray, known: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """A joint [T, 3] with straight lines over its gaps, held at the ends; `otherwise` if never known."""
    if known.all():
        return track
    if not known.any():
        return np.broadcast_to(otherwise, track.shape)
    t, there = np.arange(len(track)), np.flatnonzero(known)
    return np.stack([np.interp(t, there, track[there, axis]) for axis in range(3)], -1)


def _lower_hand(pose: np.ndarray, side: int, weight: np.ndarray, resting: np.ndarray) -> np.ndarray:
    """The pose with an arm on its way to rest by weight [T]."""
    if not weight.any():
        return pose
    shoulder, elbow, wrist, hand = SIDES[side]
    lowered = pose.copy()
    joints = [elbow, wrist, *range(hand.start, hand.stop)]
    lowered[:, joints] = pose[:, shoulder, None] + (resting[joints] - resting[shoulder])
    blended = blending.blend_poses(pose, lowered, weight)
    # Frames that are not touched stay as they are, to the last bit.
    return np.where((weight > 0)[:, None, None], blended, pose)
