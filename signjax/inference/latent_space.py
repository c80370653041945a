"""The space in which a flow generates latents: principal components of folded latents of training data."""

import jax.numpy as jnp
import numpy as np

KEPT = 0.999  # share of the variance of latents that the space keeps
LEAST = 1e-5  # deviation of latents that is but rounding


def fold_latents(latents, fold: int) -> np.ndarray:
    """Joins `fold` latents [N, dim] to a position each: [ceil(N / fold), fold * dim].

    The last latent is repeated to fill the last position.
    """
    count = -(-len(latents) // fold) * fold
    padded = np.pad(latents, ((0, count - len(latents)), (0, 0)), mode="edge")
    return padded.reshape(count // fold, -1)


def unfold_positions(positions, fold: int) -> np.ndarray:
    """Splits positions [M, fold * dim] into latents [M * fold, dim]: the inverse of `fold_latents`.

    The latents that filled the last position are still there.
    """
    return positions.reshape(len(positions) * fold, -1)


def fit_latent_space(latents) -> dict[str, np.ndarray]:
    """Fits the principal components of latents [n, D] that hold KEPT of their variance.

    Returns:
      {"mean" [D], "basis" [D, dim], "deviation" [dim] of the components}.
    """
    # eigh returns the component of the smallest variance first.
    power, basis = np.linalg.eigh(np.atleast_2d(np.cov(latents.T.astype(np.float64))))
    power, basis = power[::-1], basis[:, ::-1]
    dim = 1 + int(np.searchsorted(np.cumsum(power), KEPT * power.sum()))
    # At least LEAST: latents that are all the same, as of signers who stand still, have a power of about 0.
    deviation = np.sqrt(np.maximum(power[:dim], LEAST**2))
    # The space divides by the deviations: with their own variances the flow would learn the large movements
    # first, and the small ones that tell one handshape from another last.
    space = {"mean": latents.mean(0), "basis": basis[:, :dim], "deviation": deviation}
    return {name: np.asarray(x, np.float32) for name, x in space.items()}


def to_latent_space(space, latents):
    """Latents [..., D] as components [..., dim], of mean 0 and variance 1; see `fit_latent_space`."""
    # In full float32: the default precision of accelerators rounds factors, and small components, which are
    # divided by small deviations, would be mostly rounding.
    components = jnp.matmul(latents - space["mean"], space["basis"], precision="highest")
    return components / space["deviation"]


def from_latent_space(space, z):
    """Latents [..., D] of components z [..., dim]: inverts `to_latent_space`, up to components left out."""
    return jnp.matmul(z * space["deviation"], space["basis"].T, precision="highest") + space["mean"]
