"""Training of tokenizers, and of auto-encoders of the same architecture, on windows of clips.

Poses have J joints: 120 if the layout has a face, else the 50 of body and hands.
"""

import functools

import jax
import numpy as np

from signjax.data import augmentation, sources
from signjax.inference import codebook_use
from signjax.inference.pose_codec import load_codec_split
from signjax.inference.pose_tokenizer import PoseTokenizer
from signjax.models import build, linear_start
from signjax.pose import losses
from signjax.pose.missing_joints import fill_missing_joints, joint_weights, loss_weights
from signjax.tasks import batches
from signjax.training import data_rate, data_record
from signjax.training.task import Task


def make_task(config, workdir) -> Task:
    """The task of a config; reads `data`, `layout`, `model`, `quantizer`, `loss`, `window`, `augment`.

    Raises:
      ConfigError: the run began with other data, or the config contradicts itself.
      DataError: the data cannot be used, or have no faces and the layout has one.
    """
    model = build.build_tokenizer(config)
    train, dev = (load_codec_split(config, config.data, split) for split in ("train", "dev"))
    data_record.record_data(workdir, config.data.root, train, dev)
    data_rate.record_rate(workdir, train.fps)
    crops = sources.Crops(train, config.window)
    augment = functools.partial(augmentation.augment_signer, **config.augment)

    # Of whole clips, though training has windows: that is how tokenizers are used.
    def evaluate_batch(variables, batch):
        out = model.apply(variables, fill_missing_joints(batch), batch["mask"])
        valid = joint_weights(batch) * batch["weight"][:, None, None]
        return losses.reconstruction_errors(out.pose, batch["pose"], valid, batch["scale"])

    return Task(
        init=_make_init(config, model, crops),
        loss=_make_loss(config, model),
        evaluate=evaluate_batch,
        batches=batches.stream_windows(crops, config, [augment]),
        eval_batches=batches.iterate_dev_clips(dev, config),
        finish=None if config.quantizer.kind == "kl" else _make_finish(config, dev),
    )


def _make_init(config, model, crops: sources.Crops):
    start = {}
    # Only the convolutional tokenizer has linear paths to start at principal components.
    if config.model.kind == "conv":
        start = linear_start.start_tokenizer(config, batches.sample_full_windows(crops))

    def init_variables(rng, batch):
        keys = dict(zip(("params", "quantize"), jax.random.split(rng), strict=True))
        variables = model.init(keys, batch["pose"], batch["mask"])
        params = variables["params"]
        return {**variables, "params": params | {name: params[name] | start[name] for name in start}}

    return init_variables


def _make_loss(config, model):
    def compute_loss(variables, batch, rng, step):
        del step
        pose, mask = fill_missing_joints(batch), batch["mask"]
        out, changed = model.apply(
            variables, pose, mask, train=True, mutable=["codebook"], rngs={"quantize": rng}
        )
        terms = losses.reconstruction_losses(out.pose, pose, loss_weights(batch), config.loss)
        total = terms.pop("loss") + out.loss
        return total, (terms | {"commitment": out.loss}, changed)

    return compute_loss


def _make_finish(config, dev):
    tokenizer = PoseTokenizer.from_config(config)

    def measure_use(variables, evals):
        del evals
        codes = tokenizer.with_variables(variables).encode(dev, config.eval_batch_size)
        return codebook_use.measure_use(np.concatenate(codes), config)

    return measure_use
