"""The run that a command uses by default."""

import sys

from signjax.inference import hub
from signjax.io import model_file
from signjax.training import saved_steps

FULL, QUICK = "runs/gpt", "runs/gpt-quick"


def find_default_run() -> str:
    """runs/gpt, else runs/gpt-quick, else the model that comes with signjax; says so unless it is the first.

    Without any of them the answer is runs/gpt, as the error about it names the command that trains it.
    """
    if _is_trained(FULL):
        return FULL
    if _is_trained(QUICK):
        return _print_choice(QUICK, QUICK)
    if hub.has_demo_model():
        return _print_choice(hub.DEMO, "the model that comes with signjax, of a constructed language")
    return FULL


def _is_trained(run: str) -> bool:
    return model_file.is_shared_run(run) or saved_steps.has_checkpoint(run)


def _print_choice(run: str, description: str) -> str:
    # On stderr: with --stream, each line of standard output is JSON.
    print(f"No trained model in {FULL}; using {description}", file=sys.stderr)
    return run
