"""Writes a motion in each of the formats that others have, as their tools do."""

import json
import struct

import numpy as np

from signjax import demo
from signjax.data.formats import pose_file as dotpose
from signjax.data.formats.landmarks import FACE
from signjax.pose import skeleton

LEFT_HIDDEN = slice(4, 9)  # frames in which the left hand is not seen
SIZE = (1280, 720)
HANDS = {"right": skeleton.RIGHT, "left": skeleton.LEFT}
BODY_NAMES = ["Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist"]
LANDMARKS = {"NOSE": 0, "LEFT_SHOULDER": 5, "RIGHT_SHOULDER": 2, "LEFT_ELBOW": 6, "RIGHT_ELBOW": 3}
LANDMARKS |= {"LEFT_WRIST": 7, "RIGHT_WRIST": 4}
CONTOURS = sorted({*FACE} - {168, 197, 5, 4, 98, 97, 2, 326, 327, 468, 473})  # no nose, no pupils


def motion(seed=0, frames=12):
    """A clip [T, 50, 3] of the demo language; its neck is the middle of the shoulders."""
    pose = demo.synthesize_pose("Hello", np.random.default_rng(seed))[:frames].astype(np.float64)
    pose[:, skeleton.NECK] = pose[:, [skeleton.R_SHOULDER, skeleton.L_SHOULDER]].mean(1)
    return pose


def validity(frames=12):
    valid = np.ones((frames, 50), bool)
    valid[LEFT_HIDDEN, skeleton.LEFT] = False
    return valid


def pixels(pose):
    """The motion as a camera of 1280 x 720 sees it."""
    return pose[..., :2] * 1000 + np.array([640, 300])


def face_of(pose):
    """70 points [T, 70, 2] around the nose, each at a place of its own, in pixels."""
    k = np.arange(70)
    return pixels(pose)[:, :1] + np.stack([k - 35, (k * 7) % 70 - 35], -1) * 0.5


def with_confidence(points, seen):
    points = np.concatenate([points, np.full((*points.shape[:-1], 1), 0.9)], -1)
    return np.where(seen[..., None], points, 0.0)


def openpose(folder, pose, valid):
    """Frames of 25 + 21 + 21 + 70 points; a second, fainter person in one of them."""
    folder.mkdir(parents=True)
    points = with_confidence(pixels(pose), valid)
    face = with_confidence(face_of(pose), np.ones((len(pose), 70), bool))
    for t in range(len(pose)):
        person = {"pose_keypoints_2d": [*points[t, :8].ravel(), *np.zeros(51)]}
        person |= {f"hand_{side}_keypoints_2d": list(points[t, part].ravel()) for side, part in HANDS.items()}
        person["face_keypoints_2d"] = list(face[t].ravel())
        faint = {key: [0.3] * len(values) for key, values in person.items()}
        path = folder / f"{folder.name}_{t:012}_keypoints.json"
        path.write_text(json.dumps({"version": 1.3, "people": [faint, person] if t == 3 else [person]}))


def dwpose(path, pose, valid, listed=False):
    """MMPose's JSON of 133 points."""
    points, scores = np.zeros((len(pose), 133, 2)), np.zeros((len(pose), 133))
    order = {0: 0, 5: 5, 6: 2, 7: 6, 8: 3, 9: 7, 10: 4}
    order |= {91 + k: 29 + k for k in range(21)} | {112 + k: 8 + k for k in range(21)}
    for own, joint in order.items():
        points[:, own], scores[:, own] = pixels(pose)[:, joint], 0.9 * valid[:, joint]
    points[:, 23:91], scores[:, 23:91] = face_of(pose)[:, :68], 0.9
    values = points.tolist(), scores.tolist()
    frames = [
        {"frame_id": t, "instances": [dict(zip(("keypoints", "keypoint_scores"), both, strict=True))]}
        for t, both in enumerate(zip(*values, strict=True))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(frames if listed else {"instance_info": frames}))


def landmarks(path, pose, valid, size=SIZE):
    """MediaPipe Holistic's landmarks as JSON."""

    def listed(points, seen):
        shares = points / np.array(SIZE)
        return [{"x": x, "y": y, "z": -1.5, "visibility": 0.9} for x, y in shares.tolist()] if seen else []

    at, face, frames = [0] * 33, np.zeros((len(pose), 478, 2)), []
    for index, joint in zip((0, 11, 12, 13, 14, 15, 16), (0, 5, 2, 6, 3, 7, 4), strict=True):
        at[index] = joint
    face[:, FACE] = face_of(pose)
    for t, points in enumerate(pixels(pose)):
        frame = {"pose_landmarks": listed(points[at], True), "face_landmarks": listed(face[t], True)}
        for side, part in HANDS.items():
            frame[f"{side}_hand_landmarks"] = listed(points[part], valid[t, part].all())
        frames.append(frame)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture_size = {"width": size[0], "height": size[1]} if size else {}
    path.write_text(json.dumps({"fps": 30, "signer": "anna", **picture_size, "frames": frames}))


