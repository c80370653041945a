"""A clip of a dictionary as a sign that can be joined to others."""

from typing import NamedTuple

import numpy as np

from signjax.lexicon import missing_hands, trimming
from signjax.pose import resampling, skeleton
from signjax.pose.clip import DEFAULT_FPS, Clip
from signjax.pose.normalization import CANONICAL

LEADING = 1.5  # a left hand that goes this many times as far as the right one leads


class Sign(NamedTuple):
    """A sign with what is around it in its clip.

    Attributes:
      pose: [T, 50, 3] float32 in canonical space, all joints there.
      span: where in it the hands are up, and where the sign is.
    """

    pose: np.ndarray
    span: trimming.Span


class SignQuality(NamedTuple):
    """What is known of a clip before it is used."""

    seconds: float  # of its sign
    seen: float  # share of the sign's frames that show the hand which is there more often
    head: np.ndarray  # [3] the place of the nose from the neck, in canonical space


def measure_sign(clip: Clip) -> SignQuality:
    """How long the sign of a clip is, and how much of its hands was seen."""
    pose, valid, fps = _read_clip(clip)
    whole = missing_hands.complete_pose(pose, _forget_hands(valid), fps)
    span = trimming.find_sign(whole, fps)
    seen = missing_hands.find_seen_hands(valid)[span.first : span.last]
    head = np.median((whole[:, skeleton.NOSE] - whole[:, skeleton.NECK])[span.first : span.last], axis=0)
    return SignQuality((span.last - span.first) / fps, float(seen.mean(0).max()), head)


def prepare_sign(clip: Clip, rate: float, speed: float) -> Sign:
    """The sign of a clip, `speed` times as fast, at `rate` frames per second.

    Size and place of the signer are taken out, missing hands are filled in, and a sign that the left hand
    leads is mirrored: else a signer would change hands from word to word.

    Raises:
      DataError: the clip shows no body that could be measured.
    """
    pose, valid, fps = _read_clip(clip)
    pose = missing_hands.complete_pose(pose, valid, fps)
    span = trimming.find_sign(pose, fps)
    if _is_led_by_left(pose[span.first : span.last]):
        pose = skeleton.mirror_pose(pose)
    # That it is faster is said by its frame rate, so that one resampling does both.
    played = Clip(pose.astype(np.float32), fps=fps * speed, placement=CANONICAL)
    points = resampling.resample_clip(played, rate).points
    return Sign(points, resample_span(span, rate / (fps * speed), len(points)))


def resample_span(span: trimming.Span, factor: float, frames: int) -> trimming.Span:
    """The span in a clip that was resampled to `frames` frames, `factor` for each that it had."""
    up, first, last, down = (min(frames, max(0, round(t * factor))) for t in span)
    # No sign gets lost, however fast it is played.
    first = min(first, frames - 1)
    return trimming.Span(min(up, first), first, max(last, first + 1), max(down, last, first + 1))


def _read_clip(clip: Clip) -> tuple[np.ndarray, np.ndarray, float]:
    clip = clip.without_face().move_to()
    return clip.points, clip.valid, clip.fps or DEFAULT_FPS


def _forget_hands(valid: np.ndarray) -> np.ndarray:
    """The joints of a clip whose hands count as seen: only where arms are says where its sign is."""
    valid = valid.copy()
    valid[:, skeleton.BODY.stop :] = True
    return valid


def _is_led_by_left(pose: np.ndarray) -> bool:
    wrists = pose[:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    right, left = np.sqrt((np.diff(wrists, axis=0) ** 2).sum(-1)).sum(0)
    return bool(left > LEADING * right)
