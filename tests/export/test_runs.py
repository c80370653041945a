"""Runs taken elsewhere: weights bit by bit, a folder as good as the run, programs that give the same."""

import json
import pathlib
import shutil
import types

import face_files
import gpt_run
import jax
import numpy as np
import pytest
from engine_helpers import spawn
from generated import generate_poses, reconstruct_poses
from untrained_runs import write_run, write_untrained_run

from signjax.data import load
from signjax.errors import DataError, StorageError
from signjax.export import compiled, runs
from signjax.inference.load import load as load_run
from signjax.io import checksums, model_file, safe_numpy, safetensors
from signjax.io.digest import digest_variables
from signjax.models import build
from signjax.pose import normalization
from signjax.tools import export
from signjax.training import checkpoint, data_rate, run_config

pytestmark = pytest.mark.usefixtures("compile_quickly")
TEXTS = ["hello", "my friend is happy"]
PARTS = ("config.json", model_file.FILE, checksums.FILE)
FILES = {
    "gpt": {"text.json", "tokenizer.json", *(f"tokenizer/{part}" for part in PARTS)},
    "flow": {"text.json", "autoencoder.json", *(f"autoencoder/{part}" for part in PARTS)},
    "vqvae": set(),
}


@pytest.fixture(scope="module")
def home(tiny_runs, tiny_families):
    """A folder with datasets and runs/{vqvae,gpt,kl,flow}; the flow is one that was not trained yet."""
    write_untrained_run(tiny_runs / "runs/flow", gpt_run.get_config("flow", **tiny_families["flow"]))
    return tiny_runs


@pytest.fixture(scope="module")
def shared(home, tmp_path_factory):
    """A folder with shared/{gpt,flow,vqvae}, made from the runs and moved away from them."""
    out = tmp_path_factory.mktemp("made")
    for name in FILES:
        assert export.main([str(home / "runs" / name), "--to", "hub_folder", "--out", str(out)]) == 0
    return pathlib.Path(shutil.move(out, tmp_path_factory.mktemp("elsewhere") / "shared"))


def run(capsys, *arguments):
    """(exit code, lines printed, stderr) of the command."""
    code = export.main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, out.splitlines(), err


def same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(*map(jax.tree.leaves, jax.device_get((a, b))), strict=True):
        assert x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()


@pytest.mark.parametrize("name", FILES)
def test_weights_are_read_back_bit_by_bit(home, name, tmp_path, capsys):
    code, [made], _ = run(capsys, home / "runs" / name, "--to", "safetensors", "--out", tmp_path)
    assert code == 0 and made == str(tmp_path / f"{name}.safetensors")
    variables, step = checkpoint.load_variables(home / "runs" / name)
    arrays, metadata = safetensors.read_with_metadata(made)
    expected = {".".join(k.key for k in path): x for path, x in jax.tree.leaves_with_path(variables)}
    same_bits(dict(arrays), expected)
    assert metadata["step"] == str(step)
    assert (
        run_config.find_difference(
            json.loads(metadata["config"]), run_config.load_config(home / "runs" / name / "config.json")
        )
        is None
    )
    theirs = pytest.importorskip("safetensors.numpy").load_file(made)
    same_bits(dict(theirs), expected)


def test_the_folder_holds_what_it_takes_and_nothing_of_training(shared):
    for name, more in FILES.items():
        files = {p.relative_to(shared / name).as_posix() for p in (shared / name).rglob("*") if p.is_file()}
        assert files == {"README.md", "config.json", model_file.FILE, checksums.FILE} | more
        assert checksums.find_corruption(shared / name, extra_files=True) is None


@pytest.mark.parametrize("name", ["gpt", "flow"])
def test_the_folder_signs_as_the_run_does(home, shared, name):
    places = [home / "runs" / name, shared / name]
    same_bits(*(checkpoint.load_variables(place)[0] for place in places))
    ours, theirs = (generate_poses(load_run(place), TEXTS, 3) for place in places)
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype and np.array_equal(a, b)


