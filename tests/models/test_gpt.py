"""The GPT's promises: it looks back only, a cache changes nothing, what shares a row or batch is not seen."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gpt_helpers import CODES, COLUMNS, MODEL, VOCABULARY, clips, run, texts, variables

from signjax.data import token_rows
from signjax.models import special_ids
from signjax.models.gpt import RECENT
from signjax.tasks import gpt, soft_targets
from signjax.tasks.token_run import drop_texts
from signjax.text import tokenizer

pytestmark = pytest.mark.usefixtures("compile_quickly")
LENGTHS = [9, 14, 5]  # tokens of three clips
WORDS = [4, 11, 7]  # ids of their texts


@functools.cache
def rows():
    """The three clips in one row."""
    return token_rows.TokenRows([clips(LENGTHS)], texts(WORDS), seed=0, packings=1)


def packed():
    batch = rows().make_example(0)
    assert len(rows()) == 1 and batch["segment"].max() == 3
    return {name: x[None] for name, x in batch.items()}


def alone(clip):
    """A clip as the only one of a batch, codes [1, 16, C], ids, mask; what comes after it is never read."""
    codes = np.pad(clips(LENGTHS)[clip], ((0, 16 - LENGTHS[clip]), (0, 0)))[None].astype(int)
    return codes, *tokenizer.pad_texts([texts(WORDS)[clip]])


@jax.jit
def whole(codes, ids, mask, true=None):
    """States, logits of codes and of ends without a cache; with `true`, of these codes after past `codes`."""
    states = run("compute_states", codes, run("encode_text", ids, mask))
    return states, run("code_logits", states, codes if true is None else true), run("end_logits", states)


@jax.jit
def whole_row(batch):
    """States and logits of codes of a packed batch."""
    place = batch["text_segment"]
    memory = run("encode_text", batch["text"], place > 0, place, batch["text_position"])
    states = run("compute_states", batch["codes"], memory, batch["segment"], batch["position"], place)
    return states, run("code_logits", states, batch["codes"])


def same(a, b):
    np.testing.assert_allclose(a, b, atol=2e-5, rtol=0)  # rounding of three layers of large weights


def test_steps_with_a_cache_equal_the_whole_pass():
    codes, ids, mask = alone(1)
    states, logits, ends = whole(codes, ids, mask)
    assert np.abs(np.diff(states, axis=1)).max() > 0.1
    memory = jax.jit(functools.partial(run, "encode_text"))(ids, mask)

    @jax.jit
    def one(before, at, own, cache):
        state, cache = run("decode_step", before, at, cache, memory, MODEL.later_layer_params(variables()))
        earlier, columns = jnp.zeros_like(state), []
        for column in range(COLUMNS):
            columns.append(run("column_logits", state, earlier, column))
            earlier += run("column_embedding", own[:, column], column)
        return state, run("end_logits", state), jnp.stack(columns, axis=1), cache

    cache = MODEL.init_cache(1, 20)
    for at in range(LENGTHS[1]):
        before = codes[:, np.maximum(at - 1 - np.arange(RECENT), 0)]
        state, end, columns, cache = one(before, at, codes[:, at], cache)
        same(state, states[:, at])
        same(end, ends[:, at])
        same(columns, logits[:, at])


def test_only_codes_have_logits():
    """Neither start nor end is a code."""
    states, logits, ends = whole(*alone(0))
    assert logits.shape == (*states.shape[:2], COLUMNS, CODES) and ends.shape == states.shape[:2]


def influence(function, *tables):
    """Which rows of embedding tables [R, D] reach a function's outputs: [..., R] bool for each table."""

    def of_tables(chosen):
        params = variables()["params"]
        changed = {name: {"embedding": chosen[name]} for name in tables}
        return function({"params": params | changed})

    start = {name: variables()["params"][name]["embedding"] for name in tables}
    return [np.abs(g).max(-1) > 0 for g in jax.jit(jax.jacrev(of_tables))(start).values()]


def distinct(length):
    """Codes [1, N, C] in which position n alone uses code n."""
    return np.broadcast_to(np.arange(length)[:, None], (1, length, COLUMNS))


WEIGHTS = np.random.default_rng(5).normal(size=CODES)  # to look at all logits at once


def test_causal_by_gradient():
    """Exactly the tokens before a position reach its logits; in a token, exactly the codes before a code."""
    length, (ids, mask) = 8, tokenizer.pad_texts(texts([6]))

    def logits(v):
        own = functools.partial(run, variables_=v)
        states = own("compute_states", distinct(length), own("encode_text", ids, mask))
        return own("code_logits", states, distinct(length))[0] @ WEIGHTS  # [N, C]

    past, within = influence(logits, "code_embedding", "depth_embedding")
    past = past.reshape(length, COLUMNS, COLUMNS, CODES)[..., :length]  # [N, C, C', N']
    n = np.arange(length)
    np.testing.assert_array_equal(past, np.broadcast_to((n < n[:, None])[:, None, None], past.shape))
    within = within.reshape(length, COLUMNS, COLUMNS, CODES)[..., :length]
    c = np.arange(COLUMNS)
    expected = (n == n[:, None])[:, None, None] & (c < c[:, None])[None, :, :, None]
    np.testing.assert_array_equal(within, expected)


