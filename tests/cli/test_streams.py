"""Every command, found by file, under streams, signals and machines that let it down: a line and a code."""

import contextlib
import errno
import importlib
import io
import os
import signal
import subprocess
import sys

import jax
import pytest
from command_help import COMMANDS

from signjax.cli import command, missing_backends, output, parsing, stop_signals
from signjax.errors import DataError, StorageError
from signjax.io import atomic

FULL = "/dev/full"
ALL = [*COMMANDS, "signjax.__main__"]
full = pytest.mark.skipif(not os.path.exists(FULL), reason="Linux has a full device")


def call(name, *words):
    """The exit code of a command, called as its file calls it."""
    try:
        return importlib.import_module(name).main(list(words))
    except SystemExit as end:
        return end.code


@contextlib.contextmanager
def open_full():
    with open(FULL, "w") as stream:
        yield stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextlib.contextmanager
def open_closed_pipe():
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        yield stream
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@full
@pytest.mark.parametrize("name", ALL)
def test_help_that_cannot_be_written(name, monkeypatch, capsys):
    for opened, reason in ((open_full, "No space left"), (open_closed_pipe, "closed by the program")):
        with opened() as stream:
            monkeypatch.setattr(sys, "stdout", stream)
            assert call(name, "--help") == StorageError.exit_code
            assert sys.stdout is stream
        line = capsys.readouterr().err
        assert line.startswith("error: standard output ") and reason in line and line.count("\n") == 1


@full
@pytest.mark.parametrize("name", ALL)
def test_mistakes_without_a_standard_error(name, monkeypatch, capsys):
    expected = call(name, "--no_such_option", "nothing")
    assert expected in (0, 1, 2, 23)
    for opened in (open_full, open_closed_pipe):
        with opened() as stream:
            monkeypatch.setattr(sys, "stderr", stream)
            assert call(name, "--no_such_option", "nothing") == expected
    monkeypatch.setattr(sys, "stderr", io.StringIO())


@pytest.mark.parametrize("name", COMMANDS)
def test_backends_that_are_missing(name, monkeypatch, capsys):
    def fail(*_):
        raise RuntimeError("Unable to initialize backend")

    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    monkeypatch.setattr(missing_backends.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(parsing.Parser, "parse_args", fail)
    monkeypatch.setattr(jax, "devices", fail)
    assert call(name, "a") == 23
    assert capsys.readouterr().err.startswith("error: JAX_PLATFORMS is cuda, and this JAX has no such")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", COMMANDS)
def test_signals_have_their_exit_code(name, number, monkeypatch, capsys):
    monkeypatch.setattr(parsing.Parser, "parse_args", lambda *_: os.kill(os.getpid(), number))
    before = signal.getsignal(number)
    assert call(name, "a") == 128 + number
    assert signal.getsignal(number) == before
    line = f"\nStopped by {signal.Signals(number).name}; the same command starts again\n"
    assert capsys.readouterr().err == line


def test_what_was_begun_is_removed(tmp_path):
    @command.run_as_command
    def main():
        with atomic.make_temporary_folder(tmp_path) as folder:
            (folder / "half").write_text("a")
            with atomic.build_folder(tmp_path / "set") as other:
                (other / "half").write_text("a")
                os.kill(os.getpid(), signal.SIGTERM)

    assert main() == 143
    assert not list(tmp_path.iterdir())


def test_a_worker_that_has_the_signal_too(capsys):
    @command.run_as_command
    def main():
        try:
            os.kill(os.getpid(), signal.SIGHUP)
        except stop_signals.Stopped:
            raise RuntimeError("a worker died") from None

    assert main() == 129
    assert "SIGHUP" in capsys.readouterr().err


def test_a_hangup_that_nohup_ignores_is_ignored(capsys):
    @command.run_as_command
    def main():
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main() == 0
    finally:
        signal.signal(signal.SIGHUP, before)


class Broken(io.StringIO):
    """A stream that fails with an error of the system."""

    def __init__(self, number, terminal):
        super().__init__()
        self.number, self.terminal = number, terminal

    def write(self, text):
        raise OSError(self.number, os.strerror(self.number))

    def isatty(self):
        return self.terminal


def test_a_terminal_that_is_gone_stops_nothing():
    stream = output.OutputStream(Broken(errno.EIO, terminal=True), required=True)
    print("step 1", file=stream, flush=True)
    assert stream.error is None
    # A disk that fails, on which the output was to be, does.
    with pytest.raises(StorageError, match="standard output cannot be written"):
        print("step 1", file=output.OutputStream(Broken(errno.EIO, terminal=False), required=True))


@pytest.mark.parametrize("encoding, shown", [
    ("ascii", r"gr\xfc\xdfe \u4f60 \udce9 \U0001f44b"), ("latin-1", r"grüße \u4f60 \udce9 \U0001f44b"),
    ("utf-8", r"grüße 你 \udce9 👋"),
])  # fmt: skip
def test_letters_that_a_stream_lacks(encoding, shown, monkeypatch):
    @command.run_as_command
    def main():
        print("grüße 你 \udce9 👋")
        raise DataError("grüße 你")

    streams = [io.TextIOWrapper(io.BytesIO(), encoding, write_through=True) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    assert main() == 21
    texts = [stream.buffer.getvalue().decode(encoding) for stream in streams]
    assert texts[0] == f"{shown}\n"
    assert texts[1].startswith("error: gr") and texts[1].count("\n") == 1


@pytest.mark.extended
def test_real_processes_end_well(tmp_path):
    """Streams of the system, of which Python itself flushes some at its end."""
    demo = [
        sys.executable,
        "-m",
        "signjax.tools.demo",
        "--train=2",
        "--dev=1",
        "--test=1",
        "--root",
        str(tmp_path),
    ]
    for shell, code in (
        ("{} --name=a 2>/dev/full", 0), ("{} --name=b >&- 2>&-", 0), ("{} --name=c >/dev/full", 22),
        ("{} --help >/dev/full", 22), ("{} --nmae=d 2>/dev/full", 1), ("{} --name=e <&-", 0),
        ("PYTHONIOENCODING=ascii {} --name=grüße", 0),
    ):  # fmt: skip
        done = subprocess.run(["sh", "-c", shell.format(" ".join(demo))], capture_output=True, text=True)
        assert done.returncode == code, shell
        assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
