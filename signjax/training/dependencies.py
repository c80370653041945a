"""The run that another run needs, as a GPT its tokenizer: found from anywhere, refused once it is another.

workdir/<field>.json has its place, as seen from workdir, and a digest of its variables.
"""

import json
import os
import pathlib

import jax

from signjax.errors import ConfigError, StorageError
from signjax.io import atomic, safe_read
from signjax.io.digest import digest_variables
from signjax.training import checkpoint


def record_dependency(workdir, field: str, folder, variables) -> None:
    """Notes which run a new one is built on; with an old one, checks it.

    Args:
      workdir: of the run that needs another.
      field: of its config that names the other, such as "tokenizer".
      folder: of the other run.
      variables: of the other run.
    """
    if checkpoint.find_last_step(workdir, "latest") is not None:
        check_dependency(workdir, field, folder, variables)
    elif jax.process_index() == 0:  # a file that is there is of a start that came to nothing
        place = os.path.relpath(os.path.realpath(folder), os.path.realpath(workdir))
        atomic.write_file(
            _get_record_path(workdir, field), format_dependency(place, digest_variables(variables)).encode()
        )


def format_dependency(place: str, digest: str) -> str:
    """What workdir/<field>.json says of the other run: where it is, seen from workdir, and its digest."""
    return json.dumps({"folder": place, "digest": digest}) + "\n"


def find_dependency(workdir, field: str, given: str) -> str:
    """Where the other run is: at its old place seen from `workdir`, else at `given`, the config's."""
    folder = os.path.join(workdir, _read_record(workdir, field)["folder"])
    return folder if os.path.isdir(folder) else given


def check_dependency(workdir, field: str, folder, variables) -> None:
    """Refuses variables that `workdir` was not trained with.

    Raises:
      ConfigError: names the field and both digests.
      StorageError: the file is missing or damaged.
    """
    before, now = _read_record(workdir, field)["digest"], digest_variables(variables)
    if before != now:
        raise ConfigError(
            f"{field}: {workdir} was trained with {before}, and {folder} is {now}: another run, or trained "
            f"again; bring the old one back, or train {workdir} anew"
        )


def _get_record_path(workdir, field: str) -> pathlib.Path:
    return pathlib.Path(workdir, f"{field}.json")


def _read_record(workdir, field: str) -> dict:
    path = _get_record_path(workdir, field)
    try:
        saved = safe_read.read_json(path)
        for name in ("folder", "digest"):
            if type(saved.get(name)) is not str or "\0" in saved[name]:
                raise safe_read.InvalidFileError(f"field {name!r} is no text")
        return saved
    except safe_read.InvalidFileError as error:
        raise StorageError(f"{path}: cannot be read ({error}); train {workdir} again") from None
