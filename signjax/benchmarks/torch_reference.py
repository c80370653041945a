"""The reference in PyTorch, if torch is installed: the seed's architecture and decoding loop.

It is tests/helpers/reference_torch.py.
"""

import functools
import importlib.util
import pathlib

from signjax.benchmarks import hardware

FILE = pathlib.Path("tests/helpers/reference_torch.py")


@functools.cache
def load():
    """The reference's module with this process's threads; None, and a line that says why, if it cannot be."""
    if not FILE.exists():
        print(f"{FILE}: not here, so ratios to it are left out; run this in signjax's own folder")
        return None
    if importlib.util.find_spec("torch") is None:
        print("torch is not installed, so ratios to it are left out: pip install -e '.[bench]'")
        return None
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.use(hardware.threads())
    return module
