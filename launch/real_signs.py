"""Makes the data sets of real single signs that docs/results.md measures, from archives beside a checkout.

Examples:
    python launch/real_signs.py ../shared/data datasets
    python launch/real_signs.py archives real

Data sets to measure recognisers: include43-s0 to -s2 (one recording session is the test split), webcam (the
last quarter of each word's recordings) and wlasl50-f0 to -f4 (the test split has other signers). To measure
generators: signs has all words of all sets in one, without what judges learn from; judge-include43,
judge-webcam and judge-wlasl50 have that in train and dev, and recordings of signs in test. The recordings
have licences of their own, see the README of each archive: nothing of them may be shared.
"""

import csv
import dataclasses
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np

from signjax.cli import parsing
from signjax.cli.command import run_without_jax
from signjax.data.dataset_writer import write_clip
from signjax.data.import_poses import import_poses
from signjax.data.load import load_dataset
from signjax.data.splits import SPLITS
from signjax.io import atomic, temporary_folders
from signjax.seeds import make_rng

ARCHIVES = ("include43", "webcam", "wlasl")
FOLDS = 5
JUDGED_SESSION, JUDGED_FOLDS = "0", (0, 1)  # judges learn from these and from the tested quarter of webcam
LANGUAGES = {"include43": "ins", "webcam": "ase", "wlasl50": "ase", "gloss": "ase"}  # as ISO 639-3 calls them
TESTED = 20  # recordings of a word that a judge's test split has at most
FPS = 25  # of signs: most of its sets have fewer, and none has more
DEV_SHARE = 0.06  # of the recordings that are not tested; they choose the step, so training must not see them


@run_without_jax
def main(argv: list[str] | None = None) -> int:
    """Makes the data sets in the folder that a command line names; returns the exit code."""
    parser = parsing.Parser(prog="python launch/real_signs.py", description=__doc__)
    names = ", ".join(f"{name}.tar.xz" for name in ARCHIVES)
    parser.add_argument("archives", type=Path, help=f"folder of {names}")
    parser.add_argument("root", type=Path, help="folder of the data sets")
    args = parser.parse_args(argv)
    make_datasets(args.archives, args.root)
    return 0


def make_datasets(archives: Path, root: Path) -> None:
    """Unpacks the archives beside `root` and imports each set under each of its splits."""
    unpacked = root / ".real_signs"
    for name in ARCHIVES:
        if not (unpacked / name).is_dir():
            unpacked.mkdir(parents=True, exist_ok=True)
            # Moved when it is whole: what is half unpacked must not be taken for all of it the next time.
            with (
                tarfile.open(archives / f"{name}.tar.xz") as archive,
                temporary_folders.make_temporary_folder(unpacked) as folder,
            ):
                archive.extractall(folder, filter="data")
                atomic.move_folder(folder / name, unpacked / name)
    for name, (values, rows) in (
        *_split_include(unpacked),
        *_split_webcam(unpacked),
        *_split_wlasl(unpacked),
    ):
        _import_stack(unpacked, root, name, values, rows)
    _make_generation_sets(unpacked, root)


