"""Checkpoints of a run: the latest, to resume from, and the best, to use. The only module that imports orbax.

    workdir/checkpoints/latest/<step>/{state,config,meta,SHA256SUMS}    the whole train state; two are kept
    workdir/checkpoints/best/<step>/{state,config,meta,SHA256SUMS}      params and collections; one is kept

A checkpoint is written under a temporary name, gets its checksums and is renamed. So a crash never leaves
half of one. Its files are compared with the checksums before it is read.
"""

import contextlib
import logging
import math
import os
import pathlib
import re
import warnings
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from signjax.errors import SignjaxWarning, StorageError
from signjax.io import checksums, model_file, safe_read
from signjax.training import state_hash
from signjax.training.run_config import find_difference, format_train_command, load_config

# TensorStore, which writes for orbax, raises ValueError when the disk fails; its text has the error number.
_OS_ERROR = re.compile(r"os_error_code='(\d+)'")


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


def get_checkpoint_folder(workdir, which: str) -> pathlib.Path:
    """The folder of the "latest" or the "best" checkpoints."""
    # Orbax refuses relative paths and "..".
    return pathlib.Path(workdir).resolve() / "checkpoints" / which


def open_checkpoints(workdir, new: bool = False) -> Checkpoints:
    """Opens a run for writing, and removes what a crash left half written.

    Args:
      workdir: folder of the run.
      new: whether the run starts from step 0; a best checkpoint of an earlier start is then removed.
    """

    def make_manager(which, keep):
        # Hosts meet at barriers by name: the two managers must not wait at each other's.
        barriers = ocp.options.MultiprocessingOptions(barrier_sync_key_prefix=which)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            cleanup_tmp_directories=True,
            multiprocessing_options=barriers,
            temporary_path_class=_ChecksummedPath,
        )
        return ocp.CheckpointManager(get_checkpoint_folder(workdir, which), options=options)

    with convert_storage_errors(workdir, OSError, ValueError):
        # Two of the latest: if one turns out to be corrupt, the run resumes from the one before.
        checkpoints = Checkpoints(make_manager("latest", 2), make_manager("best", 1))
        # An earlier start that was killed before its first save may have left one with a better score.
        for step in checkpoints.best.all_steps() if new else ():
            checkpoints.best.delete(step)
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
        # Those are corrupt, or left by an earlier try: if they stayed, they would count as the newest.
        for later in [s for s in manager.all_steps() if s >= step]:
            manager.delete(later)
        manager.save(step, args=items, force=True)


def wait_until_saved(*managers: ocp.CheckpointManager) -> None:
    """Waits until everything is on disk; raises StorageError if it cannot be written."""
    for manager in managers:
        with convert_storage_errors(manager.directory.parent.parent, OSError, ValueError):
            manager.wait_until_finished()


def close_checkpoints(checkpoints: Checkpoints) -> None:
    """Waits until everything is on disk and ends the writers; raises StorageError if it cannot be written."""
    # An ExitStack, so that the second manager is closed even if the first one fails.
    with contextlib.ExitStack() as stack:
        for manager in checkpoints:
            workdir = manager.directory.parent.parent
            stack.enter_context(convert_storage_errors(workdir, OSError, ValueError))
            stack.callback(manager.close)


@contextlib.contextmanager
def convert_storage_errors(workdir, *kinds: type[Exception]):
    """Turns exceptions of some kinds into a StorageError of one line, which names the last saved step."""
    try:
        yield
    except kinds as e:
        # Is an OSError, too, and has its message already.
        if isinstance(e, StorageError):
            raise
        # A lost host raises a ValueError, too. That is no fault of the disk: exit code 22 would keep the
        # supervisor from starting the run again.
        if jax.process_count() > 1 and not (isinstance(e, OSError) or _OS_ERROR.search(str(e))):
            raise
        last = find_last_step(workdir, "latest")
        raise StorageError(
            f"{workdir}: cannot continue ({_format_reason(e)}); last saved step {last}. "
            "Make sure that there is space and that it can be written; the same command resumes from there"
        ) from e


def _format_reason(e: Exception) -> str:
    """The first line of an exception; for one of orbax the system's error, which its text contains."""
    os_error = _OS_ERROR.search(str(e))
    return os.strerror(int(os_error[1])) if os_error else safe_read.describe_error(e)


