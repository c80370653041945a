"""Pictures of displacement files: their starting poses, and the clips rebuilt from them."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from signjax import rendering
from signjax.displacements import convert, read
from signjax.evaluation.previews import draw_clip, require_distinct_names
from signjax.pose.clip import Clip


def draw_starting_poses(paths: Sequence[Path], out: Path) -> Iterator[Path]:
    """Draws the starting poses of clips and templates as named points.

    Args:
      paths: of displacement files.
      out: folder for the pictures.

    Yields:
      the paths of a GIF and a page for each, as they are written.

    Raises:
      ConfigError: two would be drawn to one file.
      DataError: a file cannot be read.
    """
    # The prefixes keep a starting pose, a rebuilt clip and a sample of one name apart in the folder.
    require_distinct_names(paths, "p0")
    for path in paths:
        yield from _draw_starting_pose(path, out)


def draw_rebuilt_clips(paths: Sequence[Path], out: Path) -> Iterator[Path]:
    """Draws clips and templates rebuilt from their displacements.

    Arguments, results and errors are those of `draw_starting_poses`.
    """
    require_distinct_names(paths, "recon")
    for path in paths:
        clip, target = rebuild_clip(path), out / f"recon_{path.stem}"
        yield from draw_clip(clip, f"rebuilt: {path.stem}", target, title=f"rebuilt: {clip.text}")


def _draw_starting_pose(path: Path, out: Path) -> list[Path]:
    clip, stem = rebuild_clip(path), f"p0_{path.stem}"
    first = dataclasses.replace(clip, points=clip.points[:1], valid=clip.valid[:1])
    panel = rendering.Panel(first, f"starting pose: {path.stem}")
    return [
        rendering.write_labeled_pose(out / f"{stem}.gif", panel),
        rendering.write_html(out / f"{stem}.html", [panel], title=f"p0: {clip.text}", named=True),
    ]


def rebuild_clip(path: Path) -> Clip:
    """A clip or template that is written as displacements; its text is the word.

    Raises:
      DataError: the file cannot be read.
    """
    sequence, word = read.read_file(path)
    return Clip(*convert.rebuild_poses(sequence), fps=read.read_rate(path), text=word)
