"""The back-translator: looks back only, is deaf to padding and batch mates, trains exactly, and learns."""

import collections
import dataclasses
import functools
import itertools
import json

import flax.linen as nn
import gpt_run
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
import run_checks
from engine_helpers import rows

from signjax import demo
from signjax.data import joined_clips, packed_dataset
from signjax.data.load import load_split
from signjax.errors import DataError, StorageError
from signjax.inference import ctc_prefix
from signjax.inference.load import load, load_pose_to_text
from signjax.inference.pose_to_text import PoseToText
from signjax.models import special_ids
from signjax.models.back_translator import RECENT, BackTranslator, count_signed_tokens
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL
from signjax.tasks import backtranslate
from signjax.tasks.registry import make_task
from signjax.text import tokenizer
from signjax.training import loop

pytestmark = pytest.mark.usefixtures("compile_quickly")
SIZE = {"width": 32, "convolutions": 1, "depth": 1, "text_depth": 2, "heads": 2, "mlp": 64, "dropout": 0.1}
WORDS = tokenizer.fit_tokenizer(["how are you ?", "my name is zoe"], 1)
MODEL = BackTranslator(WORDS.size, **SIZE)
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


@functools.cache
def variables():
    """Params so large that every input matters."""
    pose, mask = batch(8)
    shapes = jax.eval_shape(MODEL.init, jax.random.key(0), pose, mask, np.zeros((1, 2), int))
    rng = np.random.default_rng(1)

    def draw(path, leaf):
        gain = jax.tree_util.keystr(path).endswith("['scale']")
        return np.float32(gain + 0.3 * rng.normal(size=leaf.shape))

    return jax.tree_util.tree_map_with_path(draw, shapes)


def clip(frames, seed=0):
    """Something like a pose that moves: joints of a random figure sway."""
    rng = np.random.default_rng(seed)
    sway = np.sin(np.arange(frames)[:, None, None] / 5 + rng.uniform(0, 6, (50, 3)))
    return np.float32(rng.normal(size=(50, 3)) + 0.4 * sway)


def batch(*lengths, frames=64):
    """Poses [B, frames, 50, 3] and mask; what lies behind a clip's end is rubbish."""
    pose = np.random.default_rng(9).normal(size=(len(lengths), frames, 50, 3)).astype(np.float32)
    for row, length in enumerate(lengths):
        pose[row, :length] = clip(length, row)
    return pose, np.arange(frames) < np.array(lengths)[:, None]


@functools.partial(jax.jit, static_argnums=0)
def run(name, *args):
    return MODEL.apply(variables(), *args, method=name)


def same(a, b):
    np.testing.assert_allclose(a, b, atol=2e-5, rtol=0)


def translator():
    return PoseToText(ml_collections.ConfigDict({"ctc_share": 0.3}), variables(), MODEL, WORDS)


@pytest.fixture(scope="module")
def home(tmp_path_factory, compile_quickly):
    """A folder with datasets/demo, four clips to learn by heart, and runs/backtranslate."""
    root = tmp_path_factory.mktemp("home")
    demo.write_dataset(root / "datasets", sizes=(4, 1, 1))
    assert loop.train(config(root), root / "runs/backtranslate", make_task).finished
    return root


def config(root, **changes):
    return gpt_run.get_config("backtranslate", **{"data.root": str(root / "datasets")}, **SMALL | changes)


def test_the_decoder_looks_back_only_by_gradient():
    """Exactly the ids before a position reach its logits. Each id is another, and its row of the embedding
    table is watched where it is read, not where the table serves as output layer."""
    ids = np.arange(tokenizer.END, tokenizer.END + 8)[None]
    memory, _ = run("encode_pose", *batch(50))
    table = jnp.asarray(variables()["params"]["text_embedding"]["embedding"])
    weights = np.random.default_rng(5).normal(size=WORDS.size)

    def logits(read):
        def watched(call, args, kwargs, context):
            if isinstance(context.module, nn.Embed) and context.method_name == "__call__":
                return read[args[0]]
            return call(*args, **kwargs)

        with nn.intercept_methods(watched):
            return MODEL.apply(variables(), ids, memory, method="text_logits")[0] @ weights  # [L]

    reached = np.abs(jax.jit(jax.jacrev(logits))(table)).sum(-1)[:, ids[0]] > 0
    n = np.arange(8)
    np.testing.assert_array_equal(reached, n < n[:, None])


