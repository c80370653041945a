"""The project's figures, measured again by the commands of docs/results.md; minutes to an hour each."""

import functools
import json
import os
import subprocess
import sys

import pytest
from paths import ROOT

from signjax import demo
from signjax.data.load import load_split
from signjax.inference.load import load
from signjax.tasks.preview import word_error_rate

pytestmark = pytest.mark.slow


def command(module, *arguments):
    """Runs a command as a user would: on one device, not the eight of the tests."""
    simulated = ("XLA_FLAGS", "JAX_PLATFORMS")
    env = {name: value for name, value in os.environ.items() if name not in simulated}
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=ROOT, env=env, check=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The demo's default data."""
    folder = tmp_path_factory.mktemp("data")
    command("signjax.tools.demo", "--root", folder)
    return folder


@pytest.fixture(scope="module")
def trained(root):
    """variant -> the GPT's run after both stages on the demo's data, trained once."""

    @functools.cache
    def train(variant):
        folder = root / f"runs{variant.replace(':', '-')}"
        data = f"--config.data.root={root}"
        command("signjax.main", f"--config=configs/vqvae.py{variant}", data, f"--workdir={folder}/vqvae")
        other = f"--config.tokenizer={folder}/vqvae"
        command("signjax.main", f"--config=configs/gpt.py{variant}", data, other, f"--workdir={folder}/gpt")
        return folder / "gpt"

    return train


def word_error_rates(run, root):
    """Of clips generated from the unseen test sentences, and from each word alone, three times."""
    generator = load(run)
    rates = {}
    for name, texts in (
        ("sentences", load_split(root, "demo", "test").texts),
        ("words", 3 * demo.list_words()),
    ):
        rates[name] = word_error_rate(texts, generator.generate(list(texts), canonical=True))
    print(f"\nword error rates after {run}: {rates}")
    return rates


@pytest.mark.parametrize(
    ("variant", "sentences", "words"), [(":quick", 0.15, 0.05), ("", 0.05, 0.01)], ids=["quick", "full"]
)
def test_generated_clips_say_their_texts(variant, sentences, words, root, trained):
    rates = word_error_rates(trained(variant), root)
    assert rates["sentences"] <= sentences and rates["words"] <= words


def test_scores_of_recorded_and_shuffled_clips(root, trained):
    run, reader = trained(":quick"), root / "backtranslate"
    data = f"--config.data.root={root}"
    command("signjax.main", "--config=configs/backtranslate.py", data, f"--workdir={reader}")
    command("signjax.evaluate", "--workdir", run, "--backtranslate", reader)
    rows = json.loads((run / "scores-test/scores.json").read_text())["rows"]
    scores = {name: {m: c["value"] for m, c in row["text"].items()} for name, row in rows.items()}
    print(f"\n{ {name: (texts['WER'], texts['BT-BLEU-4']) for name, texts in scores.items()} }")
    assert scores["ground truth"]["WER"] <= 2 and scores["ground truth"]["BT-BLEU-4"] >= 80
    assert scores["tokenizer ceiling"]["BT-BLEU-4"] >= scores["ground truth"]["BT-BLEU-4"] - 10
    assert scores["shuffled text"]["BT-BLEU-4"] <= 2 and scores["shuffled text"]["WER"] >= 90


@pytest.mark.real
def test_tokenizer_on_real_data(real_data, tmp_path):
    data = (f"--config.data.root={real_data}", "--config.data.name=how2sign")
    command("signjax.main", "--config=configs/vqvae.py", *data, f"--workdir={tmp_path}")
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    last = [line for line in lines if "eval/mpjpe" in line][-1]
    print(f"\n{ {name: value for name, value in last.items() if 'perplexity' not in name} }")
    assert last["eval/mpjpe"] <= 0.022
    assert last["eval/mpjpe_hands_relative"] <= 0.0105
    assert last["eval/usage_min"] >= 0.85, "of every codebook"
