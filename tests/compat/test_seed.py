"""The seed's checkpoints as runs: the numbers of PyTorch, whatever their tensors are called, or a refusal."""

import functools
import importlib.util
import json
import os
import pathlib
import shutil
import zipfile

import gpt_run
import jax
import make_encoders
import make_seed_files
import numpy as np
import pytest
from generated import generate_poses
from safetensors.numpy import load_file, save_file
from scipy.special import log_softmax

from signjax.compat.seed import convert, match_tensors, pose_statistics, read_checkpoint
from signjax.errors import ConfigError, DataError
from signjax.inference import autoregressive
from signjax.inference.families import make_sampler
from signjax.inference.load import load
from signjax.io.safe_read import InvalidFileError
from signjax.models import build, layers
from signjax.pose import normalization
from signjax.tasks.registry import make_task
from signjax.tools import from_seed
from signjax.training import loop, run_config

pytestmark = pytest.mark.usefixtures("compile_quickly")
VQVAE, GPT = (str(make_seed_files.ROOT / f"{name}.pth") for name in ("vqvae", "gpt"))
ENCODER = str(make_encoders.ROOT / "bert")


@pytest.fixture(scope="module")
def expected():
    """What PyTorch made of the checkpoints in tests/assets/seed."""
    with np.load(make_seed_files.ROOT / "expected.npz", allow_pickle=False) as saved:
        return dict(saved)


