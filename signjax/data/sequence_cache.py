"""Sequences that took long to compute, kept in one file under a key of all that they were made of."""

import numpy as np

from signjax.io import atomic, safe_numpy
from signjax.io.safe_read import InvalidFileError


def read_sequences(path: str, key: str, versions: int, count: int) -> list[list[np.ndarray]] | None:
    """What `write_sequences` wrote; None if it is missing, corrupt, or of another key or number."""
    try:
        # The key alone first: of a large file with another key nothing else is read.
        if str(safe_numpy.read_arrays(path, ["key"], max_bytes=None)["key"]) != key:
            return None
        names = [f"{name}{k}" for k in range(versions) for name in ("codes", "offsets")]
        arrays = safe_numpy.read_arrays(path, names, max_bytes=None)
    except InvalidFileError:
        return None
    sequences = [_split_rows(arrays[f"codes{k}"], arrays[f"offsets{k}"], count) for k in range(versions)]
    return None if None in sequences else sequences


def _split_rows(codes: np.ndarray, offsets: np.ndarray, count: int) -> list[np.ndarray] | None:
    """The rows of each sequence, at least one; None if these are no `count` sequences."""
    if offsets.dtype != np.int64 or offsets.shape != (count - 1,) or codes.ndim != 2:
        return None
    within = ((offsets > 0) & (offsets < len(codes))).all()
    fits = codes.dtype in (np.int16, np.float32) and within and (np.diff(offsets) > 0).all()
    if not fits or not np.isfinite(codes).all() or (codes.dtype == np.int16 and codes.min() < 0):
        return None
    return np.split(codes, offsets)


def write_sequences(path: str, key: str, sequences) -> None:
    """Keeps sequences[version][number], [N, C] int16 or float32 each.

    Raises:
      StorageError: the file cannot be written.
    """
    content = {"key": np.array(key)}
    for k, version in enumerate(sequences):
        content[f"codes{k}"] = np.concatenate(version)
        content[f"offsets{k}"] = np.cumsum([len(rows) for rows in version])[:-1]
    atomic.write_file(path, lambda file: np.savez(file, **content))
