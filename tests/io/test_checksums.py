"""Checksums of folders: what sha256sum writes and reads, and every change of a file or of them is found."""

import random
import shutil
import subprocess

import pytest

from signjax.io import checksums


@pytest.fixture
def folder(tmp_path):
    """A folder with checksums."""
    (tmp_path / "run/state/deep").mkdir(parents=True)
    for name in ("config.json", "state/a b", "state/deep/Größe"):
        (tmp_path / "run" / name).write_text(name)
    checksums.write_checksums(tmp_path / "run")
    return tmp_path / "run"


def test_the_command_sha256sum_agrees(folder):
    if not shutil.which("sha256sum"):
        pytest.skip("no such command here")
    command = ["sha256sum", "--check", "--strict", "--quiet", checksums.FILE]
    assert subprocess.run(command, cwd=folder).returncode == 0


def test_what_is_not_written_yet_has_the_same_checksums(folder):
    files = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    written = files.pop(checksums.FILE)
    assert checksums.format_checksums(files) == written


def test_every_change_is_found(folder):
    assert checksums.find_corruption(folder) is None
    rng, files = random.Random(0), [path for path in folder.rglob("*") if path.is_file()]
    for path in files * 20:
        before = path.read_bytes()
        data = bytearray(before)
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(rng.choice((data, before[:-1], before + b"\n", b"")))
        name = path.relative_to(folder).as_posix()
        message = checksums.find_corruption(folder)
        assert message and (name in message or path.name == checksums.FILE) and checksums.FILE in message
        path.write_bytes(before)
    assert checksums.find_corruption(folder) is None


def test_files_without_a_checksum_are_let_pass_where_they_are_allowed(folder):
    (folder / "README.md").write_text("new")
    assert checksums.find_corruption(folder) == f"README.md does not agree with {checksums.FILE}"
    assert checksums.find_corruption(folder, extra_files=True) is None
    (folder / "config.json").unlink()
    assert (
        checksums.find_corruption(folder, extra_files=True)
        == f"config.json does not agree with {checksums.FILE}"
    )


def test_names_that_lead_out_of_the_folder_are_not_opened(folder, tmp_path):
    (tmp_path / "secret").write_text("secret")
    lines = checksums.format_checksums({"../secret": b"secret"}) + (folder / checksums.FILE).read_bytes()
    (folder / checksums.FILE).write_bytes(lines)
    opened = []

    def compute(path):
        opened.append(path)

    recorded = {"../secret": None, "config.json": None}
    assert checksums.find_changed_file(recorded, {"config.json": folder / "config.json"}, compute)
    assert not opened and "../secret" in checksums.find_corruption(folder)
