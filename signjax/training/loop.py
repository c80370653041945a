"""The training loop, one for every task: steps, evaluation, checkpoints, stopping and going on.

A step's metrics are read when the next step is under way, so the device never waits for the host.
"""

import contextlib
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO

import jax

from signjax.errors import ConfigError, DataError, NumericsError, did_you_mean
from signjax.training import checkpoint, memory_check, metric_writer, process, sharding, state_hash, trackers
from signjax.training.run_config import check_same_config, save_config
from signjax.training.task import MakeTask, Task
from signjax.training.train_step import compile_steps, get_inference_variables, run_evaluation

MAX_SKIPPED = 20


class TrainResult(NamedTuple):
    """How a call of `train` ended.

    Attributes:
      workdir: the run.
      step: steps trained in all.
      finished: False if it was stopped before its last step, and saved; the same call goes on.
      best: the score of the best checkpoint, by the config's `best`; None before there is one.
      exit_code: of a command: 130 after Ctrl-C, as shells expect, else 0.
    """

    workdir: str
    step: int
    finished: bool
    best: float | None
    exit_code: int = 0


class Run(NamedTuple):
    """What the loop needs and no step changes."""

    config: Any
    workdir: str
    task: Task
    mesh: Any
    step: Callable  # (state, global batch) -> (state, metrics)
    evaluate: Callable  # (variables, global batch) -> {name: (sum, count)}
    checkpoints: checkpoint.Checkpoints
    metrics: metric_writer.MetricWriter
    progress: metric_writer.Progress
    stop: process.StopSignal


def train(
    config,
    workdir,
    make_task: MakeTask,
    *,
    out: TextIO | None = None,
    command: str = "",
    wandb_project: str | None = None,
) -> TrainResult:
    """Trains `config` in `workdir`, going on where an earlier run stopped.

    Ctrl-C and SIGTERM end the training after the step under way, and save.

    Args:
      config: a ConfigDict, see `signjax.get_config`.
      workdir: folder of the run, made if missing.
      make_task: builds the task of a config, such as signjax.tasks.registry.make_task.
      out: where progress is shown, such as sys.stdout; None shows nothing.
      command: how the user started this, to say how to go on.
      wandb_project: of wandb, to send or keep the numbers there, too.

    Raises:
      ConfigError: the config contradicts itself or the run in `workdir`.
      StorageError: `workdir` is in use, or cannot be read or written.
      DataError: the task's data cannot be used.
      NumericsError: MAX_SKIPPED updates in a row were left out.
    """
    workdir, first = str(workdir), jax.process_index() == 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(checkpoint.convert_storage_errors(workdir, OSError))
        if first:
            stack.enter_context(process.lock_workdir(workdir))
        stop = stack.enter_context(process.catch_stop_signals())
        _, start = checkpoint.find_intact_step(workdir, "latest") or ("", 0)
        spent = _check_run(config, workdir, start)
        metrics = metric_writer.MetricWriter(workdir, start, spent, writes=first)
        progress = metric_writer.Progress(config.num_steps, out if first else None)
        if start > config.num_steps or (start == config.num_steps and metrics.evaluated):
            progress.say(f"{workdir}: already finished, {start} steps; a larger num_steps trains on")
            return TrainResult(workdir, start, True, checkpoint.read_best_score(workdir))
        if first:
            metrics.trackers = trackers.start_trackers(
                metrics.path.parent, start, wandb_project, config.to_dict()
            )
            stack.callback(trackers.close_trackers, metrics.trackers)
            save_config(f"{workdir}/config.json", config)
        checkpoints = checkpoint.open_checkpoints(workdir, new=not start)
        stack.callback(checkpoint.close_checkpoints, checkpoints)
        run, state, batches = _prepare_run(
            config, workdir, start, make_task, (checkpoints, metrics, progress, stop)
        )
        step, finished = _train_until_stop(run, state, batches, start)
    if finished:
        progress.say(f"Finished {step} steps; the model is in {workdir}")
    else:
        progress.say(f"Stopped at step {step}; run the same command again to continue: {command}")
    return TrainResult(
        workdir, step, finished, checkpoint.read_best_score(workdir), 0 if finished else stop.exit_code
    )


def _check_run(config, workdir, start: int) -> metric_writer.TimeSpent:
    """Compares the config with the saved run's and between hosts; returns the time spent so far."""
    for name in ("num_steps", "log_every", "eval_every", "save_every"):
        if config[name] < 1:
            raise ConfigError(f"{name} is {config[name]}; it must be 1 or more")
    process.check_hosts(config, workdir, start)
    if not start:
        return metric_writer.TimeSpent(0.0, 0.0)
    check_same_config(checkpoint.read_meta(workdir, "latest", start, "config"), config, workdir)
    return metric_writer.TimeSpent(**checkpoint.read_meta(workdir, "latest", start)["spent"])


def _prepare_run(config, workdir, start: int, make_task: MakeTask, outputs):
    """Builds the task and its compiled steps, makes or restores the state, says so in one line.

    Returns:
      (run, state, batches): batches begins with the one that step number `start` (0-based) consumes.
    """
    task, mesh = make_task(config, workdir), sharding.make_mesh(config.mesh)
    batches = iter(task.batches(start))
    batch = next(batches)
    example = sharding.make_global_batch(batch, mesh)
    init, step, evaluate, abstract = compile_steps(config, task, mesh, example)
    run = Run(config, workdir, task, mesh, step, evaluate, *outputs)
    if memory_check.get_memory_limit(jax.local_devices()[0]):
        found = memory_check.estimate_memory(step, abstract, example)
        memory_check.check_memory(config, found, jax.local_devices()[0], run.progress.say)
    if start:
        state = checkpoint.restore_checkpoint(workdir, start, abstract)
    else:
        state = init(jax.random.key(config.seed), example)
    count = sum(math.prod(x.shape) for x in jax.tree.leaves(abstract.params))
    run.progress.say(
        f"{mesh.size} {mesh.devices.flat[0].device_kind} device(s), {count:,} parameters, {workdir}, "
        + (f"resumed from step {start}" if start else "from the start")
    )
    return run, state, itertools.chain([batch], batches)


