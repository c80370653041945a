"""Where a run's numbers go besides metrics.jsonl: TensorBoard if it is installed, wandb if it is asked for.

A tracker that fails is left out from then on, and a line says so: no training ends for it. A run that goes on
keeps its axis of steps.
"""

import importlib.util
import os
import pathlib
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable
from typing import NamedTuple

from signjax.errors import ConfigError
from signjax.io import atomic, safe_read

ID = "wandb.id"  # in the run's folder


class Tracker(NamedTuple):
    """Something that shows numbers."""

    name: str
    write: Callable[[int, dict], None]  # (step, {"train/loss": 0.3}), finite numbers only
    close: Callable[[], None] = lambda: None


def start_trackers(workdir: pathlib.Path, step: int, project: str | None, config: dict) -> list[Tracker]:
    """The trackers of a run that goes on at `step`.

    Args:
      workdir: the run's folder; what trackers write is in it.
      step: how many steps of it are kept.
      project: of wandb; None for none.
      config: of the run, for wandb to show.

    Raises:
      ConfigError: wandb is asked for and not installed.
    """
    made = {}
    if importlib.util.find_spec("tensorboardX"):
        made["TensorBoard"] = lambda: make_tensorboard_tracker(workdir, step)
    if project:
        if not importlib.util.find_spec("wandb"):
            raise ConfigError("--wandb: it is not installed; pip install -e '.[wandb]'")
        made["wandb"] = lambda: make_wandb_tracker(workdir, project, config)
    found = [_call_safely(name, make) for name, make in made.items()]
    return [tracker for tracker in found if tracker]


def write_metrics(trackers: list[Tracker], step: int, row: dict) -> None:
    """Gives a row of metrics.jsonl, {"train/loss": 0.3}, to all trackers; those that fail are taken off."""
    known = {name: value for name, value in row.items() if value is not None}
    for tracker in list(trackers):
        if _call_safely(tracker.name, lambda tracker=tracker: (tracker.write(step, known), tracker)) is None:
            trackers.remove(tracker)


def close_trackers(trackers: list[Tracker]) -> None:
    """Ends all trackers."""
    for tracker in trackers:
        _call_safely(tracker.name, tracker.close)


def _call_safely(name: str, call: Callable):
    """What a call returns; None, and a line, if it fails."""
    try:
        return call()
    except Exception as error:  # whatever a library raises
        print(f"warning: {name} is left out from here on ({safe_read.describe_error(error)})", flush=True)
        return None


def make_tensorboard_tracker(workdir: pathlib.Path, step: int) -> Tracker:
    """Event files in <workdir>/tensorboard; what older ones say after `step` is not shown."""
    from tensorboardX.proto.event_pb2 import Event, SessionLog
    from tensorboardX.proto.summary_pb2 import Summary

    name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}"
    board = workdir / "tensorboard" / name
    board.parent.mkdir(exist_ok=True)
    first = Event(step=step + 1, file_version="brain.Event:2")
    purge = Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))
    append_bytes(board, _encode_record(first) + _encode_record(purge))

    def add(step: int, row: dict) -> None:
        values = [Summary.Value(tag=name, simple_value=value) for name, value in row.items()]
        append_bytes(
            board, _encode_record(Event(step=step, wall_time=time.time(), summary=Summary(value=values)))
        )

    return Tracker("TensorBoard", add)


def append_bytes(path: pathlib.Path, data: bytes) -> None:
    """Adds to a file that is not kept open: what a full disk does not take is not tried again at the end."""
    with path.open("ab") as file:
        file.write(data)


def _encode_record(event) -> bytes:
    """An event as TensorBoard's files hold it. (tensorboardX's own writer hangs for ever on a full disk.)"""
    from tensorboardX.record_writer import masked_crc32c

    data = event.SerializeToString()
    length = struct.pack("<Q", len(data))
    return b"".join(
        (length, struct.pack("<I", masked_crc32c(length)), data, struct.pack("<I", masked_crc32c(data)))
    )


def make_wandb_tracker(workdir: pathlib.Path, project: str, config: dict) -> Tracker:
    """A run of wandb, kept in <workdir>/wandb unless WANDB_MODE is "online".

    All parts of a run that was resumed have one id. Its axis is a number of the rows, "step": wandb's own
    steps may not go back to what was saved last.
    """
    import wandb

    run = wandb.init(
        project=project, name=workdir.name, id=_get_run_id(workdir / ID), resume="allow", dir=str(workdir),
        config=config, mode=os.environ.get("WANDB_MODE", "offline"),
        settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False),
    )  # fmt: skip
    run.define_metric("*", step_metric="step")
    return Tracker("wandb", lambda step, row: run.log({"step": step, **row}), run.finish)


def _get_run_id(path: pathlib.Path) -> str:
    """The id that a run has at wandb, made at its first start."""
    try:
        found = safe_read.read_bytes(path, 64).decode("ascii", "replace").strip()
        if re.fullmatch("[0-9a-f]{16}", found):
            return found
    except safe_read.InvalidFileError:
        pass
    atomic.write_file(path, secrets.token_hex(8).encode())
    return _get_run_id(path)
