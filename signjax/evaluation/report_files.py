"""The files of an evaluation: scores, plots, and some clips."""

import dataclasses
import pathlib

import numpy as np

from signjax import demo, rendering
from signjax.evaluation import confusion_plot, scorecard, tables
from signjax.io import atomic
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL, DEFAULT

# Clips on the page, evenly spaced in the order of their errors: an odd number, so that worst, median and best
# are among them.
SHOWN = 7
# Every third of them is a GIF, too: again worst, median and best.
DRAWN = 3


def write_report(out: pathlib.Path, content: dict, table: str, clips: dict, truth, judges, errors) -> list:
    """Writes scores.json, the tables, a plot of each family, GIFs and a page with some clips side by side.

    Args:
      out: the folder.
      content: of scores.json.
      table: its tables as text.
      clips: {row: a clip for each recorded clip}.
      truth: n recorded clips.
      judges: see signjax.evaluation.scorecard.make_judges.
      errors: [n] DTW-MJE of the last row's clips.

    Returns:
      The paths of the files.

    Raises:
      StorageError: one cannot be written; those of an earlier evaluation are all there then.
    """
    # Together: on a disk that is full, scores of this evaluation would lie beside clips of an earlier one.
    with atomic.build_files(out) as folder:
        paths = _write_files(folder, content, table, clips, truth, judges, errors)
    return [out / path.name for path in paths]


def _write_files(out: pathlib.Path, content: dict, table: str, clips: dict, truth, judges, errors) -> list:
    paths = [tables.write_json(out / "scores.json", content), tables.write_text(out / "scores.txt", table)]
    for family in tables.FAMILIES:
        if any(families.get(family) for families in content["rows"].values()):
            paths.append(tables.plot_family(out / f"{family}.png", family, content["rows"]))
    if judges.recognizer is not None:
        last = list(clips)[-1]
        sides = {scorecard.TRUTH: truth, last: clips[last]}
        paths.append(confusion_plot.plot_confusions(out / "confusions.png", sides, judges.recognizer))
    count = len(truth)
    # By rank, from the worst to the best, and not by choice: examples picked by hand flatter a system.
    ranks = np.unique(np.linspace(0, count - 1, SHOWN).astype(int))
    rows, pages = {scorecard.TRUTH: truth, **clips}, []
    for rank, i in zip(ranks, np.argsort(-errors, kind="stable")[ranks], strict=True):
        panels = [make_panel(name, row[i], truth[i].text, judges.readable) for name, row in rows.items()]
        label = f"{panels[-1].title}: DTW-MJE {errors[i]:.2f}, {rank + 1} of {count} from the worst"
        pages.append([*panels[:-1], panels[-1]._replace(title=label)])
    for k, panels in enumerate(pages[::DRAWN], 1):
        paths.append(rendering.write_gif(out / f"clip_{k}.gif", panels))
    title = f"{content['system']}: {content['data']['name']}/{content['data']['split']}"
    return [*paths, rendering.write_html(out / "clips.html", pages, title=title)]


def make_panel(name: str, clip: Clip, text: str, readable: bool) -> rendering.Panel:
    """A clip as a panel of a picture: the name of its row above, a text below.

    The text is that of the clip, or what it says if it is in the demo language and not a recorded clip.

    Args:
      name: of the row.
      clip: in any space.
      text: that the clip was generated for.
      readable: whether it is in the demo language.
    """
    # Without any joint there is no body to measure: one empty frame is drawn instead.
    if not clip.valid.any():
        clip = Clip(np.zeros((1, 50, 3)), np.zeros((1, 50), bool), placement=CANONICAL)
    elif readable and name != scorecard.TRUTH:
        text = " ".join(demo.read_signs(clip.canonical(), clip.valid)) or "(says nothing)"
    # All clips of a page in one size, whatever the units of the data or of another system.
    return rendering.Panel(dataclasses.replace(clip.move_to(DEFAULT), text=text), name)
