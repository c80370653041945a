"""Ctrl-C while other processes write: one line, no traceback of theirs, and nothing is left."""

import contextlib
import functools
import os
import signal
import subprocess
import sys
import time

import pytest

from signjax.io import worker_pool

# As signjax.sample does it, with clips that are there at once.
COMMAND = """
import sys
import numpy as np
from signjax.cli.command import run_as_command
from signjax.export.sample_files import write_samples
from signjax.pose.clip import Clip

@run_as_command
def main():
    clip, texts = Clip(np.zeros((99, 50, 3))), [str(number) for number in range(20_000)]
    batches = ((np.array([number]), [clip]) for number in range(len(texts)))
    for ready in write_samples(batches, texts, 1, "clips", "", ("npz",), workers=2):
        print(len(ready), flush=True)
    return 0

if __name__ == "__main__":
    sys.exit(main())
"""


def test_ctrl_c_is_held_back_from_a_worker_before_its_first_line():
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with worker_pool.open_pool(1, 1, int) as pool:
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
        # Blocked signals are inherited, and nothing else blocks it there.
        submitted = pool.submit(functools.partial(signal.pthread_sigmask, signal.SIG_BLOCK), ())
        [blocked] = [result for ready in (*submitted, *pool.finish()) for result in ready]
    assert signal.SIGINT in blocked


@pytest.mark.extended
def test_ctrl_c_with_workers_is_one_line_and_leaves_whole_files(tmp_path):
    (tmp_path / "many.py").write_text(COMMAND)
    process = subprocess.Popen(
        [sys.executable, "many.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell starts what it runs in the background with Ctrl-C ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout and process.stdout.readline()
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors.strip() == "Stopped by Ctrl-C; the same command starts again"
    names = os.listdir(tmp_path / "clips")
    assert 0 < len(names) < 20_000 and all(name.endswith(".npz") for name in names)
    wait_for_group(process.pid)


def wait_for_group(group: int) -> None:
    """Returns once no process of a group is left; Python's own one for shared memory ends a little later."""
    with contextlib.suppress(ProcessLookupError):
        for _ in range(200):
            os.killpg(group, 0)
            time.sleep(0.05)
        pytest.fail("a worker is left")
