"""Makes the data sets of real single signs that docs/results.md measures, from archives beside a checkout.

Examples:
    python launch/real_signs.py ../shared/data datasets
    python launch/real_signs.py archives real

Data sets: include43-s0 to -s2 (one recording session is the test split), webcam (the last quarter of each
word's recordings) and wlasl50-f0 to -f4 (the test split has other signers). The recordings have licences of
their own, see the README of each archive: nothing of them may be shared.
"""

import csv
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np

from signjax.cli import parsing
from signjax.data.import_poses import import_poses
from signjax.seeds import make_rng

ARCHIVES = ("include43", "webcam", "wlasl")
FOLDS = 5
DEV_SHARE = 0.06  # of the recordings that are not tested; they choose the step, so training must not see them


def main(argv: list[str]) -> None:
    """Makes the data sets in the folder that a command line names."""
    parser = parsing.Parser(prog="python launch/real_signs.py", description=__doc__)
    names = ", ".join(f"{name}.tar.xz" for name in ARCHIVES)
    parser.add_argument("archives", type=Path, help=f"folder of {names}")
    parser.add_argument("root", type=Path, help="folder of the data sets")
    args = parser.parse_args(argv)
    make_datasets(args.archives, args.root)


def make_datasets(archives: Path, root: Path) -> None:
    """Unpacks the archives beside `root` and imports each set under each of its splits."""
    unpacked = root / ".real_signs"
    for name in ARCHIVES:
        if not (unpacked / name).is_dir():
            with tarfile.open(archives / f"{name}.tar.xz") as archive:
                archive.extractall(unpacked, filter="data")
    for name, (values, rows) in (
        *_split_include(unpacked),
        *_split_webcam(unpacked),
        *_split_wlasl(unpacked),
    ):
        if (root / name).is_dir():
            continue
        stack = unpacked / "stacks" / name
        stack.mkdir(parents=True, exist_ok=True)
        np.save(stack / "clips.npy", values)
        with open(stack / "clips_index.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        report = import_poses(stack, str(root), name)
        print(f"{root / name}: {report['clips']}, {len(report['left_out'])} left out", flush=True)


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
    rows = _read_rows(folder / "wlasl/wlasl50_index.csv")
    values, sizes, fold_of = np.load(folder / "wlasl/wlasl50_f32.npy"), [0] * FOLDS, {}
    # The largest signers first, each into the fold that has the fewest clips.
    for signer, count in Counter(row["signer_id"] for row in rows).most_common():
        fold_of[signer] = int(np.argmin(sizes))
        sizes[fold_of[signer]] += count
    for fold in range(FOLDS):
        about = [
            {"text": row["gloss"], "start": row["start"], "frames": row["frames"], "fps": 15}
            | {"width": 640, "height": 480, "signer_id": row["signer_id"] or "unknown"}  # a guess: not stated
            for row in rows
        ]
        tested = [fold_of[row["signer_id"]] == fold for row in rows]
        yield f"wlasl50-f{fold}", (values, _mark_splits(about, tested))


def _mark_splits(about: list[dict], tested: list[bool]) -> list[dict]:
    """The rows with a split: test, or train with a share of dev."""
    words = Counter(row["text"] for i, row in enumerate(about) if not tested[i])
    # Of words with few recordings none can be spared.
    spare = [i for i, row in enumerate(about) if not tested[i] and words[row["text"]] > 3]
    dev = set(make_rng(0, 6).permutation(spare)[: round(DEV_SHARE * sum(words.values()))].tolist())
    splits = ["test" if test else "dev" if i in dev else "train" for i, test in enumerate(tested)]
    return [row | {"split": split} for row, split in zip(about, splits, strict=True)]


def _read_rows(path: Path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main(sys.argv[1:])
