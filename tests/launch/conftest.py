"""Folders in which the launch scripts find stand-ins for what they call."""

import pytest
from launch_helpers import make_checkout, make_cluster


@pytest.fixture
def checkout(tmp_path):
    """The launch scripts, and the programs of a plain machine."""
    return make_checkout(tmp_path)


@pytest.fixture
def cluster(tmp_path):
    """A checkout with a cloud, a queue of jobs and GPUs, where waiting takes no time."""
    return make_cluster(tmp_path)
