"""The files of an evaluation belong together: all are those of one evaluation, whatever comes between."""

import types

import numpy as np
import pytest

from signjax import demo, rendering
from signjax.errors import StorageError
from signjax.evaluation import report_files
from signjax.pose.clip import Clip


def write(folder, system):
    points = demo.synthesize_pose("Hello Ada.", np.random.default_rng(0))[:2]
    clips = [Clip(points, text="hello")]
    content = {"system": system, "data": {"name": "demo", "split": "dev"}, "rows": {}}
    by = types.SimpleNamespace(readable=False, recognizer=None)
    return report_files.write_report(folder, content, system, {system: clips}, clips, by, np.zeros(1))


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_full_disk_leaves_the_earlier_report_as_it_was(tmp_path, monkeypatch):
    folder = tmp_path / "run/scores-dev"
    paths = write(folder, "first")
    before = read(folder)
    assert {path.name for path in paths} == before.keys() and all(path.parent == folder for path in paths)

    def fail(path, *_, **__):
        raise StorageError(f"{path}: cannot be written (No space left on device); make room there")

    with monkeypatch.context() as patch:
        patch.setattr(rendering, "write_html", fail)
        with pytest.raises(StorageError, match=r"^\S+/scores-dev/clips\.html: cannot be written \(No space"):
            write(folder, "second")
    assert read(folder) == before and b"first" in before["scores.txt"]
    write(folder, "third")
    assert read(folder).keys() == before.keys() and read(folder)["scores.txt"] != before["scores.txt"]
