"""Real signs that others share as arrays: all clips are read, and hands lie at their own wrists."""

import itertools
import tarfile

import numpy as np
import pytest
from paths import FORMATS_ARCHIVE

from signjax.data import plausibility
from signjax.data.formats import detect
from signjax.data.formats.base import UnreadableClip
from signjax.pose import skeleton
from signjax.pose.clip import Clip

# Archive, what is read of it, size of the picture.
SETS = [
    ("include43", "data_np", (1920, 1080)),
    ("webcam", "MP_Data_sample", (640, 480)),
    ("webcam", "words_i16.npy", (640, 480)),
    ("wlasl", "wlasl50_f32.npy", (640, 480)),
    ("lexicons", "wlasl_lexicon_i16.npy", None),
    ("lexicons", "asl_citizen_i16.npy", (1280, 720)),
]
CLIPS = 24  # of each; all of them take minutes


@pytest.fixture(scope="module")
def unpack(tmp_path_factory):
    """Unpacks an archive beside that of the other formats, once."""
    folder, unpacked = tmp_path_factory.mktemp("signs"), set()

    def unpack_archive(name):
        archive = FORMATS_ARCHIVE.with_name(f"{name}.tar.xz")
        if not archive.exists():
            pytest.skip(f"{archive} is not there")
        if name not in unpacked:
            with tarfile.open(archive) as file:
                file.extractall(folder, filter="data")
            unpacked.add(name)
        return folder / name

    return unpack_archive


def measure_gap(clip):
    """From each hand to its own wrist, in shoulder widths; the median of the clip."""
    shoulders = clip.points[:, skeleton.R_SHOULDER] - clip.points[:, skeleton.L_SHOULDER]
    gaps = []
    for part, wrist in skeleton.HANDS:
        both = clip.valid[:, part.start] & clip.valid[:, wrist]
        gaps.append(np.linalg.norm((clip.points[:, part.start] - clip.points[:, wrist])[both], axis=-1))
    known = np.concatenate(gaps)
    return np.median(known) / np.median(np.linalg.norm(shoulders, axis=-1)) if len(known) else np.nan


@pytest.mark.real
@pytest.mark.parametrize("archive, path, size", SETS)
def test_real_signs(real_data, unpack, archive, path, size):
    path = unpack(archive) / path
    items = list(itertools.islice(detect.detect_format(path).read_clips(path, size=size), CLIPS))
    clips = [plausibility.inspect_clip(item) for item in items if isinstance(item, Clip)]
    assert len(clips) == len(items) == CLIPS and len({clip.sid for clip in clips}) == CLIPS
    assert all(clip.text for clip in clips)
    gaps = np.array([measure_gap(clip) for clip in clips])
    # One lexicon holds hands that were not seen where they were last, while the wrist moves on.
    assert np.mean(gaps[~np.isnan(gaps)] < 0.4) > 0.8


@pytest.mark.real
def test_real_letters_are_hands_alone(real_data, unpack):
    path = unpack("webcam") / "letters_i16.npy"
    [item] = detect.detect_format(path).read_clips(path, size=(640, 480))
    assert isinstance(item, UnreadableClip) and "has hands only" in item.reason
