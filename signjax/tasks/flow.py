"""Flow matching as a task: the latents of clips from their texts.

The latents are those of a trained auto-encoder that is continuous, `configs/vqvae.py:kl` or
`configs/ae2d.py`; several frames of one latent each are folded into one position.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data import token_rows
from signjax.data.sources import bucket
from signjax.errors import ConfigError, closest_match
from signjax.inference import dataset_codes, text_batches
from signjax.models import flow_transformer, text_conditioning
from signjax.tasks import gpt, row_times, vqvae
from signjax.training import checkpoint, dependencies, run_config, text_encoder
from signjax.training.task import Task, find

SOLVERS = ("euler", "midpoint")
KEPT = 0.999  # share of the variance of latents that a flow makes
LEAST = 0.5  # of 1 - t in the loss: what little noise hides is not worth more than what is signed


class Sampler(NamedTuple):
    """How noise becomes latents.

    Attributes:
      steps: of the solver.
      solver: "euler", or "midpoint" of second order, which asks the network twice a step.
      guidance: classifier-free guidance scale (Ho and Salimans 2022); 1 is the plain conditional model.
      max_tokens: a clip has no more positions.
    """

    steps: int
    solver: str
    guidance: float
    max_tokens: int


class Generator(NamedTuple):
    """A trained flow with all that it takes to turn texts into poses."""

    model: flow_transformer.FlowTransformer
    variables: Any
    words: Any  # reads texts, see signjax.training.text_encoder
    coder: Any  # module of the auto-encoder's task
    loaded: Any  # the auto-encoder
    fold: int  # latents a position


def build(c, vocabulary: int, dim: int) -> flow_transformer.FlowTransformer:
    """The model of a config for positions of `dim` numbers."""
    return flow_transformer.FlowTransformer(vocabulary=vocabulary, dim=dim, **c.model)


def coder_of(workdir):
    """(module, loaded auto-encoder) of a run with continuous latents.

    Raises:
      ConfigError: the run has none.
    """
    c = run_config.load_config(f"{workdir}/config.json")
    module = find(c.task)
    loaded = module.load(workdir)
    continuous = c.task == "ae2d" or (c.task == "vqvae" and c.quantizer.kind == "kl")
    if not continuous:
        raise ConfigError(
            f"autoencoder is {workdir}, which has no continuous latents; give a run of "
            "configs/ae2d.py or configs/vqvae.py:kl"
        )
    return module, loaded


def folded(latents, fold: int) -> np.ndarray:
    """Latents [N, dim] to positions [ceil(N / fold), fold * dim]; the last latent is held to fill up."""
    count = -(-len(latents) // fold) * fold
    filled = np.pad(latents, ((0, count - len(latents)), (0, 0)), mode="edge")
    return filled.reshape(count // fold, -1)


def principal(latents) -> dict:
    """The space in which latents [n, D] are made: their principal components, KEPT of the variance.

    All have the same variance there. With their own the flow would learn the large movements first, and
    those that tell one handshape from another last.

    Returns:
      {"mean" [D], "basis" [D, dim], "deviation" [dim] of the components}.
    """
    power, basis = np.linalg.eigh(np.cov(latents.T.astype(np.float64)))
    power, basis = power[::-1], basis[:, ::-1]
    dim = 1 + int(np.searchsorted(np.cumsum(power), KEPT * power.sum()))
    space = {"mean": latents.mean(0), "basis": basis[:, :dim], "deviation": np.sqrt(power[:dim])}
    return {name: np.asarray(x, np.float32) for name, x in space.items()}


def into(space, latents):
    """Latents [..., D] in their principal space, [..., dim], of mean 0 and variance 1."""
    return (latents - space["mean"]) @ space["basis"] / space["deviation"]


def out_of(space, z):
    """The inverse of `into`, but for what the space leaves out."""
    return z * space["deviation"] @ space["basis"].T + space["mean"]


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `autoencoder`, `fold`, `text`, `model`, `versions`, the rates."""
    coder, loaded = coder_of(c.autoencoder)
    dependencies.record(workdir, "autoencoder", c.autoencoder, loaded.variables)
    train, dev = (vqvae.load_split(loaded.config, c.data, split) for split in ("train", "dev"))
    words = text_encoder.prepare(c, workdir, train.texts, dev.texts)
    rows = {}
    for name, pack, versions in (("train", train, c.versions), ("dev", dev, 1)):
        path = f"{workdir}/latents-{name}.npz"
        found = dataset_codes.encode_dataset(loaded, pack, versions, path, c.tempo, c.seed, c.fold)
        found = [[folded(z, c.fold) for z in version] for version in found]
        said = words.encode_all(pack.texts)
        rows[name] = token_rows.TokenRows(found, said, seed=c.seed, packings=16 if name == "train" else 1)
    space = principal(np.concatenate(rows["train"].codes[0]))
    model = build(c, words.size, len(space["deviation"]))

    def init(rng, batch):
        mask = batch["segment"] > 0
        t = jnp.zeros(mask.shape)
        z, texts = into(space, batch["codes"]), (batch["text"], batch["text_segment"] > 0)
        params = model.init(rng, z, t, mask, *texts)["params"]
        return {"params": params, "latents": jax.tree.map(jnp.asarray, space)}

    def loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "text", "noise"), jax.random.split(rng, 3), strict=True))
        batch = gpt.drop_texts(batch, keys["text"], c.text_dropout)
        terms = _terms(model, variables, batch, keys["noise"], keys["dropout"])
        means = {name: total / jnp.maximum(count, 1) for name, (total, count) in terms.items()}
        return means["flow"] + c.length_weight * means["length"], (means, {})

    def evaluate(variables, batch):
        weight = batch["weight"][:, None].astype(jnp.int32)
        shown = {name: batch[name] * weight for name in ("segment", "text_segment")}
        return _terms(model, variables, batch | shown, jax.random.key(0), None)

    generator = Generator(model, None, words, coder, loaded, c.fold)

    def signed(variables, texts):
        return generate(generator._replace(variables=variables), texts, c.seed, sampler_of(c))

    return Task(init, loss, evaluate, *gpt.feeds(c, rows), gpt.watch(c, dev, signed))