def test_segments_of_a_row_do_not_meet():
    """By gradient: a position depends on its own clip's past and on its own text, on nothing else."""
    sizes = (4, 6, 4, 2), (3, 5, 4, 4)
    clip, words = (np.repeat([1, 2, 3, 0], n) for n in sizes)
    position, place = (np.concatenate(list(map(np.arange, n))) for n in sizes)
    ids = np.arange(4, 4 + len(words))  # each id once

    def states(v):
        own = functools.partial(run, variables_=v)
        memory = own("encode_text", ids[None], words[None] > 0, words[None], place[None])
        x = own("compute_states", distinct(len(clip)), memory, clip[None], position[None], words[None])
        return x[0] @ np.resize(WEIGHTS, MODEL.width)  # [N]

    codes, text_ids = influence(states, "code_embedding", "text_embedding")
    real = clip > 0
    past = codes.reshape(len(clip), COLUMNS, CODES)[:, 0, : len(clip)]
    n = np.arange(len(clip))
    np.testing.assert_array_equal(past[real], ((clip[:, None] == clip) & (n < n[:, None]))[real])
    np.testing.assert_array_equal(text_ids[real][:, ids], (clip[:, None] == words)[real])
    assert text_ids.shape[1] == VOCABULARY and not text_ids[real].all(0).any()


def test_a_packed_row_equals_its_clips_alone():
    states, logits = whole_row(packed())
    segment = packed()["segment"][0]
    for number, clip in enumerate(i for i, _ in rows().rows[0]):
        own = alone(clip)
        expected = whole(*own)
        mine = segment == number + 1
        size = LENGTHS[clip] + 1
        assert mine.sum() == size
        same(states[0, mine], expected[0][0, :size])
        same(logits[0, mine], expected[1][0, :size])


def test_losses_of_a_packed_row_are_the_sums_of_its_clips():
    terms = jax.jit(lambda batch: gpt.losses_and_metrics(MODEL, variables(), batch, batch["codes"], None))
    together = terms(packed())
    apart = []
    for clip, ids in zip(clips(LENGTHS), texts(WORDS), strict=True):
        row = token_rows.TokenRows([[clip]], [ids], seed=0, packings=1).make_example(0)
        apart.append(terms({name: x[None] for name, x in row.items()}))
    for name, (total, count) in together.items():
        np.testing.assert_allclose(total, sum(t[name][0] for t in apart), rtol=1e-5)
        assert count == sum(t[name][1] for t in apart)
    assert together["code"][1] == sum(LENGTHS) * COLUMNS and together["end"][1] == sum(LENGTHS) + 3


def test_losses_are_cross_entropies_of_the_true_codes():
    """By hand; what the transformer sees of the past may be corrupted, the targets may not."""
    batch, seen = packed(), np.full_like(packed()["codes"], 7)
    terms = jax.jit(lambda seen: gpt.losses_and_metrics(MODEL, variables(), batch, seen, None))(seen)
    total = ends = 0
    for clip, length in enumerate(LENGTHS):
        codes, ids, mask = alone(clip)
        _, logits, stop = whole(np.full_like(codes, 7), ids, mask, codes)
        chance, stop = np.asarray(jax.nn.softmax(logits)), np.asarray(jax.nn.sigmoid(stop))[0, : length + 1]
        right = np.take_along_axis(chance, codes[..., None], -1)[0, :length]
        total -= np.log(right).sum()
        ends -= np.log(np.append(1 - stop[:-1], stop[-1])).sum()
    np.testing.assert_allclose(terms["code"][0], total, rtol=1e-4)
    np.testing.assert_allclose(terms["end"][0], ends, rtol=1e-4)


def test_text_padding_and_batch_mates_change_nothing():
    codes, ids, _ = alone(2)
    expected = whole(*alone(2))
    wide, mask = np.full((3, 32), 9), np.zeros((3, 32), bool)
    mask[:, :20], mask[1], wide[1, : WORDS[2]] = True, np.arange(32) < WORDS[2], ids[0, : WORDS[2]]
    others = np.stack(clips([20] * 3)).astype(int)
    others[1, : LENGTHS[2]] = codes[0, : LENGTHS[2]]
    actual = whole(others, wide, mask)
    for a, b in zip(actual, expected, strict=True):
        same(a[1, : LENGTHS[2]], b[0, : LENGTHS[2]])


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.4])
def test_corruption_replaces_its_share_of_tokens(rate):
    codes = np.random.default_rng(0).integers(0, CODES, (256, 1024, COLUMNS))
    themselves = np.broadcast_to(np.arange(CODES)[:, None], (COLUMNS, CODES, 5))
    noisy = np.asarray(soft_targets.corrupt_codes(codes, jax.random.key(0), rate, themselves))
    changed = (noisy != codes).mean((1, 2)) * CODES / (CODES - 1)  # a new code may be the old one
    assert abs(changed.mean() - rate) <= 0.2 * rate
    assert changed.max() <= 2.5 * rate and noisy.min() >= 0 and noisy.max() < CODES
    if rate:
        assert changed.min() < 0.5 * rate, "rows have rates of their own"
        touched = (noisy != codes)[(noisy != codes).any(-1)]
        assert touched.mean() > 0.9, "a token is replaced whole"


