"""Masked generation as a task: the tokens of clips from their texts and a part of the tokens."""

import functools

import jax
import jax.numpy as jnp

from signjax.errors import ConfigError
from signjax.inference import masked_decoding, text_batches
from signjax.models.masked_transformer import MaskedTransformer
from signjax.tasks import gpt, row_times, soft_targets, vqvae
from signjax.training import run_config
from signjax.training.task import Task

decode, encode, reconstruct, codebook_sample = gpt.decode, gpt.encode, gpt.reconstruct, gpt.codebook_sample


def build(c, vocabulary: int, tokenizer_config) -> MaskedTransformer:
    """The model of a config, for codes of the tokenizer trained with `tokenizer_config`."""
    columns, codes = vqvae.code_shape(tokenizer_config)
    return MaskedTransformer(vocabulary=vocabulary, columns=columns, codes=codes, **c.model)


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `tokenizer`, `text`, `model`, `versions`, `tempo` and the rates."""
    generator, rows, dev = gpt.prepare(c, workdir, build)
    model, books = generator.model, vqvae.codebooks(generator.tokenizer)
    spread = soft_targets.similar(books, c.smooth)
    targets, mistakes = jnp.asarray(spread), jnp.asarray(soft_targets.draws(spread, c.seed))

    def init(rng, batch):
        mask, texts = batch["segment"] > 0, batch["text_segment"] > 0
        params = model.init(rng, batch["codes"], mask, mask, batch["text"], texts)["params"]
        return {"params": params | soft_targets.start_codes(books, model.width, c.seed)}

    def loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "corrupt", "text", "hide"), jax.random.split(rng, 4), strict=True))
        batch = gpt.drop_texts(batch, keys["text"], c.text_dropout)
        seen = soft_targets.corrupt(batch["codes"], keys["corrupt"], c.corrupt, mistakes)
        hidden = hide(batch, keys["hide"])
        terms = _terms(model, variables, batch, seen, hidden, keys["dropout"], targets)
        means = {name: total / jnp.maximum(count, 1) for name, (total, count) in terms.items()}
        return means["code"] + c.length_weight * means["length"], (means, {})

    def evaluate(variables, batch):
        shown = batch | {"segment": batch["segment"] * batch["weight"][:, None].astype(jnp.int32)}
        return _terms(model, variables, shown, batch["codes"], hide(shown, jax.random.key(0)), None)

    def signed(variables, texts):
        return generate(generator._replace(variables=variables), texts, c.seed, sampler_of(c))

    return Task(init, loss, evaluate, *gpt.feeds(c, rows), gpt.watch(c, dev, signed))


def hide(batch, rng):
    """Tokens to hide, [B, W] bool: each by a coin, its chance the cosine of an angle that its clip draws."""
    own = batch["segment"]
    angles, coins = jax.random.split(rng)
    drawn = jax.random.uniform(angles, (own.shape[0], own.shape[1] + 1), maxval=jnp.pi / 2)
    shares = jnp.cos(jnp.take_along_axis(drawn, own, axis=1))  # [B, W]
    return (own > 0) & ~batch["ends"] & (jax.random.uniform(coins, own.shape) < shares)


def _terms(model, variables, batch, seen, hidden, dropout, targets=None) -> dict:
    """Cross entropies of hidden codes, the share guessed right, errors of lengths: {name: (sum, count)}.

    Args:
      model: the model.
      variables: its params.
      batch: rows, see signjax.data.token_rows.TokenRows.
      seen: [B, W, C] what the model sees of the codes that are not hidden.
      hidden: [B, W] see `hide`.
      dropout: key for training, None for evaluation.
      targets: [C, K, K] what to predict instead of each code, None for the code itself.
    """
    train = dropout is not None
    run = functools.partial(model.apply, variables, rngs={"dropout": dropout} if train else {})
    own, belongs = batch["segment"], batch["text_segment"]
    memory = run(batch["text"], belongs > 0, belongs, batch["text_position"], train, method="encode_text")
    places, lengths = row_times.measure_row_times(batch, memory)
    there = (own > 0) & ~batch["ends"]
    states = run(
        seen, hidden, there, memory, places, (own, belongs), train, method="compute_states"
    )  # [B, W, D]
    logits = run(states, batch["codes"], method="code_logits")  # [B, W, C, K]
    entropy = soft_targets.entropy(logits, batch["codes"], targets)  # [B, W, C]
    counted = jnp.broadcast_to(hidden[..., None], entropy.shape)
    right = jnp.argmax(logits, axis=-1) == batch["codes"]
    return {
        "code": ((entropy * counted).sum(), counted.sum()),
        "right": ((right * counted).sum(), counted.sum()),
        "length": lengths,
    }


def load(workdir) -> gpt.Generator:
    """Loads a run for `sign`.

    Raises:
      StorageError: nothing was trained in workdir; the message has the command that does.
    """
    return gpt.load(workdir, build)


def sampler_of(c, **changes) -> masked_decoding.Sampler:
    """The sampler of a config, with changes.

    Raises:
      ConfigError: there is no pass or no token, or a change is not of a masked model.
    """
    sampler = run_config.sampler(masked_decoding.Sampler, c, changes)
    if sampler.steps < 1 or sampler.max_tokens < 1:
        raise ConfigError(f"steps is {sampler.steps}, max_tokens {sampler.max_tokens}; give 1 or more")
    return sampler


def write(generator: gpt.Generator, texts, seed: int, sampler: masked_decoding.Sampler, batch_size: int = 64):
    """Yields the motion tokens of texts, see signjax.tasks.gpt.write."""
    return gpt.write(generator, texts, seed, sampler, batch_size, masked_decoding.sample)


def sign(generator: gpt.Generator, texts, seed: int, sampler: masked_decoding.Sampler, batch_size: int = 64):
    """Yields clips as soon as they are there, see signjax.tasks.gpt.sign."""
    return gpt.sign(generator, texts, seed, sampler, batch_size, masked_decoding.sample)


def generate(
    generator: gpt.Generator, texts, seed: int, sampler: masked_decoding.Sampler, batch_size: int = 64
) -> list:
    """The clips of `sign`, in the order of their texts."""
    return text_batches.gather(sign(generator, texts, seed, sampler, batch_size), len(texts))
