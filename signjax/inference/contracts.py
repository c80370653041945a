"""What a trained run can do: the contracts of what `signjax.load` returns.

Every run is a `TrainedRun`. Its capability fields say which of the other contracts it keeps, so that nobody
needs to try, or to know its task:

    run = signjax.load("runs/gpt")
    if run.can_generate:      # a ClipGenerator
        clip = run.generate("hello")
    if run.codec:             # a SequenceCodec, which makes poses of what the run writes
        [again] = run.codec.reconstruct([clip])

These classes keep them: signjax.inference.text_to_pose.TextToPose (ClipGenerator),
pose_tokenizer.PoseTokenizer (TokenCodec), pose_autoencoder.PoseAutoencoder (SequenceCodec) and
pose_to_text.PoseToText (ClipReader). A new model family takes a class that keeps one of them, and a line in
signjax.inference.load.LOADERS.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import ml_collections
import numpy as np

from signjax.data.packed_dataset import PackedDataset
from signjax.pose.clip import Clip, Tokens


@runtime_checkable
class TrainedRun(Protocol):
    """What all trained runs have."""

    @property
    def config(self) -> ml_collections.ConfigDict:
        """The config that the run was trained with."""
        ...

    @property
    def variables(self) -> dict | None:
        """{"params": ..., and other collections}, averaged parameters if the run has them."""
        ...

    @property
    def codec(self) -> "SequenceCodec | None":
        """What turns clips into sequences and back: the run itself, the one a generator was trained with, or
        None.
        """
        ...

    @property
    def can_generate(self) -> bool:
        """Whether it makes clips of texts: it is a ClipGenerator."""
        ...

    @property
    def can_translate(self) -> bool:
        """Whether it makes texts of clips: it is a ClipReader."""
        ...

    @property
    def can_stream(self) -> bool:
        """Whether `ClipGenerator.stream` works."""
        ...

    @property
    def has_tokens(self) -> bool:
        """Whether its sequences are tokens: integer codes [N, C], which its clips carry."""
        ...


@runtime_checkable
class SequenceCodec(TrainedRun, Protocol):
    """Clips to sequences [N, C] and back: integer codes of a tokenizer, float latents of an auto-encoder."""

    @property
    def stride(self) -> int:
        """Frames that an element of a sequence stands for, N = ceil(T / stride)."""
        ...

    @property
    def has_face(self) -> bool:
        """Whether clips have 120 joints, else 50."""
        ...

    def load_split(self, data, split: str) -> PackedDataset:
        """A split of the data set `data.root`/`data.name` as the model takes it, with faces or without."""
        ...

    def encode(self, clips: Sequence[Clip] | PackedDataset) -> list[np.ndarray]:
        """The sequence [N, C] of each clip."""
        ...

    def decode(self, codes: Sequence[np.ndarray], canonical: bool = False) -> list[Clip]:
        """The clip of each sequence, N * stride frames; `canonical` leaves it in canonical space."""
        ...

    def reconstruct(self, clips: Sequence[Clip] | PackedDataset, canonical: bool = False) -> list[Clip]:
        """Each clip encoded and decoded again: the best that any sequence could give."""
        ...


@runtime_checkable
class TokenCodec(SequenceCodec, Protocol):
    """A SequenceCodec with `has_tokens`: its sequences are integer codes."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Side and body part of each of the C codes of a token, such as "right hand"."""
        ...

    @property
    def codebooks(self) -> np.ndarray:
        """[C, K, dim] latents that the codes stand for."""
        ...

    def describe_tokens(self, codes: np.ndarray) -> Tokens:
        """Codes [N, C] as a clip carries them."""
        ...

    def measure_codebooks(self, clips: Sequence[Clip] | PackedDataset, seed: int = 0) -> dict[str, float]:
        """How much of its codebooks the tokenizer uses on these clips."""
        ...


@runtime_checkable
class ClipGenerator(TrainedRun, Protocol):
    """Texts to clips.

    A clip depends on its text, its place among the texts, the seed and the sampling options, on nothing else.
    """

    @property
    def tokenizer(self) -> TokenCodec | None:
        """The codec, if it has tokens."""
        ...

    def generate(
        self, texts: str | Sequence[str], num: int = 1, seed: int = 0, *, canonical: bool = False, **sampling
    ) -> Clip | list[Clip]:
        """`num` clips of each text; the clip itself of one text and num 1."""
        ...

    def generate_batches(
        self, texts: str | Sequence[str], num: int = 1, seed: int = 0, *, canonical: bool = False, **sampling
    ) -> Iterator[tuple[np.ndarray, list[Clip]]]:
        """Yields (places in the list of `generate`, clips) as soon as they are there."""
        ...

    def generate_tokens(
        self, texts: str | Sequence[str], num: int = 1, seed: int = 0, **sampling
    ) -> np.ndarray | list[np.ndarray]:
        """The tokens [N, C] of those clips; only with `has_tokens`."""
        ...

    def stream(self, text: str, seed: int = 0, *, canonical: bool = False, **sampling) -> Iterator[Clip]:
        """Yields parts of a text's clip while it is written; only with `can_stream`."""
        ...


@runtime_checkable
class ClipReader(TrainedRun, Protocol):
    """Clips to texts."""

    @property
    def digest(self) -> str:
        """12 hexadecimal digits of weights and vocabulary; scores quote it."""
        ...

    def translate(self, clips: Sequence[Clip]) -> list[str]:
        """The text of each clip."""
        ...
