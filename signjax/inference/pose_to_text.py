"""A trained back-translator: clips in, texts out."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import ml_collections
import numpy as np

from signjax.data import frame_rates, sources
from signjax.inference import ctc_attention_decoding
from signjax.inference.hub import SharedRun
from signjax.io.digest import digest_variables
from signjax.limits import BATCH_SIZE, check_number
from signjax.models.back_translator import BackTranslator
from signjax.pose.clip import Clip
from signjax.pose.missing_joints import fill_missing_joints
from signjax.pose.skeleton import NUM_JOINTS
from signjax.text.tokenizer import TextTokenizer


@dataclass(frozen=True, eq=False)
class PoseToText(SharedRun):
    """A trained back-translator, of a run with task "backtranslate".

    Attributes:
      config: of its run; `ctc_share` is the weight of the CTC head beside the decoder.
      variables: parameters; None while the model is being trained.
      model: the flax module.
      vocabulary: the tokens of the texts that it writes.
      rate: frames per second of the training data, None if those do not say it.
    """

    config: ml_collections.ConfigDict
    variables: dict | None
    model: BackTranslator
    vocabulary: TextTokenizer
    rate: float | None = None

    codec = None
    can_generate = False
    can_translate = True
    can_recognize = False
    can_stream = False
    has_tokens = False

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that identify weights and vocabulary; signatures of scores contain them."""
        # Without types and shapes, unlike other digests: signatures of older scores contain this one.
        vocabulary = repr(self.vocabulary.entries).encode()
        assert self.variables is not None, "only a trained run is quoted"
        return digest_variables(self.variables["params"], vocabulary, typed=False)

    def with_variables(self, variables: dict) -> "PoseToText":
        """The same model with other variables; nothing is compiled again."""
        return dataclasses.replace(self, variables=variables)

    def translate(self, clips: Sequence[Clip], batch_size: int = 32) -> list[str]:
        """Translates clips into texts, greedily: the likeliest token at each position.

        A clip's text does not depend on the other clips.

        Args:
          clips: of any length, size and place; faces are ignored. Clips of another frame rate than `rate` are
            resampled.
          batch_size: how many are translated at once.

        Returns:
          A text for each: lower-case words and punctuation marks, separated by spaces as by
          `signjax.text.words.split_words`; "" for a clip without frames.

        Raises:
          DataError: a clip has no place in canonical space.
        """
        clips = [frame_rates.bring_to_rate(clip, self.rate) for clip in clips]
        check_number("batch_size", batch_size, BATCH_SIZE)
        poses, texts = [_fill_clip(clip) for clip in clips], [""] * len(clips)
        for numbers, pose, mask in _batch_poses(poses, batch_size):
            decoded = ctc_attention_decoding.decode_texts(
                self.model, self.variables, pose, mask, self.config.ctc_share
            )
            # There may be more rows than numbers: they only fill the batch.
            for number, ids in zip(numbers, np.asarray(decoded), strict=False):
                texts[number] = self.vocabulary.decode(ids.tolist())
        return texts


def _fill_clip(clip: Clip) -> np.ndarray:
    """The canonical pose [T, 50, 3] of a clip, missing joints on their parents, as in training."""
    clip = clip.without_face()
    # Without any frame there is no body to measure, and so no way to canonical space.
    if not len(clip):
        return clip.points
    pose = clip.canonical()
    if clip.valid.all():
        return pose
    return np.asarray(fill_missing_joints({"pose": pose[None], "valid": clip.valid[None]}))[0]


def _batch_poses(poses: Sequence[np.ndarray], batch_size: int) -> Iterator[tuple]:
    """Yields (numbers of clips of similar length, their poses [B, T, 50, 3], mask [B, T]).

    B and T have few values, since each other shape is compiled anew.
    """
    # A clip without frames takes a row, too, and gets an empty text from the decoder.
    lengths = np.array([sources.choose_bucket(max(1, len(pose))) for pose in poses], int)
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for start in range(0, len(members), batch_size):
            numbers = members[start : start + batch_size]
            rows = min(batch_size, 1 << (len(numbers) - 1).bit_length())
            batch = np.zeros((rows, length, NUM_JOINTS, 3), np.float32)
            mask = np.zeros((rows, length), bool)
            for row, number in enumerate(numbers):
                batch[row, : len(poses[number])], mask[row, : len(poses[number])] = poses[number], True
            yield numbers, batch, mask
