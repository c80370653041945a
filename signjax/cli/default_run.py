"""The run that a command uses when none is named."""

from signjax.training import checkpoint

FULL, QUICK = "runs/gpt", "runs/gpt-quick"


def find_default_run() -> str:
    """runs/gpt, or runs/gpt-quick, and a line that says so, if only that has a trained model."""
    if _is_trained(FULL) or not _is_trained(QUICK):
        return FULL
    print(f"No trained model in {FULL}; using {QUICK}")
    return QUICK


def _is_trained(run: str) -> bool:
    return any(checkpoint.find_last_step(run, which) is not None for which in ("best", "latest"))
