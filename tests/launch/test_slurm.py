"""launch/slurm.sh and launch/gpu.sh against stand-ins that write down how they are called."""

import os
import re
import shlex
import signal
import subprocess

import pytest
from launch_helpers import (
    NASTY,
    add_python,
    add_stand_in,
    answer,
    bash,
    calls,
    make_cluster,
    one_line,
    wait_for,
)


@pytest.fixture
def checkout(tmp_path):
    return make_cluster(tmp_path)


def test_slurm_gets_the_run_once(checkout):
    command = ("launch/slurm.sh", "--name=mine", "--nodes=2", "-p", "gpu", "--", "train", *NASTY[:-1])
    dry = bash(checkout, *command[:2], "--dry_run", *command[2:])
    assert (dry.returncode, calls(checkout)) == (0, [])
    assert bash(checkout, *command).returncode == 0
    squeue, sbatch = calls(checkout)
    assert shlex.split(dry.stdout) == [*squeue, "mkdir", "-p", "outputs", *sbatch]
    assert {"--requeue", "--open-mode=append", "--job-name=mine", "--nodes=2"} < set(sbatch)
    answer(checkout, "squeue", "0 17")
    again = bash(checkout, *command)
    assert again.returncode == 0 and "17" in again.stdout
    assert [call[0] for call in calls(checkout)] == ["squeue"]
    answer(checkout, "squeue", "1 down")
    assert bash(checkout, *command).returncode == 1
    for bad in (
        ["--nodes=2", "--", "x"],
        ["--name=a b", "--", "x"],
        ["--name"],
        ["--name=a"],
        ["--name=a", "--"],
    ):
        calls(checkout)
        assert one_line(bash(checkout, "launch/slurm.sh", *bad))
        assert calls(checkout) == []


def test_a_job_of_slurm_gives_its_tasks_the_command(checkout):
    add_python(checkout, "python3")
    add_stand_in(checkout, "train")
    bash(checkout, "launch/slurm.sh", "--name=mine", "--", "train", *NASTY)
    script = calls(checkout, "sbatch")[0][-1].removeprefix("--wrap=")
    assert bash(checkout, "-c", script).returncode == 0
    srun = calls(checkout, "srun")
    assert len(srun) == 1 and "--kill-on-bad-exit=1" in srun[0]
    assert bash(checkout, *srun[0][3:]).returncode == 0
    called = calls(checkout, "train", "sleep")
    assert ["train", *NASTY] in called and ["sleep", "600"] not in called
    answer(checkout, "train", "23 config")
    assert bash(checkout, *srun[0][3:]).returncode == 23


def started(checkout, *command: str):
    """Starts a script that waits for a program "train"; returns it once it does."""
    (checkout / "bin" / "train").write_text(
        "#!/bin/sh\ntrap 'exit 0' TERM\necho ready\nwhile :; do /bin/sleep .1; done\n"
    )
    (checkout / "bin" / "train").chmod(0o755)
    environment = {"PATH": str(checkout / "bin"), "HOME": str(checkout), "SLURM_JOB_ID": "17"}
    process = subprocess.Popen(
        ["bash", *command], cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True, process_group=0
    )
    while process.stdout.readline() != "ready\n":
        assert process.poll() is None
    return process


def test_a_preempted_task_does_not_end_before_slurm_ends_it(checkout):
    add_python(checkout, "python3")
    process = started(checkout, "launch/slurm.sh", "task", "train")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(30) == 0
    assert ["sleep", "600"] in calls(checkout)


def test_a_job_at_its_time_limit_goes_into_the_queue_again(checkout):
    add_python(checkout, "python3")
    (checkout / "bin" / "srun").write_text("#!/bin/sh\nexec train\n")
    process = started(checkout, "launch/slurm.sh", "batch", "train")
    process.send_signal(signal.SIGUSR1)
    wait_for((checkout / "calls").exists)
    wait_for(lambda: "scontrol" in (checkout / "calls").read_text())
    assert process.poll() is None  # it waits for what SLURM does next
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)
    assert calls(checkout, "scontrol") == [["scontrol", "requeue", "17"]]


@pytest.mark.parametrize("driver, extra", [
    ("0 580.65.06, 9.0", "cuda"),
    ("0 595.10, 7.5", "cuda"),
    ("0 580.65.06, 7.0", "cuda12"),
    ("0 575.51.03, 10.0", "cuda12"),
    ("0 525.60.13, 8.0", "cuda12"),
])  # fmt: skip
def test_the_driver_decides_on_cuda(checkout, driver, extra):
    add_stand_in(checkout, "train")
    add_python(checkout, "python3")
    answer(checkout, "nvidia-smi", driver)
    done = bash(checkout, "launch/gpu.sh", "train", *NASTY)
    assert done.returncode == 0, done.stderr
    assert (checkout / ".venv" / "signjax.stamp").read_text().split()[-1] == extra
    assert calls(checkout, "train") == [["train", *NASTY]]


@pytest.mark.parametrize("driver", ["0 470.82.01, 8.0", "9 no driver", "0 No devices were found", None])
def test_a_machine_without_a_gpu_that_fits_is_one_line(checkout, driver):
    answer(checkout, "nvidia-smi", driver or "")
    if not driver:
        (checkout / "bin" / "nvidia-smi").unlink()
    assert one_line(bash(checkout, "launch/gpu.sh", "train"), "nvidia-smi: ")
    assert not (checkout / ".venv").exists()


def test_gpu_dry_run(checkout):
    add_python(checkout, "python3")
    done = bash(checkout, "launch/gpu.sh", "--dry_run", "train", "a b")
    assert calls(checkout) == [] and not (checkout / "asked").exists()
    assert re.search(r"^nvidia-smi .*\npython3 -m venv .*\n.* pip install .*\[cuda\]'\n", done.stdout)
    assert shlex.split(done.stdout.splitlines()[-1])[1:] == ["-m", "signjax.tools.supervise", "train", "a b"]
    assert one_line(bash(checkout, "launch/gpu.sh", "--dryrun"), "--dryrun")