def _train_until_stop(run: Run, state, batches, start: int) -> tuple[int, bool]:
    """Trains until the end or a stop, and saves; returns (step, whether the run is finished)."""
    c, step, saved, unread = run.config, start, start, None
    evaluated = run.metrics.evaluated
    if start and not evaluated and _is_due(start, c.eval_every, c):  # stopped in the middle of it
        evaluated = _evaluate_state(run, state, start)
    while step < c.num_steps and not run.stop.agreed():
        batch = _get_next_batch(run, batches, step)
        if batch is None:
            break
        state, metrics = run.step(state, sharding.make_global_batch(batch, run.mesh))
        step += 1
        if unread:
            _report_metrics(run, *unread)
        unread = (step, metrics)
        to_evaluate, to_save = (_is_due(step, every, c) for every in (c.eval_every, c.save_every))
        if to_evaluate or to_save:
            _report_metrics(run, *unread)
            unread = None
        if to_evaluate:
            evaluated = _evaluate_state(run, state, step)
        if to_save:
            _save_state(run, state, step)
            saved = step
    if unread:
        _report_metrics(run, *unread)
    if step > saved:
        _save_state(run, state, step)
    return step, step >= c.num_steps and evaluated


def _is_due(step: int, every: int, config) -> bool:
    return step % every == 0 or step == config.num_steps


def _get_next_batch(run: Run, batches, step: int):
    """The next batch, or None if a stop came in its way: Ctrl-C reaches data workers, too."""
    try:
        return next(batches)
    except StopIteration:
        raise DataError(f"{run.config.task}: no training batch for step {step}; they must not end") from None
    except Exception:
        if run.stop and jax.process_count() == 1:
            return None
        raise


def _report_metrics(run: Run, step: int, metrics: dict) -> None:
    """Reads a step's metrics, which waits for that step; logs them if it is time.

    Raises:
      NumericsError: too many updates in a row were left out.
    """
    scalars = jax.device_get(metrics)
    in_row, in_all = map(int, scalars.pop("skipped"))
    scalars = {name: float(value) for name, value in scalars.items()} | {"skipped": in_all}
    logged = step % run.config.log_every == 0
    if logged:
        run.metrics.write(step, "train", scalars)
    if in_row >= MAX_SKIPPED:
        checkpoint.wait_until_saved(run.checkpoints.latest)
        saved = checkpoint.find_last_step(run.workdir, "latest")
        raise NumericsError(
            f"step {step}: loss or gradient was not finite, or far too large, {in_row} times in a row; last "
            f"good step {step - in_row}, last saved {saved}. Look at the data, or lower optim.lr in a new "
            "--workdir"
        )
    shown = {name: scalars[name] for name in ("loss", "grad", *(["skipped"] if in_all else []))}
    run.progress.show(step, shown, logged)


def _evaluate_state(run: Run, state, step: int) -> bool:
    """Evaluates, logs, keeps the best; returns False, with nothing logged, if a stop came between."""
    variables = get_inference_variables(state)
    evals = run_evaluation(run.task, run.evaluate, run.mesh, variables, run.stop.agreed)
    if evals is None:
        return False
    if run.config.best not in evals:
        gives = f"evaluation gives: {', '.join(sorted(evals))}"
        raise ConfigError(f"best is {run.config.best!r}{did_you_mean(run.config.best, evals, gives)}")
    best = _wait_for_best_score(run)
    better = evals[run.config.best] < best
    if better:
        tree = {"params": variables["params"], "extra": state.extra}
        meta = {"step": step, "best": evals[run.config.best]}
        checkpoint.save_checkpoint(run.checkpoints.best, step, tree, run.config, meta)
    run.metrics.write(step, "eval", evals)
    run.progress.pause()
    shown = {name: value for name, value in evals.items() if "/" not in name}  # the others are details
    run.progress.say(
        f"eval {step}  {metric_writer.format_numbers(shown)}" + ("  (best so far)" if better else "")
    )
    return True


def _wait_for_best_score(run: Run) -> float:
    """The score of the best checkpoint on disk, inf if there is none."""
    checkpoint.wait_until_saved(run.checkpoints.best)
    score = checkpoint.read_best_score(run.workdir)
    return math.inf if score is None else score


def _save_state(run: Run, state, step: int) -> None:
    """Saves what it takes to go on from `step`; the next batch is number `step`, counted from 0."""
    # Waits, so that the state on disk is never newer than the best checkpoint found on the way to it.
    best = _wait_for_best_score(run)
    meta = {
        "step": step,
        "best": best if math.isfinite(best) else None,
        "spent": run.metrics.spent()._asdict(),
        "fingerprint": state_hash.hash_state(state),  # `checkpoint.restore_checkpoint` compares it
    }
    checkpoint.save_checkpoint(run.checkpoints.latest, step, state, run.config, meta)
    run.progress.pause()
