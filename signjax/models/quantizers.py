"""Bottlenecks: continuous latents to codes and back, one contract for all.

`quantizer(z [B, N, D], mask [B, N], train) -> Quantized`, `quantizer.decode(codes [B, N, Q]) -> [B, N, D]`,
and Q = `quantizer.levels`. Masked latents get codes too, but touch neither statistics nor loss. Codes are
integers, but for the Gaussian bottleneck, whose codes are its latents.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


class Quantized(NamedTuple):
    """What a quantizer makes of latents."""

    z: jax.Array  # [B, N, D], quantized, gradients pass straight through to the input
    codes: jax.Array  # [B, N, Q] int32, float32 of a Gaussian bottleneck
    loss: jax.Array  # [], commitment or divergence


def nearest_codes(z, embedding):
    """Codes [...] of the nearest rows of embedding [K, D] to z [..., D], by exact float32 distances.

    Default matmul precision on accelerators flips near ties, so that codes would differ between machines.
    """
    dots = jnp.einsum("...d,kd->...k", z, embedding, precision="highest")
    return jnp.argmin((embedding**2).sum(-1) - 2 * dots, axis=-1)


class ResidualVQ(nn.Module):
    """Residual vector quantization with EMA codebooks; one level is plain VQ (van den Oord et al. 2017).

    Each level quantizes what the levels before left over (Zeghidour et al. 2021). Codebooks are drawn from
    the first training batch; a code whose moving count falls below `revive` times the mean is re-seeded,
    sum and count together, with a latent of the current batch.

    Attributes:
      levels: Q, codes per latent.
      codes: K, entries per level.
      decay: of the moving sums and counts.
      commitment: weight of the pull of latents towards their codes.
      dropout: share of training examples quantized with a random smaller number of levels.
      revive: a code used less than this share of the mean use is dead.
    """

    levels: int
    codes: int
    decay: float
    commitment: float
    dropout: float
    revive: float

    @nn.compact
    def __call__(self, z, mask, train: bool) -> Quantized:
        """Quantizes z [B, N, D] where mask [B, N]; see the module's contract."""
        shape = (self.levels, self.codes, z.shape[-1])
        sums = self.variable("codebook", "sums", jnp.zeros, shape)
        counts = self.variable("codebook", "counts", jnp.zeros, shape[:-1])
        depth = self._sample_depth(z.shape[0]) if train else jnp.full(z.shape[0], self.levels)
        residual, picked, loss = z, [], 0.0
        for level in range(self.levels):
            active = mask & (depth > level)[:, None]  # [B, N]
            rest = jax.lax.stop_gradient(residual)
            if train and not self.is_initializing():
                book = _init_from_batch(
                    sums.value[level], counts.value[level], rest, active, self.make_rng("quantize")
                )
                codes = nearest_codes(rest, book[0] / book[1][:, None])
                update = _ema_update(*book, rest, codes, active, self.decay)
                update = _reset_dead_codes(*update, rest, active, self.revive, self.make_rng("quantize"))
                sums.value = sums.value.at[level].set(update[0])
                counts.value = counts.value.at[level].set(update[1])
                embedding = book[0] / book[1][:, None]
            else:
                embedding = self._codebook_entries(sums.value, counts.value)[level]
                codes = nearest_codes(rest, embedding)
            chosen = embedding[codes] * (depth > level)[:, None, None]
            loss += masked_mean((residual - chosen) ** 2, active)
            residual = residual - chosen
            picked.append(codes)
        quantized = z - residual
        return Quantized(
            z + jax.lax.stop_gradient(quantized - z),
            jnp.stack(picked, axis=-1).astype(jnp.int32),  # [B, N, Q]
            self.commitment * loss,
        )

    @nn.nowrap
    def _codebook_entries(self, sums, counts):
        return sums / jnp.maximum(counts, 1e-8)[..., None]

    def decode(self, codes):
        """Codes [B, N, Q] to the latents [B, N, D] they stand for."""
        sums = self.get_variable("codebook", "sums")
        embedding = self._codebook_entries(sums, self.get_variable("codebook", "counts"))
        return sum(embedding[level][codes[..., level]] for level in range(self.levels))

    @nn.nowrap
    def _sample_depth(self, batch: int):
        """How many levels each example is quantized with, [B] in 1..Q."""
        drop, depth = jax.random.split(self.make_rng("quantize"))
        some = jax.random.randint(depth, (batch,), 1, self.levels) if self.levels > 1 else self.levels
        return jnp.where(jax.random.bernoulli(drop, self.dropout, (batch,)), some, self.levels)


