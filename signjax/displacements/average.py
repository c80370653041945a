"""Averages displacement files of words to files of templates."""

import itertools
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from signjax import demo, limits
from signjax.data import clip_files
from signjax.displacements import convert, handedness, read, templates, write
from signjax.displacements.convert import DisplacementSequence
from signjax.displacements.extract import list_unique
from signjax.displacements.read import DisplacementFile
from signjax.errors import ConfigError, DataError


class WordTemplate(NamedTuple):
    """The template of a word, as it was written."""

    word: str
    template: DisplacementSequence
    clips: int  # that it is the average of
    mirrored: int  # of them, because their other hand is dominant
    path: Path  # of its JSON

    def describe(self) -> str:
        """What it is the average of, its file, and what it says if that is a sign of the demo language."""
        # The shortest check of a template: whether an average of clips still is their sign.
        words = " ".join(demo.read_signs(*convert.rebuild_poses(self.template)))
        reading = f"; the reader of the demo language reads: {words}" if words else ""
        mirrored = f" ({self.mirrored} mirrored, which the other hand leads)" if self.mirrored else ""
        steps = len(self.template.deltas)
        return f"{self.word}: {self.clips} clips{mirrored}, {steps} steps, {self.path}{reading}"


class Averages(NamedTuple):
    """The templates of some words, as they were written."""

    templates: list[WordTemplate]
    manifest: Path

    def describe(self) -> list[str]:
        """A line for each template, and the manifest."""
        return [*(template.describe() for template in self.templates), str(self.manifest)]


class WordClips(NamedTuple):
    """The clips of a word that can be averaged."""

    files: list[DisplacementFile]
    sequences: list[DisplacementSequence]
    dims: int  # 2 or 3


def average_words(
    folder: Path,
    words: Iterable[str],
    out: Path | None = None,
    limit: int = 8,
    steps: int | None = None,
    align: str = "phase",
    normalized: bool = False,
) -> Averages:
    """Averages the displacement files of words to templates.

    Args:
      folder: of the displacement files.
      words: each gets a template.
      out: folder for the templates; None for the folder "templates" in `folder`.
      limit: clips a word at most.
      steps: of a template; None for the median of its clips'.
      align: how clips are aligned in time, one of signjax.displacements.ALIGNMENTS.
      normalized: averages the files without place and size instead of those in the clips' units.

    Raises:
      DataError: files that cannot be read, or less than two clips of a word; nothing is written then.
      ConfigError: a number out of range, or clips of a word from different data sets; nothing is written.
      StorageError: a file cannot be written.
    """
    limits.check_number("limit", limit, limits.CLIPS)
    if steps is not None:
        limits.check_number("steps", steps, limits.FRAMES)
    # All words are read before the first template is written: no half of them is left after an error.
    groups = {word: read_clips(folder, word, limit, normalized) for word in list_unique(words)}
    stamp, out = time.strftime("%Y%m%d_%H%M%S"), out or folder / "templates"
    averaged = [
        _average_word(word, clips, out, stamp, steps, align, normalized) for word, clips in groups.items()
    ]
    items = [{"word": one.word, "base": one.path.stem} for one in averaged]
    return Averages(averaged, write.write_manifest(out, stamp, items))


def _average_word(
    word: str, clips: WordClips, out: Path, stamp: str, steps: int | None, align: str, normalized: bool
) -> WordTemplate:
    sequences, turned = handedness.unify_handedness(clips.sequences)
    template = templates.average_sequences(sequences, steps, align)
    sources = [file.array_path for file in clips.files]
    mirrored = [path.as_posix() for path in itertools.compress(sources, turned)]
    about = {"align": align, "normalized": normalized, "mirrored": mirrored}
    rates = {clip_files.parse_rate(file.content.get("fps")) for file in clips.files}
    # Of several rates, no frame of the average has a time.
    about |= {"fps": rates.pop()} if len(rates) == 1 and None not in rates else {}
    path = write.write_template(out, stamp, word, template, clips.dims, sources, about)
    return WordTemplate(word, template, len(sources), len(mirrored), path)


def read_clips(folder: Path, word: str, limit: int, normalized: bool) -> WordClips:
    """The first `limit` clips of a word in a folder of displacement files.

    Raises:
      DataError: a file cannot be read, a clip has no measurable body, or there are less than two clips.
      ConfigError: the clips are of different data sets, or some are 2-D and some 3-D.
    """
    clips = read.read_word(folder, word, normalized)[:limit]
    if len(clips) < 2:
        kind, option = ("normalized", " with --norm") if normalized else ("raw", "")
        words = ", ".join(sorted({file.word for file in read.list_files(folder)}))
        raise DataError(
            f"{folder}: {len(clips)} {kind} clip(s) of {word!r}, and an average needs two; there are "
            f"files of {words}; extract more{option}"
        )
    for file, sequence, _ in clips:
        # Averaging would find it too late, without the name of the file.
        templates.to_canonical(sequence, file.array_path)
    # Units differ between data sets, so a mean over two of them would be of no size at all.
    origins = sorted({f"{file.dataset or 'unknown'} ({dims}-D)" for file, _, dims in clips})
    if len(origins) > 1:
        mixed = f"clips of {word!r} are of {' and '.join(origins)}"
        raise ConfigError(f"{folder}: {mixed}; keep each data set in its own folder")
    files, sequences, dims = zip(*clips, strict=True)
    return WordClips(list(files), list(sequences), dims[0])
