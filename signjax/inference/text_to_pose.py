"""Clips of a run to watch: with the tokens that they were decoded from, if its model has tokens."""

import dataclasses

import numpy as np

from signjax.data.packed_dataset import Pack
from signjax.pose.clip import Clip, Tokens
from signjax.pose.normalization import CANONICAL, Placement
from signjax.tasks import vqvae


def sign(task, loaded, texts, seed: int, sampler):
    """The clips of `task.sign`, with what they were decoded from.

    Args:
      task: a module of signjax.tasks that signs.
      loaded: what its `load` gave.
      texts: n texts.
      seed: decides all random choices.
      sampler: of its `sampler_of`.

    Yields:
      (places in `texts`, a Clip in canonical space for each).

    Raises:
      DataError: a text has nothing to sign in it.
    """
    if not hasattr(task, "write"):
        for places, poses in task.sign(loaded, texts, seed, sampler):
            yield places, [_clip(pose, texts[i]) for pose, i in zip(poses, places, strict=True)]
        return
    for places, codes in task.write(loaded, texts, seed, sampler):
        made = zip(task.decode(loaded, codes), tokens(loaded.tokenizer, codes), places, strict=True)
        yield places, [_clip(pose, texts[i], of) for pose, of, i in made]


def reconstruct(task, loaded, pack: Pack) -> list[Clip]:
    """The clips of `task.reconstruct` in canonical space, with what they were decoded from."""
    tokenizer = coder(loaded)
    if not hasattr(task, "codebook_sample") or tokenizer.config.quantizer.kind == "kl":
        poses = task.reconstruct(loaded, pack)
        return [_clip(pose, text) for pose, text in zip(poses, pack.texts, strict=True)]
    codes = vqvae.encode(tokenizer, pack)
    poses = [pose[:n] for pose, n in zip(vqvae.decode(tokenizer, codes), pack.lengths, strict=True)]
    made = zip(poses, pack.texts, tokens(tokenizer, codes), strict=True)
    return [_clip(*one) for one in made]


def _clip(pose, text: str, of: Tokens | None = None) -> Clip:
    return Clip(pose, fps=vqvae.RATE, text=text, tokens=of, placement=CANONICAL)


def coder(loaded):
    """The tokenizer or auto-encoder of what a task's `load` gave: its own, or that itself."""
    for name in ("tokenizer", "loaded"):
        loaded = getattr(loaded, name, loaded)
    return loaded


def tokens(tokenizer: vqvae.Tokenizer, codes) -> list[Tokens]:
    """Sequences of codes [N, C] as the player takes them."""
    names = tuple(f"{side}{part}" for side, part, _ in vqvae.columns(tokenizer.config))
    return [Tokens(np.asarray(one), tokenizer.stride, names) for one in codes]


def chosen(pack: Pack, numbers) -> Pack:
    """A pack in memory of the clips with these numbers."""
    clips = [pack[i] for i in numbers]
    return dataclasses.replace(
        pack,
        sids=tuple(clip.sid for clip in clips),
        texts=tuple(clip.text for clip in clips),
        offsets=np.cumsum([0, *(len(clip) for clip in clips)]),
        pose=np.concatenate([clip.points for clip in clips]),
        valid=None if pack.valid is None else np.concatenate([clip.valid for clip in clips]),
        placements=Placement(*(x[np.asarray(numbers)] for x in pack.placements)),
        broken=(),
        folder=None,
    )
