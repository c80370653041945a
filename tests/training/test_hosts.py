"""Several hosts, as processes of this machine: lost, preempted and misled ones; their shares of a batch."""

import os
import signal
import sys

import gpt_run
import host_helpers
import jax
import numpy as np
import pytest
from engine_helpers import toy
from host_helpers import TOY, flags, until

from signjax.errors import ConfigError, StorageError
from signjax.tasks.batches import stream_rows
from signjax.tasks.registry import make_task
from signjax.tasks.token_run import prepare_token_run
from signjax.training import checkpoint, loop, process, saved_steps

ENDLESS = {
    "num_steps": 100_000,
    "eval_every": 100_000,
    "save_every": 5,
    "nap": 0.02,
    "optim.schedule": "constant",
}


@pytest.fixture(autouse=True)
def jobs_end_with_their_test():
    yield
    host_helpers.end_all()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc")
@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.extended),
               pytest.param(signal.SIGHUP, marks=pytest.mark.slow)],
)  # fmt: skip
def test_nothing_is_lost_with_a_host(tmp_path, number):
    """One of two hosts is killed, and both start again; one is preempted, and both save; one host goes on."""
    run, log = tmp_path / "run", tmp_path / "log"
    job = host_helpers.supervised(log, *TOY, f"--workdir={run}", *flags(**ENDLESS))
    until(lambda: host_helpers.saved(run), "a checkpoint")
    first = host_helpers.children(job.pid)
    os.kill(first[1], signal.SIGKILL)
    until(lambda: "resumed from step" in log.read_text(), "a new start")
    second = host_helpers.children(job.pid)
    assert len(first) == len(second) == 2 and not set(first) & set(second)
    until(lambda: host_helpers.reached(run, 12), "step 12")
    os.kill(second[1], number)
    assert job.wait(host_helpers.PATIENCE) == 0
    stopped = saved_steps.find_last_step(run, "latest")
    log_text = log.read_text()
    assert f"Stopped at step {stopped};" in log_text and log_text.count("restarting in") == 1
    c = toy(**ENDLESS | {"num_steps": stopped + 10, "mesh.shape": (2,)})
    for workdir in (run, tmp_path / "whole"):
        assert loop.train(c, workdir, make_task).finished
    host_helpers.assert_same_training(run, tmp_path / "whole")


@pytest.mark.extended
def test_one_of_the_hosts_sets_damaged_steps_aside_and_all_go_on(tmp_path):
    run = tmp_path / "run"
    assert loop.train(toy(), run, make_task).finished
    roots = [saved_steps.get_checkpoint_folder(run, which) for which in ("latest", "best")]
    for root in roots:
        (root / "12/meta/metadata").write_text("{}")
    program = [*TOY, f"--workdir={run}", *flags(num_steps=18)]
    jobs = host_helpers.alone(tmp_path, [program, program])
    assert [job.wait(host_helpers.PATIENCE) for job in jobs] == [0, 0]
    logs = [(tmp_path / f"{rank}.log").read_text() for rank in range(2)]
    assert "resumed from step 10" in logs[0] and logs[0].count("it was moved to") == 2
    assert "moved to" not in logs[1]
    assert all((root / ".damaged-12").is_dir() for root in roots)
    assert saved_steps.find_intact_step(run, "latest") == ("latest", 18)


def test_hosts_with_different_configs_do_not_start(tmp_path):
    run = tmp_path / "run"
    programs = [[*TOY, f"--workdir={run}", f"--config.seed={rank}"] for rank in range(2)]
    for rank, job in enumerate(host_helpers.alone(tmp_path, programs)):
        assert job.wait(host_helpers.PATIENCE) == 23
        assert "error: the hosts of this run were started with" in (tmp_path / f"{rank}.log").read_text()
    assert sorted(p.name for p in run.iterdir()) == [".lock"]


def test_hosts_must_see_the_same_checkpoints(tmp_path, monkeypatch):
    def gathered(own):
        return np.stack([own, own + np.array([5, 0], own.dtype)])

    monkeypatch.setattr(process.multihost_utils, "process_allgather", gathered)
    with pytest.raises(ConfigError, match=r"different checkpoints .* of steps \[7, 12\]"):
        process.check_hosts(toy(), tmp_path, 7)


def test_a_lost_host_is_no_fault_of_the_disk(tmp_path, monkeypatch):
    """Gloo's failure is a ValueError, as is a full disk in orbax; only the disk's ends the job for good."""
    full = "RESOURCE_EXHAUSTED: writing failed [os_error_code='28']"
    for hosts, message in ((1, "UNKNOWN: it"), (1, full), (2, full)):
        monkeypatch.setattr("jax.process_count", lambda hosts=hosts: hosts)
        with pytest.raises(StorageError), checkpoint.convert_storage_errors(tmp_path, ValueError):
            raise ValueError(message)
    with (
        pytest.raises(ValueError, match="Gloo"),
        checkpoint.convert_storage_errors(tmp_path, OSError, ValueError),
    ):
        raise ValueError("UNKNOWN: Gloo AllGather failed: Connection reset by peer")


def test_hosts_agree_on_a_stop_that_comes_early(monkeypatch):
    """A signal before the first question makes JAX choose number 1, whatever the step; it says so once."""
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(process.multihost_utils, "reached_preemption_sync_point", lambda number: number == 1)
    stop = process.StopSignal()
    assert stop.is_agreed() and stop.is_agreed()


def test_hosts_share_the_batches_of_the_gpt(tiny_runs, tmp_path, monkeypatch):
    c = gpt_run.gpt_config(tiny_runs)
    c.batch_tokens = 512  # four rows
    packed = prepare_token_run(c, tmp_path).train

    def batches(host, hosts):
        monkeypatch.setattr(jax, "process_count", lambda: hosts)
        monkeypatch.setattr(jax, "process_index", lambda: host)
        stream = stream_rows(c, packed)(3)
        batches_read = [next(stream) for _ in range(4)]
        stream.close()
        return batches_read

    for whole, *parts in zip(batches(0, 1), *(batches(host, 2) for host in range(2)), strict=True):
        for name, rows in whole.items():
            np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), rows)
