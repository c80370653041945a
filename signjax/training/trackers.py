"""Where metrics go besides metrics.jsonl: to TensorBoard if it is installed, to wandb if a project is set.

A tracker that fails is not used any more, with a SignjaxWarning, but training continues. A run that is
resumed keeps one axis of steps.
"""

import importlib.util
import os
import pathlib
import re
import secrets
import socket
import struct
import time
import warnings
from collections.abc import Callable
from typing import NamedTuple

from signjax.errors import ConfigError, SignjaxWarning
from signjax.io import atomic, safe_read

ID = "wandb.id"  # name of a file in the folder of the run


class Tracker(NamedTuple):
    """A tool that shows metrics."""

    name: str
    write: Callable[[int, dict], None]  # (step, {"train/loss": 0.3}), finite numbers only
    close: Callable[[], None] = lambda: None


def start_trackers(workdir: pathlib.Path, step: int, project: str | None, config: dict) -> list[Tracker]:
    """Starts the trackers of a run.

    Args:
      workdir: folder of the run, in which trackers write.
      step: at which training starts; what trackers show of later steps is removed.
      project: of wandb; None for no wandb.
      config: of the run, shown by wandb.

    Raises:
      ConfigError: there is a project and wandb is not installed.
    """
    makers = {}
    if importlib.util.find_spec("tensorboardX"):
        makers["TensorBoard"] = lambda: make_tensorboard_tracker(workdir, step)
    if project:
        # An error, unlike a missing TensorBoard: the user has asked for it.
        if not importlib.util.find_spec("wandb"):
            raise ConfigError("--wandb: it is not installed; pip install -e '.[wandb]'")
        makers["wandb"] = lambda: make_wandb_tracker(workdir, project, config)
    started = [_call_safely(name, make) for name, make in makers.items()]
    return [tracker for tracker in started if tracker]


def write_metrics(trackers: list[Tracker], step: int, row: dict) -> None:
    """Gives a row of metrics.jsonl, {"train/loss": 0.3}, to all trackers, and removes those that fail."""
    # None stands for a number that is not finite.
    finite = {name: value for name, value in row.items() if value is not None}
    for tracker in list(trackers):
        # The tracker is returned because what `write` returns may be None.
        if _call_safely(tracker.name, lambda tracker=tracker: (tracker.write(step, finite), tracker)) is None:
            trackers.remove(tracker)


def close_trackers(trackers: list[Tracker]) -> None:
    """Closes all trackers."""
    for tracker in trackers:
        _call_safely(tracker.name, tracker.close)


def _call_safely(name: str, call: Callable):
    """What a call returns; if it raises, warns and returns None."""
    try:
        return call()
    # Of any kind: the libraries have errors of their own, and no training should end for them.
    except Exception as error:
        line = f"{name} is not used any more ({safe_read.describe_error(error)})"
        warnings.warn(line, SignjaxWarning, stacklevel=2)
        return None


def make_tensorboard_tracker(workdir: pathlib.Path, step: int) -> Tracker:
    """Starts an event file in <workdir>/tensorboard; of older ones steps after `step` are no longer shown."""
    # Imported here, as it is optional.
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.proto.summary_pb2 import Summary

    name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
    board = workdir / "tensorboard" / name
    board.parent.mkdir(exist_ok=True)
    first = Event(step=step + 1, file_version="brain.Event:2")
    # At a session's start TensorBoard drops events of this step and later ones, which the run repeats now.
    purge = Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))
    append_bytes(board, _encode_record(first) + _encode_record(purge))

    def write_row(step: int, row: dict) -> None:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()]
        append_bytes(
            board, _encode_record(Event(step=step, wall_time=time.time(), summary=Summary(value=values)))
        )

    return Tracker("TensorBoard", write_row)


def append_bytes(path: pathlib.Path, data: bytes) -> None:
    """Appends to a file."""
    # Opened each time. An open file would try again when it is closed to write what a full disk did not take.
    with path.open("ab") as file:
        file.write(data)


def _encode_record(event) -> bytes:
    """An event as a TFRecord, of which TensorBoard's files consist: length, data, and checksums of both."""
    # Not by tensorboardX's writer: its queue blocks for ever on a full disk.
    from tensorboardX.record_writer import masked_crc32c

    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data)))
    )


def make_wandb_tracker(workdir: pathlib.Path, project: str, config: dict) -> Tracker:
    """Starts, or resumes, a run of wandb; it is kept in <workdir>/wandb unless WANDB_MODE is "online"."""
    import wandb

    # One id for all parts of a resumed run. Offline by default, so that nothing leaves the machine unasked.
    run = wandb.init(
        project=project, name=workdir.name, id=_get_run_id(workdir / ID), resume="allow", dir=str(workdir),
        config=config, mode=os.environ.get("WANDB_MODE", "offline"),
        settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False),
    )  # fmt: skip
    # The axis is a metric of its own: wandb's steps cannot go back to the checkpoint that a run resumes from.
    run.define_metric("*", step_metric="step")
    return Tracker("wandb", lambda step, row: run.log({"step": step, **row}), run.finish)


def _get_run_id(path: pathlib.Path) -> str:
    """The id of a run at wandb, kept in a file; a missing or corrupt one is replaced."""
    try:
        run_id = safe_read.read_bytes(path, 64).decode("ascii", "replace").strip()
        if re.fullmatch("[0-9a-f]{16}", run_id):
            return run_id
    except safe_read.UnreadableFileError:
        # Another id would begin another run there, so that the curves of this one would be cut in two.
        raise
    except safe_read.InvalidFileError:
        pass
    atomic.write_file(path, secrets.token_hex(8).encode())
    return _get_run_id(path)
