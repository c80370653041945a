"""Names of files of texts: of any script, and never one name for two texts."""

import argparse
import itertools
import os
import unicodedata

import numpy as np
import pytest

from signjax import demo
from signjax.cli import sampler_options
from signjax.errors import StorageError
from signjax.export import forms
from signjax.export.sample_files import MAX_NAME_BYTES, OVERVIEW, choose_forms, name_files, write_samples
from signjax.io import worker_pool
from signjax.pose.clip import Clip

TEXTS = [
    "hello", "Hello", "hello!", "hello?", " hello", "hel lo", "hel-lo", "schön", "schon", "你好", "你 好",
    "世界", "ฉันรักคุณ", "ฉนรกคณ", "مرحبا", "a_1", "a", "clips", "♪", "♪♪", "...", "con", "x" * 400, "x" * 401,
    "../../etc",
    "a/b", "a\\b", "hello-deadbeef", "IX-1 HOUSE+", "ix 1 house",
]  # fmt: skip


def test_plain_texts_are_their_names():
    assert name_files(["hello how are you", "schön", "你好世界", "мир"]) == [
        "hello-how-are-you", "schön", "你好世界", "мир",
    ]  # fmt: skip


def test_no_two_texts_share_a_name():
    names = name_files(TEXTS)
    # Some file systems hold names to be equal that differ in case, or in the encoding of accents.
    folded = {unicodedata.normalize("NFD", name.casefold()) for name in names}
    assert len(folded) == len(TEXTS) and OVERVIEW not in names
    numbered = {f"{name}_{k}" for name in names for k in (1, 2)}
    assert not numbered & set(names)
    for name in names:
        assert len(name.encode()) <= MAX_NAME_BYTES + 9 and not set("/\\ ._") & set(
            name.partition("_")[0][:1]
        )
        assert "/" not in name and "\\" not in name and name.isprintable()


def test_names_do_not_depend_on_other_texts():
    alone = dict(zip(TEXTS, name_files(TEXTS), strict=True))
    for pair in itertools.permutations(TEXTS[:12], 2):
        assert name_files(pair) == [alone[text] for text in pair]


def test_a_text_twice_has_two_names():
    first, second, third = name_files(["hello", "hello", "hello"])
    assert first == "hello" and len({first, second, third}) == 3


def test_names_in_an_environment_of_few_letters(monkeypatch):
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("ascii"))
    names = name_files(["hello", "grüße", "你好", "👋 hello"])
    assert names[0] == "hello" and len(set(names)) == 4 and all(name.isascii() for name in names)
    assert names[1].startswith("gr-xfc-xdfe-")


def test_files_are_the_same_with_any_number_of_workers(tmp_path):
    """And each text's are there once its clips are, in whatever order these come."""
    texts, clip = (
        ["hello", "my friend", "good morning"],
        demo.synthesize_pose("hello", np.random.default_rng(0)),
    )
    made = [Clip(clip[: 9 + k] + k / 8, fps=25.0, text=texts[k // 2]) for k in range(6)]
    batches = [(np.array(places), [made[k] for k in places]) for places in ([4, 1], [0, 5, 2], [3])]
    kinds, folders = ("npz", "pose", "gif", "html"), []
    for workers in (0, 2):
        folders.append(tmp_path / str(workers))
        written = write_samples(batches, texts, 2, folders[-1], "all", kinds, reads=True, workers=workers)
        files = [one for ready in written for one in ready]
        assert [one.clips for one in files] == [2, 2, 2] and all(len(one.readings) == 2 for one in files)
        shown = {path for one in files for paths in one.paths for path in paths} | {one.page for one in files}
        assert shown | {folders[-1] / "clips.html"} == set(folders[-1].iterdir())
    contents = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
    assert len(contents[0]) == 6 * 3 + 4 and contents[0] == contents[1]


def test_an_error_of_a_worker_is_that_of_the_library(tmp_path):
    (tmp_path / "file").write_text("no folder")
    clip = Clip(np.zeros((2, 50, 3)))
    batches = [(np.array([0]), [clip])]
    with pytest.raises(StorageError, match="cannot be written"):
        list(write_samples(batches, ["a"], 1, tmp_path / "file/in", "all", ("npz",), workers=1))


def test_many_texts_are_not_drawn_by_themselves():
    assert {"gif", "html", "npz"} <= set(choose_forms(20)) and choose_forms(21) == ("npz",)
    assert set(choose_forms(1)) <= set(forms.SAMPLE_FORMS)
    with pytest.raises(argparse.ArgumentTypeError, match="did you mean 'gif'"):
        sampler_options.parse_forms("npz,gfi")
    assert sampler_options.parse_forms("npz, gif,npz") == ("npz", "gif")


def test_jobs_that_wait_are_bounded():
    """What is generated waits for the workers, and not in memory."""
    assert list(worker_pool.WorkerPool(None, 3).submit(abs, -1)) == [[1]]
    executor = SlowExecutor()
    pool = worker_pool.WorkerPool(executor, 3)
    done = [result for k in range(9) for ready in pool.submit(abs, -k) for result in ready]
    assert done == [0, 1, 2, 3, 4, 5] and executor.most == 4
    assert [result for ready in pool.finish() for result in ready] == [6, 7, 8]


class SlowExecutor:
    """Does a job when its result is asked for."""

    def __init__(self):
        self.waiting = self.most = 0

    def submit(self, function, job):
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        return self.Result(self, function, job)

    class Result:
        def __init__(self, executor, function, job):
            self.executor, self.call = executor, lambda: function(job)

        def done(self):
            return False

        def result(self):
            self.executor.waiting -= 1
            return self.call()
