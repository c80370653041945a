"""The training loop of all tasks: steps, evaluation, checkpoints, stopping and resuming.

The metrics of a step are read when the next step has been started, so the device never waits for the host.
"""

import contextlib
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO

import jax

from signjax.errors import ConfigError, DataError, NumericsError, did_you_mean
from signjax.training import (
    batch_checks,
    best_metric,
    checkpoint,
    config_rules,
    memory_check,
    metric_writer,
    process,
    saved_steps,
    sharding,
    state_hash,
    trackers,
)
from signjax.training.random_key import make_key
from signjax.training.run_config import check_same_config, save_config
from signjax.training.task import MakeTask, Task
from signjax.training.train_step import compile_steps, get_inference_variables, run_evaluation

# Updates left out in a row. A single bad batch does no harm; so many mean that training no longer works.
MAX_SKIPPED = 20


class TrainResult(NamedTuple):
    """How a call of `train` ended.

    Attributes:
      workdir: the run.
      step: steps trained in all.
      finished: False if it was stopped, and saved, before its last step; the same call resumes it.
      best: the score of the best checkpoint, by the config's `best`; None before there is one.
      exit_code: of a command: 130 after Ctrl-C, as shells expect, else 0.
    """

    workdir: str
    step: int
    finished: bool
    best: float | None
    exit_code: int = 0


class Run(NamedTuple):
    """What the loop needs and does not change."""

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
    best: best_metric.BestScore  # the one thing here that changes


def train(
    config,
    workdir,
    make_task: MakeTask,
    *,
    out: TextIO | None = None,
    command: str = "",
    wandb_project: str | None = None,
) -> TrainResult:
    """Trains a model; resumes if `workdir` has a checkpoint.

    Ctrl-C, SIGTERM and SIGHUP end the training after the current step, with a checkpoint.

    Args:
      config: a ConfigDict, see `signjax.get_config`.
      workdir: folder of the run, made if missing.
      make_task: builds the task of a config, such as signjax.tasks.registry.make_task.
      out: where progress is shown, such as sys.stdout; None shows nothing.
      command: how the user started this, for the message that says how to continue.
      wandb_project: project of wandb that metrics are sent to as well.

    Raises:
      ConfigError: the config contradicts itself or the run in `workdir`.
      StorageError: `workdir` is in use, or cannot be read or written.
      DataError: the task's data cannot be used.
      NumericsError: MAX_SKIPPED updates in a row were left out.
    """
    # Only the first host writes files of its own; orbax's barriers need all hosts.
    workdir, first = str(workdir), jax.process_index() == 0
    with contextlib.ExitStack() as stack:
        stack.enter_context(checkpoint.convert_storage_errors(workdir, OSError))
        # Before anything is read: another process could still be writing it.
        if first:
            stack.enter_context(process.lock_workdir(workdir))
        stop = stack.enter_context(process.catch_stop_signals())
        _, start = saved_steps.find_intact_step(workdir, "latest") or ("", 0)
        spent = _check_run(config, workdir, start)
        metrics = metric_writer.MetricWriter(workdir, start, spent, writes=first)
        progress = metric_writer.Progress(config.num_steps, out if first else None)
        # Stopped during its last evaluation, a run has all its steps and is not finished.
        if start > config.num_steps or (start == config.num_steps and metrics.evaluated):
            progress.print_line(f"{workdir}: already finished, {start} steps; a larger num_steps trains on")
            return TrainResult(workdir, start, True, saved_steps.read_best_score(workdir))
        if first:
            metrics.trackers = trackers.start_trackers(
                metrics.path.parent, start, wandb_project, config.to_dict()
            )
            stack.callback(trackers.close_trackers, metrics.trackers)
            # A new run is known by its config from now on.
            if not start:
                save_config(f"{workdir}/config.json", config)
        checkpoints = checkpoint.open_checkpoints(workdir, start)
        # Closed on any way out: what was saved in the background gets its name only when its writing ends.
        stack.callback(checkpoint.close_checkpoints, checkpoints)
        best = best_metric.BestScore(config.best, checkpoint.read_written_score(checkpoints.best))
        outputs = checkpoints, metrics, progress, stop, best
        run, state, batches = _prepare_run(config, workdir, start, make_task, outputs)
        # That of an older run changes only when it goes on: a start that fails changes nothing.
        if first and start:
            save_config(f"{workdir}/config.json", config)
        step, finished = _train_until_stop(run, state, batches, start)
    if finished:
        progress.print_line(f"Finished {step} steps; the model is in {workdir}")
    else:
        progress.print_line(f"Stopped at step {step}; run the same command again to continue: {command}")
    return TrainResult(
        workdir, step, finished, saved_steps.read_best_score(workdir), 0 if finished else stop.exit_code
    )


