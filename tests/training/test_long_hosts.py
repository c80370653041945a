"""Faults of hosts, of real size: two processes for each model, kills in a row, promised times (soak)."""

import itertools
import os
import re
import signal
import sys
import time

import gpt_run
import host_helpers
import pytest
from engine_helpers import toy
from host_helpers import MAIN, PATIENCE, TOY, children, flags, until

from signjax.tasks.registry import make_task
from signjax.training import loop, saved_steps

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc"),
]
HEARTBEAT = 10  # seconds
ENDLESS = {"num_steps": 100_000, "eval_every": 100_000, "optim.schedule": "constant"}


@pytest.fixture(autouse=True)
def jobs_end_with_their_test():
    yield
    host_helpers.end_all()


@pytest.mark.parametrize("family", ["vqvae", "gpt", "flow"])
def test_a_preempted_host_costs_nothing(family, tiny_families, tmp_path, promise):
    """Two hosts, one preempted; a single one goes on. Batches and numbers are those of two undisturbed."""
    run, whole, log = tmp_path / "run", tmp_path / "whole", tmp_path / "log"
    fields = tiny_families[family] | ENDLESS | {"log_every": 1, "save_every": 10}
    config = f"--config={gpt_run.ROOT}/configs/{family}.py"

    def program(workdir, **changes):
        return [*MAIN, config, f"--workdir={workdir}", *flags(**fields | changes)]

    job = host_helpers.supervised(log, *program(run))
    until(lambda: host_helpers.reached(run, 4), "step 4")
    os.kill(children(job.pid)[1], signal.SIGTERM)
    begin = time.monotonic()
    assert job.wait(PATIENCE) == 0
    took = time.monotonic() - begin
    stopped = saved_steps.find_last_step(run, "latest")
    assert f"Stopped at step {stopped};" in log.read_text()
    one, two = (program(folder, num_steps=stopped + 5) for folder in (run, whole))
    assert host_helpers.spawn(log, one, **host_helpers.environment(tmp_path, 2)).wait(PATIENCE) == 0
    assert host_helpers.supervised(log, *two).wait(PATIENCE) == 0
    host_helpers.assert_same_training(run, whole)
    promise(f"{family}: one of two hosts gets SIGTERM, both have saved and ended", took, most=10, unit="s")


def endless_toy(tmp_path, heartbeat, command=()):
    """A toy job of two hosts, when it is under way: (processes, workdir)."""
    run = tmp_path / "run"
    fields = flags(**ENDLESS, nap=0.05, save_every=5)
    program = [*command, *TOY, f"--workdir={run}", *fields]
    jobs = host_helpers.alone(tmp_path, [program] * 2, heartbeat)
    until(lambda: host_helpers.saved(run), "a checkpoint")
    return jobs, run


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_no_host_outlives_another(how, lost, tmp_path, promise):
    jobs, _ = endless_toy(tmp_path, HEARTBEAT)
    jobs[lost].send_signal(how)
    begin = time.monotonic()
    code = jobs[1 - lost].wait(PATIENCE)
    took = time.monotonic() - begin
    jobs[lost].kill()
    assert code not in (0, 20, 21, 22, 23), "a supervisor must start it again"
    what = f"host {lost} of two gets {how.name}, the other one has ended (heartbeat {HEARTBEAT} s)"
    promise(what, took, most=HEARTBEAT + 5, unit="s")


def test_a_host_that_fails_alone_takes_the_other_along(tmp_path, promise):
    programs = [[*TOY, f"--workdir={tmp_path}/run", f"--config.log_every={1 - rank}"] for rank in range(2)]
    jobs = host_helpers.alone(tmp_path, programs, HEARTBEAT)
    assert jobs[1].wait(PATIENCE) == 23
    begin = time.monotonic()
    assert jobs[0].wait(PATIENCE) != 0
    what = "one of two hosts fails, the other one has ended"
    promise(what, time.monotonic() - begin, most=HEARTBEAT + 5, unit="s")


def test_machines_with_supervisors_of_their_own_find_together_again(tmp_path, promise):
    command = ("-m", "signjax.tools.supervise", sys.executable)
    supervisors, run = endless_toy(tmp_path, PATIENCE, command)
    os.kill(children(supervisors[1].pid)[0], signal.SIGKILL)
    begin = time.monotonic()
    until(lambda: "resumed from" in (tmp_path / "0.log").read_text(), "a new start")
    took = time.monotonic() - begin
    supervisors[1].send_signal(signal.SIGTERM)
    assert [job.wait(PATIENCE) for job in supervisors] == [0, 0]
    log_text = (tmp_path / "0.log").read_text()
    assert f"Stopped at step {saved_steps.find_last_step(run, 'latest')};" in log_text
    promise("one of two machines loses its process, both train again", took, most=60, unit="s")


def test_a_signal_before_the_first_step_of_a_resumed_run_counts(tmp_path, promise):
    """Hosts agree when they ask whether to stop; they have not asked yet, and are at a step that is not 0."""
    run = tmp_path / "run"
    fields = ENDLESS | {"nap": 4, "save_every": 1, "mesh.shape": (2,)}
    assert loop.train(toy(**fields | {"num_steps": 2}), run, make_task).finished
    program = [*TOY, f"--workdir={run}", *flags(**fields)]
    jobs = host_helpers.alone(tmp_path, [program] * 2)
    for rank in range(2):
        until(lambda log=tmp_path / f"{rank}.log": "[Gloo]" in log.read_text(), "the hosts to meet")
    jobs[1].send_signal(signal.SIGTERM)
    assert [job.wait(PATIENCE) for job in jobs] == [0, 0]
    stopped = saved_steps.find_last_step(run, "latest")
    promise("steps taken after a signal before the first one", stopped - 2, most=1)


def test_kills_in_a_row_lose_little(tmp_path, promise):
    """Five, as many as the supervisor bears in a row; steps of 0.1 s at least, saved every 5."""
    run, whole, log, kills = tmp_path / "run", tmp_path / "whole", tmp_path / "log", 5
    fields = flags(num_steps=500, eval_every=500, save_every=5, log_every=1, nap=0.1)
    job = host_helpers.supervised(log, *TOY, f"--workdir={run}", *fields)
    for kill in range(kills):
        until(lambda step=83 * (kill + 1): host_helpers.reached(run, step), "more steps")
        os.kill(children(job.pid)[kill % 2], signal.SIGKILL)
        until(lambda count=kill + 1: log.read_text().count("resumed from") == count, "a new start")
    other = host_helpers.supervised(tmp_path / "other", *TOY, f"--workdir={whole}", *fields)
    assert job.wait(PATIENCE) == other.wait(PATIENCE) == 0
    host_helpers.assert_same_training(run, whole)
    lives = log.read_text().split("resumed from")
    lives = [re.findall(r"^step (\d+)/500", life, re.MULTILINE) for life in lives]
    again = [int(before[-1]) + 1 - int(after[0]) for before, after in itertools.pairwise(lives)]
    assert len(again) == kills
    promise("steps done again after a kill, saved every 5", max(again), most=2 * 5)
