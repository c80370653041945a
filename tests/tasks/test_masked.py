"""Masked generation: hidden tokens stay hidden, a clip is its own, the passes are those of the schedule."""

import functools

import gpt_run
import jax
import numpy as np
import pytest
import run_checks
from gpt_helpers import CODES, COLUMNS, SIZE, VOCABULARY, clips, large, texts
from scipy.special import log_softmax

from signjax.data import loader, token_rows
from signjax.errors import ConfigError
from signjax.inference import autoregressive, masked_decoding
from signjax.inference.families import make_sampler
from signjax.inference.load import load
from signjax.models import special_ids
from signjax.models.masked_transformer import MaskedTransformer
from signjax.models.text_alignment import clip_times, expected_length
from signjax.tasks import masked, row_times
from signjax.tasks.registry import make_task
from signjax.tasks.token_run import drop_texts
from signjax.text import tokenizer
from signjax.training import loop

pytestmark = pytest.mark.usefixtures("compile_quickly")
MODEL = MaskedTransformer(vocabulary=VOCABULARY, columns=COLUMNS, codes=CODES, **SIZE)
LENGTHS = [9, 14, 5]  # tokens of three clips
WORDS = [4, 11, 7]  # ids of their texts


@functools.cache
def variables():
    """The model's params."""
    return large(jax.eval_shape(MODEL.init, jax.random.key(0), *alone(0)))


def run(name, *args):
    """A method of the model by name."""
    return MODEL.apply(variables(), *args, method=name)


def ended(lengths):
    """Ids of texts, END last."""
    return [[*ids[:-1], tokenizer.END] for ids in texts(lengths)]


def covered(length):
    """Which of a clip's tokens are hidden: about two in three."""
    return np.random.default_rng(length).random(length) < 0.65


def alone(clip, size=16):
    """A clip as the only one of a batch: codes [1, N, C], hidden, mask, ids, their mask."""
    length = LENGTHS[clip]
    codes = np.full((1, size, COLUMNS), 3)
    hidden = np.ones((1, size), bool)
    codes[0, :length], hidden[0, :length] = clips(LENGTHS)[clip], covered(length)
    return codes, hidden, np.arange(size)[None] < length, *tokenizer.pad_texts([ended(WORDS)[clip]])


@jax.jit
def expected_lengths(model, ids, known):
    return expected_length(MODEL.apply(model, ids, known, method="encode_text"))


@jax.jit
def whole(codes, hidden, mask, ids, known):
    """States and logits of codes, one clip a row."""
    memory = run("encode_text", ids, known)
    states = run("compute_states", codes, hidden, mask, memory, clip_times(mask, memory))
    return states, run("code_logits", states, codes)


def same(a, b):
    np.testing.assert_allclose(a, b, atol=1e-5, rtol=0)


def packed():
    """The three clips in one row, and which of its positions are hidden."""
    source = token_rows.TokenRows([clips(LENGTHS)], ended(WORDS), seed=0, packings=1)
    assert len(source) == 1
    batch = {name: x[None] for name, x in source.make_example(0).items()}
    hidden = np.zeros(batch["segment"].shape, bool)
    for number, (clip, _) in enumerate(source.rows[0], 1):
        mine = (batch["segment"] == number) & ~batch["ends"]
        hidden[mine] = covered(LENGTHS[clip])
    return batch, hidden, [clip for clip, _ in source.rows[0]]


def test_hidden_codes_reach_nothing_and_others_everything():
    """By change: of a hidden token's codes only the logits of the columns after it know."""
    codes, hidden, *rest = alone(1)
    states, logits = whole(codes, hidden, *rest)
    for n in range(LENGTHS[1]):
        for column in range(COLUMNS):
            other = codes.copy()
            other[0, n, column] = (other[0, n, column] + 1) % CODES
            changed_states, now = whole(other, hidden, *rest)
            if hidden[0, n]:
                np.testing.assert_array_equal(changed_states, states)
                changed = np.abs(now - logits).max(-1)[0]  # [N, C]
                expected = (np.arange(16) == n)[:, None] & (np.arange(COLUMNS) > column)
                np.testing.assert_array_equal(changed > 1e-5, expected)  # the rest is rounding
            else:
                assert (np.abs(changed_states - states).max(-1)[0, : LENGTHS[1]] > 0).all()


def test_padding_and_batch_mates_change_nothing():
    expected, _ = whole(*alone(2))
    codes, hidden, mask, ids, known = alone(2, size=32)
    wide = np.pad(ids, ((0, 0), (0, 16)), constant_values=9), np.pad(known, ((0, 0), (0, 16)))
    mate = [np.roll(codes, 1, 1), ~hidden, np.arange(32)[None] < 20, *(np.roll(x, 3, 1) for x in wide)]
    both = [np.concatenate(pair) for pair in zip(mate, (codes, hidden, mask, *wide), strict=True)]
    padded, _ = whole(*both)
    same(padded[1, : LENGTHS[2]], expected[0, : LENGTHS[2]])