def imported(home, vq=VQVAE, gpt=GPT, encoder=ENCODER):
    arguments = [vq, gpt, "--out", str(home), "--encoder", encoder, "--name", "demo"]
    here = pathlib.Path.cwd()
    os.chdir(gpt_run.ROOT)
    try:
        return from_seed.main(arguments)
    finally:
        os.chdir(here)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The folder of both runs."""
    home = tmp_path_factory.mktemp("seed")
    assert imported(home) == 0
    return home


def check_tokenizer(home, expected):
    tokenizer = load(home / "vqvae")
    where = pose_statistics.measure_placement(expected["mean"].astype(np.float64))
    x = normalization.to_canonical(expected["pose"].reshape(1, -1, 50, 3), where).astype(np.float32)
    mask = np.ones(x.shape[:2], bool)
    codes = np.asarray(tokenizer.encode_batch(tokenizer.variables, x, mask))
    np.testing.assert_array_equal(codes[..., 0], expected["codes"])
    poses = np.asarray(tokenizer.decode_batch(tokenizer.variables, codes, mask[:, ::4]))
    poses = (
        normalization.from_canonical(poses, where).reshape(expected["made"].shape) - expected["mean"]
    ) / expected["std"]
    np.testing.assert_allclose(poses, expected["made"], atol=1e-4)


def check_gpt(home, expected):
    generator = load(home / "gpt")
    model, variables = generator.model, generator.variables
    run = functools.partial(model.apply, variables)
    text = np.pad(
        expected["text"], ((0, 0), (0, 3), (0, 0)), constant_values=9.0
    )  # padding, hidden by the mask
    mask = np.arange(text.shape[1])[None] < expected["text"].shape[1]
    memory = run(text, mask, method="encode_text")
    codes = np.append(expected["tokens"][:, 1:], [[0]], axis=1)[..., None]
    states = run(codes, memory, method="compute_states")
    np.testing.assert_allclose(run(states, method="output_logits"), expected["logits"], atol=1e-4)
    sampler = autoregressive.Sampler(temperature=0.0, min_tokens=12, max_tokens=12)
    keys = jax.random.split(jax.random.key(0), 1)
    written, _ = autoregressive.sample_tokens(model, variables, text, mask, keys, sampler)
    assert written[0, :, 0].tolist() == expected["likeliest"].tolist()
    return run, states, codes


def test_outputs_are_those_of_pytorch(runs, expected):
    assert (np.abs((expected["pose"] - expected["mean"]) / expected["std"]) > 2).mean() > 0.05, (
        "nothing was clipped"
    )
    assert (
        expected["made"].std() > 0.3
        and expected["logits"].std() > 0.3
        and len(np.unique(expected["codes"])) > 3
    )
    check_tokenizer(runs, expected)
    check_gpt(runs, expected)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_outputs_are_those_of_pytorch_here(tmp_path):
    make_seed_files.write(tmp_path)
    with np.load(tmp_path / "expected.npz") as saved:
        expected = dict(saved)
    assert imported(tmp_path, str(tmp_path / "vqvae.pth"), str(tmp_path / "gpt.pth")) == 0
    check_tokenizer(tmp_path, expected)
    check_gpt(tmp_path, expected)


def test_codes_and_end_share_one_softmax(runs, expected):
    run, states, codes = check_gpt(runs, expected)
    kept = np.delete(expected["logits"], make_seed_files.CODES, axis=-1)  # all but SOS
    chance, ends = log_softmax(kept, -1), np.asarray(run(states, method="end_logits"))
    np.testing.assert_allclose(-np.log1p(np.exp(-ends)), chance[..., -1], atol=1e-3)
    log_codes = log_softmax(run(states, codes, method="code_logits")[..., 0, :], -1)
    goes_on = -np.log1p(np.exp(ends))[..., None]
    np.testing.assert_allclose(log_codes + goes_on, chance[..., :-1], atol=1e-3)


@pytest.mark.extended
def test_runs_are_found_and_sign(runs):
    c = run_config.load_config(runs / "gpt/config.json")
    sampler = make_sampler(c, max_tokens=5, min_tokens=2)
    assert (sampler.top_k, sampler.temperature) == (20, 1.0)
    generator, texts = load(runs / "gpt"), ["hello how are you", "my name is Zoë"]
    clips = generate_poses(generator, texts, max_tokens=5, min_tokens=2)
    singly = generate_poses(generator, texts, max_tokens=5, min_tokens=2, batch_size=1)
    for a, b in zip(clips, singly, strict=True):
        assert a.shape[1:] == (50, 3) and 8 <= len(a) <= 20
        np.testing.assert_allclose(a, b, atol=1e-4)
    with pytest.raises(ConfigError, match="guidance is 2"):
        make_sampler(c, guidance=2.0)


def read_saved(path):
    return read_checkpoint.read_checkpoint(path)


def renamed(state):
    """The tensors as a model with an encoder, a quantizer and a decoder inside would call and order them."""
    parts = {"embed": "enc.inp", "encoder": "enc.tr.layers", "encoder_norm": "enc.ln", "fold": "enc.conv"}
    parts |= {"counts": "vq.n", "sums": "vq.avg", "codes": "vq.table.weight"}
    parts |= {"from_latent": "decoder.inp", "unfold": "decoder.up", "decoder": "decoder.tr.layers"}
    parts |= {"decoder_norm": "decoder.ln", "head": "decoder.out"}
    renamed_state = {}
    for old, new in parts.items():
        names = [name for name in state if name.partition(".")[0] == old]
        renamed_state |= {f"module.{new}{name.removeprefix(old)}": state[name] for name in names}
    assert len(renamed_state) == len(state)
    return renamed_state


@pytest.mark.parametrize("wrapper", ["model_state_dict", "state_dict", "model", None])
def test_names_and_wrappers_do_not_matter(wrapper):
    saved, fields = read_saved(VQVAE)
    state = renamed(saved["model_state_dict"])
    table = np.asarray(layers.sinusoidal_embedding(np.arange(1500), 16))
    state["module.enc.pos.pe"] = table[None, :, [k // 2 + 8 * (k % 2) for k in range(16)]]
    state |= {"module.vq.used": np.arange(64), "module.fk.parents": np.arange(50), "module.seen": np.array(3)}
    model = convert.convert_vqvae({wrapper: state} if wrapper else state, fields)
    expected_model = convert.convert_vqvae(saved, fields)
    assert model.sizes == expected_model.sizes
    jax.tree.map(np.testing.assert_array_equal, model.variables, expected_model.variables)


def test_a_table_says_how_sinusoids_are_ordered():
    saved, fields = read_saved(VQVAE)
    state = saved["model_state_dict"] | {
        "pe": np.asarray(layers.sinusoidal_embedding(np.arange(30), 16))[:, None]
    }
    params = convert.convert_vqvae(state, fields).variables["params"]
    np.testing.assert_array_equal(params["embed"]["kernel"], state["embed.weight"].T)


def test_heads_are_64_wide_unless_the_config_says():
    assert match_tensors.choose_heads({"motion_layers": 3}, "motion_", 256) == 4
    assert match_tensors.choose_heads({"gpt_heads": 2, "motion_num_heads": 8}, "motion_", 256) == 8
    for fields in ({"motion_heads": 3}, {"motion_a_heads": 2, "motion_b_heads": 4}, {"motion_heads": 0}):
        with pytest.raises(InvalidFileError, match="heads"):
            match_tensors.choose_heads(fields, "motion_", 256)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"extra.weight": (4, 4)}, r"extra\.weight \[4, 4\] has no place"),
        ({"extra": (7,)}, r"extra \[7\] has no place"),
        ({"head.weight": (102, 16), "head.bias": (102,)}, "no layer to poses .*150 x 16"),
        ({"embed.weight": (16, 100)}, "no layer that poses enter.*16 x 150"),
        ({"unfold.weight": (16, 16, 2)}, "no convolution to frames.*16 x 16 x 4"),
        ({"encoder.1.linear2.weight": None}, r"encoder\.1\.linear2\.weight is missing"),
        ({"encoder.1.linear2.weight": (16, 25)}, r"encoder\.1\.linear2\.weight is \(16, 25\)"),
        ({"encoder.1.other": (3,)}, r"encoder\.1\.other is \(3,\); none"),
        ({"counts": None}, "codes and sums are not codes"),
        ({"codes": None, "sums": None}, "0 tables of 16 columns"),
        ({"more": (32, 16)}, "3 tables"),
        ({"encoder_norm.bias": None}, "no final norm"),
        ({"embed.bias": "nan"}, r"embed\.bias holds what is no finite"),
    ],
)
def test_what_does_not_match_is_named(changes, what):
    saved, fields = read_saved(VQVAE)
    state = dict(saved["model_state_dict"])
    for name, shape in changes.items():
        if shape is None:
            del state[name]
        else:
            state[name] = np.full(16, np.nan, np.float32) if shape == "nan" else np.ones(shape, np.float32)
    with pytest.raises(InvalidFileError, match=what):
        convert.convert_vqvae(state, fields)


@pytest.mark.parametrize("saved", [None, {}, {"model": 3}, {"model_state_dict": {"a": [1]}}, {3: np.ones(2)}])
def test_what_holds_no_weights_is_refused(saved):
    with pytest.raises(InvalidFileError, match="holds no weights"):
        convert.convert_vqvae(saved, {})


def test_the_command_refuses_in_one_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(gpt_run.ROOT)
    data, bare, evil = pathlib.Path(VQVAE).read_bytes(), tmp_path / "bare.pth", tmp_path / "evil.pth"
    with zipfile.ZipFile(VQVAE) as source, zipfile.ZipFile(bare, "w") as target:
        for name in source.namelist():  # without "std" in its config
            target.writestr(name, source.read(name).replace(b"\x03\0\0\0std", b"\x03\0\0\0sdt"))
    with zipfile.ZipFile(evil, "w") as target:
        target.writestr("x/data.pkl", b"\x80\x02cos\nsystem\nX\x05\0\0\0false\x85R.")
    (tmp_path / "cut.pth").write_bytes(data[:-1000])
    other = shutil.copytree(ENCODER, tmp_path / "other")
    tensors = load_file(other / "model.safetensors")
    save_file({name: value * 1.01 for name, value in tensors.items()}, other / "model.safetensors")
    for arguments, code, what in (
        ([GPT], 21, "has transformer layers"),
        ([VQVAE, VQVAE], 21, "has transformer layers"),
        ([str(bare)], 21, "train_stats.npz"),
        ([str(tmp_path / "cut.pth")], 21, "cannot be read"),
        ([str(tmp_path / "none.pth")], 21, "cannot be read"),
        ([str(evil)], 21, "holds no weights"),
        ([VQVAE, GPT, "--encoder", str(other)], 23, "weights are not those"),
        ([VQVAE, GPT, "--encoder", str(make_encoders.ROOT / "distilbert")], 23, "not those|is another"),
    ):
        assert from_seed.main([*arguments, "--out", str(tmp_path / "out")]) == code
        message = capsys.readouterr().err
        assert message.count("\n") == 1 and any(part in message for part in what.split("|")), message
    assert not (tmp_path / "out").exists()


def test_statistics_may_lie_beside(tmp_path, expected):
    path = str(tmp_path / "x.pth")
    np.savez(tmp_path / "train_stats.npz", mean=expected["mean"], std=expected["std"])
    for statistics in (
        pose_statistics.read_statistics(path, {}),
        pose_statistics.read_statistics(VQVAE, read_saved(VQVAE)[1]),
    ):
        np.testing.assert_array_equal(statistics, [expected["mean"], expected["std"]])
    np.savez(tmp_path / "train_stats.npz", mean=expected["mean"][:100], std=expected["std"])
    with pytest.raises(DataError, match="150 finite numbers"):
        pose_statistics.read_statistics(path, {})


def test_a_run_is_not_overwritten(runs, capsys):
    assert imported(runs) == 22 and "another --out" in capsys.readouterr().err


@pytest.mark.slow
def test_the_model_trains_too(runs, tiny_runs, tmp_path):
    changes = {
        "data.root": str(tiny_runs / "datasets"),
        "tokenizer": str(runs / "vqvae"),
        "text.encoder": ENCODER,
    }
    changes |= {"model.width": 16, "model.depth": 1, "model.heads": 2, "model.mlp": 32, "model.dropout": 0.0}
    changes |= {"num_steps": 12, "eval_every": 12, "log_every": 1, "batch_tokens": 256, "eval_batch_size": 2}
    changes |= {"optim.lr": 1e-2, "optim.warmup": 1, "sampler.max_tokens": 4}
    assert loop.train(gpt_run.get_config("gpt:seed", **changes), tmp_path, make_task).finished
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [line["train/loss"] for line in lines if "train/loss" in line]
    assert len(losses) == 12 and np.mean(losses[-3:]) < 0.9 * np.mean(losses[:2])
    [clip] = generate_poses(load(tmp_path), ["hello"], **autoregressive.Sampler(max_tokens=3)._asdict())
    assert np.isfinite(clip).all()
    c, tokenizer = gpt_run.get_config("gpt:seed", **changes), gpt_run.get_config("vqvae", **gpt_run.TOKENIZER)
    with pytest.raises(ConfigError, match="2 codes a token"):
        build.build_seed_gpt(c, 0, tokenizer)
    with pytest.raises(ConfigError, match=r"text\.encoder is empty"):
        build.build_seed_gpt(c, 7, tokenizer)
