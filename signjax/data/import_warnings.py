"""Warnings of an import about its folder and its table: guesses, and what has no counterpart."""

from collections.abc import Sequence
from pathlib import Path

from signjax.data import frame_rates
from signjax.data.formats import detect, file_names
from signjax.data.formats.folder_walk import inspect_folders
from signjax.data.formats.text_table import TextTable
from signjax.data.import_report import ImportedClip, list_names

# One signer in ten is left-handed. Where most clips look left-handed, pictures may be those of a mirror.
MAX_LEFT_LEADING, MIN_CLIPS = 0.6, 20


def warn_of_folders(path: Path) -> list[str]:
    """Lines about folders and links of a folder, none if all was plain."""
    notes = inspect_folders(path)
    kinds = {
        "cannot be read, its clips are missing": notes.unreadable,
        "links to folders are followed": notes.followed,
        "links to folders above them, or met before, are not followed": notes.loops,
        "links lead to nothing": notes.broken,
    }
    return [f"{kind}: {list_names(names, 'name')}" for kind, names in kinds.items() if names]


def warn_of_unread(path: Path, form: detect.Format) -> list[str]:
    """A line for each other format that files of the folder are in, none if there are no others."""
    lines = []
    for name, files in detect.list_unread(path, form).items():
        names = [file.relative_to(path).as_posix() if file != path else file.name for file in files]
        # Such as copies, "a_000001_keypoints (1).json".
        what = f"as {form.name} are: {name}" if name != form.name else "as their names are unlike the others'"
        lines.append(f"not imported, {what}: {list_names(names, 'file')}")
    return lines


def warn_of_table(
    table: TextTable | None, clips: Sequence[ImportedClip], left_out: Sequence[tuple[str, str]]
) -> list[str]:
    """Lines about a table of texts: a choice of the text column, and rows without a clip."""
    if not table:
        return []
    lines = []
    if table.unused_texts:
        others = ", ".join(table.unused_texts)
        lines.append(
            f"{table.path.name}: the text is {table.columns['text']!r}, and not {others}; "
            "--text_column chooses another"
        )
    # A clip that is broken has a row, too: it is named where it was left out.
    names = [clip.sid for clip in clips] + [name for name, _ in left_out]
    missing = sorted(table.rows.keys() - {file_names.parse_listed_name(name) for name in names})
    if missing:
        lines.append(f"{table.path.name}: rows without a clip: {list_names(missing, 'row')}")
    return lines


def warn_of_clips(report: dict, clips: Sequence[ImportedClip]) -> list[str]:
    """Lines about all clips together; `report` has the counts of signjax.data.import_report."""
    rates = frame_rates.warn_of_rates(clip.fps for clip in clips)
    unseen = [part for part, share in report["seen"].items() if not share]
    lines = rates + [f"{part}: not seen in any frame of any clip" for part in unseen]
    leading = [clip.left_leads for clip in clips if clip.left_leads is not None]
    if len(leading) >= MIN_CLIPS and sum(leading) > MAX_LEFT_LEADING * len(leading):
        share = f"the left hand moves more in {sum(leading):,} of {len(leading):,} clips"
        lines.append(f"{share}: are signers left-handed, or pictures mirrored as by a selfie camera?")
    return lines
