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
    one_line,
    wait_for,
)


def test_slurm_gets_the_run_once(cluster):
    command = ("launch/slurm.sh", "--name=mine", "--nodes=2", "-p", "gpu", "--", "train", *NASTY[:-1])
    dry = bash(cluster, *command[:2], "--dry_run", *command[2:])
    assert (dry.returncode, calls(cluster)) == (0, [])
    assert bash(cluster, *command).returncode == 0
    squeue, sbatch = calls(cluster)
    assert shlex.split(dry.stdout) == [*squeue, "mkdir", "-p", "outputs", *sbatch]
    assert {"--requeue", "--open-mode=append", "--job-name=mine", "--nodes=2"} < set(sbatch)
    answer(cluster, "squeue", "0 17")
    again = bash(cluster, *command)
    assert again.returncode == 0 and "17" in again.stdout
    assert [call[0] for call in calls(cluster)] == ["squeue"]
    answer(cluster, "squeue", "1 down")
    assert bash(cluster, *command).returncode == 1
    for bad in (
        ["--nodes=2", "--", "x"],
        ["--name=a b", "--", "x"],
        ["--name"],
        ["--name=a"],
        ["--name=a", "--"],
    ):
        calls(cluster)
        assert one_line(bash(cluster, "launch/slurm.sh", *bad))
        assert calls(cluster) == []


def test_a_job_of_slurm_gives_its_tasks_the_command(cluster):
    add_python(cluster, "python3")
    add_stand_in(cluster, "train")
    bash(cluster, "launch/slurm.sh", "--name=mine", "--", "train", *NASTY)
    script = calls(cluster, "sbatch")[0][-1].removeprefix("--wrap=")
    assert bash(cluster, "-c", script).returncode == 0
    srun = calls(cluster, "srun")
    assert len(srun) == 1 and "--kill-on-bad-exit=1" in srun[0]
    assert bash(cluster, *srun[0][3:]).returncode == 0
    called = calls(cluster, "train", "sleep")
    assert ["train", *NASTY] in called and ["sleep", "600"] not in called
    answer(cluster, "train", "23 config")
    assert bash(cluster, *srun[0][3:]).returncode == 23


def started(cluster, *command: str):
    """Starts a script that waits for a program "train"; returns it once it does."""
    (cluster / "bin" / "train").write_text(
        "#!/bin/sh\ntrap 'exit 0' TERM\necho ready\nwhile :; do /bin/sleep .1; done\n"
    )
    (cluster / "bin" / "train").chmod(0o755)
    environment = {"PATH": str(cluster / "bin"), "HOME": str(cluster), "SLURM_JOB_ID": "17"}
    process = subprocess.Popen(
        ["bash", *command], cwd=cluster, env=environment, stdout=subprocess.PIPE, text=True, process_group=0
    )
    while process.stdout.readline() != "ready\n":
        assert process.poll() is None
    return process


def test_a_preempted_task_does_not_end_before_slurm_ends_it(cluster):
    add_python(cluster, "python3")
    process = started(cluster, "launch/slurm.sh", "task", "train")
    os.killpg(process.pid, signal.SIGTERM)
    assert process.wait(30) == 0
    assert ["sleep", "600"] in calls(cluster)


def test_a_job_at_its_time_limit_goes_into_the_queue_again(cluster):
    add_python(cluster, "python3")
    (cluster / "bin" / "srun").write_text("#!/bin/sh\nexec train\n")
    process = started(cluster, "launch/slurm.sh", "batch", "train")
    process.send_signal(signal.SIGUSR1)
    wait_for((cluster / "calls").exists)
    wait_for(lambda: "scontrol" in (cluster / "calls").read_text())
    assert process.poll() is None  # it waits for what SLURM does next
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(30)
    assert calls(cluster, "scontrol") == [["scontrol", "requeue", "17"]]


@pytest.mark.parametrize("driver, extra", [
    ("0 580.65.06, 9.0", "cuda"),
    ("0 595.10, 7.5", "cuda"),
    ("0 580.65.06, 7.0", "cuda12"),
    ("0 575.51.03, 10.0", "cuda12"),
    ("0 525.60.13, 8.0", "cuda12"),
])  # fmt: skip
def test_the_driver_decides_on_cuda(cluster, driver, extra):
    add_stand_in(cluster, "train")
    add_python(cluster, "python3")
    answer(cluster, "nvidia-smi", driver)
    done = bash(cluster, "launch/gpu.sh", "train", *NASTY)
    assert done.returncode == 0, done.stderr
    assert (cluster / ".venv" / "signjax.stamp").read_text().split()[-1] == extra
    assert calls(cluster, "train") == [["train", *NASTY]]


@pytest.mark.parametrize("driver", ["0 470.82.01, 8.0", "9 no driver", "0 No devices were found", None])
def test_a_machine_without_a_gpu_that_fits_is_one_line(cluster, driver):
    answer(cluster, "nvidia-smi", driver or "")
    if not driver:
        (cluster / "bin" / "nvidia-smi").unlink()
    assert one_line(bash(cluster, "launch/gpu.sh", "train"), "nvidia-smi: ")
    assert not (cluster / ".venv").exists()


def test_gpu_dry_run(cluster):
    add_python(cluster, "python3")
    done = bash(cluster, "launch/gpu.sh", "--dry_run", "train", "a b")
    assert calls(cluster) == [] and not (cluster / "asked").exists()
    assert re.search(r"^nvidia-smi .*\npython3 -m venv .*\n.* pip install .*\[cuda\]'\n", done.stdout)
    assert shlex.split(done.stdout.splitlines()[-1])[1:] == ["-m", "signjax.tools.supervise", "train", "a b"]
    assert one_line(bash(cluster, "launch/gpu.sh", "--dryrun"), "--dryrun")
