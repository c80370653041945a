"""Packed data sets: what a pack holds, and that it follows the content of its clips."""

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from packed_sets import Lines, dataset, packings, recording, write
from paths import ROOT

from signjax.data import clip_files, pack_files, pack_writer, pose_layout
from signjax.data.load import load_split
from signjax.errors import DataError
from signjax.io import temporary_folders
from signjax.pose import normalization
from signjax.tools import pack as pack_command


def test_a_pack_holds_the_clips(tmp_path):
    packed, _ = packings(dataset(tmp_path))
    assert len(packed) == 5 and packed.lengths.tolist() == [8, 9, 10, 11, 12] and len(list(packed)) == 5
    for k, clip in enumerate(packed):
        expected = clip_files.read_clip(tmp_path / "set" / "train" / f"-clip_{k}")
        assert (clip.sid, clip.text) == (expected.sid, f"Größe {k}")
        np.testing.assert_array_equal(clip.points, expected.points)
        assert packed.get_placement(k).scale == normalization.measure_placement(expected.points).scale
        place = packed.get_placement(k)
        back = normalization.from_canonical(normalization.to_canonical(clip.points, place), place)
        np.testing.assert_allclose(back, clip.points, atol=1e-5)
    assert packed[-1].sid == packed[4].sid
    with pytest.raises(IndexError):
        packed[5]


def test_a_pack_travels_as_its_folder(tmp_path):
    packed, _ = packings(dataset(tmp_path))
    data = pickle.dumps(packed)
    assert len(data) < 500
    np.testing.assert_array_equal(pickle.loads(data).pose, packed.pose)


def change_same_size(root):
    path = root / "set" / "train" / "-clip_1" / "text.txt"
    old = path.stat()
    path.write_text("Größe 7\n", encoding="utf-8")
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))


def remove(root):
    for file in (folder := root / "set" / "train" / "-clip_1").iterdir():
        file.unlink()
    folder.rmdir()


@pytest.mark.parametrize(
    "change",
    [
        lambda root: write(root / "set" / "train" / "-clip_1", recording(9, 9)),
        change_same_size,
        lambda root: write(root / "set" / "train" / "new", recording(9, 9)),
        remove,
    ],
    ids=["changed", "same size and time", "added", "removed"],
)
def test_changed_content_is_packed_again(tmp_path, change):
    root = dataset(tmp_path)
    old, messages = packings(root)
    assert messages and not packings(root)[1], "the second load must come from the cache"
    change(root)
    new, messages = packings(root)
    assert messages[-1].endswith("left out") and new.folder != old.folder
    expected = [clip_files.read_clip(root / "set" / "train" / sid) for sid in sorted(new.sids)]
    assert new.texts == tuple(c.text for c in expected)
    np.testing.assert_array_equal(new.pose, np.concatenate([c.points for c in expected]))
    assert len(pack_files.list_packs(root / "set" / ".cache", "train")) == 1, "the old pack is removed"
    assert not packings(root)[1]


def test_touched_files_are_not_parsed_again(tmp_path, monkeypatch):
    root = dataset(tmp_path)
    old, _ = packings(root)
    for file in (root / "set" / "train").glob("*/*"):
        os.utime(file, (1, 1))
    monkeypatch.setattr(pack_writer, "write_pack", None)
    hashed = []
    digest = clip_files.digest_clip
    monkeypatch.setattr(clip_files, "digest_clip", lambda folder: hashed.append(folder) or digest(folder))
    assert packings(root)[0].folder == old.folder and len(hashed) == 5
    assert packings(root)[0].folder == old.folder and len(hashed) == 5, "nor hashed a second time"


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("file", ["pose.npy", "offsets.npy", "scale.npy", "index.json", "seal.json"])
@pytest.mark.parametrize("harm", [flip, lambda p: os.truncate(p, p.stat().st_size - 1), os.unlink])
def test_damaged_packs_are_packed_again(tmp_path, file, harm):
    root = dataset(tmp_path, (("train", 2),))
    expected = np.array(packings(root)[0].pose)
    [folder] = pack_files.list_packs(root / "set" / ".cache", "train")
    harm(folder / file)
    packed, messages = packings(root)
    assert "packing again" in messages[0] and (file in messages[0] or file == "seal.json")
    np.testing.assert_array_equal(packed.pose, expected)
    assert not packings(root)[1]


def test_an_array_without_a_checksum_or_behind_a_link_is_not_mapped(tmp_path):
    packed, _ = packings(dataset(tmp_path, (("train", 2),)))
    folder = Path(packed.folder)
    np.save(tmp_path / "outside.npy", np.zeros(packed.pose.shape[:2], bool))
    (folder / "valid.npy").symlink_to(tmp_path / "outside.npy")
    assert pack_files.find_corruption(folder) == "valid.npy is a link"
    (folder / "valid.npy").unlink()
    shutil.copy(tmp_path / "outside.npy", folder / "valid.npy")
    assert pack_files.find_corruption(folder).endswith("does not know valid.npy")
    assert packings(tmp_path)[0].valid is None


@pytest.mark.parametrize("harm", [flip, lambda p: p.write_text("[]"), lambda p: os.truncate(p, 5), os.unlink])
@pytest.mark.parametrize("name", ["variant.json", "*/signatures.json"])
def test_damaged_notes_do_no_harm(tmp_path, harm, name):
    root = dataset(tmp_path, (("train", 2),))
    expected, _ = packings(root)
    [path] = (root / "set" / ".cache").glob(name)
    harm(path)
    assert packings(root)[0].layout == expected.layout


