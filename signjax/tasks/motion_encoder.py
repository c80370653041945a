"""The encoder behind the Fréchet gesture distance: trained as an auto-encoder, shipped, loaded, used.

Auto-encoders of poses let jitter pass unseen, since it moves no joint far, and Fréchet distances on their
features praise motion that trembles or is too smooth. So these features have to give back how much moves,
too (`energy` of the model), and training shows them other tempi, noise and smoothing (`disturb`).
"""

import functools
import io
import json
import math
import pathlib
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from signjax.data import augmentation, loader, sources
from signjax.data import load as splits
from signjax.errors import StorageError
from signjax.io import safe_read
from signjax.io.digest import digest_arrays
from signjax.io.safe_numpy import read_arrays
from signjax.io.safe_read import InvalidFileError
from signjax.metrics.frechet import HOP, WINDOW, window_frames
from signjax.models import motion_encoder as models
from signjax.models.vqvae import hold_last_frame
from signjax.pose import losses
from signjax.pose.clip import Clip
from signjax.pose.missing_joints import fill_missing_joints
from signjax.training.task import Task

SHIPPED = pathlib.Path(__file__).with_name("motion_encoder.npz")
LARGEST = 1024  # size of a model that may be asked for
BATCH = 128  # windows encoded at once; always as many, so that the company changes nothing


class Encoder(NamedTuple):
    """A trained encoder, ready to use."""

    digest: str  # sha256 of all that it consists of
    size: int  # d
    encode: Callable  # pose [BATCH, W, 50, 3], no joint missing -> features [BATCH, d]


def load(path=SHIPPED) -> Encoder:
    """Loads an encoder that `to_bytes` wrote; the one that came with signjax unless told otherwise.

    Raises:
      StorageError: the file is missing, damaged, or for windows of other lengths.
    """
    try:
        held = read_arrays(path)
        stored = str(held.pop("digest", ""))
        if stored != digest_arrays(held):
            raise InvalidFileError(f"its content does not have the digest {stored[:12]!r}")
        model, variables = _model(held)
    except InvalidFileError as e:
        raise StorageError(f"{path}: cannot be read as a motion encoder ({e}); {_ADVICE}") from None
    return Encoder(stored, model.features, jax.jit(functools.partial(model.apply, variables)))


def _model(held: dict):
    """The model and the weights of what `to_bytes` wrote; InvalidFileError if they do not fit together."""
    about = safe_read.parse_object(str(held.pop("about", "")).encode())
    if (about.get("window"), about.get("hop")) != (WINDOW, HOP):
        raise InvalidFileError(f"window and hop are not {WINDOW} and {HOP}")
    sizes = about.get("model")
    if not isinstance(sizes, dict) or not all(type(n) is int and 0 < n <= LARGEST for n in sizes.values()):
        raise InvalidFileError("its model has no sizes")
    if not all(x.dtype.kind == "f" and np.isfinite(x).all() for x in held.values()):
        raise InvalidFileError("its weights are not finite numbers")
    variables = {name: jnp.asarray(x, jnp.float32) for name, x in held.items()}
    try:
        model = models.MotionEncoder(**sizes)
        wanted = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, WINDOW, 50, 3)))
    except Exception as e:  # flax and jax raise nearly anything at sizes that cannot be
        raise InvalidFileError(f"its model cannot be built: {safe_read.reason(e)}") from None
    shapes = {name: x.shape for name, x in traverse_util.flatten_dict(wanted, sep="/").items()}
    if shapes != {name: x.shape for name, x in variables.items()}:
        raise InvalidFileError("its weights are not those of its model")
    return model, traverse_util.unflatten_dict(variables, sep="/")


_fill = jax.jit(fill_missing_joints)
_ADVICE = "install signjax anew, or write it: python -m signjax.tools.motion_encoder RUN"


def features(encoder: Encoder, clips: list[Clip]) -> list[np.ndarray]:
    """Features of the windows of each clip.

    Args:
      encoder: see `load`.
      clips: of at least one frame each.

    Returns:
      [w, d] float64 of each clip, with w as signjax.metrics.frechet.window_frames cuts it.
    """
    if not clips:
        return []
    frames = [window_frames(len(clip)) for clip in clips]
    bodies = [(clip.without_face().move_to(), index) for clip, index in zip(clips, frames, strict=True)]
    pose = np.concatenate([body.points[index] for body, index in bodies])
    valid = np.concatenate([body.valid[index] for body, index in bodies])
    found = []
    for start in range(0, len(pose), BATCH):
        rows = np.minimum(np.arange(start, start + BATCH), len(pose) - 1)
        batch = {"pose": pose[rows], "valid": valid[rows]}
        found.append(encoder.encode(batch["pose"] if batch["valid"].all() else _fill(batch)))
    found = np.concatenate(found)[: len(pose)].astype(np.float64)
    return np.split(found, np.cumsum([len(index) for index in frames])[:-1])


