"""The files of an evaluation: scores, plots, and some clips to look at."""

import pathlib

import numpy as np

from signjax import demo, pose, render, report, scoring
from signjax.metrics.score import Motion, whole

SHOWN = 6  # clips on the page
DRAWN = 3  # of them as GIFs


def write(out: pathlib.Path, content: dict, table: str, clips: dict, truth, by) -> list:
    """Writes scores.json, the tables, a plot a family, GIFs and a page of some clips side by side.

    Args:
      out: the folder.
      content: of scores.json.
      table: its tables as text.
      clips: {row: canonical poses or Motions}.
      truth: see signjax.scoring.recorded.
      by: see signjax.scoring.judges.

    Returns:
      The paths written.
    """
    paths = [report.write_json(out / "scores.json", content), report.write_text(out / "scores.txt", table)]
    for family in report.FAMILIES:
        if any(families.get(family) for families in content["rows"].values()):
            paths.append(report.plot(out / f"{family}.png", family, content["rows"]))
    chosen = np.unique(np.linspace(0, len(truth.texts) - 1, SHOWN).astype(int))
    shown = {scoring.TRUTH: truth.motions, **clips}
    pages = [[panel(name, row[i], truth.texts[i], by) for name, row in shown.items()] for i in chosen]
    for k, panels in enumerate(pages[:DRAWN], 1):
        paths.append(render.gif(out / f"clip_{k}.gif", panels))
    title = f"{content['system']}: {content['data']['name']}/{content['data']['split']}"
    return [*paths, render.html(out / "clips.html", pages, title=title)]


def panel(name: str, clip, text: str, by) -> render.Panel:
    """A clip for the eye: its row above, its text below, and what a demo clip says."""
    motion = clip if isinstance(clip, Motion) else whole(clip)
    if not motion.valid.any():
        motion = Motion(np.zeros((1, 50, 3), np.float32), np.zeros((1, 50), bool))
    elif by.readable and name != scoring.TRUTH:
        text = " ".join(demo.read(motion.pose, motion.valid)) or "(says nothing)"
    own = pose.restore(motion.pose, pose.DEFAULT).astype(np.float32)
    return render.Panel(own, text, valid=motion.valid, title=name)
