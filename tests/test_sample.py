"""A tiny GPT from training to files: losses fall, a run resumes exactly, signjax.sample writes its clips."""

import functools
import json
import re
from types import SimpleNamespace

import gpt_run
import numpy as np
import pytest
import run_checks
from engine_helpers import spawn
from PIL import Image

from signjax import rendering
from signjax.data import loader
from signjax.errors import ConfigError
from signjax.export import sample_files
from signjax.inference.families import make_sampler
from signjax.inference.load import load
from signjax.text import tokenizer
from signjax.training import text_encoder

pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.fixture(scope="module")
def home(tiny_runs):
    """A folder with datasets, runs/vqvae and runs/gpt."""
    return tiny_runs


def test_losses_fall(home):
    last = run_checks.check_losses_fall(home / "runs/gpt", ("code", "end"), share=0.9)
    assert {"eval/code", "eval/end", "eval/right", "eval/wer"} <= last.keys()


def test_resuming_is_exact_and_encodes_nothing(home, monkeypatch):
    """From step 5, as after a crash."""
    run, copy = home / "runs/gpt", home / "runs/other"
    with monkeypatch.context() as patch:
        patch.delattr(loader, "iterate_clips")
        run_checks.resume_copy(gpt_run.gpt_config(home), run, copy)
    run_checks.check_same_run(run, copy)


def test_a_new_run_fits_its_vocabulary_and_an_old_one_keeps_it(home, tmp_path):
    c = SimpleNamespace(text=SimpleNamespace(min_count=1, kind="auto", case="auto"), data={})
    tokenizer.TextTokenizer(("left", "behind"), ()).save(tmp_path / "text.json")
    fitted = text_encoder.prepare_tokenizer(c, tmp_path, ["a b"])
    assert fitted == tokenizer.fit_tokenizer(["a b"], 1) == tokenizer.load_tokenizer(tmp_path / "text.json")
    kept = text_encoder.prepare_tokenizer(c, home / "runs/gpt", ["a b"])
    assert kept == tokenizer.load_tokenizer(home / "runs/gpt/text.json") != fitted


def test_generated_clips_do_not_depend_on_the_batch(home):
    texts = ["Hello!", "how are you?", "my name is Zoë"]
    run_checks.check_batch_changes_no_clip(load(home / "runs/gpt"), texts)


def test_lengths_that_cannot_be_are_refused(home):
    c = gpt_run.gpt_config(home)
    assert make_sampler(c, top_k=3)._asdict().items() >= {**c.sampler, "top_k": 3}.items()
    for changes in ({"min_tokens": 13}, {"min_tokens": 0}, {"max_tokens": 0}):
        with pytest.raises(ConfigError, match=r"min_tokens <= max_tokens|_tokens is 0; it can be 1 to 4,096"):
            make_sampler(c, **changes)


DOOR = """
import contextlib, io, json, os, sys
from signjax import sample
for folder, argv in json.loads(sys.argv[1]):
    os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = sample.main(argv)
    print("result:" + json.dumps([code, out.getvalue(), err.getvalue()]))
"""
FILE = "\ufeffWie geht's, Zoë?\n\n  \n"
TEXTS = ["--text=hello", "--text=Hello!", "--file=texts.txt"]
CALLS = {
    "many": ("home", [*TEXTS, "--num=2", "--seed=3", "--out=out/many", "--workdir=runs/gpt"]),
    "quick": ("quick", ["--text=hello", "--seed=3"]),
    "seed": ("home", ["--text=hello", "--seed=4", "--out=out/seed"]),
    "missing run": ("empty", ["--text=hello", "--workdir=runs/gpt"]),
    "missing quick run": ("empty", ["--text=hello", "--workdir=runs/gpt-quick"]),
    "missing file": ("empty", ["--file=none.txt"]),
    "not a text file": ("home", ["--file=bytes.txt"]),
    "empty text": ("empty", ["--text= "]),
    "text without words": ("home", ["--text=hello", "--text=..."]),
    "a tokenizer": ("home", ["--text=hello", "--workdir=runs/vqvae"]),
    "flag of a masked model": ("home", ["--text=hello", "--steps=3"]),
    "no length": ("home", ["--text=hello", "--min_tokens=9", "--max_tokens=8"]),
    "bad folder": ("home", ["--text=hello", "--out=texts.txt"]),
}
FAULTS = {  # exit code and what the line says
    "missing run": (22, "python -m signjax.main --config=gpt\n"),
    "missing quick run": (22, "python -m signjax.main --config=gpt:quick\n"),
    "missing file": (21, "none.txt"),
    "not a text file": (21, "bytes.txt"),
    "empty text": (21, "nothing to sign"),
    "text without words": (21, "'...'"),
    "a tokenizer": (23, "runs/vqvae"),
    "flag of a masked model": (23, "steps means nothing to a gpt run"),
    "no length": (23, "min_tokens"),
    "bad folder": (22, "texts.txt"),
}


