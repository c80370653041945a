"""The run that a command uses by default."""

from signjax.training import saved_steps

FULL, QUICK = "runs/gpt", "runs/gpt-quick"


def find_default_run() -> str:
    """runs/gpt; or runs/gpt-quick, which is printed, if only that one has a trained model."""
    # Without any trained model the error about the full run names the command that trains it.
    if saved_steps.has_checkpoint(FULL) or not saved_steps.has_checkpoint(QUICK):
        return FULL
    print(f"No trained model in {FULL}; using {QUICK}")
    return QUICK
