"""What a trained run can do: the protocols of what `signjax.load` returns.

Every run is a `TrainedRun`. Its capability fields say which of the other protocols it implements, so callers
need neither its task nor a try:

    run = signjax.load("runs/gpt")
    if run.can_generate:      # a ClipGenerator
        clip = run.generate("hello")
    if run.codec:             # a SequenceCodec, which decodes what the run generates
        [again] = run.codec.reconstruct([clip])

The classes that implement them are signjax.inference.text_to_pose.TextToPose (ClipGenerator),
pose_tokenizer.PoseTokenizer (TokenCodec), pose_autoencoder.PoseAutoencoder (SequenceCodec),
pose_to_text.PoseToText (ClipReader) and pose_to_word.PoseToWord (WordReader). A new model family needs a
class that implements one of them, and a line in signjax.inference.load.LOADERS.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import ml_collections
import numpy as np

from signjax.data.packed_dataset import PackedDataset
from signjax.pose.clip import Clip, Tokens


class Progress(NamedTuple):
    """How far the clips of a batch are.

    Attributes:
      done: tokens of the longest clip so far, by a model that writes a clip from its beginning to its end;
        steps so far, by one that makes whole clips in a number of steps.
      total: number of steps; None of a model that writes tokens, as nobody knows where a clip will end.
    """

    done: int
    total: int | None = None


# What watches a generator. It is told after every few tokens (signjax.inference.autoregressive.WATCHED), or
# after every step; with several batches the count begins anew with each. What it raises ends the generation,
# which is how a clip is stopped. Watched or not, the clips are the same.
Watch = Callable[[Progress], None]


# Checkable at run time, as signjax.score takes a run or a list of clips. isinstance looks at the names of
# members only: that their types fit is checked by pyright and tests/inference/test_contracts.py.
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
        """The codec: the run itself, the codec that a generator was trained with, or None."""
        ...

    @property
    def can_generate(self) -> bool:
        """Whether it generates clips from texts, as a ClipGenerator."""
        ...

    @property
    def can_translate(self) -> bool:
        """Whether it translates clips into texts, as a ClipReader."""
        ...

    @property
    def can_recognize(self) -> bool:
        """Whether it recognises single signs, as a WordReader."""
        ...

    @property
    def can_stream(self) -> bool:
        """Whether `ClipGenerator.stream` works."""
        ...

    @property
    def has_tokens(self) -> bool:
        """Whether its sequences are tokens, integer codes [N, C]; its clips then carry them."""
        ...


@runtime_checkable
class SequenceCodec(TrainedRun, Protocol):
    """Encodes clips to sequences [N, C] and decodes them: integer codes of a tokenizer, float latents of an
    auto-encoder."""

    @property
    def stride(self) -> int:
        """Frames of one element of a sequence: a clip of T frames has N = ceil(T / stride) elements."""
        ...

    @property
    def rate(self) -> float | None:
        """Frames per second of the training data; None if unknown."""
        ...

    @property
    def fps(self) -> float:
        """Frames per second of the clips that are decoded."""
        ...

    @property
    def has_face(self) -> bool:
        """Whether clips have 120 joints, else 50."""
        ...

    def load_split(self, data, split: str) -> PackedDataset:
        """Loads a split of the data set `data.root`/`data.name`, with faces if the model takes them."""
        ...

    def encode(self, clips: Sequence[Clip] | PackedDataset) -> list[np.ndarray]:
        """The sequence [N, C] of each clip."""
        ...

    def decode(self, codes: Sequence[np.ndarray], canonical: bool = False) -> list[Clip]:
        """The clip of each sequence, of N * stride frames; with `canonical` it stays in canonical space."""
        ...

    def reconstruct(self, clips: Sequence[Clip] | PackedDataset, canonical: bool = False) -> list[Clip]:
        """Each clip encoded and decoded again: the ceiling of what a generator can reach with this codec."""
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
        """The `Tokens` that a clip of the codes [N, C] carries."""
        ...

    def measure_codebooks(self, clips: Sequence[Clip] | PackedDataset, seed: int = 0) -> dict[str, float]:
        """How much of its codebooks the tokenizer uses on these clips."""
        ...


@runtime_checkable
class ClipGenerator(TrainedRun, Protocol):
    """Generates clips from texts.

    A clip depends on its text, its conditions, its place among the texts, the seed and the sampling options
    only. The conditions are the options `language` and `signer`. All families tell `watch` how far they are,
    and can be stopped by it.
    """

    @property
    def tokenizer(self) -> TokenCodec | None:
        """The codec, if it has tokens."""
        ...

    def generate(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        canonical: bool = False,
        watch: Watch | None = None,
        **sampling,
    ) -> Clip | list[Clip]:
        """A list with `num` clips of each text; for a single text and num 1, the clip itself."""
        ...

    def generate_batches(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        canonical: bool = False,
        watch: Watch | None = None,
        **sampling,
    ) -> Iterator[tuple[np.ndarray, list[Clip]]]:
        """Yields (places in the list of `generate`, clips) batch by batch, as soon as a batch is ready."""
        ...

    def list_conditions(self, clips: Iterable[Clip]) -> dict[str, list[str | None]]:
        """Language and signer of recorded clips as options of `generate`, as far as the run knows them."""
        ...

    def generate_tokens(
        self, texts: str | Sequence[str], num: int = 1, seed: int = 0, **sampling
    ) -> np.ndarray | list[np.ndarray]:
        """The tokens [N, C] of those clips; only with `has_tokens`."""
        ...

    def stream(self, text: str, seed: int = 0, *, canonical: bool = False, **sampling) -> Iterator[Clip]:
        """Yields parts of a text's clip while it is being generated; only with `can_stream`."""
        ...


@runtime_checkable
class ClipReader(TrainedRun, Protocol):
    """Translates clips into texts."""

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that identify weights and vocabulary; signatures of scores contain them."""
        ...

    def translate(self, clips: Sequence[Clip]) -> list[str]:
        """The text of each clip."""
        ...


@runtime_checkable
class WordReader(TrainedRun, Protocol):
    """Recognises clips of single signs (PoseToWord)."""

    @property
    def words(self) -> tuple[str, ...]:
        """The W words that it tells apart."""
        ...

    @property
    def digest(self) -> str:
        """12 hexadecimal digits that identify weights and words; signatures of scores contain them."""
        ...

    def classify(self, clips: Sequence[Clip]) -> np.ndarray:
        """Probabilities [n, W + 1] of each word, and last of none of them."""
        ...