def to_bytes(c, variables) -> bytes:
    """A trained run's encoder as an .npz file: float16 weights, what it was made for, and its digest.

    Args:
      c: the run's config.
      variables: of the whole auto-encoder.

    Raises:
      StorageError: weights do not fit into float16.
    """
    parts = {name: variables[name]["encoder"] for name in ("params", "batch_stats")}
    arrays = {
        name: np.asarray(x).astype(np.float16)
        for name, x in sorted(traverse_util.flatten_dict(parts, sep="/").items())
    }
    wrong = [name for name, x in arrays.items() if not np.isfinite(x).all()]
    if wrong:
        raise StorageError(f"{wrong[0]} has values that are not finite in float16; train again")
    model = {name: c.model[name] for name in ("stride", "width", "depth", "features")}
    arrays["about"] = np.array(json.dumps({"window": WINDOW, "hop": HOP, "model": model}))
    buffer = io.BytesIO()
    np.savez(buffer, digest=np.array(digest_arrays(arrays)), **arrays)
    return buffer.getvalue()


def build(c) -> models.MotionAutoEncoder:
    """The auto-encoder of a config: its `model` field."""
    return models.MotionAutoEncoder(frames=WINDOW, **c.model)


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `model`, `loss`, `augment` and `disturb`."""
    del workdir
    train, dev = splits.load(c.data, "train"), splits.load(c.data, "dev")
    model = build(c)
    host = {"hosts": jax.process_count(), "host": jax.process_index()}
    crops = sources.Crops(train, math.ceil(WINDOW * c.disturb.tempo))
    transforms = [
        functools.partial(augmentation.augment_signer, **c.augment),
        functools.partial(disturb, **c.disturb),
    ]

    def init(rng, batch):
        return model.init(rng, batch["pose"][:, :WINDOW])

    def loss(variables, batch, rng, step):
        del step
        pose = fill_missing_joints(batch)
        out, changed = model.apply(variables, pose, True, mutable=["batch_stats"], rngs={"noise": rng})
        terms = losses.reconstruction(out.pose, pose, _all(batch), c.loss)
        wrong = jnp.abs(out.energy - models.motion_energy(pose)).mean()
        return terms.pop("loss") + c.loss.energy * wrong, (terms | {"energy": wrong}, changed)

    def evaluate(variables, batch):
        pose, weight = hold_last_frame(fill_missing_joints(batch), batch["mask"]), batch["weight"]
        out = model.apply(variables, pose)
        valid = _all(batch) * weight[:, None, None]
        wrong = jnp.abs(out.energy - models.motion_energy(pose)).mean(-1)
        pairs = losses.errors(out.pose, pose, valid, jnp.ones_like(weight))
        return pairs | {"energy": ((wrong * weight).sum(), weight.sum())}

    def batches(start):
        return loader.stream(crops, c.batch_size, c.seed, start, transforms=transforms, **host)

    def eval_batches():
        return loader.once(sources.Crops(dev, WINDOW), c.eval_batch_size, **host)

    return Task(init, loss, evaluate, batches, eval_batches)


def disturb(example, rng, *, tempo, noise, smooth):
    """A window of WINDOW frames at another tempo; of four, one is made noisy and one too smooth.

    Args:
      example: {"pose" [frames, 50, 3], "mask" [frames], "valid" perhaps} of WINDOW * tempo frames, or fewer
        in the mask.
      rng: a numpy generator.
      tempo: largest factor of the speed, and its inverse the smallest.
      noise: largest standard deviation of white noise, in neck-to-shoulder lengths.
      smooth: largest standard deviation of the Gaussian filter, in frames.

    Returns:
      {"pose" [WINDOW, 50, 3], "valid" [WINDOW, 50] if it was there}; the last frame is held after the end.
    """
    last, factor = int(example["mask"].sum()) - 1, tempo ** rng.uniform(-1, 1)
    start = rng.uniform(0, max(last - factor * (WINDOW - 1), 0))
    times = np.minimum(start + factor * np.arange(WINDOW), last)
    low, high = np.floor(times).astype(int), np.ceil(times).astype(int)
    share = (times - low).astype(np.float32)[:, None, None]
    pose = (1 - share) * example["pose"][low] + share * example["pose"][high]
    kind = rng.integers(4)
    if kind == 0:
        pose = pose + (noise * rng.random() * rng.normal(size=pose.shape)).astype(np.float32)
    valid = example["valid"][low] & example["valid"][high] if "valid" in example else None
    if kind == 1:
        pose = _smooth(pose, valid, smooth * rng.random() + 1e-3)
    return {"pose": pose} if valid is None else {"pose": pose, "valid": valid}


def _smooth(pose, valid, spread: float):
    """Poses [W, 50, 3] through a Gaussian filter over time; joints that are missing do not enter it."""
    away = np.subtract.outer(np.arange(len(pose)), np.arange(len(pose))) / spread
    filters = np.exp(-(away**2) / 2)
    filters = (filters / filters.sum(1, keepdims=True)).astype(np.float32)
    if valid is None:
        return np.tensordot(filters, pose, 1)
    seen = valid[..., None].astype(np.float32)
    return np.tensordot(filters, pose * seen, 1) / np.maximum(np.tensordot(filters, seen, 1), 1e-6)


def _all(batch):
    """All joints count, [B, W, 50]: those that are missing lie on their parents and are as well encoded."""
    return jnp.ones(batch["pose"].shape[:-1], jnp.float32)
