"""A disk that fails: files and folders of some names raise an error of the system when they are read."""

import builtins
import contextlib
import os


@contextlib.contextmanager
def unreadable(part: str, number: int):
    """Whatever has `part` in its path cannot be opened, listed or measured; yields the paths of all tries."""
    real = {"open": builtins.open, "scandir": os.scandir, "listdir": os.listdir, "stat": os.stat}
    tried = []

    def guard(name):
        def fail_or_call(path, *args, **kwargs):
            if part in str(path):
                tried.append(str(path))
                raise OSError(number, os.strerror(number), str(path))
            return real[name](path, *args, **kwargs)

        return fail_or_call

    builtins.open, os.scandir, os.listdir, os.stat = map(guard, real)
    try:
        yield tried
    finally:
        builtins.open, os.scandir, os.listdir, os.stat = real.values()
