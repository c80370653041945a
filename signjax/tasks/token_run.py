"""Preparing the training of a model of tokens: its codec and its rows."""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from signjax.data.packed_dataset import PackedDataset
from signjax.data.token_rows import TokenRows
from signjax.inference.load import load_codec
from signjax.inference.text_to_pose import TextToPose, build_text_to_pose
from signjax.models.text_conditioning import null_text
from signjax.tasks.training_rows import prepare_training_rows
from signjax.training import dependencies

# Share of clips whose language, and apart from it whose signer, training does not tell: a run has to sign
# where they are not given. Twice the usual text_dropout, as one of them alone is mostly given.
CONDITION_DROPOUT = 0.2


class TokenRun(NamedTuple):
    """A generator that is to be trained, and its data."""

    generator: TextToPose  # without variables
    train: TokenRows
    dev: TokenRows
    dev_clips: PackedDataset


def prepare_token_run(config, workdir) -> TokenRun:
    """Loads tokenizer and data of a config, and encodes the data unless that was done before.

    Args:
      config: reads `data`, `tokenizer`, `text`, `versions`, `tempo`.
      workdir: of the run; vocabulary and tokens are saved there.

    Raises:
      ConfigError: tokenizer or data are not those that the run began with, or the model cannot use it.
      DataError: the data cannot be used.
    """
    folder = dependencies.find_to_train_on(workdir, "tokenizer", config.tokenizer)
    tokenizer = load_codec(folder)
    # Before anything is encoded: a run that resumes with another tokenizer is refused here.
    dependencies.record_dependency(workdir, "tokenizer", folder, tokenizer.variables)
    rows = prepare_training_rows(config, workdir, tokenizer, folder, "tokens")
    generator = build_text_to_pose(config, rows.text_encoder, tokenizer)
    return TokenRun(generator, rows.train, rows.dev, rows.dev_clips)


def drop_texts(batch, rng, rate: float, condition_spans: Sequence[tuple[int, int]] = ()):
    """Replaces a share of a batch's texts by the null text, for classifier-free guidance.

    Of CONDITION_DROPOUT of the others each condition becomes unspecified.

    Args:
      batch: rows, see signjax.data.token_rows.TokenRows.
      rng: key.
      rate: the share.
      condition_spans: of the text encoder, see signjax.text.tokenizer.TextTokenizer.
    """
    segments = batch["text_segment"]  # [B, L]
    for number, (first, count) in enumerate(condition_spans):
        # Keys of their own: without conditions a run draws what it drew before there were any.
        unspecified = _draw_texts(jax.random.fold_in(rng, number), CONDITION_DROPOUT, segments)
        own = (batch["text"] >= first) & (batch["text"] < first + count)
        batch = batch | {"text": jnp.where(own & unspecified, first, batch["text"])}
    dropped = _draw_texts(rng, rate, segments)
    # The null text is one position long: the others are hidden.
    hide = dropped & (batch["text_position"] > 0)
    text = batch["text"]
    text = jnp.where(jnp.expand_dims(dropped, range(2, text.ndim)), null_text(text), text)
    return batch | {"text": text, "text_segment": jnp.where(hide, 0, segments)}


def _draw_texts(rng, rate: float, segments):
    """Draws a share of the texts of rows; returns which positions [B, L] bool are theirs."""
    # As many draws as a row can have texts, and one for its padding.
    drawn = jax.random.bernoulli(rng, rate, (segments.shape[0], segments.shape[1] + 1))
    return jnp.take_along_axis(drawn, segments, axis=1)