def test_a_folder_in_float16_is_half_as_large_and_loads(home, shared, tmp_path, capsys):
    asked = ("--to", "hub_folder", "--float16", "--out", tmp_path)
    assert run(capsys, home / "runs/gpt", *asked)[0] == 0
    for part in ("", "tokenizer"):
        small, large = (
            (folder / part / model_file.FILE).stat().st_size for folder in (tmp_path / "gpt", shared / "gpt")
        )
        assert small < 0.6 * large
    ours, theirs = load_run(home / "runs/gpt"), load_run(tmp_path / "gpt")
    for mine, other in ((ours, theirs), (ours.codec, theirs.codec)):
        same_bits(model_file.round_to_float16(mine.variables), other.variables)
    # It can be exported once more, and is the same.
    assert run(capsys, tmp_path / "gpt", *asked[:-1], tmp_path / "again")[0] == 0
    for name in (model_file.FILE, "tokenizer.json", checksums.FILE):
        assert (tmp_path / "again/gpt" / name).read_bytes() == (tmp_path / "gpt" / name).read_bytes()


def test_numbers_too_large_for_float16_are_named():
    with pytest.raises(DataError, match=r"params\.scale has numbers over 65504"):
        model_file.round_to_float16({"params": {"scale": np.full(2, 7e4, np.float32)}})


