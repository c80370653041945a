"""Data that have moved are trained on further; other data are refused, with what to do."""

import types

import gpt_run
import pytest
from packed_sets import dataset
from saved_runs import save

from signjax.data import load
from signjax.errors import ConfigError, StorageError
from signjax.training import data_record, run_config

SPLITS = [types.SimpleNamespace(content=content) for content in ("first", "second", "third")]


def test_a_run_goes_on_where_its_data_are_now(tmp_path):
    c = gpt_run.get_config("vqvae", **gpt_run.TOKENIZER, **{"data.root": "here"})
    data_record.record_data(tmp_path, "here", *SPLITS[1:])
    data_record.record_data(tmp_path, "here", *SPLITS[:2])  # nothing was trained yet
    save(tmp_path, c, 1, 0.5)
    data_record.record_data(tmp_path, "there", *SPLITS[:2])
    for others in (SPLITS[1:], SPLITS[:2][::-1]):
        with pytest.raises(
            ConfigError, match=r"^data: .* was trained on other clips .* in there .*--workdir$"
        ):
            data_record.record_data(tmp_path, "there", *others)
    (tmp_path / data_record.FILE).write_text("{")
    with pytest.raises(StorageError, match=r"data\.json: cannot be read .*move it away"):
        data_record.record_data(tmp_path, "there", *SPLITS[:2])


def test_a_run_without_a_record_stays_where_it_was(tmp_path):
    save(tmp_path, gpt_run.get_config("vqvae", **gpt_run.TOKENIZER, **{"data.root": "here"}), 1, 0.5)
    with pytest.raises(ConfigError, match=r"^data.root was 'here' .* is 'there' now.*a link"):
        data_record.record_data(tmp_path, "there", *SPLITS[:2])
    data_record.record_data(tmp_path, "./here/", *SPLITS[:2])
    data_record.record_data(tmp_path, "there", *SPLITS[:2])


def test_configs_may_name_other_folders_but_not_other_data_sets():
    c = gpt_run.get_config("gpt", **{"data.root": "here", "tokenizer": "runs/a"})
    saved = c.to_dict()
    c.data.root, c.tokenizer = "there", "runs/b"
    assert run_config.find_difference(saved, c) is None
    c.text.encoder = "models/bert"
    assert run_config.find_difference(saved, c)[0] == "text.encoder", "another kind of encoder"
    saved = c.to_dict()
    c.text.encoder = "elsewhere/bert"
    assert run_config.find_difference(saved, c) is None, "its content is compared when it is loaded"
    c.data.name = "other"
    assert run_config.find_difference(saved, c)[0] == "data.name"


def test_content_is_of_files_and_not_of_places(tmp_path):
    roots = [dataset(tmp_path / name, (("train", 2),)) for name in ("a", "b")]
    first, second = (load.load_split(root, "set", "train", on_message=print).content for root in roots)
    assert first == second != ""
    assert load.load_split(roots[0], "set", "train", cache=False).content == first
