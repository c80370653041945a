"""Clips of a run to watch: with the tokens that they were decoded from, if its model has tokens."""

import dataclasses

import numpy as np

from signjax import rendering
from signjax.data.packed_dataset import Pack
from signjax.pose.normalization import Placement
from signjax.tasks import vqvae


def sign(task, loaded, texts, seed: int, sampler):
    """The clips of `task.sign`, and what they were decoded from.

    Args:
      task: a module of signjax.tasks that signs.
      loaded: what its `load` gave.
      texts: n texts.
      seed: decides all random choices.
      sampler: of its `sampler_of`.

    Yields:
      (places in `texts`, [(canonical pose [T, J, 3], render.Tokens or None)] of each).

    Raises:
      DataError: a text has nothing to sign in it.
    """
    if not hasattr(task, "write"):
        for places, clips in task.sign(loaded, texts, seed, sampler):
            yield places, [(clip, None) for clip in clips]
        return
    for places, codes in task.write(loaded, texts, seed, sampler):
        clips = task.decode(loaded, codes)
        yield places, list(zip(clips, tokens(loaded.tokenizer, codes), strict=True))


def reconstruct(task, loaded, pack: Pack) -> list:
    """The clips of `task.reconstruct` and what they were decoded from, as `sign` has them."""
    tokenizer = coder(loaded)
    if not hasattr(task, "codebook_sample") or tokenizer.config.quantizer.kind == "kl":
        return [(clip, None) for clip in task.reconstruct(loaded, pack)]
    codes = vqvae.encode(tokenizer, pack)
    clips = [clip[:n] for clip, n in zip(vqvae.decode(tokenizer, codes), pack.lengths, strict=True)]
    return list(zip(clips, tokens(tokenizer, codes), strict=True))


def coder(loaded):
    """The tokenizer or auto-encoder of what a task's `load` gave: its own, or that itself."""
    for name in ("tokenizer", "loaded"):
        loaded = getattr(loaded, name, loaded)
    return loaded


def tokens(tokenizer: vqvae.Tokenizer, codes) -> list[rendering.Tokens]:
    """Sequences of codes [N, C] as the player takes them."""
    names = tuple(f"{side}{part}" for side, part, _ in vqvae.columns(tokenizer.config))
    return [rendering.Tokens(np.asarray(one), tokenizer.stride, names) for one in codes]


def chosen(pack: Pack, numbers) -> Pack:
    """A pack in memory of the clips with these numbers."""
    clips = [pack[i] for i in numbers]
    return dataclasses.replace(
        pack,
        sids=tuple(clip.sid for clip in clips),
        texts=tuple(clip.text for clip in clips),
        offsets=np.cumsum([0, *(len(clip.pose) for clip in clips)]),
        pose=np.concatenate([clip.pose for clip in clips]),
        valid=None if pack.valid is None else np.concatenate([clip.valid for clip in clips]),
        placements=Placement(*(x[np.asarray(numbers)] for x in pack.placements)),
        broken=(),
        folder=None,
    )
