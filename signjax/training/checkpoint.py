"""Checkpoints of a run: the newest to go on from, the best to use. The only file that knows orbax.

    workdir/checkpoints/latest/<step>/{state,config,meta,SHA256SUMS}    the whole train state; two are kept
    workdir/checkpoints/best/<step>/{state,config,meta,SHA256SUMS}      params and collections; one is kept

A step is written under another name, gets its checksums and is renamed: a crash leaves no half of one, and
what has a step's name but not its checksums is damaged. No step is read before its checksums are compared.
"""

import contextlib
import logging
import math
import os
import pathlib
import re
import sys
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from signjax.errors import StorageError
from signjax.io import checksums, model_file, safe_read
from signjax.training import state_hash
from signjax.training.run_config import find_difference, format_train_command, load_config

_OS_ERROR = re.compile(r"os_error_code='(\d+)'")  # in what orbax says of a disk


class Checkpoints(NamedTuple):
    """The two writers of a run; close them with `close_checkpoints`."""

    latest: ocp.CheckpointManager
    best: ocp.CheckpointManager


class _ChecksummedPath(ocp.path.atomicity.AtomicRenameTemporaryPath):
    """How the thread that wrote a step, or a folder in one, finishes it: checksums, then the name."""

    async def finalize(self):
        if self._checkpoint_metadata_store:  # has a thread of its own
            self._checkpoint_metadata_store.wait_until_finished()
        if self.get_final().name.isdecimal():
            checksums.write_checksums(self.get())
        os.rename(self.get(), self.get_final())


def get_checkpoint_folder(workdir, which: str) -> pathlib.Path:
    """The folder of the "latest" or "best" checkpoints; orbax takes neither relative ones nor ".."."""
    return pathlib.Path(workdir).resolve() / "checkpoints" / which


def open_checkpoints(workdir, new: bool = False) -> Checkpoints:
    """Opens a run for writing; clears what a crash left half written.

    Args:
      new: begins anew; a best step of an earlier start that saved nothing else goes, too.
    """

    def make_manager(which, keep):
        barriers = ocp.options.MultiprocessingOptions(barrier_sync_key_prefix=which)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep,
            cleanup_tmp_directories=True,
            multiprocessing_options=barriers,
            temporary_path_class=_ChecksummedPath,
        )
        return ocp.CheckpointManager(get_checkpoint_folder(workdir, which), options=options)

    with convert_storage_errors(workdir, OSError, ValueError):
        checkpoints = Checkpoints(make_manager("latest", 2), make_manager("best", 1))
        for step in checkpoints.best.all_steps() if new else ():
            checkpoints.best.delete(step)
    return checkpoints


def save_checkpoint(manager: ocp.CheckpointManager, step: int, state, config, meta: dict) -> None:
    """Starts to write a step in the background; `state` may be donated as soon as this returns.

    Args:
      state: a tree of arrays that has "params", "extra" (collections) and, if averaged, "ema".
      meta: numbers and strings to find again with `read_meta`.

    Raises:
      StorageError: this step, or an earlier one in the background, cannot be written.
    """
    items = ocp.args.Composite(
        state=ocp.args.StandardSave(state),
        config=ocp.args.JsonSave(config.to_dict()),
        meta=ocp.args.JsonSave(meta),
    )
    with convert_storage_errors(manager.directory.parent.parent, OSError, ValueError):
        for later in [s for s in manager.all_steps() if s >= step]:  # damaged, or of another try
            manager.delete(later)
        manager.save(step, args=items, force=True)


def wait_until_saved(*managers: ocp.CheckpointManager) -> None:
    """Waits until all is written; raises StorageError if it cannot be."""
    for manager in managers:
        with convert_storage_errors(manager.directory.parent.parent, OSError, ValueError):
            manager.wait_until_finished()


def close_checkpoints(checkpoints: Checkpoints) -> None:
    """Waits until all is written; raises StorageError if it cannot be."""
    with contextlib.ExitStack() as stack:  # the second one is closed whatever becomes of the first
        for manager in checkpoints:
            workdir = manager.directory.parent.parent
            stack.enter_context(convert_storage_errors(workdir, OSError, ValueError))
            stack.callback(manager.close)


@contextlib.contextmanager
def convert_storage_errors(workdir, *kinds: type[Exception]):
    """Makes one line, a StorageError that names the last saved step, of exceptions of some kinds."""
    try:
        yield
    except kinds as e:
        if isinstance(e, StorageError):  # one line already
            raise
        if jax.process_count() > 1 and not (isinstance(e, OSError) or _OS_ERROR.search(str(e))):
            raise  # another host was lost: also a ValueError, and a new start cures it
        last = find_last_step(workdir, "latest")
        raise StorageError(
            f"{workdir}: cannot go on ({_format_reason(e)}); last saved step {last}. "
            "Make sure that there is room and that it can be written; the same command goes on from there"
        ) from e


def _format_reason(e: Exception) -> str:
    """The first line of an exception, or of one of orbax what the system told it."""
    told = _OS_ERROR.search(str(e))
    return os.strerror(int(told[1])) if told else safe_read.describe_error(e)


def find_last_step(workdir, which: str) -> int | None:
    """The newest step on disk that has checksums, None if there is none; nothing is compared with them."""
    root = get_checkpoint_folder(workdir, which)
    return max(
        (s for s in checksums.list_steps(root) if (root / str(s) / checksums.FILE).is_file()), default=None
    )