def _terms(model, variables, batch, rng, dropout) -> dict:
    """Squared error of velocities and of the lengths' logarithms: {name: (sum, count)}.

    Args:
      model: the flow.
      variables: params and the statistics of the latents.
      batch: rows, see signjax.data.token_rows.TokenRows.
      rng: of noise and times; every clip of a row has a time of its own.
      dropout: key for training, None for evaluation.
    """
    train = dropout is not None
    rngs = {"dropout": dropout} if train else {}
    run = functools.partial(model.apply, {"params": variables["params"]}, train=train, rngs=rngs)
    own, belongs = batch["segment"], batch["text_segment"]
    mask = (own > 0) & ~batch["ends"]  # [B, W]
    memory = run(batch["text"], belongs > 0, belongs, batch["text_position"], method="encode_text")
    places, lengths = row_times.measure_row_times(batch, memory)
    latents = into(variables["latents"], batch["codes"])
    times, noises = jax.random.split(rng)
    # more noise than latents (Esser et al. 2024): there it is decided what is signed
    drawn = jax.nn.sigmoid(jax.random.normal(times, (own.shape[0], own.shape[1] + 1)) - 0.8)
    t = jnp.take_along_axis(drawn, own, axis=1)  # [B, W]
    noise = jax.random.normal(noises, latents.shape)
    z = t[..., None] * latents + (1 - t)[..., None] * noise
    clean = run(z, t, mask, memory, places, (own, belongs), method="predict_clean")
    wrong = ((clean - latents) / jnp.maximum(1 - t, LEAST)[..., None]) ** 2
    return {
        "flow": ((wrong.mean(-1) * mask).sum(), mask.sum()),
        "length": lengths,
    }


def load(workdir) -> Generator:
    """Loads a run for `sign`.

    Raises:
      StorageError: nothing was trained in workdir; the message has the command that does.
      ConfigError: its auto-encoder was trained again.
    """
    variables, _ = checkpoint.load_variables(workdir)
    c = run_config.load_config(f"{workdir}/config.json")
    words = text_encoder.load(workdir, c)
    folder = dependencies.find(workdir, "autoencoder", c.autoencoder)
    coder, loaded = coder_of(folder)
    dependencies.check(workdir, "autoencoder", folder, loaded.variables)
    model = build(c, words.size, variables["latents"]["deviation"].shape[0])
    return Generator(model, variables, words, coder, loaded, c.fold)


def sampler_of(c, **changes) -> Sampler:
    """The sampler of a config, with changes.

    Raises:
      ConfigError: there is no such solver, no step, or a change is not of a flow.
    """
    sampler = run_config.sampler(Sampler, c, changes)
    if sampler.solver not in SOLVERS or sampler.steps < 1 or sampler.max_tokens < 1:
        near = closest_match(sampler.solver, SOLVERS)
        near = f"did you mean {near}? " if near not in ("", sampler.solver) else ""
        take = f"give a solver of {', '.join(SOLVERS)}, and 1 or more steps and tokens"
        raise ConfigError(f"{sampler}: {near}{take}")
    return sampler