def pose_file(pose, valid, kind, version=0.2, depth=False):
    """The PoseFile of a motion: kind "openpose", "holistic" or "reduced"."""
    points = np.concatenate([pixels(pose), pose[..., 2:] * 1000], -1)
    points = points if depth or kind != "openpose" else points[..., :2]
    letters = "XYZC" if points.shape[-1] == 3 else "XYC"
    face = np.zeros((len(pose), 478, points.shape[-1]))
    if kind == "openpose":
        parts = [("pose_keypoints_2d", BODY_NAMES, list(range(8)))]
        names = ("hand_left_keypoints_2d", "hand_right_keypoints_2d")
        face, number = face[:, :70], list(range(70))
        face[..., :2] = face_of(pose)
        face_part = "face_keypoints_2d"
    else:
        known = {k: v for k, v in LANDMARKS.items() if kind == "holistic" or k != "NOSE"}
        parts = [("POSE_LANDMARKS", list(known), list(known.values()))]
        names = ("LEFT_HAND_LANDMARKS", "RIGHT_HAND_LANDMARKS")
        face[:, FACE, :2] = face_of(pose)
        number = list(range(478)) if kind == "holistic" else list(CONTOURS)
        face_part = "FACE_LANDMARKS"
    parts += [(names[0], [f"p{k}" for k in range(21)], list(range(29, 50)))]
    parts += [(names[1], [f"p{k}" for k in range(21)], list(range(8, 29)))]
    order = [joint for _, _, joints in parts for joint in joints]
    limbs, colors = ((0, 1),), ((1, 2, 3),)
    components = [dotpose.Component(name, letters, tuple(of), limbs, colors) for name, of, _ in parts]
    components.insert(1, dotpose.Component(face_part, letters, tuple(map(str, number))))
    first = len(parts[0][2])
    rows = np.concatenate([points[:, order[:first]], face[:, number], points[:, order[first:]]], 1)
    seen = [valid[:, order[:first]], np.ones((len(pose), len(number))), valid[:, order[first:]]]
    confidence = 0.9 * np.concatenate(seen, 1)
    return dotpose.PoseFile((*SIZE, 1000), tuple(components), 24.0, rows[:, None].astype(np.float32),
                            confidence[:, None].astype(np.float32), version)  # fmt: skip


def oldest(file):
    """The bytes of a PoseFile in version 0.0, with a person that comes and goes beside the first."""
    head = dotpose.format_pose_file(file._replace(points=file.points[:0], confidence=file.confidence[:0]))
    parts = [struct.pack("<f", 0.0), head[4:-10], struct.pack("<HH", round(file.fps), len(file.points))]
    for t, (points, confidence) in enumerate(zip(file.points[:, 0], file.confidence[:, 0], strict=True)):
        rows = np.concatenate([points, confidence[:, None]], 1).astype("<f4")
        people = [rows, rows + 100][: 1 + t % 2]
        parts.append(struct.pack("<H", len(people)))
        parts += [struct.pack("<h", k) + person.tobytes() for k, person in enumerate(people)]
    return b"".join(parts)


def skels(folder, split, clips, texts, form="phoenix"):
    """.skels, .text and .files; form "phoenix", "how2sign" (arms as signjax has them) or "mirrored"."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for pose, valid in clips:
        rows = (pose - pose[:, [skeleton.NECK]]) / 3
        if form == "phoenix":
            rows[:, skeleton.BODY] = rows[:, skeleton.MIRROR[skeleton.BODY]]
        if form == "mirrored":
            rows[..., 0] *= -1
        rows = np.where(valid[..., None], rows, 0).reshape(len(rows), 150)
        lines.append(np.column_stack([rows, np.arange(len(rows)) / len(rows)]))
    text = "\n".join(" ".join(f"{x:.5f}" for x in line.ravel()) for line in lines)
    (folder / f"{split}.skels").write_text(text + "\n")
    (folder / f"{split}.text").write_text("\n".join(texts) + "\n")
    (folder / f"{split}.files").write_text("\n".join(f"{split}/clip-{k}" for k in range(len(lines))) + "\n")


def slrtp(path, pose, valid, upside_down=False, order=None):
    """178 points of 3-D; the face lies around the nose, as 70 points if the mesh points of 128 are given."""
    joints = [2, 3, 4, 5, 6, 7, 0, 0, *range(8, 50), *[0] * 128]
    points = np.where(valid[..., None], pose, 0)[:, joints]
    points[:, 6:8, 1] += 2.0
    points[:, 50:] += np.tile([[0.01, 0.02, 0], [-0.01, -0.02, 0]], (64, 1))
    for k, number in enumerate(order or ()):
        if number in FACE:
            points[:, 50 + k, :2] = (face_of(pose)[:, FACE.index(number)] - (640, 300)) / 1000
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, (points * np.array([1, -1, -1]) if upside_down else points).astype(np.float32))
