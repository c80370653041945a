"""The run that a command uses by default."""

from signjax.training import saved_steps

FULL, QUICK = "runs/gpt", "runs/gpt-quick"


def find_default_run() -> str:
    """runs/gpt; or runs/gpt-quick, which is printed, if only that one has a trained model."""
    # Without any trained model the error about the full run names the command that trains it.
    if _is_trained(FULL) or not _is_trained(QUICK):
        return FULL
    print(f"No trained model in {FULL}; using {QUICK}")
    return QUICK


def _is_trained(run: str) -> bool:
    # A run that was never evaluated has no best checkpoint.
    return any(saved_steps.find_last_step(run, which) is not None for which in ("best", "latest"))
