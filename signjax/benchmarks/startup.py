"""startup: a training run of one step, and a clip, by commands; with and without kept programs."""

import itertools
import pathlib
import shutil
import subprocess
import sys

from signjax.benchmarks import first_clip, setup, timing
from signjax.errors import SignjaxError

SIZES = (12, 4, 1)  # clips in train, dev and test


def measure_startup() -> list[timing.Measurement]:
    """The default tokenizer trained for a step, evaluated and saved, in a new process each time."""
    with setup.make_home(SIZES) as folder:
        # A run that was trained already would only say so; each call gets a workdir of its own.
        numbers = itertools.count()
        command = [sys.executable, "-m", "signjax.main", "--config=configs/vqvae.py", "--config.num_steps=1"]
        command += [f"--config.data.root={folder}/datasets"]

        def run_with_cache() -> None:
            _run_command([*command, f"--workdir={folder}/run{next(numbers)}"], folder)

        def run_without_cache() -> None:
            shutil.rmtree(pathlib.Path(folder, ".cache"), ignore_errors=True)
            run_with_cache()

        def import_trainer() -> None:
            _run_command([sys.executable, "-c", "import signjax.training.loop"], folder)

        reference = "one step, empty compile cache (reference)"
        workloads = {
            reference: timing.Workload(run_without_cache),
            "one step, kept compile cache": timing.Workload(run_with_cache),
        }
        rows = timing.compare_workloads(workloads, reference, repeats=3)
        imports = {"imports alone": timing.Workload(import_trainer)}
        return rows + timing.compare_workloads(imports, repeats=3) + first_clip.measure_first_clip()


def _run_command(command: list[str], home: str) -> None:
    """Runs a command whose compile cache is in `home`; what it prints is shown only if it fails."""
    finished = subprocess.run(
        command, env=setup.make_environment(home), capture_output=True, text=True, check=False
    )
    if finished.returncode:
        lines = finished.stderr.strip().splitlines() or ["no message"]
        raise SignjaxError(f"{' '.join(command)} ended with {finished.returncode}: {lines[-1]}")
