"""The PyTorch reference: the original project's models and decoding loop, if torch is installed."""

import functools
import importlib.util
import pathlib

from signjax.benchmarks import hardware

# Among the tests: it is there to compare with, and no part of what users install.
FILE = pathlib.Path("tests/helpers/reference_torch.py")


def explain_missing() -> str:
    """Why there is no reference here; "" if there is one."""
    if not FILE.exists():
        return f"{FILE}: not here, so ratios to it are left out; run this in signjax's own folder"
    if importlib.util.find_spec("torch") is None:
        return "torch is not installed, so ratios to it are left out: pip install -e '.[bench]'"
    return ""


@functools.cache
def load_reference():
    """The reference's module with this process's threads; None where `explain_missing` has a reason."""
    if explain_missing():
        return None
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # PyTorch has a default of its own, which may differ from what XLA takes; ratios should not depend on it.
    module.use(hardware.count_threads())
    return module
