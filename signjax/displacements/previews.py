"""Displacement files drawn to look at: their starting poses, and the clips rebuilt from them."""

import dataclasses
from pathlib import Path

from signjax import rendering
from signjax.displacements import convert, read
from signjax.evaluation.previews import draw_clip
from signjax.pose.clip import Clip


def draw_starting_pose(path: Path, out: Path) -> list[Path]:
    """Draws the starting pose of a clip or template as named points; returns the paths of a GIF and a page.

    Raises:
      DataError: the file cannot be read.
    """
    clip, stem = rebuild_clip(path), f"p0_{path.stem}"
    first = dataclasses.replace(clip, points=clip.points[:1], valid=clip.valid[:1])
    panel = rendering.Panel(first, f"starting pose: {path.stem}")
    return [
        rendering.write_labeled_pose(out / f"{stem}.gif", panel),
        rendering.write_html(out / f"{stem}.html", [panel], title=f"p0: {clip.text}", named=True),
    ]


def draw_displacements(path: Path, out: Path) -> list[Path]:
    """Draws a clip or template rebuilt from its displacements; returns the paths of a GIF and a page.

    Raises:
      DataError: the file cannot be read.
    """
    clip = rebuild_clip(path)
    target = out / f"recon_{path.stem}"
    return draw_clip(clip, f"rebuilt: {path.stem}", target, title=f"rebuilt: {clip.text}")


def rebuild_clip(path: Path) -> Clip:
    """A clip or template that is written as displacements; its text is the word.

    Raises:
      DataError: the file cannot be read.
    """
    sequence, word = read.read_file(path)
    return Clip(*convert.rebuild_poses(sequence), text=word)
