"""Stitched clips as training data: what a dictionary makes of the texts of a corpus."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax import limits
from signjax.data import dataset_writer
from signjax.errors import DataError
from signjax.io import atomic, progress
from signjax.io.safe_read import InvalidFileError
from signjax.lexicon.lexicon import Lexicon
from signjax.pose.clip import DEFAULT_FPS, Clip
from signjax.pose.resampling import resample_clip

RECORD_FILE = "stitched.json"
NAMED = 5  # words that a message names
CLIPS_A_LINE = 1000  # of the progress
PACES = limits.Range(0.1, 10, whole=False)
PACE_CLIPS = 200  # of a corpus, from which its pace is measured


class StitchedSet(NamedTuple):
    """A data set of stitched clips that was written.

    Attributes:
      folder: the data set.
      clips: how many it has.
      left_out: texts of which too much is missing, or whose clip cannot be written.
      missing: words of those texts that have no sign.
    """

    folder: Path
    clips: int
    left_out: tuple[str, ...]
    missing: tuple[str, ...]

    def describe(self) -> str:
        """The numbers of clips and of texts left out, in one line."""
        line = f"{self.folder}: {self.clips:,} clips"
        if not self.left_out:
            return line
        more = ", ..." if len(self.missing) > NAMED else ""
        words = f"; no sign for: {', '.join(self.missing[:NAMED])}{more}" if self.missing else ""
        return f"{line}; {len(self.left_out):,} texts left out, the first {self.left_out[0]!r}{words}"


def stitch_clips(
    lexicon: Lexicon,
    texts: Sequence[str],
    num: int = 1,
    seed: int = 0,
    least: float = 1.0,
    pace: float = 1.0,
) -> Iterator[Clip]:
    """Clips of texts, `num` of each in a row, without texts of which too much is missing.

    Args:
      lexicon: stitches them.
      texts: any number.
      num: clips of each text; they differ where words have several clips.
      seed: decides which clips of words are taken.
      least: share of a text's words, 0 to 1, that must have a sign or be spelled.
      pace: how many times as fast as stitched, see `measure_pace`.

    Returns:
      An iterator of clips of the split "train", named stitched_00000 and so on, in the size and place of
      recorded clips.
    """
    covered = [text for text in texts if _is_covered(lexicon, text, least)]
    return _stitch_covered(lexicon, covered, num, seed, pace)


def _stitch_covered(
    lexicon: Lexicon, texts: Sequence[str], num: int, seed: int, pace: float
) -> Iterator[Clip]:
    """The clips of `stitch_clips`, of texts of which enough is there."""
    for places, clips in lexicon.generate_batches(texts, num, seed):
        for place, clip in zip(places.tolist(), clips, strict=True):
            clip = dataclasses.replace(clip, fps=lexicon.fps * pace)
            # As if recorded at a higher rate, of which the usual one takes fewer frames.
            clip = resample_clip(clip, lexicon.fps) if pace != 1 else clip
            yield dataclasses.replace(clip, sid=f"stitched_{place:05d}", split="train")


def measure_pace(lexicon: Lexicon, clips: Sequence[Clip]) -> float:
    """How many times as fast as stitched the texts of recorded clips are signed.

    Signs of a dictionary are slower than those of sentences, and the ways between them longer: a model that
    learns from both must not learn two paces.

    Args:
      lexicon: stitches the same texts.
      clips: recorded, of one frame rate; PACE_CLIPS of them are taken, evenly.

    Raises:
      DataError: no text of them can be signed as a whole.
    """
    chosen = [clips[k] for k in np.unique(np.linspace(0, len(clips) - 1, PACE_CLIPS).astype(int))]
    covered = [clip for clip in chosen if _is_covered(lexicon, clip.text, 1.0)]
    if not covered:
        raise DataError(
            f"{lexicon.run}: has not all words of any of {len(chosen):,} texts to take the pace of"
        )
    stitched = sum(
        len(clip) for _, some in lexicon.generate_batches([c.text for c in covered]) for clip in some
    )
    seconds = sum(len(clip) / (clip.fps or DEFAULT_FPS) for clip in covered)
    return stitched / lexicon.fps / seconds


def write_stitched_dataset(
    lexicon: Lexicon,
    texts: Sequence[str],
    root,
    name: str,
    num: int = 1,
    seed: int = 0,
    least: float = 1.0,
    pace: float = 1.0,
) -> StitchedSet:
    """Writes the clips of `stitch_clips` as the training split of a data set, for the field data.stitched.

    Args:
      lexicon, texts, num, seed, least, pace: see `stitch_clips`.
      root, name: the data set, a new folder `name` in `root`.

    Raises:
      DataError: no text can be signed.
      StorageError: the folder is there already, or cannot be written.
    """
    limits.check_number("pace", pace, PACES)
    limits.check_number("least", least, limits.Range(0, 1, whole=False))
    covered, left_out = [], []
    for text in texts:
        (covered if _is_covered(lexicon, text, least) else left_out).append(text)
    missing = dict.fromkeys(word for text in left_out for word in lexicon.cover(text).missing)
    folder, count, total = Path(root, name), 0, len(covered) * num
    with atomic.build_folder(folder) as building:
        for number, clip in enumerate(_stitch_covered(lexicon, covered, num, seed, pace), 1):
            try:
                dataset_writer.write_clip(building / "train" / clip.sid, clip)
                count += 1
            except InvalidFileError:
                left_out.append(clip.text)
            if number % CLIPS_A_LINE == 0:
                progress.log_message(f"stitched {number:,} of {total:,} clips")
        if not count:
            raise DataError(f"{lexicon.run}: none of {len(texts):,} texts can be signed with it")
        record = {"lexicon": lexicon.run, "texts": len(texts), "clips": count, "seed": seed, "least": least}
        record["pace"] = pace
        (building / RECORD_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
    return StitchedSet(folder, count, tuple(left_out), tuple(missing))


def _is_covered(lexicon: Lexicon, text: str, least: float) -> bool:
    # A text without words has no clip, whatever share is asked for.
    return lexicon.cover(text).share >= max(least, 1e-9)
