"""The files of generated clips: pictures, poses and a page for each text, as soon as its clips are done."""

import collections
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax import rendering
from signjax.data import npz_clip
from signjax.io import atomic
from signjax.pose.clip import Clip
from signjax.text.words import join_words, split_words

OVERVIEW = "clips"  # the page of all texts
# Texts on that page: it holds the clips themselves, and so grows with each text.
MAX_SHOWN = 100
# Names that mean something else: the page of all texts, and devices of Windows.
RESERVED = {OVERVIEW, "con", "prn", "aux", "nul"}
MAX_NAME_BYTES = 100  # file systems allow 255, encrypted ones 143; a digest, a number and an ending follow
DIGEST_END = re.compile(r"-[0-9a-f]{8}$")


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
    """Makes file names of texts of any script: their words joined by "-".

    A text that is not spelled as its name, such as "Cat!" beside "cat", has a digest of it at the end. So
    names differ wherever texts do, also between calls: no file of another text is ever replaced.
    """
    names, counts = [], collections.Counter()
    for text in texts:
        counts[text] += 1
        plain = join_words(word for word in split_words(text) if word not in "?!")
        name = _escape_name(plain.replace(" ", "-")).encode()[:MAX_NAME_BYTES].decode(errors="ignore")
        # "_" stands before the number of a clip, and what ends like a digest may be another text's name.
        taken = name in RESERVED or "_" in name or DIGEST_END.search(name)
        if text != plain or len(name) != len(text) or counts[text] > 1 or taken:
            digest = hashlib.blake2b(f"{text}\0{counts[text]}".encode(errors="replace"), digest_size=4)
            name = f"{name or 'clip'}-{digest.hexdigest()}"
        names.append(name)
    return names


def _escape_name(name: str) -> str:
    """A name, with the numbers of its letters in their place if this environment cannot name files so."""
    try:
        os.fsencode(name)
    # As with LANG=C where Python is kept from taking UTF-8 (PYTHONUTF8=0).
    except UnicodeEncodeError:
        return name.encode("ascii", "backslashreplace").decode().replace("\\", "-")
    return name


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
