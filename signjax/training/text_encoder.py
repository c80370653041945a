"""The text encoder of a run: a tokenizer fitted on its training texts, or a frozen pretrained encoder.

Both have `encode_all(texts)`, which returns ids [n] or features [n, F] of each text, and `size`.
"""

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import jax
import numpy as np

from signjax.data import sequence_cache
from signjax.io import machine_errors
from signjax.io.digest import digest_variables
from signjax.text import conditions as text_conditions
from signjax.text import tokenizer as text
from signjax.text import words
from signjax.training import dependencies, saved_steps

if TYPE_CHECKING:
    from signjax.text import pretrained

FIELD = "text.encoder"


def prepare_text_encoder(c, workdir, train, dev, conditions: Sequence[text_conditions.Conditions] = ()):
    """The text encoder of a run that is trained.

    Args:
      c: the config of the run; its fields `text` are used.
      workdir: folder of the run. The vocabulary, or the encoder's folder and digest and the features of
        all texts, are written there.
      train: texts of the training clips.
      dev: texts of the dev clips.
      conditions: of the training clips, for the field text.conditions.

    Raises:
      ConfigError: there is no such encoder, or the run was started with another one; or no training clip says
        a condition.
    """
    if not c.text.encoder:
        fitted = text_conditions.fit_conditions(c.text.get("conditions", ()), conditions)
        return prepare_tokenizer(c, workdir, train, fitted)
    from signjax.text import pretrained

    folder = pretrained.find_encoder(c.text.encoder)
    encoder = pretrained.load_encoder(folder)
    dependencies.record_dependency(workdir, FIELD, folder, encoder.variables)
    # All features at once: the encoder is frozen, so training does not need it any more.
    texts = sorted({*train, *dev})
    return encoder._replace(cached=_compute_features(encoder, texts, f"{workdir}/features.npz"))


def load_text_encoder(workdir, c) -> "text.TextTokenizer | pretrained.PretrainedEncoder":
    """The text encoder of a run that was trained.

    Raises:
      StorageError: its files are missing or corrupt.
      ConfigError: its encoder is missing, or is not the one that it was trained with.
    """
    if not machine_errors.is_file(f"{workdir}/{FIELD}.json"):
        return text.load_tokenizer(f"{workdir}/text.json")
    from signjax.text import pretrained  # its model, which most runs do without

    folder = pretrained.find_encoder(dependencies.find_dependency(workdir, FIELD, c.text.encoder))
    encoder = pretrained.load_encoder(folder)
    dependencies.check_dependency(workdir, FIELD, folder, encoder.variables)
    return encoder


def encode_clips(encoder, clips) -> list:
    """Ids [n] or features [n, F] of the text of each clip of a data set, with the clip's conditions."""
    return encoder.encode_all(clips.texts, *([clips.list_conditions()] if encoder.conditions else []))


def prepare_tokenizer(
    c, workdir, texts, conditions: tuple[text_conditions.Condition, ...] = ()
) -> text.TextTokenizer:
    """The text tokenizer of a run: fitted on the training texts if the run is new, else loaded."""
    path = f"{workdir}/text.json"
    if saved_steps.find_last_step(workdir, "latest") is not None:
        return text.load_tokenizer(path)
    # Without a checkpoint a file is from a start that saved nothing, perhaps of other texts: it is replaced.
    rules = words.choose_rules(texts, c.text.kind, c.text.case, c.data.get("text", "sentence"))
    tokenizer = text.fit_tokenizer(texts, c.text.min_count, rules, conditions)
    if jax.process_index() == 0:
        tokenizer.save(path)
    return tokenizer


def _compute_features(encoder, texts, cache: str) -> dict:
    """{text: features [n, F]}, from the file `cache` if it has those of the same encoder and texts."""
    key = hashlib.blake2b(
        str((digest_variables(encoder.variables), texts)).encode(), digest_size=16
    ).hexdigest()
    # Kept as float16 in memory, as `encode_all` returns them.
    if cached := sequence_cache.read_sequences(cache, key, 1, len(texts)):
        return {text: row.astype(np.float16) for text, row in zip(texts, cached[0], strict=True)}
    features = encoder.encode_all(texts)
    if jax.process_index() == 0:
        sequence_cache.write_sequences(cache, key, [[row.astype(np.float32) for row in features]])
    return dict(zip(texts, features, strict=True))
