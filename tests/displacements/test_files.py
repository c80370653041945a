"""Files of displacements: written and read, the original project's own, and damaged ones."""

import json
import pathlib
import tarfile

import numpy as np
import pytest
from displacement_helpers import drop_depth, hide_joints, make_sequence, total_motion
from paths import FORMATS_ARCHIVE

from signjax.data import phrase_search, pose_layout
from signjax.displacements import ALIGNMENTS, average, convert, handedness, previews, read, templates
from signjax.displacements import write as files
from signjax.errors import DataError
from signjax.pose import skeleton
from signjax.pose.normalization import Placement


def write(folder, sequence, stamp="20250101_000000", sid="00001", dims=3, norm=False, word="hello", fps=None):
    place = Placement(np.zeros(3), np.float32(0.5))
    segment = files.WordSegment(
        word, "train", sid, (0, len(sequence.valid)), True, sequence, dims, place, fps
    )
    files.write_segment(folder, stamp, segment, folder / sid, norm)
    return folder / f"disp_{phrase_search.slugify_word(word)}_{stamp}_train_{sid}{'_norm' if norm else ''}"


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", [False, True])
def test_files_give_the_clip_back(tmp_path, dims, norm):
    sequence = hide_joints(make_sequence(), 4, 9)
    sequence = drop_depth(sequence) if dims == 2 else sequence
    stem = write(tmp_path, sequence, dims=dims, norm=norm)
    back, word = read.read_file(f"{stem}.npy")
    scale = 0.5 if norm else 1.0
    (pose, seen), (expected, known) = convert.rebuild_poses(back), convert.rebuild_poses(sequence)
    np.testing.assert_allclose(pose * scale, expected, atol=1e-5)
    np.testing.assert_array_equal(seen, known)
    content = json.loads(pathlib.Path(f"{stem}.json").read_text())
    kind = "_norm" if norm else ""
    assert word == content["word"] == "hello" and content["normalized"] == norm
    assert content[f"disp{kind}_shape"] == [len(sequence.deltas), 50, dims]
    assert np.load(f"{stem}.npy").dtype == np.float32
    assert np.load(tmp_path / pathlib.Path(content[f"p0{kind}_path"]).name).shape == (50, dims)


@pytest.mark.parametrize("rates,expected", [((50, 50), 50), ((50, 25), None), ((50, None), None)])
def test_files_keep_the_frame_rate(tmp_path, rates, expected):
    for k, fps in enumerate(rates):
        stem = write(tmp_path, make_sequence(k), sid=f"0000{k}", fps=fps)
        assert previews.rebuild_clip(f"{stem}_p0.npy").fps == fps
    [template] = average.average_words(tmp_path, ["hello"]).templates
    assert previews.rebuild_clip(template.path).fps == expected


def seed_file(folder, pose, stamp="20250906_181808", sid="00001", p0=True, word="hello"):
    """Writes a clip [T, 50, 2] as the original project: arms exchanged, missing joints at 0, Windows path."""
    pose = pose.copy()
    pose[:, skeleton.BODY] = pose[:, skeleton.MIRROR[skeleton.BODY]]
    base = f"disp_{word}_{stamp}_train_{sid}"
    content = {"word": word, "split": "train", "sid": sid, "sample_dir": f".\\ASL_gloss\\train\\{sid}"}
    np.save(folder / f"{base}.npy", np.diff(pose, axis=0).astype(np.float32))
    if p0:
        content |= {"p0_path": f"..\\..\\elsewhere\\{base}_p0.npy", "normalized": False}
        np.save(folder / f"{base}_p0.npy", pose[0].astype(np.float32))
    (folder / f"{base}.json").write_text(json.dumps(content))
    return folder / f"{base}.npy"


def test_the_seeds_files_are_read(tmp_path):
    """Arms, missing hands, Windows paths; each clip once, the start from another file of it."""
    sequence = drop_depth(hide_joints(make_sequence(), 4, 9))
    pose, seen = convert.rebuild_poses(sequence)
    old = seed_file(tmp_path, pose[..., :2], "20250906_162340", p0=False)
    seed_file(tmp_path, pose[..., :2])
    seed_file(tmp_path, convert.rebuild_poses(drop_depth(make_sequence(1)))[0][..., :2], sid="00002")
    back, _ = read.read_file(old)
    np.testing.assert_array_equal(back.valid, seen)
    np.testing.assert_allclose(convert.rebuild_poses(back)[0], pose, atol=1e-5)
    clips = read.read_word(tmp_path, "Hello", False)
    assert [source.sid for source, _, _ in clips] == ["00001", "00002"]
    assert all("181808" in source.path.name for source, _, _ in clips)
    assert read.read_word(tmp_path, "hello", True) == []


def test_the_seeds_normalised_frames_stand_up_again(tmp_path):
    """They were turned upside down, their noses put to the origin, and missing hands moved along."""
    sequence = drop_depth(hide_joints(make_sequence(), 4, 9, [*range(29, 50), skeleton.L_WRIST]))
    pose, seen = convert.rebuild_poses(sequence)
    turned = -(pose - pose[:, [skeleton.NOSE]])
    seed_file(tmp_path, turned[..., :2])
    back, _ = read.read_file(next(tmp_path.glob("disp_*_p0.npy")))
    again, known = convert.rebuild_poses(back)
    np.testing.assert_array_equal(known, seen)
    np.testing.assert_allclose(np.where(seen[..., None], -turned, 0), again, atol=1e-5)