@pytest.mark.extended
def test_the_commands_take_the_folder(home, shared, tmp_path):
    """And what they write into it does no harm."""
    folder = shared / "gpt"
    asked = ("--workdir", str(folder), "--text=hello", "--seed=3", "--out", str(folder / "outputs"))
    process = spawn(
        "-m", "signjax.sample", *asked, home=tmp_path, XLA_FLAGS="", JAX_DISABLE_MOST_OPTIMIZATIONS="1"
    )
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    c = run_config.load_config(folder / "config.json")
    [clip] = generate_poses(load_run(home / "runs/gpt"), ["hello"], 3)
    made = safe_numpy.read_arrays(folder / "outputs/hello.npz")["pose"]
    np.testing.assert_array_equal(
        made, normalization.from_canonical(clip, normalization.DEFAULT).astype(np.float32)
    )
    moved = shutil.copytree(home / "datasets", tmp_path / "sets")
    c.data.root = str(moved)
    dev = load.load_configured_split(c.data, "dev")
    assert dev.folder is None or pathlib.Path(dev.folder).is_relative_to(tmp_path)
    ours = reconstruct_poses(load_run(home / "runs/vqvae"), dev)
    for a, b in zip(ours, reconstruct_poses(load_run(folder), dev), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.extended
def test_a_pretrained_encoder_comes_along(home, tmp_path, capsys):
    theirs = shutil.copytree(gpt_run.ROOT / "tests/assets/encoders/bert", tmp_path / "bert")
    write_untrained_run(tmp_path / "gpt", gpt_run.gpt_config(home, **{"text.encoder": str(theirs)}))
    expected = load_run(tmp_path / "gpt").text_encoder.encode_all(TEXTS)
    assert run(capsys, tmp_path / "gpt", "--to", "hub_folder", "--out", tmp_path / "out")[0] == 0
    shutil.rmtree(theirs)
    shutil.rmtree(tmp_path / "gpt")
    features = load_run(tmp_path / "out/gpt").text_encoder.encode_all(TEXTS)
    assert all(np.array_equal(a, b) for a, b in zip(features, expected, strict=True))
    assert "under a licence of its own" in (tmp_path / "out/gpt/README.md").read_text()


def test_a_folder_of_a_folder_is_the_same(shared, tmp_path, capsys):
    assert run(capsys, shared / "gpt", "--to", "hub_folder", "--out", tmp_path)[0] == 0
    for path in (tmp_path / "gpt").rglob("*"):
        there = shared / "gpt" / path.relative_to(tmp_path / "gpt")
        card = path.name == "README.md"  # quotes scores, which lie beside a run only
        assert card or path.is_dir() or path.read_bytes() == there.read_bytes()


@pytest.mark.parametrize(
    "name", ["config.json", model_file.FILE, f"tokenizer/{model_file.FILE}", "text.json"]
)
def test_damage_is_found(shared, tmp_path, name):
    folder = shutil.copytree(shared / "gpt", tmp_path / "gpt")
    (folder / "README.md").write_text("edited")
    load_run(folder)
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(StorageError, match=r"download .* again|cannot be read"):
        load_run(folder)
    (folder / name).unlink()
    with pytest.raises(StorageError):
        load_run(folder)


def test_a_value_that_damage_made_is_no_mistake_of_its_user(shared, tmp_path):
    folder = shutil.copytree(shared / "gpt", tmp_path / "gpt")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"b2": 0.98', '"b2": 1.98'))
    with pytest.raises(StorageError, match=r"config\.json .*download .* again"):
        load_run(folder)
    # Where the owner of the folder changed it, checksums and all, the value is what is wrong.
    checksums.write_checksums(folder)
    with pytest.raises(StorageError, match=r"optim\.b2 is 1\.98; it can be 0 to below 1"):
        load_run(folder)


def test_the_card_quotes_scores_of_these_weights_only(home, tmp_path, capsys):
    copied = shutil.copytree(home / "runs", tmp_path / "runs") / "gpt"
    own = digest_variables(load_run(copied).variables)
    rows = {"generated": {"distance": {"DTW-MJE": {"value": 0.125, "low": 0.1, "high": 0.15}}}}
    for split, digest in (("dev", own), ("test", "0" * 12), ("train", own)):
        scores = {"weights": digest, "predictions": None, "rows": rows, "seed": 5, "notes": [f"note {split}"]}
        scores |= {"data": {"name": "demo", "split": split, "clips": 4}, "signatures": {"DTW-MJE": "v1"}}
        folder = copied / f"scores-{split}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        text = json.dumps(scores) if split != "train" else "{"
        (folder / "scores.json").write_text(text)
    asked = ("--to", "hub_folder", "--license", "cc-by-4.0", "--out", tmp_path / "out")
    assert run(capsys, copied, *asked)[0] == 0
    card = (tmp_path / "out/gpt/README.md").read_text(encoding="utf-8")
    front = card.split("---\n")[1].splitlines()
    assert {"library_name: signjax", "license: cc-by-4.0", "- sign-language", "- gpt"} <= set(front)
    assert "demo/dev, 4 clips, seed 5" in card and "0.1250±0.0250" in card and "- note dev" in card
    assert "demo/test" not in card and "demo/train" not in card
    assert "trained on: demo" in card and "seed 0" in card and "--workdir gpt" in card


def inputs_of(program, coder, rows, tokens):
    """Arrays that a program takes: clips (or codes) and a mask of different lengths."""
    rng, many = np.random.default_rng(rows), tokens * (1 if program == "decode" else coder.stride)
    mask = np.arange(many) < np.linspace(1, many, rows).astype(int)[:, None]
    if program == "encode":
        return rng.normal(size=(rows, many, 50, 3)).astype(np.float32), mask
    codes = coder.encode_batch(coder.variables, *inputs_of("encode", coder, rows, tokens))
    return np.asarray(rng.permuted(np.asarray(codes), axis=1)), mask


@pytest.mark.parametrize("name", ["vqvae", "kl"])
def test_programs_give_the_same_at_any_size(home, name, tmp_path, capsys):
    pytest.importorskip("flatbuffers")
    code, [made], _ = run(capsys, home / "runs" / name, "--to", "stablehlo", "--out", tmp_path)
    assert code == 0 and made == str(tmp_path / f"{name}-stablehlo")
    coder = load_run(home / "runs" / name)
    for program in ("encode", "decode"):
        loaded = jax.export.deserialize(pathlib.Path(made, f"{program}.stablehlo").read_bytes())
        assert loaded.platforms == compiled.PLATFORMS and "stablehlo" in loaded.mlir_module()
        for rows, tokens in ((1, 3), (4, 5)):
            given = inputs_of(program, coder, rows, tokens)
            expected = getattr(coder, f"{program}_batch")(coder.variables, *given)
            actual = loaded.call(*given)
            assert actual.dtype == expected.dtype
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", [50.0, None])
@pytest.mark.parametrize("kind", ["stablehlo", "onnx"])
def test_programs_have_the_frame_rate_beside_them(kind, rate, tmp_path, monkeypatch):
    loaded = types.SimpleNamespace(codec=types.SimpleNamespace(rate=rate))
    monkeypatch.setattr(runs, "load", lambda run: loaded)
    monkeypatch.setattr(compiled, "make_programs", lambda *args: {"encode": None, "decode": None})
    for name in ("serialize_stablehlo", "convert_to_onnx"):
        monkeypatch.setattr(compiled, name, lambda *args: b"program")
    folder = runs.WRITERS[kind](tmp_path / "run", tmp_path / "made")
    assert data_rate.read_rate(folder) == rate and (folder / f"decode.{kind}").is_file()


@pytest.mark.extended
def test_a_run_with_faces_says_so(tmp_path, capsys):
    c, place = face_files.config(tmp_path, "rvq,face"), tmp_path / "run"
    drawn = {"params": jax.random.key(0), "quantize": jax.random.key(1)}
    variables = build.build_tokenizer(c).init(
        drawn, np.zeros((1, 16, 120, 3), np.float32), np.ones((1, 16), bool)
    )
    write_run(place, c, variables)
    coder = load_run(place)
    made = compiled.make_programs(coder)
    pose, mask = (
        np.zeros((1, *x.shape[1:]), x.dtype) for x in compiled.make_programs(coder, (1, 4))["encode"].inputs
    )
    codes = made["encode"].function(pose, mask)
    assert made["decode"].function(codes, mask[:, :: coder.stride]).shape == pose.shape == (1, 16, 120, 3)
    assert run(capsys, place, "--to", "hub_folder", "--out", tmp_path / "out")[0] == 0
    assert "70 points of a face" in (tmp_path / "out/run/README.md").read_text()


def test_a_gpt_is_a_program_from_text_to_codes(home, tmp_path, capsys):
    pytest.importorskip("flatbuffers")
    assert run(capsys, home / "runs/gpt", "--to", "stablehlo", "--out", tmp_path)[0] == 0
    folder, generator = tmp_path / "gpt-stablehlo", load_run(home / "runs/gpt")
    names = {"encode.stablehlo", "decode.stablehlo", "write.stablehlo", "text.json"}
    assert {p.name for p in folder.iterdir()} == names
    write = jax.export.deserialize((folder / "write.stablehlo").read_bytes())
    ids, mask = np.zeros((1, compiled.TEXT_LENGTH), np.int32), np.zeros((1, compiled.TEXT_LENGTH), bool)
    text_ids = generator.text_encoder.encode(TEXTS[1])
    ids[0, : len(text_ids)], mask[0, : len(text_ids)] = text_ids, True
    codes, length = write.call(ids, mask, np.int32(3))
    [expected] = generator.generate_tokens(TEXTS[1:], seed=3)
    np.testing.assert_array_equal(np.asarray(codes)[: int(length)], expected)


def test_onnx_gives_the_same(home, tmp_path, capsys):
    pytest.importorskip("jax2onnx")
    runtime = pytest.importorskip("onnxruntime")
    assert run(capsys, home / "runs/vqvae", "--to", "onnx", "--out", tmp_path)[0] == 0
    coder = load_run(home / "runs/vqvae")
    for program, sizes in (("decode", ((1, 3), (4, 5))), ("encode", (compiled.ONNX_SIZE,))):
        session = runtime.InferenceSession(tmp_path / f"vqvae-onnx/{program}.onnx")
        for size in sizes:
            given = inputs_of(program, coder, *size)
            named = {one.name: array for one, array in zip(session.get_inputs(), given, strict=True)}
            expected = getattr(coder, f"{program}_batch")(coder.variables, *given)
            np.testing.assert_allclose(session.function(None, named)[0], expected, rtol=0, atol=1e-5)


def test_faults_are_one_line(home, tmp_path, capsys, monkeypatch):
    (tmp_path / "there/gpt/older").mkdir(parents=True)
    monkeypatch.setattr(compiled.importlib.util, "find_spec", lambda name: None)
    gpt_run_ = home / "runs/gpt"
    for arguments, code, reason in (
        ((gpt_run_, "--to", "pose"), 21, "is a run, which has the forms safetensors"),
        ((tmp_path, "--to", "hub_folder"), 22, "config.json: no such file"),
        ((gpt_run_, "--to", "hub_folder", "--out", tmp_path / "there"), 22, "is there already"),
        ((gpt_run_, "--to", "hub_folder", "--license", "Mine: all"), 23, "no identifier"),
        ((gpt_run_, "--to", "onnx"), 23, "pip install --no-deps jax2onnx"),
        ((gpt_run_, "--to", "stablehlo"), 23, "pip install flatbuffers"),
    ):
        result, _, err = run(capsys, *arguments, *(() if "--out" in arguments else ("--out", tmp_path / "o")))
        assert result == code and reason in err and err.startswith("error: ") and err.count("\n") == 1, err
