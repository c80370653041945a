"""What tokenizers and auto-encoders of poses share: encoding clips to sequences and decoding them."""

import dataclasses
import functools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import jax
import ml_collections
import numpy as np

from signjax.data import frame_rates, load, loader
from signjax.data.clip_list import pack_clips
from signjax.data.packed_dataset import PackedDataset
from signjax.errors import DataError, SignjaxWarning
from signjax.inference import padded_decoding, windowed_decoding
from signjax.inference.hub import SharedRun
from signjax.inference.kept_programs import KeptProgram
from signjax.limits import BATCH_SIZE, check_number
from signjax.models import code_layout
from signjax.pose import normalization
from signjax.pose.clip import DEFAULT_FPS, Clip, Tokens
from signjax.pose.missing_joints import fill_missing_joints, find_shown_joints


@dataclass(frozen=True, eq=False)
class PoseCodec(SharedRun):
    """A trained model that turns clips into sequences and back: a PoseTokenizer or a PoseAutoencoder.

    Attributes:
      config: of its run.
      variables: parameters and collections; None while the model is being trained.
      stride: frames of one element of a sequence.
      encode_batch: compiled, (variables, pose [B, T, J, 3] canonical, mask [B, T]) -> codes [B, N, C].
      decode_batch: compiled, (variables, codes [B, N, C], mask [B, N]) -> pose [B, N * stride, J, 3].
      reach: the frames of an element depend on so many elements to either side; None if on the whole clip.
      rate: frames per second of the training data, None if those do not say it.
    """

    config: ml_collections.ConfigDict
    variables: dict | None
    stride: int
    encode_batch: Callable
    decode_batch: Callable
    reach: int | None = None
    rate: float | None = None

    can_generate = False
    can_translate = False
    can_recognize = False
    can_stream = False
    has_tokens = False

    @property
    def codec(self) -> Self:
        """The codec itself, as contracts.TrainedRun has it."""
        return self

    @property
    def fps(self) -> float:
        """Frames per second of the clips that it decodes: of the training data, or 25."""
        return self.rate or DEFAULT_FPS

    @property
    def has_face(self) -> bool:
        """Whether its clips have 120 joints, of which the last 70 are the face; otherwise 50."""
        return code_layout.has_face(self.config)

    @property
    def decodes_windows(self) -> bool:
        """Whether clips are decoded window by window (signjax.inference.windowed_decoding)."""
        # With a larger reach no token of a window would have all the tokens that its frames depend on.
        return self.reach is not None and 2 * self.reach < windowed_decoding.WINDOW

    def with_variables(self, variables: dict) -> Self:
        """The same model with other variables; nothing is compiled again."""
        return dataclasses.replace(self, variables=variables)

    def load_split(self, data, split: str) -> PackedDataset:
        """Loads a split of the data set `data.root`/`data.name`, with faces if the model takes them.

        Raises:
          DataError: the split cannot be used, or has no faces and the model needs them.
        """
        return load_codec_split(self.config, data, split)

    def encode(self, clips: Sequence[Clip] | PackedDataset, batch_size: int = 16) -> list[np.ndarray]:
        """Encodes clips.

        Args:
          clips: of any length, size and place; missing joints are placed on their parents. Clips of another
            frame rate than `rate` are resampled. A data set is taken as it is, with a warning.
          batch_size: how many are encoded at once.

        Returns:
          [N, C] for each clip, N = ceil(T / stride) for T frames at `rate`: integer codes of a tokenizer,
          float32 latents of an auto-encoder.

        Raises:
          DataError: a clip has no place in canonical space, or no face and the model needs one.
        """
        check_number("batch_size", batch_size, BATCH_SIZE)
        if not len(clips):
            return []
        sequences: list = [None] * len(clips)
        for batch in loader.iterate_clips(self._as_dataset(clips), batch_size):
            # As in training: no model has ever seen a joint that is missing.
            pose = fill_missing_joints(batch)
            codes = np.asarray(self.encode_batch(self.variables, pose, batch["mask"]))
            # Rows that only fill the last batch repeat its last clip, and write the same result once more.
            for row, number in enumerate(batch["index"]):
                sequences[number] = codes[row, : -(-batch["mask"][row].sum() // self.stride)]
        return sequences

    def decode(self, codes: Sequence[np.ndarray], canonical: bool = False) -> list[Clip]:
        """Decodes sequences [N, C] to clips of N * stride frames at `fps`.

        Args:
          codes: as `encode` returns them.
          canonical: whether the clips stay in canonical space, bit for bit as decoded; by default they get
            the place and size of recorded clips, `normalization.DEFAULT`.

        Raises:
          DataError: the width of a sequence is not that of the model.
        """
        # With a known placement nobody measures and moves the clips again: their points stay bit for bit.
        clips = [
            dataclasses.replace(self.make_clip(points), tokens=self.describe_tokens(sequence))
            for points, sequence in zip(self.decode_arrays(codes), codes, strict=True)
        ]
        return clips if canonical else [clip.move_to(normalization.DEFAULT) for clip in clips]

    def make_clip(self, points: np.ndarray) -> Clip:
        """The clip of canonical poses [T, J, 3] as decoded, without the hands that it does not show."""
        shown = find_shown_joints(points)
        return Clip(points, shown, fps=self.fps, placement=normalization.CANONICAL)

    def reconstruct(self, clips: Sequence[Clip] | PackedDataset, canonical: bool = False) -> list[Clip]:
        """Encodes clips and decodes them again; the results keep the lengths and texts of the clips.

        Args:
          clips: see `encode`.
          canonical: as in `decode`; by default each result is placed where its original is.
        """
        decoded, results = self.decode(self.encode(clips), canonical=True), []
        for clip, original in zip(decoded, clips, strict=True):
            if not isinstance(clips, PackedDataset):
                clip = _restore_rate(clip, original, self.rate)
            fps = original.fps or self.fps
            # The last element of a sequence may stand for frames beyond the clip's end, too.
            frames = {"points": clip.points[: len(original)], "valid": clip.valid[: len(original)]}
            fields = {"text": original.text, "sid": original.sid, "fps": fps}
            clip = dataclasses.replace(clip, **frames, **fields)
            results.append(clip if canonical else clip.move_to(original.find_placement()))
        return results

    def decode_arrays(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Decodes sequences [N, C] to canonical poses [N * stride, J, 3]."""
        run = functools.partial(self.decode_batch, self.variables)
        if self.decodes_windows and self.reach is not None:
            return windowed_decoding.decode_windows(run, list(codes), self.reach)
        return padded_decoding.decode_in_order(run, list(codes), self.stride)

    def describe_tokens(self, codes: np.ndarray) -> Tokens | None:
        """The `Tokens` that a clip decoded from the codes carries; None of a codec without tokens."""
        del codes
        return None

    def _as_dataset(self, clips: Sequence[Clip] | PackedDataset) -> PackedDataset:
        """Packs clips for the loader, with the joints that the model takes."""
        if not isinstance(clips, PackedDataset):
            return pack_clips([frame_rates.bring_to_rate(clip, self.rate) for clip in clips], self.has_face)
        name = clips.label.rpartition("/")[0]
        # As it is: whoever scores or trains compares its clips frame by frame with what becomes of them.
        if line := frame_rates.compare_rates(clips.label, clips.fps, "the model", self.rate, name):
            warnings.warn(line, SignjaxWarning, stacklevel=3)
        if self.has_face and not clips.layout.face:
            raise DataError(f"{clips.label}: has no faces, and the model takes clips of 120 joints")
        return clips if self.has_face else clips.without_face()


def _restore_rate(clip: Clip, original: Clip, rate: float | None) -> Clip:
    """A decoded clip with the frames of its original, which was encoded at another rate."""
    if frame_rates.are_same(original.fps, rate):
        return clip
    resampled = frame_rates.bring_to_rate(clip, original.fps)
    # The last frames of the original may be later than the last one at the model's rate.
    numbers = np.minimum(np.arange(len(original)), len(resampled) - 1)
    return dataclasses.replace(resampled, points=resampled.points[numbers], valid=resampled.valid[numbers])


def compile_methods(model: Any) -> tuple[Callable, Callable]:
    """Compiles `encode` and `decode` of a flax module: the fields `encode_batch` and `decode_batch`."""
    encode, decode = (
        KeptProgram(name, jax.jit(functools.partial(model.apply, method=name)), owner=model)
        for name in ("encode", "decode")
    )
    return encode, decode


def load_codec_split(config, data, split: str) -> PackedDataset:
    """Loads a split as the tokenizer or auto-encoder of a config takes it: with faces, or without.

    Args:
      config: of the codec.
      data: `root` and `name` of the data set.
      split: "train", "dev" or "test".

    Raises:
      DataError: the split cannot be used, or has no faces and the codec needs them.
    """
    wants_face = code_layout.has_face(config)
    dataset = load.load_configured_split(data, split, face=wants_face)
    if wants_face and not dataset.layout.face:
        raise DataError(
            f"{dataset.label}: has no faces, and layout is {config.layout!r}; leave out the word face"
        )
    return dataset
