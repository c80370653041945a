"""Who reads a run's texts: a tokenizer of its own, fitted on them, or a pretrained encoder that is frozen.

Both have `encode_all(texts)`, which gives ids [n] or features [n, F] of each text, and `size`.
"""

import hashlib
import os

import jax
import numpy as np

from signjax.data import sequence_cache
from signjax.io.digest import digest_variables
from signjax.text import pretrained
from signjax.text import tokenizer as text
from signjax.training import checkpoint, dependencies

FIELD = "text.encoder"


def prepare_text_encoder(c, workdir, train, dev):
    """The reader of a run that trains; reads `text`.

    Args:
      c: the config.
      workdir: of the run; the vocabulary, or the encoder's name and digest, and the features are kept there.
      train: texts.
      dev: texts; an encoder computes the features of both at once, or finds them in the run.

    Raises:
      ConfigError: there is no such encoder, or the run was begun with another one.
    """
    if not c.text.encoder:
        return prepare_tokenizer(c, workdir, train)
    folder = pretrained.find_encoder(c.text.encoder)
    encoder = pretrained.load_encoder(folder)
    dependencies.record_dependency(workdir, FIELD, folder, encoder.variables)
    texts = sorted({*train, *dev})
    return encoder._replace(cached=_compute_features(encoder, texts, f"{workdir}/features.npz"))


def load_text_encoder(workdir, c):
    """The reader of a run that was trained.

    Raises:
      StorageError: its files are missing or damaged.
      ConfigError: its encoder is not there, or another one now.
    """
    if not os.path.exists(f"{workdir}/{FIELD}.json"):
        return text.load_tokenizer(f"{workdir}/text.json")
    folder = pretrained.find_encoder(dependencies.find_dependency(workdir, FIELD, c.text.encoder))
    encoder = pretrained.load_encoder(folder)
    dependencies.check_dependency(workdir, FIELD, folder, encoder.variables)
    return encoder


def prepare_tokenizer(c, workdir, texts) -> text.TextTokenizer:
    """The run's text tokenizer, fitted on the training texts when the run is new."""
    path = f"{workdir}/text.json"
    if checkpoint.find_last_step(workdir, "latest") is not None:
        return text.load_tokenizer(path)
    # A file that is there already is of a start that came to nothing.
    words = text.fit_tokenizer(texts, c.text.min_count)
    if jax.process_index() == 0:
        words.save(path)
    return words


def _compute_features(encoder, texts, cache: str) -> dict:
    """Features of texts, from `cache` if they were made by the same encoder from the same texts."""
    key = hashlib.blake2b(
        str((digest_variables(encoder.variables), texts)).encode(), digest_size=16
    ).hexdigest()
    if known := sequence_cache.read_sequences(cache, key, 1, len(texts)):
        return {said: row.astype(np.float16) for said, row in zip(texts, known[0], strict=True)}
    found = encoder.encode_all(texts)
    if jax.process_index() == 0:
        sequence_cache.write_sequences(cache, key, [[row.astype(np.float32) for row in found]])
    return dict(zip(texts, found, strict=True))
