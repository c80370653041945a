"""Motion tokens of a data set: encoded once by a frozen tokenizer, kept in the run, packed into rows."""

import hashlib
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data import loader, packing
from signjax.data.sources import bucket
from signjax.errors import ConfigError, StorageError
from signjax.io import safe_numpy
from signjax.io.safe_read import InvalidFileError
from signjax.pose.missing_joints import fill_missing_joints
from signjax.text.tokenizer import empty
from signjax.training import dependencies


def encode_split(
    tokenizer, pack, versions: int, cache: str, tempo: float = 0.0, seed: int = 0, fold: int = 1
) -> list[list[np.ndarray]]:
    """Encodes every clip of a pack in several versions, which multiplies the data of a model of tokens.

    A clip has no preferred phase of a position's frames and no preferred tempo: version k leaves out the
    first k % (stride * fold) frames (a short clip keeps its last), and plays at another tempo unless k is 0.

    Args:
      tokenizer: see signjax.tasks.vqvae.load; an auto-encoder with continuous latents will do, too.
      pack: the clips.
      versions: encodings of each clip.
      cache: file for the result; read instead if it was made by the same tokenizer from the same clips.
      tempo: the factor of a clip's tempo has a logarithm between -tempo and tempo.
      seed: decides the tempos.
      fold: tokens that will share a position.

    Returns:
      codes[version][clip], [N, C] int16, or float32 of a continuous bottleneck.

    Raises:
      ConfigError: a clip could be more than twice as long.
      StorageError: `cache` cannot be written.
    """
    if not 0 <= tempo <= np.log(2):
        raise ConfigError(f"tempo is {tempo}; give a logarithm of 0 to 0.69")
    key = _key(tokenizer.variables, pack, (versions, tempo, seed, fold))
    if known := read_cache(cache, key, versions, len(pack)):
        return known
    phases = tokenizer.stride * fold
    result = [[np.empty(0)] * len(pack) for _ in range(versions)]
    for batch in loader.clips(pack, 16):
        pose = np.asarray(fill_missing_joints(batch))
        for version in range(versions):
            factors = np.ones(len(pose))
            if version:
                draws = [np.random.default_rng((seed, version, i)).uniform(-1, 1) for i in batch["index"]]
                factors = np.exp(tempo * np.array(draws))
            played, lengths = _play(pose, batch["mask"].sum(1), version % phases, factors)
            mask = np.arange(played.shape[1]) < lengths[:, None]
            codes = np.asarray(tokenizer.encode(tokenizer.variables, played, mask))
            kind = np.int16 if np.issubdtype(codes.dtype, np.integer) else np.float32
            for row, clip in enumerate(batch["index"]):
                if batch["weight"][row]:
                    tokens = -(-lengths[row] // tokenizer.stride)
                    result[version][clip] = codes[row, :tokens].astype(kind)
    if jax.process_index() == 0:
        write_cache(cache, key, result)
    return result


def _play(pose, lengths, start: int, factors):
    """Clips [B, T, J, 3] from frame `start`, `factors` [B] times as fast: (clips, lengths)."""
    start = np.minimum(start, lengths - 1)
    played = np.maximum(1, np.floor((lengths - 1 - start) / factors).astype(int) + 1)
    size = pose.shape[1] if played.max() <= pose.shape[1] else 2 * pose.shape[1]
    time = np.minimum(start[:, None] + np.arange(size) * factors[:, None], lengths[:, None] - 1)  # [B, T']
    before = np.floor(time).astype(int)
    after = np.minimum(before + 1, lengths[:, None] - 1)
    part = (time - before)[..., None, None].astype(pose.dtype)
    low, high = (np.take_along_axis(pose, i[..., None, None], 1) for i in (before, after))
    return low + part * (high - low), played


class Rows:
    """A source of training rows, each filled with whole clips; `packings` different fillings make an epoch.

    Rows are as long as the longest clip needs, at least 128 tokens, and hold half as much text at least.

    Args:
      codes: codes[shift][clip], [N, C].
      texts: ids [n] or features [n, F] of each clip's text.
      seed: decides the fillings.
      packings: how many of them.
    """

    def __init__(self, codes, texts, seed: int, packings: int):
        self.codes, self.texts = codes, texts
        self.kind = np.int32 if np.issubdtype(codes[0][0].dtype, np.integer) else np.float32
        # a clip takes one position more than it has tokens, for its end
        sizes = np.array([[len(c) + 1 for c in shift] for shift in codes])
        lengths = np.array([len(t) for t in texts])
        self.tokens = bucket(int(sizes.max()), (128, 192, 256, 384, 512))
        self.text = bucket(max(int(lengths.max()), self.tokens // 2), (64, 96, 128, 192, 256))
        self.rows = []  # [(clip, shift), ...] of each row
        for k in range(packings):
            rng = np.random.default_rng((seed, 3, k))
            shift = rng.integers(0, len(codes), len(texts)) if packings > 1 else np.zeros(len(texts), int)
            chosen = sizes[shift, np.arange(len(texts))]
            packed = packing.first_fit(chosen, self.tokens, seed + k, lengths, self.text)
            self.rows += [[(i, int(shift[i])) for i in row] for row in packed]

    def __len__(self) -> int:
        return len(self.rows)

    def draw(self, i: int, rng=None) -> dict[str, np.ndarray]:
        """Row i. Segment 0 is padding; a clip's last position is its end and holds no token.

        Returns:
          {"codes" [W, C], "segment" [W], "position" [W], "ends" [W] bool, and of the texts
          "text" [L] or [L, F], "text_segment" [L], "text_position" [L]}, int32 but for "ends" and what is
          continuous.
        """
        columns = self.codes[0][0].shape[1]
        out = {
            "codes": np.zeros((self.tokens, columns), self.kind),
            "ends": np.zeros(self.tokens, bool),
            **{name: np.zeros(self.tokens, np.int32) for name in ("segment", "position")},
            "text": empty(self.texts, self.text),
            **{name: np.zeros(self.text, np.int32) for name in ("text_segment", "text_position")},
        }
        at = text_at = 0
        for segment, (clip, shift) in enumerate(self.rows[i], 1):
            codes, ids = self.codes[shift][clip], self.texts[clip]
            size, length = len(codes) + 1, len(ids)
            out["codes"][at : at + size - 1] = codes
            out["ends"][at + size - 1] = True
            out["segment"][at : at + size] = segment
            out["position"][at : at + size] = np.arange(size)
            out["text"][text_at : text_at + length] = ids
            out["text_segment"][text_at : text_at + length] = segment
            out["text_position"][text_at : text_at + length] = np.arange(length)
            at, text_at = at + size, text_at + length
        return out


def places(batch, memory):
    """Where the positions of packed rows stand, and how far the texts' expected lengths miss the clips' own.

    Args:
      batch: rows, see `Rows`.
      memory: of their texts, see signjax.models.text_conditioning.

    Returns:
      (position within its clip [B, W], the same in its text's own time [B, W]), and the squared error of the
      lengths' logarithms: (sum, count of clips whose text was not dropped).
    """
    own, belongs = batch["segment"], batch["text_segment"]
    token = (own > 0) & ~batch["ends"]  # [B, W]
    size = ((own[:, None] == belongs[:, :, None]) & token[:, None]).sum(-1)  # [B, L] tokens of its clip
    ends = jnp.pad(belongs[:, 1:], ((0, 0), (0, 1))) != belongs
    last = ends & (batch["text_position"] > 0) & (size > 0)  # [B, L]; a dropped text has one token only
    length = jnp.where(last, memory.centres, 0.0)
    miss = jnp.where(last, jnp.log(jnp.maximum(length, 1e-3)) - jnp.log(jnp.maximum(size, 1)), 0.0)
    # every position's clip: its length and where its text ends
    same = (own[:, :, None] == belongs[:, None]) & last[:, None]  # [B, W, L]
    pace = (same * length[:, None]).sum(-1) / jnp.maximum((same * size[:, None]).sum(-1), 1)
    position = batch["position"].astype(jnp.float32)
    return (position, (position + 0.5) * pace), ((miss**2).sum(), last.sum())


def _key(variables, pack, how) -> str:
    digest = hashlib.blake2b(str((dependencies.digest(variables), how)).encode(), digest_size=16)
    for array in (pack.offsets, pack.pose, *pack.placements, pack.valid):
        digest.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def read_cache(path: str, key: str, shifts: int, clips: int):
    """What `write_cache` wrote, None if it is not there, damaged, or of something else."""
    try:
        if str(safe_numpy.read_arrays(path, ["key"], most=None)["key"]) != key:
            return None
        names = [f"{name}{k}" for k in range(shifts) for name in ("codes", "offsets")]
        saved = safe_numpy.read_arrays(path, names, most=None)
    except InvalidFileError:
        return None
    found = [_cut(saved[f"codes{k}"], saved[f"offsets{k}"], clips) for k in range(shifts)]
    return None if None in found else found


def _cut(codes: np.ndarray, offsets: np.ndarray, clips: int) -> list[np.ndarray] | None:
    """The codes of each clip, none of them without any; None if these are no codes of so many clips."""
    if offsets.dtype != np.int64 or offsets.shape != (clips - 1,) or codes.ndim != 2:
        return None
    within = ((offsets > 0) & (offsets < len(codes))).all()
    fits = codes.dtype in (np.int16, np.float32) and within and (np.diff(offsets) > 0).all()
    if not fits or not np.isfinite(codes).all() or (codes.dtype == np.int16 and codes.min() < 0):
        return None
    return np.split(codes, offsets)


def write_cache(path: str, key: str, codes) -> None:
    """Keeps codes[shift][clip], [N, C] each, under a key of all that they were made of.

    Raises:
      StorageError: the file cannot be written.
    """
    content = {"key": np.array(key)}
    for k, shift in enumerate(codes):
        content[f"codes{k}"] = np.concatenate(shift)
        content[f"offsets{k}"] = np.cumsum([len(c) for c in shift])[:-1]
    temporary = f"{path}.tmp"
    try:
        pathlib.Path(temporary).unlink(missing_ok=True)  # of a crash; or a link that would be written through
        with open(temporary, "xb") as file:
            np.savez(file, **content)
        os.replace(temporary, path)
    except OSError as e:
        raise StorageError(f"{path}: cannot be written ({e.strerror}); make room there") from None
