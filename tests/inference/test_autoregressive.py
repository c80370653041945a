"""The sampler's promises: what a loop by hand without a cache gives, whoever else is in the batch."""

import functools

import jax
import numpy as np
import pytest
from gpt_helpers import CODES, COLUMNS, MODEL, run, texts, variables, with_end

from signjax.inference import autoregressive
from signjax.inference.autoregressive import Sampler
from signjax.models import special_ids
from signjax.text import tokenizer

pytestmark = pytest.mark.usefixtures("compile_quickly")
LONGEST = 10
WORDS = texts([4, 11, 7, 2, 15])


def keys(numbers):
    return jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(3), np.asarray(numbers))


def draw(chosen, sampler, numbers=None, model=None, multiple=16):
    """Samples the chosen texts with the keys of the same numbers: a list of codes [length, C]."""
    numbers = chosen if numbers is None else numbers
    ids, mask = tokenizer.pad_texts([WORDS[i] for i in chosen], multiple)
    out = autoregressive.sample_tokens(MODEL, model or values(), ids, mask, keys(numbers), sampler)
    codes, lengths = jax.device_get(out)
    assert codes.shape == (len(chosen), sampler.max_tokens, COLUMNS)
    assert all(not c[n:].any() for c, n in zip(codes, lengths, strict=True)), "nothing after the end"
    return [c[:n] for c, n in zip(codes, lengths, strict=True)]


@jax.jit
def whole(model, codes, ids, mask):
    own = functools.partial(run, variables_=model)
    states = own("compute_states", codes, own("encode_text", ids, mask))
    return own("code_logits", states, codes), own("end_logits", states)


@functools.cache
def values():
    """The model's variables, with an end that two of the first three texts come to by themselves."""
    most = []
    for ids in WORDS[:3]:
        codes, (pair, mask) = by_hand(ids, GREEDY._replace(min_tokens=LONGEST), variables()), pair_of(ids)
        most.append(whole(variables(), np.stack([codes, codes]), pair, mask)[1][0, 1:].max())
    params, middle = variables()["params"], sum(sorted(most)[:2]) / 2
    return {"params": params | {"end": {**params["end"], "bias": params["end"]["bias"] - middle}}}


def pair_of(ids):
    """A text and the text of no text."""
    return tokenizer.pad_texts([ids, [special_ids.NULL]])


def by_hand(ids, sampler, model):
    """The likeliest tokens [length, C], each from a whole pass over all before it."""
    pair, mask = pair_of(ids)
    codes, used = np.zeros((LONGEST, COLUMNS), int), [set() for _ in range(COLUMNS)]

    def guided():
        both = whole(model, np.stack([codes, codes]), pair, mask)
        return [x[1] + sampler.guidance * (x[0] - x[1]) for x in jax.device_get(both)]

    for at in range(LONGEST):
        if at >= sampler.min_tokens and guided()[1][at] > 0:
            return codes[:at]
        for column in range(COLUMNS):
            logits = guided()[0][at, column]
            for code in used[column]:
                logits[code] *= sampler.repetition if logits[code] <= 0 else 1 / sampler.repetition
            codes[at, column] = logits.argmax()
        for column in range(COLUMNS):
            used[column].add(int(codes[at, column]))
    return codes


GREEDY = Sampler(temperature=0, max_tokens=LONGEST)
VARIANTS = [
    GREEDY,
    GREEDY._replace(guidance=2.5, min_tokens=7),
    GREEDY._replace(guidance=0.3, repetition=1.5, min_tokens=LONGEST),
]


@functools.cache
def expected(sampler):
    return [by_hand(ids, sampler, values()) for ids in WORDS[:3]]


@pytest.mark.parametrize("sampler", VARIANTS)
def test_greedy_sampling_equals_a_loop_by_hand(sampler):
    """With guidance, repetition penalty and least length."""
    for sampled, codes in zip(draw([0, 1, 2], sampler), expected(sampler), strict=True):
        np.testing.assert_array_equal(sampled, codes)


def test_each_choice_matters():
    """Or the test above would prove nothing."""
    plain = expected(GREEDY)
    assert sum(len(codes) < LONGEST for codes in plain) == 2
    for sampler in VARIANTS[1:]:
        for name in ("guidance", "repetition", "min_tokens"):
            if getattr(sampler, name) != getattr(GREEDY, name):
                other = expected(sampler._replace(**{name: getattr(GREEDY, name)}))
                pairs = zip(expected(sampler), other, strict=True)
                assert any(not np.array_equal(a, b) for a, b in pairs), name


def test_one_candidate_is_greedy():
    sampled = draw([0, 1, 2], VARIANTS[2]._replace(temperature=1.0, top_k=1))
    for a, b in zip(sampled, expected(VARIANTS[2]), strict=True):
        np.testing.assert_array_equal(a, b)


