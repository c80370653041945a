"""Large splits are packed in parts: whoever packs them, however often they are stopped, the pack is one."""

import os
import subprocess
import sys

import numpy as np
import pytest
from paths import ROOT

from signjax import demo
from signjax.data import load as loading
from signjax.data import pack_writer
from signjax.data.load import load_split, pack_shard
from signjax.errors import ConfigError, DataError, StorageError
from signjax.io import locks
from signjax.tools import pack as pack_command

CLIPS = 11


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A data set whose third and eighth clip have no frames, packed 3 clips at a time."""
    demo.write_dataset(tmp_path, sizes=(CLIPS, 1, 1))
    monkeypatch.setattr(pack_writer, "MAX_BROKEN", 0.5)
    for clip in sorted((tmp_path / "demo/train").iterdir())[2:8:5]:
        (clip / "pose.json").write_text('{"poses": []}')
    monkeypatch.setattr(loading, "PART_CLIPS", 3)
    return tmp_path


def content(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def stored(root) -> dict[str, dict]:
    return {folder.name: content(folder) for folder in (root / "demo/.cache").iterdir() if folder.is_dir()}


def load(root, messages=None):
    return load_split(root, "demo", "train", on_message=[].append if messages is None else messages.append)


def test_parts_make_the_pack_of_the_whole_split(root, monkeypatch):
    load(root)
    [(name, joined)] = stored(root).items()
    monkeypatch.setattr(loading, "PART_CLIPS", 100)
    for path in (root / "demo/.cache" / name).iterdir():
        path.unlink()
    load(root)
    assert stored(root) == {name: joined} and len(joined) > 5


def test_a_part_without_a_usable_clip_is_no_hindrance(root):
    for clip in sorted((root / "demo/train").iterdir())[3:6]:
        (clip / "text.txt").write_bytes(b"\xff")
    joined = load(root)
    assert len(joined) == CLIPS - 5 and len(joined.broken) == 5
    assert np.isfinite(joined.pose).all() and joined.offsets[-1] == len(joined.pose)


def test_parts_that_another_process_has_joined_are_no_error(root, monkeypatch):
    """On a disk without locks; before, they were taken for a broken data set."""
    join = pack_writer.join_packs

    def join_later(workspace, *rest):
        monkeypatch.setattr(pack_writer, "join_packs", join)
        assert len(load(root)) == CLIPS - 2  # the other process, which removes the parts
        return join(workspace, *rest)

    monkeypatch.setattr(pack_writer, "join_packs", join_later)
    monkeypatch.setattr(locks, "lock", lambda *args, **options: False)
    messages = []
    assert len(load(root, messages)) == CLIPS - 2
    assert len(stored(root)) == 1 and not any("left out" in line for line in messages)


@pytest.mark.extended
def test_processes_that_use_a_data_set_first_pack_it_once(root):
    """Three at the same moment, as the hosts of a job are."""
    program = (
        "import sys; from signjax.data import load, pack_writer\n"
        "load.PART_CLIPS, pack_writer.MAX_BROKEN = 3, 0.5\n"
        "sys.stdin.readline()\n"
        "print(len(load.load_split(sys.argv[1], 'demo', 'train', on_message=print)))\n"
    )
    command, pipes = [sys.executable, "-c", program, str(root)], {"stdin": subprocess.PIPE, "text": True}
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, env=env, **pipes) for _ in range(3)]
    for job in jobs:
        job.stdin.write("\n")
        job.stdin.flush()
    said = [job.communicate(timeout=120)[0].splitlines() for job in jobs]
    assert [job.returncode for job in jobs] == [0] * 3
    assert [lines[-1] for lines in said] == [str(CLIPS - 2)] * 3
    packed = [line for lines in said for line in lines if line.endswith("of 4: done")]
    assert len(packed) == len(set(packed)) == 4, "each part is packed once"
    assert len(stored(root)) == 1


def test_an_interrupted_pack_goes_on_with_its_next_part(root, monkeypatch):
    write, built = pack_writer.write_pack, []

    def twice_only(workspace, source, sids, *rest):
        if len(built) == 2:
            raise KeyboardInterrupt
        built.append(sids[0])
        return write(workspace, source, sids, *rest)

    monkeypatch.setattr(pack_writer, "write_pack", twice_only)
    with pytest.raises(KeyboardInterrupt):
        load(root)
    assert sorted(name[:11] for name in stored(root)) == ["train.00000", "train.00001"]
    monkeypatch.setattr(pack_writer, "write_pack", lambda *a: built.append(a[2][0]) or write(*a))
    load(root)
    assert len(built) == len(set(built)) == 4
    [name] = stored(root)
    assert name.startswith("train-")


def test_machines_share_the_parts(root):
    alone = load(root)
    before = stored(root)
    for path in (root / "demo/.cache").glob("train-*/*"):
        path.unlink()
    counts = [pack_shard(root, "demo", "train", k, 3, [].append) for k in (2, 0, 1)]
    assert counts == [1, 2, 1]
    messages: list[str] = []
    joined = load(root, messages)
    assert not any(line.startswith("part") for line in messages) and joined.sids == alone.sids
    assert stored(root) == before


def test_a_clip_that_changes_meanwhile_is_packed_as_it_is_now(root):
    pack_shard(root, "demo", "train", 0, 1, [].append)
    first = sorted((root / "demo/train").iterdir())[0]
    (first / "text.txt").write_text("other words")
    assert load(root).texts[0] == "other words"


def test_the_command(root, capsys):
    args = ["--root", str(root), "--name", "demo"]
    for k in range(2):
        assert pack_command.main([*args, "--shard", f"{k}/2"]) == 0
        assert f"demo/train: the 2 part(s) of shard {k}/2 are packed" in capsys.readouterr().out
    assert pack_command.main(args) == 0
    assert "9 clips" in capsys.readouterr().out
    for given in ("2/2", "1", "-1/2", "a/b", "1/0", ""):
        assert pack_command.main([*args, f"--shard={given}"]) == ConfigError.exit_code
        assert "give I/N" in capsys.readouterr().err


def test_what_cannot_be_is_one_line(root, monkeypatch):
    (root / "demo/.cache").write_text("")
    with pytest.raises(StorageError, match="cache: parts cannot be packed there"):
        pack_shard(root, "demo", "train", 0, 1, [].append)
    (root / "demo/.cache").unlink()
    monkeypatch.setattr(pack_writer, "MAX_BROKEN", 0.01)
    with pytest.raises(DataError, match="2 of 11 clips are broken"):
        load(root)
