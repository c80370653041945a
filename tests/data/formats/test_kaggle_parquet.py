"""Landmarks as Parquet: both layouts give the clip that JSON gives; damage is one line."""

import sys

import array_files
import format_files
import numpy as np
import pytest
from format_cases import POSE, VALID

from signjax.data.formats import kaggle_parquet
from signjax.data.formats.base import UnreadableClip
from signjax.data.import_poses import import_poses
from signjax.errors import ConfigError

SIZE = format_files.SIZE


@pytest.fixture(scope="module")
def tables():
    """The columns of both layouts."""
    return array_files.long_table(POSE, VALID), array_files.wide_table(
        {9: (POSE[:3], VALID[:3]), 7: (POSE, VALID)}
    )


def write(path, columns):
    pytest.importorskip("pyarrow")
    array_files.save_parquet(path, columns)


def assert_same(clip, plain):
    """But for the pupils, which the mesh of 468 points lacks."""
    np.testing.assert_array_equal(clip.valid[:, :118], plain.valid[:, :118])
    np.testing.assert_allclose(clip.points[:, :118], plain.points[:, :118], atol=0.01)


def test_a_row_for_each_landmark(tmp_path, plain, tables):
    order = np.random.default_rng(0).permutation(len(tables[0]["x"]))
    write(tmp_path / "train/77/42.parquet", {name: values[order] for name, values in tables[0].items()})
    (tmp_path / "train.csv").write_text(
        "path,participant_id,sequence_id,sign\ntrain/77/42.parquet,77,42,dog\n"
    )
    [clip] = kaggle_parquet.read_clips(tmp_path, SIZE)
    assert_same(clip, plain)
    assert clip.sid == "42" and not clip.warnings
    report = import_poses(tmp_path, str(tmp_path / "sets"), "mine", str(tmp_path / "train.csv"), size=SIZE)
    assert report["signers"] == 1 and (tmp_path / "sets/mine/train/42/text.txt").read_text() == "dog"


def test_a_row_for_each_frame(tmp_path, plain, tables):
    write(tmp_path / "5.parquet", tables[1])
    first, second = kaggle_parquet.read_clips(tmp_path, SIZE)
    assert (first.sid, second.sid, len(second)) == ("7", "9", 3)
    assert_same(first, plain)


def test_frames_that_are_left_out_are_missing(tmp_path, tables):
    kept = tables[0]["frame"] != 25
    write(tmp_path / "a.parquet", {name: values[kept] for name, values in tables[0].items()})
    [clip] = kaggle_parquet.read_clips(tmp_path, SIZE)
    assert len(clip) == len(POSE) and not clip.valid[5].any() and clip.warnings


@pytest.mark.parametrize("change, message", [
    (lambda c: c | {"landmark_index": c["landmark_index"] + 0.5}, "its column landmark_index holds float64"),
    (lambda c: c | {"landmark_index": c["landmark_index"] + 1}, "is landmark 21 of 'left_hand'"),
    (lambda c: c | {"frame": c["frame"] // 2}, "has a landmark twice in a frame"),
    (lambda c: c | {"x": c["type"]}, "its column x holds object"),
    (lambda c: c | {"type": c["landmark_index"]}, "which is none"),
    (lambda c: {"a": c["x"]}, "has the columns a, neither frame, type"),
    (lambda c: {name: values[:0] for name, values in c.items()}, "has 0 frames"),
])  # fmt: skip
def test_a_wrong_table_is_named(tmp_path, tables, change, message):
    write(tmp_path / "a.parquet", change(tables[0]))
    [item] = kaggle_parquet.read_clips(tmp_path, SIZE)
    assert isinstance(item, UnreadableClip) and message in item.reason and item.reason.isprintable()


def test_what_is_no_parquet_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    (tmp_path / "a.parquet").write_bytes(b"PAR1" * 9)
    [item] = kaggle_parquet.read_clips(tmp_path, SIZE)
    assert isinstance(item, UnreadableClip) and "is no .parquet file" in item.reason


def test_without_pyarrow_it_says_how_to_install_it(tmp_path, monkeypatch):
    (tmp_path / "a.parquet").touch()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        ConfigError, match=r"needs pyarrow, which is not installed: pip install -e '.\[parquet\]'"
    ):
        import_poses(tmp_path, str(tmp_path), "mine")