def _check_run(config, workdir, start: int) -> metric_writer.TimeSpent:
    """Compares the config with that of the saved run and between hosts; returns the time spent so far."""
    config_rules.check_fields(config)
    # Before the comparison with the saved run, which raises on one host only if the hosts differ.
    process.check_hosts(config, workdir, start)
    if start:
        check_same_config(saved_steps.read_meta(workdir, "latest", start, "config"), config, workdir)
    # Before the task is made, which may take hours of encoding.
    batch_checks.check_batches(config)
    if not start:
        return metric_writer.TimeSpent(0.0, 0.0)
    return metric_writer.TimeSpent(**saved_steps.read_meta(workdir, "latest", start)["spent"])


def _prepare_run(config, workdir, start: int, make_task: MakeTask, outputs):
    """Builds the task and its compiled steps, makes or restores the state, and prints a line about them.

    Args:
      config: see `train`.
      workdir: see `train`.
      start: steps that are done.
      make_task: see `train`.
      outputs: the last fields of Run, from `checkpoints`.

    Returns:
      (run, state, batches): the first batch is the one of step number `start`, counted from 0.
    """
    task, mesh = make_task(config, workdir), sharding.make_mesh(config.mesh)
    batches = iter(task.batches(start))
    # Its shapes are needed now. It is trained on as well, so it is put back before the others at the end.
    batch = next(batches)
    example = sharding.make_global_batch(batch, mesh)
    # A task of one's own may not fill up its batches: it would end at its first evaluation, hours from now.
    sharding.check_rows(next(iter(task.eval_batches()), {}), mesh)
    init, step, evaluate, abstract = compile_steps(config, task, mesh, example)
    run = Run(config, workdir, task, mesh, step, evaluate, *outputs)
    # Before `init` allocates the state, and before XLA takes minutes to compile what cannot run. Without a
    # known limit, as on CPUs, the seconds of tracing would be for nothing.
    device = jax.local_devices()[0]
    if memory_check.get_memory_limit(device):
        estimate = memory_check.estimate_memory(step, abstract, example)
        memory_check.check_memory(config, estimate, device, run.progress.print_line)
    else:
        memory_check.check_state_memory(abstract)
    if start:
        state = checkpoint.restore_checkpoint(workdir, start, abstract)
    else:
        state = init(make_key(config.seed), example)
    count = sum(math.prod(x.shape) for x in jax.tree.leaves(abstract.params))
    run.progress.print_line(
        f"{mesh.size} {mesh.devices.flat[0].device_kind} device(s), {count:,} parameters, {workdir}, "
        + (f"resumed from step {start}" if start else "from the start")
    )
    if guess := best_metric.describe_guess(config.best):
        run.progress.print_line(guess)
    return run, state, itertools.chain([batch], batches)


def _train_until_stop(run: Run, state, batches, start: int) -> tuple[int, bool]:
    """Trains until the last step or a stop, and saves; returns (step, whether the run is finished)."""
    c, step, saved, unread = run.config, start, start, None
    evaluated = run.metrics.evaluated
    # The run was stopped during this evaluation. It is repeated, so that metrics.jsonl gets the rows of an
    # uninterrupted run.
    if start and not evaluated and _is_due(start, c.eval_every, c):
        evaluated = _evaluate_state(run, state, start)
    while step < c.num_steps and not run.stop.is_agreed():
        batch = _get_next_batch(run, batches, step)
        if batch is None:
            break
        run.progress.announce_compiling("training step")
        state, metrics = run.step(state, sharding.make_global_batch(batch, run.mesh))
        step += 1
        # Of the step before: reading those of this one would wait for it, and the device then for the host.
        if unread:
            _report_metrics(run, *unread)
        unread = (step, metrics)
        to_evaluate, to_save = (_is_due(step, every, c) for every in (c.eval_every, c.save_every))
        # Nothing is evaluated or saved before the check for MAX_SKIPPED in here.
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
    """The next batch; None if loading failed because of a stop.

    Raises:
      DataError: there is no next batch.
    """
    try:
        return next(batches)
    except StopIteration:
        raise DataError(f"{run.config.task}: no training batch for step {step}; they must not end") from None
    # Ctrl-C in a terminal also reaches the data workers, whatever they are doing. Several hosts must agree on
    # the step to stop at, so there one of them cannot stop here.
    except Exception:
        if run.stop and jax.process_count() == 1:
            return None
        raise