SAMPLER = Sampler(
    temperature=0.9, top_k=12, top_p=0.95, repetition=1.2, guidance=1.5, min_tokens=4, max_tokens=LONGEST
)


@functools.cache
def all_five():
    return draw([0, 1, 2, 3, 4], SAMPLER)


@pytest.mark.parametrize(
    "chosen", [*(pytest.param([k], marks=pytest.mark.extended) for k in (0, 4)), [3, 1, 4], [2, 2, 0, 1, 3]]
)
def test_a_clip_is_the_same_in_any_batch(chosen):
    """In any place, among others, after more padding of its text."""
    multiple = 16 if len(chosen) == 5 else 32
    for sampled, i in zip(draw(chosen, SAMPLER, multiple=multiple), chosen, strict=True):
        np.testing.assert_array_equal(sampled, all_five()[i])


def test_other_numbers_of_the_sampler_need_no_other_program():
    all_five()
    before = autoregressive.DECODE.jitted._cache_size()
    others = {
        "temperature": 0.0,
        "top_k": 0,
        "top_p": 0.5,
        "repetition": 1.0,
        "guidance": 3.0,
        "min_tokens": 1,
    }
    for name, value in others.items():
        draw([0, 1, 2, 3, 4], SAMPLER._replace(**{name: value}))
    assert autoregressive.DECODE.jitted._cache_size() == before


def test_the_key_decides():
    again, others = draw([0, 1, 2, 3, 4], SAMPLER), draw([0, 1, 2, 3, 4], SAMPLER, numbers=[9, 8, 7, 6, 5])
    for a, b, c in zip(all_five(), again, others, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)
    same_text = draw([1, 1, 1, 1, 1], SAMPLER, numbers=[0, 1, 2, 3, 4])
    assert len({c.tobytes() for c in same_text}) == 5
    streams = all_five()[1][:, 0], all_five()[1][:, 1]
    assert not np.array_equal(*streams), "streams draw apart"


def test_lengths_come_from_the_end_head_within_limits():
    """Sure of the end a clip is as short as may be, sure of none as long."""
    sampler = Sampler(temperature=8.0, min_tokens=3, max_tokens=7)
    chosen = [0, 1, 2, 3, 4]
    for bias, length in ((90.0, 3), (-90.0, 7)):
        sampled = draw(chosen, sampler, model=with_end(bias))
        assert [len(c) for c in sampled] == [length] * 5
        codes = np.concatenate(sampled)
        assert codes.min() >= 0 and codes.max() < CODES
        assert len(np.unique(codes)) > CODES // 2, "heat spreads them"


def test_ends_are_drawn_with_their_chance():
    sampler = Sampler(min_tokens=1, max_tokens=2)
    ids, mask = tokenizer.pad_texts([WORDS[0]] * 4000)
    chance, temperature = 0.3, 2.0
    model = with_end(temperature * np.log(chance / (1 - chance)))
    sampler = sampler._replace(temperature=temperature)
    _, lengths = autoregressive.sample_tokens(MODEL, model, ids, mask, keys(np.arange(4000)), sampler)
    share = (np.asarray(lengths) == 1).mean()
    assert abs(share - chance) < 4 * (chance * (1 - chance) / 4000) ** 0.5


CHANCES = np.array([0.1, 0.4, 0.2, 0.3])
CHOICES = [
    (Sampler(), [0, 1, 2, 3]),
    (Sampler(temperature=0.5), [0, 1, 2, 3]),
    (Sampler(top_k=2), [1, 3]),
    (Sampler(top_k=99), [0, 1, 2, 3]),
    (Sampler(top_p=0.65), [1, 3]),
    (Sampler(top_p=0.75), [1, 3, 2]),
    (Sampler(top_p=0.35), [1]),
    (Sampler(top_p=0.0), [1]),
    (Sampler(top_p=0.95), [0, 1, 2, 3]),
    (Sampler(top_p=0.75, temperature=0.5), [1, 3]),  # .53 and .3 of the sharpened chances
    (Sampler(top_p=0.72), [1, 3, 2]),
    (Sampler(top_p=0.72, top_k=3), [1, 3]),  # .44 and .33 of the three
    (Sampler(temperature=0), [1]),
]


@pytest.mark.parametrize(("sampler", "kept"), CHOICES)
def test_choices_have_the_chances_of_what_is_kept(sampler, kept):
    count = 4000
    logits = np.broadcast_to(np.log(CHANCES) + 3, (count, 4))
    drawn = autoregressive.sample_code(logits, keys(np.arange(count)), sampler, sampler.program.sorts)
    sampled = np.asarray(drawn)
    chances = np.zeros(4)
    chances[kept] = CHANCES[kept] ** (1 / sampler.temperature if sampler.temperature else 1)
    chances /= chances.sum()
    shares = np.bincount(sampled, minlength=4) / count
    assert (np.abs(shares - chances) <= 4 * (chances * (1 - chances) / count) ** 0.5).all()
