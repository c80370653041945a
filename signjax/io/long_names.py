"""Names that are too long for a file system: which part of a path it is, and how long it may be."""

import errno
import os
import pathlib

SHORTER = "choose a shorter name"
NAME_LIMIT, PATH_LIMIT = 255, 4096  # bytes, on nearly all file systems; encrypted ones take about 140
SHOWN = 16  # characters of a name


def describe_long_name(error: BaseException, *paths) -> str | None:
    """What of a path is too long, as "the name 'aaaa...' has 300 bytes, more than the 255 allowed".

    Args:
      error: of the system.
      *paths: what was to be opened or written, where the error itself may name another file.

    Returns:
      None if the error is another one.
    """
    if not isinstance(error, OSError) or error.errno != errno.ENAMETOOLONG:
        return None
    # Of a rename the error has both names, the new one last.
    for path in (*paths, error.filename2, error.filename):
        if path is None:
            continue
        pure = pathlib.PurePath(os.fsdecode(path))
        limit = _find_limit(pure)
        for name in pure.parts:
            if (size := len(os.fsencode(name))) > limit:
                return f"the name '{name[:SHOWN]}...' has {size:,} bytes, more than the {limit} allowed"
        if (size := len(os.fsencode(path))) >= PATH_LIMIT:
            return f"the path has {size:,} bytes, more than the {PATH_LIMIT:,} allowed"
    return error.strerror


def _find_limit(path: pathlib.PurePath) -> int:
    """The longest name that the file system of a path takes, in bytes."""
    for folder in path.parents:
        try:
            return os.pathconf(folder, "PC_NAME_MAX")
        # It is not there, or cannot be by its name.
        except OSError:
            continue
    return NAME_LIMIT
