"""Motion tokens of a data set: encoded once by a frozen codec and cached in the run that trains on them."""

import hashlib

import jax
import numpy as np

from signjax.data import loader, sequence_cache
from signjax.errors import ConfigError
from signjax.io.digest import digest_variables
from signjax.pose.missing_joints import fill_missing_joints
from signjax.seeds import make_rng


def encode_dataset(
    codec, dataset, versions: int, cache: str, tempo: float = 0.0, seed: int = 0, fold: int = 1
) -> list[list[np.ndarray]]:
    """Encodes every clip of a data set in several versions, as augmentation for models of tokens.

    Version 0 is the clip as recorded. Version k begins at another phase of a position's frames: it leaves out
    the first k % (stride * fold) frames (a short clip keeps its last frame). It is also played at a random
    tempo.

    Args:
      codec: a trained tokenizer, or an auto-encoder with continuous latents.
      dataset: the clips.
      versions: encodings of each clip.
      cache: file for the result; read instead of encoding if the same codec made it from the same clips.
      tempo: largest absolute logarithm of the factor by which a clip is played faster or slower.
      seed: decides the tempos.
      fold: tokens that will share a position of the model.

    Returns:
      codes[version][clip], [N, C] int16, or float32 of a continuous bottleneck.

    Raises:
      ConfigError: `tempo` is negative or would make clips more than twice as long.
      StorageError: `cache` cannot be written.
    """
    # Batches have room for clips of twice the length.
    if not 0 <= tempo <= np.log(2):
        raise ConfigError(f"tempo is {tempo}; give a logarithm of 0 to 0.69")
    key = _cache_key(codec.variables, dataset, (versions, tempo, seed, fold))
    if cached := sequence_cache.read_sequences(cache, key, versions, len(dataset)):
        return cached
    phases = codec.stride * fold
    result = [[np.empty(0)] * len(dataset) for _ in range(versions)]
    # Without shares: every host trains on rows of all clips, so each encodes the whole data set.
    for batch in loader.iterate_clips(dataset, 16):
        pose = np.asarray(fill_missing_joints(batch))
        for version in range(versions):
            factors = _draw_tempos(batch["index"], version, tempo, seed)
            played, lengths = _play_clips(pose, batch["mask"].sum(1), version % phases, factors)
            mask = np.arange(played.shape[1]) < lengths[:, None]
            codes = np.asarray(codec.encode_batch(codec.variables, played, mask))
            # Codebooks are smaller than 2^15: half the memory and a third of the file.
            kind = np.int16 if np.issubdtype(codes.dtype, np.integer) else np.float32
            for row, clip in enumerate(batch["index"]):
                # Rows of weight 0 repeat a clip only to fill the last batch.
                if batch["weight"][row]:
                    tokens = -(-lengths[row] // codec.stride)
                    result[version][clip] = codes[row, :tokens].astype(kind)
    # Hosts share the folder of the run, so one of them writes.
    if jax.process_index() == 0:
        sequence_cache.write_sequences(cache, key, result)
    return result


def _draw_tempos(numbers, version: int, tempo: float, seed: int) -> np.ndarray:
    """Tempo factors of the clips with these numbers; version 0 is as recorded."""
    if not version:
        return np.ones(len(numbers))
    # By number, so that a clip has the same tempo in any batch.
    draws = [make_rng(seed, version, number).uniform(-1, 1) for number in numbers]
    return np.exp(tempo * np.array(draws))


def _play_clips(pose, lengths, start: int, factors):
    """Plays clips [B, T, J, 3] from frame `start` on, `factors` [B] times as fast: (clips, lengths [B]).

    Frames in between are interpolated linearly.
    """
    starts = np.minimum(start, lengths - 1)
    played = np.maximum(1, np.floor((lengths - 1 - starts) / factors).astype(int) + 1)
    # One of two sizes and not the longest clip's: the encoder is compiled for each size that occurs.
    size = pose.shape[1] if played.max() <= pose.shape[1] else 2 * pose.shape[1]
    time = np.minimum(starts[:, None] + np.arange(size) * factors[:, None], lengths[:, None] - 1)  # [B, T']
    before = np.floor(time).astype(int)
    after = np.minimum(before + 1, lengths[:, None] - 1)
    part = (time - before)[..., None, None].astype(pose.dtype)
    low, high = (np.take_along_axis(pose, i[..., None, None], 1) for i in (before, after))
    return low + part * (high - low), played


def _cache_key(variables, dataset, settings) -> str:
    """A digest of all that codes depend on: the codec, the clips, and how they are encoded."""
    # Of contents and not of paths: the files of a run and of a data set may move, or be another data set's.
    digest = hashlib.blake2b(str((digest_variables(variables), settings)).encode(), digest_size=16)
    for array in (dataset.offsets, dataset.pose, *dataset.placements, dataset.valid, dataset.members):
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
