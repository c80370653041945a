"""The evaluation command on tiny runs and on other systems' folders: what it prints, writes and refuses."""

import json
import shutil

import numpy as np
import pytest
from engine_helpers import spawn

from signjax import demo
from signjax.data import pose_layout
from signjax.data.load import load_split
from signjax.errors import DataError
from signjax.evaluation import predictions

ROWS = ("ground truth", "mean pose", "random training clip", "nearest training text", "shuffled text")


@pytest.fixture(scope="module")
def home(tiny_runs):
    """A folder with datasets, runs/vqvae and runs/gpt."""
    return tiny_runs


def evaluate(home, *arguments, code=0):
    """On one device and with little optimization: each program runs a few times only."""
    options = {"XLA_FLAGS": "", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    process = spawn("-m", "signjax.evaluate", *map(str, arguments), home=home, **options)
    out, err = process.communicate(timeout=300)
    assert process.returncode == code, err[-2000:]
    return out, err


def scores(folder):
    return json.loads((folder / "scores.json").read_text())


@pytest.fixture(scope="module")
def printed(home):
    """What the command prints of the GPT's run."""
    return evaluate(home, "--workdir", home / "runs/gpt", "--split=dev")[0]


@pytest.mark.extended
def test_a_gpt_run(home, printed):
    folder = home / "runs/gpt/scores-dev"
    content = scores(folder)
    assert set(content["rows"]) == {*ROWS, "tokenizer ceiling", "generated"}
    for name, families in content["rows"].items():
        assert {"text", "distance", "distribution", "guards"} <= families.keys(), name
        for family in families.values():
            assert family.keys() <= content["signatures"].keys()
    truth = content["rows"]["ground truth"]
    assert truth["text"]["WER"]["value"] == 0 and truth["distance"]["DTW-MJE"]["value"] < 1e-4
    assert truth["guards"]["hand travel"]["value"] == 1
    assert content["rows"]["tokenizer ceiling"]["reconstruction"]["MPJPE"]["value"] > 0
    assert "token BLEU-4" in content["rows"]["generated"]["tokens"]
    assert content["rows"]["generated"]["distribution"]["multimodality"]["value"] is not None
    assert 0 < content["codebooks"]["usage/whole_0"] <= 1 and content["codebooks"]["bits_per_second"] > 0
    assert "shuffled text" in printed and "WER" in printed and "note: " in printed
    for name in ("text.png", "distance.png", "clip_1.gif", "clips.html", "scores.txt"):
        assert (folder / name).stat().st_size > 500 and str(folder / name) in printed, name
    assert not any("train" in str(p) for p in folder.iterdir())


@pytest.mark.slow
def test_a_tokenizer_run_has_the_same_rows_to_the_last_digit(home, printed):
    """What does not depend on the system is the same in both processes: all is seeded."""
    del printed
    evaluate(home, "--workdir", home / "runs/vqvae", "--split=dev")
    own, other = (scores(home / f"runs/{name}/scores-dev") for name in ("vqvae", "gpt"))
    assert set(own["rows"]) == {*ROWS, "tokenizer ceiling"}
    for name in own["rows"].keys() - {"shuffled text"}:
        assert own["rows"][name] == other["rows"][name], name
    assert own["codebooks"] == other["codebooks"]


@pytest.mark.extended
def test_recorded_clips_as_predictions_score_as_recorded(home):
    """Moved, scaled, in three forms, one of them missing."""
    dev = load_split(home / "datasets", "demo", "dev")
    folder = home / "theirs"
    folder.mkdir()
    shutil.copytree(home / "datasets/demo/dev" / dev.sids[0], folder / dev.sids[0])
    np.savez(folder / f"{dev.sids[1]}.npz", pose=3 * dev[1].points + 1)
    np.save(folder / f"{dev.sids[2]}.npy", dev[2].points.astype(np.float64))
    out, _ = evaluate(home, "--predictions", folder, "--root", home / "datasets", "--split=dev")
    content = scores(folder / "scores-dev")
    assert (
        content["unreadable"] == {dev.sids[3]: "missing"} and content["counts"]["predictions"]["empty"] == 1
    )
    assert "3 clips, 1 missing" in out and "1 empty" in out
    words, rows = [len(demo.normalize_text(t)) for t in dev.texts], content["rows"]
    wer = rows["predictions"]["text"]["WER"]["value"]
    assert wer == pytest.approx(100 * words[3] / sum(words), rel=1e-4)
    far = {name: rows[name]["distance"]["DTW-MJE"]["value"] for name in ("predictions", "mean pose")}
    assert far["predictions"] < far["mean pose"]


@pytest.mark.extended
def test_what_cannot_be_scored_is_said_in_one_line(home):
    for arguments, code, message in (
        ((), 23, "give --workdir RUN, --predictions DIR or --lexicon DATASET"),
        (("--workdir", home / "nothing"), 22, "train first"),
        (("--predictions", home / "nothing", "--root", home / "datasets"), 21, "no such folder"),
        (("--workdir", home / "runs/vqvae", "--split=holdout"), 21, "holdout"),
        (("--workdir", home / "runs/vqvae", "--backtranslate", home / "runs/vqvae"), 23, "back"),
    ):
        _, err = evaluate(home, *arguments, code=code)
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and message in errors[0], err[-500:]


def test_predictions_that_cannot_be_read_have_a_reason(tmp_path):
    layout = pose_layout.PoseLayout()
    (tmp_path / "a.json").write_text("{")
    (tmp_path / "b.npz").write_bytes(b"PK")
    np.save(tmp_path / "c.npy", np.zeros((3, 42, 3)))
    np.save(tmp_path / "d.npy", np.array([{}], dtype=object), allow_pickle=True)
    gaps = np.ones((2, 50, 3))
    gaps[1, 7] = np.nan
    np.save(tmp_path / "e.npy", gaps)
    clips, faults = predictions.read_predictions(tmp_path, ["a", "b", "c", "d", "e", "f"], layout)
    assert set(faults) == {"a", "b", "c", "d", "f"} and [len(clip) for clip in clips] == [0, 0, 0, 0, 2, 0]
    assert "JSON" in faults["a"] and "[3, 42, 3]" in faults["c"] and "cannot be read" in faults["d"]
    assert clips[4].valid.sum() == 99 and np.isfinite(clips[4].points).all()
    np.save(tmp_path / "tu\u0308r.npy", gaps)  # as macOS writes it
    assert len(predictions.read_predictions(tmp_path, ["tür"], layout)[0][0]) == 2
    with pytest.raises(DataError, match="none of 2 clips is there"):
        predictions.read_predictions(tmp_path, ["x", "y"], layout)
