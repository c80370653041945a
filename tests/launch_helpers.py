"""A checkout to try the launch scripts in, with stand-ins for the programs that they call."""

import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).parent.parent
TOOLS = ("cat", "chmod", "cksum", "cp", "dirname", "env", "mkdir", "mv", "rm", "sh", "sleep")

# A Python that writes down which modules it is asked for, makes "environments" that hold itself, and fails
# where a file fail-<module> says so. {status} is the exit status of the check of its version.
FAKE = """#!/bin/sh
case "$1 $2" in
    "-V ") echo "Python 3.12.1" ;;
    "-c "*) exit {status} ;;
    "-m venv") mkdir -p "$4/bin"; rm -f "$4"/*.stamp; cp "$0" "$4/bin/python" ;;
esac
[ "$1" != -m ] || echo "$2" >>asked
if [ -e "fail-$2" ]; then exit "$(cat "fail-$2")"; fi
"""


def make_checkout(tmp_path):
    """Makes a folder of the launch scripts and a bin/ that is all that the scripts can find; returns it."""
    shutil.copytree(ROOT / "launch", tmp_path / "launch")
    (tmp_path / "setup.py").write_text("first")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    return tmp_path


def add_python(checkout, name: str, status: int = 0) -> None:
    """Adds a stand-in for Python whose check of its version ends with `status`."""
    path = checkout / "bin" / name
    path.write_text(FAKE.replace("{status}", str(status)))
    path.chmod(0o755)


def bash(checkout, *command: str, **variables: str):
    """Runs bash in a checkout; returns the finished process, with its output as text."""
    environment = {"PATH": str(checkout / "bin"), "HOME": str(checkout), **variables}
    return subprocess.run(
        [shutil.which("bash"), *command],
        cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
