"""What is fuzzed of the formats of others: small files of each, so that thousands are read in seconds."""

import functools
import json
import pathlib
import pickle
from collections.abc import Callable

import array_files
import format_files
import smplx_files
from fuzz_cases import Case, check_formats

from signjax.data.formats import detect, pose_file
from signjax.data.formats.base import UnreadableClip
from signjax.errors import DataError

FRAMES = 2
ENDINGS = {"one.*": ".npy", "hello/0/*": ".npy", "words*": ".npy", "data.mdb": "data.mdb"}
POSE, VALID = format_files.motion(frames=FRAMES), format_files.validity(FRAMES)


def load(root: pathlib.Path, form: detect.Format) -> list:
    """The clips of a folder; what cannot be read is an error as of the import."""
    options = {"size": format_files.SIZE} if form.takes_size else {}
    clips = []
    for item in form.read_clips(root, **options):
        if isinstance(item, UnreadableClip):
            raise DataError(f"{item.name}: {item.reason}")
        clips.append(item)
    return clips


def build_tasks(root: pathlib.Path) -> None:
    """JSON of the Tasks API without faces, which would take most of the time."""
    format_files.landmarks(root / "one.json", POSE, VALID)
    content = json.loads((root / "one.json").read_text())
    for frame in content["frames"]:
        del frame["face_landmarks"]
        for name, rows in frame.items():
            frame[name] = [[{"x": round(p["x"], 3), "y": round(p["y"], 3), "visibility": 0} for p in rows]]
    (root / "one.json").write_text(json.dumps(content))


def build_body135(root: pathlib.Path) -> None:
    """A .pose file of one component with both hands."""
    fingers = [f"{f}{k}" for f in ("Thumb", "Index", "Middle", "Ring", "Pinky") for k in (1, 2, 3, 4)]
    names = [*format_files.BODY_NAMES, *(f"R{f}" for f in fingers), *(f"L{f}" for f in fingers)]
    joints = [*range(8), *range(9, 29), *range(30, 50)]
    component = pose_file.Component("BODY_135", "XYC", tuple(names))
    points = format_files.pixels(POSE)[:, None, joints]
    file = pose_file.PoseFile((1280, 720, 0), (component,), 25.0, points, 0.9 * VALID[:, None, joints])
    (root / "one.pose").write_bytes(pose_file.format_pose_file(file))


def build_recording(root: pathlib.Path) -> None:
    array_files.save_recording(root / "one.npy", array_files.points(POSE, VALID, "plr"), fps=24)


def build_frames(root: pathlib.Path) -> None:
    array_files.save_frames(root / "hello/0", array_files.numbers(POSE, VALID, "plr"))


def build_stack(root: pathlib.Path) -> None:
    values = array_files.points(POSE, VALID, "plr")
    array_files.save_stack(root, [("hello", values), ("you", values)])


def build_parquet(root: pathlib.Path) -> None:
    columns = array_files.long_table(POSE, VALID)
    few = columns["type"] != "face"
    array_files.save_parquet(root / "one.parquet", {name: values[few] for name, values in columns.items()})


def build_lmdb(root: pathlib.Path) -> None:
    entries = smplx_files.signspark_entries({"a": smplx_files.signspark_clip(4)})
    (root / "data.mdb").write_bytes(smplx_files.lmdb_bytes(entries))


def build_pickle(root: pathlib.Path) -> None:
    (root / "one.pkl").write_bytes(pickle.dumps(smplx_files.parameters(FRAMES)))


def make_case(build: Callable[[pathlib.Path], None], files: str) -> Case:
    # By its ending, as it is detected: that is another test's.
    form = {"one.json": detect.MEDIAPIPE, "one.pkl": detect.SMPLX_PICKLES}.get(files)
    form = form or detect.BY_ENDING[ENDINGS.get(files, pathlib.Path(files).suffix)]
    return Case(build, files, functools.partial(load, form=form), check_formats)


ARRAYS = ("recording", "frames", "stack")
CASES = {
    "tasks": make_case(build_tasks, "one.json"),
    "body135": make_case(build_body135, "one.pose"),
    "recording": make_case(build_recording, "one.*"),
    "frames": make_case(build_frames, "hello/0/*"),
    "stack": make_case(build_stack, "words*"),
    "parquet": make_case(build_parquet, "one.parquet"),
    "lmdb": make_case(build_lmdb, "data.mdb"),
    "pickle": make_case(build_pickle, "one.pkl"),
}
