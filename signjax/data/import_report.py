"""The report of an import, in numbers and as text."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from signjax.data import plausibility
from signjax.data.splits import SPLITS
from signjax.pose import skeleton
from signjax.pose.clip import Clip, ClipWarning

REPORT = "import.json"  # in the data set
NAMED = 3  # clips that a warning names
SHOWN = 20  # clips left out that are printed; the file has all
PARTS = {"body": skeleton.BODY, "right hand": skeleton.RIGHT, "left hand": skeleton.LEFT}


class ImportedClip(NamedTuple):
    """What is kept of a clip after it was written; all the points of an import would fill the memory."""

    sid: str
    split: str | None
    group: str  # clips that must not be in different splits, see signjax.data.split_assignment
    signer: str | None
    language: str | None
    frames: int
    fps: float | None
    has_face: bool
    flat: bool  # without depth
    visible: tuple[int, ...]  # joints in all frames, for each of PARTS
    warnings: tuple[ClipWarning, ...] = ()
    has_gloss: bool = False
    left_leads: bool | None = None  # whether the left hand moves more


def describe_clip(clip: Clip, group: str) -> ImportedClip:
    """What the report and the splits need of a clip; `group` is that of signjax.data.split_assignment."""
    body = clip.without_face()
    visible = tuple(int(clip.valid[:, part].sum()) for part in PARTS.values())
    # Points of a face often have a depth of their own where body and hands have none.
    flat = not body.points[..., 2].any()
    about = clip.sid, clip.split, group, clip.signer, clip.language, len(clip), clip.fps
    return ImportedClip(
        *about,
        clip.has_face,
        flat,
        visible,
        clip.warnings,
        bool(clip.gloss),
        plausibility.is_left_leading(clip),
    )


def summarize_import(clips: Sequence[ImportedClip], splits: Sequence[str], how_split: str) -> dict:
    """The counts of a report about one or more clips; `how_split` says where their splits come from."""
    frames = sum(clip.frames for clip in clips)
    sizes = [part.stop - part.start for part in PARTS.values()]
    visible = [sum(clip.visible[k] for clip in clips) / (frames * size) for k, size in enumerate(sizes)]
    rates = Counter(clip.fps for clip in clips)
    languages = Counter(clip.language for clip in clips)
    return {
        "clips": {split: splits.count(split) for split in SPLITS},
        "splits": how_split,
        "frames": frames,
        # The first speaks for all: the import leaves out clips that differ from it in this.
        "depth": not clips[0].flat,
        "seen": {part: round(share, 4) for part, share in zip(PARTS, visible, strict=True)},
        "faces": sum(clip.has_face for clip in clips),
        "signers": len({clip.signer for clip in clips if clip.signer}),
        "languages": {name or "unknown": count for name, count in languages.items()},
        "glosses": sum(clip.has_gloss for clip in clips),
        "fps": {f"{fps:g}" if fps else "unknown": count for fps, count in rates.items()},
    }


def group_warnings(clips: Sequence[ImportedClip]) -> list[str]:
    """The warnings of clips, a line for each kind: how many clips, and the names of the first."""
    named: dict[str, list[str]] = {}
    for clip in clips:
        for kind, detail in clip.warnings:
            named.setdefault(kind, []).append(f"{clip.sid} ({detail})" if detail else clip.sid)
    return [f"{kind}: {list_names(names)}" for kind, names in named.items()]


def list_names(names: Sequence[str], noun: str = "clip") -> str:
    """The number of clips and the names of the first, as in "5 clips: a, b, c and 2 more"."""
    # One broken folder may have thousands of clips: a line for each would bury all other lines.
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return f"{len(names):,} {noun}{'s' * (len(names) != 1)}: {', '.join(names[:NAMED])}{more}"


def format_report(report: dict, folder: Path) -> list[str]:
    """The report of an import to `folder` in lines."""
    total, left_out = sum(report["clips"].values()), report["left_out"]
    clips = ", ".join(f"{split} {count:,}" for split, count in report["clips"].items())
    seen = ", ".join(f"{part} {100 * share:.1f} %" for part, share in report["seen"].items())
    lines = [
        f"{report['format']}: {total:,} clips, {report['frames']:,} frames, "
        + ("3-D" if report["depth"] else "2-D (no depth that can be used)"),
        f"splits ({report['splits']}): {clips}",
        f"joints seen: {seen}; faces in {report['faces']:,} clips",
        f"frames per second: {', '.join(report['fps'])}; signers: {report['signers'] or 'unknown'}"
        + _format_languages(report.get("languages", {}))
        + (f"; glosses: {report['glosses']:,} clips" if report.get("glosses") else ""),
        f"left out: {len(left_out):,}",
        *(f"  {name}: {reason}" for name, reason in left_out[:SHOWN]),
    ]
    if len(left_out) > SHOWN:
        lines.append(f"  and {len(left_out) - SHOWN:,} more, in {folder / REPORT}")
    if columns := report.get("columns"):
        lines.insert(1, f"{report['texts']}: " + ", ".join(f"{k} is {v!r}" for k, v in columns.items()))
    lines += [f"warning: {warning}" for warning in report["warnings"]]
    if not (report["clips"]["train"] and report["clips"]["dev"]):
        lines.append("training needs clips in train and dev: give them with the split column of a table")
    # Names come from others' files and may hold commands for the terminal.
    return [line if line.isprintable() else ascii(line)[1:-1] for line in lines]


def _format_languages(counts: dict[str, int]) -> str:
    """The languages of a report and their clips; nothing where no clip says one."""
    listed = ", ".join(f"{name} {count:,}" for name, count in list(counts.items())[:SHOWN])
    return f"; languages: {listed}" if set(counts) - {"unknown"} else ""
