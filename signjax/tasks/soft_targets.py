"""Codes of similar motion: as soft targets, as errors of the input, and for initial embeddings."""

import jax
import jax.numpy as jnp
import numpy as np

from signjax.seeds import make_rng


def corrupt_codes(codes, rng, rate: float, neighbours):
    """Adds errors to codes [B, N, C], as a model meets them in what it has generated itself.

    Every code is drawn anew from similar ones, and a share of the tokens is replaced at random (T2M-GPT,
    Zhang et al. 2023). So the model learns to continue after its own errors, and to follow the text, since it
    cannot recite a training clip from a part of it. Each row of the batch has its own rate, between 0 and
    twice `rate`.

    Args:
      codes: [B, N, C].
      rng: key.
      rate: mean share of the tokens replaced.
      neighbours: [C, K, count], see `sample_neighbours`.
    """
    neighbour_rng, rate_rng, place_rng, code_rng = jax.random.split(rng, 4)
    columns, size, count = neighbours.shape
    which = jax.random.randint(neighbour_rng, codes.shape, 0, count)
    codes = neighbours[jnp.arange(columns), codes, which]
    rates = jax.random.uniform(rate_rng, (codes.shape[0], 1, 1), maxval=2 * rate)
    noise = jax.random.randint(code_rng, codes.shape, 0, size)
    # A token is replaced whole: its codes belong together.
    return jnp.where(jax.random.bernoulli(place_rng, rates, (*codes.shape[:2], 1)), noise, codes)


def sample_neighbours(targets, seed: int, count: int = 32) -> np.ndarray:
    """Draws codes [C, K, count] from the distributions [C, K, K] of `make_soft_targets`."""
    # Once on the host: in the training step they are a look-up, not a draw from K probabilities.
    rng = make_rng(seed, 5)
    cumulative = np.cumsum(targets, axis=-1)  # [C, K, K]
    drawn = [[np.searchsorted(row, rng.random(count) * row[-1]) for row in column] for column in cumulative]
    # Rounding could draw one beyond the last code.
    return np.minimum(np.array(drawn), targets.shape[-1] - 1).astype(np.int32)


def make_soft_targets(codebooks, spread: float) -> np.ndarray:
    """Soft targets [C, K, K]: for each code, probabilities of it and of codes with nearly the same latent.

    Which of two similar codes a frame gets is chance: learning both from either is like more data.

    Args:
      codebooks: [C, K, dim] latents of the codes.
      spread: mean perplexity of the targets, in codes; 1 for the code itself only.
    """
    size = codebooks.shape[1]
    result = np.broadcast_to(np.eye(size, dtype=np.float32), (len(codebooks), size, size)).copy()
    for column, book in enumerate(codebooks if spread > 1 else ()):
        book = book.astype(np.float64)
        distance = ((book[:, None] - book[None]) ** 2).sum(-1)  # [K, K]
        # The codes of a part that never moves: nothing is nearer than anything else, and 0 / 0 is NaN.
        if not distance.any():
            continue
        low, high = 1e-6 * distance.mean(), distance.mean()
        # The width that gives the perplexity, by bisection on a logarithmic scale.
        for _ in range(30):
            width = np.sqrt(low * high)
            probability = np.exp(-distance / width)
            probability /= probability.sum(1, keepdims=True)
            perplexity = np.exp(-(probability * np.log(probability + 1e-30)).sum(1).mean())
            low, high = (width, high) if perplexity < spread else (low, width)
        result[column] = probability
    return result


def cross_entropy(logits, codes, targets):
    """Cross entropies [..., C] of logits [..., C, K] with the targets of codes [..., C].

    Args:
      logits: of the codes of each column.
      codes: the true codes.
      targets: [C, K, K] what to predict instead of each code, None for the code itself.
    """
    # Columns first, as the token head computes them: XLA drops the pair of transpositions, and with them a
    # copy of the largest array of a training step.
    logits, codes = jnp.moveaxis(logits, -2, 0), jnp.moveaxis(codes, -1, 0)  # [C, ..., K], [C, ...]
    if targets is None:
        likely = _take_codes(logits, codes)
    else:
        columns = jnp.arange(len(targets)).reshape(-1, *[1] * (codes.ndim - 1))
        likely = (targets[columns, codes] * logits).sum(-1)
    return jnp.moveaxis(jax.nn.logsumexp(logits, axis=-1) - likely, 0, -1)


def is_likeliest(logits, codes):
    """Whether no code is likelier than the true one, [..., C] bool; arguments as of `cross_entropy`."""
    # Not by argmax: beside the maximum, which the cross entropy needs, it would be a pass of its own.
    logits, codes = jnp.moveaxis(logits, -2, 0), jnp.moveaxis(codes, -1, 0)
    return jnp.moveaxis(_take_codes(logits, codes) >= logits.max(-1), 0, -1)


def _take_codes(logits, codes):
    """The logit [...] of each code [...] among logits [..., K]."""
    return jnp.take_along_axis(logits, codes[..., None], axis=-1)[..., 0]


def init_code_embeddings(codebooks, width: int, seed: int) -> dict:
    """Initial values of the code embeddings and of the output layer, similar for similar codes.

    Args:
      codebooks: [C, K, dim] latents of the codes.
      width: D of the model.
      seed: of the random projections.
    """
    rng = make_rng(seed, 4)
    columns, size, dim = codebooks.shape
    unit = (codebooks - codebooks.mean(1, keepdims=True)) / (codebooks.std(1, keepdims=True) + 1e-6)

    def project_randomly():
        # A random projection approximately preserves distances (Johnson and Lindenstrauss 1984).
        return np.einsum("ckz,czd->ckd", unit, rng.normal(size=(columns, dim, width)) / np.sqrt(dim))

    # Other embeddings, too, start with a deviation of 0.02.
    tables = [0.02 * project_randomly().reshape(columns * size, width) for _ in range(2)]
    code_table, depth_table = (jnp.asarray(table, jnp.float32) for table in tables)
    out = jnp.asarray(project_randomly().swapaxes(1, 2) / np.sqrt(width), jnp.float32)
    return {
        "code_embedding": {"embedding": code_table},
        "depth_embedding": {"embedding": depth_table},
        "depth_out": out,
    }
