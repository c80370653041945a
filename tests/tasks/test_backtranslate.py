"""Training a back-translator: its rows and how they are made harder, exact resume, clips learned by heart."""

import dataclasses
import functools
import json

import gpt_run
import jax
import numpy as np
import pytest
import run_checks
from engine_helpers import rows
from translator_helpers import MODEL, SIZE, batch, variables

from signjax import demo
from signjax.data import joined_clips, packed_dataset
from signjax.data.load import load_split
from signjax.errors import StorageError
from signjax.inference.load import load, load_pose_to_text
from signjax.tasks import backtranslate
from signjax.tasks.registry import make_task
from signjax.text import tokenizer
from signjax.training import loop

pytestmark = [pytest.mark.usefixtures("compile_quickly"), pytest.mark.extended]
SMALL = {f"model.{name}": value for name, value in SIZE.items()} | {
    "model.dropout": 0.0,
    "model.text_depth": 1,
    "num_steps": 94,
    "log_every": 1,
    "eval_every": 94,
    "save_every": 90,
    "batch_frames": 1024,
    "eval_batch_size": 4,
    "text.min_count": 2,
    "augment.joins": 0.2,
    "augment.tempo": 0.02,
    "augment.signer": {"mirror": 0.0, "turn": 0.02, "size": 0.02},
    "soften": {"smooth": 1, "noise": 0.01, "drift": 0.01},
    "corrupt": 0.05,
    "smooth": 0.0,
    "optim.lr": 5e-3,
    "optim.warmup": 2,
    "optim.schedule": "constant",
    "optim.ema": 0.9,
}


@pytest.fixture(scope="module")
def home(tmp_path_factory, compile_quickly):
    """A folder with datasets/demo, four clips to learn by heart, and runs/backtranslate."""
    root = tmp_path_factory.mktemp("home")
    demo.write_dataset(root / "datasets", sizes=(4, 1, 1))
    assert loop.train(config(root), root / "runs/backtranslate", make_task).finished
    return root


def config(root, **changes):
    return gpt_run.get_config("backtranslate", **{"data.root": str(root / "datasets")}, **SMALL | changes)


def test_rows_hold_whole_clips_and_their_texts(home):
    """Without changes to signer and tempo a row is its clips one after another."""
    clips = load_split(home / "datasets", "demo", "train")
    words = tokenizer.fit_tokenizer(clips.texts, 1)
    ids = [words.encode(t) for t in clips.texts]
    still = {"mirror": 0.0, "turn": 0.0, "size": 0.0}
    source = joined_clips.JoinedClips(clips, ids, joins=1.0, tempo=0.0, signer=still)
    row, alone = source.make_example(3, np.random.default_rng(2)), clips[3].canonical()
    used, length = row["mask"].sum(), row["text_mask"].sum()
    assert row["mask"][:used].all() and used > len(alone) and not row["pose"][used:].any()
    assert row["text"][length - 1] == tokenizer.END and tokenizer.END not in row["text"][: length - 1]
    assert row["text"][: len(ids[3]) - 1].tolist() == ids[3][:-1]
    single = joined_clips.JoinedClips(clips, ids, joins=0.0, tempo=0.3, signer=still).make_example(
        3, np.random.default_rng(1)
    )
    assert single["text"][single["text_mask"]].tolist() == ids[3]
    frames = single["mask"].sum()
    assert frames != len(alone) and abs(np.log(frames / len(alone))) < 0.4
    np.testing.assert_allclose(single["pose"][frames - 1], alone[-1], atol=0.3)


def test_joints_that_are_missing_stay_marked_in_rows(home):
    clips = load_split(home / "datasets", "demo", "train")
    valid = np.ones(clips.pose.shape[:2], bool)
    valid[:, 29:50] = False
    clips = packed_dataset.PackedDataset(**{**clips.__dict__, "valid": valid})
    signer = {"mirror": 1.0, "turn": 0.1, "size": 0.1}
    source = joined_clips.JoinedClips(
        clips, [[5, tokenizer.END]] * len(clips), joins=1.0, tempo=0.2, signer=signer
    )
    row = source.make_example(0, np.random.default_rng(0))
    hands = [row["valid"][row["mask"]][:, side] for side in (slice(8, 29), slice(29, 50))]
    assert not hands[0].any() and hands[1].all() and not row["valid"][~row["mask"]].any()


