"""What the tests of the GPT share: a tiny model with nothing left at zero, texts and clips for it."""

import functools

import jax
import numpy as np

from signjax.models.gpt import GPT
from signjax.text import tokenizer

VOCABULARY, COLUMNS, CODES = 40, 3, 16
SIZE = {"width": 32, "depth": 3, "text_depth": 2, "heads": 2, "mlp": 64, "dropout": 0.1}
SIZE |= {"dtype": "float32", "remat": False}
MODEL = GPT(vocabulary=VOCABULARY, columns=COLUMNS, codes=CODES, **SIZE)


@functools.cache
def variables():
    """The model's params."""
    ids, mask = tokenizer.pad_texts([[4, 5]])
    shapes = jax.eval_shape(MODEL.init, jax.random.key(0), np.zeros((1, 2, COLUMNS), int), ids, mask)
    return large(shapes)


def large(shapes):
    """Params of these shapes, so large that every input matters."""
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        gain = jax.tree_util.keystr(path).endswith("['scale']")
        return np.float32(gain + 0.25 * rng.normal(size=leaf.shape))

    return jax.tree_util.tree_map_with_path(draw, shapes)


def run(name, *args, variables_=None):
    """A method of the model by name."""
    return MODEL.apply(variables_ or variables(), *args, method=name)


def with_end(bias: float):
    """The model's variables, but sure of whether clips end."""
    params = variables()["params"]
    end = {"kernel": 0 * params["end"]["kernel"], "bias": np.full(1, bias, np.float32)}
    return {"params": params | {"end": end}}


def texts(lengths, seed=0):
    """Ids of texts, special ones left out."""
    rng = np.random.default_rng(seed)
    return [rng.integers(len(tokenizer.SPECIAL), VOCABULARY, n).tolist() for n in lengths]


def clips(lengths, seed=0):
    """Codes [N, C] of clips."""
    rng = np.random.default_rng((seed, 1))
    return [rng.integers(0, CODES, (n, COLUMNS)).astype(np.int16) for n in lengths]
