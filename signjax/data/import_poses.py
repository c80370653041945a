"""Converts pose files of other programs to a data set."""

import dataclasses
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from signjax.data import (
    clip_files,
    dataset_writer,
    frame_rates,
    picture_units,
    plausibility,
    split_assignment,
    text_check,
    text_doubts,
)
from signjax.data.formats import detect, landmark_arrays, smplx_body, text_table
from signjax.data.formats.base import UnreadableClip
from signjax.data.import_report import REPORT, ImportedClip, describe_clip, group_warnings, summarize_import
from signjax.data.import_warnings import warn_of_clips, warn_of_folders, warn_of_table, warn_of_unread
from signjax.errors import ConfigError, DataError
from signjax.io import atomic
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

# Folder of clips whose split is not known yet. With a dot, so that it can never be a name of a clip or split.
UNSPLIT = ".unsplit"


def import_poses(
    path: Path,
    root: str,
    name: str,
    texts: str | None = None,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    on_clip: Callable[[int], None] = lambda count: None,
    text_column: str | None = None,
    gloss_column: str | None = None,
    smplx: Path | None = None,
    resample: float | None = None,
    language: str | None = None,
) -> dict:
    """Makes a data set of the clips of a folder or file.

    Args:
      path: folder or file of poses in any format of signjax.data.formats.
      root, name: the data set to make, a new folder `name` in `root`.
      texts: a table of texts (signjax.data.formats.text_table); None takes the one beside the clips, if there
        is one.
      fps: frames per second where the files do not say.
      size: width and height of the picture, for coordinates that are shares of it where files do not say it.
      on_clip: gets the number of clips read so far, after each of them.
      text_column, gloss_column: columns of the table, see signjax.data.formats.text_table.read_table.
      resample: the frame rate that all clips are brought to; None leaves them as they are.
      smplx: the model file SMPLX_NEUTRAL.npz, for data in SMPL-X; None takes signjax's own skeleton.
      language: the sign language of clips for which neither files nor table say one.

    Returns:
      The report, which is also in import.json in the data set.

    Raises:
      DataError: nothing there can be read.
      StorageError: the data set cannot be written.
      ConfigError: `name` is no name of a folder, `fps` or `resample` no rate, `language` no name, or the
        format has no use for `smplx`.
    """
    if not re.fullmatch(r"[^./][^/]*", name) or not name.isprintable():
        raise ConfigError(f"--name {name!r}: give the name of a folder, as in mine")
    frame_rates.check_rate(fps, "--fps")
    frame_rates.check_rate(resample, "--resample")
    if language is not None and clip_files.parse_label(language) != language:
        raise ConfigError(f"--language {language[:40]!r}: give a short name, as in ase")
    form = detect.detect_format(path)
    table = _read_table(path, texts, text_column, gloss_column)
    # About the folder, later the table; what is about a clip is in its `warnings`.
    warnings = warn_of_folders(path) + warn_of_unread(path, form)
    items: Iterable = form.read_clips(path, **_list_options(form, size, smplx))
    if not form.takes_size:
        items = _scale_shares(items, size, form.free_units)
    # Built aside and moved to its place when it is whole: training must never find half of a data set.
    with atomic.build_folder(Path(root, name)) as folder:
        clips, left_out = _write_clips(_count_items(items, on_clip), table, (fps, resample, language), folder)
        if not clips:
            reasons = "; ".join(f"{clip}: {reason}" for clip, reason in left_out[:3]) or "the files are empty"
            raise DataError(
                f"{path}: {form.name}, but none of {len(left_out):,} clips can be used: {reasons}"
            )
        splits, how_split = _assign_splits(clips, folder)
        report: dict = {"path": str(path.absolute()), "format": form.name}
        report |= {"texts": table and str(table.path), "columns": table and table.columns}
        report |= summarize_import(clips, splits, how_split)
        warnings += warn_of_table(table, clips, left_out) + warn_of_clips(report, clips)
        report["warnings"] = warnings + group_warnings(clips)
        report |= {"left_out": [list(pair) for pair in left_out]}
        # As ASCII: names come from others' files, and control characters beyond it would reach the terminal
        # of whoever prints this file.
        text = json.dumps(report, indent=2, ensure_ascii=True)
        (folder / REPORT).write_text(text + "\n", encoding="utf-8")
    return report


def _read_table(
    path: Path, name: str | None, text_column: str | None, gloss_column: str | None
) -> text_table.TextTable | None:
    table = text_table.find_table(path, name)
    if table:
        return text_table.read_table(table, text_column, gloss_column)
    if text_column or gloss_column:
        raise ConfigError(f"--text_column, --gloss_column: {path} has no table; name one with --texts")
    return None


