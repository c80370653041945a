"""The layout of a data set's poses: depth or confidence, 2-D or 3-D, which arm a hand belongs to, faces.

The schema has three values for each joint and does not say what the third one is, and data sets disagree on
which body points are the right arm. Both are detected once for a data set, from a sample of its clips. So
everything after this file sees one kind of pose: in the data's own unit, z = 0 where there is no depth, the
right hand on arm 2-3-4, and a mask of the joints that were seen.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signjax.pose import skeleton

# Confidences lie in 0..1, but detectors overshoot by a little, and in single points by more: of 421,000 of
# OpenPose on WLASL one has 1.11. Taken for a depth, it would make depths of all the others.
MAX_CONFIDENCE, MAX_OVERSHOOT = 1.1, 0.001
# Lifted skeletons have bones constant to rounding (5 decimals: 0.0006 of their length); a third
# value that makes bones this constant, and far more constant than x and y alone, is a depth.
RIGID, RIGID_GAIN = 0.02, 3.0
PINNED = 0.99  # share of frames with the anchor joint exactly at the origin


THIRDS = ("depth", "confidence", "zero")  # zero: always 0
ANCHORS = (skeleton.NECK, skeleton.NOSE)  # joints that data sets are shifted to


class PoseLayout(NamedTuple):
    """The layout of a data set's poses."""

    third: str = "depth"  # one of THIRDS
    swapped: bool = False  # the right hand hangs on joints 5-6-7
    anchor: int = -1  # a joint that lies at the origin by construction, -1 for none
    face: bool = False  # poses have 120 joints

    @property
    def dims(self) -> int:
        """Number of spatial dimensions, 2 or 3."""
        return 3 if self.third == "depth" else 2

    @property
    def joints(self) -> int:
        """Number of joints, 50 or 120."""
        return skeleton.WITH_FACE if self.face else skeleton.NUM_JOINTS

    def describe(self) -> str:
        """The layout in words, for messages."""
        third = {"zero": "third value is always 0"}.get(self.third, f"third value is {self.third}")
        arm = "arm 5-6-7 (exchanged to 2-3-4)" if self.swapped else "arm 2-3-4"
        pinned = f", {skeleton.NAMES[self.anchor]} pinned to the origin" if self.anchor >= 0 else ""
        face = ", with faces" if self.face else ""
        return f"{self.dims}-D ({third}), right hand on {arm}{pinned}{face}"


def parse_layout(value) -> PoseLayout | None:
    """The layout in a value read from JSON; None if the value is no layout."""
    # Packs from before faces were read have three fields. Exact types, as True would pass for an anchor.
    kinds = list(map(type, value)) if isinstance(value, list) else None
    if kinds not in ([str, bool, int], [str, bool, int, bool]):
        return None
    layout = PoseLayout(*value)
    is_known = layout.third in THIRDS and layout.anchor in (-1, *ANCHORS)
    return layout if is_known else None


def detect_layout(samples: Sequence[np.ndarray]) -> PoseLayout:
    """Detects the layout of a data set from raw clips.

    Args:
      samples: poses [T, 50 or 120, 3] as in the files, x, y and the third value; an empty sequence gives
        the default layout.
    """
    if not samples:
        return PoseLayout()
    face = any(sample.shape[1] == skeleton.WITH_FACE for sample in samples)
    samples = [sample[:, : skeleton.NUM_JOINTS] for sample in samples]
    frames = np.concatenate(samples)  # [F, 50, 3]
    # In this order: which joints are absent depends on the anchor, and how distances are measured on the
    # third value.
    layout = PoseLayout(anchor=_find_anchor(frames), face=face)
    layout = layout._replace(third=_classify_third(samples, frames, layout))
    return layout._replace(swapped=_are_arms_swapped(frames, layout))


