"""Language and signer in training: withheld by chance, learned, and used for recorded clips."""

import itertools
import json

import gpt_run
import jax
import numpy as np
import pytest
import run_checks

from signjax.errors import ConfigError
from signjax.evaluation import previews
from signjax.inference.load import load as load_run
from signjax.models import special_ids
from signjax.tasks import token_run
from signjax.tasks.registry import make_task
from signjax.text import tokenizer
from signjax.text.conditions import Condition, Conditions
from signjax.training import config_rules, loop, text_encoder

WORDS = tokenizer.fit_tokenizer(
    ["hello you"], 1, conditions=(Condition("language", ("ase", "ins")), Condition("signer", ("1", "2", "3")))
)
ABOUT = [Conditions("ins", "3"), Conditions("ase", None), Conditions(None, "1")]


def make_batch(rows=500):
    """Rows with three texts each, and padding."""
    ids = [WORDS.encode("hello you", about) for about in ABOUT]
    padding = [special_ids.PAD] * 2
    text = np.array([[*itertools.chain(*ids), *padding]] * rows, np.int32)
    segment = np.repeat([1, 2, 3, 0], [*map(len, ids), 2])[None].repeat(rows, 0)
    position = np.concatenate([*map(np.arange, map(len, ids)), [0, 0]])[None].repeat(rows, 0)
    return {"text": text, "text_segment": segment, "text_position": position}


def drop(batch, rate, seed=0, spans=WORDS.condition_spans):
    return {
        k: np.asarray(x) for k, x in token_run.drop_texts(batch, jax.random.key(seed), rate, spans).items()
    }


def test_each_condition_of_each_text_is_withheld_by_itself():
    batch = make_batch()
    out = drop(batch, 0.0)
    changed = out["text"] != batch["text"]
    given = np.flatnonzero(changed.any(0))
    # Both of the first text, the language of the second, the signer of the third; nothing else ever changes.
    lengths = np.cumsum([0] + [len(WORDS.encode("hello you", about)) for about in ABOUT])
    assert given.tolist() == [0, 1, lengths[1], lengths[2] + 1]
    np.testing.assert_allclose(changed[:, given].mean(0), token_run.CONDITION_DROPOUT, atol=0.06)
    for column, name in zip(given, ("language", "signer", "language", "signer"), strict=True):
        kept = {WORDS.entries[i] for i in out["text"][changed[:, column], column]}
        assert kept == {f"<any {name}>"}
    together = changed[:, given].astype(float)
    assert np.abs(np.corrcoef(together.T) - np.eye(4)).max() < 0.2, "they are drawn apart"
    assert all(np.array_equal(out[k], batch[k]) for k in ("text_segment", "text_position"))


def test_a_run_without_conditions_draws_what_it_drew():
    batch = make_batch(8)
    with_spans, without = drop(batch, 0.5, spans=()), drop(batch, 0.5)
    assert np.array_equal(with_spans["text_segment"], without["text_segment"])
    hidden = without["text_segment"] == 0
    nulls = without["text"] == special_ids.NULL
    assert np.array_equal(nulls, with_spans["text"] == special_ids.NULL) and hidden.any() and nulls.any()


def test_a_config_names_conditions_that_there_are():
    c = gpt_run.get_config("gpt")
    for value in ((), ("signer",), ("language", "signer")):
        c.text.conditions = value
        config_rules.check_fields(c)
    for value in (("signer", "signer"), ("place",), (("signer",),)):
        c.text.conditions = value
        with pytest.raises(ConfigError, match=r"text\.conditions is .*some of language, signer, each once"):
            config_rules.check_fields(c)
    c.text.conditions, c.text.encoder = ("signer",), "minilm"
    with pytest.raises(ConfigError, match=r"text\.conditions .* beside text\.encoder"):
        config_rules.check_fields(c)


def test_a_vocabulary_is_fitted_with_them(tmp_path):
    c = gpt_run.get_config("gpt", **{"text.conditions": ("signer",), "text.min_count": 1})
    fitted = text_encoder.prepare_text_encoder(c, tmp_path, ["hello you"], [], ABOUT)
    assert fitted.conditions == (Condition("signer", ("1", "3")),) and fitted.words == WORDS.words
    with pytest.raises(ConfigError, match="no training clip says one"):
        text_encoder.prepare_text_encoder(c, tmp_path, ["hello you"], [], [Conditions("ase")])


@pytest.mark.extended
@pytest.mark.usefixtures("compile_quickly")
def test_a_run_is_trained_scored_and_shared_with_them(tiny_runs, tmp_path):
    names = {"train": ("1", "2"), "dev": ("2", "3")}  # the training split has no signer 3
    for split, signers in names.items():
        for k, folder in enumerate(sorted((tiny_runs / "datasets/demo" / split).iterdir())):
            target = tmp_path / "datasets/signed" / split / folder.name
            target.mkdir(parents=True)
            pose = json.loads((folder / "pose.json").read_text()) | {"signer": signers[k % 2]}
            (target / "pose.json").write_text(json.dumps(pose))
            (target / "text.txt").write_text((folder / "text.txt").read_text())
    changes = {"data.name": "signed", "text.conditions": ("signer",)}
    c = gpt_run.gpt_config(tiny_runs, **changes)
    c.data.root = str(tmp_path / "datasets")
    assert loop.train(c, tmp_path / "run", make_task).finished
    run_checks.check_losses_fall(tmp_path / "run", ["code"], 0.9)
    run = load_run(tmp_path / "run")
    assert run.text_encoder.conditions == (Condition("signer", ("1", "2")),)
    dev = run.codec.load_split(c.data, "dev")
    assert run.list_conditions(dev) == {"signer": ["2", None, "2", None]}
    assert previews.draw_run(tmp_path / "run", "run", "dev", tmp_path, 2).exists()
    shared = load_run(run.save_pretrained(tmp_path / "shared"))
    first, second = (one.generate("hello", signer="2", max_tokens=4) for one in (run, shared))
    assert np.array_equal(first.points, second.points) and second.signer == "2"
    assert "--language, --signer: signer (1, 2)" in (tmp_path / "shared/README.md").read_text()
