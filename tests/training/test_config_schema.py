"""The schema of configs: it is what the shipped configs have, and saved ones are checked by it."""

import json

import pytest

import signjax
from signjax.errors import ConfigError, StorageError
from signjax.inference import autoregressive, flow_sampling
from signjax.pose.body_parts import LAYOUTS
from signjax.tasks import registry
from signjax.training import config_fields, config_rules, config_schema, configs, run_config

VARIANTS = {
    "vqvae": ("vqvae:fsq", "vqvae:kl,whole", "vqvae:seed", "vqvae:vq,face", "vqvae:tensor"),
    "gpt": ("gpt:seed", "gpt:large", "gpt:quick", "gpt:fsdp"),
    "flow": ("flow:whole",),
}
SPECS = [spec for name in configs.list_configs() for spec in (name, *VARIANTS.get(name, ()))]


@pytest.mark.parametrize("spec", SPECS)
def test_shipped_configs_have_the_fields_of_the_schema(spec):
    config = configs.get_config(spec)
    config_rules.check_fields(config)
    fields, known = config_fields.flatten_fields(config), config_schema.list_fields(config.task)
    assert {name for name, needed in known.items() if needed} <= set(fields) <= set(known)
    for name, value in fields.items():
        assert type(value) is config_schema.FIELDS[name].kind, name


def test_no_field_is_of_no_config():
    shipped = set().union(*(config_fields.flatten_fields(configs.get_config(spec)) for spec in SPECS))
    # Fields of samplers that a config may have, but none that is shipped does.
    more = {f"sampler.{name}" for name in autoregressive.Sampler._fields}
    assert shipped <= set(config_schema.FIELDS) <= shipped | more
    # Other tests add a task of their own.
    assert config_schema.TASKS.keys() == registry.FAMILIES.keys() - {"toy"}
    assert all(field.meaning for field in config_schema.FIELDS.values())


def test_choices_are_those_of_the_code():
    choices = {name: field.choices for name, field in config_schema.FIELDS.items()}
    assert set(choices["layout"]) == LAYOUTS.keys()
    assert choices["sampler.solver"] == flow_sampling.SOLVERS


def change(spec, changes):
    """The JSON of a config with changes of fields by full name; what a field is may be anything."""
    saved = json.loads(json.dumps(configs.get_config(spec).to_dict()))
    for name, value in changes.items():
        *groups, field = name.split(".")
        group = saved
        for part in groups:
            group = group[part]
        if value is REMOVED:
            del group[field]
        else:
            group[field] = value
    return json.dumps(saved)


