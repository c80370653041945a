"""The checkpoints of a run on disk: which are complete, and what they say; damaged ones are set aside.

workdir/checkpoints/latest/.damaged-<step>    did not agree with its checksums; so in best
workdir/checkpoints/best/.earlier-<step>      of a start that never saved its whole state
"""

import itertools
import os
import pathlib
import warnings

import jax

from signjax.errors import SignjaxWarning, StorageError
from signjax.io import checksums, machine_errors, safe_read


def get_checkpoint_folder(workdir, which: str) -> pathlib.Path:
    """The folder of the "latest" or the "best" checkpoints."""
    # Orbax refuses relative paths and "..".
    return pathlib.Path(workdir).resolve() / "checkpoints" / which


def find_last_step(workdir, which: str) -> int | None:
    """The newest checkpoint on disk that has checksums, None if there is none; its files are not compared.

    Raises:
      StorageError: the folder cannot be read now.
    """
    root = get_checkpoint_folder(workdir, which)
    steps = checksums.list_steps(root)
    return max((s for s in steps if machine_errors.is_file(root / str(s) / checksums.FILE)), default=None)


def has_checkpoint(workdir) -> bool:
    """Whether a run has saved a checkpoint; raises StorageError if the folder cannot be read now."""
    # A run that was never evaluated has no best checkpoint.
    return any(find_last_step(workdir, which) is not None for which in ("best", "latest"))


def find_intact_step(workdir, *kinds: str) -> tuple[str, int] | None:
    """The newest checkpoint whose files agree with their checksums; warns of newer ones that are corrupt.

    Args:
      workdir: folder of the run.
      kinds: "latest", "best", or both in the order of preference.

    Returns:
      (kind, step); None if no checkpoint was ever saved.

    Raises:
      StorageError: there are checkpoints, and all are corrupt; or one that is wanted cannot be read now.
    """
    corruptions = []
    for which in kinds:
        step, corrupt = checksums.find_newest_intact(get_checkpoint_folder(workdir, which))
        corruptions += corrupt.values()
        if step is not None:
            # All hosts see the same disk: one of them says it.
            for line in corruptions if jax.process_index() == 0 else ():
                message = f"{line}; {which} step {step} is used instead"
                warnings.warn(message, SignjaxWarning, stacklevel=2)
            return which, step
    if not corruptions:
        return None
    raise StorageError(
        f"{corruptions[0]}, and no other {' or '.join(dict.fromkeys(kinds))} checkpoint is intact; restore "
        "it from a backup, or train again in another --workdir. Nothing was changed"
    )


def is_intact(workdir, which: str, step: int) -> bool:
    """Whether a checkpoint is still there, and all its files agree with their checksums.

    Raises:
      StorageError: it is there, and cannot be read now.
    """
    try:
        return checksums.find_step_corruption(get_checkpoint_folder(workdir, which), step) is None
    except FileNotFoundError:
        return False


def set_aside_damaged(workdir, *kinds: str) -> None:
    """Moves newer checkpoints that do not agree with their checksums to `.damaged-<step>`; warns of each.

    For the process that writes the run, the first of several, before it writes: a damaged step would count as
    the newest, and saving the next would delete what may still be repaired.

    Raises:
      StorageError: a file cannot be read now.
      OSError: a folder cannot be moved.
    """
    for which in kinds:
        root = get_checkpoint_folder(workdir, which)
        for step, line in checksums.find_newest_intact(root)[1].items():
            if (target := _move_step(root, step, "damaged")) is not None:
                _warn(f"{line}; it was moved to {target}, in case that it can be repaired")


def set_aside_best(workdir) -> None:
    """Moves the best checkpoints of a start that never saved its whole state to `.earlier-<step>`; warns.

    Raises:
      OSError: a folder cannot be moved.
    """
    root = get_checkpoint_folder(workdir, "best")
    for step in checksums.list_steps(root):
        if (target := _move_step(root, step, "earlier")) is not None:
            _warn(f"{root / str(step)} is of an earlier training, which cannot be resumed; moved to {target}")


def _move_step(root: pathlib.Path, step: int, reason: str) -> pathlib.Path | None:
    """Renames a step to `.<reason>-<step>`, with a number if that is taken; None if the step is gone."""
    names = itertools.chain([f".{reason}-{step}"], (f".{reason}-{step}.{k}" for k in itertools.count(2)))
    # lexists, as renaming onto a link or an empty folder would replace it.
    target = next(root / name for name in names if not os.path.lexists(root / name))
    try:
        os.rename(root / str(step), target)
    except FileNotFoundError:
        return None
    return target


def _warn(message: str) -> None:
    warnings.warn(message, SignjaxWarning, stacklevel=3)


def read_best_score(workdir) -> float | None:
    """The score of the best checkpoint on disk, None if there is none, or it is corrupt.

    Raises:
      StorageError: it cannot be read now.
    """
    step, _ = checksums.find_newest_intact(get_checkpoint_folder(workdir, "best"))
    return None if step is None else read_meta(workdir, "best", step)["best"]


def read_meta(workdir, which: str, step: int, item: str = "meta") -> dict:
    """The `meta` that a checkpoint was saved with, or with item "config" its config.

    Raises:
      StorageError: it cannot be read.
    """
    # Not by orbax: the file is plain JSON, and safe_read bounds its size and depth.
    path = get_checkpoint_folder(workdir, which) / str(step) / item / "metadata"
    try:
        return safe_read.read_json(path)
    except safe_read.InvalidFileError as e:
        # Its checksum was compared before: what is in it is what was written.
        advice = machine_errors.choose_advice(e, "nothing was changed; was it saved by another version?")
        raise StorageError(f"{path}: cannot be read ({e}); {advice}") from e
