"""The space in which a flow makes latents: principal components of folded latents of the training data."""

import numpy as np

KEPT = 0.999  # share of the variance of latents that the space keeps


def fold_latents(latents, fold: int) -> np.ndarray:
    """Latents [N, dim] as positions [ceil(N / fold), fold * dim]; the last latent is repeated to fill up."""
    count = -(-len(latents) // fold) * fold
    padded = np.pad(latents, ((0, count - len(latents)), (0, 0)), mode="edge")
    return padded.reshape(count // fold, -1)


def unfold_positions(positions, fold: int) -> np.ndarray:
    """Positions [M, fold * dim] as latents [M * fold, dim]: the inverse of `fold_latents`, with padding."""
    return positions.reshape(len(positions) * fold, -1)


def fit_latent_space(latents) -> dict[str, np.ndarray]:
    """The principal components of latents [n, D] that hold KEPT of their variance.

    All have the same variance in the space. With their own the flow would learn the large movements first,
    and those that tell one handshape from another last.

    Returns:
      {"mean" [D], "basis" [D, dim], "deviation" [dim] of the components}.
    """
    # eigh gives the least component first.
    power, basis = np.linalg.eigh(np.cov(latents.T.astype(np.float64)))
    power, basis = power[::-1], basis[:, ::-1]
    dim = 1 + int(np.searchsorted(np.cumsum(power), KEPT * power.sum()))
    space = {"mean": latents.mean(0), "basis": basis[:, :dim], "deviation": np.sqrt(power[:dim])}
    return {name: np.asarray(x, np.float32) for name, x in space.items()}


def to_latent_space(space, latents):
    """Latents [..., D] in a space that was fitted, [..., dim], of mean 0 and variance 1."""
    return (latents - space["mean"]) @ space["basis"] / space["deviation"]


def from_latent_space(space, z):
    """Latents [..., D] of z [..., dim]: the inverse of `to_latent_space`, up to what the space leaves out."""
    return z * space["deviation"] @ space["basis"].T + space["mean"]