@pytest.fixture(scope="module")
def command(home, tmp_path_factory):
    """What each of CALLS returned, all from one process: {name: (exit code, stdout, stderr)}; the folders."""
    folders = {"home": home} | {name: tmp_path_factory.mktemp(name) for name in ("empty", "quick")}
    (folders["quick"] / "runs").mkdir()
    (folders["quick"] / "runs/gpt-quick").symlink_to(home / "runs/gpt")
    (home / "texts.txt").write_text(FILE, encoding="utf-8")
    (home / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    calls = [(str(folders[folder]), argv) for folder, argv in CALLS.values()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")
        process = spawn("-c", DOOR, json.dumps(calls), home=home)
    out, err = process.communicate(timeout=900)
    assert process.returncode == 0, err
    results = [json.loads(line[7:]) for line in out.splitlines() if line.startswith("result:")]
    return dict(zip(CALLS, results, strict=True)), folders


@functools.cache
def saved(path):
    with np.load(path, allow_pickle=False) as data:
        return data["pose"], str(data["text"])


def test_the_command_writes_each_clip_of_each_text(command):
    results, folders = command
    code, out, err = results["many"]
    # The vocabulary of the run is English.
    assert code == 0 and err.count("warning: ") == err.count("\n") == 1 and "unknown to this run: " in err
    folder, written = folders["home"] / "out/many", ["hello", "Hello!", "Wie geht's, Zoë?"]
    texts = dict(zip(sample_files.name_files(written), written, strict=True))
    assert "hello" in texts
    clips = {f"{name}_{k}": words for name, words in texts.items() for k in (1, 2)}
    kinds = {".gif", ".npz"} | ({".mp4"} if rendering.can_write_mp4() else set())
    names = {f"{stem}{kind}" for stem in clips for kind in kinds}
    pages = {f"{name}.html" for name in [*texts, "clips"]}
    assert {p.name for p in folder.iterdir()} == names | pages
    assert all(f"out/many/{name}" in out for name in names | pages)
    for stem, words in clips.items():
        pose, text = saved(folder / f"{stem}.npz")
        assert text == words and pose.dtype == np.float32 and pose.shape[1:] == (50, 3)
        with Image.open(folder / f"{stem}.gif") as image:
            assert image.n_frames == len(pose)
    assert "Zo" in (folder / f"{list(texts)[2]}.html").read_text(encoding="utf-8")
    page = (folder / "clips.html").read_text(encoding="utf-8")
    [shown] = re.findall(r'id="data">(.*?)</script>', page)
    captions = [[panel["caption"] for panel in clip["panels"]] for clip in json.loads(shown)["clips"]]
    assert captions == [["hello"] * 2, ["Hello!"] * 2, ["Wie geht's, Zoë?"] * 2]
    different = {saved(folder / f"{stem}.npz")[0].tobytes() for stem in clips}
    assert len(different) == 6, "each clip of a text is drawn apart"


def test_the_quick_run_serves_where_there_is_no_other(command):
    """A line says so; the same text, place and seed give the same clip."""
    results, folders = command
    code, out, err = results["quick"]
    assert code == 0 and out and err == "No trained model in runs/gpt; using runs/gpt-quick\n"
    assert {p.suffix for p in (folders["quick"] / "outputs").iterdir()} >= {".gif", ".npz", ".html"}
    again, _ = saved(folders["quick"] / "outputs/hello.npz")
    first, _ = saved(folders["home"] / "out/many/hello_1.npz")
    np.testing.assert_allclose(again, first, atol=1e-5)


def test_the_usual_run_comes_first_and_the_seed_decides(command):
    results, folders = command
    code, out, err = results["seed"]
    assert (code, err) == (0, "") and "gpt-quick" not in out
    other, _ = saved(folders["home"] / "out/seed/hello.npz")
    first, _ = saved(folders["home"] / "out/many/hello_1.npz")
    assert other.shape != first.shape or np.abs(other - first).max() > 1e-3


@pytest.mark.parametrize("call", FAULTS)
def test_a_fault_is_one_line(command, call):
    code, _, err = command[0][call]
    assert code == FAULTS[call][0] and FAULTS[call][1] in err
    assert err.startswith("error: ") and err.count("\n") == 1 and err.endswith("\n")


def test_the_process_ends_with_the_code(tmp_path):
    process = spawn("-m", "signjax.sample", "--text=hello", f"--workdir={tmp_path}/runs/gpt", home=tmp_path)
    out, err = process.communicate(timeout=900)
    assert (process.returncode, out) == (22, "") and len(err.splitlines()) == 1
