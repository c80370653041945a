"""Clips as VRM animations (.vrma), which move any VRM avatar.

The format is the extension VRMC_vrm_animation 1.0 of glTF,
https://github.com/vrm-c/vrm-specification/tree/master/specification/VRMC_vrm_animation-1.0. It knows the
bones of VRM's humanoid alone. Palms of avatars are rigid, so that what knuckles move against each other is
left out; where fingers point is kept.
"""

import numpy as np

from signjax.export import gltf
from signjax.export.avatar_clip import move_avatar
from signjax.pose import quaternions, rotations
from signjax.pose.avatar_rig import LEAVES, NAMES, PARENTS, place_bones
from signjax.pose.clip import Clip

EXTENSION = "VRMC_vrm_animation"
NO_BONES_OF_VRM = ("Wrist", "Base")


def format_vrma(clip: Clip) -> bytes:
    """Formats a clip as a .vrma file with the clip's own frame rate.

    Raises:
      DataError: the clip has no depth, no frames or no body.
    """
    motion, fps = move_avatar(clip)
    bones = [bone for bone, name in enumerate(NAMES) if _is_of_vrm(name)]
    above = {bone: _find_above(bone) for bone in bones}
    _, turns = rotations.find_bones(motion)
    local = np.stack([_turn_from(turns, bone, above[bone]) for bone in bones], 1)
    rest = place_bones(motion.offsets)
    offsets = np.stack([rest[bone] - (rest[above[bone]] if above[bone] >= 0 else 0) for bone in bones])
    numbers = {bone: number for number, bone in enumerate(bones)}
    parents = [numbers.get(above[bone], -1) for bone in bones]
    names, buffer = [NAMES[bone] for bone in bones], gltf.Buffer()
    humans = {name: {"node": number} for number, name in enumerate(names)}
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": gltf.make_nodes(names, parents, offsets),
        "animations": [gltf.make_animation(buffer, clip.text or clip.sid or "clip", fps, local, motion.hips)],
        "extensionsUsed": [EXTENSION],
        "extensions": {EXTENSION: {"specVersion": "1.0", "humanoid": {"humanBones": humans}}},
    }
    return gltf.format_glb(document, buffer)


def _is_of_vrm(name: str) -> bool:
    return name not in LEAVES and not name.endswith(NO_BONES_OF_VRM)


def _find_above(bone: int) -> int:
    """The next bone of VRM on the way to the hips, -1 of the hips."""
    bone = int(PARENTS[bone])
    while bone >= 0 and not _is_of_vrm(NAMES[bone]):
        bone = int(PARENTS[bone])
    return bone


def _turn_from(turns: np.ndarray, bone: int, above: int) -> np.ndarray:
    """How a bone is turned against one above it, [T, 4]; turns are those in space [T, N, 4]."""
    if above < 0:
        return turns[:, bone]
    relative = quaternions.multiply(quaternions.invert(turns[:, above]), turns[:, bone])
    return quaternions.keep_hemisphere(relative)
