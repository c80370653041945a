"""Clips as .pose files of pose-format: OpenPose's components, in pixels of a picture.

The format is that of https://github.com/sign-language-processing/pose, whose library and viewers find joints
by the names of components and points below.
"""

import itertools

import numpy as np

from signjax.data import clip_writers
from signjax.data.formats import pose_file
from signjax.data.formats.pose_file import Component, PoseFile
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.rendering import style

LAYOUT = "XYZC"
FPS = 25.0  # of clips without a rate
BODY = ("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist")
# The names that pose-format has for the 21 points: the root, then four of each finger from the palm on.
HAND = (
    "BASE",
    *(f"T_{joint}" for joint in ("STT", "BCMC", "MCP", "IP")),
    *(f"{finger}_{joint}" for finger in "IMRP" for joint in ("CMC", "MCP", "PIP", "DIP")),
)
# The names of the 70 points of a face: outline, brows, nose, eyes, outer and inner lips, pupils.
_FACES = {"FB": range(17), "FEB": range(17, 27), "FN": range(27, 36), "FE": range(36, 48)}
_FACES |= {"FLO": range(48, 60), "FLI": range(60, 68), "FP": range(68, 70)}
FACE = tuple(f"{name}_{point}" for name, points in _FACES.items() for point in points)


def _parse_color(code: str) -> tuple[int, int, int]:
    # "#rrggbb", as in style sheets.
    red, green, blue = bytes.fromhex(code[1:])
    return red, green, blue


def _make_component(name: str, points: tuple[str, ...], part: slice, colors) -> Component:
    """Makes a component of some joints, with colours of its points and the bones between them as limbs."""
    first, last = part.start, part.stop
    # Bones to joints outside, such as from a wrist to its hand, have no limb: a limb joins two points of one
    # component.
    limbs = [(p - first, c - first) for c, p in skeleton.BONES.tolist() if first <= min(c, p) and c < last]
    return Component(name, LAYOUT, points, tuple(limbs), tuple(map(_parse_color, colors)))


def _list_hand_colors(side: str) -> tuple[str, ...]:
    """The colours of a hand's points, as in signjax.rendering."""
    # A finger has three shades, one for each bone, and four points: the first two share a shade.
    shades = [style.FINGER_SHADES[finger] for finger in skeleton.FINGERS]
    return (style.COLORS[side], *(code for first, *others in shades for code in (first, first, *others)))


def _make_face() -> Component:
    """Makes the component of a face, with the lines of signjax.rendering and the outline as limbs."""
    lines = [range(17), *style.FEATURES]
    limbs = tuple(pair for line in lines for pair in itertools.pairwise(line))
    return Component("face_keypoints_2d", LAYOUT, FACE, limbs, (_parse_color(style.COLORS["face"]),))


COMPONENTS = (
    (_make_component("pose_keypoints_2d", BODY, skeleton.BODY, [style.COLORS["right"]]), skeleton.BODY),
    (
        _make_component("hand_left_keypoints_2d", HAND, skeleton.LEFT, _list_hand_colors("left")),
        skeleton.LEFT,
    ),
    (
        _make_component("hand_right_keypoints_2d", HAND, skeleton.RIGHT, _list_hand_colors("right")),
        skeleton.RIGHT,
    ),
    (_make_face(), skeleton.FACE),
)


def format_clip(clip: Clip) -> bytes:
    """Formats a clip as a .pose file, version 0.2, placed by `clip_writers.place_in_picture`.

    Missing joints have a confidence of 0. A clip without a rate gets FPS frames per second.

    Raises:
      DataError: the clip has no measurable body.
    """
    points = clip_writers.place_in_picture(clip)
    # A clip without a face has no component of one, rather than 70 missing points.
    parts = [
        (component, points[:, part], clip.valid[:, part])
        for component, part in COMPONENTS
        if part.stop <= points.shape[1]
    ]
    return format_parts(parts, clip.fps or FPS)


def format_parts(parts: list[tuple[Component, np.ndarray, np.ndarray]], fps: float) -> bytes:
    """Formats the components of one person as a .pose file.

    Args:
      parts: (component, its points [T, n, 3] in pixels of a picture of clip_writers.PICTURE_SIZE, valid
        [T, n]).
      fps: frames per second.
    """
    points = np.concatenate([points for _, points, _ in parts], axis=1)
    valid = np.concatenate([valid for _, _, valid in parts], axis=1)
    # Points that are missing may hold anything; the file would keep it beside their confidence of 0.
    points = np.where(valid[..., None], points, 0.0).astype(np.float32)[:, None]  # [T, 1, N, 3]
    # A depth of 0 in the header says that the points have none.
    depth = clip_writers.PICTURE_SIZE[1] if points[..., 2].any() else 0
    components = tuple(component for component, _, _ in parts)
    return pose_file.format_pose_file(
        PoseFile((*clip_writers.PICTURE_SIZE, depth), components, fps, points, valid[:, None].astype("f4"))
    )
