"""Training of the planar auto-encoder: x and y of windows of clips, encoded to one latent for each frame.

This is stage 1 of the original project's second line of models. The auto-encoder does not see the depth of
3-D data and learns to predict it; 2-D data stay flat.
"""

import functools

import numpy as np

from signjax.data import augmentation, load, sources
from signjax.models import build, linear_start
from signjax.pose import losses
from signjax.pose.missing_joints import fill_missing_joints, joint_weights, loss_weights
from signjax.tasks import batches
from signjax.training import data_rate, data_record
from signjax.training.task import Task


def make_task(config, workdir) -> Task:
    """The task of a config; reads `data`, `model`, `loss`, `window`, `augment`.

    Raises:
      ConfigError: the run began with other data, or the latents are wider than what they encode.
      DataError: the data cannot be used.
    """
    train, dev = (load.load_configured_split(config.data, split) for split in ("train", "dev"))
    data_record.record_data(workdir, config.data.root, train, dev)
    data_rate.record_rate(workdir, train.fps)
    model = build.build_autoencoder2d(config)
    crops = sources.Crops(train, config.window)
    # A start at the best linear code: the network then only has to improve on principal components.
    start = linear_start.start_autoencoder2d(config.model.dim, batches.sample_full_windows(crops))

    def init_variables(rng, batch):
        variables = model.init(rng, drop_depth(batch), batch["mask"])
        params = variables["params"]
        params = {name: params[name] | start[name] for name in params}
        return {"params": params, "statistics": start["statistics"]}

    def compute_loss(variables, batch, rng, step):
        del step
        # Only windows as recorded: a flow needs latents of variance 1 over the data, not over augmented data.
        counted = batch["mask"] & batch["as_recorded"][:, None]
        target = fill_missing_joints(batch)
        pose, changed = model.apply(
            variables, drop_depth(batch), batch["mask"], counted, mutable=["statistics"], rngs={"noise": rng}
        )
        terms = losses.reconstruction_losses(pose, target, loss_weights(batch), config.loss)
        return terms.pop("loss"), (terms, changed)

    def evaluate_batch(variables, batch):
        pose = model.apply(variables, drop_depth(batch), batch["mask"])
        valid = joint_weights(batch) * batch["weight"][:, None, None]
        # Beside the error in space, because it alone is of what the model sees: depth is a prediction.
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
    """Leaves a window as it is with probability 1/2 ("as_recorded" True), else augments the signer.

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
    # Filled in space first, as inference does (signjax.inference.pose_codec.PoseCodec.encode).
    return fill_missing_joints(batch)[..., :2]
