"""Commands on machines and disks with faults: limits of memory and threads, files that cannot be read now.

As a program, `python tests/helpers/faults.py FOLDER '[{"module": ..., "arguments": [...]}, ...]'`, it runs
commands one after the other, each in a fork of one process that has imported everything, and prints their
exit codes.
"""

import hashlib
import importlib
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import traceback
from typing import NamedTuple

import pytest
from paths import ROOT

SOURCE = pathlib.Path(__file__).with_suffix(".c")
ONE_DEVICE = {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
# No message may advise these after a fault of a machine.
DESTRUCTIVE = ("delete", "remove", "rm ", "corrupt", "damaged", "train one first", "train first")


class Ending(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    def is_one_line(self, *words: str) -> bool:
        """Whether one line says what is the matter, with one of these words, and advises nothing bad."""
        lines = [line for line in self.err.splitlines() if not line.startswith("warning: ")]
        return (
            len(lines) == 1
            and lines[0].startswith("error: ")
            and any(word.lower() in lines[0].lower() for word in words)
            and not any(word in self.err.lower() for word in DESTRUCTIVE)
        )


def describe_errno(number: str) -> str:
    """What the system says of an error."""
    return os.strerror(int(number))


def compile_library(folder: pathlib.Path) -> pathlib.Path:
    """The library of faults.c for LD_PRELOAD; skips the test where there is no compiler."""
    compiler, library = shutil.which("cc") or shutil.which("gcc"), folder / "faults.so"
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler for LD_PRELOAD here")
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", SOURCE, "-o", library, "-ldl", "-pthread"], check=True
    )
    return library


def run_command(module: str, *arguments, home, limit: int = 0, **variables: str) -> Ending:
    """Runs a command in a process of its own, with at most `limit` bytes of addresses if that is not 0."""

    def set_limit():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    process = subprocess.run(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), **ONE_DEVICE, **variables},
        preexec_fn=set_limit if limit else None,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return Ending(process.returncode, process.stdout, process.stderr)


def run_forks(cases: list[dict], folder: pathlib.Path, home, **variables: str) -> list[Ending]:
    """Runs commands in forks of one process.

    Args:
      cases: of each {"module": of the command, "arguments": [...], "variables": environment,
        "file_size": largest size of a file in bytes, or missing}.
      folder: for their output.
      home: the user's folder.
      variables: the environment of all.
    """
    folder.mkdir(exist_ok=True)
    process = subprocess.run(
        [sys.executable, __file__, str(folder), json.dumps(cases)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home), **ONE_DEVICE, **variables},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert process.returncode == 0, process.stderr[-3000:]
    read = lambda number, stream: (folder / f"{number}.{stream}").read_text()  # noqa: E731
    codes = json.loads(process.stdout.splitlines()[-1])
    return [Ending(code, read(n, "out"), read(n, "err")) for n, code in enumerate(codes)]


def list_checksums(*folders: pathlib.Path) -> dict[str, str]:
    """{path: checksum} of all files below folders, but for the locks of runs, which name a process."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def _run_case(case: dict, out: pathlib.Path) -> int:
    """Runs a command in a fork; returns its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 99
    try:
        for number, stream in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{out}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.environ.update(case.get("variables", {}))
        if "file_size" in case:
            resource.setrlimit(resource.RLIMIT_FSIZE, (case["file_size"], -1))
        code = importlib.import_module(case["module"]).main(case["arguments"])
        sys.stdout.flush()
    except SystemExit as stop:
        code = stop.code
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    CASES = json.loads(sys.argv[2])
    for name in {case["module"] for case in CASES}:
        importlib.import_module(name)
    print(json.dumps([_run_case(case, pathlib.Path(sys.argv[1], str(n))) for n, case in enumerate(CASES)]))
