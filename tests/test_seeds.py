"""Any whole number is a seed: small ones as they always were, all others different from each other."""

import argparse
import ast
import itertools
import json
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from command_help import COMMANDS
from paths import ROOT

from signjax import demo, seeds
from signjax.cli import config_options, parsing
from signjax.demo import dataset
from signjax.errors import ConfigError, DataError
from signjax.inference import clip_server, text_batches
from signjax.io import safe_read
from signjax.training import random_key

# What is cut off at 32, 53 or 64 bits, or loses its sign, makes two of these alike.
SEEDS = [0, 1, -1, 2**31, 2**32 - 1, 2**32, -(2**32), 2**53 + 1, 2**63, 2**64, 2**64 + 1, -(2**64), 10**30]


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31 - 1, 2**31, 2**32 - 1])
def test_small_seeds_are_as_they_were(seed):
    for purpose in ((), (11,), (1, 5000)):
        old = np.random.default_rng((seed, *purpose)).random(4)
        np.testing.assert_array_equal(seeds.make_rng(seed, *purpose).random(4), old)
    old, new = (jax.random.key_data(key) for key in (jax.random.key(seed), random_key.make_key(seed)))
    np.testing.assert_array_equal(new, old)


def test_all_seeds_differ():
    def key(seed):
        return jax.random.key_data(random_key.make_key(seed)).tolist()

    for make in (seeds.split_seed, key, lambda seed: seeds.make_rng(seed, 3).random(2).tolist()):
        made = [make(seed) for seed in SEEDS]
        assert not [pair for pair in itertools.combinations(made, 2) if pair[0] == pair[1]]
    assert seeds.split_seed(np.int64(-1)) == seeds.split_seed(-1)


def test_a_seed_of_another_type_is_one_line():
    for seed in ("3", 1.5, None, [1]):
        with pytest.raises(ConfigError, match=r"^seed is .*; give a whole number$"):
            seeds.split_seed(seed)


@pytest.mark.parametrize("name", [name for name in COMMANDS if "_seed_option(" in COMMANDS[name]])
def test_commands_add_the_option_in_one_way(name):
    assert '"--seed"' not in COMMANDS[name]


def test_no_command_has_a_seed_of_its_own():
    assert not [name for name, source in COMMANDS.items() if '"--seed"' in source]


def test_the_option_takes_any_whole_number():
    parser = argparse.ArgumentParser(exit_on_error=False)
    parsing.add_seed_option(parser)
    for seed in SEEDS:
        assert parser.parse_args([f"--seed={seed}"]).seed == seed
        assert parser.parse_args(["--seed", str(seed)]).seed == seed
    for text in ("x", "1.5", "", "1_0", "٣", "9" * 4301, "nan"):
        with pytest.raises(argparse.ArgumentError, match="is not a whole number"):
            parser.parse_args([f"--seed={text}"])


@pytest.mark.parametrize("words", [["--seed=-7"], ["--seed", "-7"], ["--config.seed=-7"]])
def test_a_training_takes_it_as_well(words):
    parser = parsing.make_short_parser("signjax.main", "Trains.")
    _, _, config = config_options.parse_options(parser, ["--config=gpt:quick", *words])
    assert config.seed == -7


def test_the_page_may_ask_for_any_seed():
    def ask(seed):
        return clip_server.parse_request(json.dumps({"text": "a", "seed": seed, "num": 1}).encode()).seed

    # As digits, too: JavaScript would round a number.
    assert [ask(seed) for seed in SEEDS] == [ask(str(seed)) for seed in SEEDS] == SEEDS
    for wrong in (True, 0.5, "x", "", "1e3", None, [1]):
        with pytest.raises(DataError, match=r"^seed: not a whole number$"):
            ask(wrong)


@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_a_demo_set_of_any_seed(tmp_path, seed):
    demo.write_dataset(tmp_path, "one", seed=seed, sizes=(1, 1, 1))
    record = {"language": dataset.LANGUAGE_VERSION, "seed": seed, "sizes": [1, 1, 1]}
    assert dataset.is_written(tmp_path / "one", record)
    assert not dataset.is_written(tmp_path / "one", record | {"seed": 0})
    texts = [str(dataset.make_split_texts(number, (3, 1, 1))) for number in (seed, 0, 2**32 - 1)]
    assert len(set(texts)) == 3


def test_only_seeds_may_be_larger_than_arrays_take(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"seed": 10**30, "model": {"seed": -(10**30)}}))
    assert safe_read.read_json(path) == {"seed": 10**30, "model": {"seed": -(10**30)}}
    for content in ({"steps": 10**30}, {"seed": [10**30]}, {"seed": 1e300}, {"seed": {"a": 10**30}}):
        path.write_text(json.dumps(content))
        with pytest.raises(safe_read.InvalidFileError, match="a number beyond"):
            safe_read.read_json(path)


def test_seeds_are_folded_in_one_place_only():
    """Elsewhere fixed numbers alone are seeds; the program of an export has a seed of 32 bits."""
    makers = ("default_rng", "SeedSequence", "random.key", "random.PRNGKey", "random.seed", "random.Random")
    for path in sorted(ROOT.glob("signjax/**/*.py")):
        name = str(path.relative_to(ROOT))
        if name in ("signjax/seeds.py", "signjax/training/random_key.py", "signjax/export/compiled.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(makers):
                assert "seed" not in " ".join(map(ast.unparse, node.args)), (
                    f"{name}:{node.lineno}: see signjax.seeds"
                )


def test_clips_of_all_seeds_have_other_keys():
    encoder = SimpleNamespace(encode_all=lambda texts: [[5, 6]] * len(texts))
    keys = []
    for seed in SEEDS:
        [batch] = text_batches.batch_texts(encoder, ["a", "b"], seed, 4)
        keys += map(str, jax.random.key_data(batch.keys).tolist())
    assert len(set(keys)) == 2 * len(SEEDS)
    with pytest.raises(ConfigError, match="give a whole number"):
        next(text_batches.batch_texts(encoder, ["a"], "one", 4))
