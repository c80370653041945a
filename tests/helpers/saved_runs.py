"""Runs as training leaves them, without any training."""

import jax.numpy as jnp

from signjax.training import checkpoint, run_config


def save(workdir, c, step: int, value: float) -> None:
    """A run as training would leave it, but for its variables; nothing here applies them."""
    state = {"params": {"w": jnp.full(3, value)}, "extra": {"latents": {"deviation": jnp.ones(4)}}}
    meta = {"step": step, "best": None, "spent": {"cpu_s": 0.0, "wall_s": 0.0}, "fingerprint": {}}
    written = checkpoint.open_checkpoints(workdir)
    checkpoint.save_checkpoint(written.latest, step, state, c, meta)
    checkpoint.close_checkpoints(written)
    run_config.save_config(workdir / "config.json", c)