def test_a_packed_row_equals_its_clips_alone():
    """In states, and in losses by hand: cross entropies of hidden codes, squared errors of lengths."""
    batch, hidden, order = packed()

    @jax.jit
    def row(batch):
        own, belongs = batch["segment"], batch["text_segment"]
        memory = run("encode_text", batch["text"], belongs > 0, belongs, batch["text_position"])
        places, _ = row_times.measure_row_times(batch, memory)
        there = (own > 0) & ~batch["ends"]
        states = run("compute_states", batch["codes"], hidden, there, memory, places, (own, belongs))
        return states, masked.losses_and_metrics(MODEL, variables(), batch, batch["codes"], hidden, None)

    states, terms = row(batch)
    total = miss = 0
    for number, clip in enumerate(order, 1):
        length, single = LENGTHS[clip], alone(clip)
        expected, logits = whole(*single)
        mine = (batch["segment"][0] == number) & ~batch["ends"][0]
        same(states[0, mine], expected[0, :length])
        right = np.take_along_axis(jax.nn.log_softmax(logits), single[0][..., None], -1)[0, :length, :, 0]
        total -= right[covered(length)].sum()
        miss += np.log(expected_lengths(variables(), *single[3:])[0] / length) ** 2
    np.testing.assert_allclose(terms["code"][0], total, rtol=1e-4)
    np.testing.assert_allclose(terms["length"][0], miss, rtol=1e-3)
    assert terms["code"][1] == hidden.sum() * COLUMNS and terms["length"][1] == 3


def test_a_dropped_text_and_a_row_of_padding_have_no_length():
    batch, *_ = packed()
    unknown = drop_texts(batch, jax.random.key(0), 1.0)

    @jax.jit
    def places_in(batch):
        memory = run("encode_text", batch["text"], batch["text_segment"] > 0)
        return row_times.measure_row_times(batch, memory)

    for changed in (unknown, batch | {"segment": 0 * batch["segment"]}):
        places, (miss, count) = places_in(changed)
        assert miss == count == 0 and np.isfinite(places[1]).all()


def test_each_clip_has_its_own_share_hidden():
    """The cosine of a uniform angle: a share of s or less is as likely as 1 - arccos(s) / (pi / 2)."""
    own = np.repeat([[1, 2, 0]], [400, 400, 100], axis=1) * np.ones((500, 1), int)
    batch = {"segment": own, "ends": np.arange(900)[None] % 400 == 399}
    hidden = np.asarray(masked.draw_hidden_tokens(batch, jax.random.key(0)))
    assert not hidden[(own == 0) | batch["ends"]].any()
    shares = np.stack([hidden[:, k : k + 399].mean(1) for k in (0, 400)])  # [2, rows]
    assert abs(np.corrcoef(*shares)[0, 1]) < 0.15
    for s in (0.2, 0.5, 0.8, 0.95):
        assert abs((shares < s).mean() - (1 - np.arccos(s) / (np.pi / 2))) < 0.05


def keys(numbers):
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(3), np.asarray(numbers))


TEXTS = ended([4, 11, 7, 2, 15])
GREEDY = masked_decoding.Sampler(steps=4, temperature=0.0, guidance=1.0, max_tokens=10)
WARM = masked_decoding.Sampler(steps=5, temperature=0.9, guidance=1.5, max_tokens=12)


def draw(chosen, sampler, numbers=None, model=None, multiple=16):
    """Samples the chosen texts with the keys of the same numbers: a list of codes [length, C]."""
    ids, mask = tokenizer.pad_texts([TEXTS[i] for i in chosen], multiple)
    own = keys(chosen if numbers is None else numbers)
    codes, lengths = masked_decoding.sample_masked_tokens(
        MODEL, model or variables(), ids, mask, own, sampler
    )
    codes = np.asarray(codes)
    assert all(not c[n:].any() for c, n in zip(codes, lengths, strict=True)), "nothing after the end"
    return [c[:n] for c, n in zip(codes, lengths, strict=True)]


def by_hand(ids, sampler):
    """The likeliest codes [N, C], each token from a pass of its own over the column before."""
    pair, known = tokenizer.pad_texts([ids, [special_ids.NULL]])
    size = np.round(expected_lengths(variables(), pair, known)[0]).astype(int).clip(1, sampler.max_tokens)
    codes, hidden, mask = np.zeros((2, 16, COLUMNS), int), np.ones((2, 16), bool), np.arange(16) < size
    for k in range(sampler.steps):
        proposed, confidence = codes.copy(), np.zeros(16)
        for column in range(COLUMNS):
            own = np.where(hidden[..., None], proposed, codes)  # which only later columns see
            logits = np.asarray(whole(own, hidden, np.stack([mask, mask]), pair, known)[1])[:, :, column]
            logits = log_softmax(logits[1] + sampler.guidance * (logits[0] - logits[1]), axis=-1)
            proposed[:, :, column] = logits.argmax(-1)
            confidence += logits.max(-1)
        left = int(size * np.cos(np.pi / 2 * (k + 1) / sampler.steps) + 1e-6)
        first = np.argsort(np.where(hidden[0] & mask, -confidence, np.inf))
        for n in first[: max(0, int((hidden[0] & mask).sum()) - left)]:
            codes[:, n], hidden[:, n] = proposed[:, n], False
    assert not hidden[0, :size].any()
    return codes[0, :size]


