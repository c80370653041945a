"""A trained generator: texts in, clips out."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

import ml_collections
import numpy as np

from signjax.errors import ConfigError
from signjax.inference import (
    autoregressive,
    families,
    latent_space,
    text_batches,
    text_conditions,
    windowed_decoding,
)
from signjax.inference.contracts import Watch
from signjax.inference.hub import SharedRun
from signjax.inference.pose_codec import PoseCodec
from signjax.inference.pose_tokenizer import PoseTokenizer
from signjax.inference.text_conditions import Given
from signjax.limits import BATCH_SIZE, TOKENS, check_number
from signjax.models import build
from signjax.pose import normalization
from signjax.pose.clip import Clip
from signjax.text import recover_text, unknown_letters
from signjax.text.conditions import UNSPECIFIED, Conditions


@dataclass(frozen=True, eq=False)
class TextToPose(SharedRun):
    """A trained generator, of a run with task "gpt", "seed_gpt", "masked" or "flow".

    A clip depends on its text, its conditions, its place among the texts, the seed and the sampling options
    only: neither on the other texts nor on how many are sampled at once.

    Attributes:
      config: of its run.
      variables: parameters and collections; None while the model is being trained.
      model: the flax module.
      text_encoder: turns texts into ids or features.
      codec: the trained tokenizer or auto-encoder that decodes what the model generates.
      checks_letters: whether texts are checked for letters that are unknown to the run, see
        signjax.text.unknown_letters.
    """

    config: ml_collections.ConfigDict
    variables: dict | None
    model: Any
    text_encoder: Any
    codec: PoseCodec
    checks_letters: bool = True

    can_generate = True
    can_translate = False
    can_recognize = False

    @property
    def family(self) -> families.Family:
        """The model family: its options and its sampling function."""
        return families.FAMILIES[self.config.task]

    @property
    def tokenizer(self) -> PoseTokenizer | None:
        """The tokenizer that decodes its tokens; None if it generates latents."""
        return self.codec if isinstance(self.codec, PoseTokenizer) else None

    @property
    def has_tokens(self) -> bool:
        """Whether it generates tokens, see `generate_tokens`."""
        return self.codec.has_tokens

    @property
    def can_stream(self) -> bool:
        """Whether `stream` works: the model generates in order, and the codec decodes window by window."""
        return self.family.streams and self.codec.decodes_windows

    def with_variables(self, variables: dict) -> "TextToPose":
        """The same generator with other variables; nothing is compiled again."""
        return dataclasses.replace(self, variables=variables)

    def make_sampler(self, **sampling) -> families.Sampler:
        """The sampling options of the run's config, with changes by name.

        Raises:
          ConfigError: the family has no such option, or a value is out of range.
        """
        return families.make_sampler(self.config, **sampling)

    # Two signatures: type checkers then know that a single text gives a Clip and not a list.
    @overload
    def generate(
        self,
        texts: str,
        num: Literal[1] = 1,
        seed: int = 0,
        *,
        language: Given = None,
        signer: Given = None,
        canonical: bool = False,
        batch_size: int = 64,
        watch: Watch | None = None,
        **sampling: Any,
    ) -> Clip: ...

    @overload
    def generate(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        language: Given = None,
        signer: Given = None,
        canonical: bool = False,
        batch_size: int = 64,
        watch: Watch | None = None,
        **sampling: Any,
    ) -> list[Clip]: ...

    def generate(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        language: Given = None,
        signer: Given = None,
        canonical: bool = False,
        batch_size: int = 64,
        watch: Watch | None = None,
        **sampling,
    ) -> Clip | list[Clip]:
        """Generates clips of texts.

        Args:
          texts: one, or several.
          num: clips of each text.
          seed: decides all random choices.
          language, signer: of all texts, or one for each of them; only of a run that was trained with these
            conditions (the field text.conditions), and known to it. None leaves it to the model.
          canonical: whether the clips stay in canonical space, bit for bit as decoded; by default they get
            the place and size of recorded clips, `normalization.DEFAULT`.
          batch_size: how many clips are sampled at once.
          watch: is told how far the clips are, see signjax.inference.contracts.Watch; what it raises ends the
            call.
          **sampling: options of the sampler, such as temperature=0.9; the others are as in the run's config.

        Returns:
          A Clip if `texts` is a single text and num is 1; otherwise a list, all clips of the first text, then
          those of the next.

        Raises:
          DataError: a text has no words, or only letters that are unknown to the run.
          ConfigError: the run does not know a language or signer; or as `make_sampler`.
        """
        given: dict[str, Any] = {"language": language, "signer": signer, "canonical": canonical}
        given |= {"batch_size": batch_size, "watch": watch}
        batches = self.generate_batches(texts, num, seed, **given, **sampling)
        return text_batches.gather_results(batches, texts, num)

    def generate_batches(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        language: Given = None,
        signer: Given = None,
        canonical: bool = False,
        batch_size: int = 64,
        watch: Watch | None = None,
        **sampling,
    ) -> Iterator[tuple[np.ndarray, list[Clip]]]:
        """Yields the clips of `generate` batch by batch, as soon as a batch is ready, short texts first.

        Yields:
          (places [n] in the list of `generate`, the clip of each place).
        """
        repeated = text_batches.repeat_texts(texts, num)
        conditions = self._spread_conditions(texts, num, language, signer)
        about = conditions or [UNSPECIFIED] * len(repeated)
        for places, sequences in self._sample_batches(
            repeated, conditions, seed, batch_size, sampling, watch
        ):
            clips = zip(self.codec.decode(sequences, canonical), places, strict=True)
            yield (
                places,
                [dataclasses.replace(clip, text=repeated[k], **about[k]._asdict()) for clip, k in clips],
            )

    def list_conditions(self, clips: Iterable[Clip]) -> dict[str, list[str | None]]:
        """Language and signer of recorded clips as arguments of `generate`, as far as the run knows them.

        Empty for a run that was trained without conditions.
        """
        return text_conditions.list_conditions(self.text_encoder.conditions, clips)

    def generate_tokens(
        self,
        texts: str | Sequence[str],
        num: int = 1,
        seed: int = 0,
        *,
        language: Given = None,
        signer: Given = None,
        batch_size: int = 64,
        **sampling,
    ) -> np.ndarray | list[np.ndarray]:
        """The tokens [N, C] of the clips of `generate`, without decoding them.

        Raises:
          ConfigError: the model generates no tokens; or as `generate`.
        """
        if not self.has_tokens:
            raise ConfigError(f"a {self.config.task} run writes latents, no tokens; use generate")
        repeated = text_batches.repeat_texts(texts, num)
        conditions = self._spread_conditions(texts, num, language, signer)
        batches = self._sample_batches(repeated, conditions, seed, batch_size, sampling)
        return text_batches.gather_results(batches, texts, num)

    def stream(
        self,
        text: str,
        seed: int = 0,
        *,
        language: str | None = None,
        signer: str | None = None,
        canonical: bool = False,
        tokens_at_once: int = 4,
        **sampling,
    ) -> Iterator[Clip]:
        """Yields parts of a text's clip while it is being generated, as soon as their frames are final.

        Args:
          text: what to sign.
          seed: decides all random choices.
          language, signer, canonical: see `generate`.
          tokens_at_once: tokens that are sampled at a time; with fewer the first frames come earlier.
          **sampling: see `generate`.

        Yields:
          Clips whose concatenated points are bit for bit those of `generate(text, seed=seed, ...)`.

        Raises:
          DataError: the text has no words.
          ConfigError: the run generates whole clips only, see `can_stream`; or as `generate`.
        """
        # No yield in this function: what cannot be streamed fails in the call and not at the first part.
        if not self.family.streams:
            raise ConfigError(f"a {self.config.task} run makes whole clips only; stream from a gpt run")
        if not self.can_stream:
            raise ConfigError("the run's tokenizer decodes whole clips only; train one of configs/vqvae.py")
        self._check_letters([text])
        conditions = self._spread_conditions(text, 1, language, signer)
        check_number("tokens_at_once", tokens_at_once, TOKENS)
        sampler, reach = self.make_sampler(**sampling), self.codec.reach
        assert isinstance(sampler, autoregressive.Sampler) and reach is not None, "see can_stream"
        decode = functools.partial(self.codec.decode_batch, self.codec.variables)
        written = self._write_tokens(text, conditions, seed, sampler, tokens_at_once)
        parts = windowed_decoding.stream_windows(decode, written, reach)
        about = {"text": text, "language": language, "signer": signer}
        clips = (dataclasses.replace(self.codec.make_clip(part), **about) for part in parts)
        return clips if canonical else (clip.move_to(normalization.DEFAULT) for clip in clips)

    def _spread_conditions(
        self, texts: str | Sequence[str], num: int, language: Given, signer: Given
    ) -> list[Conditions]:
        given, known = {"language": language, "signer": signer}, self.text_encoder.conditions
        return text_conditions.spread_conditions(known, given, texts, num, self.run or "this model")

    def _check_letters(self, texts: Sequence[str]) -> None:
        for text in texts:
            recover_text.refuse_undecoded(text)
        if self.checks_letters:
            unknown_letters.check_letters(self.text_encoder, texts)

    def _sample_batches(
        self,
        texts: Sequence[str],
        conditions: Sequence[Conditions],
        seed: int,
        batch_size: int,
        sampling: dict,
        watch: Watch | None = None,
    ) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
        """Yields (places in `texts`, codes or latents [N, C] of each place), short texts first."""
        self._check_letters(texts)
        # Only a flow folds latents into positions; codes pass unfold_positions unchanged.
        sampler, fold = self.make_sampler(**sampling), self.config.get("fold", 1)
        check_number("batch_size", batch_size, BATCH_SIZE)
        for places, ids, mask, keys in text_batches.batch_texts(
            self.text_encoder, texts, seed, batch_size, conditions
        ):
            sampled = self.family.sample(self.model, self.variables, ids, mask, keys, sampler, watch)
            sequences, lengths = map(np.asarray, sampled)
            # There may be more rows than places: they fill the batch.
            written = [sequences[row, : lengths[row]] for row in range(len(places))]
            yield places, [latent_space.unfold_positions(positions, fold) for positions in written]

    def _write_tokens(
        self,
        text: str,
        conditions: Sequence[Conditions],
        seed: int,
        sampler: autoregressive.Sampler,
        tokens_at_once: int,
    ) -> Iterator[tuple[np.ndarray, bool]]:
        """Yields (tokens so far [N, C], whether the clip is complete) after each `tokens_at_once` tokens."""
        batches = text_batches.batch_texts(self.text_encoder, [text], seed, 1, conditions)
        [(_, ids, mask, keys)] = batches
        memory, state = autoregressive.init_decode_state(self.model, self.variables, ids, mask, sampler)
        # `until` is traced, so that one compiled program serves all parts.
        for until in range(tokens_at_once, sampler.max_tokens + tokens_at_once, tokens_at_once):
            state = autoregressive.decode_until(
                self.model, self.variables, memory, state, keys, until, sampler
            )
            done = bool(state.done[0]) or until >= sampler.max_tokens
            yield np.asarray(state.codes[0, : int(state.length[0])]), done
            if done:
                return


def build_text_to_pose(
    config, text_encoder, codec: PoseCodec, variables: dict | None = None, dim: int = 0
) -> TextToPose:
    """Builds the generator of a config.

    Args:
      config: of the run.
      text_encoder: of the run.
      codec: the trained tokenizer or auto-encoder that the config names.
      variables: of a trained run; None for a model that is being trained.
      dim: of a flow only, components of a position in its space of latents.
    """
    model = build.build_generator(config, text_encoder.size, codec.config, dim)
    # The clips that a training looks at now and then are of recorded texts, and must not end it.
    return TextToPose(config, variables, model, text_encoder, codec, checks_letters=variables is not None)
