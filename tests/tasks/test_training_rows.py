"""What a generator is trained on: recorded clips and stitched ones, without sentences that are held out."""

import shutil

import gpt_run
import numpy as np
import pytest

from signjax.data.dataset_writer import write_clip
from signjax.data.load import load_dataset
from signjax.errors import ConfigError, DataError, SignjaxWarning
from signjax.pose.clip import Clip
from signjax.tasks.token_run import prepare_token_run
from signjax.training import data_record

NEW = ["Zebra, go zebra!", "zebra zebra zebra zebra zebra zebra"]


@pytest.fixture
def data(tiny_runs, tmp_path):
    """A folder of data sets, with the demo set; `write` adds one of clips of some texts."""
    root = tmp_path / "datasets"
    shutil.copytree(tiny_runs / "datasets/demo", root / "demo")
    return root


def write(root, name, texts):
    clip = load_dataset(root, "demo", "train")[0]
    for k, text in enumerate(texts):
        write_clip(
            root / name / "train" / f"s{k}", Clip(clip.points[k:], clip.valid[k:], text=text, fps=25.0)
        )


def prepare(tiny_runs, root, folder, **changes):
    c = gpt_run.gpt_config(tiny_runs, **changes)
    c.data.root = str(root)
    folder.mkdir(exist_ok=True)
    return prepare_token_run(c, folder)


def test_stitched_clips_are_trained_on_and_never_scored(tiny_runs, data, tmp_path):
    write(data, "more", NEW)
    plain = prepare(tiny_runs, data, tmp_path / "plain")
    both = prepare(tiny_runs, data, tmp_path / "both", **{"data.stitched": "more"})
    count, train = len(plain.train.texts), load_dataset(data, "demo", "train")
    assert len(both.train.texts) == count + 2 == len(train) + 2
    # The codes are those of each set by itself, and every clip is in each packing.
    for ours, alone in zip(both.train.codes[0][:count], plain.train.codes[0], strict=True):
        np.testing.assert_array_equal(ours, alone)
    assert {clip for row in both.train.rows for clip, _ in row} == set(range(count + 2))
    encoder = both.generator.text_encoder
    assert list(both.train.texts[count]) == list(encoder.encode_all(NEW[:1])[0])
    assert "zebra" in encoder.words and "zebra" not in plain.generator.text_encoder.words
    assert len(both.dev.texts) == len(plain.dev.texts) and len(both.dev_clips) == len(plain.dev_clips)


def test_sentences_that_are_held_out_are_not_stitched(tiny_runs, data, tmp_path):
    held_out = [load_dataset(data, "demo", split).texts[0] for split in ("dev", "test")]
    write(data, "more", [held_out[0].upper(), f" {held_out[1]} !", NEW[0]])
    with pytest.warns(SignjaxWarning, match="more/train: 2 of 3 clips left out, as their texts"):
        run = prepare(tiny_runs, data, tmp_path / "run", **{"data.stitched": "more"})
    assert len(run.train.texts) == len(load_dataset(data, "demo", "train")) + 1
    write(data, "leaks", held_out)
    with pytest.raises(DataError, match="leaks/train: all of its texts are in dev or test of demo"):
        prepare(tiny_runs, data, tmp_path / "run", **{"data.stitched": "leaks"})
    with pytest.raises(ConfigError, match=r"data\.stitched is 'demo', as is data.name"):
        prepare(tiny_runs, data, tmp_path / "run", **{"data.stitched": "demo"})


def test_a_run_is_resumed_with_the_clips_that_it_had(tiny_runs, data, tmp_path, monkeypatch):
    write(data, "more", NEW)
    write(data, "others", NEW[:1])
    prepare(tiny_runs, data, tmp_path / "run", **{"data.stitched": "more"})
    monkeypatch.setattr(data_record.saved_steps, "find_last_step", lambda *args: 5)
    with pytest.raises(ConfigError, match="was trained on other clips"):
        prepare(tiny_runs, data, tmp_path / "run", **{"data.stitched": "others"})
