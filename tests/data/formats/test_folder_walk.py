"""What a walk of a folder reaches: links, folders that cannot be read, and what macOS leaves."""

import json
import os

import format_files
from format_cases import POSE, VALID

from signjax.data.formats import file_names, folder_walk
from signjax.tools import import_poses as import_command


def names(root):
    return [str(path.relative_to(root)) for path in file_names.list_files(root, ".pose")]


def make(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_links_to_folders_are_followed_once_each(tmp_path):
    root, other = tmp_path / "in", tmp_path / "other"
    make(root / "a/x.pose"), make(other / "b/y.pose")
    (root / "b").symlink_to(other / "b")
    (root / "again").symlink_to(other / "b")
    (root / "a/up").symlink_to(root)
    (other / "b/back").symlink_to(root)
    (root / "gone").symlink_to(tmp_path / "nothing")
    assert names(root) == ["a/x.pose", "again/y.pose", "b/y.pose"]
    notes = folder_walk.inspect_folders(root)
    assert {os.path.basename(link) for link in notes.followed} == {"b", "again"}
    assert {os.path.basename(link) for link in notes.loops} == {"up", "back"}
    assert [os.path.basename(link) for link in notes.broken] == ["gone"]


def test_hidden_files_are_not_looked_at(tmp_path):
    for name in ("a.pose", "._a.pose", "__MACOSX/b.pose", ".git/c.pose", "d/._d.pose"):
        make(tmp_path / name)
    assert names(tmp_path) == ["a.pose"]


def test_an_import_names_what_it_could_not_reach(tmp_path, monkeypatch, capsys):
    source, real = tmp_path / "theirs", os.scandir
    for name in ("a", "b", "locked"):
        format_files.openpose(source / name, POSE, VALID)
    (source / "c").symlink_to(source / "b")
    (source / "index.tsv").write_text("clip\ttext\nposes/a.mp4\tx\nb\tx\nc\tx\nlocked\tx\nmissing\tx\n")

    def scan(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scan)
    code = import_command.main([str(source), "--root", str(tmp_path), "--name", "mine"])
    shown = capsys.readouterr().out
    warnings = json.loads((tmp_path / "mine/import.json").read_text())["warnings"]
    assert code == 0 and "left out: 0" in shown and "text is 'text'" in shown
    assert any("cannot be read" in line and "locked (Permission denied)" in line for line in warnings)
    assert any("links to folders are followed: 1 name" in line for line in warnings)
    assert "index.tsv: rows without a clip: 2 rows: locked, missing" in warnings
    assert all(f"warning: {line}" in shown for line in warnings)
