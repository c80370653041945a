"""A stored clip that has changed is noticed before it is used, however large the pack."""

import pickle
import re
import zlib

import numpy as np
import pytest

from signjax import demo
from signjax.data import clip_check, pack_files, sources
from signjax.data.load import load_split
from signjax.errors import StorageError


@pytest.fixture
def pack(tmp_path, monkeypatch):
    """A pack of which only a little is checked when it is opened, as of a large one."""
    monkeypatch.setattr(pack_files, "MAX_FULL_CHECK", 0)
    monkeypatch.setattr(pack_files, "BLOCKS", 1)
    monkeypatch.setattr(pack_files, "BLOCK", 64)
    demo.write_dataset(tmp_path, sizes=(5, 1, 1))
    seen = demo.synthesize_pose("hello", np.random.default_rng(0)) * (np.arange(50) < 45)[:, None]
    # A clip with missing joints, so that masks are stored, too.
    (tmp_path / "demo/train/train_00000/pose.json").write_text(demo.dataset.format_pose_json(seen, 0))
    return load_split(tmp_path, "demo", "train")


def change(pack, name, clip, row_bytes):
    """Flips a bit in the middle of a clip."""
    path = f"{pack.folder}/{name}.npy"
    with open(path, "r+b") as file:
        at = 128 + int(pack.offsets[clip] + pack.offsets[clip + 1]) // 2 * row_bytes
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("name, row_bytes", [("pose", 600), ("valid", 50)])
def test_a_changed_clip_is_noticed_when_it_is_read(pack, name, row_bytes):
    change(pack, name, 1, row_bytes)
    assert pack_files.find_corruption(pack.folder and pack_files.Path(pack.folder)) is None, "not when opened"
    for read in (
        lambda dataset: dataset[1],
        lambda dataset: sources.cut_window(dataset, 1, 2, 4),
        lambda dataset: sources.WholeClips(dataset, np.arange(5), 128).make_example(1),
    ):
        dataset = pickle.loads(pickle.dumps(pack))  # opened anew, as data workers do
        with pytest.raises(StorageError, match=f"clip {pack.sids[1]} is corrupt; remove this folder"):
            read(dataset)
        for other in (0, 2, 3, 4):
            assert len(dataset[other].points) == pack.lengths[other]
    with pytest.raises(StorageError, match="is corrupt"):
        pickle.loads(pickle.dumps(pack)).without_face()[1]


def test_a_clip_of_a_new_pack_is_named_where_it_lies(pack):
    """Not in the folder that it was packed in, which is gone."""
    change(pack, "pose", 1, 600)
    with pytest.raises(StorageError, match=f"^{re.escape(pack.folder)}: clip "):
        pack[1]


def test_a_clip_is_checked_once(pack, monkeypatch):
    calls, crc32 = [], zlib.crc32
    monkeypatch.setattr(clip_check.zlib, "crc32", lambda data: calls.append(1) or crc32(data))
    for _ in range(3):
        for clip in range(5):
            sources.cut_window(pack, clip, 0, 8)
    assert len(calls) == 5 * 2, "of poses and masks"


def test_frames_are_those_of_the_clip(pack):
    for clip in range(5):
        low, high = pack.offsets[clip : clip + 2]
        pose, valid = pack.read_frames(clip)
        np.testing.assert_array_equal(pose, pack.pose[low:high])
        np.testing.assert_array_equal(valid, pack.valid[low:high])
        pose, valid = pack.read_frames(clip, 3, 1000)
        np.testing.assert_array_equal(pose, pack.pose[low + 3 : high])
        np.testing.assert_array_equal(valid, pack.valid[low + 3 : high])
        assert len(pack.read_frames(clip, 2, 5)[0]) == 3


def test_only_mapped_arrays_are_read_ahead(pack, monkeypatch):
    asked = []

    class Map(clip_check.mmap.mmap):
        def madvise(self, option, start, length):
            asked.append((start, length))

    monkeypatch.setattr(clip_check.mmap, "mmap", Map)
    clip_check.make_read_ahead(np.zeros((4, 50, 3), np.float32))(1, 3)
    assert not asked
    with open(f"{pack.folder}/pose.npy", "rb") as file:
        pages = Map(file.fileno(), 0, access=clip_check.mmap.ACCESS_READ)
        clip_check.make_read_ahead(np.ndarray(pack.pose.shape, np.float32, pages, 128))(20, 30)
    [(start, length)] = asked
    assert start % 4096 == 0 and start <= 128 + 20 * 600 < start + 4096
    assert start + length == 128 + 30 * 600
    monkeypatch.undo()
    for array in (pack.pose, pack.valid):
        assert clip_check.make_read_ahead(array).__name__ == "read_ahead", "its map is found"
