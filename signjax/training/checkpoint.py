"""Checkpoints of a run: the latest, to resume from, and the best, to use. The only module that imports orbax.

    workdir/checkpoints/latest/<step>/{state,config,meta,SHA256SUMS}    the whole train state; two are kept
    workdir/checkpoints/best/<step>/{state,config,meta,SHA256SUMS}      params and collections; one is kept

A checkpoint is written under a temporary name, gets its checksums and is renamed. So a crash never leaves
half of one. Its files are compared with the checksums before it is read.
"""

import contextlib
import math
import os
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from signjax.errors import StorageError
from signjax.io import checksums, model_file, safe_read
from signjax.training import saved_steps, state_hash, unsaved_run
from signjax.training.checkpoint_errors import convert_read_errors, convert_storage_errors
from signjax.training.run_config import find_difference, load_config
from signjax.training.saved_steps import find_intact_step, get_checkpoint_folder, read_meta


class Checkpoints(NamedTuple):
    """The two writers of a run; close them with `close_checkpoints`."""

    latest: ocp.CheckpointManager
    best: ocp.CheckpointManager


class _ChecksummedPath(ocp.path.atomicity.AtomicRenameTemporaryPath):
    """How orbax's writing thread finishes a step or a folder within it: first checksums, then its name.

    Orbax itself restores flipped bits without an error.
    """

    async def finalize(self):
        # The metadata are written by a thread of their own; a file that comes later would have no checksum.
        if self._checkpoint_metadata_store:
            self._checkpoint_metadata_store.wait_until_finished()
        # Also called for the items within a step, whose files are part of the step's checksums.
        if self.get_final().name.isdecimal():
            checksums.write_checksums(self.get())
        os.rename(self.get(), self.get_final())


def open_checkpoints(workdir, start: int | None = None) -> Checkpoints:
    """Opens a run for writing, removes what a crash left half written, and sets damaged steps aside.

    Args:
      workdir: folder of the run.
      start: step that training resumes from, 0 if from none; a best checkpoint of an earlier start is then
        set aside. None for a folder that no training has been in.

    Raises:
      StorageError: the run cannot be written, or a step of it cannot be read now.
    """
    # One host moves them; orbax takes the list of steps from it, and the others wait for that.
    first = jax.process_index() == 0

    def make_manager(which, keep):
        # Hosts meet at barriers by name: the two managers must not wait at each other's.
        barriers = ocp.options.MultiprocessingOptions(barrier_sync_key_prefix=which)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            cleanup_tmp_directories=True,
            multiprocessing_options=barriers,
            temporary_path_class=_ChecksummedPath,
            # A step that one host no longer sees, and another one does, would end in a barrier for ever.
            single_host_load_and_broadcast=True,
        )
        return ocp.CheckpointManager(get_checkpoint_folder(workdir, which), options=options)

    with convert_storage_errors(workdir, OSError, ValueError):
        if first and start == 0:
            # Of a start that was killed before its first save, perhaps of another config: its score may be
            # better than any of this one.
            saved_steps.set_aside_best(workdir)
        elif first and start is not None:
            # Those after `start` were found to be damaged. Without any, gigabytes are not read once more.
            latest = checksums.list_steps(get_checkpoint_folder(workdir, "latest"))
            saved_steps.set_aside_damaged(workdir, *(["latest"] if max(latest) > start else []), "best")
        # Two of the latest: if one turns out to be corrupt, the run resumes from the one before.
        checkpoints = Checkpoints(make_manager("latest", 2), make_manager("best", 1))
    return checkpoints


def save_checkpoint(manager: ocp.CheckpointManager, step: int, state, config, meta: dict) -> None:
    """Starts to write a checkpoint in the background; `state` may be donated as soon as this returns.

    Args:
      manager: one of the two of `open_checkpoints`.
      step: number of training steps done.
      state: a tree of arrays that has "params", "extra" (collections) and, if params are averaged, "ema".
      config: of the run.
      meta: numbers and strings, which `read_meta` reads.

    Raises:
      StorageError: this checkpoint, or an earlier one in the background, cannot be written.
    """
    items = ocp.args.Composite(
        state=ocp.args.StandardSave(state),
        config=ocp.args.JsonSave(config.to_dict()),
        meta=ocp.args.JsonSave(meta),
    )
    with convert_storage_errors(manager.directory.parent.parent, OSError, ValueError):
        # Best steps after the one that the run resumed from: if they stayed, they would count as the newest.
        # Damaged steps were set aside.
        for later in [s for s in manager.all_steps() if s >= step]:
            manager.delete(later)
        manager.save(step, args=items, force=True)


def wait_until_saved(*managers: ocp.CheckpointManager) -> None:
    """Waits until everything is on disk; raises StorageError if it cannot be written."""
    for manager in managers:
        with convert_storage_errors(manager.directory.parent.parent, OSError, ValueError):
            manager.wait_until_finished()


def read_written_score(manager: ocp.CheckpointManager) -> float | None:
    """The score of the best checkpoint, when it is on disk, the same on all hosts; None if there is none.

    Args:
      manager: the one of the best checkpoints. If its step has been damaged, it is set aside.

    Raises:
      StorageError: the checkpoint cannot be written, or not be read now.
    """
    wait_until_saved(manager)
    workdir, score = manager.directory.parent.parent, None
    with convert_storage_errors(workdir, OSError):
        if jax.process_index() == 0:
            score = saved_steps.read_best_score(workdir)
            # As only one is kept, the next one would delete it.
            if score is None:
                saved_steps.set_aside_damaged(workdir, "best")
        score = share_score(score)
        if score is None and manager.all_steps():
            manager.reload()
    return score