def test_without_a_writable_folder_the_pack_goes_to_the_user(tmp_path, monkeypatch):
    root = dataset(tmp_path / "data", (("train", 2),))
    (root / "set" / ".cache").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    packed, messages = packings(root)
    assert "cannot be written" in messages[0] and packed.folder.startswith(str(tmp_path / "home"))
    assert not packings(root)[1]
    (tmp_path / "file").write_text("in the way, too")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    packed, messages = packings(root)
    assert "into memory" in messages[0] and packed.folder is None and len(packed) == 2


def test_without_a_cache_nothing_is_written(tmp_path):
    root = dataset(tmp_path, (("train", 2),))
    in_memory = load_split(root, "set", "train", cache=False, on_message=Lines())
    assert not (root / "set" / ".cache").exists() and in_memory.folder is None
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(in_memory)).pose, in_memory.pose)
    np.testing.assert_array_equal(in_memory.pose, packings(root)[0].pose)


def test_worker_processes_give_the_same_pack_and_know_no_jax(tmp_path, monkeypatch):
    root = dataset(tmp_path, (("train", 7),))
    expected = load_split(root, "set", "train", cache=False, on_message=Lines())
    monkeypatch.setattr("signjax.data.parallel_read.MIN_CLIPS_FOR_WORKERS", 1)
    monkeypatch.setattr("signjax.data.parallel_read.CHUNK_CLIPS", 4)
    monkeypatch.setattr("signjax.data.parallel_read._count_processors", lambda: 2)
    monkeypatch.setattr("signjax.data.parallel_read.read_chunk", None)  # this process must not read
    by_workers = load_split(root, "set", "train", cache=False, on_message=Lines())
    assert (by_workers.sids, by_workers.texts, by_workers.layout) == (
        expected.sids,
        expected.texts,
        expected.layout,
    )
    np.testing.assert_array_equal(by_workers.pose, expected.pose)
    np.testing.assert_array_equal(by_workers.placements.scale, expected.placements.scale)
    code = (
        "import sys, signjax.data.parallel_read, signjax.data.packed_dataset;"
        "sys.exit(any(m in sys.modules for m in ('jax', 'flax', 'grain')))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_processes_packing_at_once_all_succeed(tmp_path):
    root = dataset(tmp_path)
    code = (
        "import sys; from signjax.data.load import load_split; p = load_split(sys.argv[1], 'set', 'train');"
        "print(len(p), float(p.pose.sum()))"
    )
    command = [sys.executable, "-c", code, str(root)]
    running = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    answers = {process.communicate()[0] for process in running}
    assert not any(process.returncode for process in running) and len(answers) == 1 and "5 " in answers.pop()
    cache = root / "set" / ".cache"
    assert len(pack_files.list_packs(cache, "train")) == 1 and not list(
        cache.glob(temporary_folders.BUILDING + "*")
    )


def test_what_killed_builds_left_is_removed(tmp_path):
    root = dataset(tmp_path, (("train", 2),))
    for name, age in (("old", 1), ("young", None)):
        folder = root / "set" / ".cache" / (temporary_folders.BUILDING + name)
        folder.mkdir(parents=True)
        if age:
            os.utime(folder, (age, age))
    packings(root)
    left = (root / "set" / ".cache").glob(temporary_folders.BUILDING + "*")
    assert [p.name for p in left] == [temporary_folders.BUILDING + "young"]


def test_large_files_are_checked_in_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(pack_files, "MAX_FULL_CHECK", 1000)
    monkeypatch.setattr(pack_files, "BLOCK", 64)
    (tmp_path / "x").write_bytes(bytes(100_000))
    pack_files.write_checksums(tmp_path)
    (tmp_path / "index.json").write_text("{}")
    pack_files.write_checksums(tmp_path)
    assert pack_files.find_corruption(tmp_path) is None
    os.truncate(tmp_path / "x", 99_999)
    assert pack_files.find_corruption(tmp_path) == "x is not as seal.json says"


def test_the_command_packs_all_splits_and_says_what_it_found(tmp_path, capsys):
    root = dataset(tmp_path)
    assert pack_command.main(["--root", str(root), "--name", "set", "--measure"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("set/train: 5 clips, 50 frames, 3-D (third value is depth), right hand")
    assert lines[1].startswith("set/dev: 2 clips") and lines[2] == "set/test: not there"
    assert [line.split(" from ")[0] for line in lines[3:]] == ["set/train: all frames", "set/dev: all frames"]
    assert all(line.endswith("times") for line in lines[3:])
    assert pack_command.main(["--root", str(root), "--name", "nothing"]) == DataError.exit_code
    assert "signjax.tools.demo" in capsys.readouterr().err


@pytest.mark.real
@pytest.mark.parametrize(
    "split, count, frames", [("train", 351, 55753), ("dev", 52, 7845), ("test", 46, 8143)]
)
def test_real_data(real_data, split, count, frames):
    packed = load_split(real_data, "how2sign", split)
    assert (len(packed), len(packed.pose), len(packed.broken)) == (count, frames, 0)
    assert packed.layout == pose_layout.PoseLayout("depth", False) and packed.valid is None
    for k, clip in enumerate(packed):
        place = packed.get_placement(k)
        canonical = normalization.to_canonical(clip.points, place)
        assert np.abs(normalization.from_canonical(canonical, place) - clip.points).max() <= 1e-5
        assert np.abs(canonical).max() < 10
    sid = packed.sids[count // 2]
    np.testing.assert_array_equal(
        packed[count // 2].points, clip_files.read_clip(real_data / "how2sign" / split / sid).points
    )
