"""Training of the flow: the latents of clips from their texts, by flow matching.

The latents are those of a trained auto-encoder, `configs/vqvae.py:kl` or `configs/ae2d.py`; `fold` latents
share one position of the flow.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data.packed_dataset import PackedDataset
from signjax.data.token_rows import TokenRows
from signjax.inference.latent_space import fit_latent_space, to_latent_space
from signjax.inference.load import load_autoencoder
from signjax.inference.text_to_pose import TextToPose, build_text_to_pose
from signjax.tasks import batches
from signjax.tasks.preview import make_preview
from signjax.tasks.row_times import measure_row_times
from signjax.tasks.token_run import drop_texts
from signjax.tasks.training_rows import prepare_training_rows
from signjax.training import dependencies
from signjax.training.task import Task

# Lower bound of 1 - t, by which the loss divides. Without one, details that only the last bit of noise hides
# would count for more than what is signed.
LEAST = 0.5


class LatentRun(NamedTuple):
    """A flow that is to be trained, and its data."""

    generator: TextToPose  # without variables
    train: TokenRows
    dev: TokenRows
    dev_clips: PackedDataset
    space: dict  # of the latents, see signjax.inference.latent_space


def make_task(config, workdir) -> Task:
    """The task of a config; reads `model`, the rates, and what `prepare_latent_run` names."""
    run = prepare_latent_run(config, workdir)
    model, space = run.generator.model, run.space
    spans = run.generator.text_encoder.condition_spans

    def init_variables(rng, batch):
        mask = batch["segment"] > 0
        t = jnp.zeros(mask.shape)
        z, texts = to_latent_space(space, batch["codes"]), (batch["text"], batch["text_segment"] > 0)
        params = model.init(rng, z, t, mask, *texts)["params"]
        # The space is saved with the parameters: they mean nothing in another one.
        return {"params": params, "latents": jax.tree.map(jnp.asarray, space)}

    def compute_loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "text", "noise"), jax.random.split(rng, 3), strict=True))
        batch = drop_texts(batch, keys["text"], config.text_dropout, spans)
        terms = losses_and_metrics(model, variables, batch, keys["noise"], keys["dropout"])
        means = batches.mean_terms(terms)
        return means["flow"] + config.length_weight * means["length"], (means, {})

    def evaluate_batch(variables, batch):
        weight = batch["weight"][:, None].astype(jnp.int32)
        # Rows of weight 0 only fill the batch: neither their clips nor the lengths of their texts may count.
        batch = batch | {name: batch[name] * weight for name in ("segment", "text_segment")}
        # The same noise and times at every evaluation, so that their losses can be compared.
        return losses_and_metrics(model, variables, batch, jax.random.key(0), None)

    return Task(
        init=init_variables,
        loss=compute_loss,
        evaluate=evaluate_batch,
        batches=batches.stream_rows(config, run.train),
        eval_batches=batches.iterate_dev_rows(config, run.dev),
        finish=make_preview(run.generator, run.dev_clips),
    )


def prepare_latent_run(config, workdir) -> LatentRun:
    """Loads auto-encoder and data of a config, and encodes the data unless that was done before.

    Args:
      config: reads `data`, `autoencoder`, `fold`, `text`, `versions`, `tempo`.
      workdir: of the run; vocabulary and latents are saved there.

    Raises:
      ConfigError: the auto-encoder has no continuous latents, or it or the data are not those that
        the run began with.
      DataError: the data cannot be used.
    """
    folder = dependencies.find_to_train_on(workdir, "autoencoder", config.autoencoder)
    codec = load_autoencoder(folder)
    # Before anything is encoded: a run that resumes with another auto-encoder is refused here.
    dependencies.record_dependency(workdir, "autoencoder", folder, codec.variables)
    rows = prepare_training_rows(config, workdir, codec, folder, "latents", config.fold)
    # Version 0 alone: clips as recorded, each once.
    space = fit_latent_space(np.concatenate(rows.train.codes[0]))
    generator = build_text_to_pose(config, rows.text_encoder, codec, dim=len(space["deviation"]))
    return LatentRun(generator, rows.train, rows.dev, rows.dev_clips, space)


def losses_and_metrics(model, variables, batch, rng, dropout) -> dict:
    """Squared errors of velocities and of the logarithms of lengths: {name: (sum, count)}.

    Args:
      model: the flow.
      variables: params and the space of the latents.
      batch: rows, see signjax.data.token_rows.TokenRows.
      rng: of noise and flow times; the clips of a row have different times.
      dropout: key for training, None for evaluation.
    """
    train = dropout is not None
    rngs = {"dropout": dropout} if train else {}
    run = functools.partial(model.apply, {"params": variables["params"]}, train=train, rngs=rngs)
    segments, text_segments = batch["segment"], batch["text_segment"]
    mask = (segments > 0) & ~batch["ends"]  # [B, W]
    text = batch["text"], text_segments > 0, text_segments, batch["text_position"]
    encoded = run(*text, method="encode_text")
    times, lengths = measure_row_times(batch, encoded)
    latents = to_latent_space(variables["latents"], batch["codes"])
    time_rng, noise_rng = jax.random.split(rng)
    t = _draw_times(time_rng, segments)
    noise = jax.random.normal(noise_rng, latents.shape)
    z = t[..., None] * latents + (1 - t)[..., None] * noise
    clean = run(z, t, mask, encoded, times, (segments, text_segments), method="predict_clean")
    # The network predicts clean latents; their error over 1 - t is that of the velocity.
    error = ((clean - latents) / jnp.maximum(1 - t, LEAST)[..., None]) ** 2
    return {
        "flow": ((error.mean(-1) * mask).sum(), mask.sum()),
        "length": lengths,
    }


def _draw_times(rng, segments):
    """Draws flow times [B, W] between noise, 0, and latents, 1: one time for each clip of a row."""
    # A logit-normal distribution (Esser et al. 2024) that prefers noise: there it is decided what is signed.
    # As many times as a row can have clips, and one for its padding.
    drawn = jax.nn.sigmoid(jax.random.normal(rng, (segments.shape[0], segments.shape[1] + 1)) - 0.8)
    return jnp.take_along_axis(drawn, segments, axis=1)
