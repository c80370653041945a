"""Converts coordinates that are fractions of the picture to pixels, for every format.

As shares, x and y have different units unless the picture is square: a signer in a wide picture comes out
thin, and a turned arm changes its length.
"""

import dataclasses

import numpy as np

from signjax.pose import skeleton
from signjax.pose.clip import Clip

# Of the picture, where single points of a signer may lie: hands and elbows leave it.
OUTSIDE = 0.2
# Poses that were moved to the neck and divided by a length of the body are as small, and of one unit.
AT_ORIGIN = 0.05  # as far from it lies their median neck at most
UNKNOWN_SIZE = (
    "coordinates look like shares of a picture of unknown size, and x and y were taken as of one unit; give "
    "--size, as in 1280x720, or 1x1 if they are of one unit"
)
# Shares in percent; no signer is within so few pixels of the corner of a picture that is larger than SMALL.
PERCENT, SMALL = 100, 300
PERCENTS = "coordinates were read as percents of the picture, in whose corner they would lie as pixels"
MAYBE_PERCENTS = (
    "coordinates were taken as pixels, and may be percents of a picture of unknown size; give --size, as in "
    "1280x720"
)
UNUSED_SIZE = "--size was not used, as the coordinates are no shares of a picture"


def scale_shares(clip: Clip, size: tuple[int, int] | None, free_units: bool = False) -> Clip:
    """The clip in pixels if it is in shares of a picture; a warning says so if the size is unknown, and if a
    size was given and the clip has no use for it.

    Args:
      clip: in the unit of its file.
      size: width and height of the picture as the user gives them, None if unknown.
      free_units: whether files of this format often have units of their own, from which shares from -1 to 1
        cannot be told.
    """
    if not (are_shares(clip) or (not free_units and _are_signed_shares(clip))):
        scaled = clip if free_units else scale_percents(clip, size)
        return clip.add_warning(UNUSED_SIZE) if size and scaled is clip else scaled
    return to_pixels(clip, size) if size else clip.add_warning(UNKNOWN_SIZE)


def scale_percents(clip: Clip, size: tuple[float, float] | None) -> Clip:
    """The clip in pixels if it looks like percents of a picture of this size; a warning says so."""
    low, high = _measure_extent(clip)
    # Numbers as small as shares are no percents, which would be a speck of the picture.
    are_percents = low > -OUTSIDE * PERCENT and PERCENT / 10 < high < (1 + OUTSIDE) * PERCENT
    if not are_percents or _is_moved_to_neck(clip):
        return clip
    if size is None:
        return clip.add_warning(MAYBE_PERCENTS)
    if min(size) < SMALL:
        return clip
    return to_pixels(clip, (size[0] / PERCENT, size[1] / PERCENT)).add_warning(PERCENTS)


def to_pixels(clip: Clip, size: tuple[float, float]) -> Clip:
    """A clip in shares of a picture of this width and height, in pixels."""
    points = clip.points * np.array([*size, 1], np.float32)
    return dataclasses.replace(clip, points=points)


def are_shares(clip: Clip) -> bool:
    """Whether a clip without depth looks like one in shares of a picture from 0 to 1."""
    low, high = _measure_extent(clip)
    return low > -OUTSIDE and high < 1 + OUTSIDE and not _is_moved_to_neck(clip)


def _are_signed_shares(clip: Clip) -> bool:
    """Whether a clip without depth may be in shares from -1 to 1, as of OpenPose with keypoint_scale 4."""
    low, high = _measure_extent(clip)
    return low > -1 - OUTSIDE and high < 1 + OUTSIDE and not _is_moved_to_neck(clip)


def _is_moved_to_neck(clip: Clip) -> bool:
    neck = clip.points[clip.valid[:, skeleton.NECK], skeleton.NECK, :2]
    # A neck that lies at the origin exactly may count as missing.
    return not len(neck) or bool(np.abs(np.median(neck, axis=0)).max() < AT_ORIGIN)


def _measure_extent(clip: Clip) -> tuple[float, float]:
    """The least and the largest x or y of most points; infinite for a clip with depth, or without points."""
    points, valid = clip.points[:, : skeleton.NUM_JOINTS], clip.valid[:, : skeleton.NUM_JOINTS]
    seen = points[valid]
    # With a depth, x and y have one unit: otherwise nobody could say which unit the depth has.
    if not len(seen) or seen[:, 2].any():
        return -np.inf, np.inf
    # Few points may be far out: wrong detections.
    low, high = np.quantile(seen[:, :2], (0.01, 0.99))
    return float(low), float(high)
