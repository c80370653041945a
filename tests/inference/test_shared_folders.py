"""Shared folders may come from strangers: all is read in them, and what does not fit together is one line."""

import json
import os
import shutil
import signal

import fuzz
import fuzz_configs
import numpy as np
import pytest
import shared_runs

from signjax.errors import SignjaxError
from signjax.export import hub_folder
from signjax.inference.load import load
from signjax.io import checksums, model_file
from signjax.text import tokenizer


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A shared folder of a tokenizer, and one of a GPT with that tokenizer in it."""
    root = tmp_path_factory.mktemp("shared")
    return {name: shared_runs.write(root, name) for name in ("vqvae", "gpt")}


@pytest.fixture
def folder(folders, tmp_path):
    """The GPT's folder, to change."""
    return shutil.copytree(folders["gpt"], tmp_path / "a" / "gpt")


def refuse(folder, *parts):
    """One line, with these words in it."""
    with pytest.raises(SignjaxError) as error:
        load(folder)
    message = str(error.value)
    assert all(part in message for part in parts) and message.isprintable(), message


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[] if n == "gpt" else pytest.mark.extended) for n in shared_runs.RUNS]
)
def test_a_folder_of_each_family_loads(name, tmp_path):
    assert load(shared_runs.write(tmp_path, name)).config.task


@pytest.mark.parametrize(
    ("field", "value", "variable"),
    [
        ("model.width", 32, "params.code_embedding"),
        ("model.text_depth", 2, "params.text_layers"),
        ("model.mlp", 64, "params.first"),
        ("model.depth", 3, "params.layers"),
    ],
)
def test_weights_of_another_model_are_named(folder, field, value, variable):
    saved = json.loads((folder / "config.json").read_text())
    group, name = field.split(".")
    saved[group][name] = value
    shared_runs.change_config(folder, saved)
    refuse(folder, f"{folder}/model.safetensors: params.", "by ", "config.json; download")


def test_weights_for_another_vocabulary_are_named(folder):
    tokenizer.fit_tokenizer(["far more words than before"], 1).save(folder / "text.json")
    checksums.write_checksums(folder)
    refuse(folder, "model.safetensors: params.text_embedding")


def test_weights_too_many_and_whole_numbers_are_named(folders, tmp_path):
    folder = shutil.copytree(folders["vqvae"], tmp_path / "vqvae")
    variables, _ = model_file.load_variables(folder)
    more = variables | {"params": variables["params"] | {"backdoor": np.ones(2, np.float32)}}
    (folder / model_file.FILE).write_bytes(model_file.pack_variables(more, step="1"))
    checksums.write_checksums(folder)
    refuse(folder, "params.backdoor is [2], and missing by")
    more["params"]["backdoor"] = np.ones(2, np.int32)
    (folder / model_file.FILE).write_bytes(model_file.pack_variables(more, step="1"))
    checksums.write_checksums(folder)
    refuse(folder, "whole numbers")


OUT = dict.fromkeys(
    ["/", "..", "../..", "tokenizer/../..", "/etc"], "tokenizer.json: cannot be read (lies outside of"
)
BACK = dict.fromkeys([".", "", "tokenizer/.."], "its folder is the one that it lies in")
NOWHERE = dict.fromkeys(["nothing", "x" * 5000], "needs the tokenizer that it was trained with")


@pytest.mark.parametrize(("where", "message"), (OUT | BACK | NOWHERE).items())
def test_a_record_that_leads_out_is_refused(folder, where, message):
    record = json.loads((folder / "tokenizer.json").read_text()) | {"folder": where}
    (folder / "tokenizer.json").write_text(json.dumps(record))
    checksums.write_checksums(folder)
    refuse(folder, message)


def test_a_folder_without_its_tokenizer_takes_none_of_this_machine(folder):
    """Not even one that the config names."""
    shutil.move(folder / "tokenizer", folder.parent / "tokenizer")
    saved = json.loads((folder / "config.json").read_text()) | {"tokenizer": str(folder.parent / "tokenizer")}
    shared_runs.change_config(folder, saved)
    refuse(folder, "needs the tokenizer", f"not in {folder}/tokenizer; ")


@pytest.mark.parametrize(
    "name", ["config.json", "text.json", "model.safetensors", "tokenizer", "tokenizer/config.json", "own"]
)
def test_links_that_lead_out_are_refused(folder, name, tmp_path):
    """With all that they lead to right."""
    outside = tmp_path / "elsewhere"
    if (folder / name).exists():
        shutil.move(folder / name, outside)
    else:
        outside.write_text("{}")
    (folder / name).symlink_to(outside)
    refuse(folder, f"{folder}/{name}: is a link that leads out of {folder}")


def test_links_of_the_cache_of_the_hub_are_followed(folder, tmp_path):
    snapshot = tmp_path / "models--me--mine/snapshots/abc"
    shutil.copytree(folder, snapshot)
    blobs = tmp_path / "models--me--mine/blobs"
    blobs.mkdir()
    for number, path in enumerate(sorted(p for p in snapshot.rglob("*") if p.is_file())):
        shutil.move(path, blobs / str(number))
        path.symlink_to(os.path.relpath(blobs / str(number), path.parent))
    assert load(snapshot).config.task == "gpt"
    shutil.move(blobs, tmp_path / "anywhere")
    blobs.symlink_to(tmp_path / "anywhere")
    refuse(snapshot, "is a link that leads out of")


def test_a_codec_that_names_itself_is_shared_once(folders, tmp_path):
    folder = shutil.copytree(folders["vqvae"], tmp_path / "vqvae")
    saved = json.loads((folder / "config.json").read_text()) | {"tokenizer": "."}
    (folder / "tokenizer.json").write_text(json.dumps({"folder": ".", "digest": "0"}))
    shared_runs.change_config(folder, saved)
    files = hub_folder.collect_files(folder, "mine", "mit")
    assert "config.json" in files and not any(name.startswith("tokenizer") for name in files)


def test_a_hundred_hostile_configs(folder):
    """With right checksums: each is loaded, or refused in one line; the soak tests try 10,000."""
    before = signal.signal(signal.SIGALRM, fuzz.stop)
    original, counts = (folder / "config.json").read_text(), {"loaded": 0, "refused": 0}
    for k in range(100):
        rng = np.random.default_rng((0, k))
        text = fuzz_configs.mutate(rng, json.loads(original), json.loads(original))
        shared_runs.change_config(folder, text)
        outcome, what = fuzz_configs.attempt(folder)
        assert outcome != "wrong", f"{text}: {what}"
        counts[outcome] += 1
    signal.signal(signal.SIGALRM, before)
    assert counts["loaded"] > 3 and counts["refused"] > 50
