"""The files of generated clips: pictures, poses and a page for each text, as soon as its clips are done."""

import collections
import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax import demo, rendering
from signjax.errors import ConfigError
from signjax.export.clips import save_clip
from signjax.io import worker_pool
from signjax.pose.clip import Clip
from signjax.text.words import join_words, split_words

OVERVIEW = "clips"  # the page of all texts
# Texts on that page: it holds the clips themselves, and so grows with each text.
MAX_SHOWN = 100
MAX_DRAWN = 20  # texts whose clips are drawn unless forms are given: pictures take longer than all else
# Texts that wait for workers: more than a batch, or nobody would draw while the next one is generated.
MAX_WAITING = 128
# Names that mean something else: the page of all texts, and devices of Windows.
RESERVED = {OVERVIEW, "con", "prn", "aux", "nul"}
MAX_NAME_BYTES = 100  # file systems allow 255, encrypted ones 143; a digest, a number and an ending follow
DIGEST_END = re.compile(r"-[0-9a-f]{8}$")


class TextFiles(NamedTuple):
    """What was written for a text."""

    clips: int
    paths: list[list[Path]]  # of each clip
    page: Path | None
    readings: list[str] | None  # see demo.describe_reading, of each clip; None if it was not asked for


class Job(NamedTuple):
    """The files of a text that are to be written."""

    stem: Path  # of the text's files
    text: str
    clips: list[Clip]
    forms: tuple[str, ...]
    reads: bool


def choose_forms(count: int) -> tuple[str, ...]:
    """The forms of the clips of so many texts, if none are asked for: arrays, and pictures of few texts."""
    if count > MAX_DRAWN:
        return ("npz",)
    return ("gif", "mp4", "npz", "html") if rendering.can_write_mp4() else ("gif", "npz", "html")


def write_samples(
    batches: Iterable[tuple[np.ndarray, list[Clip]]],
    texts: Sequence[str],
    num: int,
    folder,
    title: str,
    forms: Sequence[str] = (),
    reads: bool = False,
    workers: int = 0,
) -> Iterator[list[TextFiles]]:
    """Writes clips as they are generated, and at the end a page of all texts if there are several.

    Args:
      batches: of `TextToPose.generate_batches` for these texts and this num.
      texts: the files are named after them.
      num: clips of each text.
      folder: folder for the files.
      title: of the page of all texts.
      forms: of signjax.export.forms.SAMPLE_FORMS; none for those of `choose_forms`.
      reads: whether the signs of the demo's language are read off the clips.
      workers: processes that write while the next clips are generated; without any this one does. They start
        anew, so a program that wants them needs `if __name__ == "__main__":`.

    Yields:
      the files of texts that are complete; the same ones with any number of workers.

    Raises:
      StorageError: a file cannot be written.
      ConfigError: a form is "mp4", and PyAV is not installed.
    """
    folder, names, forms = Path(folder), name_files(texts), tuple(forms or choose_forms(len(texts)))
    # Before anything is generated.
    if "mp4" in forms and not rendering.can_write_mp4():
        raise ConfigError("MP4 needs PyAV, which is not installed: pip install -e '.[video]'")
    shown: dict[int, list[rendering.Panel]] = {}
    with worker_pool.open_pool(workers, MAX_WAITING, rendering.can_write_mp4) as pool:
        for number, clips in _complete_texts(batches, num):
            yield from pool.submit(
                _write_text, Job(folder / names[number], texts[number], clips, forms, reads)
            )
            # Only what the page will show stays in memory: a file of texts may be long.
            if len(texts) > 1 and "html" in forms and number < MAX_SHOWN:
                shown[number] = _title_clips(clips)
        yield from pool.finish()
    if shown:
        rendering.write_html(folder / f"{OVERVIEW}.html", [shown[k] for k in sorted(shown)], title=title)


def _complete_texts(
    batches: Iterable[tuple[np.ndarray, list[Clip]]], num: int
) -> Iterator[tuple[int, list[Clip]]]:
    """Yields (number of a text, its `num` clips in order) as soon as a text has all of them."""
    waiting: dict[int, dict[int, Clip]] = collections.defaultdict(dict)
    for places, clips in batches:
        for place, clip in zip(places.tolist(), clips, strict=True):
            waiting[place // num][place] = clip
            if len(waiting[place // num]) == num:
                yield place // num, [clip for _, clip in sorted(waiting.pop(place // num).items())]


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


def _title_clips(clips: list[Clip]) -> list[rendering.Panel]:
    many = len(clips) > 1
    return [rendering.Panel(clip, f"sample {number}" if many else "") for number, clip in enumerate(clips, 1)]


def _write_text(job: Job) -> TextFiles:
    """Writes the files of a text."""
    panels, paths, page = _title_clips(job.clips), [], None
    for number, (clip, panel) in enumerate(zip(job.clips, panels, strict=True), 1):
        stem = f"{job.stem}_{number}" if len(panels) > 1 else f"{job.stem}"
        paths.append([_write_clip(f"{stem}.{form}", clip, panel) for form in job.forms if form != "html"])
    if "html" in job.forms:
        page = rendering.write_html(f"{job.stem}.html", [[panel] for panel in panels], title=job.text)
    readings = [demo.describe_reading(clip.points) for clip in job.clips] if job.reads else None
    return TextFiles(len(job.clips), paths, page, readings)


def _write_clip(path: str, clip: Clip, panel: rendering.Panel) -> Path:
    if path.endswith(".gif"):
        return rendering.write_gif(path, panel)
    return rendering.write_mp4(path, panel) if path.endswith(".mp4") else save_clip(clip, path)
