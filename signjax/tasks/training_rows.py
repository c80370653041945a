"""The rows that a generator is trained on: the clips of its data sets, encoded by its frozen codec."""

import itertools
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import ml_collections

from signjax.data.packed_dataset import PackedDataset
from signjax.data.splits import list_splits
from signjax.data.token_rows import TokenRows, describe_left_out
from signjax.errors import ConfigError, DataError, SignjaxWarning
from signjax.inference.dataset_codes import encode_dataset
from signjax.inference.latent_space import fold_latents
from signjax.training import data_rate, data_record, text_encoder

# Packings of all clips into training rows that make an epoch. Each packing draws one version of every clip,
# and other clips to share a row.
PACKINGS = 16


class TrainingRows(NamedTuple):
    """What a generator is trained on.

    Attributes:
      text_encoder: of its texts.
      train: rows of training, of recorded and perhaps of stitched clips.
      dev: rows of evaluation, of recorded clips alone.
      dev_clips: the clips of those rows.
    """

    text_encoder: Any
    train: TokenRows
    dev: TokenRows
    dev_clips: PackedDataset


def prepare_training_rows(config, workdir, codec, folder, cache: str, fold: int = 1) -> TrainingRows:
    """Loads the data of a config, and encodes them unless that was done before.

    Args:
      config: reads `data`, `text`, `versions`, `tempo`.
      workdir: of the run; vocabulary and codes are saved there.
      codec: the tokenizer or auto-encoder.
      folder: of its run.
      cache: what files of codes are called: "tokens" makes tokens-train.npz.
      fold: latents that share a position.

    Raises:
      ConfigError: the data are not those that the run began with.
      DataError: the data cannot be used.
    """
    train, dev = (codec.load_split(config.data, split) for split in ("train", "dev"))
    sets = [train, *load_stitched_clips(config.data, codec, dev)]
    data_record.record_data(workdir, config.data.root, *sets, dev)
    data_rate.record_rate(workdir, train.fps)
    for clips in sets:
        data_rate.warn_of_codec(clips, folder, codec.rate)
    texts, conditions = _join(s.texts for s in sets), _join(s.list_conditions() for s in sets)
    encoder = text_encoder.prepare_text_encoder(config, workdir, texts, dev.texts, conditions)

    def encode(clips: PackedDataset, name: str, versions: int) -> list[list]:
        path = f"{workdir}/{cache}-{name}.npz"
        codes = encode_dataset(codec, clips, versions, path, config.tempo, config.seed, fold)
        return codes if fold == 1 else [[fold_latents(z, fold) for z in version] for version in codes]

    names = ("train", "stitched")
    encoded = [encode(clips, name, config.versions) for clips, name in zip(sets, names, strict=False)]
    codes = [_join(versions) for versions in zip(*encoded, strict=True)]
    return TrainingRows(
        encoder,
        make_rows(codes, sets, encoder, config.seed, PACKINGS),
        # Dev clips once and as recorded, in one packing: every evaluation scores the same rows.
        make_rows(encode(dev, "dev", 1), [dev], encoder, config.seed, 1),
        dev,
    )


def load_stitched_clips(data, codec, dev: PackedDataset) -> list[PackedDataset]:
    """The training clips of the data set data.stitched, none if the config names none.

    Clips with a text of the dev or the test split are left out: a model must be scored on sentences that it
    has not seen, stitched ones included.
    """
    name = data.get("stitched", "")
    if not name:
        return []
    if name == data.name:
        raise ConfigError(f"data.stitched is {name!r}, as is data.name; give a data set of stitched clips")
    stitched = codec.load_split(ml_collections.ConfigDict({**data, "name": name}), "train")
    held_out = [dev.texts]
    if "test" in list_splits(data.root, data.name):
        held_out.append(codec.load_split(data, "test").texts)
    kept = stitched.without_texts(_join(held_out))
    reason = f"texts are in dev or test of {data.name}, which must stay unseen"
    if not len(kept):
        raise DataError(f"{stitched.label}: all of its {reason}; stitch other texts")
    if left_out := len(stitched) - len(kept):
        line = f"{stitched.label}: {left_out:,} of {len(stitched):,} clips left out, as their {reason}"
        warnings.warn(line, SignjaxWarning, stacklevel=3)
    return [kept]


def make_rows(codes, sets: Sequence[PackedDataset], encoder, seed: int, packings: int) -> TokenRows:
    """The rows of encoded clips; warns of those that are left out for their texts.

    Args:
      codes: codes[shift][clip], [N, C], of the clips of all data sets, one set after the other.
      sets: the data sets.
      encoder: of their texts.
      seed, packings: see signjax.data.token_rows.TokenRows.
    """
    texts = _join(text_encoder.encode_clips(encoder, clips) for clips in sets)
    rows = TokenRows(codes, texts, seed, packings)
    warn_of_left_out(rows, " and ".join(clips.label for clips in sets), _join(clips.sids for clips in sets))
    return rows


def warn_of_left_out(rows, label: str, sids: Sequence[str]) -> None:
    """Warns of the clips of data sets that are in none of the rows."""
    if line := describe_left_out(rows, label, sids):
        warnings.warn(line, SignjaxWarning, stacklevel=2)


def _join(lists) -> list:
    return list(itertools.chain.from_iterable(lists))
