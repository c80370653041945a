"""Training of the encoder behind the Fréchet gesture distance (signjax.metrics.motion_features).

A plain auto-encoder of poses ignores jitter, since it moves no joint far; Fréchet distances on its features
then favour motion that trembles or is too smooth. So these features also have to predict how much moves
(`energy` of the model), and training includes other tempi, noise and smoothing (`perturb_window`).
"""

import functools
import math

import jax.numpy as jnp
import numpy as np

from signjax.data import augmentation, load, sources
from signjax.metrics.frechet import WINDOW
from signjax.models import motion_encoder as models
from signjax.models.vqvae import hold_last_frame
from signjax.pose import losses
from signjax.pose.missing_joints import fill_missing_joints
from signjax.tasks import batches
from signjax.training import data_record
from signjax.training.task import Task


def make_task(config, workdir) -> Task:
    """The task of a config; reads `data`, `model`, `loss`, `augment` and `disturb`.

    Raises:
      ConfigError: the run began with other data.
      DataError: the data cannot be used.
    """
    train, dev = (load.load_configured_split(config.data, split) for split in ("train", "dev"))
    data_record.record_data(workdir, config.data.root, train, dev)
    model = build_autoencoder(config)
    # At the fastest tempo a window takes this many frames of a clip.
    crops = sources.Crops(train, math.ceil(WINDOW * config.disturb.tempo))
    transforms = [
        functools.partial(augmentation.augment_signer, **config.augment),
        functools.partial(perturb_window, **config.disturb),
    ]

    def init_variables(rng, batch):
        return model.init(rng, batch["pose"][:, :WINDOW])

    def compute_loss(variables, batch, rng, step):
        del step
        pose = fill_missing_joints(batch)
        out, changed = model.apply(variables, pose, True, mutable=["batch_stats"], rngs={"noise": rng})
        terms = losses.reconstruction_losses(out.pose, pose, _count_all_joints(batch), config.loss)
        # Of the window as the encoder sees it, noisy or smoothed: that is what the features have to tell.
        error = jnp.abs(out.energy - models.motion_energy(pose)).mean()
        return terms.pop("loss") + config.loss.energy * error, (terms | {"energy": error}, changed)

    def evaluate_batch(variables, batch):
        # A clip shorter than a window ends with its last frame repeated, as the metric has it.
        pose, weight = hold_last_frame(fill_missing_joints(batch), batch["mask"]), batch["weight"]
        out = model.apply(variables, pose)
        valid = _count_all_joints(batch) * weight[:, None, None]
        error = jnp.abs(out.energy - models.motion_energy(pose)).mean(-1)
        pairs = losses.reconstruction_errors(out.pose, pose, valid, jnp.ones_like(weight))
        return pairs | {"energy": ((error * weight).sum(), weight.sum())}

    return Task(
        init=init_variables,
        loss=compute_loss,
        evaluate=evaluate_batch,
        batches=batches.stream_windows(crops, config, transforms),
        eval_batches=batches.iterate_dev_rows(config, sources.Crops(dev, WINDOW)),
    )


def build_autoencoder(config) -> models.MotionAutoEncoder:
    """Builds the auto-encoder of a config."""
    return models.MotionAutoEncoder(frames=WINDOW, **config.model)


def perturb_window(example, rng, *, tempo, noise, smooth):
    """Cuts WINDOW frames at a random tempo; with probability 1/4 adds noise, with 1/4 smooths too much.

    Args:
      example: {"pose" [frames, 50, 3], "mask" [frames], "valid" [frames, 50] if joints are missing}, at least
        WINDOW * tempo frames, of which a short clip has fewer in the mask.
      rng: a numpy generator.
      tempo: largest factor of the speed; its inverse is the smallest.
      noise: largest standard deviation of white noise, in neck-to-shoulder lengths.
      smooth: largest standard deviation of the Gaussian filter, in frames.

    Returns:
      {"pose" [WINDOW, 50, 3], "valid" [WINDOW, 50] if the example has it}; a short clip's last frame is
      repeated.
    """
    last, factor = int(example["mask"].sum()) - 1, tempo ** rng.uniform(-1, 1)
    # Anywhere in the clip where the window fits at this tempo.
    start = rng.uniform(0, max(last - factor * (WINDOW - 1), 0))
    times = np.minimum(start + factor * np.arange(WINDOW), last)
    low, high = np.floor(times).astype(int), np.ceil(times).astype(int)
    share = (times - low).astype(np.float32)[:, None, None]
    pose = (1 - share) * example["pose"][low] + share * example["pose"][high]
    # Of four windows two stay clean, so that features are mostly those of good motion.
    kind = rng.integers(4)
    if kind == 0:
        pose = pose + (noise * rng.random() * rng.normal(size=pose.shape)).astype(np.float32)
    valid = example["valid"][low] & example["valid"][high] if "valid" in example else None
    # The least width keeps the Gaussian from a division by zero.
    if kind == 1:
        pose = _smooth_over_time(pose, valid, smooth * rng.random() + 1e-3)
    return {"pose": pose} if valid is None else {"pose": pose, "valid": valid}


def _smooth_over_time(pose, valid, spread: float):
    """Smooths poses [W, 50, 3] over time with a Gaussian filter that leaves missing joints out."""
    away = np.subtract.outer(np.arange(len(pose)), np.arange(len(pose))) / spread
    filters = np.exp(-(away**2) / 2)
    filters = (filters / filters.sum(1, keepdims=True)).astype(np.float32)
    if valid is None:
        return np.tensordot(filters, pose, 1)
    seen = valid[..., None].astype(np.float32)
    return np.tensordot(filters, pose * seen, 1) / np.maximum(np.tensordot(filters, seen, 1), 1e-6)


def _count_all_joints(batch):
    """Weights [B, W, 50] of joints, all 1: missing joints lie on their parents and are encoded, too."""
    return jnp.ones(batch["pose"].shape[:-1], jnp.float32)
