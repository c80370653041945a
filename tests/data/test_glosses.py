"""Glosses beside sentences: imported, packed, and read in their place."""

import json
import pickle

import format_files
import ml_collections
import pytest
from format_cases import POSE, VALID
from packed_sets import Lines, dataset

from signjax.data import clip_files, load, pack_files
from signjax.data.import_poses import import_poses
from signjax.errors import ConfigError, DataError
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
    with pytest.raises(DataError, match="set/train: 5 of 5 clips have no gloss"):
        load.load_dataset(root, "set", "train", text="gloss")
    for k in range(4):
        (root / f"set/train/-clip_{k}/gloss.txt").write_text(f"SIZE {k}\n")
    with pytest.raises(DataError, match="1 of 5 clips have no gloss, such as -clip_4"):
        load.load_dataset(root, "set", "train", text="gloss")
    (root / "set/train/-clip_4/gloss.txt").write_text("SIZE 4")
    config = ml_collections.ConfigDict({"root": str(root), "name": "set", "text": "gloss"})
    packed = load.load_configured_split(config, "train")
    assert packed.texts == packed.glosses == tuple(f"SIZE {k}" for k in range(5))
    assert pickle.loads(pickle.dumps(packed)).texts == packed.texts
    sentences = load.load_dataset(root, "set", "train")
    assert sentences.texts == before.texts and sentences[1].gloss == "SIZE 1" and not before.glosses
    with pytest.raises(ConfigError, match=r"data.text is 'glos'; give sentence or gloss"):
        load.load_dataset(root, "set", "train", text="glos")


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
