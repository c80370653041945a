"""sample: 100 tokens from a text, text encoder included, against the seed's decoding loop in PyTorch."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from signjax.benchmarks import flops, smoke_runs, timing, torch_reference
from signjax.inference import autoregressive
from signjax.models.gpt import GPT
from signjax.text import tokenizer

TOKENS, LENGTH = 100, 12  # of a clip; ids of its text
TARGETS = {1: 15, 16: 40}  # batch -> times as fast, a clip each
CODES, COLUMNS, VOCABULARY = 512, 6, 1000
SEED = {  # and BERT's size as the text encoder
    "width": 768,
    "depth": 8,
    "text_depth": 12,
    "heads": 12,
    "mlp": 3072,
}
REFERENCE = "PyTorch, the seed's loop (reference)"


def measure() -> list[timing.Row]:
    """The GPT of configs/gpt.py with its sampler, and one of the seed's size with the seed's sampler.

    The reference decodes clips one by one: so many take it so many times as long as one.
    """
    c, torch, timed = smoke_runs.configured("gpt"), torch_reference.load(), {}
    if torch:
        timed[REFERENCE] = timing.Run(torch.sampler(LENGTH, TOKENS))
    sizes = {"gpt": (c.model, COLUMNS, VOCABULARY, autoregressive.Sampler(**c.sampler))}
    seeds = ml_collections.ConfigDict({**c.model, **SEED})
    sizes["seed's size"] = (seeds, 1, 30522, autoregressive.Sampler(top_k=20))
    for name, (model, columns, vocabulary, sampler) in sizes.items():
        variables = None
        for batch, target in TARGETS.items():
            run, variables = sampled(model, columns, vocabulary, sampler, batch, variables)
            timed[f"{name}, batch {batch}"] = run._replace(target=target)
    return timing.compare(timed, REFERENCE)


def sampled(
    fields, columns: int, vocabulary: int, sampler: autoregressive.Sampler, batch: int, variables=None
):
    """(a run that samples TOKENS tokens of `batch` clips, the random variables of its model)."""
    model = GPT(vocabulary=vocabulary, columns=columns, codes=CODES, **fields)
    drawn = np.random.default_rng(0).integers(len(tokenizer.SPECIAL), vocabulary, (batch, LENGTH))
    ids, mask = tokenizer.stack(list(drawn))
    if variables is None:
        codes = jnp.zeros((1, 4, columns), jnp.int32)
        variables = jax.jit(model.init)(jax.random.key(0), codes, ids[:1], mask[:1])
    whole = sampler._replace(min_tokens=TOKENS, max_tokens=TOKENS)
    keys = jax.random.split(jax.random.key(1), batch)
    clips = batch * (2 if sampler.guidance != 1 else 1)
    work = flops.sampled(fields, columns, CODES, clips, ids.shape[1], TOKENS)

    def call():
        return autoregressive.sample(model, variables, ids, mask, keys, whole)

    return timing.Run(call, batch, work), variables