def test_a_clip_without_a_start_is_named(tmp_path):
    path = seed_file(tmp_path, convert.rebuild_poses(make_sequence())[0][..., :2], p0=False)
    with pytest.raises(DataError, match="no starting pose"):
        read.read_file(path)


@pytest.mark.parametrize("field, damage, message", [
    ("json", b"{", "not valid JSON"),
    ("json", b"[]", "no JSON object"),
    ("json", b"{}", "'word'"),
    ("npy", b"", "is no array"),
    ("npy", "shape", "not floating [any, 50, any]"),
    ("npy", "nan", "not finite"),
    ("npy", "half", "not finite"),
    ("npy", "pickle", "is no array"),
    ("p0", None, "cannot be read"),
    ("p0", "shape", "not floating"),
])  # fmt: skip
def test_a_damaged_file_is_one_line_that_names_it(tmp_path, field, damage, message):
    stem = write(tmp_path, make_sequence())
    path = pathlib.Path(f"{stem}_p0.npy" if field == "p0" else f"{stem}.{field}")
    arrays = {"shape": np.zeros((3, 49, 3)), "nan": np.full((3, 50, 3), np.nan), "pickle": np.array([{}])}
    arrays["half"] = np.full((3, 50, 3), np.inf, np.float16)  # in which a million is infinite too
    if damage is None:
        path.unlink()
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        np.save(path, arrays[damage], allow_pickle=True)
    with pytest.raises(DataError) as fault:
        read.read_file(f"{stem}.json")
    assert path.name in str(fault.value) and message in str(fault.value) and "\n" not in str(fault.value)


@pytest.fixture
def gloss(real_data, tmp_path):
    """The original displacement files: beside how2sign/ or in the archive beside its archive."""
    folder = real_data / "formats/gloss_displacements"
    if not folder.is_dir():
        if not FORMATS_ARCHIVE.exists():
            pytest.skip(f"neither {folder} nor {FORMATS_ARCHIVE} is there")
        with tarfile.open(FORMATS_ARCHIVE) as archive:
            archive.extractall(tmp_path, filter="data")
        folder = tmp_path / "formats/gloss_displacements"
    return folder


@pytest.mark.real
def test_the_seeds_own_files(gloss):
    """Its templates follow from its files by its formula; ours of the same files keep the way."""
    every = read.list_files(gloss)
    assert len({source.word for source in every}) == 10
    for word, missing in (("apple", {"03000": "left"}), ("hello", {"27173": "left", "27180": "right"})):
        meta = next(gloss.glob(f"templates/template_{word}_*.json"))
        names = json.loads(meta.read_text())["sources"]
        assert all("\\" in name for name in names)
        raw = [np.load(gloss / name.split("\\")[-1]) for name in names]
        template, _ = read.read_file(meta)
        expected = np.median([seeds_resampling(deltas, 64) for deltas in raw], axis=0)
        np.testing.assert_allclose(template.deltas[..., :2], expected[:, read.EXCHANGED_ARMS], atol=5e-6)
        assert template.valid.any() and np.ptp(template.start[:8, :2], axis=0).min() > 0.3
        for norm in (False, True):
            clips = read.read_word(gloss, word, norm)
            assert len(clips) == 2 and {dims for _, _, dims in clips} == {2}
            for source, sequence, _ in clips:
                side = missing.get(source.sid)
                gone = [
                    part
                    for part, (hand, _) in zip(("right", "left"), skeleton.HANDS, strict=True)
                    if sequence.valid[:, hand].mean() < 0.1
                ]
                assert gone == ([side] if side else [])
                pose, _ = convert.rebuild_poses(sequence)
                assert not pose_layout.detect_layout([pose]).swapped
                assert (pose[:, 0, 1] < pose[:, 1, 1]).mean() > 0.9
            same, _ = handedness.unify_handedness([sequence for _, sequence, _ in clips])
            for align in ALIGNMENTS:
                ours = templates.average_sequences(same, 64, align)
                voices = np.stack([sequence.valid.any(0) for sequence in same])
                ways = np.where(voices[..., None], [total_motion(sequence) for sequence in same], np.nan)[
                    :, voices.any(0)
                ]
                kept = total_motion(ours)[voices.any(0)]
                np.testing.assert_allclose(kept, np.nanmedian(ways, axis=0), atol=1e-5)


def seeds_resampling(deltas, steps):
    """The original formula: displacements interpolated at equal phases, so that their sum is not kept."""
    phase = np.cumsum(np.sqrt((deltas.astype(np.float64) ** 2).sum((1, 2))))
    at = np.linspace(0, 1, steps)
    columns = deltas.reshape(len(deltas), -1).T
    return np.stack([np.interp(at, phase / phase[-1], c) for c in columns], 1).reshape(steps, 50, 2)
