"""Runs that cannot be used yet: whether training began there or is at work, and how to continue it."""

import pathlib

from signjax.io import locks, machine_errors, safe_read
from signjax.training import process, run_config


def describe_unsaved(workdir) -> str:
    """Why a run without any checkpoint cannot be used, and the command that trains it, in a line.

    Raises:
      StorageError: its config is damaged, or cannot be read now.
    """
    command = run_config.format_train_command(workdir)
    path = pathlib.Path(workdir, "config.json")
    if not machine_errors.is_file(path):
        return f"{workdir}: no trained model here; train one first: {command}"
    every = run_config.load_config(path).get("save_every", "?")
    if trainer := find_trainer(workdir):
        advice = f"{trainer} is training there now; wait for it"
    else:
        advice = f"continue it with: {command}"
    return f"{workdir}: training began and has saved nothing yet; it saves every {every} steps; {advice}"


def find_trainer(workdir) -> str | None:
    """The process that trains a run now, such as "process 7 on node3"; None if no lock says so."""
    path = pathlib.Path(workdir, process.LOCK)
    if not locks.is_locked(path):
        return None
    try:
        owner = safe_read.read_bytes(path, 1000).decode(errors="replace").strip()
    except safe_read.InvalidFileError:
        owner = ""
    return f"process {owner or 'unknown'}"
