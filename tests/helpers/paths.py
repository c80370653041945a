"""Folders of the checkout that tests use."""

import pathlib

ROOT = pathlib.Path(__file__).parents[2]
TESTS = ROOT / "tests"
ASSETS = TESTS / "assets"
HELPERS = TESTS / "helpers"
FORMATS_ARCHIVE = ROOT.parent / "shared/data/formats.tar.xz"  # real clips in other formats, if they are here
