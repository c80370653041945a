"""Texts signed in a language and by a signer: they change the clip, and unknown ones are refused."""

import numpy as np
import pytest
import shared_runs

from signjax import sample
from signjax.errors import ConfigError
from signjax.inference.load import load as load_run
from signjax.pose.clip import Clip
from signjax.text import tokenizer
from signjax.text.conditions import Condition

pytestmark = pytest.mark.usefixtures("compile_quickly")
KNOWN = (Condition("language", ("ase", "ins")), Condition("signer", ("1", "2", "Zoë")))
TEXTS = ["hello", "how are you"]
SAMPLING = {"max_tokens": 8, "min_tokens": 8, "temperature": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A GPT with conditions, which nobody trained."""
    words = tokenizer.fit_tokenizer(["hello how are you ?"], 1, conditions=KNOWN)
    conditions = {"text.conditions": ("language", "signer")}
    return shared_runs.write(tmp_path_factory.mktemp("runs"), "gpt", words, **conditions)


@pytest.fixture(scope="module")
def run(folder):
    return load_run(folder)


def generate(run, texts=TEXTS, **options):
    return run.generate_tokens(texts, **options, **SAMPLING)


def equal(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_a_condition_changes_what_is_signed(run):
    codes = [generate(run, **about) for about in (
        {}, {"language": "ase"}, {"language": "ins"}, {"signer": "1"}, {"language": "ins", "signer": "1"},
    )]  # fmt: skip
    assert not any(equal(codes[i], codes[k]) for i in range(5) for k in range(i))
    assert equal(codes[2], generate(run, language=["ins", "ins"], signer=None))
    assert equal(codes[0], generate(run, language=[None, None]))


def test_each_text_has_its_own_and_nothing_of_the_others(run):
    ase, ins = (generate(run, language=name) for name in ("ase", "ins"))
    mixed = generate(run, language=["ase", "ins"])
    assert equal(mixed, [ase[0], ins[1]])
    twice = generate(run, language=["ins", "ase"], num=2)
    assert equal([twice[0]], [ins[0]]) and len(twice) == 4


def test_clips_and_streams_carry_them(run):
    clips = run.generate(TEXTS, num=2, language=["ase", None], signer="Zoë", **SAMPLING)
    assert [(c.language, c.signer) for c in clips] == [("ase", "Zoë")] * 2 + [(None, "Zoë")] * 2
    whole = run.generate("hello", language="ins", canonical=True, **SAMPLING)
    parts = list(run.stream("hello", language="ins", canonical=True, **SAMPLING))
    assert np.array_equal(np.concatenate([part.points for part in parts]), whole.points)
    assert {part.language for part in parts} == {"ins"} == {whole.language} and whole.signer is None


def test_recorded_clips_give_what_the_run_knows(run):
    points = np.zeros((1, 50, 3))
    clips = [Clip(points, language=one, signer=two) for one, two in (("ins", "9"), (None, "2"))]
    assert run.list_conditions(clips) == {"language": ["ins", None], "signer": [None, "2"]}


@pytest.mark.parametrize("about, message", [
    ({"language": "inz"}, "^language 'inz' is unknown to .*gpt; did you mean 'ins'. it knows: ase, ins$"),
    ({"signer": ["1", "3"]}, "^signer '3' is unknown to .*it knows: 1, 2, Zoë$"),
    ({"signer": 3}, "^signer is 3; give a text, or one for each"),
    ({"signer": ["1", 2]}, "^signer is .*; give a text"),
    ({"language": ["ase"]}, "^language has 1 values for 2 texts; give one for each"),
])  # fmt: skip
def test_what_a_run_does_not_know_is_refused(run, about, message):
    for use in (run.generate, run.generate_tokens):
        with pytest.raises(ConfigError, match=message):
            use(TEXTS, **about)


def test_the_command_takes_them(folder, tmp_path, capsys):
    options = ["--workdir", str(folder), "--text", "hello", "--out", str(tmp_path), "--formats", "npz"]
    assert sample.main([*options, "--language", "ins", "--signer", "2", "--max_tokens", "4"]) == 0
    clip = Clip.read(tmp_path / "hello.npz")
    assert (clip.language, clip.signer) == ("ins", "2")
    capsys.readouterr()
    assert sample.main([*options, "--signer", "Zoe"]) == ConfigError.exit_code
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "did you mean 'Zoë'" in said[0]


def test_a_run_without_conditions_says_so(tmp_path):
    plain = load_run(shared_runs.write(tmp_path, "gpt"))
    assert plain.list_conditions([Clip(np.zeros((1, 50, 3)), language="ins")]) == {}
    with pytest.raises(ConfigError, match=r"language: .*gpt was trained without it; leave it out, or train"):
        plain.generate("hello", language="ins")
    with pytest.raises(ConfigError, match=r"signer: .*--config\.text\.conditions=signer"):
        plain.stream("hello", signer="1")
