"""How many processes make batches: where an accelerator trains and cores are left, in our own commands."""

import sys
from types import SimpleNamespace

import jax
import ml_collections
import numpy as np
import pytest

from signjax.data import loader, sources
from signjax.tasks import batches


def set_machine(monkeypatch, backend: str, cores: int, main: str | None) -> None:
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    monkeypatch.setattr(batches.os, "sched_getaffinity", lambda process: range(cores), raising=False)
    spec = main and SimpleNamespace(name=main)
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__spec__=spec))


@pytest.mark.parametrize("backend, cores, main, workers", [
    ("gpu", 16, "signjax.main", 8), ("tpu", 6, "signjax.main", 4), ("gpu", 2, "signjax.main", 0),
    ("cpu", 16, "signjax.main", 0),  # the cores train
    ("gpu", 16, None, 0), ("gpu", 16, "own.program", 0),  # it may do everything again when it is imported
])  # fmt: skip
def test_workers_are_as_many_as_cores_are_left(monkeypatch, backend, cores, main, workers):
    set_machine(monkeypatch, backend, cores, main)
    assert batches.count_workers() == workers


def test_a_training_on_windows_uses_them(monkeypatch):
    set_machine(monkeypatch, "gpu", 5, "signjax.main")
    asked = []
    monkeypatch.setattr(loader, "iterate_shuffled", lambda *args, **options: asked.append(options))
    config = ml_collections.ConfigDict({"batch_size": 4, "seed": 0})
    batches.stream_windows(sources.ArrayRows({"n": np.arange(9)}), config)(0)
    assert asked[0]["workers"] == 3


def test_here_batches_are_made_in_a_thread():
    assert batches.count_workers() == 0
