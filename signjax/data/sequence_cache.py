"""A cache file of computed sequences, with a key that covers everything they were computed from."""

import numpy as np

from signjax.io import atomic, machine_errors, safe_numpy
from signjax.io.safe_read import InvalidFileError, UnreadableFileError


def read_sequences(path: str, key: str, versions: int, count: int) -> list[list[np.ndarray]] | None:
    """The sequences that `write_sequences` wrote; None if the file is missing, corrupt or has another key.

    Args:
      path: the file.
      key: what the sequences must have been computed from.
      versions: how many versions of all sequences there must be.
      count: sequences in each version.

    Raises:
      StorageError: the file cannot be read now.
    """
    try:
        # The key alone first: of a large file with another key nothing else is read.
        if str(safe_numpy.read_arrays(path, ["key"], max_bytes=None)["key"]) != key:
            return None
        names = [f"{name}{k}" for k in range(versions) for name in ("codes", "offsets")]
        arrays = safe_numpy.read_arrays(path, names, max_bytes=None)
    except UnreadableFileError as error:
        # A day of encoding may be in it.
        raise machine_errors.make_unreadable_error(path, error) from None
    except InvalidFileError:
        return None
    sequences = [_split_rows(arrays[f"codes{k}"], arrays[f"offsets{k}"], count) for k in range(versions)]
    return None if None in sequences else sequences


def _split_rows(codes: np.ndarray, offsets: np.ndarray, count: int) -> list[np.ndarray] | None:
    """The rows of each of `count` sequences, at least one row each; None if the arrays do not hold that."""
    # In full, since fuzzing made files that load and then fail far from here: offsets that are no numbers,
    # for example.
    if offsets.dtype != np.int64 or offsets.shape != (count - 1,) or codes.ndim != 2:
        return None
    within = ((offsets > 0) & (offsets < len(codes))).all()
    fits = codes.dtype in (np.int16, np.float32) and within and (np.diff(offsets) > 0).all()
    if not fits or not np.isfinite(codes).all() or (codes.dtype == np.int16 and codes.min() < 0):
        return None
    return np.split(codes, offsets)


def write_sequences(path: str, key: str, sequences) -> None:
    """Writes sequences[version][number], each [N, C] int16 or float32.

    Raises:
      StorageError: the file cannot be written.
    """
    content = {"key": np.array(key)}
    for k, version in enumerate(sequences):
        # All of a version in one array: signjax.io.safe_numpy refuses archives of more than 4,096 members,
        # and data sets have more clips.
        content[f"codes{k}"] = np.concatenate(version)
        # Without the last end, since np.split takes only the places between two sequences.
        content[f"offsets{k}"] = np.cumsum([len(rows) for rows in version])[:-1]
    atomic.write_file(path, lambda file: np.savez(file, **content))