def sign(generator: Generator, texts, seed: int, sampler: Sampler, batch_size: int = 64):
    """Yields clips as soon as they are there, of the lengths that the texts are expected to take.

    A clip depends on its text, its place in `texts`, the seed and the sampler, and on nothing else.

    Args:
      generator: see `load`.
      texts: n texts.
      seed: decides the noise.
      sampler: how it becomes latents.
      batch_size: how many are sampled at once.

    Yields:
      (places in `texts`, a canonical pose [T, J, 3] for each).

    Raises:
      DataError: a text has nothing to sign in it.
    """
    compiled = generator.model, sampler.solver, sampler.guidance != 1
    for places, ids, known, keys in text_batches.batches(generator.words, texts, seed, batch_size):
        lengths = np.asarray(_lengths(generator.model, generator.variables, ids, known))
        lengths = np.clip(np.round(lengths).astype(int), 1, sampler.max_tokens)
        mask = np.arange(bucket(int(lengths.max()), (16, 32, 64, 96, 128, 192, 256))) < lengths[:, None]
        noise = _noise(keys, sampler.max_tokens, generator.model.dim)
        noise = np.pad(noise, ((0, 0), (0, max(0, mask.shape[1] - noise.shape[1])), (0, 0)))
        told = (ids, known), mask, noise[:, : mask.shape[1]]
        found = _integrate(*compiled, generator.variables, *told, sampler.steps, sampler.guidance)
        latents = [np.asarray(z[:n]) for z, n in zip(found, lengths[: len(places)], strict=False)]
        unfolded = [z.reshape(len(z) * generator.fold, -1) for z in latents]
        yield places, generator.coder.decode(generator.loaded, unfolded)


def generate(generator: Generator, texts, seed: int, sampler: Sampler, batch_size: int = 64) -> list:
    """The clips of `sign`, in the order of their texts."""
    return text_batches.gather(sign(generator, texts, seed, sampler, batch_size), len(texts))


def reconstruct(generator: Generator, pack) -> list[np.ndarray]:
    """Every clip of a pack through the auto-encoder: the best that any latents could give."""
    return generator.coder.reconstruct(generator.loaded, pack)


@functools.partial(jax.jit, static_argnums=0)
def _lengths(model, variables, ids, known):
    params = {"params": variables["params"]}
    return text_conditioning.expected_length(model.apply(params, ids, known, method="encode_text"))


@functools.partial(jax.jit, static_argnums=(1, 2))
def _noise(keys, length: int, dim: int):
    """A clip's own noise [B, length, dim], whatever it is batched with."""
    return jax.vmap(lambda key: jax.random.normal(key, (length, dim)))(keys)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _integrate(model, solver: str, guided: bool, variables, texts, mask, noise, steps, guidance):
    """Latents [B, N, dim] in their own units, from noise, by `steps` steps of equal size.

    Args:
      model: the flow.
      solver: see Sampler; it and `guided` are compiled in, steps and guidance are not.
      guided: whether guidance is not 1.
      variables: params and the statistics of the latents.
      texts: (ids [B, L] or features [B, L, F], mask [B, L]).
      mask: [B, N] positions.
      noise: [B, N, dim].
      steps: [] of the solver.
      guidance: [] scale.
    """
    run = functools.partial(model.apply, {"params": variables["params"]})
    ids, known = texts
    null = text_conditioning.null_text(ids), jnp.broadcast_to(jnp.arange(ids.shape[1]) == 0, known.shape)
    memories = [run(*t, method="encode_text") for t in ((ids, known), null)[: 1 + guided]]
    places = [text_conditioning.clip_times(mask, memory) for memory in memories]

    def speed(z, t):
        t = jnp.full(mask.shape, t)
        clean = [run(z, t, mask, *of, method="predict_clean") for of in zip(memories, places, strict=True)]
        return flow_transformer.compute_velocity(
            z, clean[-1] + guidance * (clean[0] - clean[-1]) if guided else clean[0], t
        )

    def step(k, z):
        t, h = k / steps, 1 / steps
        if solver == "midpoint":
            return z + h * speed(z + h / 2 * speed(z, t), t + h / 2)
        return z + h * speed(z, t)

    return out_of(variables["latents"], jax.lax.fori_loop(0, steps, step, noise))
