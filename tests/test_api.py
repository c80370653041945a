"""The Python API: every public name is there, and clips go from a run to scores without a command."""

import json
import re

import pytest
from paths import ROOT

import signjax


def test_every_public_name_is_there():
    assert set(signjax.__all__) <= set(dir(signjax))
    for name in signjax.__all__:
        assert getattr(signjax, name).__name__.rpartition(".")[2] == name
    with pytest.raises(AttributeError, match="'signjax' has no attribute 'lod'"):
        signjax.lod  # noqa: B018


def test_the_page_has_every_public_name():
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    names = set(re.findall(r"^::: signjax\.(\w+)", page, re.MULTILINE))
    [errors] = re.findall(r"^::: signjax\.errors\n.*?members: \[(.*?)\]", page, re.MULTILINE | re.DOTALL)
    assert names - {"errors"} | set(errors.split(", ")) == set(signjax.__all__)


@pytest.mark.extended
def test_a_run_is_scored_without_a_command(tiny_runs, capsys, tmp_path):
    run = signjax.load(tiny_runs / "runs/vqvae")
    dataset = signjax.load_dataset(tiny_runs / "datasets", "demo", "dev")
    train = signjax.load_dataset(tiny_runs / "datasets", "demo", "train")
    capsys.readouterr()
    card = signjax.score(run, dataset, train=train, is_demo=True)
    rows = card.content["rows"]
    assert rows["ground truth"]["text"]["WER"]["value"] == 0 and "tokenizer ceiling" in card.table()
    assert json.loads(card.to_json()) == card.content and card.content["data"]["clips"] == len(dataset)
    recorded = signjax.score(list(dataset), dataset, train=train, is_demo=True)
    assert recorded.content["rows"]["predictions"]["distance"]["DTW-MJE"]["value"] < 1e-4
    assert capsys.readouterr().out == "", "a library prints nothing"
    with pytest.raises(signjax.DataError, match="give one for each"):
        signjax.score(list(dataset)[1:], dataset, train=train)
    with pytest.raises(signjax.DataError, match="train="):
        signjax.score(list(dataset), dataset)