def test_softened_clips_are_smoother_and_end_where_they_end():
    pose, mask = batch(40, 64)
    pose += np.random.default_rng(0).normal(size=pose.shape).astype(np.float32)
    soften = functools.partial(backtranslate.degrade_poses, mask=mask, rng=jax.random.key(0))
    np.testing.assert_array_equal(soften(pose, smooth=0, noise=0.0, drift=0.0), pose)
    soft = np.asarray(soften(pose, smooth=3, noise=0.0, drift=0.0))
    assert np.abs(np.diff(soft[0, :40], axis=0)).mean() < np.abs(np.diff(pose[0, :40], axis=0)).mean()
    other = soften(np.where(mask[..., None, None], pose, 7), smooth=3, noise=0.0, drift=0.0)
    np.testing.assert_array_equal(soft[mask], other[mask])


def test_tremble_changes_with_every_frame_and_drift_slowly():
    pose, mask = batch(64, 64)
    soften = functools.partial(backtranslate.degrade_poses, mask=mask, rng=jax.random.key(0), smooth=0)
    for noise, drift in ((0.1, 0.0), (0.0, 0.1)):
        error = np.asarray(soften(pose, noise=noise, drift=drift)) - pose
        assert 0 < error.std() < 0.1
        assert ((error[:, 1:] * error[:, :-1]).mean() / (error**2).mean() > 0.5) == (drift > 0)


def test_corruption_replaces_its_share_of_ids():
    ids = np.full((400, 50), tokenizer.END)
    seen = np.asarray(backtranslate.corrupt_ids(ids, jax.random.key(0), 0.2, 1000))
    assert abs((seen != ids).mean() - 0.2) < 0.02 and seen.min() >= tokenizer.SPELL
    assert (seen != ids).mean(1).std() > 0.08


def test_a_run_repeats_and_resumes_exactly(home):
    """Once its first steps, once from the last checkpoint but one, as after a crash."""
    first, again, resumed = (home / f"runs/{name}" for name in ("backtranslate", "again", "resumed"))
    assert loop.train(config(home, num_steps=4), again, make_task).finished
    assert rows(again)[:4] == rows(first)[:4]
    run_checks.resume_copy(config(home), first, resumed)
    run_checks.check_same_run(first, resumed)
    assert load(resumed).digest == load(first).digest
    line = json.loads((first / "metrics.jsonl").read_text().splitlines()[-1])
    assert {"eval/text", "eval/ctc", "eval/right", "eval/wer"} <= line.keys()


def test_it_learns_a_few_clips_by_heart(home):
    """Four clips of the training split are read back word for word."""
    clips = load_split(home / "datasets", "demo", "train")
    texts = load(home / "runs/backtranslate").translate(list(clips))
    assert texts == [" ".join(tokenizer.split_words(t)) for t in clips.texts]


def test_the_digest_tells_weights_and_vocabulary(home):
    run = load(home / "runs/backtranslate")
    assert len(run.digest) == 12 and int(run.digest, 16) >= 0
    params = run.variables["params"]
    moved = {"params": params | {"text_bias": params["text_bias"].at[3].add(1e-6)}}
    more = run.vocabulary._replace(words=(*run.vocabulary.words, "more"))
    again = dataclasses.replace(run)
    others = [again, run.with_variables(moved), dataclasses.replace(run, vocabulary=more)]
    assert len({run.digest} | {other.digest for other in others}) == 3


def test_a_folder_without_a_run_is_one_line(tmp_path):
    with pytest.raises(StorageError, match=r"no trained model here; train one first: python -m .*") as e:
        load_pose_to_text(tmp_path / "runs/backtranslate")
    assert "configs/backtranslate.py" in str(e.value) and "\n" not in str(e.value)


def test_a_text_too_long_for_its_clip_teaches_the_decoder_only():
    pose, mask = batch(8, 60)
    ids, real = tokenizer.pad_texts([[*range(5, 12), tokenizer.END], [7, tokenizer.END]])
    example = {"pose": pose, "mask": mask, "text": ids, "text_mask": real}

    @jax.jit
    @functools.partial(jax.grad, has_aux=True)
    def gradient(params):
        terms = backtranslate.losses_and_metrics(MODEL, {"params": params}, example, ids)
        return terms["ctc"][0], terms

    slope, terms = gradient(variables()["params"])
    assert (terms["text"][1], terms["ctc"][1]) == (10, 1) and terms["ctc"][0] < 1e3
    assert np.isfinite(np.concatenate([x.ravel() for x in jax.tree.leaves(slope)])).all()