def _report_metrics(run: Run, step: int, metrics: dict) -> None:
    """Reads a step's metrics, which waits for that step; writes them if it is a logged step, and shows them.

    Raises:
      NumericsError: MAX_SKIPPED updates in a row were left out.
    """
    scalars = jax.device_get(metrics)
    skipped_in_row, skipped_updates = map(int, scalars.pop("skipped"))
    scalars = {name: float(value) for name, value in scalars.items()} | {"skipped": skipped_updates}
    logged = step % run.config.log_every == 0
    if logged:
        run.metrics.write(step, "train", scalars)
    if skipped_in_row >= MAX_SKIPPED:
        # The message names the last saved step, which may still be on its way to the disk.
        checkpoint.wait_until_saved(run.checkpoints.latest)
        saved = saved_steps.find_last_step(run.workdir, "latest")
        raise NumericsError(
            f"step {step}: loss or gradient was not finite, or far too large, {skipped_in_row} times in a "
            f"row; last good step {step - skipped_in_row}, last saved {saved}. Look at the data, or lower "
            "optim.lr in a new --workdir"
        )
    shown = {name: scalars[name] for name in ("loss", "grad", *(["skipped"] if skipped_updates else []))}
    run.progress.show_step(step, shown, logged)


def _evaluate_state(run: Run, state, step: int) -> bool:
    """Evaluates, writes the metrics and saves the best state; returns False if a stop prevented all of it."""
    run.progress.announce_compiling("evaluation")
    variables = get_inference_variables(state)
    evals = run_evaluation(run.task, run.evaluate, run.mesh, variables, run.stop.is_agreed)
    if evals is None:
        return False
    if run.config.best not in evals:
        advice = f"evaluation gives: {', '.join(sorted(evals))}"
        raise ConfigError(f"best is {run.config.best!r}{did_you_mean(run.config.best, evals, advice)}")
    score = checkpoint.share_score(evals[run.config.best])
    better = score is not None and run.best.improve(score)
    if better:
        # Only one is kept: one that was damaged is set aside, as this one would delete it.
        checkpoint.read_written_score(run.checkpoints.best)
        tree = {"params": variables["params"], "extra": state.extra}
        meta = {"step": step, "best": score}
        checkpoint.save_checkpoint(run.checkpoints.best, step, tree, run.config, meta)
    # After the checkpoint has been started: a row says that this evaluation need not be made again.
    run.metrics.write(step, "eval", evals)
    run.progress.pause()
    # Metrics with a "/" are details, for metrics.jsonl.
    shown = {name: value for name, value in evals.items() if "/" not in name}
    run.progress.print_line(
        f"eval {step}  {metric_writer.format_numbers(shown)}" + ("  (best so far)" if better else "")
    )
    return True


def _save_state(run: Run, state, step: int) -> None:
    """Saves what is needed to resume from `step`; the next batch is then number `step`, counted from 0."""
    # Waits, so that the state on disk is never newer than the best checkpoint found on the way to it.
    checkpoint.wait_until_saved(run.checkpoints.best)
    meta = {
        "step": step,
        "best": run.best.value,
        "spent": run.metrics.get_time_spent()._asdict(),
        # Compared by `checkpoint.restore_checkpoint`; the name is that of runs on disk.
        "fingerprint": state_hash.hash_state(state),
    }
    checkpoint.save_checkpoint(run.checkpoints.latest, step, state, run.config, meta)
    run.progress.pause()
