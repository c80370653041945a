"""The back-translator: steps with a cache, padding, prefix scores and texts against slow ways to the same."""

import collections
import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
from translator_helpers import MODEL, WORDS, batch, clip, run, variables

from signjax.errors import DataError
from signjax.inference import ctc_prefix
from signjax.inference.pose_to_text import PoseToText
from signjax.models import special_ids
from signjax.models.back_translator import RECENT, count_signed_tokens
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL
from signjax.text import tokenizer

pytestmark = pytest.mark.usefixtures("compile_quickly")


def same(a, b):
    np.testing.assert_allclose(a, b, atol=2e-5, rtol=0)


def translator():
    return PoseToText(ml_collections.ConfigDict({"ctc_share": 0.3}), variables(), MODEL, WORDS)


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