def find_last_step(workdir, which: str) -> int | None:
    """The newest checkpoint on disk that has checksums, None if there is none; its files are not compared."""
    root = get_checkpoint_folder(workdir, which)
    steps = [step for step in checksums.list_steps(root) if (root / str(step) / checksums.FILE).is_file()]
    return max(steps, default=None)


def find_intact_step(workdir, *kinds: str) -> tuple[str, int] | None:
    """The newest checkpoint whose files agree with their checksums; warns of newer ones that are corrupt.

    Args:
      workdir: folder of the run.
      kinds: "latest", "best", or both in the order of preference.

    Returns:
      (kind, step); None if no checkpoint was ever saved.

    Raises:
      StorageError: there are checkpoints, and all are corrupt.
    """
    corruptions = []
    for which in kinds:
        step, corrupt = checksums.find_newest_intact(get_checkpoint_folder(workdir, which))
        corruptions += corrupt
        if step is not None:
            # All hosts see the same disk: one of them says it.
            for line in corruptions if jax.process_index() == 0 else ():
                message = f"{line}; {which} step {step} is used instead"
                warnings.warn(message, SignjaxWarning, stacklevel=2)
            return which, step
    if not corruptions:
        return None
    raise StorageError(
        f"{corruptions[0]}, and no other checkpoint is intact; restore it from a backup, or remove "
        f"{workdir} and train again"
    )


def read_best_score(workdir) -> float | None:
    """The score of the best checkpoint on disk, None if there is none, or it is corrupt."""
    step, _ = checksums.find_newest_intact(get_checkpoint_folder(workdir, "best"))
    return None if step is None else read_meta(workdir, "best", step)["best"]


def read_meta(workdir, which: str, step: int, item: str = "meta") -> dict:
    """The `meta` that a checkpoint was saved with, or with item "config" its config; raises StorageError."""
    # Not by orbax: the file is plain JSON, and safe_read bounds its size and depth.
    path = get_checkpoint_folder(workdir, which) / str(step) / item / "metadata"
    try:
        return safe_read.read_json(path)
    except safe_read.InvalidFileError as e:
        raise StorageError(f"{path}: cannot be read ({e}); delete the folder {path.parents[1]}") from e


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
    with _convert_read_errors(path), ocp.StandardCheckpointer() as reader:
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
            f"{path}: {changed[0]} does not have the state hash that it was saved with; delete {path.parent}"
        )
    return state


def _check_size(path: pathlib.Path, arrays) -> None:
    """Raises InvalidFileError for arrays so much larger than their files that these cannot be weights."""
    declared = sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(arrays))
    stored = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    # Orbax compresses with zstd, which takes little off weights but can unpack a file of zeros to anything.
    if declared > 16 * stored + safe_read.MAX_BYTES:
        raise safe_read.InvalidFileError(f"{stored:,} bytes cannot hold arrays of {declared:,} bytes")


@contextlib.contextmanager
def _convert_read_errors(path: pathlib.Path):
    """Turns any exception of orbax at a corrupt checkpoint into a StorageError, and mutes its warnings."""
    # Orbax warns of a file that checkpoints of this kind never have.
    log = logging.getLogger("absl")
    log.addFilter(_is_above_warning)
    try:
        yield
    # What is raised depends on the file that is corrupt, and some of it is a bare Exception.
    except Exception as e:
        reason = _format_reason(e)
        raise StorageError(f"{path}: cannot be read ({reason}); delete the folder {path.parent}") from e
    finally:
        log.removeFilter(_is_above_warning)


def _is_above_warning(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING


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
    checkpoint = find_intact_step(workdir, which, "latest")
    if not checkpoint:
        command = format_train_command(workdir)
        raise StorageError(f"{workdir}: no trained model here; train one first: {command}")
    kind, step = checkpoint
    # The model is built from config.json, which has no checksum and may have been edited.
    saved_config = read_meta(workdir, kind, step, "config")
    if difference := find_difference(saved_config, load_config(f"{workdir}/config.json")):
        name, saved_value, value = difference
        raise StorageError(
            f"{workdir}/config.json: {name} is {value!r}, and {saved_value!r} in the checkpoint; restore it"
        )
    path = get_checkpoint_folder(workdir, kind) / str(step) / "state"
    with _convert_read_errors(path), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
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
