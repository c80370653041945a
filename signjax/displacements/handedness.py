"""One leading hand for all clips of a word: left-handed signers make a sign as its mirror image."""

from collections.abc import Sequence

import numpy as np

from signjax.displacements import convert
from signjax.displacements.convert import Moves
from signjax.pose import skeleton

LEADS = 1.5  # times the way of the other wrist: a hand that clearly leads


def leading(clip: Moves) -> int:
    """1 if the right wrist goes clearly farther than the left one, -1 if the left one does, else 0."""
    places = convert.track(clip)
    way = np.diff(places - places[:, [skeleton.NECK]], axis=0)[:, [skeleton.R_WRIST, skeleton.L_WRIST]]
    right, left = np.sqrt((way**2).sum(-1)).sum(0)
    return int(right > LEADS * left) - int(left > LEADS * right)


def mirror(clip: Moves) -> Moves:
    """The clip as a left-handed twin would sign it at the same place: mirrored about its median neck."""
    centre = np.array([np.median(convert.track(clip)[:, skeleton.NECK, 0]), 0, 0])
    seen = clip.seen[:, skeleton.MIRROR]
    start = np.where(seen.any(0)[:, None], skeleton.mirror(clip.start - centre) + centre, 0.0)
    return Moves(start, skeleton.mirror(clip.deltas), seen)


def agree(clips: Sequence[Moves]) -> tuple[list[Moves], list[bool]]:
    """Mirrors the clips that the other hand leads than most; the right hand, where it is a draw.

    Clips that no hand clearly leads stay as they are.

    Returns:
      the clips, and for each whether it was mirrored.
    """
    sides = [leading(clip) for clip in clips]
    usual = 1 if sum(sides) >= 0 else -1
    turned = [side == -usual for side in sides]
    return [mirror(clip) if turn else clip for clip, turn in zip(clips, turned, strict=True)], turned
