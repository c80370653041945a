"""Quantizers, the bottleneck of an auto-encoder: latents to codes and back, all with one interface.

`quantizer(z [B, N, D], mask [B, N], train) -> Quantized`, `quantizer.decode(codes [B, N, Q]) -> [B, N, D]`,
and Q = `quantizer.levels`. Latents outside the mask get codes too, but change neither statistics nor loss.
Codes are integers, except for those of the Gaussian bottleneck, which are its latents.
"""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


class Quantized(NamedTuple):
    """Quantized latents, their codes and the loss term of the quantizer."""

    z: jax.Array  # [B, N, D]; gradients pass straight through to the latents before quantization
    codes: jax.Array  # [B, N, Q] int32; float32 for a Gaussian bottleneck
    loss: jax.Array  # [], commitment or divergence


def nearest_codes(z, entries):
    """Codes [...] of the entries [K, D] that are nearest to latents z [..., D]."""
    # In full float32: the default precision of accelerators flips near ties, and codes would depend on the
    # machine. The squares of z are left out, as they are the same for every entry.
    dots = jnp.einsum("...d,kd->...k", z, entries, precision="highest")
    return jnp.argmin((entries**2).sum(-1) - 2 * dots, axis=-1)


class ResidualVQ(nn.Module):
    """Residual vector quantization with EMA codebooks; with one level, plain VQ (van den Oord et al. 2017).

    Each level quantizes what the levels before it left over (Zeghidour et al. 2021). The entries of a
    codebook are moving sums of latents divided by moving counts. They start as latents of the first training
    batch. A code whose count falls below `revive` times the mean starts again as a latent of the current
    batch.

    Attributes:
      levels: Q, codes per latent.
      codes: K, entries per level.
      decay: of the moving sums and counts.
      commitment: weight of the loss that pulls latents towards their entries.
      dropout: share of training examples that are quantized with a random smaller number of levels.
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
        """Quantizes z [B, N, D] with mask [B, N]; training needs the rng "quantize"."""
        shape = (self.levels, self.codes, z.shape[-1])
        sums = self.variable("codebook", "sums", jnp.zeros, shape)
        counts = self.variable("codebook", "counts", jnp.zeros, shape[:-1])
        depth = self._sample_depth(z.shape[0]) if train else jnp.full(z.shape[0], self.levels)
        residual, level_codes, loss = z, [], 0.0
        for level in range(self.levels):
            active = mask & (depth > level)[:, None]  # [B, N]
            # Codebooks move by averages, not by gradients.
            target = jax.lax.stop_gradient(residual)
            if train and not self.is_initializing():
                codebook = _init_from_batch(
                    sums.value[level], counts.value[level], target, active, self.make_rng("quantize")
                )
                codes = nearest_codes(target, codebook[0] / codebook[1][:, None])
                update = _ema_update(*codebook, target, codes, active, self.decay)
                update = _reset_dead_codes(*update, target, active, self.revive, self.make_rng("quantize"))
                sums.value = sums.value.at[level].set(update[0])
                counts.value = counts.value.at[level].set(update[1])
                # This step uses the entries from before the update: those that its codes were chosen by.
                entries = codebook[0] / codebook[1][:, None]
            else:
                entries = self._codebook_entries(sums.value, counts.value)[level]
                codes = nearest_codes(target, entries)
            chosen = entries[codes] * (depth > level)[:, None, None]
            loss += masked_mean((residual - chosen) ** 2, active)
            residual = residual - chosen
            level_codes.append(codes)
        quantized = z - residual
        return Quantized(
            z + jax.lax.stop_gradient(quantized - z),
            jnp.stack(level_codes, axis=-1).astype(jnp.int32),  # [B, N, Q]
            self.commitment * loss,
        )

    @nn.nowrap
    def _codebook_entries(self, sums, counts):
        # A model that was never trained has counts of 0: its entries are then 0, and not NaN.
        return sums / jnp.maximum(counts, 1e-8)[..., None]

    def decode(self, codes):
        """Codes [B, N, Q] to the latents [B, N, D] they stand for."""
        sums = self.get_variable("codebook", "sums")
        entries = self._codebook_entries(sums, self.get_variable("codebook", "counts"))
        return sum(entries[level][codes[..., level]] for level in range(self.levels))

    @nn.nowrap
    def _sample_depth(self, batch: int):
        """How many levels each example is quantized with, [B] in 1..Q."""
        # With levels dropped now and then, the first levels alone must give a usable latent.
        drop, depth = jax.random.split(self.make_rng("quantize"))
        fewer = jax.random.randint(depth, (batch,), 1, self.levels) if self.levels > 1 else self.levels
        return jnp.where(jax.random.bernoulli(drop, self.dropout, (batch,)), fewer, self.levels)


class FSQ(nn.Module):
    """Finite scalar quantization (Mentzer et al. 2023), in `levels` codes of prod(steps) values each.

    No codebook is learned, so none can collapse: every latent dimension is bounded and rounded. Latents have
    levels * len(steps) dimensions.

    Attributes:
      levels: Q, codes per latent.
      steps: values that each dimension of a code can take.
    """

    levels: int
    steps: tuple[int, ...]

    def __call__(self, z, mask, train: bool) -> Quantized:
        """Quantizes z [B, N, D], D = levels * len(steps)."""
        del mask, train
        steps = np.asarray(self.steps, np.float32)
        # The margin lets tanh reach the outermost steps. An even number of steps has none at 0: hence shift.
        half, shift = (steps - 1) * (1 + 1e-3) / 2, np.where(steps % 2 == 0, 0.5, 0.0)
        grouped = z.reshape(*z.shape[:-1], self.levels, len(self.steps))  # [B, N, Q, len]
        bounded = jnp.tanh(grouped + np.arctanh(shift / half)) * half - shift
        rounded = jnp.round(bounded)
        digits = rounded.astype(jnp.int32) + np.asarray(self.steps) // 2
        codes = (digits * self._digit_weights()).sum(-1)  # [B, N, Q]
        # Rounding has no gradient; the decoder's passes to the bounded latent as if there were none.
        straight_through = bounded + jax.lax.stop_gradient(rounded - bounded)
        # Divided, so that latents lie between about -1 and 1 for any number of steps.
        return Quantized((straight_through / (steps // 2)).reshape(z.shape), codes, jnp.zeros(()))

    def decode(self, codes):
        """Codes [B, N, Q] to latents [B, N, D]."""
        digits = codes[..., None] // self._digit_weights() % np.asarray(self.steps)  # [B, N, Q, len]
        z = (digits - np.asarray(self.steps) // 2) / (np.asarray(self.steps, np.float32) // 2)
        return z.reshape(*codes.shape[:-1], -1)

    def _digit_weights(self):
        # A code is a number whose digits are the steps of its dimensions, the first digit the smallest.
        return np.concatenate([[1], np.cumprod(self.steps[:-1])]).astype(np.int32)


class GaussianBottleneck(nn.Module):
    """The bottleneck of a variational auto-encoder (Kingma and Welling 2014): latents with noise.

    A latent is the mean of a normal distribution with a learned variance. Training samples from it and keeps
    it near the standard normal distribution. Codes are the means.

    Attributes:
      levels: D, which is also Q.
      weight: of the Kullback-Leibler divergence, a mean over latents and dimensions.
    """

    levels: int
    weight: float

    @nn.compact
    def __call__(self, z, mask, train: bool) -> Quantized:
        """Samples around z [B, N, D] in training, which needs the rng "quantize"; else gives z itself."""
        log_variance = nn.Dense(self.levels, kernel_init=nn.initializers.zeros, name="log_variance")(z)
        # Bounded, so that one wild latent cannot make the exponential overflow.
        log_variance = jnp.clip(log_variance + START_LOG_VARIANCE, -20.0, 2.0)
        divergence = (z**2 + jnp.exp(log_variance) - log_variance - 1) / 2
        sample = z
        if train:
            sample = z + jnp.exp(log_variance / 2) * jax.random.normal(self.make_rng("quantize"), z.shape)
        return Quantized(sample, z, self.weight * masked_mean(divergence, mask))

    def decode(self, codes):
        """Codes [B, N, D] are the latents."""
        return codes


def _make_rvq(c, levels: int) -> ResidualVQ:
    # Also plain VQ, which is one level; the config sets that.
    return ResidualVQ(levels, c.codes, c.decay, c.commitment, c.dropout, c.revive)


# config's quantizer.kind -> (config's quantizer fields, Q) -> quantizer. In code and not in a config: a saved
# run finds its quantizer by this name, and nothing in a run's folder is executed (docs/quantizers.md).
QUANTIZERS = {
    "rvq": _make_rvq,
    "vq": _make_rvq,
    "fsq": lambda c, levels: FSQ(levels, tuple(c.steps)),
    "kl": lambda c, levels: GaussianBottleneck(levels, c.kl),
}

# Little noise at first: training begins at the linear code, which much noise would drown.
START_LOG_VARIANCE = -4.0


def masked_mean(x, mask):
    """Mean of x [B, N, D] over the latents of mask [B, N]; 0 for an empty mask."""
    return (x.mean(-1) * mask).sum() / jnp.maximum(mask.sum(), 1)


def _sample_rows(z, mask, num, rng):
    """Random latents [num, D] of z [B, N, D] among those of mask [B, N]; none twice before all were used.

    Equal codes would tie exactly. Rounding would then decide between them, and with it the number of devices.
    """
    valid = mask.reshape(-1)
    # Valid ones first, shuffled: uniform numbers lie below 1, and those of the others are moved above it.
    order = jnp.argsort(jax.random.uniform(rng, valid.shape) + ~valid)
    # At least 1, so that there is an index even in a batch without a valid latent.
    count = jnp.maximum(valid.sum(), 1)
    return jnp.asarray(z).reshape(-1, z.shape[-1])[order[jnp.arange(num) % count]]


def _init_from_batch(sums, counts, z, mask, rng):
    """Sums [K, D] and counts [K] of a level; as long as nothing was ever counted, latents of the batch."""
    # Data cannot be known when parameters are initialised; entries far from all data would never be used.
    # A condition and no choice between two results: drawing latents sorts those of the whole batch, which
    # takes longer than the rest of a quantizer, and only the first step needs it.
    return jax.lax.cond(
        counts.sum() == 0,
        lambda: (_sample_rows(z, mask, sums.shape[0], rng), jnp.ones_like(counts)),
        lambda: (sums, counts),
    )


def _ema_update(sums, counts, z, codes, mask, decay):
    """Moving sums and counts after one batch (van den Oord et al. 2017, appendix A.1)."""
    hits = jax.nn.one_hot(codes, counts.shape[0]) * mask[..., None]  # [B, N, K]
    # One-hot products add in a fixed order, where scattered additions would not on accelerators.
    batch_sums = jnp.einsum("bnk,bnd->kd", hits, z, precision="highest")
    return decay * sums + (1 - decay) * batch_sums, decay * counts + (1 - decay) * hits.sum((0, 1))


def _reset_dead_codes(sums, counts, z, mask, share, rng):
    """Sums and counts in which codes used less than `share` of the mean are latents of the batch."""
    # They start again at the mean count: with a small one they would be dead again at the next step.
    mean = counts.mean()
    dead = (counts < share * mean) & (mask.sum() > 0)

    def reset():
        drawn = _sample_rows(z, mask, counts.shape[0], rng) * mean
        return jnp.where(dead[:, None], drawn, sums), jnp.where(dead, mean, counts)

    # In most steps no code is dead, and nothing is drawn, see `_init_from_batch`.
    return jax.lax.cond(dead.any(), reset, lambda: (sums, counts))
