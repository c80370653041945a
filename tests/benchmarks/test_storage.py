"""The formats of the storage benchmark keep the same clips, and none hides a changed byte."""

import numpy as np
import pytest

from signjax.benchmarks import storage, storage_formats
from signjax.benchmarks.storage_formats import FORMATS, Window
from signjax.errors import StorageError

READERS = [name for name, form in FORMATS.items() if form.open]


@pytest.fixture(scope="module")
def clips():
    return storage.draw_clips(12)


@pytest.mark.parametrize("name", FORMATS)
def test_formats_keep_clips(name, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(storage_formats, "SHARD", 256)  # several
    monkeypatch.setattr(storage_formats, "PART_CLIPS", 5)
    folder = tmp_path / "store"
    folder.mkdir()
    FORMATS[name].write(folder, (arrays for _, arrays in clips), [text for text, _ in clips])
    reader = (FORMATS[name].open or FORMATS[storage.OURS].open)(folder)
    windows = [Window(3, 5, 40), Window(11, 0, 64), Window(0, 0, len(clips[0][1][0]))]
    for window, arrays_read in zip(windows, reader.read_windows(windows), strict=True):
        for array, whole in zip(arrays_read, clips[window.clip][1], strict=True):
            np.testing.assert_array_equal(array, whole[window.start : window.stop], strict=True)
    arrays_read = [np.concatenate(parts) for parts in zip(*reader.read_all(), strict=True)]
    for array, parts in zip(arrays_read, zip(*(arrays for _, arrays in clips), strict=True), strict=True):
        np.testing.assert_array_equal(array, np.concatenate(parts), strict=True)


@pytest.mark.parametrize("name", READERS)
def test_a_changed_byte_is_noticed(name, clips, tmp_path):
    folder = tmp_path / "store"
    folder.mkdir()
    FORMATS[name].write(folder, (arrays for _, arrays in clips), [text for text, _ in clips])
    when = "opened" if name == storage.OURS else "read"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    row = storage.change_bytes("title", name, folder)
    counts = dict(opened=0, read=0) | {when: storage.FLIPS}
    assert row.note == f"{counts['opened']} of 10 noticed when opened, {counts['read']} when read, 0 never"
    assert before == {path: path.read_bytes() for path in before}, "bytes are put back"


def test_formats_take_turns(monkeypatch, tmp_path):
    calls = []
    turns = {
        name: storage.Turn(lambda name=name: calls.append(f"prepare {name}") or name, calls.append)
        for name in (storage.OURS, "other")
    }
    first, second = storage.time_turns("title", turns, 2, lambda name: f"note on {name}", 7)
    order = [storage.OURS, "other", "other", storage.OURS]
    assert calls == [word for name in order for word in (f"prepare {name}", name)]
    assert (first.name, first.speedup, first.units, len(first.seconds)) == ("title: signjax pack", None, 7, 2)
    assert second.reference == first.name and second.speedup > 0 and second.note.endswith("note on other")


def test_every_row_is_there(monkeypatch, clips, tmp_path):
    monkeypatch.setattr(storage, "_measure_memory", lambda *_: "memory")
    rows = storage.measure_size(tmp_path, clips, 1)
    assert len(rows) == len(FORMATS) + 8 * len(READERS)
    assert len({row.name for row in rows}) == len(rows) and "1 MB" in rows[0].note


def test_a_full_disk_is_refused(monkeypatch):
    monkeypatch.setattr(storage, "draw_clips", list)
    monkeypatch.setattr(storage, "ROOM", 1 << 60)
    with pytest.raises(StorageError, match="are needed"):
        storage.measure_storage()
