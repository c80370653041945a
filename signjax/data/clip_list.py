"""Clips in memory as a data set, so that models take a list of clips as they take a split."""

from collections.abc import Sequence

import numpy as np

from signjax.data.packed_dataset import PackedDataset
from signjax.data.pose_layout import PoseLayout
from signjax.errors import DataError
from signjax.pose.clip import Clip
from signjax.pose.normalization import Placement


def pack_clips(clips: Sequence[Clip], face: bool) -> PackedDataset:
    """A data set of some clips, in their order.

    Args:
      clips: at least one.
      face: whether faces are kept; all clips need one then.

    Raises:
      DataError: a clip has no face that should have one, or no place in canonical space.
    """
    for number, clip in enumerate(clips):
        if face and not clip.has_face:
            raise DataError(f"clip {clip.sid or number}: has 50 joints; give clips with a face, 120 joints")
    # A data set has one number of joints: 120 for every clip, or 50 for every clip.
    clips = list(clips) if face else [clip.without_face() for clip in clips]
    placements = [clip.find_placement() for clip in clips]
    valid = np.concatenate([clip.valid for clip in clips])
    return PackedDataset(
        label="clips",
        sids=tuple(clip.sid for clip in clips),
        texts=tuple(clip.text for clip in clips),
        glosses=tuple(clip.gloss for clip in clips) if any(clip.gloss for clip in clips) else (),
        rates=tuple(clip.fps for clip in clips) if any(clip.fps for clip in clips) else (),
        signers=tuple(clip.signer for clip in clips) if any(clip.signer for clip in clips) else (),
        languages=tuple(clip.language for clip in clips) if any(clip.language for clip in clips) else (),
        offsets=np.cumsum([0, *map(len, clips)]),
        pose=np.concatenate([clip.points for clip in clips]),
        # As in a stored pack: without missing joints there is no mask that later code would multiply by.
        valid=None if valid.all() else valid,
        placements=Placement(*(np.stack(part) for part in zip(*placements, strict=True))),
        layout=PoseLayout(face=face),
        broken=(),
        folder=None,
    )
