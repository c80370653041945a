"""Runs killed at any moment lose no whole step and end as if nothing had been."""

import crash_run
import pytest
from engine_helpers import rows, run_script

from signjax.training import saved_steps


def crashed(root, kind: str, fields: dict, kills: int, steps: int) -> int:
    """Kills a run, compares it with one that was left alone; returns how many kills came during a save."""
    spec = {"root": str(root), "kind": kind, "fields": fields, "kills": kills, "steps": steps}
    one = {"XLA_FLAGS": "--xla_force_host_platform_device_count=1", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    # As a user's restarts have it: programs are compiled once, and a kill may also come while they are kept.
    one |= {
        "JAX_COMPILATION_CACHE_DIR": str(root / "cache"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    *attempts, killed, whole = run_script(crash_run.__file__, spec | {"seed": 0, "changes": 60}, **one)
    assert len(attempts) == kills and all(attempts), "a larger number of steps is needed"
    kept = 0
    for attempt in attempts:
        assert not attempt["faults"]
        assert (attempt["left"] or 0) >= (attempt["whole"] or 0) >= kept
        kept = attempt["left"] or 0
    assert killed["code"] == whole["code"] == 0
    assert 0 < kept < steps
    assert rows(root / "killed") == rows(root / "whole")
    for which in ("latest", "best"):
        a, b = (saved_steps.find_last_step(root / name, which) for name in ("killed", "whole"))
        assert a == b and {"latest": steps}.get(which, a) == a
    prints = [saved_steps.read_meta(root / n, "latest", steps)["fingerprint"] for n in ("killed", "whole")]
    assert prints[0] == prints[1]
    return sum(attempt["saving"] for attempt in attempts)


@pytest.mark.extended
def test_kills_change_nothing(tmp_path):
    crashed(tmp_path, "toy", {}, 5, 60)


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["vqvae", "gpt", "flow"])
def test_a_hundred_kills_change_nothing(kind, tiny_families, tmp_path, promise):
    saving = crashed(tmp_path, kind, tiny_families[kind], 100, 400)
    promise(f"{kind}: 100 kills, all losses as without; of them during a save", saving, least=1)
