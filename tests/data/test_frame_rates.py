"""Frame rates of data sets: kept in packs, resampled where that is asked for, warned of where they differ."""

import json

import numpy as np
import pytest
from packed_sets import Lines, recording

from signjax.data import clip_files, dataset_writer, frame_rates, load, pack_files, pack_report
from signjax.data.clip_list import pack_clips
from signjax.errors import ConfigError, DataError
from signjax.pose.clip import Clip

RATES = {"a": 25.0, "b": 50.0, "c": None}


def write_set(root, rates=RATES, frames=21):
    """Clips of one second at their rates, or of `frames` frames, in a train split."""
    for k, (sid, fps) in enumerate(rates.items()):
        count = round(fps) + 1 if fps else frames
        clip = Clip(recording(k, count), fps=fps, text=f"text {sid}")
        dataset_writer.write_clip(root / "set/train" / sid, clip)
    return root


def load_split(root):
    lines = Lines()
    return load.load_split(root, "set", "train", on_message=lines), lines


def test_a_pack_keeps_the_rate_of_each_clip(tmp_path):
    packed, lines = load_split(write_set(tmp_path))
    assert [clip.fps for clip in packed] == [25.0, 50.0, None] and packed.fps == 50.0
    assert "at 25, 50, unknown a second" in packed.describe()
    assert any("several frame rates (25: 1, 50: 1, unknown: 1)" in line for line in lines)
    again, lines = load_split(tmp_path)
    assert lines == [] and again.rates == packed.rates
    assert [clip.fps for clip in pack_clips(list(again), face=False)] == [25.0, 50.0, None]


def test_clips_without_rates_are_as_before(tmp_path):
    packed, lines = load_split(write_set(tmp_path, {"a": None, "b": None}))
    assert packed.rates == () and packed.fps is None and packed[0].fps is None
    assert len(lines) == 1 and "a second" not in lines[0]


def make_old(root):
    """Takes the rates out of the pack, as older versions have written it."""
    [folder] = pack_files.list_packs(root / "set/.cache", "train")
    index = json.loads((folder / "index.json").read_text())
    del index["rates"], index["resampled"]
    (folder / "index.json").write_text(json.dumps(index))
    pack_files.write_checksums(folder)
    return folder


def test_older_packs_are_used_unless_they_lack_rates(tmp_path):
    write_set(tmp_path, {"a": None, "b": None})
    load_split(tmp_path)
    folder = make_old(tmp_path)
    packed, lines = load_split(tmp_path)
    assert lines == [] and len(packed) == 2 and packed.folder == str(folder)
    write_set(tmp_path / "other", {"a": 50.0, "b": 50.0})
    load_split(tmp_path / "other")
    make_old(tmp_path / "other")
    packed, lines = load_split(tmp_path / "other")
    assert len(lines) == 1 and packed.rates == (50.0, 50.0)


def test_resampling_is_for_all_who_load_the_set(tmp_path):
    root = write_set(tmp_path, {"a": 25.0, "b": 50.0})
    recorded, _ = load_split(root)
    lines = list(pack_report.pack_splits(root, "set", Lines(), resample=25.0))
    assert not any("several" in line for line in lines)
    packed, lines = load_split(root)
    assert lines == [] and packed.rates == (25.0, 25.0) and packed.lengths.tolist() == [26, 26]
    np.testing.assert_array_equal(packed[1].points, recorded[1].points[::2])
    np.testing.assert_array_equal(packed[0].points, recorded[0].points)
    (root / "set" / frame_rates.NOTE).unlink()
    assert load_split(root)[0].rates == (25.0, 50.0)


def test_resampling_needs_rates_and_a_rate(tmp_path):
    root = write_set(tmp_path, {"a": 25.0, "c": None})
    with pytest.raises(DataError, match=r'c: pose\.json: has no "fps"'):
        list(pack_report.pack_splits(root, "set", Lines(), resample=25.0))
    for rate in (0.0, float("nan"), 1000.0):
        with pytest.raises(ConfigError, match="--resample"):
            list(pack_report.pack_splits(root, "set", Lines(), resample=rate))
    (root / "set" / frame_rates.NOTE).write_text('{"fps": -1}')
    with pytest.raises(DataError, match=r'resample\.json: "fps" is no rate'):
        load_split(root)


@pytest.mark.parametrize("value, rate", [
    (25, 25), ("25", 25), ("25 fps", 25), ("30000/1001", 30000 / 1001), ("1/0", None), ("fast", None),
    ("", None), (True, None), (0, None), (-1, None), (1000, None), ("nan", None), ("0/1", None), (None, None),
    ("1/2/3", None),
])  # fmt: skip
def test_how_programs_write_rates(value, rate):
    assert clip_files.parse_rate(value) == rate


@pytest.mark.parametrize("rates, expected, kinds", [
    ((24, None, 30), 24, [frame_rates.UNUSED_RATE]),
    ((24, 50, None), 50, [frame_rates.TABLE_RATE]),
    ((24, 50, 30), 50, [frame_rates.TABLE_RATE, frame_rates.UNUSED_RATE]),
    ((29.97, 30, 30), 30, []), ((None, None, 25), 25, []), ((24, None, None), 24, []),
    ((None, 50, None), 50, []), ((None, None, None), None, []),
])  # fmt: skip
def test_a_rate_that_is_not_used_is_told(rates, expected, kinds):
    rate, warnings = frame_rates.choose_rate(*rates)
    assert rate == expected and [warning.kind for warning in warnings] == kinds


def test_packing_warns_of_mixed_rates(tmp_path):
    lines = list(pack_report.pack_splits(write_set(tmp_path, {"a": 25.0, "b": 50.0}), "set", Lines()))
    assert lines[-1].startswith("warning: clips have several frame rates (25: 1, 50: 1)")


@pytest.mark.parametrize(
    "rates,warned",
    [([25, 25], False), ([None], False), ([29.97, 30, 30.0003], False), ([25, None], True), ([24, 25], True)],
)
def test_what_counts_as_mixed(rates, warned):
    assert bool(frame_rates.warn_of_rates(rates)) == warned
