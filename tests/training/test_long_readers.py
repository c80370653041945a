"""Two trainings and ten readers in one run: the second is refused, and no reader meets damage (soak)."""

import json
import signal
import subprocess
import sys

import faults
import host_helpers
import pytest
import readers
from host_helpers import MAIN, PATIENCE, TOY, flags, until
from paths import ROOT

from signjax.training import saved_steps

pytestmark = pytest.mark.soak
READERS, SECONDS = 10, 45


@pytest.fixture(autouse=True)
def jobs_end_with_their_test():
    yield
    host_helpers.end_all()


def get_programs(kind, families) -> list[str]:
    """The command that trains the toy or a tiny model without end, and saves and evaluates it often."""
    # Every save and every evaluation replaces steps that readers may be reading.
    often = {"num_steps": 1_000_000, "save_every": 1, "eval_every": 5, "log_every": 50, "mesh.shape": (1,)}
    fields = families.get(kind, {"nap": 0.02}) | often | {"optim.schedule": "constant"}
    return [*(TOY if kind == "toy" else [*MAIN, f"--config={ROOT}/configs/{kind}.py"]), *flags(**fields)]


@pytest.mark.parametrize("kind", ["toy", "gpt"])
def test_two_trainings_and_ten_readers(kind, tiny_families, tmp_path, promise):
    run, log, second_log = (tmp_path / name for name in ("run", "log", "second"))
    program = [*get_programs(kind, tiny_families), f"--workdir={run}"]
    trainer = host_helpers.spawn(log, program, **faults.ONE_DEVICE)
    until(lambda: trainer.poll() is not None or saved_steps.find_last_step(run, "best"), "a best step")
    first = saved_steps.find_last_step(run, "latest")
    reading = subprocess.Popen(
        [sys.executable, readers.__file__, str(run), str(READERS), str(SECONDS)],
        env=host_helpers.environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    second = host_helpers.spawn(second_log, program, **faults.ONE_DEVICE).wait(PATIENCE)
    assert faults.Ending(second, "", second_log.read_text()).is_one_line("already training here")
    assert second == 22
    out, _ = reading.communicate(timeout=PATIENCE + SECONDS)
    last = saved_steps.find_last_step(run, "latest")
    trainer.send_signal(signal.SIGTERM)
    assert trainer.wait(PATIENCE) == 0, log.read_text()[-2000:]
    met = [json.loads(line) for line in out.splitlines()]
    assert len(met) == READERS and all(one["reads"] for one in met)
    wrong = [fault for one in met for fault in one["faults"]]
    print(*wrong[:5], sep="\n")
    reads = sum(one["reads"] for one in met)
    what = f"{kind} in training, {READERS} readers, {reads} reads: errors, warnings, older steps"
    promise(what, len(wrong), most=0)
    promise(f"{kind}: steps that were saved meanwhile", last - first, least=10)
    assert not [line for line in log.read_text().splitlines() if line.startswith(("warning:", "error:"))]
