"""What several tests of trained runs start from."""

import tarfile

import pytest
from paths import ASSETS


@pytest.fixture(scope="module")
def old_runs(tmp_path_factory):
    """The folder of the two runs of tests/assets/old_runs, a tokenizer and a GPT; copy what you change."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(ASSETS / "old_runs/runs.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "old_runs"
