"""Makes SMPL-X parameters, a toy model file, an LMDB file and pickles, as their owners write them."""

import io
import pickle
import struct

import numpy as np

from signjax.data.formats import smplx_body

COUNTS = {"smplx_root_pose": 3, "smplx_body_pose": 63, "smplx_lhand_pose": 45, "smplx_rhand_pose": 45}
COUNTS |= {"smplx_jaw_pose": 3, "smplx_shape": 10, "smplx_expr": 10}
PAGE = 4096


def parameters(frames=6, seed=0, size=0.3):
    """Random rotations, axis times angle, by SOKE's keys; the root is 0."""
    rng = np.random.default_rng(seed)
    values = {key: (size * rng.normal(size=(frames, n))).astype(np.float32) for key, n in COUNTS.items()}
    return values | {"smplx_root_pose": np.zeros((frames, 3), np.float32)}


def to_six_numbers(matrices):
    """The first two rows [..., 6] of matrices [..., 3, 3]."""
    return matrices[..., :2, :].reshape(*matrices.shape[:-2], 6)


def to_axis_angle(matrices):
    """The vectors [..., 3] of matrices that turn by less than pi."""
    cosine = (np.trace(matrices, axis1=-2, axis2=-1) - 1) / 2
    angle = np.arccos(np.clip(cosine, -1, 1))
    skew = matrices - np.swapaxes(matrices, -1, -2)
    axis = np.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], -1)
    return axis / 2 / np.sinc(angle / np.pi)[..., None]


def model_arrays(seed=0):
    """The arrays of a model file: joints of the neutral body somewhere on random vertices."""
    rng, body = np.random.default_rng(seed), smplx_body.make_neutral_body()
    template = rng.normal(size=(smplx_body.VERTICES, 3)) * 0.1
    # Joint k is vertex k.
    template[:55] = body.joints
    regressor = np.zeros((55, smplx_body.VERTICES))
    regressor[np.arange(55), np.arange(55)] = 1.0
    for side, first in enumerate((smplx_body.LEFT.start, smplx_body.RIGHT.start)):
        template[list(smplx_body.TIPS[first])] = body.tips[side]
    triangles = rng.integers(100, 5000, (60, 3))
    triangles[5], template[100] = 100, body.nose
    chosen = rng.integers(10, 60, 51)
    chosen[smplx_body.NOSE_TIP] = 5
    weights = np.zeros((smplx_body.VERTICES, 55))
    weights[:, smplx_body.HEAD] = 1.0
    shapes = np.zeros((smplx_body.VERTICES, 3, 20))
    shapes[..., 10:] = rng.normal(size=(smplx_body.VERTICES, 3, 10)) * 0.01
    corners = np.full((51, 3), 1 / 3)
    return {"J_regressor": regressor, "v_template": template, "f": triangles.astype(np.uint32),
            "lmk_faces_idx": chosen, "lmk_bary_coords": corners, "weights": weights,
            "shapedirs": shapes.astype(np.float32)}  # fmt: skip


def signspark_clip(frames=6, seed=0, text="hello you", gloss="HELLO"):
    """The bytes of a clip of SignSparK, of the rotations of `parameters`."""
    from signjax.data.formats import rotations

    values = parameters(frames, seed)
    poses = {key: v.reshape(frames, -1, 3).astype(np.float64) for key, v in values.items() if "pose" in key}
    six = {key: to_six_numbers(rotations.from_axis_angle(v)).reshape(frames, -1) for key, v in poses.items()}
    segment = np.zeros(frames, np.int64)
    segment[1:4] = 2, 1, 1
    file = io.BytesIO()
    texts = {"language": ["en"], "translation": [text], "gloss": [gloss]}
    np.savez(file, segment=segment, **{name: np.array(of) for name, of in texts.items()},
             body_features=six["smplx_body_pose"], left_features=six["smplx_lhand_pose"],
             right_features=six["smplx_rhand_pose"],
             face_features=np.hstack([six["smplx_jaw_pose"], np.zeros((frames, 50))]))  # fmt: skip
    return file.getvalue()


def signspark_entries(clips):
    """The entries of an LMDB of clips {name: bytes}."""
    meta = pickle.dumps({"clip_ids": list(clips), "num_clips": len(clips)})
    return {name.encode(): data for name, data in clips.items()} | {b"__meta__": meta}


def lmdb_bytes(entries):
    """An LMDB file of one leaf page, whose large values have pages of their own."""
    nodes, pages = [], []
    for key, value in sorted(entries.items()):
        large = len(value) > PAGE // 4
        data = value
        if large:
            data = struct.pack("<Q", 3 + len(pages))
            count = -(-(16 + len(value)) // PAGE)
            body = struct.pack("<QHHI", 3 + len(pages), 0, 4, count) + value
            pages += [body[k * PAGE : (k + 1) * PAGE].ljust(PAGE, b"\0") for k in range(count)]
        size = len(value)
        node = struct.pack("<4H", size & 0xFFFF, size >> 16, int(large), len(key)) + key + data
        nodes.append(node + b"\0" * (len(node) % 2))
    offsets, end = [], PAGE
    for node in nodes:
        end -= len(node)
        offsets.append(end)
    head = struct.pack("<QHHHH", 2, 0, 2, 16 + 2 * len(nodes), end) + struct.pack(f"<{len(nodes)}H", *offsets)
    leaf = head.ljust(end, b"\0") + b"".join(reversed(nodes))
    return (
        meta_page(0, 1, len(nodes), len(pages))
        + meta_page(1, 2, len(nodes), len(pages))
        + leaf
        + b"".join(pages)
    )


def meta_page(number, transaction, entries, overflow, root=2):
    free = struct.pack("<IHH5Q", PAGE, 0, 0, 0, 0, 0, 0, (1 << 64) - 1)
    main = struct.pack("<IHH5Q", 0, 0, 1, 0, 1, overflow, entries, root)
    head = struct.pack("<QHHHH", number, 0, 8, 0, 0) + struct.pack("<IIQQ", 0xBEEFC0DE, 1, 0, 1 << 20)
    return (head + free + main + struct.pack("<QQ", 2 + overflow, transaction)).ljust(PAGE, b"\0")
