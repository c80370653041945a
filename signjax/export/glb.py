"""Clips as GLB (binary glTF 2.0): a mannequin that signs, for viewers, game engines and 3-D programs."""

import numpy as np

from signjax.export import gltf
from signjax.export.avatar_clip import move_avatar
from signjax.export.lofts import Surface
from signjax.export.mannequin import Mannequin, make_mannequin
from signjax.pose.avatar_rig import NAMES, NUMBERS, PARENTS, place_bones
from signjax.pose.clip import Clip

# Linear RGB, and how rough they are.
MATERIALS = {
    "clothes": ((0.045, 0.065, 0.105), 0.9),
    "skin": ((0.68, 0.47, 0.36), 0.65),
    "face": ((0.035, 0.022, 0.018), 0.5),
}
INFLUENCES = 4  # bones that may move a corner


def format_glb(clip: Clip) -> bytes:
    """Formats a clip as a GLB file: the mannequin, its bones, and one animation at the clip's frame rate.

    Raises:
      DataError: the clip has no depth, no frames or no body.
    """
    motion, fps = move_avatar(clip)
    buffer = gltf.Buffer()
    nodes = gltf.make_nodes(NAMES, PARENTS, motion.offsets)
    nodes.append({"name": "mannequin", "mesh": 0, "skin": 0})
    name = clip.text or clip.sid or "clip"
    document = {
        "scene": 0,
        "scenes": [{"nodes": [0, len(NAMES)]}],
        "nodes": nodes,
        "meshes": [
            {"name": "mannequin", "primitives": _make_primitives(buffer, make_mannequin(motion.offsets))}
        ],
        "skins": [_make_skin(buffer, motion.offsets)],
        "materials": [_make_material(name, *look) for name, look in MATERIALS.items()],
        "animations": [gltf.make_animation(buffer, name, fps, motion.rotations, motion.hips)],
    }
    return gltf.format_glb(document, buffer)


def _make_material(name: str, color, roughness: float) -> dict:
    surface = {"baseColorFactor": [*color, 1.0], "metallicFactor": 0.0, "roughnessFactor": roughness}
    return {"name": name, "pbrMetallicRoughness": surface}


def _make_skin(buffer: gltf.Buffer, offsets: np.ndarray) -> dict:
    """The skin of all bones: matrices that bring a corner from its place at rest to its bone."""
    matrices = np.tile(np.eye(4), (len(NAMES), 1, 1))
    matrices[:, 3, :3] = -place_bones(offsets)  # in the order of columns, as glTF has them
    inverse = buffer.add(matrices.reshape(-1, 16).astype(np.float32))
    return {"inverseBindMatrices": inverse, "skeleton": 0, "joints": list(range(len(NAMES)))}


def _make_primitives(buffer: gltf.Buffer, mannequin: Mannequin) -> list[dict]:
    return [
        {
            "attributes": {
                "POSITION": buffer.add(surface.points.astype(np.float32), gltf.VERTICES, bounds=True),
                "NORMAL": buffer.add(surface.normals.astype(np.float32), gltf.VERTICES),
                **_add_weights(buffer, surface),
            },
            "indices": buffer.add(surface.triangles.astype(np.uint16).reshape(-1), gltf.INDICES),
            "material": list(MATERIALS).index(material),
        }
        for material, surface in mannequin._asdict().items()
    ]


def _add_weights(buffer: gltf.Buffer, surface: Surface) -> dict:
    joints = np.zeros((len(surface.points), INFLUENCES), np.uint8)
    weights = np.zeros((len(surface.points), INFLUENCES), np.float32)
    for corner, shares in enumerate(surface.weights):
        # A bone that moves nothing must be bone 0, says the format.
        present = [(NUMBERS[name], share) for name, share in shares.items() if share > 0]
        for k, (bone, share) in enumerate(present):
            joints[corner, k], weights[corner, k] = bone, share
    return {
        "JOINTS_0": buffer.add(joints, gltf.VERTICES),
        "WEIGHTS_0": buffer.add(weights, gltf.VERTICES),
    }
