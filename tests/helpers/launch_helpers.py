"""A checkout to try the launch scripts in, with stand-ins for the programs that they call."""

import shlex
import shutil
import subprocess
import time

from paths import ROOT

TOOLS = ("cat", "chmod", "cksum", "cp", "dirname", "env", "mkdir", "mv", "rm", "sed", "sh", "sleep")

LINUX = ("bash", "flock", "gzip", "nohup", "setsid", "tail", "tar", "touch", "true")
NASTY = ["a b", "", "it's", '"$(touch harm)`touch harm`;', "&", "*", "line\nbreak", "--zone=x", "é"]

# A Python that writes down which modules it is asked for, makes "environments" that hold itself, and fails
# where a file fail-<module> says so. Its export of a run is an empty folder. Its supervisor becomes the
# command that it is given. {status} is the exit status of the check of its version.
FAKE = """#!/bin/sh
case "$1 $2" in
    "-V ") echo "Python 3.12.1" ;;
    "-c "*) exit {status} ;;
    "-m venv") mkdir -p "$4/bin"; rm -f "$4"/*.stamp; cp "$0" "$4/bin/python" ;;
esac
[ "$1" != -m ] || echo "$2" >>asked
if [ -e "fail-$2" ]; then exit "$(cat "fail-$2")"; fi
if [ "$2" = signjax.tools.export ]; then mkdir -p "${10}/${3##*/}"; fi
if [ "$2" = signjax.tools.supervise ]; then shift 2; exec "$@"; fi
"""

# Any other program: it writes down how it was called and does what the first line of answers/<name> or
# answers/<name>-<argument> says, "<exit code> <what to print>"; the last line stays for all further calls.
STAND_IN = """#!/bin/sh
name=${0##*/} file=HERE/answers/${0##*/} line=0 rest=
printf '%s\\0' "$name" "$@" END >>HERE/calls
for word in "$@"; do
    case $word in
        */*) ;;
        *) [ ! -e "HERE/answers/$name-$word" ] || file=HERE/answers/$name-$word ;;
    esac
done
[ ! -e "$file" ] || { read -r line; rest=$(cat); } <"$file"
[ -z "$rest" ] || printf '%s\\n' "$rest" >"$file"
case $line in
    *" worker") cd HERE/worker && exec bash -c "${word#--command=}" ;; # what is asked of a TPU is done here
    *" copy") cp "$5" "HERE/worker/${6#*:}" ;;
    "0 "*) echo "${line#* }" ;;
    *" "*) echo "${line#* }" >&2 ;;
esac
exit "${line%% *}"
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


def add_stand_in(checkout, name: str) -> None:
    """Adds, or puts in the place of the real one, a stand-in that `answer` tells what to do."""
    path = checkout / "bin" / name
    path.unlink(missing_ok=True)
    path.write_text(STAND_IN.replace("HERE", shlex.quote(str(checkout))))
    path.chmod(0o755)


def answer(checkout, name: str, *lines: str) -> None:
    """Says what a stand-in does at its calls, or at those with an argument: name "<name>-<argument>"."""
    (checkout / "answers").mkdir(exist_ok=True)
    (checkout / "answers" / name).write_text("".join(f"{line}\n" for line in lines))


def calls(checkout, *names: str) -> list[list[str]]:
    """How the stand-ins of these names, default all, were called since the last question."""
    path = checkout / "calls"
    called = path.read_text().split("\0END\0")[:-1] if path.exists() else []
    path.unlink(missing_ok=True)
    return [call.split("\0") for call in called if not names or call.split("\0")[0] in names]


def make_cluster(tmp_path):
    """Makes a checkout whose cloud and cluster are stand-ins, where waiting takes no time; returns it."""
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


def bash(checkout, *command: str, **variables: str):
    """Runs bash in a checkout; returns the finished process, with its output as text."""
    environment = {"PATH": str(checkout / "bin"), "HOME": str(checkout), **variables}
    return subprocess.run(
        [shutil.which("bash"), *command],
        cwd=checkout, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def one_line(done, *words: str) -> bool:
    """Whether a command failed with one line on stderr that has these words."""
    prefixed = done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    return done.returncode != 0 and prefixed and all(word in done.stderr for word in words)


def wait_for(condition) -> None:
    """Waits until something is so; half a minute is too long."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
