"""Makes a data set of pose files as others have them, and says what was found, left out and why.

    python -m signjax.tools.import_poses openpose_output --name mine --fps 25
    python -m signjax.tools.import_poses poses --name mine --texts texts.tsv

Formats: OpenPose frames, .pose, .skels, SLRTP arrays, JSON of DWPose or MediaPipe, signjax's own folders. The
data set is moved to its place when it is whole; the same command starts an interrupted import again.
"""

import dataclasses
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from signjax.cli import parsing
from signjax.data import dataset_writer, split_assignment
from signjax.data.formats import detect, text_table
from signjax.data.formats.base import Broken
from signjax.errors import ConfigError, DataError, SignjaxError
from signjax.io import atomic, progress
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton
from signjax.pose.clip import Clip

REPORT = "import.json"
SHOWN = 20  # clips left out that are printed; the report has all
EVERY = 5.0  # seconds between lines about the progress
PENDING = ".unsplit"
GROUPS = {"body": skeleton.BODY, "right hand": skeleton.RIGHT, "left hand": skeleton.LEFT}


class Kept(NamedTuple):
    """What is remembered of a clip that was written."""

    sid: str
    split: str | None
    group: str
    signer: str | None
    frames: int
    fps: float | None
    face: bool
    flat: bool
    seen: tuple[int, ...]  # joints that were seen, for each of GROUPS


def run(path: Path, root: str, name: str, texts: str | None, fps: float | None, size=None) -> dict:
    """Imports the clips of a folder or file.

    Args:
      path: what people have.
      root, name: the data set to make.
      texts: a table of texts (signjax.data.formats.text_table), None for one beside the clips, if there is
      any. fps: frames a second where files do not say.
      size: width and height of the picture, for MediaPipe's landmarks where files do not say.

    Returns:
      The report, which is also in import.json in the data set.

    Raises:
      DataError: nothing there can be read; StorageError: the data set cannot be written.
      ConfigError: the name is none, or the format has no use for size.
    """
    if not re.fullmatch(r"[^./][^/]*", name) or not name.isprintable():
        raise ConfigError(f"--name {name!r}: give the name of a folder, as in mine")
    form = detect.recognise(path)
    if size and form is not detect.MEDIAPIPE:
        raise ConfigError(f"--size: {form.name} have no use for it; leave it out")
    found = text_table.find(path, texts)
    rows = text_table.read(found) if found else {}
    items = form.read(path, size) if size else form.read(path)
    with atomic.build_folder(Path(root, name)) as folder:
        kept, broken = _gather(items, rows, found, fps, folder)
        if not kept:
            first = "; ".join(f"{where}: {reason}" for where, reason in broken[:3]) or "the files are empty"
            raise DataError(f"{path}: {form.name}, but none of {len(broken):,} clips can be used: {first}")
        splits, how = _split(kept, folder)
        report = {"path": str(path.absolute()), "format": form.name, "texts": found and str(found)}
        report |= _report(kept, splits, how) | {"left_out": [list(pair) for pair in broken]}
        text = json.dumps(report, indent=2, ensure_ascii=True)
        (folder / REPORT).write_text(text + "\n", encoding="utf-8")
    return report


def _gather(items, rows: dict, place: Path | None, fps: float | None, folder: Path):
    """Writes the clips one by one; returns (what was kept, what was left out)."""
    kept: list[Kept] = []
    broken: list[tuple[str, str]] = []
    for item in _told(items):
        if isinstance(item, Broken):
            broken.append((item.name, item.reason))
            continue
        try:
            clip = _completed(item, rows.get(item.sid), place, fps)
            flat = not clip.without_face().points[..., 2].any()
            if kept and flat != kept[0].flat:
                raise InvalidFileError(
                    f"has {'no depth' if flat else 'depth'}, unlike the clips before it; import it apart"
                )
            dataset_writer.write(folder / (clip.split or PENDING) / clip.sid, clip)
        except InvalidFileError as error:
            broken.append((item.sid, str(error)))
            continue
        group = split_assignment.group(clip.sid, clip.source, clip.signer)
        seen = tuple(int(clip.valid[:, part].sum()) for part in GROUPS.values())
        about = clip.signer, len(clip), clip.fps, clip.has_face, flat, seen
        kept.append(Kept(clip.sid, clip.split, group, *about))
    return kept, broken


def _completed(clip: Clip, row: text_table.Row | None, place: Path | None, fps: float | None) -> Clip:
    """The clip with what the table and the flags add to it; InvalidFileError if it has no text."""
    if row:
        said = {"text": row.text, "signer": row.signer, "source": row.source}
        said |= {"split": text_table.split_of(row), "fps": text_table.fps_of(row)}
        clip = dataclasses.replace(clip, **{key: value for key, value in said.items() if value})
    if not clip.text:
        advice = f"add a row for {clip.sid} to {place}" if place else "give a table of texts with --texts"
        raise InvalidFileError(f"has no text; {advice}")
    return dataclasses.replace(clip, fps=clip.fps or fps)


