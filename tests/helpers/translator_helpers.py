"""A back-translator with nothing left at zero, and clips for it."""

import functools

import jax
import numpy as np

from signjax.models.back_translator import BackTranslator
from signjax.text import tokenizer

SIZE = {"width": 32, "convolutions": 1, "depth": 1, "text_depth": 2, "heads": 2, "mlp": 64, "dropout": 0.1}
WORDS = tokenizer.fit_tokenizer(["how are you ?", "my name is zoe"], 1)
MODEL = BackTranslator(WORDS.size, **SIZE)


@functools.cache
def variables():
    """Params so large that every input matters."""
    pose, mask = batch(8)
    shapes = jax.eval_shape(MODEL.init, jax.random.key(0), pose, mask, np.zeros((1, 2), int))
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        gain = jax.tree_util.keystr(path).endswith("['scale']")
        return np.float32(gain + 0.3 * rng.normal(size=leaf.shape))

    return jax.tree_util.tree_map_with_path(draw, shapes)


def clip(frames, seed=0):
    """Something like a pose that moves: joints of a random figure sway."""
    rng = np.random.default_rng(seed)
    sway = np.sin(np.arange(frames)[:, None, None] / 5 + rng.uniform(0, 6, (50, 3)))
    return np.float32(rng.normal(size=(50, 3)) + 0.4 * sway)


def batch(*lengths, frames=64):
    """Poses [B, frames, 50, 3] and mask; what lies behind a clip's end is rubbish."""
    pose = np.random.default_rng(9).normal(size=(len(lengths), frames, 50, 3)).astype(np.float32)
    for row, length in enumerate(lengths):
        pose[row, :length] = clip(length, row)
    return pose, np.arange(frames) < np.array(lengths)[:, None]


@functools.partial(jax.jit, static_argnums=0)
def run(name, *args):
    return MODEL.apply(variables(), *args, method=name)
