"""A run that has not saved yet is told from one that does not exist, and from one that is trained now."""

import os

import pytest
from engine_helpers import toy

from signjax.errors import StorageError
from signjax.training import checkpoint, process, run_config, unsaved_run


def test_nothing_there_is_told_from_nothing_saved_yet(tmp_path):
    with pytest.raises(StorageError, match="no trained model here; train one first"):
        checkpoint.load_variables(tmp_path / "runs/none")
    run = tmp_path / "runs/gpt-quick"
    run.mkdir(parents=True)
    run_config.save_config(run / "config.json", toy(save_every=7))
    expected = rf"training began and has saved nothing yet; it saves every 7 steps; continue it with: .*{run}"
    with pytest.raises(StorageError, match=expected) as error:
        checkpoint.load_variables(run)
    assert "train one" not in str(error.value)


def test_a_training_at_work_is_named(tmp_path):
    run_config.save_config(tmp_path / "config.json", toy())
    with process.lock_workdir(tmp_path):
        assert unsaved_run.find_trainer(tmp_path).startswith(f"process {os.getpid()} on ")
        assert "is training there now; wait for it" in unsaved_run.describe_unsaved(tmp_path)
    assert unsaved_run.find_trainer(tmp_path) is None
    # Asking keeps no training out.
    with process.lock_workdir(tmp_path):
        pass


def test_a_lock_that_is_held_for_a_moment_keeps_no_training_out(tmp_path, monkeypatch):
    lock, tries = process.locks.lock, []

    def busy_at_first(*args, **kwargs):
        tries.append(args)
        if len(tries) < 3:
            raise BlockingIOError
        return lock(*args, **kwargs)

    monkeypatch.setattr(process.locks, "lock", busy_at_first)
    with process.lock_workdir(tmp_path):
        assert len(tries) == 3
