"""Checkpoints of a run: the newest to go on from, the best to use. The only file that knows orbax.

    workdir/checkpoints/latest/<step>/{state,config,meta}    the whole train state; two are kept
    workdir/checkpoints/best/<step>/{state,config,meta}      params and collections only; one is kept

A step is written under another name and renamed when whole, so a crash leaves no half of one.
"""

import contextlib
import logging
import math
import pathlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from signjax import inputs
from signjax.config import train_command
from signjax.errors import StorageError

# Forty lines a save say nothing to our users; failures are raised.
logging.getLogger("absl").addFilter(lambda r: "orbax" not in r.pathname or r.levelno >= logging.ERROR)


class Checkpoints(NamedTuple):
    """The two writers of a run; close them with `close`."""

    latest: ocp.CheckpointManager
    best: ocp.CheckpointManager


def folder(workdir, which: str) -> pathlib.Path:
    """The absolute folder of the "latest" or "best" checkpoints (orbax takes no relative ones)."""
    return pathlib.Path(workdir).absolute() / "checkpoints" / which


def open_run(workdir) -> Checkpoints:
    """Opens a run for writing; clears what a crash left half written."""

    def manager(which, keep):
        barriers = ocp.options.MultiprocessingOptions(barrier_sync_key_prefix=which)
        options = ocp.CheckpointManagerOptions(
            max_to_keep=keep, cleanup_tmp_directories=True, multiprocessing_options=barriers
        )
        return ocp.CheckpointManager(folder(workdir, which), options=options)

    return Checkpoints(manager("latest", 2), manager("best", 1))


def save(manager: ocp.CheckpointManager, step: int, state, config, meta: dict) -> None:
    """Starts to write a step in the background; `state` may be donated as soon as this returns.

    Args:
      state: a tree of arrays that has "params", "extra" (collections) and, if averaged, "ema".
      meta: numbers and strings to find again with `read_meta`.
    """
    for later in [s for s in manager.all_steps() if s >= step]:  # of a run that went on unsaved
        manager.delete(later)
    items = ocp.args.Composite(
        state=ocp.args.StandardSave(state),
        config=ocp.args.JsonSave(config.to_dict()),
        meta=ocp.args.JsonSave(meta),
    )
    manager.save(step, args=items, force=True)


def close(checkpoints: Checkpoints) -> None:
    """Waits until all is written."""
    for manager in checkpoints:
        manager.wait_until_finished()
        manager.close()


def last_step(workdir, which: str) -> int | None:
    """The newest whole step on disk, None if there is none; foreign and unfinished folders do not count."""
    root = folder(workdir, which)
    steps = [p for p in root.iterdir() if p.name.isdecimal()] if root.is_dir() else []
    return max((int(p.name) for p in steps if (p / "meta" / "metadata").is_file()), default=None)


def read_meta(workdir, which: str, step: int, item: str = "meta") -> dict:
    """Reads what `save` was given as `meta`, or with item "config" the config it was given."""
    path = folder(workdir, which) / str(step) / item / "metadata"
    try:
        return inputs.read_object(path)
    except inputs.Fault as e:
        raise StorageError(f"{path}: cannot be read ({e}); delete the folder {path.parents[1]}") from e


def restore(workdir, step: int, abstract):
    """Reads the whole state of a "latest" step.

    Args:
      abstract: a tree like the saved state, of jax.ShapeDtypeStruct with shardings; they need not be
        those the state was saved with.

    Raises:
      StorageError: it cannot be read, or is the state of another model.
    """
    path = folder(workdir, "latest") / str(step) / "state"
    with _readable(path), ocp.StandardCheckpointer() as reader:
        saved, wanted = _shapes(reader.metadata(path).item_metadata.tree), _shapes(abstract)
        wrong = [name for name in sorted(saved | wanted) if saved.get(name) != wanted.get(name)]
        if not wrong:
            return reader.restore(path, abstract)
    raise StorageError(
        f"{path}: was saved by another version of the model: {wrong[0]} is {saved.get(wrong[0], 'missing')} "
        f"there and {wanted.get(wrong[0], 'missing')} here; begin anew with another --workdir"
    )


def _check_size(path: pathlib.Path, wanted) -> None:
    """Raises Fault for arrays so much larger than their files that these cannot be weights."""
    declared = sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(wanted))
    there = sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    if declared > 16 * there + inputs.SIZE:
        raise inputs.Fault(f"{there:,} bytes say that they are arrays of {declared:,}")


@contextlib.contextmanager
def _readable(path: pathlib.Path):
    """Makes a StorageError of whatever orbax raises at a damaged step."""
    try:
        yield
    except Exception as e:
        advice = f"delete the folder {path.parent}"
        raise StorageError(f"{path}: cannot be read ({inputs.reason(e)}); {advice}") from e


def _shapes(tree) -> dict:
    """The shape of every array of a tree, by its path; random keys have none of their own on disk."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves]
    return {n: tuple(x.shape) for n, (_, x) in zip(names, leaves, strict=True) if n != "rng"}


def load_variables(workdir, which: str = "best"):
    """Loads what inference needs of a run: averaged params if the run has them, and the collections.

    Args:
      which: "best" or "latest"; a run that was never evaluated has no best one and gives its latest.

    Returns:
      ({"params": ..., **collections}, step), arrays not bound to any device.

    Raises:
      StorageError: no checkpoint there; the message has the command that trains one.
    """
    found = [w for w in (which, "latest") if last_step(workdir, w) is not None]
    if not found:
        raise StorageError(f"{workdir}: no trained model here; train one first: {train_command(workdir)}")
    step = last_step(workdir, found[0])
    path = folder(workdir, found[0]) / str(step) / "state"
    with _readable(path), ocp.Checkpointer(ocp.PyTreeCheckpointHandler()) as reader:
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
