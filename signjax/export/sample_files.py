"""The files of generated clips: pictures, poses and a page for each text, as soon as its clips are done."""

import collections
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax import rendering
from signjax.data import npz_clip
from signjax.io import atomic
from signjax.pose.clip import Clip

OVERVIEW = "clips"  # the page of all texts
# Texts on that page: it holds the clips themselves, and so grows with each text.
MAX_SHOWN = 100


class TextFiles(NamedTuple):
    """What was written for a text."""

    text: str
    clips: list[Clip]
    paths: list[list[Path]]  # of each clip: GIF, MP4 where PyAV is installed, NPZ
    page: Path
    panels: list[rendering.Panel]


def write_samples(
    batches: Iterable[tuple[np.ndarray, list[Clip]]], texts: Sequence[str], num: int, folder, title: str
) -> Iterator[tuple[int, list[TextFiles]]]:
    """Writes clips as they are generated, and at the end a page of all texts if there are several.

    Args:
      batches: of `TextToPose.generate_batches` for these texts and this num.
      texts: the files are named after them.
      num: clips of each text.
      folder: folder for the files.
      title: of the page of all texts.

    Yields:
      (number of clips in a batch, the files of texts that the batch completes).

    Raises:
      StorageError: a file cannot be written.
    """
    folder, names = Path(folder), name_files(texts)
    waiting: dict[int, dict[int, Clip]] = collections.defaultdict(dict)
    shown: dict[int, list[rendering.Panel]] = {}
    for places, clips in batches:
        complete = []
        for place, clip in zip(places.tolist(), clips, strict=True):
            number = place // num
            waiting[number][place] = clip
            if len(waiting[number]) == num:
                ordered = [clip for _, clip in sorted(waiting.pop(number).items())]
                complete.append(_write_text(folder, names[number], texts[number], ordered))
                # Only what the page will show stays in memory: a file of texts may be long.
                shown |= {number: complete[-1].panels} if number < MAX_SHOWN else {}
        yield len(clips), complete
    if len(texts) > 1:
        rendering.write_html(folder / f"{OVERVIEW}.html", [shown[k] for k in sorted(shown)], title=title)


def name_files(texts: Sequence[str]) -> list[str]:
    """Makes file names of texts: their letters and digits, joined by "-", and numbered to be different."""
    # The name of the overview is taken, or a text "clips" would be overwritten by it.
    names, taken = [], {OVERVIEW}
    for text in texts:
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "clip"
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        names.append(name)
    return names


def _write_text(folder: Path, name: str, text: str, clips: list[Clip]) -> TextFiles:
    many = len(clips) > 1
    panels = [
        rendering.Panel(clip, f"sample {number}" if many else "") for number, clip in enumerate(clips, 1)
    ]
    paths = []
    for number, (clip, panel) in enumerate(zip(clips, panels, strict=True), 1):
        stem = folder / (f"{name}_{number}" if many else name)
        paths.append([rendering.write_gif(f"{stem}.gif", panel)])
        if rendering.can_write_mp4():
            paths[-1].append(rendering.write_mp4(f"{stem}.mp4", panel))
        paths[-1].append(atomic.write_file(f"{stem}.npz", npz_clip.format_npz(clip)))
    page = rendering.write_html(folder / f"{name}.html", [[panel] for panel in panels], title=text)
    return TextFiles(text, clips, paths, page, panels)
