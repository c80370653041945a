"""Glosses beside sentences: imported, packed, and read in their place."""

import json
import pickle
import types

import format_files
import ml_collections
import numpy as np
import pytest
from format_cases import POSE, VALID
from packed_sets import Lines, dataset

from signjax.data import clip_files, load, pack_files, sources
from signjax.data.import_poses import import_poses
from signjax.errors import ConfigError, DataError, SignjaxWarning
from signjax.inference import dataset_codes
from signjax.pose.clip import Clip
from signjax.training import run_config


def test_glosses_of_parallel_files_are_kept_beside_the_sentences(tmp_path):
    source = tmp_path / "theirs"
    format_files.skels(source, "train", [(POSE, VALID)] * 2, ["hello you", "bye"])
    (source / "train.gloss").write_text("HELLO IX-2\n\n")
    report = import_poses(source, str(tmp_path), "mine")
    assert report["glosses"] == 1
    clips = [clip_files.read_clip(tmp_path / f"mine/train/clip-{k}") for k in range(2)]
    assert [(c.text, c.gloss) for c in clips] == [("hello you", "HELLO IX-2"), ("bye", "")]
    assert not (tmp_path / "mine/train/clip-1/gloss.txt").exists()
    again = import_poses(tmp_path / "mine", str(tmp_path), "again")
    assert again["glosses"] == 1 and Clip.read(tmp_path / "mine/train/clip-0").gloss == "HELLO IX-2"


def test_a_pack_has_glosses_and_can_give_them_as_texts(tmp_path):
    root = dataset(tmp_path)
    before = load.load_dataset(root, "set", "train")
    with pytest.raises(DataError, match="set/train: none of 5 clips has a gloss; import them"):
        load.load_dataset(root, "set", "train", text="gloss")
    for k in range(4):
        (root / f"set/train/-clip_{k}/gloss.txt").write_text(f"SIZE {k}\n")
    (root / "set/train/-clip_4/gloss.txt").write_text("SIZE 4")
    config = ml_collections.ConfigDict({"root": str(root), "name": "set", "text": "gloss"})
    packed = load.load_configured_split(config, "train")
    assert packed.texts == packed.glosses == tuple(f"SIZE {k}" for k in range(5))
    assert pickle.loads(pickle.dumps(packed)).texts == packed.texts
    sentences = load.load_dataset(root, "set", "train")
    assert sentences.texts == before.texts and sentences[1].gloss == "SIZE 1" and not before.glosses
    with pytest.raises(ConfigError, match=r"data.text is 'glos'; give sentence or gloss"):
        load.load_dataset(root, "set", "train", text="glos")


def test_clips_without_a_gloss_are_left_out_and_counted(tmp_path):
    root = dataset(tmp_path)
    for k in (0, 2, 3):
        (root / f"set/train/-clip_{k}/gloss.txt").write_text(f"SIZE {k}\n")
    expected = r"^set/train: 2 of 5 clips have no gloss and are left out, the first -clip_1; .*gloss.txt"
    with pytest.warns(SignjaxWarning, match=expected):
        glosses = load.load_dataset(root, "set", "train", text="gloss")
    sentences = load.load_dataset(root, "set", "train")
    assert glosses.texts == ("SIZE 0", "SIZE 2", "SIZE 3") and glosses.lengths.tolist() == [8, 10, 11]
    assert dict(glosses.broken) == dict.fromkeys(("-clip_1", "-clip_4"), "has no gloss")
    assert "3 clips, 29 frames" in glosses.describe() and "2 clips left out" in glosses.describe()
    for selected in (glosses, pickle.loads(pickle.dumps(glosses)), glosses.without_face()):
        for i, k in enumerate((0, 2, 3)):
            assert selected[i].sid == sentences[k].sid
            np.testing.assert_array_equal(selected[i].placement.origin, sentences[k].placement.origin)
            np.testing.assert_array_equal(selected[i].points, sentences[k].points)
            crop = sources.cut_window(selected, i, 2, 4)["pose"]
            np.testing.assert_array_equal(crop, sources.cut_window(sentences, k, 2, 4)["pose"])
    codec = types.SimpleNamespace(variables={})
    keys = {dataset_codes._cache_key(codec.variables, data, ()) for data in (glosses, sentences)}
    assert len(keys) == 2, "tokens of other clips are others"


def test_an_old_pack_and_an_old_config_stay_valid(tmp_path):
    root = dataset(tmp_path)
    load.load_split(root, "set", "train", on_message=Lines())
    [folder] = pack_files.list_packs(root / "set/.cache", "train")
    index = json.loads((folder / "index.json").read_text())
    assert index.pop("glosses") == [""] * 5
    (folder / "index.json").write_text(json.dumps(index))
    pack_files.write_checksums(folder)
    messages = Lines()
    assert len(load.load_split(root, "set", "train", on_message=messages)) == 5 and not messages
    data = {"root": str(root), "name": "set"}
    assert len(load.load_configured_split(ml_collections.ConfigDict(data), "train")) == 5
    saved = {"task": "gpt", "data": data}
    for text, differs in (("sentence", False), ("gloss", True)):
        config = ml_collections.ConfigDict({"task": "gpt", "data": {**data, "text": text}})
        assert bool(run_config.find_difference(saved, config)) == differs
