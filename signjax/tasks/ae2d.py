"""The planar auto-encoder as a task: windows of clips, x and y only, through a latent a frame.

Stage 1 of the seed's second line. The depth of 3-D data is dropped and learned again; 2-D data stay flat.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data import augmentation, loader, sources
from signjax.data import load as splits
from signjax.errors import ConfigError, DataError
from signjax.models import autoencoder2d
from signjax.pose import losses, skeleton
from signjax.pose.missing_joints import fill_missing_joints, joint_weights
from signjax.tasks.vqvae import dense, full_windows
from signjax.training import checkpoint, run_config
from signjax.training.task import Task


class Loaded(NamedTuple):
    """A trained auto-encoder, ready to use."""

    config: Any
    variables: dict
    stride: int  # frames a latent, 1
    encode: Callable  # (variables, pose [B, T, 50, 3], mask [B, T]) -> standardised latents [B, T, dim]
    decode: Callable  # (variables, latents [B, T, dim], mask [B, T]) -> pose [B, T, 50, 3]


def build(c) -> autoencoder2d.PlanarAutoEncoder:
    """The auto-encoder of a config: its `model` field.

    Raises:
      ConfigError: the latents are wider than what they encode.
    """
    if not 1 <= c.model.dim <= autoencoder2d.NUM_FEATURES:
        raise ConfigError(
            f"model.dim is {c.model.dim}; give 1 to {autoencoder2d.NUM_FEATURES}, the features of a frame"
        )
    return autoencoder2d.PlanarAutoEncoder(**c.model)


def load(workdir) -> Loaded:
    """Loads a trained auto-encoder; its functions are compiled once a shape.

    Raises:
      StorageError: nothing was trained in workdir; the message has the command that does.
    """
    variables, _ = checkpoint.load_variables(workdir)
    c = run_config.load_config(f"{workdir}/config.json")
    model = build(c)

    def encode(variables, pose, mask):
        return model.apply(variables, pose[..., :2], mask, method="encode")

    return Loaded(c, variables, 1, jax.jit(encode), jax.jit(functools.partial(model.apply, method="decode")))


def encode(loaded: Loaded, pack, batch_size: int = 16) -> list[np.ndarray]:
    """The latents [T, dim] of every clip of a pack, of mean 0 and variance 1 over the training data."""
    found: list = [None] * len(pack)
    for batch in loader.clips(pack, batch_size):
        latents = np.asarray(loaded.encode(loaded.variables, fill_missing_joints(batch), batch["mask"]))
        for row, clip in enumerate(batch["index"]):
            found[clip] = latents[row, : batch["mask"][row].sum()]
    return found


def decode(loaded: Loaded, latents, batch_size: int = 16) -> list[np.ndarray]:
    """Sequences of latents [T, dim] to canonical poses [T, 50, 3].

    Raises:
      DataError: latents of another width than the model's.
    """
    dim = loaded.config.model.dim
    for number, z in enumerate(latents):
        if np.shape(z)[1:] != (dim,):
            raise DataError(f"latents {number} have the shape {list(np.shape(z))}; give [T, {dim}]")
    poses: list = [None] * len(latents)
    sizes = np.array([sources.bucket(len(z)) for z in latents])
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        for chosen in np.split(members, range(batch_size, len(members), batch_size)):
            padded = np.zeros((batch_size, size, dim), np.float32)
            mask = np.zeros((batch_size, size), bool)
            for row, clip in enumerate(chosen):
                padded[row, : len(latents[clip])] = latents[clip]
                mask[row, : len(latents[clip])] = True
            found = np.asarray(loaded.decode(loaded.variables, padded, mask))
            for row, clip in enumerate(chosen):
                poses[clip] = found[row, : len(latents[clip])]
    return poses


def reconstruct(loaded: Loaded, pack) -> list[np.ndarray]:
    """Every clip of a pack, encoded and decoded: canonical poses [T, 50, 3]."""
    return decode(loaded, encode(loaded, pack))


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `model`, `loss`, `window`, `augment`."""
    del workdir
    train, dev = splits.load(c.data, "train"), splits.load(c.data, "dev")
    model = build(c)
    host = {"hosts": jax.process_count(), "host": jax.process_index()}
    crops = sources.Crops(train, c.window)
    transforms = [functools.partial(half, **c.augment)]
    start = linear_start(c.model.dim, full_windows(crops))

    def init(rng, batch):
        variables = model.init(rng, flat(batch), batch["mask"])
        params = variables["params"]
        params = {name: params[name] | start[name] for name in params}
        return {"params": params, "statistics": start["statistics"]}

    def loss(variables, batch, rng, step):
        del step
        counted = batch["mask"] & batch["own"][:, None]
        pose, changed = model.apply(
            variables, flat(batch), batch["mask"], counted, mutable=["statistics"], rngs={"noise": rng}
        )
        terms = losses.reconstruction(pose, batch["pose"], joint_weights(batch), c.loss)
        return terms.pop("loss"), (terms, changed)

    def evaluate(variables, batch):
        pose = model.apply(variables, flat(batch), batch["mask"])
        valid = joint_weights(batch) * batch["weight"][:, None, None]
        planar = losses.errors(pose[..., :2], batch["pose"][..., :2], valid, batch["scale"])
        return losses.errors(pose, batch["pose"], valid, batch["scale"]) | {"mpjpe_xy": planar["mpjpe"]}

    def batches(start):
        return loader.stream(crops, c.batch_size, c.seed, start, transforms=transforms, **host)

    def eval_batches():
        for batch in loader.clips(dev, c.eval_batch_size, **host):
            yield batch | {"scale": dev.placements.scale[batch["index"]]}

    return Task(init, loss, evaluate, batches, eval_batches)


