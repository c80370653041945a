"""Clips and packs that cannot be read for a moment are not left out and not packed again."""

import errno

import pytest
from failing_disk import unreadable
from packed_sets import dataset, write

from signjax.data import clip_files
from signjax.data.load import load_split
from signjax.errors import StorageError

PASSING = [errno.EIO, errno.ESTALE, errno.EMFILE, errno.EACCES]


def list_cache(root) -> dict:
    files = [path for path in (root / "set/.cache").rglob("*") if path.is_file()]
    return {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in files}


@pytest.fixture
def packed(tmp_path):
    """A data set with the pack of its training split."""
    load_split(dataset(tmp_path, (("train", 3),)), "set", "train", on_message=lambda line: None)
    return tmp_path


@pytest.mark.parametrize("number", PASSING)
@pytest.mark.parametrize("part", ["/pose.npy", "/seal.json", "/index.json", "/sums.npy"])
def test_a_pack_that_cannot_be_read_now_stays(part, number, packed):
    before, lines = list_cache(packed), []
    with unreadable(part, number) as tried, pytest.raises(StorageError, match="cannot be read") as error:
        load_split(packed, "set", "train", on_message=lines.append)
    assert tried and "nothing was changed" in str(error.value) and not lines
    assert list_cache(packed) == before
    assert len(load_split(packed, "set", "train", on_message=lines.append)) == 3 and not lines


def test_a_cache_that_cannot_be_listed_now_is_not_filled_anew(packed):
    with unreadable("/.cache", errno.EIO), pytest.raises(StorageError, match="cannot be read"):
        load_split(packed, "set", "train", on_message=lambda line: None)


@pytest.mark.parametrize("number", PASSING)
def test_a_clip_that_cannot_be_read_now_is_not_left_out(number, tmp_path):
    dataset(tmp_path, (("train", 3),))
    with unreadable("-clip_1/pose.json", number), pytest.raises(StorageError, match="cannot be read"):
        load_split(tmp_path, "set", "train", on_message=lambda line: None)
    assert len(load_split(tmp_path, "set", "train", on_message=lambda line: None)) == 3


def test_what_a_clip_is_known_by_does_not_change_with_the_disk(tmp_path):
    write(tmp_path / "clip", [[0.0] * 150])
    for read in (clip_files.read_signature, clip_files.digest_clip):
        with unreadable("clip/pose.json", errno.ESTALE), pytest.raises(StorageError):
            read(str(tmp_path / "clip"))