def _list_options(form: detect.Format, size: tuple[int, int] | None, smplx: Path | None) -> dict:
    """What a reader gets besides the path; ConfigError if it has no use for it."""
    if smplx and not form.takes_body:
        raise ConfigError(f"--smplx: {form.name} have no use for it; leave it out")
    options: dict = {"size": size} if size and form.takes_size else {}
    return options | ({"body": smplx_body.read_body(smplx)} if smplx else {})


def _scale_shares(items: Iterable[Clip | UnreadableClip], size: tuple[int, int] | None, free: bool):
    """The clips in pixels, of a format whose files do not say the size of the picture."""
    for item in items:
        yield picture_units.scale_shares(item, size, free) if isinstance(item, Clip) else item


def _count_items(items: Iterable[Clip | UnreadableClip], on_clip: Callable[[int], None]):
    for count, item in enumerate(items, 1):
        yield item
        on_clip(count)


def _write_clips(
    items: Iterable[Clip | UnreadableClip],
    table: text_table.TextTable | None,
    options: tuple[float | None, float | None, str | None],
    folder: Path,
) -> tuple[list[ImportedClip], list[tuple[str, str]]]:
    """Writes the clips one by one; returns those written, and (name, reason) of those left out.

    `options` are `fps`, `resample` and `language` of `import_poses`.
    """
    written: list[ImportedClip] = []
    left_out: list[tuple[str, str]] = []
    for item in items:
        if isinstance(item, UnreadableClip):
            left_out.append((item.name, item.reason))
            continue
        try:
            clip = _complete_clip(plausibility.inspect_clip(item), table, *options)
            group = split_assignment.find_group(clip.sid, clip.source, clip.signer)
            described = describe_clip(clip, group)
            # A data set is 2-D or 3-D as a whole: its layout is detected once for all clips.
            if written and described.flat != written[0].flat:
                depth = "no depth" if described.flat else "depth"
                raise InvalidFileError(f"has {depth}, unlike the clips before it; import it apart")
            dataset_writer.write_clip(folder / (clip.split or UNSPLIT) / clip.sid, clip)
        except InvalidFileError as error:
            left_out.append((item.sid, str(error)))
            continue
        written.append(described)
    return written, left_out


def _complete_clip(
    clip: Clip,
    table: text_table.TextTable | None,
    fps: float | None,
    resample: float | None,
    language: str | None,
) -> Clip:
    """The clip with what the table and the caller add to it; InvalidFileError if its text cannot be used."""
    table_rate = None
    if table and (row := table.find_row(clip.sid)):
        fields = {"text": row.text, "gloss": row.gloss, "source": row.source}
        fields |= {name: text_table.parse_row_label(row, name) for name in ("signer", "language")}
        fields |= {"split": text_table.parse_row_split(row)}
        table_rate = text_table.parse_row_fps(row)
        # An empty cell says nothing, and must not erase what the file says.
        clip = dataclasses.replace(clip, **{key: value for key, value in fields.items() if value})
        if row.text:
            kept = (w for w in clip.warnings if w.kind != landmark_arrays.WORD_OF_FOLDER)
            clip = dataclasses.replace(clip, warnings=tuple(kept))
    if not clip.text:
        advice = (
            f"add a row for {clip.sid} to {table.path}" if table else "give a table of texts with --texts"
        )
        raise InvalidFileError(f"has no text; {advice}")
    rate, about_rate = frame_rates.choose_rate(clip.fps, table_rate, fps)
    clip = dataclasses.replace(clip, fps=rate, language=clip.language or language)
    text_check.check_text(clip.text, len(clip), clip.fps)
    doubts = text_doubts.find_doubts(clip.text)
    clip = dataclasses.replace(clip, warnings=(*clip.warnings, *about_rate, *doubts))
    return frame_rates.resample_imported(clip, resample) if resample else clip


def _assign_splits(clips: list[ImportedClip], folder: Path) -> tuple[list[str], str]:
    """The split of every clip, and where it comes from; moves those that came without one to theirs.

    Splits depend on all clips at once, so clips without one wait in a folder until all were read.
    """
    pending = [clip for clip in clips if clip.split is None]
    if not pending:
        return [clip.split for clip in clips], "as given"
    entries = [split_assignment.SplitEntry(clip.sid, clip.group) for clip in pending]
    assigned, how_split = split_assignment.assign_splits(entries)
    for clip, split in zip(pending, assigned, strict=True):
        target = folder / split / clip.sid
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            raise DataError(f"{clip.sid}: is twice there, with a split and without; give both clips one")
        (folder / UNSPLIT / clip.sid).rename(target)
    (folder / UNSPLIT).rmdir()
    remaining = iter(assigned)
    return [clip.split or next(remaining) for clip in clips], how_split
