"""More devices than a batch has rows; the commands of docs/distributed.md on simulated devices."""

import os
import re
import shlex
import shutil

import gpt_run
import host_helpers
import pytest
from command_help import parse_commands
from host_helpers import MAIN, flags
from paths import ROOT

from signjax import demo
from signjax.training import saved_steps

PAGE = (ROOT / "docs/distributed.md").read_text(encoding="utf-8")
CUT = {"num_steps": 2, "log_every": 1, "eval_every": 2, "save_every": 2}
WAIT = 1800  # seconds; 16 processes share the cores of a small machine
MANY = 16  # devices of a command whose launcher does not say how many


@pytest.fixture(autouse=True)
def jobs_end_with_their_test():
    yield
    host_helpers.end_all()


def on_devices(count: int) -> dict:
    """The environment of a process with so many simulated devices, which compiles for few steps."""
    flag = f"--xla_force_host_platform_device_count={count}"
    return {"XLA_FLAGS": flag, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}


@pytest.mark.extended
def test_devices_without_rows_change_nothing(tiny_runs, tmp_path):
    """Two rows of training and two of evaluation, on 1 device and on 16, in 1 process and in 2."""
    shutil.copytree(tiny_runs / "datasets", tmp_path / "datasets", ignore=shutil.ignore_patterns(".cache"))
    data = {"data.root": tmp_path / "datasets", "tokenizer": tiny_runs / "runs/vqvae"}
    fields = data | gpt_run.GPT | {"num_steps": 6, "eval_every": 3, "model.dropout": 0.1}
    for name, processes, devices in (("one", 1, 1), ("many", 1, MANY), ("hosts", 2, 4)):
        folder = tmp_path / name
        folder.mkdir()
        program = [*MAIN, "--config=gpt", f"--workdir={folder}/run", *flags(**fields)]
        jobs = start(folder, [program] * processes, devices)
        assert [job.wait(WAIT) for job in jobs] == [0] * processes
        log = (folder / "0.log").read_text()
        assert ("in a new --workdir, fills them" in log) == (name != "one"), log
    host_helpers.assert_same_training(tmp_path / "one/run", tmp_path / "many/run")
    host_helpers.assert_same_training(tmp_path / "one/run", tmp_path / "hosts/run")


def start(folder, programs, devices: int):
    """Starts the processes of a job, each with so many devices."""
    if len(programs) > 1:
        return host_helpers.alone(folder, programs, **on_devices(devices))
    return [host_helpers.spawn(folder / "0.log", programs[0], **on_devices(devices))]


def list_commands():
    """(options of signjax.main, processes, devices of each) of every command of the page that trains."""
    found = []
    for block in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        for words in parse_commands(block):
            # A shell within the command has a line of its own.
            inner = next((shlex.split(word) for word in words if "signjax.main " in word), words)
            if "signjax.main" in inner:
                found.append((inner[inner.index("signjax.main") + 1 :], *count_devices(words)))
    return found


def count_devices(words) -> tuple[int, int]:
    """How many processes and devices in each a command has."""
    options = dict(word.lstrip("-").split("=", 1) for word in words if word.startswith("--") and "=" in word)
    if "launch/slurm.sh" in words:
        return int(options["nodes"]) * int(options["ntasks-per-node"]), 1
    if "launch/tpu_vm.sh" in words:
        chips = int(words[words.index("--accelerator_type") + 1].rpartition("-")[2])
        return (2, chips // 2) if "--multihost" in words else (1, chips)
    if "--processes" in words:
        return int(words[words.index("--processes") + 1]), MANY // 2
    return (1, 8) if "launch/gpu.sh" in words else (1, MANY)


COMMANDS = list_commands()


def test_every_command_is_known():
    assert len(COMMANDS) >= 8
    assert {(processes, devices) for _, processes, devices in COMMANDS} >= {(1, 8), (1, 16), (2, 8), (16, 1)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with small data and a tokenizer of the default size, trained for a step."""
    root = tmp_path_factory.mktemp("distributed")
    demo.write_dataset(root / "datasets", sizes=(24, 4, 1))
    (root / "datasets/mine").symlink_to("demo")
    before = os.getcwd()
    os.chdir(root)
    program = [*MAIN, "--config=vqvae", *flags(**CUT | {"num_steps": 1, "mesh.shape": "(1,)"})]
    assert host_helpers.spawn(root / "vqvae.log", program, **on_devices(1)).wait(WAIT) == 0
    yield root
    os.chdir(before)


@pytest.mark.slow
@pytest.mark.parametrize("options, processes, devices", [
    *COMMANDS, (["--config=gpt:fsdp"], 1, 64), (["--config=vqvae", "--config.batch_size=64"], 1, 64),
])  # fmt: skip
def test_a_command_of_the_page_trains(folder, tmp_path, options, processes, devices):
    """With the config that the command has; only steps are fewer, and the data are small."""
    options = [word.replace("/mnt", str(folder)) for word in options if word != "--multihost"]
    program = [*MAIN, *options, f"--workdir={tmp_path}/run", *flags(**CUT)]
    jobs = start(tmp_path, [program] * processes, devices)
    assert [job.wait(WAIT) for job in jobs] == [0] * processes
    log = (tmp_path / "0.log").read_text()
    used = next((word for word in options if "mesh.shape" in word), "")
    assert f"{processes * devices} cpu device" in log or used, log
    for which in ("latest", "best"):
        assert saved_steps.find_last_step(tmp_path / "run", which) == 2


@pytest.mark.slow
def test_a_command_of_the_page_trains_under_the_supervisor(folder, tmp_path):
    program = [*MAIN, "--config=gpt", f"--workdir={tmp_path}/run", *flags(**CUT)]
    job = host_helpers.supervised(tmp_path / "log", *program, **on_devices(MANY // 2))
    assert job.wait(WAIT) == 0
    assert f"{MANY} cpu device" in (tmp_path / "log").read_text()
    assert saved_steps.find_last_step(tmp_path / "run", "latest") == 2