def apply_layout(raw: np.ndarray, layout: PoseLayout) -> tuple[np.ndarray, np.ndarray]:
    """Brings a raw clip into the one form the package works with.

    Args:
      raw: [T, 50 or 120, 3] as in the file.
      layout: the data set's layout.

    Returns:
      pose [T, J, 3] in own units with the right hand on arm 2-3-4, missing joints and absent depth
      set to 0; valid [T, J] bool. J is the layout's: without a face in the layout a clip's face is left out,
      and with one it is missing in clips that have none.
    """
    pose = raw[:, : layout.joints].copy()
    pose = np.pad(pose, ((0, 0), (0, layout.joints - pose.shape[1]), (0, 0)))
    # Before the third value is erased: where it is a confidence, it says which joints were seen.
    valid = ~_find_absent(pose, layout)
    if layout.dims == 2:
        pose[..., 2] = 0
    pose[~valid] = 0
    if layout.swapped:
        order = np.concatenate([skeleton.MIRROR[skeleton.BODY], np.arange(8, layout.joints)])
        pose, valid = pose[:, order], valid[:, order]
    return pose, valid


def _find_absent(raw: np.ndarray, layout: PoseLayout) -> np.ndarray:
    """[..., J] bool, True for joints that were not seen: exactly at the origin or of confidence 0."""
    absent = (raw[..., : layout.dims] == 0).all(axis=-1)
    # The anchor lies at the origin in every frame, whether it was seen or not.
    if layout.anchor >= 0:
        absent[..., layout.anchor] = False
    if layout.third == "confidence":
        absent |= raw[..., 2] <= 0
    return absent


def _find_anchor(frames: np.ndarray) -> int:
    """The neck or nose if the data were shifted so that it is the origin, else -1."""
    # In x and y alone: the third value may be a confidence, which is not 0 at an anchor.
    at_origin = (frames[..., :2] == 0).all(axis=-1)  # [F, 50]
    # A frame in which nothing was seen is all zeros, and would speak for every joint.
    seen = ~at_origin.all(axis=-1)
    for joint in ANCHORS:
        if seen.any() and at_origin[seen, joint].mean() > PINNED:
            return joint
    return -1


def _classify_third(samples: Sequence[np.ndarray], frames: np.ndarray, layout: PoseLayout) -> str:
    """Tells depth from confidence: sign and range first, then whether it makes the bones rigid."""
    third = frames[..., 2]
    if not third.any():
        return "zero"
    if third.min() < 0 or (third > MAX_CONFIDENCE).mean() > MAX_OVERSHOOT:
        return "depth"
    # Medians over all bones: some bones are short or badly detected, in any data set.
    flat, solid = (
        np.median(np.concatenate([_measure_variation(s, layout, d) for s in samples])) for d in (2, 3)
    )
    return "depth" if solid < RIGID and flat > RIGID_GAIN * solid else "confidence"


def _measure_variation(raw: np.ndarray, layout: PoseLayout, dims: int) -> np.ndarray:
    """Coefficient of variation [49] of each bone's length within a clip; 0 for bones that are never seen."""
    absent = _find_absent(raw, layout)
    child, parent = skeleton.BONES.T
    lengths = np.sqrt(((raw[:, child, :dims] - raw[:, parent, :dims]).astype(np.float64) ** 2).sum(-1))
    lengths = np.ma.masked_array(lengths, absent[:, child] | absent[:, parent])  # [T, 49]
    return (lengths.std(axis=0) / np.ma.maximum(lengths.mean(axis=0), 1e-12)).filled(0.0)


def _are_arms_swapped(frames: np.ndarray, layout: PoseLayout) -> bool:
    """Whether most hands lie nearer to the wrist of the other name."""
    # By a majority of all frames: when hands meet or cross, each may be nearer to the other wrist.
    present = ~_find_absent(frames, layout)
    wrists = [skeleton.R_WRIST, skeleton.L_WRIST]
    nearer_other, votes = 0, 0
    for root, side in ((skeleton.R_HAND, 0), (skeleton.L_HAND, 1)):
        seen = present[:, root] & present[:, wrists].all(axis=1)
        offsets = frames[seen][:, wrists, : layout.dims] - frames[seen][:, [root], : layout.dims]
        distances = (offsets**2).sum(axis=-1)  # [F, 2]
        nearer_other += int((distances[:, 1 - side] < distances[:, side]).sum())
        votes += len(distances)
    return 2 * nearer_other > votes
