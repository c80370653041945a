"""Bars on a terminal, drawn and removed; elsewhere lines, as they always were."""

import io
import logging
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import tty

import pytest

from signjax.io import progress
from signjax.training import metric_writer

BAR = "━"
COUNTS = """
import sys, time
from signjax.io import progress
progress.REDRAW_EVERY = 0.0
words = lambda done, seconds: f"{done:,} of 4 clips read"
with progress.report_counts(words, 4, lambda line: print(line, file=sys.stderr), float(sys.argv[1])) as tell:
    for done in (1, 2, 3, 4):
        time.sleep(0.01)
        tell(done)
    if sys.argv[2:]:
        raise SystemExit(3)
print("the end")
"""
TRAINS = """
import sys
from signjax.training import metric_writer
shown = metric_writer.Progress(200, sys.stdout)
shown.print_line("from the start")
for step in range(1, 201):
    shown._last_shown = -1.0
    shown.show_step(step, {"loss": 0.5}, step % 100 == 0)
shown.print_line("Finished")
"""


def on_terminal(code, *args, columns=80, **environment):
    """What a program writes to a terminal of its own (both outputs), and its exit code."""
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    import fcntl

    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR")}
    env |= {"TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"} | environment
    process = subprocess.Popen([sys.executable, "-c", code, *args], stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    data = b""
    try:
        while part := os.read(ours, 65536):
            data += part
    except OSError:  # EIO: the program has closed its end
        pass
    os.close(ours)
    return data.decode(), process.wait()


def seen(data):
    """The lines that stay on a terminal after all is written."""
    lines = [""]
    for part in re.split(r"(\r|\n|\x1b\[2K|\x1b\[[0-9;]*m)", data):
        if part == "\n":
            lines.append("")
        elif part in ("\r", "\x1b[2K"):
            lines[-1] = ""  # all that is written after either begins a line anew
        elif not part.startswith("\x1b"):
            lines[-1] += part
    return [line for line in lines if line]


def piped(code, *args, **environment):
    command = [sys.executable, "-c", code, *args]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, check=False)


def test_a_bar_is_drawn_and_removed():
    data, code = on_terminal(COUNTS, "0")
    assert code == 0 and seen(data) == ["the end"]
    bars = re.findall(r"\x1b\[2K([^\r]*) of 4 clips read", data)
    assert len(bars) == 3 and all(BAR in bar for bar in bars)
    filled = [bar.split("\x1b[0m")[0].count(BAR) for bar in bars]
    assert filled == sorted(filled) and filled[0] < filled[-1]


def test_a_bar_is_removed_when_work_fails():
    data, code = on_terminal(COUNTS, "0", "fail")
    assert code == 3 and seen(data) == [] and BAR in data


def test_a_training_ends_with_its_lines_alone():
    data, code = on_terminal(TRAINS)
    assert code == 0 and seen(data) == ["from the start", "Finished"]
    assert BAR in data and "step 200/200  loss 0.5" in data
    assert "\x1b[?25l" not in data, "a killed run must not leave a terminal without its cursor"


def test_a_narrow_terminal_gets_words_that_do_not_wrap():
    data, code = on_terminal(COUNTS, "0", columns=16)
    drawn = re.findall(r"\x1b\[2K([^\r\n]+)", data)
    assert code == 0 and drawn and BAR not in data and max(map(len, drawn)) <= 15


@pytest.mark.parametrize("environment", [{}, {"FORCE_COLOR": "1"}, {"TERM": "xterm-256color"}])
def test_a_pipe_gets_lines(environment):
    done = piped(COUNTS, "0", **environment)
    assert done.stderr.splitlines() == [f"{k} of 4 clips read" for k in (1, 2, 3)]
    assert done.stdout == "the end\n" and "\x1b" not in done.stderr
    assert piped(COUNTS, "60", **environment).stderr == ""
    lines = piped(TRAINS, **environment).stdout.splitlines()
    assert lines[0] == "from the start" and lines[-1] == "Finished" and len(lines) == 4
    assert lines[1].startswith("step 100/200  loss 0.5  ") and lines[2].startswith("step 200/200  loss 0.5  ")


def test_a_terminal_that_cannot_do_it_gets_lines():
    data, _ = on_terminal(COUNTS, "0", TERM="dumb")
    assert "\x1b" not in data and seen(data)[0] == "1 of 4 clips read"


def test_nothing_is_drawn_where_there_is_no_terminal():
    out = io.StringIO()
    progress.draw_bar(out, 1, 2, "half")
    progress.clear_bar(out)
    metric_writer.Progress(5, out).print_line("a line")
    assert out.getvalue() == "a line\n"


def test_the_log_is_shown_by_commands_alone(capsys, monkeypatch):
    lines, root = [], logging.getLogger()
    monkeypatch.setattr(root, "handlers", [logging.StreamHandler(), *root.handlers])
    progress.log_message("before")
    with progress.show_log(lines.append):
        progress.log_message("packing 5 of 9 %")
    progress.log_message("after")
    assert lines == ["packing 5 of 9 %"] and capsys.readouterr() == ("", "")
    assert not progress.LOG.handlers
