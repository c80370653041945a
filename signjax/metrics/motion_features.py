"""Features of motion for the Fréchet gesture distance and diversity, by an encoder that comes with signjax.

signjax.tasks.motion_encoder trains the encoder. Scores by different encoders cannot be compared, so the
encoder's digest stands in the signature of every score that is made with it.
"""

import functools
import io
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import traverse_util

from signjax.errors import StorageError
from signjax.io import machine_errors, safe_read
from signjax.io.digest import digest_arrays
from signjax.io.safe_numpy import read_arrays
from signjax.io.safe_read import InvalidFileError
from signjax.metrics.frechet import HOP, WINDOW, split_windows
from signjax.models import motion_encoder as models
from signjax.pose.clip import Clip
from signjax.pose.missing_joints import fill_missing_joints
from signjax.pose.skeleton import NUM_JOINTS

SHIPPED_FILE = pathlib.Path(__file__).with_name("motion_encoder.npz")
# Of each number that a file says of its model: a file must not make us build one that fills the memory.
MAX_MODEL_SIZE = 1024
# Windows are encoded so many at once, and always as many: another batch size is another program, whose
# rounding differs, and a clip's features must not depend on the clips beside it.
BATCH = 128
_ADVICE = "install signjax anew, or write it: python -m signjax.tools.motion_encoder RUN"


class FeatureExtractor(NamedTuple):
    """A trained encoder of windows of motion."""

    digest: str  # sha256 of all that it consists of
    size: int  # D, features of a window
    encode: Callable  # canonical poses [BATCH, WINDOW, 50, 3] without missing joints -> features [BATCH, D]


def load_extractor(path=SHIPPED_FILE) -> FeatureExtractor:
    """Loads an encoder that `serialize_extractor` wrote; without a path the one that comes with signjax.

    Raises:
      StorageError: the file is missing or damaged, or its encoder is for windows of other lengths.
    """
    try:
        arrays = read_arrays(path)
        # Scores quote the digest: an encoder that was changed must not pass for the one it was.
        digest = str(arrays.pop("digest", ""))
        if digest != digest_arrays(arrays):
            raise InvalidFileError(f"its content does not have the digest {digest[:12]!r}")
        model, variables = _restore_model(arrays)
    except InvalidFileError as error:
        advice = machine_errors.choose_advice(error, _ADVICE)
        raise StorageError(f"{path}: cannot be read as a motion encoder ({error}); {advice}") from None
    return FeatureExtractor(
        digest, model.features, jax.jit(functools.partial(_encode_exactly, model, variables))
    )


def _encode_exactly(model: models.MotionEncoder, variables: dict, pose):
    # By default TPUs and GPUs round the factors of products: a score would depend on where it was computed.
    with jax.default_matmul_precision("highest"):
        return model.apply(variables, pose)


def _restore_model(arrays: dict[str, np.ndarray]) -> tuple[models.MotionEncoder, dict]:
    """The model and its variables of a file; InvalidFileError if they do not fit together."""
    about = safe_read.parse_json(str(arrays.pop("about", "")).encode())
    if (about.get("window"), about.get("hop")) != (WINDOW, HOP):
        raise InvalidFileError(f"window and hop are not {WINDOW} and {HOP}")
    sizes = about.get("model")
    if not isinstance(sizes, dict) or not all(
        type(n) is int and 0 < n <= MAX_MODEL_SIZE for n in sizes.values()
    ):
        raise InvalidFileError("its model has no sizes")
    if not all(x.dtype.kind == "f" and np.isfinite(x).all() for x in arrays.values()):
        raise InvalidFileError("its weights are not finite numbers")
    # Stored in half precision, used in single: the features of the same file are the same everywhere.
    variables = {name: jnp.asarray(x, jnp.float32) for name, x in arrays.items()}
    try:
        model = models.MotionEncoder(**sizes)
        # Shapes alone: a model is built in full only once its weights are known to fit.
        expected = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, WINDOW, NUM_JOINTS, 3)))
    except Exception as error:  # flax and jax raise nearly anything at sizes that cannot be
        raise InvalidFileError(f"its model cannot be built: {safe_read.describe_error(error)}") from None
    expected_arrays: dict[str, Any] = {**traverse_util.flatten_dict(expected, sep="/")}
    shapes = {name: x.shape for name, x in expected_arrays.items()}
    if shapes != {name: x.shape for name, x in variables.items()}:
        raise InvalidFileError("its weights are not those of its model")
    return model, traverse_util.unflatten_dict(variables, sep="/")


_fill_missing_joints = jax.jit(fill_missing_joints)


def extract_features(extractor: FeatureExtractor, clips: list[Clip]) -> list[np.ndarray]:
    """Features of the windows of each clip, body and hands alone.

    Args:
      extractor: see `load_extractor`.
      clips: of at least one frame each.

    Returns:
      [w, D] float64 of each clip, w windows as signjax.metrics.frechet.split_windows has them.
    """
    if not clips:
        return []
    # The encoder was trained on body and hands in canonical space.
    bodies = [clip.without_face().move_to() for clip in clips]
    windows = [split_windows(len(body)) for body in bodies]
    points = np.concatenate([body.points[frames] for body, frames in zip(bodies, windows, strict=True)])
    valid = np.concatenate([body.valid[frames] for body, frames in zip(bodies, windows, strict=True)])
    features = []
    for start in range(0, len(points), BATCH):
        rows = np.minimum(np.arange(start, start + BATCH), len(points) - 1)  # the last window fills the batch
        batch = {"pose": points[rows], "valid": valid[rows]}
        features.append(
            extractor.encode(_fill_missing_joints(batch) if not valid[rows].all() else points[rows])
        )
    features = np.concatenate(features)[: len(points)].astype(np.float64)
    return np.split(features, np.cumsum([len(frames) for frames in windows])[:-1])


def serialize_extractor(config, variables) -> bytes:
    """A trained run's encoder as an .npz file: float16 weights, what it was made for, and its digest.

    Args:
      config: of the run.
      variables: of the whole auto-encoder.

    Raises:
      StorageError: weights do not fit into float16.
    """
    # The decoder only taught the encoder what to keep.
    parts = {name: variables[name]["encoder"] for name in ("params", "batch_stats")}
    arrays = {
        name: np.asarray(x).astype(np.float16)
        for name, x in sorted(traverse_util.flatten_dict(parts, sep="/").items())
    }
    overflowing = [name for name, x in arrays.items() if not np.isfinite(x).all()]
    if overflowing:
        raise StorageError(f"{overflowing[0]} has values that are not finite in float16; train again")
    model = {name: config.model[name] for name in ("stride", "width", "depth", "features")}
    arrays["about"] = np.array(json.dumps({"window": WINDOW, "hop": HOP, "model": model}))
    buffer = io.BytesIO()
    content: dict[str, Any] = {"digest": np.array(digest_arrays(arrays)), **arrays}
    np.savez(buffer, **content)
    return buffer.getvalue()