def find_intact_step(workdir, *kinds: str) -> tuple[str, int] | None:
    """The newest step whose files are as they were written; says which newer ones are not.

    Args:
      kinds: "latest", "best", or both in the order of preference.

    Returns:
      (kind, step), None if no step was ever saved.

    Raises:
      StorageError: there are steps, and all are damaged.
    """
    faults = []
    for which in kinds:
        step, wrong = checksums.find_newest_intact(get_checkpoint_folder(workdir, which))
        faults += wrong
        if step is not None:
            for line in faults if jax.process_index() == 0 else ():
                print(f"warning: {line}; {which} step {step} is used instead", file=sys.stderr, flush=True)
            return which, step
    if not faults:
        return None
    raise StorageError(
        f"{faults[0]}, and no other step is whole; bring it back from a copy, or remove "
        f"{workdir} and train again"
    )


def read_best_score(workdir) -> float | None:
    """The score of the best step on disk, None if there is none, or it is damaged."""
    step, _ = checksums.find_newest_intact(get_checkpoint_folder(workdir, "best"))
    return None if step is None else read_meta(workdir, "best", step)["best"]


def read_meta(workdir, which: str, step: int, item: str = "meta") -> dict:
    """Reads what `save_checkpoint` was given as `meta`, or with item "config" the config it was given."""
    path = get_checkpoint_folder(workdir, which) / str(step) / item / "metadata"
    try:
        return safe_read.read_json(path)
    except safe_read.InvalidFileError as e:
        raise StorageError(f"{path}: cannot be read ({e}); delete the folder {path.parents[1]}") from e


def restore_checkpoint(workdir, step: int, abstract):
    """Reads the whole state of a "latest" step, one that `find_intact_step` found.

    Args:
      abstract: a tree like the saved state, of jax.ShapeDtypeStruct with shardings; they need not be
        those the state was saved with.

    Raises:
      StorageError: it cannot be read, or is the state of another model.
    """
    path = get_checkpoint_folder(workdir, "latest") / str(step) / "state"
    with _convert_read_errors(path), ocp.StandardCheckpointer() as reader:
        saved, wanted = map(state_hash.describe_arrays, (reader.metadata(path).item_metadata.tree, abstract))
        for kinds in (saved, wanted):
            kinds.pop("rng", None)  # random keys have no type of their own on disk
        wrong = [name for name in sorted(saved | wanted) if saved.get(name) != wanted.get(name)]
        state = None if wrong else reader.restore(path, abstract)
    if wrong:
        raise StorageError(
            f"{path}: was saved by another version of the model: {wrong[0]} is "
            f"{saved.get(wrong[0], 'missing')} there and {wanted.get(wrong[0], 'missing')} here; "
            "begin anew with another --workdir"
        )
    before, after = read_meta(workdir, "latest", step)["fingerprint"], state_hash.hash_state(state)
    changed = [name for name in after if after[name] != before.get(name)]
    if changed:
        raise StorageError(f"{path}: {changed[0]} was read otherwise than it was saved; delete {path.parent}")
    return state


def _check_size(path: pathlib.Path, wanted) -> None:
    """Raises InvalidFileError for arrays so much larger than their files that these cannot be weights."""
    declared = sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(wanted))
    there = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    if declared > 16 * there + safe_read.MAX_BYTES:
        raise safe_read.InvalidFileError(f"{there:,} bytes say that they are arrays of {declared:,}")


@contextlib.contextmanager
def _convert_read_errors(path: pathlib.Path):
    """Makes a StorageError of whatever orbax raises at a damaged step, and hears no warnings of it.

    It warns of a file that checkpoints of this kind never have, and our users can do nothing about that.
    """
    log = logging.getLogger("absl")
    log.addFilter(_is_above_warning)
    try:
        yield
    except Exception as e:
        raise StorageError(
            f"{path}: cannot be read ({_format_reason(e)}); delete the folder {path.parent}"
        ) from e
    finally:
        log.removeFilter(_is_above_warning)


def _is_above_warning(record: logging.LogRecord) -> bool:
    return record.levelno > logging.WARNING


def load_variables(workdir, which: str = "best"):
    """Loads what inference needs of a run: averaged params if the run has them, and the collections.

    The folder of a run that was made to be shared (signjax.io.model_file) is as good as that of the run.

    Args:
      which: "best" or "latest"; a run that was never evaluated has no best one and gives its latest.

    Returns:
      ({"params": ..., **collections}, step), arrays not bound to any device.

    Raises:
      StorageError: no checkpoint (the message has the command that trains one), or damaged ones, or config.
    """
    if model_file.is_shared_run(workdir):
        return model_file.load_variables(workdir)
    found = find_intact_step(workdir, which, "latest")
    if not found:
        raise StorageError(
            f"{workdir}: no trained model here; train one first: {format_train_command(workdir)}"
        )
    saved, beside = read_meta(workdir, *found, "config"), load_config(f"{workdir}/config.json")
    if wrong := find_difference(saved, beside):
        name, ours, theirs = wrong
        raise StorageError(
            f"{workdir}/config.json: {name} is {theirs!r}, and {ours!r} in the saved step; put it back"
        )
    path, step = get_checkpoint_folder(workdir, found[0]) / str(found[1]) / "state", found[1]
    with _convert_read_errors(path), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
        saved = reader.metadata(path).item_metadata.tree
        params = "ema" if saved.get("ema") else "params"
        wanted = {name: saved[name] for name in (params, "extra")}
        _check_size(path, wanted)
        want = jax.tree.map(lambda x: np.empty(x.shape, x.dtype), wanted)
        args = ocp.args.PyTreeRestore(
            want, restore_args=ocp.checkpoint_utils.construct_restore_args(want), partial_restore=True
        )
        state = jax.tree.map(jnp.asarray, reader.restore(path, args=args))
    return {"params": state[params], **state["extra"]}, step