def share_score(score: float | None) -> float | None:
    """The score that the first host has; None for one that is NaN."""
    # Rounding could make hosts disagree on what they save together.
    if jax.process_count() == 1:
        return score
    # As two numbers of 32 bits: JAX would round one of 64.
    bits = np.array([np.nan if score is None else score]).view(np.uint32)
    shared = float(np.asarray(multihost_utils.broadcast_one_to_all(bits)).view(np.float64)[0])
    return None if math.isnan(shared) else shared


def close_checkpoints(checkpoints: Checkpoints) -> None:
    """Waits until everything is on disk and ends the writers; raises StorageError if it cannot be written."""
    # An ExitStack, so that the second manager is closed even if the first one fails.
    with contextlib.ExitStack() as stack:
        for manager in checkpoints:
            workdir = manager.directory.parent.parent
            stack.enter_context(convert_storage_errors(workdir, OSError, ValueError))
            stack.callback(manager.close)


def restore_checkpoint(workdir, step: int, abstract):
    """Reads the whole state of a "latest" checkpoint, one that `find_intact_step` returned.

    Args:
      workdir: folder of the run.
      step: of the checkpoint.
      abstract: a tree like the state, of jax.ShapeDtypeStruct with shardings, not necessarily the saved ones.

    Raises:
      StorageError: it cannot be read, or is the state of another model.
    """
    path = get_checkpoint_folder(workdir, "latest") / str(step) / "state"
    with convert_read_errors(path), ocp.StandardCheckpointer() as reader:
        # Compared here, as orbax would cast an array of another type without a word.
        saved = state_hash.describe_arrays(reader.metadata(path).item_metadata.tree)
        expected = state_hash.describe_arrays(abstract)
        # Orbax stores a random key as the numbers in it, so its type on disk is another.
        for arrays in (saved, expected):
            arrays.pop("rng", None)
        different = [name for name in sorted(saved | expected) if saved.get(name) != expected.get(name)]
        state = None if different else reader.restore(path, abstract)
    if different:
        name = different[0]
        raise StorageError(
            f"{path}: was saved by another version of the model: {name} is {saved.get(name, 'missing')} "
            f"there and {expected.get(name, 'missing')} here; start again with another --workdir"
        )
    # Checksums cover the files; the hash covers reading, resharding and the copy to devices, too.
    saved_hash, hashed = read_meta(workdir, "latest", step)["fingerprint"], state_hash.hash_state(state)
    changed = [name for name in hashed if hashed[name] != saved_hash.get(name)]
    if changed:
        raise StorageError(
            f"{path}: {changed[0]} does not have the state hash that it was saved with, although its files "
            "agree with their checksums: look at the memory, the device and its driver. Nothing was changed; "
            "try again, or on another machine"
        )
    return state


def _check_size(path: pathlib.Path, arrays) -> None:
    """Raises InvalidFileError for arrays so much larger than their files that these cannot be weights."""
    declared = sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(arrays))
    stored = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    # Orbax compresses with zstd, which takes little off weights but can unpack a file of zeros to anything.
    if declared > 16 * stored + safe_read.MAX_BYTES:
        raise safe_read.InvalidFileError(f"{stored:,} bytes cannot hold arrays of {declared:,} bytes")


def load_variables(workdir, which: str = "best"):
    """Loads what inference needs of a run: params, averaged if the run averages them, and the collections.

    The folder of a run that was exported to be shared (signjax.io.model_file) can be given as well.

    Args:
      workdir: folder of the run.
      which: "best" or "latest". A run that was never evaluated has no best checkpoint; its latest is loaded.

    Returns:
      ({"params": ..., **collections}, step), arrays not bound to any device.

    Raises:
      StorageError: there is no checkpoint (the message has the command that trains one), all are corrupt, or
        config.json is not the config that the checkpoint was saved with.
    """
    if model_file.is_shared_run(workdir):
        return model_file.load_variables(workdir)
    while checkpoint := find_intact_step(workdir, which, "latest"):
        try:
            return _load_step(workdir, *checkpoint)
        except StorageError:
            # Not if a training has replaced it meanwhile: then there is a newer one.
            if saved_steps.is_intact(workdir, *checkpoint):
                raise
    raise StorageError(unsaved_run.describe_unsaved(workdir))


def _load_step(workdir, kind: str, step: int):
    """What `load_variables` returns, of an intact step."""
    # The model is built from config.json, which has no checksum and may have been edited.
    saved_config = read_meta(workdir, kind, step, "config")
    if difference := find_difference(saved_config, load_config(f"{workdir}/config.json")):
        name, saved_value, value = difference
        raise StorageError(
            f"{workdir}/config.json: {name} is {value!r}, and {saved_value!r} in the checkpoint; restore it"
        )
    path = get_checkpoint_folder(workdir, kind) / str(step) / "state"
    with convert_read_errors(path), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        saved = reader.metadata(path).item_metadata.tree
        params = "ema" if saved.get("ema") else "params"
        # The optimizer's moments, twice the size of the params, are not read.
        arrays = {name: saved[name] for name in (params, "extra")}
        _check_size(path, arrays)
        # numpy templates: without them orbax asks for the devices that the state was saved on.
        templates = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), arrays)
        restore_args = ocp.checkpoint_utils.construct_restore_args(templates)
        args = ocp.args.PyTreeRestore(templates, restore_args=restore_args, partial_restore=True)
        state = jax.tree.map(jnp.asarray, reader.restore(path, args=args))
    return {"params": state[params], **state["extra"]}, step