class FSQ(nn.Module):
    """Finite scalar quantization (Mentzer et al. 2023), in `levels` codes of prod(steps) values each.

    No codebook to collapse: every latent dimension is bounded and rounded. Latents have
    levels * len(steps) dimensions.
    """

    levels: int
    steps: tuple[int, ...]

    def __call__(self, z, mask, train: bool) -> Quantized:
        """Quantizes z [B, N, D], D = levels * len(steps)."""
        del mask, train
        steps = np.asarray(self.steps, np.float32)
        half, shift = (steps - 1) * (1 + 1e-3) / 2, np.where(steps % 2 == 0, 0.5, 0.0)
        grouped = z.reshape(*z.shape[:-1], self.levels, len(self.steps))  # [B, N, Q, len]
        bounded = jnp.tanh(grouped + np.arctanh(shift / half)) * half - shift
        rounded = jnp.round(bounded)
        digits = rounded.astype(jnp.int32) + np.asarray(self.steps) // 2
        codes = (digits * self._digit_weights()).sum(-1)  # [B, N, Q]
        passed = bounded + jax.lax.stop_gradient(rounded - bounded)
        return Quantized((passed / (steps // 2)).reshape(z.shape), codes, jnp.zeros(()))

    def decode(self, codes):
        """Codes [B, N, Q] to latents [B, N, D]."""
        digits = codes[..., None] // self._digit_weights() % np.asarray(self.steps)  # [B, N, Q, len]
        z = (digits - np.asarray(self.steps) // 2) / (np.asarray(self.steps, np.float32) // 2)
        return z.reshape(*codes.shape[:-1], -1)

    def _digit_weights(self):
        return np.concatenate([[1], np.cumprod(self.steps[:-1])]).astype(np.int32)


class GaussianBottleneck(nn.Module):
    """The bottleneck of a variational auto-encoder (Kingma and Welling 2014): latents with noise.

    A latent is the mean of a normal distribution whose variance is learned; training draws from it and
    holds it near the standard normal one. Codes are the means.

    Attributes:
      levels: D, which is Q here.
      weight: of the Kullback-Leibler divergence, mean over latents and dimensions.
    """

    levels: int
    weight: float

    @nn.compact
    def __call__(self, z, mask, train: bool) -> Quantized:
        """Draws around z [B, N, D] in training; see the module's contract."""
        spread = nn.Dense(self.levels, kernel_init=nn.initializers.zeros, name="log_variance")(z)
        spread = jnp.clip(spread + START_LOG_VARIANCE, -20.0, 2.0)
        divergence = (z**2 + jnp.exp(spread) - spread - 1) / 2
        drawn = z
        if train:
            drawn = z + jnp.exp(spread / 2) * jax.random.normal(self.make_rng("quantize"), z.shape)
        return Quantized(drawn, z, self.weight * masked_mean(divergence, mask) / self.levels)

    def decode(self, codes):
        """Codes are latents."""
        return codes


def _make_rvq(c, levels: int) -> ResidualVQ:
    return ResidualVQ(levels, c.codes, c.decay, c.commitment, c.dropout, c.revive)


# quantizer.kind -> what makes one of the config's quantizer fields and Q; docs/quantizers.md adds one
QUANTIZERS = {
    "rvq": _make_rvq,
    "vq": _make_rvq,
    "fsq": lambda c, levels: FSQ(levels, tuple(c.steps)),
    "kl": lambda c, levels: GaussianBottleneck(levels, c.kl),
}

START_LOG_VARIANCE = -4.0  # log variance at first: little noise, so that training begins at the linear code


def masked_mean(x, mask):
    """Mean of x [B, N, D] over the latents of mask [B, N]; 0 where none is set."""
    return (x.mean(-1) * mask).sum() / jnp.maximum(mask.sum(), 1)


def _sample_rows(z, mask, num, rng):
    """Draws num rows of z [B, N, D] among those of mask [B, N], none twice before all were drawn.

    Equal codes would be exact ties, which rounding decides, and so the number of devices.
    """
    kept = mask.reshape(-1)
    order = jnp.argsort(jax.random.uniform(rng, kept.shape) + ~kept)
    count = jnp.maximum(kept.sum(), 1)  # all-masked batches draw something; no statistic counts it
    return z.reshape(-1, z.shape[-1])[order[jnp.arange(num) % count]]


def _init_from_batch(sums, counts, z, mask, rng):
    """The level's sums [K, D] and counts [K], drawn from the batch while nothing was ever counted."""
    fresh = counts.sum() == 0
    return (
        jnp.where(fresh, _sample_rows(z, mask, sums.shape[0], rng), sums),
        jnp.where(fresh, jnp.ones_like(counts), counts),
    )


def _ema_update(sums, counts, z, codes, mask, decay):
    """Moving sums and counts after one batch (van den Oord et al. 2017, appendix A.1)."""
    hits = jax.nn.one_hot(codes, counts.shape[0]) * mask[..., None]  # [B, N, K]
    total = jnp.einsum("bnk,bnd->kd", hits, z, precision="highest")
    return decay * sums + (1 - decay) * total, decay * counts + (1 - decay) * hits.sum((0, 1))


def _reset_dead_codes(sums, counts, z, mask, share, rng):
    """Re-seeds codes used less than `share` of the mean with latents of the batch, at the mean count."""
    mean = counts.mean()
    dead = (counts < share * mean) & (mask.sum() > 0)
    return (
        jnp.where(dead[:, None], _sample_rows(z, mask, counts.shape[0], rng) * mean, sums),
        jnp.where(dead, mean, counts),
    )