REMOVED = ...  # not object(), whose repr differs between the processes of the tests
HOSTILE = [
    ("gpt", {"model.depth": 10**6}, "model.depth is 1000000; it can be whole numbers, 0 to 128"),
    (
        "gpt",
        {"sampler.max_tokens": 10**9},
        "sampler.max_tokens is 1000000000; it can be whole numbers, 1 to 4,096",
    ),
    ("gpt", {"model.width": "wide"}, "model.width is 'wide'; it can be"),
    ("gpt", {"model.width": 4.5}, "model.width is 4.5; it can be whole numbers"),
    ("gpt", {"model.width": True}, "model.width is True; it can be"),
    ("gpt", {"model.width": None}, "model.width is None; it can be"),
    ("gpt", {"model.heads": [4]}, "model.heads is (4,); it can be"),
    ("gpt", {"model.dropout": -0.1}, "model.dropout is -0.1; it can be 0 to below 1"),
    ("gpt", {"model.dtype": "int8"}, "model.dtype is 'int8'; it can be float32 or bfloat16"),
    ("gpt", {"model.remat": 1}, "model.remat is 1; it can be true or false"),
    ("gpt", {"model": 5}, "there is no field 'model'"),
    ("gpt", {"model": {}}, "there is no field 'model'"),
    ("gpt", {"model.witdh": 4}, "there is no field 'model.witdh'; did you mean 'model.width'?"),
    ("gpt", {"model.width": {"a": 1}}, "there is no field 'model.width.a'"),
    ("gpt", {"model.width": REMOVED}, "the field model.width is missing"),
    ("gpt", {"text_dropout": REMOVED, "text_dropuot": 0.1}, "missing; did you mean 'text_dropuot'?"),
    ("gpt", {"sampler": REMOVED}, "the field sampler.temperature is missing"),
    ("gpt", {"sampler.min_tokens": 200}, "sampler.min_tokens is 200; it can be sampler.max_tokens at most"),
    ("gpt", {"tokenizer": "x" * 5000}, "tokenizer is 'xxx"),
    ("gpt", {"sharding": [[0] * 2000]}, "sharding is (("),
    ("gpt", {"mesh.axes": [1]}, "mesh.axes is (1,); it can be a list"),
    ("gpt", {"data.text": "speech"}, "data.text is 'speech'; it can be sentence or gloss"),
    ("vqvae", {"quantizer.levels.arm": 10**6}, "quantizer.levels.arm is 1000000"),
    ("vqvae", {"model.size.heads": 4}, "the field model.size.heads is of model.kind seed alone"),
    ("vqvae", {"model.kind": "seed", "layout": "whole"}, "the field model.size.heads is missing, as"),
    ("vqvae", {"layout": "whole+face", "quantizer.levels.face": 1}, "the field loss.face is missing, as"),
    ("vqvae:fsq", {"quantizer.steps": []}, "quantizer.steps is (); it can be numbers of 2 or more"),
    ("vqvae:fsq", {"quantizer.steps": ["8"]}, "quantizer.steps is ('8',); it can be a list"),
    ("vqvae", {"quantizer.kind": "rvk"}, "quantizer.kind is 'rvk'; did you mean 'rvq'? it can be: rvq, "),
    ("vqvae", {"task": "gpt"}, "there is no field "),
    ("vqvae", {"task": ["gpt"]}, "field 'task' is no text"),
]


@pytest.mark.parametrize(("spec", "changes", "message"), HOSTILE, ids=[str(case[1])[:60] for case in HOSTILE])
def test_a_saved_config_that_cannot_be_is_one_line(spec, changes, message, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(change(spec, changes))
    with pytest.raises(StorageError) as error:
        run_config.load_config(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ") and message in line and line.isprintable() and len(line) < 500


def test_fields_of_ones_own_are_kept(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(change("gpt", {"note": "the first try", "of_mine": {"rate": -5, "names": ["a"]}}))
    assert run_config.load_config(path).of_mine.names == ("a",)


def test_a_task_of_ones_own_has_its_own_fields(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(
        json.dumps({"task": "mine", "model": {"depth": "deep"}, "window": [1, 2], "num_steps": 7})
    )
    assert run_config.load_config(path).window == (1, 2)
    # What the engine reads is checked in any config.
    path.write_text(json.dumps({"task": "mine", "num_steps": 10**12}))
    with pytest.raises(
        StorageError, match=r"num_steps is 1000000000000; it can be whole numbers, 1 to 1,000,"
    ):
        run_config.load_config(path)


def test_a_command_line_is_checked_by_the_schema():
    with pytest.raises(ConfigError, match=r"^model.depth=1000000: it can be whole numbers, 0 to 128$"):
        signjax.get_config("gpt", **{"model.depth": 10**6})
    with pytest.raises(ConfigError, match=r"^optim.lr=nan: it can be 0 to 100$"):
        signjax.get_config("gpt", **{"optim.lr": "nan"})


def test_a_seed_is_any_whole_number():
    for seed in (0, -1, 2**64, -(10**100)):
        config_schema.check_value("seed", seed)
    for seed in (1.0, True, "1", None):
        with pytest.raises(ConfigError, match=r"^seed is .*; it can be any whole number$"):
            config_schema.check_value("seed", seed)
