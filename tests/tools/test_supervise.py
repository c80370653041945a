"""The supervisor, with shell scripts as jobs: what starts again, how often, and who gets signals."""

import os
import signal
import subprocess
import sys

import host_helpers
import pytest

from signjax.tools import supervise
from signjax.training import supervisor

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="prctl is Linux's")
WAITS = "trap 'echo signal >>log; exit 0' TERM HUP; trap 'echo signal >>log; exit 130' INT; echo up >>log; "
WAITS += "while :; do sleep 0.05; done"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder for the jobs, no waiting between them, pytest's own signal handlers afterwards."""
    monkeypatch.chdir(tmp_path)
    for name, seconds in {"PAUSE": 0.01, "POLL": 0.01, "GRACE": 0.3}.items():
        monkeypatch.setattr(supervisor, name, seconds)
    before = {number: signal.getsignal(number) for number in supervisor.STOPPING}
    yield tmp_path
    for number, handler in before.items():
        signal.signal(number, handler)


def supervised(script, processes=1, restarts=5):
    """Runs a script; returns (exit code, lines of the file log)."""
    code = supervise.main([f"--processes={processes}", f"--restarts={restarts}", "sh", "-c", script])
    return code, lines()


def lines():
    return open("log").read().split("\n")[:-1] if os.path.exists("log") else []


@pytest.mark.parametrize("death", ["kill -9 $$", "kill -ABRT $$", "exit 1", "exit 134"])
def test_a_job_that_dies_starts_again(death):
    code, starts = supervised(f"echo up >>log; [ $(wc -l <log) -ge 3 ] || {death}")
    assert (code, len(starts)) == (0, 3)


@pytest.mark.parametrize("last", [0, 2, 20, 21, 22, 23, 130])
def test_what_a_new_start_does_not_cure_ends_it(last):
    assert supervised(f"echo up >>log; exit {last}") == (last, ["up"])


def test_it_gives_up(capfd):
    code, starts = supervised("echo up >>log; kill -9 $$", restarts=2)
    assert (code, len(starts)) == (128 + 9, 3)
    assert "process 0 ended with SIGKILL" in capfd.readouterr().err


def test_failures_far_apart_are_not_in_a_row(monkeypatch):
    monkeypatch.setattr(supervisor, "STABLE", 0)
    code, starts = supervised("echo up >>log; [ $(wc -l <log) -ge 4 ] || exit 1", restarts=1)
    assert (code, len(starts)) == (0, 4)


def test_all_processes_start_again_when_one_dies():
    job = 'echo "$JAX_COORDINATOR_ADDRESS $JAX_NUM_PROCESSES $JAX_PROCESS_ID" >>log; '
    job += "[ -e again ] && exit 0; [ $JAX_PROCESS_ID = 0 ] && sleep 60; "
    job += "until [ $(wc -l <log) = 2 ]; do :; done; touch again; kill -9 $$"
    code, starts = supervised(job, processes=2)
    assert code == 0
    jobs = [{tuple(line.split()) for line in part} for part in (starts[:2], starts[2:])]
    for job in jobs:
        assert {(count, rank) for _, count, rank in job} == {("2", "0"), ("2", "1")}
        assert len({address for address, *_ in job}) == 1


@pytest.mark.parametrize(
    ("codes", "code"),
    [([0, 0], 0), ([-6, 21], 21), ([0, -9], 137), ([1, 0], 1), ([1, -9, 22], 22), ([-6, -9], 134)],
)
def test_the_exit_code_is_the_one_that_says_most(codes, code):
    assert supervisor.combine_exit_codes(codes) == code


def test_a_wrong_command_line_is_refused(capsys):
    for wrong in ([], ["--processes=0", "true"], ["no-such-command-anywhere"]):
        with pytest.raises(SystemExit) as e:
            supervise.main(wrong)
        assert e.value.code == 2
    assert "no-such-command-anywhere: no such command" in capsys.readouterr().err


def start_supervisor(processes):
    """A supervisor in a process of its own, when its jobs are up."""
    command = [sys.executable, "-m", "signjax.tools.supervise", f"--processes={processes}", "sh", "-c", WAITS]
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(host_helpers.ROOT)},
        # A shell starts its background jobs, perhaps these tests, with Ctrl-C ignored; sh cannot trap that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    host_helpers.until(lambda: lines() == ["up"] * processes, "the jobs")
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_signals_are_passed_on_and_nothing_starts_again(number, code):
    process = start_supervisor(2)
    process.send_signal(number)
    assert process.wait(host_helpers.PATIENCE) == code
    assert lines() == ["up", "up", "signal", "signal"]


@linux
def test_nothing_lives_on_when_the_supervisor_is_killed():
    process = start_supervisor(1)
    process.kill()
    process.wait()
    host_helpers.until(lambda: lines() == ["up", "signal"], "the job's end")
