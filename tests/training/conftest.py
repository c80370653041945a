"""Fixtures of the tests of training: a toy run."""

import shutil

import pytest
from engine_helpers import toy

from signjax.tasks.registry import make_task
from signjax.training import loop


# Of a file and not of the session: a test that changed it would disturb those of other files.
@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A toy run that nothing interrupted, with the latest steps 10 and 12, and a best one."""
    workdir = tmp_path_factory.mktemp("whole") / "run"
    assert loop.train(toy(), workdir, make_task).finished
    return workdir


@pytest.fixture
def run(whole, tmp_path):
    """A copy of it, to damage."""
    return shutil.copytree(whole, tmp_path / "run")
