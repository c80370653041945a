"""What is fuzzed: for each kind of input a valid sample, the function that reads it, and what must hold then.

Only numpy is needed here; the cases that need jax are beside this.
"""

import itertools
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import format_files
import numpy as np

from signjax import demo
from signjax.data import clip_files, packed_dataset, plausibility, pose_layout
from signjax.data.formats import base as others
from signjax.data.formats import detect, pose_file, text_table
from signjax.data.load import load_split
from signjax.demo import dataset
from signjax.displacements import convert, read, templates, write
from signjax.errors import DataError
from signjax.evaluation import predictions
from signjax.pose import normalization
from signjax.pose.clip import Clip
from signjax.text import tokenizer
from signjax.training import configs, metric_writer, run_config


class Case(NamedTuple):
    """A kind of input. All files are small: what is slow is not tried often."""

    build: Callable[[pathlib.Path], Any]  # writes a valid sample into an empty folder
    files: str  # pattern of the files that are damaged
    load: Callable[[pathlib.Path], Any]  # reads the folder: a result or a SignjaxError
    check: Callable[[Any], None]  # asserts what every result has
    tricks: tuple[str, ...] = ("gone", "folder", "pipe")  # what else may become of a file


LINKED = ("gone", "folder", "pipe", "link")  # where a link that leads out of the folder must be refused


def hush(line: str) -> None:
    """Takes what a pack says of itself."""


def signed(text: str = "Hello", seed: int = 0) -> np.ndarray:
    """A clip [T, 50, 3] of the demo language, in few decimals."""
    return np.round(demo.synthesize_pose(text, np.random.default_rng(seed)), 3)


def write_clip(folder: pathlib.Path, frames: int = 3) -> None:
    """text.txt and pose.json of a short clip."""
    folder.mkdir(parents=True)
    (folder / "text.txt").write_text("Größe?", encoding="utf-8")
    (folder / "pose.json").write_text(dataset.format_pose_json(signed()[:frames], 0))


def split_of(root: pathlib.Path) -> packed_dataset.PackedDataset:
    """The split, packed anew or from its cache."""
    return load_split(root, "set", "train", on_message=hush)


def build_clip(root: pathlib.Path) -> None:
    write_clip(root / "set/train/one")


def build_pack(root: pathlib.Path) -> None:
    for name in ("one", "two"):
        write_clip(root / f"set/train/{name}")
    split_of(root)


def check_pack(dataset: packed_dataset.PackedDataset) -> None:
    assert set(dataset.sids) <= {"one", "two"}
    assert len(dataset) == len(dataset.texts) == len(dataset.lengths) > 0
    for k, clip in enumerate(dataset):
        assert clip.text and len(clip) and clip.points.dtype == np.float32
        assert clip.points.shape[1:] == (dataset.layout.joints, 3)
        assert clip.valid.shape == clip.points.shape[:2]
        assert np.isfinite(normalization.to_canonical(clip.points, dataset.get_placement(k))).all()


def build_predictions(root: pathlib.Path) -> None:
    clip = signed().astype(np.float32)[:4]
    (root / "a.json").write_text(dataset.format_pose_json(clip, 0))
    write_clip(root / "b")
    np.savez(root / "c.npz", pose=clip, other=np.zeros(3))
    np.save(root / "d.npy", clip)


def load_predictions(root: pathlib.Path):
    return predictions.read_predictions(root, ["a", "b", "c", "d"], pose_layout.PoseLayout())


def check_predictions(result) -> None:
    clips, faults = result
    assert len(clips) == 4 and set(faults) <= {"a", "b", "c", "d"}
    for name, clip in zip("abcd", clips, strict=True):
        points = clip.points
        assert points.dtype == np.float32 and points.shape[1:] == (50, 3) and np.isfinite(points).all()
        assert clip.valid.shape == points.shape[:2]
        assert np.abs(points).max(initial=0) <= clip_files.MAX_COORDINATE
        assert name not in faults or not len(points)
    assert all(line.isprintable() and ("missing" in line or "." in line) for line in faults.values())


