"""The data that a run was trained on, by their content: they may move, but must not change.

workdir/data.json has the folder of data sets that was used last, and a digest of the files of the splits.
"""

import hashlib
import json
import os
import pathlib

import jax

from signjax.data.packed_dataset import PackedDataset
from signjax.errors import ConfigError, StorageError
from signjax.io import atomic, machine_errors, safe_read
from signjax.training import saved_steps

FILE = "data.json"


def record_data(workdir, root: str, *splits: PackedDataset) -> None:
    """Writes down the data of a new run; checks those of a run that is resumed.

    Args:
      workdir: folder of the run; empty for a task that is only looked at and has none.
      root: folder of data sets, `data.root` of the run's config.
      splits: what the run trains and evaluates on.

    Raises:
      ConfigError: the run was trained on other data, or nothing says what they were and `root` is another.
      StorageError: the record cannot be read or written.
    """
    if not workdir:
        return
    digest = hashlib.blake2b(" ".join(s.content for s in splits).encode(), digest_size=8).hexdigest()
    step = saved_steps.find_last_step(workdir, "latest")
    if step is not None:
        _check_data(workdir, root, digest, step)
    # Also when it is resumed: runs of signjax 0.1 have no record, and may move from now on.
    if jax.process_index() == 0:
        record = json.dumps({"root": str(root), "digest": digest}) + "\n"
        atomic.write_file(pathlib.Path(workdir, FILE), record.encode())


def _check_data(workdir, root: str, digest: str, step: int) -> None:
    path = pathlib.Path(workdir, FILE)
    try:
        recorded = safe_read.read_json(path).get("digest")
    except safe_read.MissingFileError:
        return _check_same_root(workdir, root, step)
    except safe_read.InvalidFileError as error:
        advice = "move it away if the data are those that the run was trained on"
        advice = machine_errors.choose_advice(error, advice)
        raise StorageError(f"{path}: cannot be read ({error}); {advice}") from None
    if recorded != digest:
        raise ConfigError(
            f"data: {workdir} was trained on other clips (digest {str(recorded)[:16]}) than those in {root} "
            f"(digest {digest}); give the old ones, or start again with another --workdir"
        )


def _check_same_root(workdir, root: str, step: int) -> None:
    """Raises if a run without a record would be resumed from another folder of data sets."""
    data = saved_steps.read_meta(workdir, "latest", step, "config").get("data")
    old = data.get("root") if isinstance(data, dict) else None
    if isinstance(old, str) and os.path.realpath(old) != os.path.realpath(root):
        raise ConfigError(
            f"data.root was {old!r} when {workdir} was started and is {str(root)!r} now; nothing recorded "
            f"which clips there were, so give the old folder, or make it a link to the new one"
        )