def test_steps_with_a_cache_equal_the_whole_pass():
    memory, _ = run("encode_pose", *batch(50, 21))
    ids = np.random.default_rng(0).integers(tokenizer.END, WORDS.size, (2, 9))
    whole = run("text_logits", ids, memory)
    assert np.abs(np.diff(whole, axis=1)).max() > 0.1
    known = np.pad(ids, ((0, 0), (RECENT, 0)), constant_values=special_ids.NULL)
    cache = MODEL.init_cache(2, 12)
    for at in range(9):
        one, cache = run("decode_step", known[:, at : at + RECENT][:, ::-1], jnp.array(at), cache, memory)
        same(one, whole[:, at])


def test_padding_and_batch_mates_change_nothing():
    """To the last frame of a clip, which does not fill its position."""
    ids = np.random.default_rng(0).integers(tokenizer.END, WORDS.size, (2, 5))
    pose, mask = batch(30, 50, frames=128)
    together, ctc = run("__call__", pose, mask, ids)
    alone, own = run("__call__", pose[:1, :64] * mask[:1, :64, None, None], mask[:1, :64], ids[:1])
    same(together[:1], alone)
    same(ctc[:1, :8], own[:, :8])
    pose[0, 29] += 1
    assert np.abs(run("__call__", pose, mask, ids)[0][0] - together[0]).max() > 1e-3


def test_translations_do_not_depend_on_the_batch():
    clips = [Clip(clip(n, n), placement=CANONICAL) for n in (30, 70, 1, 64, 0, 9)]
    together = translator().translate(clips)
    assert together == translator().translate(clips, batch_size=1)
    assert together[4] == "" and all(isinstance(t, str) for t in together)
    assert len(set(together)) > 3
    assert translator().translate([]) == []


def test_a_clip_of_another_skeleton_is_refused():
    with pytest.raises(DataError, match=r"shape \(9, 49, 3\)"):
        translator().translate([Clip(clip(9)), Clip(clip(9)[:, 1:])])


def test_tokens_are_counted_where_they_begin():
    """Blank, then one token over two positions, another in the next, blanks."""
    chance = np.eye(4)[[0, 2, 2, 3, 0, 0]][None]
    np.testing.assert_allclose(count_signed_tokens(jnp.asarray(chance))[0], [0, 0.5, 1, 1.5, 2, 2])


def test_prefix_scores_equal_all_alignments_counted():
    """Of four positions, the last two of a longer row being padding; id 3 stands for the end."""
    blank, end = 0, 3
    logits = np.random.default_rng(0).normal(size=(1, 6, 4))
    frames = ctc_prefix.log_probabilities(logits, np.arange(6)[None] < 4, blank)
    chances = np.exp(frames[0, :4])
    probabilities = collections.Counter()
    for path in itertools.product(range(4), repeat=4):
        text = tuple(k for k, _ in itertools.groupby(path) if k != blank)
        probabilities[text] += np.prod(chances[np.arange(4), path])
    for text in ((), (1,), (1, 1), (1, 2), (2, 2, 1)):
        prefix, last = ctc_prefix.empty_prefix(frames, blank), jnp.array([blank])
        for token in text:
            prefix = ctc_prefix.extend_prefix(frames, prefix, last, jnp.array([token]), blank)
            last = jnp.array([token])
        scores = np.exp(ctc_prefix.score_next_tokens(frames, prefix, last, blank, end))[0]
        for token in (1, 2):
            begins = [p for t, p in probabilities.items() if t[: len(text) + 1] == (*text, token)]
            np.testing.assert_allclose(scores[token], sum(begins), atol=1e-6)
        np.testing.assert_allclose(scores[[blank, end]], [0, probabilities[text]], atol=1e-6)


def test_texts_are_read_back_from_their_ids():
    for text in ("how are you ?", "my name is zoe", "zoya moe", "yo ana my ?"):
        known = "".join(c for c in text if c == " " or f"+{c}" in WORDS.entries or c == "?")
        assert WORDS.decode(WORDS.encode(known)) == known
    how, y, o = (WORDS.entries.index(entry) for entry in ("how", "+y", "+o"))
    assert (
        WORDS.decode([y, o, how, y, special_ids.NULL, tokenizer.SPELL, o, tokenizer.UNKNOWN, y])
        == "yo how y oy"
    )


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
    more = tokenizer.TextTokenizer((*run.vocabulary.entries, "more"))
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
