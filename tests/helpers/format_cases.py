"""A known motion in every format that can be imported, and how well each format keeps it."""

import format_files

from signjax.data import dataset_writer
from signjax.data.formats import pose_file
from signjax.pose import skeleton
from signjax.pose.clip import Clip

POSE, VALID = format_files.motion(), format_files.validity()


def save(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def dotposes(kind, **how):
    def build(root):
        save(root / "one.pose", pose_file.format_pose_file(format_files.pose_file(POSE, VALID, kind, **how)))

    return build


def oldest(root):
    save(root / "one.pose", format_files.oldest(format_files.pose_file(POSE, VALID, "openpose")))


def json_of(write_it, *more):
    return lambda root: write_it(root / "one.json", POSE, VALID, *more)


def folders(root):
    clip = Clip(POSE, VALID, fps=30.0, text="hello", sid="one", signer="anna")
    dataset_writer.write_clip(root / "train/one", clip)


def skels(form):
    return lambda root: format_files.skels(root, "train", [(POSE, VALID)], ["hello"], form)


# For each format: how it is written, whether it has depth, the most that a joint is off (in neck-to-shoulder
# lengths), the frame rate it says, and joints it has no points of.
FORMATS = {
    "openpose": (lambda root: format_files.openpose(root / "one", POSE, VALID), False, 1e-4, None, ()),
    "pose-0.2": (dotposes("openpose"), False, 1e-4, 24, ()),
    "pose-0.1": (dotposes("openpose", version=0.1), False, 1e-4, 24, ()),
    "pose-0.0": (oldest, False, 1e-4, 24, ()),
    "pose-depth": (dotposes("openpose", depth=True), True, 1e-4, 24, ()),
    "pose-holistic": (dotposes("holistic"), False, 1e-4, 24, ()),
    "pose-reduced": (dotposes("reduced", version=0.1), False, 1e-4, 24, (skeleton.NOSE,)),
    "skels": (skels("phoenix"), True, 1e-3, None, ()),
    "skels-how2sign": (skels("how2sign"), True, 1e-3, None, ()),
    "skels-mirrored": (skels("mirrored"), True, 1e-3, None, ()),
    "slrtp": (lambda root: format_files.slrtp(root / "one.npy", POSE, VALID), True, 1e-4, 25, ()),
    "dwpose": (json_of(format_files.dwpose), False, 1e-4, None, ()),
    "dwpose-list": (json_of(format_files.dwpose, True), False, 1e-4, None, ()),
    "mediapipe": (json_of(format_files.landmarks), False, 1e-4, 30, ()),
    "folders": (folders, True, 1e-4, 30, ()),
}  # fmt: skip
