"""The frame rate of a run's training data, kept with the run: what it generates plays at this rate.

workdir/data_rate.json has it. Runs of data without a known rate, and those of signjax 0.1, have no such file.
"""

import pathlib
import warnings

import jax

from signjax.data import frame_rates
from signjax.data.packed_dataset import PackedDataset
from signjax.errors import ConfigError, SignjaxWarning, StorageError
from signjax.io import atomic, machine_errors, safe_read
from signjax.training import saved_steps

FILE = "data_rate.json"


def record_rate(workdir, fps: float | None) -> None:
    """Writes down the frame rate of a run's training data; checks it for a run that is resumed.

    Args:
      workdir: folder of the run.
      fps: frames per second, None if unknown.

    Raises:
      ConfigError: the run began with another rate.
      StorageError: the file is corrupt, or cannot be written.
    """
    resumed = saved_steps.find_last_step(workdir, "latest") is not None
    recorded = read_rate(workdir) if resumed else None
    if recorded and fps and recorded != fps:
        raise ConfigError(
            f"{workdir}: was trained on {recorded:g} frames a second, and the data have {fps:g} now; "
            "give the old data, or start again with another --workdir"
        )
    # A task without a folder is one that trains nothing, and must leave nothing in the folder it runs in.
    if not workdir or jax.process_index() != 0:
        return
    if fps:
        atomic.write_file(pathlib.Path(workdir, FILE), frame_rates.format_rate_file(fps))
    elif not resumed:
        # Of a start that never came to a checkpoint, on other data.
        pathlib.Path(workdir, FILE).unlink(missing_ok=True)


def warn_of_codec(train: PackedDataset, folder, rate: float | None) -> None:
    """Warns if training clips have another frame rate than those that a tokenizer or auto-encoder learned.

    Args:
      train: the clips.
      folder: of the run of the tokenizer or auto-encoder.
      rate: of its training data, None if unknown.
    """
    name = train.label.rpartition("/")[0]
    if line := frame_rates.compare_rates(train.label, train.fps, str(folder), rate, name):
        warnings.warn(f"{line}, or train {folder} again", SignjaxWarning, stacklevel=3)


def read_rate(workdir) -> float | None:
    """Frames per second of a run's training data; None if unknown.

    Raises:
      StorageError: the file is corrupt.
    """
    path = pathlib.Path(workdir, FILE)
    try:
        return frame_rates.read_rate_file(path)
    except safe_read.InvalidFileError as error:
        advice = machine_errors.choose_advice(error, "restore it, or move it away for 25")
        raise StorageError(f"{path}: {error}; {advice}") from None
