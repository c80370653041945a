"""The mean and standard deviation of the original project's poses, converted to canonical space.

The original project's models see standardized poses, (pose - mean) / std for each coordinate; ours see
canonical space. The body of the mean pose gives the place and scale of canonical space in the original
project's units, so that mean and std can be converted.
"""

import pathlib

import numpy as np

from signjax.compat.seed.match_tensors import POSE
from signjax.errors import DataError
from signjax.io import safe_numpy, safe_read
from signjax.pose import normalization, skeleton

STATISTICS = "train_stats.npz"
# Joints by which the mean pose is measured. Arms and hands point in all directions, so that their bones are
# too short in a mean pose; head and shoulders are nearly rigid and keep their size.
TRUNK = [skeleton.NECK, skeleton.NOSE, skeleton.R_SHOULDER, skeleton.L_SHOULDER]


def read_statistics(path: str, fields: dict) -> list[np.ndarray]:
    """Reads mean and standard deviation [150] of the poses, float64 in the original project's units.

    Args:
      path: of the VQ-VAE's checkpoint.
      fields: of the config in it.

    Raises:
      DataError: neither the checkpoint nor a file beside it has them.
    """
    # The original project keeps them in the cache of its data set, and not in every checkpoint.
    beside = pathlib.Path(path).parent / STATISTICS
    try:
        in_config = {"mean", "std"} <= fields.keys()
        arrays = fields if in_config else safe_numpy.read_arrays(beside, ["mean", "std"])
        statistics = [np.asarray(arrays[name]).reshape(-1) for name in ("mean", "std")]
        if not all(x.dtype.kind == "f" and x.shape == (POSE,) and np.isfinite(x).all() for x in statistics):
            raise safe_read.InvalidFileError(f"mean and std are not {POSE} finite numbers each")
    except (safe_read.InvalidFileError, ValueError) as error:
        reason = safe_read.describe_error(error)
        raise DataError(
            f"{path}: says no mean and std of the poses, nor does {beside} ({reason}); copy "
            f"{STATISTICS} there from the .cache of the data set it was trained on"
        ) from None
    return [x.astype(np.float64) for x in statistics]


def standardize_canonical(mean: np.ndarray, std: np.ndarray) -> dict[str, np.ndarray]:
    """Computes the collection "standard" of signjax.models.seed_vqvae.

    Args:
      mean: [150] in the original project's units.
      std: [150] in the original project's units.

    Returns:
      {"centre": mean [150], "spread": deviation [150]}, float32 in canonical space.

    Raises:
      DataError: the mean pose shows no body.
    """
    try:
        placement = measure_placement(mean)
    except ValueError as error:
        raise DataError(f"the mean pose is none: {error}") from None
    centre = normalization.to_canonical(mean.reshape(1, -1, 3), placement).reshape(-1)
    # A coordinate that never changes, such as the depth of 2-D data, has no deviation to divide by.
    spread = np.maximum(std, 1e-8) / placement.scale
    return {"centre": centre.astype(np.float32), "spread": spread.astype(np.float32)}


def measure_placement(mean: np.ndarray) -> normalization.Placement:
    """Measures the placement of canonical space in the original project's units, by the mean pose [150].

    Raises:
      ValueError: it shows no body.
    """
    valid = np.zeros((1, skeleton.NUM_JOINTS), bool)
    valid[:, TRUNK] = True
    return normalization.measure_placement(mean.reshape(1, -1, 3), valid)