def _import_stack(unpacked: Path, root: Path, name: str, values: np.ndarray, rows: list[dict]) -> None:
    """Imports clips that lie in one array, unless that was done before."""
    if (root / name).is_dir():
        return
    stack = unpacked / "stacks" / name
    stack.mkdir(parents=True, exist_ok=True)
    np.save(stack / "clips.npy", values)
    with open(stack / "clips_index.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    report = import_poses(stack, str(root), name)
    print(f"{root / name}: {report['clips']}, {len(report['left_out'])} left out", flush=True)


def _make_generation_sets(unpacked: Path, root: Path) -> None:
    """Makes `signs` and the sets of the judges: no judge learns from a recording that is in signs."""
    parts = unpacked / "parts"
    judged = {
        "include43": dict(_split_include(unpacked))[f"include43-s{JUDGED_SESSION}"],
        "webcam": dict(_split_webcam(unpacked))["webcam"],
        "wlasl50": _hold_out_folds(unpacked, JUDGED_FOLDS),
    }
    for name, (values, rows) in judged.items():
        rows = [
            row | {"language": LANGUAGES[name], "signer_id": f"{name}-{row.get('signer_id', 'one')}"}
            for row in rows
        ]
        held_out = [row["split"] == "test" for row in rows]
        # Held out from signs is what the judge learns from; what signs has are the recordings that test it.
        learnt = _mark_splits(rows, [not held for held in held_out])
        _import_stack(unpacked, root, f"judge-{name}", values, _limit_tested(learnt))
        kept = [row for row, held in zip(rows, held_out, strict=True) if not held]
        _import_stack(unpacked, parts, name, values, kept)
    videos = {row["video_id"] for row in judged["wlasl50"][1] if row["split"] == "test"}
    _write_gloss(unpacked, parts / "gloss", videos)
    if not (root / "signs").is_dir():
        report = import_poses(parts, str(root), "signs", resample=FPS)
        print(f"{root / 'signs'}: {report['clips']}, {len(report['left_out'])} left out", flush=True)


def _write_gloss(unpacked: Path, folder: Path, judged_videos: set[str]) -> None:
    """Writes the clips of ASL_gloss without depth, which no other set has, and without the judge's videos."""
    if folder.is_dir():
        return
    about = {"language": LANGUAGES["gloss"], "signer": "gloss-unknown", "placement": None, "fps": FPS}
    with atomic.build_folder(folder) as building:
        for split in SPLITS:
            # None is tested: the judges' recordings are enough.
            place = building / ("dev" if split == "dev" else "train")
            for clip in load_dataset(unpacked / "wlasl", "ASL_gloss", split):
                if clip.sid not in judged_videos:
                    flat = clip.points * np.float32([1, 1, 0])
                    clip = dataclasses.replace(clip, points=flat, text=clip.text.lower(), **about)
                    write_clip(place / clip.sid, clip)


def _split_include(folder: Path):
    folder = folder / "include43"
    rows = _read_rows(folder / "index.csv")
    clips = [np.load(folder / row["file"]) for row in rows]
    starts = np.cumsum([0, *map(len, clips)])
    for session in sorted({row["session"] for row in rows}):
        about = [
            {"text": row["gloss"].lower(), "start": int(start), "frames": len(clip), "fps": 25}
            | {"width": 1920, "height": 1080, "signer_id": f"s{row['session']}"}
            for row, clip, start in zip(rows, clips, starts, strict=False)
        ]
        tested = [row["session"] == session for row in rows]
        yield f"include43-s{session}", (np.concatenate(clips), _mark_splits(about, tested))


def _split_webcam(folder: Path):
    rows = _read_rows(folder / "webcam/words_index.csv")
    counts, seen, tested = Counter(row["label"] for row in rows), Counter(), []
    # In the order of recording: neighbours are of one sitting and alike.
    for row in rows:
        seen[row["label"]] += 1
        tested.append(seen[row["label"]] > 0.75 * counts[row["label"]])
    about = [
        # The size is that of most webcams: the files do not say it.
        {"text": row["label"].replace("-", " "), "start": row["start"], "frames": row["frames"]}
        | {"fps": 15, "width": 640, "height": 480}
        for row in rows
    ]
    yield "webcam", (np.load(folder / "webcam/words_i16.npy"), _mark_splits(about, tested))


def _split_wlasl(folder: Path):
    for fold in range(FOLDS):
        yield f"wlasl50-f{fold}", _hold_out_folds(folder, (fold,))


def _hold_out_folds(folder: Path, folds: tuple[int, ...]):
    """The clips of wlasl50, those of some of its FOLDS groups of signers in the test split."""
    rows = _read_rows(folder / "wlasl/wlasl50_index.csv")
    values, sizes, fold_of = np.load(folder / "wlasl/wlasl50_f32.npy"), [0] * FOLDS, {}
    # The largest signers first, each into the fold that has the fewest clips.
    for signer, count in Counter(row["signer_id"] for row in rows).most_common():
        fold_of[signer] = int(np.argmin(sizes))
        sizes[fold_of[signer]] += count
    about = [
        {"text": row["gloss"], "start": row["start"], "frames": row["frames"], "fps": 15}
        | {"width": 640, "height": 480, "signer_id": row["signer_id"] or "unknown"}  # a guess: not stated
        | {"video_id": row["video_id"]}
        for row in rows
    ]
    return values, _mark_splits(about, [fold_of[row["signer_id"]] in folds for row in rows])


def _mark_splits(about: list[dict], tested: list[bool]) -> list[dict]:
    """The rows with a split: test, or train with a share of dev."""
    words = Counter(row["text"] for i, row in enumerate(about) if not tested[i])
    # Of words with few recordings none can be spared.
    spare = [i for i, row in enumerate(about) if not tested[i] and words[row["text"]] > 3]
    dev = set(make_rng(0, 6).permutation(spare)[: round(DEV_SHARE * sum(words.values()))].tolist())
    splits = ["test" if test else "dev" if i in dev else "train" for i, test in enumerate(tested)]
    return [row | {"split": split} for row, split in zip(about, splits, strict=True)]


def _limit_tested(rows: list[dict]) -> list[dict]:
    """The rows with at most TESTED of each word in the test split, evenly over the recordings."""
    words = Counter(row["text"] for row in rows if row["split"] == "test")
    seen, kept = Counter(), []
    for row in rows:
        word, limit = row["text"], min(TESTED, words[row["text"]])
        if row["split"] == "test":
            seen[word] += 1
            # Where the number of rows so far passes another of `limit` equal parts.
            if seen[word] * limit // words[word] == (seen[word] - 1) * limit // words[word]:
                continue
        kept.append(row)
    return kept


def _read_rows(path: Path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    sys.exit(main())