def test_codes_are_seen_as_similar_ones():
    """Each column by its own table, as often as the table says."""
    spread = soft_targets.make_soft_targets(np.random.default_rng(2).normal(size=(COLUMNS, CODES, 4)), 3.0)
    codes = np.random.default_rng(0).integers(0, CODES, (64, 512, COLUMNS))
    seen = np.asarray(
        soft_targets.corrupt_codes(
            codes, jax.random.key(0), 0.0, soft_targets.sample_neighbours(spread, 0, count=512)
        )
    )
    for column in range(COLUMNS):
        counts = np.zeros((CODES, CODES))
        np.add.at(counts, (codes[..., column], seen[..., column]), 1)
        np.testing.assert_allclose(counts / counts.sum(1, keepdims=True), spread[column], atol=0.08)


def test_dropped_texts_leave_one_null_each():
    batch = packed()
    same_batch = drop_texts(batch, jax.random.key(0), 0.0)
    assert all(np.array_equal(same_batch[name], batch[name]) for name in batch)
    seen = set()
    for seed in range(20):
        out = {k: np.asarray(x) for k, x in drop_texts(batch, jax.random.key(seed), 0.5).items()}
        dropped = []
        for segment in (1, 2, 3):
            was, now = batch["text_segment"] == segment, out["text_segment"] == segment
            if np.array_equal(was, now) and np.array_equal(out["text"][now], batch["text"][was]):
                continue
            dropped.append(segment)
            assert out["text"][now].tolist() == [special_ids.NULL] and out["text_position"][now] == 0
            assert out["text_segment"][was].sum() == segment, "the others are hidden"
        assert not out["text_segment"][batch["text_segment"] == 0].any()
        unchanged = {"codes", "segment", "position", "ends"}
        assert all(np.array_equal(out[name], batch[name]) for name in unchanged)
        seen.add(tuple(dropped))
    assert len(seen) > 4, "each text by a coin of its own"


def test_a_dropped_text_is_what_guidance_compares_with():
    """States of a row whose texts were dropped are those of the text NULL."""
    batch = {k: np.asarray(x) for k, x in drop_texts(packed(), jax.random.key(0), 1.0).items()}
    states, _ = whole_row(batch)
    for number, clip in enumerate(i for i, _ in rows().rows[0]):
        codes, ids, mask = alone(clip)
        null = np.full_like(ids, special_ids.NULL), np.broadcast_to(np.arange(mask.shape[1]) == 0, mask.shape)
        same(states[0, batch["segment"][0] == number + 1], whole(codes, *null)[0][0, : LENGTHS[clip] + 1])
    assert np.abs(states - whole_row(packed())[0]).max() > 0.1


def loss_of(model, v):
    """A number that all parameters have a part in, of a text's codes."""
    codes, ids, mask = alone(1)
    logits, ends = model.apply(v, codes, ids, mask)
    return jnp.log(jnp.square(logits).mean() + jnp.square(ends).mean())


@pytest.mark.extended
def test_computing_layers_again_changes_nothing():
    one, two = (jax.jit(jax.grad(functools.partial(loss_of, MODEL.clone(remat=r)))) for r in (False, True))
    actual, expected = one(variables()), two(variables())
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), actual, expected)


@pytest.mark.extended
def test_half_precision_is_near():
    """In bfloat16, of 8 bits, logits and gradients miss those of float32 by a few hundredths."""
    codes, ids, mask = alone(1)
    half = MODEL.clone(dtype="bfloat16")
    exact, near = (np.asarray(jax.jit(m.apply)(variables(), codes, ids, mask)[0]) for m in (MODEL, half))
    assert near.dtype == np.float32
    assert 1e-4 < np.abs(near - exact).mean() / exact.std() < 0.03
    one, two = (jax.jit(jax.grad(functools.partial(loss_of, m)))(variables()) for m in (MODEL, half))
    one, two = (np.concatenate([np.ravel(x) for x in jax.tree.leaves(g)]) for g in (one, two))
    assert two.dtype == np.float32 and two @ one / np.linalg.norm(one) / np.linalg.norm(two) > 0.99
