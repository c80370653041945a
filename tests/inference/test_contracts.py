"""Every class of a trained run keeps the contracts that its capability fields name."""

import gpt_run
import pytest

from signjax.errors import ConfigError
from signjax.inference import contracts
from signjax.inference.families import FAMILIES
from signjax.inference.load import LOADERS, load
from signjax.inference.pose_to_text import PoseToText
from signjax.models import build
from signjax.tasks import registry
from signjax.text import tokenizer
from signjax.training import run_config

pytestmark = pytest.mark.usefixtures("compile_quickly")


def check_fields(run):
    """Whether a run says of itself what it can do."""
    assert isinstance(run, contracts.TrainedRun)
    assert isinstance(run, contracts.ClipGenerator) == run.can_generate
    assert isinstance(run, contracts.ClipReader) == run.can_translate
    assert run.codec is None or isinstance(run.codec, contracts.SequenceCodec)
    assert (run.codec is not None and isinstance(run.codec, contracts.TokenCodec)) == run.has_tokens


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("vqvae", {"can_generate": False, "has_tokens": True, "can_stream": False}),
        ("gpt", {"can_generate": True, "has_tokens": True, "can_stream": True}),
        ("kl", {"can_generate": False, "has_tokens": False, "can_stream": False}),
    ],
)
def test_runs_keep_their_contracts(tiny_runs, tiny_families, name, fields):
    del tiny_families  # which trains runs/kl
    run = load(tiny_runs / "runs" / name)
    check_fields(run)
    assert {field: getattr(run, field) for field in fields} == fields
    assert run.codec is not None and run.variables["params"]


def test_a_back_translator_keeps_its_contract():
    config, words = gpt_run.get_config("backtranslate"), tokenizer.fit_tokenizer(["hello"], 1)
    run = PoseToText(config, {"params": {}}, build.build_back_translator(config, words.size), words)
    check_fields(run)
    assert run.can_translate and run.codec is None


def test_every_family_that_is_trained_can_be_loaded_but_one():
    """The motion encoder is used by metrics alone."""
    assert registry.FAMILIES.keys() - {"toy"} == LOADERS.keys() | {"motion_encoder"}
    assert FAMILIES.keys() < LOADERS.keys()


def test_a_run_without_a_use_of_its_own_is_refused(tmp_path):
    run_config.save_config(tmp_path / "config.json", gpt_run.get_config("motion_encoder"))
    with pytest.raises(ConfigError, match="motion_encoder run, which cannot be used by itself"):
        load(tmp_path)
