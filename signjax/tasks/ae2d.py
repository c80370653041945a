"""Training of the planar auto-encoder: windows of clips, x and y only, through a latent a frame.

Stage 1 of the seed's second line. The depth of 3-D data is dropped and learned again; 2-D data stay flat.
"""

import functools

import numpy as np

from signjax.data import augmentation, load, sources
from signjax.models import build, linear_start
from signjax.pose import losses
from signjax.pose.missing_joints import fill_missing_joints, joint_weights
from signjax.tasks import batches
from signjax.training.task import Task


def make_task(config, workdir) -> Task:
    """The task of a config; reads `data`, `model`, `loss`, `window`, `augment`.

    Raises:
      ConfigError: the latents are wider than what they encode.
      DataError: the data cannot be used.
    """
    del workdir
    train, dev = (load.load_configured_split(config.data, split) for split in ("train", "dev"))
    model = build.build_autoencoder2d(config)
    crops = sources.Crops(train, config.window)
    start = linear_start.start_autoencoder2d(config.model.dim, batches.sample_full_windows(crops))

    def init_variables(rng, batch):
        variables = model.init(rng, drop_depth(batch), batch["mask"])
        params = variables["params"]
        params = {name: params[name] | start[name] for name in params}
        return {"params": params, "statistics": start["statistics"]}

    def compute_loss(variables, batch, rng, step):
        del step
        # Only windows as they were recorded enter the statistics of the latents.
        counted = batch["mask"] & batch["as_recorded"][:, None]
        pose, changed = model.apply(
            variables, drop_depth(batch), batch["mask"], counted, mutable=["statistics"], rngs={"noise": rng}
        )
        terms = losses.reconstruction_losses(pose, batch["pose"], joint_weights(batch), config.loss)
        return terms.pop("loss"), (terms, changed)

    def evaluate_batch(variables, batch):
        pose = model.apply(variables, drop_depth(batch), batch["mask"])
        valid = joint_weights(batch) * batch["weight"][:, None, None]
        planar = losses.reconstruction_errors(pose[..., :2], batch["pose"][..., :2], valid, batch["scale"])
        return losses.reconstruction_errors(pose, batch["pose"], valid, batch["scale"]) | {
            "mpjpe_xy": planar["mpjpe"]
        }

    augment = functools.partial(augment_half, **config.augment)
    return Task(
        init=init_variables,
        loss=compute_loss,
        evaluate=evaluate_batch,
        batches=batches.stream_windows(crops, config, [augment]),
        eval_batches=batches.iterate_dev_clips(dev, config),
    )


def augment_half(example, rng, **signer):
    """Half of the windows as they are, "as_recorded" True; half as other signers would move.

    The latents' statistics are those of the data, so they count the first half only.

    Args:
      example: see signjax.data.augmentation.augment_signer.
      rng: a numpy generator.
      **signer: its other arguments.
    """
    as_recorded = rng.random() < 0.5
    moved = example if as_recorded else augmentation.augment_signer(example, rng, **signer)
    return moved | {"as_recorded": np.bool_(as_recorded)}


def drop_depth(batch):
    """Poses [B, T, 50, 2] of a batch without depth, missing joints on their parents."""
    return fill_missing_joints(batch)[..., :2]
