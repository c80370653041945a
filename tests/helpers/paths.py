"""Folders of the checkout that tests use."""

import os
import pathlib

ROOT = pathlib.Path(__file__).parents[2]
TESTS = ROOT / "tests"
ASSETS = TESTS / "assets"
HELPERS = TESTS / "helpers"
FORMATS_ARCHIVE = ROOT.parent / "shared/data/formats.tar.xz"  # real clips in other formats, if they are here
# For many short-lived files: a folder in memory, None for the usual one where there is none.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
