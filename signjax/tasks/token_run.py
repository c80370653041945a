"""Preparing the training of a model of tokens: its text encoder, its codec and its rows."""

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from signjax.data.packed_dataset import PackedDataset
from signjax.data.token_rows import TokenRows, describe_left_out
from signjax.errors import SignjaxWarning
from signjax.inference.dataset_codes import encode_dataset
from signjax.inference.load import load_codec
from signjax.inference.text_to_pose import TextToPose, build_text_to_pose
from signjax.models.text_conditioning import null_text
from signjax.training import data_rate, data_record, dependencies, text_encoder

# Packings of all clips into training rows that make an epoch. Each packing draws one version of every clip,
# and other clips to share a row.
PACKINGS = 16
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
    train, dev = (tokenizer.load_split(config.data, split) for split in ("train", "dev"))
    data_record.record_data(workdir, config.data.root, train, dev)
    data_rate.record_rate(workdir, train.fps)
    data_rate.warn_of_codec(train, folder, tokenizer.rate)
    encoder = text_encoder.prepare_text_encoder(
        config, workdir, train.texts, dev.texts, train.list_conditions()
    )
    rows = {}
    # Dev clips once and as recorded, in one packing: every evaluation scores the same rows.
    for name, clips, versions in (("train", train, config.versions), ("dev", dev, 1)):
        path = f"{workdir}/tokens-{name}.npz"
        codes = encode_dataset(tokenizer, clips, versions, path, config.tempo, config.seed)
        packings = PACKINGS if name == "train" else 1
        rows[name] = make_rows(codes, clips, encoder, config.seed, packings)
    generator = build_text_to_pose(config, encoder, tokenizer)
    return TokenRun(generator, rows["train"], rows["dev"], dev)


def make_rows(codes, clips: PackedDataset, encoder, seed: int, packings: int) -> TokenRows:
    """The rows of encoded clips; warns of those that are left out for their texts.

    Args:
      codes: codes[shift][clip], [N, C].
      clips: the data set that they are of.
      encoder: of its texts.
      seed, packings: see signjax.data.token_rows.TokenRows.
    """
    rows = TokenRows(codes, text_encoder.encode_clips(encoder, clips), seed, packings)
    warn_of_left_out(rows, clips)
    return rows


def warn_of_left_out(rows, clips: PackedDataset) -> None:
    """Warns of the clips of a data set that are in none of the rows."""
    if line := describe_left_out(rows, clips.label, clips.sids):
        warnings.warn(line, SignjaxWarning, stacklevel=2)


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
