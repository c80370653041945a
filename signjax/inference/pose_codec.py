"""What tokenizers and auto-encoders of poses share: clips in, sequences out, and clips again."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import jax
import ml_collections
import numpy as np

from signjax.data import load, loader
from signjax.data.clip_list import pack_clips
from signjax.data.packed_dataset import PackedDataset
from signjax.errors import DataError
from signjax.inference import padded_decoding, windowed_decoding
from signjax.inference.hub import SharedRun
from signjax.models import code_layout
from signjax.pose import normalization
from signjax.pose.clip import Clip, Tokens
from signjax.pose.missing_joints import fill_missing_joints

FPS = 25.0  # of generated clips: models are trained on frames, and most data do not say how fast they go


@dataclass(frozen=True, eq=False)
class PoseCodec(SharedRun):
    """A trained model that turns clips into sequences and back: a PoseTokenizer or a PoseAutoencoder.

    Attributes:
      config: of its run.
      variables: parameters and collections; None while it is trained.
      stride: frames that one element of a sequence stands for.
      encode_batch: compiled, (variables, pose [B, T, J, 3] canonical, mask [B, T]) -> codes [B, N, C].
      decode_batch: compiled, (variables, codes [B, N, C], mask [B, N]) -> pose [B, N * stride, J, 3].
      reach: elements to either side of one that its frames depend on; None for all of the clip.
    """

    config: ml_collections.ConfigDict
    variables: dict | None
    stride: int
    encode_batch: Callable
    decode_batch: Callable
    reach: int | None = None

    can_generate = False
    can_translate = False
    can_stream = False
    has_tokens = False

    @property
    def codec(self) -> Self:
        """Itself: what makes clips of sequences."""
        return self

    @property
    def has_face(self) -> bool:
        """Whether its clips have 120 joints, the last 70 a face; else 50."""
        return code_layout.has_face(self.config)

    @property
    def decodes_windows(self) -> bool:
        """Whether clips are decoded window by window (signjax.inference.windowed_decoding)."""
        return self.reach is not None and 2 * self.reach < windowed_decoding.WINDOW

    def with_variables(self, variables: dict) -> Self:
        """The same model with other variables; what was compiled stays compiled."""
        return dataclasses.replace(self, variables=variables)

    def load_split(self, data, split: str) -> PackedDataset:
        """A split of the data set `data.root`/`data.name`, with faces if the model takes them.

        Raises:
          DataError: it cannot be used, or has no faces and needs some.
        """
        return load_codec_split(self.config, data, split)

    def encode(self, clips: Sequence[Clip] | PackedDataset, batch_size: int = 16) -> list[np.ndarray]:
        """Encodes clips.

        Args:
          clips: of any length, size and place; missing joints are put on their parents.
          batch_size: how many are encoded at once.

        Returns:
          [N, C] for each clip, N = ceil(T / stride): integer codes of a tokenizer, float32 latents of an
          auto-encoder.

        Raises:
          DataError: a clip has no place in canonical space, or no face and needs one.
        """
        if not len(clips):
            return []
        sequences: list = [None] * len(clips)
        for batch in loader.iterate_clips(self._as_dataset(clips), batch_size):
            # As in training: a model has never seen a body with gaps.
            pose = fill_missing_joints(batch)
            codes = np.asarray(self.encode_batch(self.variables, pose, batch["mask"]))
            # Rows that only fill the last batch repeat its last clip and write the same once more.
            for row, number in enumerate(batch["index"]):
                sequences[number] = codes[row, : -(-batch["mask"][row].sum() // self.stride)]
        return sequences

    def decode(self, codes: Sequence[np.ndarray], canonical: bool = False) -> list[Clip]:
        """Decodes sequences [N, C] to clips of N * stride frames at FPS.

        Args:
          codes: as `encode` returns them.
          canonical: leaves the clips in canonical space, bit for bit what the model gave; by default they
            have the place and size of recorded clips, `normalization.DEFAULT`.

        Raises:
          DataError: a sequence has another width than the model's.
        """
        clips = [
            Clip(points, fps=FPS, tokens=self.describe_tokens(sequence), placement=normalization.CANONICAL)
            for points, sequence in zip(self.decode_arrays(codes), codes, strict=True)
        ]
        return clips if canonical else [clip.move_to(normalization.DEFAULT) for clip in clips]

    def reconstruct(self, clips: Sequence[Clip] | PackedDataset, canonical: bool = False) -> list[Clip]:
        """Encodes clips and decodes them again, with their own lengths and texts.

        Args:
          clips: see `encode`.
          canonical: as in `decode`; by default each lies where its original does.
        """
        decoded, results = self.decode(self.encode(clips), canonical=True), []
        for clip, original in zip(decoded, clips, strict=True):
            fps = original.fps or FPS
            about = {"text": original.text, "sid": original.sid, "fps": fps, "valid": None}
            # The last element of a sequence stands for frames beyond the clip's end, too.
            clip = dataclasses.replace(clip, points=clip.points[: len(original)], **about)
            results.append(clip if canonical else clip.move_to(original.find_placement()))
        return results

    def decode_arrays(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Canonical poses [N * stride, J, 3] of sequences [N, C]."""
        run = functools.partial(self.decode_batch, self.variables)
        if self.decodes_windows and self.reach is not None:
            return windowed_decoding.decode_windows(run, list(codes), self.reach)
        return padded_decoding.decode_in_order(run, list(codes), self.stride)

    def describe_tokens(self, codes: np.ndarray) -> Tokens | None:
        """The tokens that a clip of these codes carries, None if they are no tokens."""
        del codes
        return None

    def _as_dataset(self, clips: Sequence[Clip] | PackedDataset) -> PackedDataset:
        """Clips as the loader takes them, with the joints that the model takes."""
        if not isinstance(clips, PackedDataset):
            return pack_clips(clips, self.has_face)
        if self.has_face and not clips.layout.face:
            raise DataError(f"{clips.label}: has no faces, and the model takes clips of 120 joints")
        return clips if self.has_face else clips.without_face()


def compile_methods(model: Any) -> tuple[Callable, Callable]:
    """The fields `encode_batch` and `decode_batch` of a PoseCodec, of a flax module that has both methods."""
    encode, decode = (jax.jit(functools.partial(model.apply, method=name)) for name in ("encode", "decode"))
    return encode, decode


def load_codec_split(config, data, split: str) -> PackedDataset:
    """A split as a tokenizer or auto-encoder of a config takes it: with faces, or without.

    Args:
      config: of the codec.
      data: `root` and `name` of the data set.
      split: "train", "dev" or "test".

    Raises:
      DataError: it cannot be used, or has no faces and needs some.
    """
    wants_face = code_layout.has_face(config)
    dataset = load.load_configured_split(data, split, face=wants_face)
    if wants_face and not dataset.layout.face:
        raise DataError(
            f"{dataset.label}: has no faces, and layout is {config.layout!r}; leave out the word face"
        )
    return dataset