def _told(items: Iterator) -> Iterator:
    """The items; how many there were is told every few seconds."""

    def say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    with progress.counted(lambda count, _: f"{count:,} clips read", None, say, EVERY) as tell:
        for count, item in enumerate(items, 1):
            yield item
            tell(count)


def _split(kept: list[Kept], folder: Path) -> tuple[list[str], str]:
    """The split of every clip, and how it was found; moves those that came without to theirs."""
    pending = [one for one in kept if one.split is None]
    if not pending:
        return [one.split for one in kept], "as given"
    chosen, how = split_assignment.assign([split_assignment.Entry(one.sid, one.group) for one in pending])
    for one, split in zip(pending, chosen, strict=True):
        target = folder / split / one.sid
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            raise DataError(f"{one.sid}: is twice there, with a split and without; give both clips one")
        (folder / PENDING / one.sid).rename(target)
    (folder / PENDING).rmdir()
    drawn = iter(chosen)
    return [one.split or next(drawn) for one in kept], how


def _report(kept: list[Kept], splits: list[str], how: str) -> dict:
    frames = sum(one.frames for one in kept)
    sizes = [part.stop - part.start for part in GROUPS.values()]
    seen = [sum(one.seen[k] for one in kept) / (frames * size) for k, size in enumerate(sizes)]
    return {
        "clips": {split: splits.count(split) for split in ("train", "dev", "test")},
        "splits": how,
        "frames": frames,
        "depth": not kept[0].flat,
        "seen": {part: round(share, 4) for part, share in zip(GROUPS, seen, strict=True)},
        "faces": sum(one.face for one in kept),
        "signers": len({one.signer for one in kept if one.signer}),
        "fps": {f"{fps:g}" if fps else "unknown": n for fps, n in Counter(one.fps for one in kept).items()},
    }


def show(report: dict, place: Path) -> list[str]:
    """The report in lines."""
    total, left = sum(report["clips"].values()), report["left_out"]
    clips = ", ".join(f"{split} {count:,}" for split, count in report["clips"].items())
    seen = ", ".join(f"{part} {100 * share:.1f} %" for part, share in report["seen"].items())
    lines = [
        f"{report['format']}: {total:,} clips, {report['frames']:,} frames, "
        + ("3-D" if report["depth"] else "2-D (no depth that can be used)"),
        f"splits ({report['splits']}): {clips}",
        f"joints seen: {seen}; faces in {report['faces']:,} clips",
        f"frames per second: {', '.join(report['fps'])}; signers: {report['signers'] or 'not said'}",
        f"left out: {len(left):,}",
        *(f"  {name}: {reason}" for name, reason in left[:SHOWN]),
    ]
    if len(left) > SHOWN:
        lines.append(f"  and {len(left) - SHOWN:,} more, in {place / REPORT}")
    if not (report["clips"]["train"] and report["clips"]["dev"]):
        lines.append("training needs clips in train and dev: give them with the split column of a table")
    return [line if line.isprintable() else ascii(line)[1:-1] for line in lines]


def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.parser("signjax.tools.import_poses", __doc__)
    parser.add_argument("path", help="folder or file of poses")
    parser.add_argument("--name", required=True, help="folder of the new data set")
    parser.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    parser.add_argument(
        "--texts", metavar="FILE", help="table with columns clip and text (default: index.tsv)"
    )
    parser.add_argument("--fps", type=float, help="frames per second, where the files do not say")
    parser.add_argument(
        "--size", metavar="WxH", help="size of the picture, where MediaPipe's files do not say"
    )
    args = parser.parse_args(argv)
    place = Path(args.root, args.name)
    try:
        size = size_of(args.size)
        if args.fps is not None and not 0 < args.fps < 1000:
            raise ConfigError(f"--fps {args.fps:g}: give frames per second, as in 25")
        lines = show(run(Path(args.path), args.root, args.name, args.texts, args.fps, size), place)
    except SignjaxError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("\nStopped by Ctrl-C; the same command starts again", file=sys.stderr)
        return 130
    print("\n".join(lines))
    print(f"{place}: check it with python -m signjax.tools.pack --root {args.root} --name {args.name}")
    return 0


def size_of(given: str | None) -> tuple[int, int] | None:
    """ "1280x720" as (1280, 720); ConfigError if it is no size."""
    if given is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,4})x([1-9]\d{0,4})", given)
    if not found:
        raise ConfigError(f"--size {given!r}: give width and height in pixels, as in 1280x720")
    return int(found[1]), int(found[2])


if __name__ == "__main__":
    sys.exit(main())
