"""Stitched clips as training data: what a dictionary makes of the texts of a corpus."""

import dataclasses
from collections.abc import Iterator, Sequence

from signjax.lexicon.lexicon import Lexicon
from signjax.pose.clip import Clip


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
    covered = [text for text in texts if lexicon.cover(text).share >= max(least, 1e-9)]
    for places, clips in lexicon.generate_batches(covered, num, seed):
        for place, clip in zip(places.tolist(), clips, strict=True):
            yield dataclasses.replace(clip, sid=f"stitched_{place:05d}", split="train")
