"""The model that comes with signjax: small, complete, in float16, and what it signs can be read."""

import hashlib
import math

import jax
import numpy as np
import pytest
from paths import ROOT

import signjax
from signjax import demo
from signjax.inference import hub
from signjax.inference.load import load
from signjax.io import checksums, model_file, safetensors
from signjax.tasks.preview import word_error_rate

FOLDER = ROOT / "signjax/demo/model"
MAX_BYTES = 15_000_000
MAX_WER = 0.037  # of docs/results.md


def test_it_is_small_and_complete():
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    assert checksums.find_corruption(FOLDER, extra_files=True) is None
    names = {path.relative_to(FOLDER).as_posix() for path in files}
    weights = {model_file.FILE, f"tokenizer/{model_file.FILE}"}
    listed = dict(line.split()[::-1] for line in (FOLDER / checksums.FILE).read_text().splitlines())
    assert weights <= listed.keys() and listed.keys() | {"README.md", checksums.FILE} == names
    for name in weights:
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == listed[name]


def test_its_card_has_licence_scores_and_the_notice():
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card and "no real sign language" in card
    assert "demo/test, 200 clips" in card and "--workdir demo --text" in card
    # Paths of the machine that it was trained on say nothing to anybody.
    assert '"/' not in (FOLDER / "config.json").read_text()


@pytest.mark.parametrize("part", ["", "tokenizer"])
def test_float16_is_what_is_read(part):
    stored, _ = safetensors.read_with_metadata(FOLDER / part / model_file.FILE)
    assert {array.dtype.name for array in stored.values()} == {"float16"}
    model = signjax.load(FOLDER / part if part else "demo")
    leaves = jax.tree.leaves(model.variables)
    assert len(leaves) == len(stored) and sum(x.size for x in leaves) == sum(
        math.prod(x.shape) for x in stored.values()
    )
    for leaf in leaves:
        assert leaf.dtype == np.float32
        np.testing.assert_array_equal(leaf, np.asarray(leaf).astype(np.float16))


def test_it_is_found_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert hub.has_demo_model() and hub.find_run("demo") == FOLDER
    (tmp_path / "demo").mkdir()
    assert hub.find_run("demo") == FOLDER
    (tmp_path / "demo/config.json").touch()  # somebody's own run
    assert str(hub.find_run("demo")) == "demo"


# strict: the day that a better model comes along, this line has to go.
@pytest.mark.xfail(reason="missed: 5 %, see docs/results.md", strict=True, raises=AssertionError)
@pytest.mark.extended
def test_its_word_error_rate_is_the_one_of_the_results():
    """On the 200 test sentences of the demo set, none of which it was trained on."""
    texts = demo.make_split_texts(0, (2000, 200, 200))["test"]
    rate = word_error_rate(texts, load("demo").generate(texts, canonical=True))
    print(f"\nword error rate of the model that comes with signjax: {rate:.4f}")
    assert len(set(texts)) > 150 and rate <= MAX_WER
