"""A cache folder that belongs to this user alone; each entry has a digest of its content."""

import contextlib
import hashlib
import os
import pathlib
import re
import zlib

from signjax.errors import StorageError
from signjax.io import atomic

MAX_ENTRIES = 100  # of the oldest use first, more are removed
_SIZE = 16  # bytes of a digest


def find_user_cache() -> pathlib.Path:
    """The folder of signjax among the caches of this user: in $XDG_CACHE_HOME, by default in ~/.cache.

    See the XDG Base Directory Specification. The folder need not exist.
    """
    home = os.environ.get("XDG_CACHE_HOME", "")
    # By the specification a relative path counts for nothing.
    return pathlib.Path(home if os.path.isabs(home) else os.path.expanduser("~/.cache"), "signjax")


def make_private_folder(folder: pathlib.Path) -> pathlib.Path | None:
    """The folder, made if missing, with access for this user alone; None if that is not possible."""
    # Who can write compiled programs here can run code as this user.
    try:
        folder = folder.expanduser()
        folder.mkdir(parents=True, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            return None
        folder.chmod(0o700)
    # expanduser raises RuntimeError if there is no home folder, as in some containers.
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None


def read_entry(folder: pathlib.Path, name: str) -> bytes | None:
    """The content of an entry; None if there is none, or it is damaged."""
    path = folder / name
    try:
        data = path.read_bytes()
        content = zlib.decompress(data[_SIZE:])
        # For the order in which entries are removed.
        os.utime(path)
    except (OSError, zlib.error):
        return None
    return content if hashlib.blake2b(content, digest_size=_SIZE).digest() == data[:_SIZE] else None


def write_entry(folder: pathlib.Path, name: str, content: bytes) -> None:
    """Writes an entry, unless that is not possible, and removes old ones beyond MAX_ENTRIES."""
    digest = hashlib.blake2b(content, digest_size=_SIZE).digest()
    # Only what can be made again is lost if the disk is full.
    with contextlib.suppress(StorageError, OSError):
        atomic.write_file(folder / name, digest + zlib.compress(content, 1))
        entries = [path for path in folder.iterdir() if re.fullmatch(r"[\w.]+-[0-9a-f]{32}", path.name)]
        for path in sorted(entries, key=lambda path: path.stat().st_mtime)[:-MAX_ENTRIES]:
            path.unlink(missing_ok=True)
