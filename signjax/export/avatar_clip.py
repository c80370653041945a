"""A clip as the motion of an avatar, for files of avatars; its user is told what it lost."""

import warnings

import numpy as np

from signjax.errors import SignjaxWarning
from signjax.pose import rotations
from signjax.pose.avatar_axes import place_clip
from signjax.pose.clip import DEFAULT_FPS, Clip
from signjax.pose.rotations import AvatarMotion

MAX_ERROR = 0.005  # shoulder widths: less cannot be seen


def move_avatar(clip: Clip) -> tuple[AvatarMotion, float]:
    """The motion of an avatar, and its frames per second.

    Warns of joints that were missing, and of clips whose bones change their length.

    Raises:
      DataError: as `rotations.solve_rotations`.
    """
    placed = place_clip(clip)
    motion = rotations.solve_placed(placed)
    name = f"clip {clip.sid}" if clip.sid else "the clip"
    if motion.held:
        warnings.warn(
            SignjaxWarning(f"{name} does not show {', '.join(motion.held)}; the avatar is held there"),
            stacklevel=2,
        )
    error = rotations.measure_error(motion, placed)
    worst = np.nanmax(error)
    if worst > MAX_ERROR:
        warnings.warn(
            SignjaxWarning(
                f"bones of {name} change their length, and those of an avatar do not: joints are off by "
                f"{np.nanmean(error):.1%} of the shoulder width in the mean, {worst:.1%} at most"
            ),
            stacklevel=2,
        )
    return motion, clip.fps or DEFAULT_FPS
