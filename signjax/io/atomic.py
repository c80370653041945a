"""Writing output files: whole or not at all."""

import os
import pathlib
import secrets

from signjax.errors import StorageError


def write(path, data: bytes) -> pathlib.Path:
    """Writes data to path through a temporary file beside it; missing folders are made.

    Returns:
      the path.

    Raises:
      StorageError: the file cannot be written; an older file at path stays as it was.
    """
    path = pathlib.Path(path)
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(4)}.part"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        if temporary.is_file():  # only after a failure
            temporary.unlink()
    return path
