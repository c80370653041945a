"""Signers and languages of clips: imported, written, packed and given back."""

import json
import pickle

import numpy as np
import pytest
from packed_sets import Lines, recording

from signjax.data import clip_files, dataset_writer, load, pack_files, pack_writer
from signjax.data.clip_list import pack_clips
from signjax.data.import_poses import import_poses
from signjax.errors import ConfigError, DataError
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip

LABELS = {"a": ("1", "ase"), "b": ("2", "ins"), "c": (None, None), "d": ("Zoë K.", "ase")}


def write_set(root, labels=None):
    """A set of a train split, whose clips say these signers and languages."""
    for k, (sid, (signer, language)) in enumerate((LABELS if labels is None else labels).items()):
        clip = Clip(recording(k), text=f"text {sid}", signer=signer, language=language)
        dataset_writer.write_clip(root / "set/train" / sid, clip)
    return root


def load_train(root, name="set"):
    lines = Lines()
    return load.load_split(root, name, "train", on_message=lines), lines


def list_labels(clips):
    return {clip.sid: (clip.signer, clip.language) for clip in clips}


def test_a_pack_gives_back_signer_and_language_of_each_clip(tmp_path):
    packed, lines = load_train(write_set(tmp_path))
    assert list_labels(packed) == LABELS
    assert "frames, languages: ase 2, ins 1, unknown 1," in packed.describe() and packed.describe() in lines
    again, lines = load_train(tmp_path)
    for same in (again, pickle.loads(pickle.dumps(again)), pack_clips(list(again), face=False)):
        assert list_labels(same) == LABELS and not lines
    some = packed._select_clips([3, 1], "not chosen")
    assert list_labels(some) == {sid: LABELS[sid] for sid in ("d", "b")}


def test_clips_that_say_nothing_are_as_before(tmp_path):
    packed, _ = load_train(write_set(tmp_path, dict.fromkeys("ab", (None, None))))
    assert packed.signers == packed.languages == () and packed[0].signer is packed[0].language is None
    assert "languages" not in packed.describe()


def test_joined_parts_keep_them(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "PART_CLIPS", 3)
    packed, _ = load_train(write_set(tmp_path))
    assert list_labels(packed) == LABELS


def make_old(root):
    """Takes them out of the pack, as older versions have written it."""
    [folder] = pack_files.list_packs(root / "set/.cache", "train")
    index = json.loads((folder / "index.json").read_text())
    del index["signers"], index["languages"]
    (folder / "index.json").write_text(json.dumps(index))
    pack_files.write_checksums(folder)
    return str(folder)


def test_an_older_pack_is_used_unless_its_clips_say_more(tmp_path):
    load_train(write_set(tmp_path / "old", dict.fromkeys("ab", (None, None))))
    folder = make_old(tmp_path / "old")
    packed, lines = load_train(tmp_path / "old")
    assert (packed.folder, len(packed), lines) == (folder, 2, [])
    load_train(write_set(tmp_path / "more"))
    make_old(tmp_path / "more")
    packed, lines = load_train(tmp_path / "more")
    assert len(lines) == 1 and list_labels(packed) == LABELS


@pytest.mark.parametrize("values", [["1"], [1, "2", None, None], "1234", [" a", "b", "c", "d"]])
def test_an_index_with_other_labels_is_damaged(tmp_path, values):
    load_train(write_set(tmp_path))
    [folder] = pack_files.list_packs(tmp_path / "set/.cache", "train")
    index = json.loads((folder / "index.json").read_text())
    (folder / "index.json").write_text(json.dumps(index | {"signers": values}))
    with pytest.raises(InvalidFileError, match="damaged"):
        pack_writer.read_index(folder, 4)


@pytest.mark.parametrize("value, label", [
    ("ase", "ase"), (" Zoë K. ", "Zoë K."), ("", None), (" ", None), (3, None), (None, None), ("a\nb", None),
    ("a" * 100, "a" * 100), ("a" * 101, None), (["ase"], None),
])  # fmt: skip
def test_what_is_a_name(value, label):
    assert clip_files.parse_label(value) == label


def test_a_clip_keeps_them_in_every_form_of_ours(tmp_path):
    [clip] = load_train(write_set(tmp_path, {"a": ("3", "ins")}))[0]
    for name in ("clip.npz", "clip.json"):
        read = Clip.read(clip.save(tmp_path / name))
        assert (read.signer, read.language) == ("3", "ins")
    arrays = dict(np.load(tmp_path / "clip.npz"))
    np.savez(tmp_path / "odd.npz", **(arrays | {"signer": np.array(3), "language": np.array(["a", "b"])}))
    assert (Clip.read(tmp_path / "odd.npz").signer, Clip.read(tmp_path / "odd.npz").language) == (None, None)


def test_table_and_option_say_what_the_files_do_not(tmp_path):
    write_set(tmp_path)
    table = "clip,text,split,signer,language\na,A,dev,7,\nc,C,test,,bfi\nd,D,,,gsg\n"
    (tmp_path / "texts.csv").write_text(table)
    report = import_poses(tmp_path / "set", str(tmp_path), "new", str(tmp_path / "texts.csv"), language="fsl")
    clips = {split: list_labels(load.load_split(tmp_path, "new", split, cache=False))
             for split in ("train", "dev", "test")}  # fmt: skip
    assert clips["dev"] == {"a": ("7", "ase")} and clips["test"] == {"c": (None, "bfi")}
    assert clips["train"] == {"b": ("2", "ins"), "d": ("Zoë K.", "gsg")}
    assert report["languages"] == {"ase": 1, "ins": 1, "bfi": 1, "gsg": 1} and report["signers"] == 3
    # What is written is read again, by any other import.
    import_poses(tmp_path / "new", str(tmp_path), "again", language="fsl")
    assert list_labels(load.load_split(tmp_path, "again", "train", cache=False)) == clips["train"]


def test_the_option_is_for_clips_of_no_known_language(tmp_path):
    write_set(tmp_path)
    report = import_poses(tmp_path / "set", str(tmp_path), "new", language="fsl")
    assert report["languages"] == {"ase": 2, "ins": 1, "fsl": 1}


def test_names_that_are_none_are_refused(tmp_path):
    write_set(tmp_path)
    for name in ("", " ase", "a\nb", "a" * 101):
        with pytest.raises(ConfigError, match=r"--language .*give a short name, as in ase"):
            import_poses(tmp_path / "set", str(tmp_path), "new", language=name)
    (tmp_path / "texts.csv").write_text(f"clip,text,language\na,A,{'x' * 101}\n")
    with pytest.raises(DataError, match=r"its language is 'x*'; give a name of 100 characters at most"):
        import_poses(tmp_path / "set/train/a", str(tmp_path), "new", str(tmp_path / "texts.csv"))
