"""What tests of several formats compare with."""

import format_files
import pytest
from format_cases import POSE, VALID

from signjax.data.formats import mediapipe


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The motion of format_cases, read from MediaPipe's JSON."""
    path = tmp_path_factory.mktemp("plain") / "a.json"
    format_files.landmarks(path, POSE, VALID)
    [clip] = mediapipe.read_clips(path)
    return clip
