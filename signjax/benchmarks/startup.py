"""startup: a training run of one step from the command line, its programs compiled or kept from before."""

import itertools
import os
import pathlib
import shutil
import subprocess
import sys

from signjax.benchmarks import setup, timing
from signjax.errors import SignjaxError

SIZES = (12, 4, 1)  # clips


def measure() -> list[timing.Row]:
    """The default tokenizer trained for a step, evaluated and saved, in a new process each time."""
    with setup.home(SIZES) as folder:
        numbers = itertools.count()
        start = [sys.executable, "-m", "signjax.main", "--config=configs/vqvae.py", "--config.num_steps=1"]
        start += [f"--config.data.root={folder}/datasets"]

        def kept() -> None:
            _run([*start, f"--workdir={folder}/run{next(numbers)}"], folder)

        def empty() -> None:
            shutil.rmtree(pathlib.Path(folder, ".cache"), ignore_errors=True)
            kept()

        def imports() -> None:
            _run([sys.executable, "-c", "import signjax.training.loop"], folder)

        reference = "one step, empty compile cache (reference)"
        timed = {reference: timing.Run(empty), "one step, kept compile cache": timing.Run(kept)}
        rows = timing.compare(timed, reference, repeats=3)
        return rows + timing.compare({"imports alone": timing.Run(imports)}, repeats=3)


def _run(command: list[str], home: str) -> None:
    """Runs a command whose compile cache is in `home`; what it prints is shown only if it fails."""
    env = os.environ | {"HOME": home}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no message"]
        raise SignjaxError(f"{' '.join(command)} ended with {done.returncode}: {said[-1]}")