@pytest.mark.parametrize("sampler", [GREEDY, GREEDY._replace(guidance=2.5, steps=7)])
def test_greedy_filling_equals_a_loop_by_hand(sampler):
    for sampled, ids in zip(draw([0, 1, 2], sampler), TEXTS, strict=False):
        np.testing.assert_array_equal(sampled, by_hand(ids, sampler))


@functools.cache
def all_five():
    return draw([0, 1, 2, 3, 4], WARM)


@pytest.mark.extended
def test_no_token_stays_hidden_however_many_passes():
    """Even with one pass, or more than there are tokens; the number of passes matters."""
    by_steps = {steps: draw([0, 1, 2, 3, 4], WARM._replace(steps=steps)) for steps in (1, 13)} | {
        5: all_five()
    }
    for several in by_steps.values():
        assert all(c.any(-1).all() for c in several), "a hidden token would be all zeros"
    for a, b in ((1, 5), (5, 13)):
        assert any(not np.array_equal(x, y) for x, y in zip(by_steps[a], by_steps[b], strict=True))


@pytest.mark.parametrize("chosen", [pytest.param([3], marks=pytest.mark.extended), [2, 4, 0, 1, 2]])
def test_a_clip_is_the_same_in_any_batch(chosen):
    """In any place, among others, after more padding of its text and its clip."""
    multiple = 16 if len(chosen) == 5 else 32
    for sampled, i in zip(draw(chosen, WARM, multiple=multiple), chosen, strict=True):
        np.testing.assert_array_equal(sampled, all_five()[i])


def test_the_key_decides():
    again, others = draw([0, 1, 2, 3, 4], WARM), draw([0, 1, 2, 3, 4], WARM, numbers=[9, 8, 7, 6, 5])
    for a, b, c in zip(all_five(), again, others, strict=True):
        np.testing.assert_array_equal(a, b)
        assert len(b) == len(c) and not np.array_equal(b, c)
    positions = draw([1], GREEDY._replace(steps=1, temperature=9.0))[0]
    assert len(np.unique(positions, axis=0)) == len(positions), "positions draw apart"


def test_lengths_are_what_durations_say():
    """Longer with longer ones, up to the limit; the text of no text has no part in them."""
    params, all_lengths = variables()["params"], []
    for more in (0.0, 0.7, 90.0):
        bias = params["duration"]["bias"] + np.float32(more)
        model = {"params": params | {"duration": params["duration"] | {"bias": bias}}}
        expected = expected_lengths(model, *tokenizer.pad_texts(TEXTS))
        lengths = [len(c) for c in draw([0, 1, 2, 3, 4], WARM, model=model)]
        np.testing.assert_array_equal(lengths, np.clip(np.round(expected), 1, 12))
        all_lengths.append(lengths)
    assert (
        len(set(all_lengths[0])) > 2
        and np.sum(all_lengths[0]) < np.sum(all_lengths[1])
        and all_lengths[2] == [12] * 5
    )


@pytest.fixture(scope="module")
def home(tiny_runs):
    """A folder with datasets, runs/vqvae and runs/masked."""
    assert loop.train(gpt_run.gpt_config(tiny_runs, "masked"), tiny_runs / "runs/masked", make_task).finished
    return tiny_runs


@pytest.mark.extended
def test_losses_fall(home):
    last = run_checks.check_losses_fall(home / "runs/masked", ("code", "length"), share=0.9)
    assert {"eval/code", "eval/length", "eval/right", "eval/wer"} <= last.keys()


@pytest.mark.extended
def test_resuming_is_exact_and_encodes_nothing(home, monkeypatch):
    """From step 5, as after a crash."""
    run, copy = home / "runs/masked", home / "runs/masked-other"
    with monkeypatch.context() as patch:
        patch.delattr(loader, "iterate_clips")
        run_checks.resume_copy(gpt_run.gpt_config(home, "masked"), run, copy)
    run_checks.check_same_run(run, copy)


@pytest.mark.extended
def test_generated_clips_do_not_depend_on_the_batch(home):
    texts = ["Hello!", "how are you?", "my name is Zoë"]
    run_checks.check_batch_changes_no_clip(load(home / "runs/masked"), texts)


def test_flags_of_other_models_are_refused(tiny_runs):
    c = gpt_run.gpt_config(tiny_runs, "masked")
    assert make_sampler(c, steps=3)._asdict() == {**c.sampler, "steps": 3}
    for name in autoregressive.Sampler._fields:
        if name not in masked_decoding.Sampler._fields:
            with pytest.raises(ConfigError, match=rf"^{name} means nothing to a masked run; .*steps"):
                make_sampler(c, **{name: 2})
    for changes in ({"steps": 0}, {"max_tokens": 0}):
        with pytest.raises(ConfigError, match=" is 0; it can be 1 to "):
            make_sampler(c, **changes)
    with pytest.raises(ConfigError, match=r"^steps means nothing to a gpt run; .*top_k"):
        make_sampler(gpt_run.gpt_config(tiny_runs), steps=3)