def half(example, rng, **how):
    """Half of the windows as they are, "own" True, half as other signers would move (`augment_signer`).

    The latents' statistics are those of the data, so they count the first half only.
    """
    own = rng.random() < 0.5
    return (example if own else augmentation.augment_signer(example, rng, **how)) | {"own": np.bool_(own)}


def linear_start(dim: int, pose) -> dict:
    """Params of the linear paths, and the statistics of their latents: principal components of poses.

    As in the tokenizer, training begins at the best linear code there is. Components are those of joints,
    hands relative to their wrists, since that is what errors are measured in; a random turn gives every
    latent about the same variance, so that standardised latents are as far apart as their poses are. Depths
    begin as what is linear in the latents.

    Args:
      dim: of the latents.
      pose: [n, W, 50, 3] canonical windows.
    """
    # joints are linear in the features: y = features @ carry
    carry = _joints(autoencoder2d.features_to_points(jnp.eye(autoencoder2d.NUM_FEATURES)))
    y = _joints(pose[..., :2])
    centre = y.mean(0)
    _, basis = np.linalg.eigh(np.cov(y - centre, rowvar=False))
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))
    basis = basis[:, ::-1][:, :dim] @ turn  # [100, dim]
    back = np.linalg.inv(carry)
    latents = (y - centre) @ basis
    deep = np.asarray(autoencoder2d.z_to_depth_features(pose[..., 2]), np.float64).reshape(
        -1, autoencoder2d.NUM_DEPTH_FEATURES
    )
    slope = np.linalg.lstsq(latents, deep - deep.mean(0), rcond=None)[0]  # [dim, 50]
    linear = {
        "codec": {
            "linear_in": dense(carry @ basis, -centre @ basis),
            "linear_out": dense(basis.T @ back, centre @ back),
        },
        "lifted": {"linear": dense(slope, deep.mean(0))},
    }
    statistics = {"mean": np.zeros(dim), "square": (latents**2).mean(0)}
    return linear | {"statistics": jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), statistics)}


def flat(batch):
    """Poses [B, T, 50, 2] of a batch without depth, missing joints on their parents."""
    return fill_missing_joints(batch)[..., :2]


def _joints(pose):
    """Joints [..., 50, 2] of body and of hands relative to their wrists as rows [n, 100] float64."""
    parts = [pose[..., skeleton.BODY, :], losses.relative_hands(pose)]
    return np.asarray(jnp.concatenate(parts, axis=-2), np.float64).reshape(-1, autoencoder2d.NUM_FEATURES)
