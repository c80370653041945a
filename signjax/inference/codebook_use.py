"""Usage and perplexity of a tokenizer's codebooks."""

import numpy as np

from signjax.models.code_layout import code_columns, code_shape


def measure_use(codes: np.ndarray, config) -> dict[str, float]:
    """Measures usage (share of the codes that occur) and perplexity of each column and each codebook.

    Args:
      codes: [n, C] tokens.
      config: of the tokenizer.

    Returns:
      {"usage/<name>", "perplexity/<name>"} of columns and of codebooks, and "usage_min", the lowest usage of
      a codebook.
    """
    numbers, books, size = {}, {}, code_shape(config)[1]
    for at, (side, part, level) in enumerate(code_columns(config)):
        counts = np.bincount(codes[:, at], minlength=size)
        numbers |= _describe_counts(f"{side}{part} {level}".replace(" ", "_"), counts)
        # Both sides of the body share the codebook of a part, so the counts of their columns add up.
        books[f"book_{part}_{level}"] = books.get(f"book_{part}_{level}", 0) + counts
    for name, counts in books.items():
        numbers |= _describe_counts(name, counts)
    return numbers | {"usage_min": min(numbers[f"usage/{name}"] for name in books)}


def _describe_counts(name: str, counts: np.ndarray) -> dict[str, float]:
    """{"usage/<name>", "perplexity/<name>"} of codes that occur `counts` [K] times."""
    # Without the codes that never occur: p log p is 0 for them in theory and NaN in floating point.
    p = counts[counts > 0] / counts.sum()
    perplexity = np.exp(-(p * np.log(p)).sum())
    return {f"usage/{name}": float((counts > 0).mean()), f"perplexity/{name}": float(perplexity)}
