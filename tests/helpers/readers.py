"""Processes that load a run again and again while it is trained: readers.py RUN COUNT SECONDS.

They are forks of one process that has imported everything. Each prints a JSON line of what it has met.
"""

import json
import os
import sys
import time
import warnings

import jax
import numpy as np

from signjax.cli import command
from signjax.training import checkpoint


def read_again_and_again(run: str, which: str, seconds: float) -> dict:
    """Loads a step until the time is over.

    Returns:
      {"which": ..., "reads": how many, "steps": how many different ones, "faults": messages of errors and
      warnings, and of steps that are older than the one before or have numbers that are not finite}.
    """
    end, steps, faults, reads = time.monotonic() + seconds, [], [], 0
    while time.monotonic() < end:
        with warnings.catch_warnings(record=True, action="always") as caught:
            try:
                variables, step = checkpoint.load_variables(run, which)
            except Exception as error:
                faults.append(f"{type(error).__name__}: {error}")
                continue
        faults += [str(warning.message) for warning in caught]
        if steps and step < steps[-1]:
            faults.append(f"step {step} after {steps[-1]}")
        if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(variables)):
            faults.append(f"step {step} has numbers that are not finite")
        steps.append(step)
        reads += 1
    return {"which": which, "reads": reads, "steps": len(set(steps)), "faults": faults}


def main(run: str, count: int, seconds: float) -> None:
    """Starts the readers, half of them of the best steps and half of the latest, and waits for them."""
    command.quiet_libraries()  # orbax's threads print that a step is gone, when the next one is read already
    children = []
    for number in range(count):
        children.append(os.fork())
        if not children[-1]:
            line = json.dumps(read_again_and_again(run, ("best", "latest")[number % 2], seconds))
            os.write(1, f"{line}\n".encode())
            os._exit(0)
    assert not any(os.waitpid(child, 0)[1] for child in children)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
