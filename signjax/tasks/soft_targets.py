"""Near codes: those that stand for nearly the same motion, as targets, as mistakes and as first values."""

import jax
import jax.numpy as jnp
import numpy as np
import optax


def corrupt_codes(codes, rng, rate: float, mistakes):
    """Codes [B, N, C] as a model that has written them itself would see them.

    Every code is drawn anew among those similar to it, and a share of the tokens is replaced at random
    (T2M-GPT, Zhang et al. 2023): the model learns to go on after its own errors, and to look at the text,
    since it cannot recite a clip it has half seen. Each row of the batch has a rate of its own, between 0
    and twice `rate`.

    Args:
      codes: [B, N, C].
      rng: key.
      rate: mean share of the tokens replaced.
      mistakes: see `sample_neighbours`.
    """
    near, how, where, what = jax.random.split(rng, 4)
    columns, size, count = mistakes.shape
    which = jax.random.randint(near, codes.shape, 0, count)
    codes = mistakes[jnp.arange(columns), codes, which]
    rates = jax.random.uniform(how, (codes.shape[0], 1, 1), maxval=2 * rate)
    noise = jax.random.randint(what, codes.shape, 0, size)
    return jnp.where(jax.random.bernoulli(where, rates, (*codes.shape[:2], 1)), noise, codes)


def sample_neighbours(spread, seed: int, count: int = 32) -> np.ndarray:
    """Codes [C, K, count] drawn from the distributions [C, K, K] of `make_soft_targets`."""
    rng = np.random.default_rng((seed, 5))
    below = np.cumsum(spread, axis=-1)  # [C, K, K]
    found = [[np.searchsorted(row, rng.random(count) * row[-1]) for row in column] for column in below]
    return np.minimum(np.array(found), spread.shape[-1] - 1).astype(np.int32)


def make_soft_targets(books, spread: float) -> np.ndarray:
    """Soft targets [C, K, K]: a code and those that stand for nearly the same latent.

    Which of two near codes a frame gets is chance; learning both from either is learning from more data.

    Args:
      books: [C, K, dim] latents of the codes.
      spread: perplexity of the targets, in codes; 1 for the code itself.
    """
    size = books.shape[1]
    result = np.broadcast_to(np.eye(size, dtype=np.float32), (len(books), size, size)).copy()
    for column, book in enumerate(books if spread > 1 else ()):
        book = book.astype(np.float64)
        distance = ((book[:, None] - book[None]) ** 2).sum(-1)  # [K, K]
        low, high = 1e-6 * distance.mean(), distance.mean()
        for _ in range(30):  # bisection of the width, on a logarithmic scale
            width = np.sqrt(low * high)
            chance = np.exp(-distance / width)
            chance /= chance.sum(1, keepdims=True)
            perplexity = np.exp(-(chance * np.log(chance + 1e-30)).sum(1).mean())
            low, high = (width, high) if perplexity < spread else (low, width)
        result[column] = chance
    return result


def cross_entropy(logits, codes, targets):
    """Cross entropies [..., C] of logits [..., C, K] with the targets of codes [..., C].

    Args:
      logits: of each column's codes.
      codes: the true ones.
      targets: [C, K, K] what to predict instead of each code, None for the code itself.
    """
    if targets is None:
        return optax.softmax_cross_entropy_with_integer_labels(logits, codes)
    return optax.softmax_cross_entropy(logits, targets[jnp.arange(len(targets)), codes])


def init_code_embeddings(books, width: int, seed: int) -> dict:
    """First values of the code embeddings and of the output layer: near codes start near each other.

    Args:
      books: [C, K, dim] latents of the codes.
      width: D of the model.
      seed: of the random projections.
    """
    rng = np.random.default_rng((seed, 4))
    columns, size, dim = books.shape
    unit = (books - books.mean(1, keepdims=True)) / (books.std(1, keepdims=True) + 1e-6)

    def project():
        return np.einsum("ckz,czd->ckd", unit, rng.normal(size=(columns, dim, width)) / np.sqrt(dim))

    tables = [jnp.asarray(0.02 * project().reshape(columns * size, width), jnp.float32) for _ in range(2)]
    out = jnp.asarray(project().swapaxes(1, 2) / np.sqrt(width), jnp.float32)
    return {
        "code_embedding": {"embedding": tables[0]},
        "depth_embedding": {"embedding": tables[1]},
        "depth_out": out,
    }
