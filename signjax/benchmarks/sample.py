"""sample: 100 tokens from a text, text encoder included, against the original project's loop in PyTorch."""

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from signjax.benchmarks import flops, timing, torch_reference
from signjax.inference import autoregressive
from signjax.models.gpt import GPT
from signjax.text import tokenizer
from signjax.training.configs import get_config

TOKENS, LENGTH = 100, 12  # of a clip; ids of its text
TARGETS = {1: 15, 16: 40}  # clips of a batch -> times as fast, a clip each
CODES, COLUMNS, VOCABULARY = 512, 6, 1000
SEED = {  # with a text encoder of BERT's size
    "width": 768,
    "depth": 8,
    "text_depth": 12,
    "heads": 12,
    "mlp": 3072,
}
BERT_VOCABULARY = 30522
REFERENCE = "PyTorch, the original project's loop (reference)"


def measure_sampling() -> list[timing.Measurement]:
    """The GPT of configs/gpt.py with its sampler, and one of the original size with the original sampler.

    The reference decodes clips one by one, so that n clips take it n times as long as one.
    """
    c, torch, workloads = get_config("gpt"), torch_reference.load_reference(), {}
    # Without torch there is no reference, and the times of our own are printed all the same.
    if torch:
        workloads[REFERENCE] = timing.Workload(torch.sampler(LENGTH, TOKENS))
    seed = ml_collections.ConfigDict({**c.model, **SEED})
    models = {
        "gpt": (c.model, COLUMNS, VOCABULARY, autoregressive.Sampler(**c.sampler)),
        "original size": (seed, 1, BERT_VOCABULARY, autoregressive.Sampler(top_k=20)),
    }
    for name, (model, columns, vocabulary, sampler) in models.items():
        variables = None
        for batch, target in TARGETS.items():
            workload, variables = make_sampling_workload(
                model, columns, vocabulary, sampler, batch, variables
            )
            workloads[f"{name}, batch {batch}"] = workload._replace(target=target)
    return timing.compare_workloads(workloads, REFERENCE)


def make_sampling_workload(
    fields, columns: int, vocabulary: int, sampler: autoregressive.Sampler, batch: int, variables=None
):
    """Sampling of TOKENS tokens of `batch` clips; returns (workload, the random variables of its model).

    Args:
      fields: of signjax.models.gpt.GPT.
      columns: C, codes a token.
      vocabulary: ids of texts.
      sampler: how codes are drawn.
      batch: clips at once.
      variables: of an earlier call for the same model; None draws new ones.
    """
    model = GPT(vocabulary=vocabulary, columns=columns, codes=CODES, **fields)
    words = np.random.default_rng(0).integers(len(tokenizer.SPECIAL), vocabulary, (batch, LENGTH))
    ids, mask = tokenizer.pad_texts(list(words))
    if variables is None:
        # Random weights: what they are changes no time, and training the original size would take days.
        codes = jnp.zeros((1, 4, columns), jnp.int32)
        variables = jax.jit(model.init)(jax.random.key(0), codes, ids[:1], mask[:1])
    # An untrained model would end its clips by chance, so the number of tokens is fixed.
    fixed = sampler._replace(min_tokens=TOKENS, max_tokens=TOKENS)
    # A key for each clip: a clip's tokens must not depend on the others of its batch.
    keys = jax.random.split(jax.random.key(1), batch)
    # Guidance decodes each clip twice, with its text and without.
    clips = batch * (2 if sampler.guidance != 1 else 1)
    work = flops.count_sampling(fields, columns, CODES, clips, ids.shape[1], TOKENS)

    def sample_tokens():
        return autoregressive.sample_tokens(model, variables, ids, mask, keys, fixed)

    return timing.Workload(sample_tokens, batch, work), variables