def build_displacements(root: pathlib.Path) -> None:
    """Two clips and their template, ours and as the original project wrote them."""
    sequences = [convert.compute_displacements(signed(seed=k)[:5], np.ones((5, 50), bool)) for k in range(2)]
    place = normalization.Placement(np.zeros(3), np.float32(0.5))
    for k, (one, norm) in enumerate(itertools.product(sequences, (False, True))):
        cut = write.WordSegment("hello", "train", str(k // 2), (0, 5), True, one, 3, place)
        write.write_segment(root, f"2025010{k}_000000", cut, root / str(k), norm)
    sources = sorted(root.glob("disp_*[0-9].npy"))
    about = {"align": "phase", "normalized": False, "mirrored": []}
    template = templates.average_sequences(sequences)
    write.write_template(root, "20250201_000000", "hello", template, 3, sources, about)
    base, place = "disp_seeds_20250301_000000_train_0", {"split": "train", "sid": "0"}  # those have no masks
    for name, array in ((base, sequences[0].deltas), (f"{base}_p0", sequences[0].start)):
        np.save(root / f"{name}.npy", array[..., :2].astype(np.float32))
    start = {"p0_path": f"..\\x\\{base}_p0.npy"}
    (root / f"{base}.json").write_text(json.dumps({"word": "seeds", **place, **start}))
    np.save(root / "template_seeds_2_T4_deltas.npy", template.deltas[..., :2])
    averaged = {"word": "seeds", "sources": [f"..\\x\\{base}.npy"]}
    (root / "template_seeds_2_T4.json").write_text(json.dumps(averaged))


def load_displacements(root: pathlib.Path) -> list[convert.DisplacementSequence]:
    sequences = []
    for meta in sorted(root.glob("template_*.json")):
        sequences.append(read.read_file(meta)[0])
    for word, norm in (("hello", False), ("hello", True), ("seeds", False)):
        sequences += [clip for _, clip, _ in read.read_word(root, word, norm)]
    return sequences


def check_displacements(sequences: list[convert.DisplacementSequence]) -> None:
    for one in sequences:
        points, seen = convert.rebuild_poses(one)
        assert points.shape == (len(one.deltas) + 1, 50, 3) and np.isfinite(points).all()
        assert seen.shape == points.shape[:2] and seen.dtype == bool


def build_formats(root: pathlib.Path) -> None:
    """A clip of three frames in each of the formats that others have, and a table of texts."""
    clip, valid = format_files.motion(frames=3), np.ones((3, 50), bool)
    format_files.openpose(root / "openpose/one", clip, valid)
    for name, version in (("old", 0.0), ("new", 0.2)):
        file = format_files.pose_file(clip, valid, "openpose")
        (root / name).mkdir()
        (root / name / "one.pose").write_bytes(
            pose_file.format_pose_file(file) if version else format_files.oldest(file)
        )
    format_files.skels(root / "skels", "train", [(clip, valid)], ["hello"])
    format_files.slrtp(root / "slrtp/one.npy", clip, valid)
    format_files.dwpose(root / "dwpose/one.json", clip, valid)
    pictures = json.loads((root / "dwpose/one.json").read_text())["instance_info"]
    (root / "pictures/one").mkdir(parents=True)
    for frame in pictures[:2]:
        (root / f"pictures/one/{frame['frame_id']}.json").write_text(json.dumps(frame["instances"]))
    format_files.landmarks(root / "mediapipe/one.json", clip[:1], valid[:1])
    write_clip(root / "folders/train/one")
    (root / "index.tsv").write_text("clip\ttext\none\tGröße?\n", encoding="utf-8")


def find_change(folder: pathlib.Path) -> int:
    """When something in a folder was changed last, in nanoseconds."""
    return max(path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*")))


def load_formats(root: pathlib.Path) -> list[Clip]:
    text_table.read_table(root / "index.tsv")
    clips, folders = [], {path: find_change(path) for path in sorted(root.iterdir()) if path.is_dir()}
    # The others are as they always are: to read them all each time would only take nine times as long.
    for folder in (path for path, time in folders.items() if time == max(folders.values())):
        for item in detect.detect_format(folder).read_clips(folder):
            if isinstance(item, others.UnreadableClip):
                raise DataError(f"{item.name}: {item.reason}")
            clips.append(plausibility.inspect_clip(item))
    return clips


def check_formats(clips: list[Clip]) -> None:
    for clip in clips:
        assert clip.points.shape == (*clip.valid.shape, 3) and clip.points.dtype == np.float32
        assert np.abs(clip.points).max() <= 3 * clip_files.MAX_COORDINATE
        assert not clip.points[~clip.valid].any()
        assert clip.sid.isprintable() and clip.split in (None, "train", "dev", "test")
        assert clip.fps is None or 0 < clip.fps < 1000


def build_config(root: pathlib.Path) -> None:
    run_config.save_config(root / "config.json", configs.get_config("gpt"))


def load_config(root: pathlib.Path):
    return run_config.load_config(root / "config.json")


def check_config(config) -> None:
    assert type(config.task) is str and config.is_locked
    json.loads(config.to_json(), parse_constant=lambda name: 1 / 0)


def build_text(root: pathlib.Path) -> None:
    tokenizer.fit_tokenizer(["hello you", "hello Zoë"], 2).save(root / "text.json")


def load_text(root: pathlib.Path) -> tokenizer.TextTokenizer:
    return tokenizer.load_tokenizer(root / "text.json")


def check_text(vocabulary: tokenizer.TextTokenizer) -> None:
    ids = vocabulary.encode("hello Zoë ß")
    assert all(0 <= i < vocabulary.size for i in ids)
    vocabulary.decode(range(vocabulary.size)).encode()


def build_metrics(root: pathlib.Path) -> None:
    rows = [{"step": k, "train/loss": 0.5, "eval/a": None, "cpu_s": 2.0 * k, "wall_s": 9} for k in range(8)]
    (root / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def load_metrics(root: pathlib.Path):
    metrics = metric_writer.MetricWriter(root, 5, metric_writer.TimeSpent(1.0, 2.0))
    metrics.write(6, "train", {"loss": 0.25})
    return metrics, (root / "metrics.jsonl").read_text(encoding="utf-8")


def check_metrics(result) -> None:
    metrics, written = result
    assert all(np.isfinite(metrics.get_time_spent())) and min(metrics.get_time_spent()) >= 1.0
    rows = [json.loads(line, parse_constant=lambda name: 1 / 0) for line in written.splitlines()]
    assert rows[-1]["step"] == 6 and all(row["step"] <= 5 for row in rows[:-1])


RECORD = {"language": 4, "seed": 0, "sizes": [2, 1, 1]}


def build_record(root: pathlib.Path) -> None:
    (root / "demo.json").write_text(json.dumps(RECORD))


def load_record(root: pathlib.Path) -> bool:
    return dataset.is_written(root, RECORD)


def check_record(same: bool) -> None:
    assert type(same) is bool


CASES = {
    "clip": Case(build_clip, "set/train/one/*", split_of, check_pack, LINKED),
    "pack": Case(build_pack, "set/.cache/**/*.*", split_of, check_pack, LINKED),
    "predictions": Case(build_predictions, "**/*.*", load_predictions, check_predictions, LINKED),
    "displacements": Case(build_displacements, "*.*", load_displacements, check_displacements, LINKED),
    "formats": Case(build_formats, "**/*.*", load_formats, check_formats),
    "config": Case(build_config, "config.json", load_config, check_config),
    "text": Case(build_text, "text.json", load_text, check_text),
    "metrics": Case(build_metrics, "metrics.jsonl", load_metrics, check_metrics),
    "record": Case(build_record, "demo.json", load_record, check_record),
}
