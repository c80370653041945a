"""Stitched clips as training data: what a dictionary makes of the texts of a corpus."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from signjax import limits
from signjax.data import dataset_writer
from signjax.errors import DataError
from signjax.io import atomic, progress
from signjax.io.safe_read import InvalidFileError
from signjax.lexicon.lexicon import Lexicon
from signjax.pose.clip import Clip

RECORD_FILE = "stitched.json"
NAMED = 5  # words that a message names
CLIPS_A_LINE = 1000  # of the progress


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
    lexicon: Lexicon, texts: Sequence[str], num: int = 1, seed: int = 0, least: float = 1.0
) -> Iterator[Clip]:
    """Yields clips of texts, `num` of each in a row, without texts of which too much is missing.

    Args:
      lexicon: stitches them.
      texts: any number.
      num: clips of each text; they differ where words have several clips.
      seed: decides which clips of words are taken.
      least: share of a text's words, 0 to 1, that must have a sign or be spelled.

    Yields:
      Clips of the split "train", named stitched_00000 and so on, in the size and place of recorded clips.
    """
    covered = [text for text in texts if _is_covered(lexicon, text, least)]
    for places, clips in lexicon.generate_batches(covered, num, seed):
        for place, clip in zip(places.tolist(), clips, strict=True):
            yield dataclasses.replace(clip, sid=f"stitched_{place:05d}", split="train")


def write_stitched_dataset(
    lexicon: Lexicon,
    texts: Sequence[str],
    root,
    name: str,
    num: int = 1,
    seed: int = 0,
    least: float = 1.0,
) -> StitchedSet:
    """Writes the clips of `stitch_clips` as the training split of a data set, for the field data.stitched.

    Args:
      lexicon, texts, num, seed, least: see `stitch_clips`.
      root, name: the data set, a new folder `name` in `root`.

    Raises:
      DataError: no text can be signed.
      StorageError: the folder is there already, or cannot be written.
    """
    limits.check_number("least", least, limits.Range(0, 1, whole=False))
    left_out = [text for text in texts if not _is_covered(lexicon, text, least)]
    missing = dict.fromkeys(word for text in left_out for word in lexicon.cover(text).missing)
    folder, count, total = Path(root, name), 0, (len(texts) - len(left_out)) * num
    with atomic.build_folder(folder) as building:
        for number, clip in enumerate(stitch_clips(lexicon, texts, num, seed, least), 1):
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
        (building / RECORD_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
    return StitchedSet(folder, count, tuple(left_out), tuple(missing))


def _is_covered(lexicon: Lexicon, text: str, least: float) -> bool:
    # A text without words has no clip, whatever share is asked for.
    return lexicon.cover(text).share >= max(least, 1e-9)
