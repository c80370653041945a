"""FGD, diversity and multimodality against slow loops, scipy and Gaussians by hand."""

import itertools
import time

import numpy as np
import pytest
from scipy import linalg

from signjax.errors import DataError
from signjax.metrics import frechet
from signjax.metrics.diversity_scores import average_windows, score_diversity, score_multimodality
from signjax.metrics.score import compute_interval, compute_value

DIGEST = "0123456789abcdef" * 4


def clips(seed, count=30, size=6, scale=1.0):
    """Correlated features of clips of one to nine windows."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(size, size))
    lengths = rng.integers(1, 10, size=count)
    return [scale * rng.normal(size=(n, size)) @ mix + rng.normal(size=size) for n in lengths]


def slow(reference, predicted):
    """As the formula says, with a general matrix square root."""
    one, other = np.concatenate(reference), np.concatenate(predicted)
    a, b = (np.atleast_2d(np.cov(x, rowvar=False)) for x in (one, other))
    apart = ((one.mean(0) - other.mean(0)) ** 2).sum()
    return apart + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)


def distance(one, other):
    return compute_value(frechet.score_fgd(one, other, DIGEST))


@pytest.mark.parametrize("count, size", [(30, 6), (40, 32), (5, 1)])
def test_fgd_is_what_the_formula_says(count, size):
    one, other = clips(0, count, size), clips(1, count, size, 2.0)
    np.testing.assert_allclose(distance(one, other), slow(one, other), rtol=1e-8)


def test_fgd_of_gaussians_by_hand():
    one, step = clips(0), np.array([3, 0, 0, 0, 4, 0])
    np.testing.assert_allclose(distance(one, [x + step for x in one]), 25, rtol=1e-9)
    spread = np.trace(np.cov(np.concatenate(one), rowvar=False))
    mean = np.concatenate(one).mean(0)
    np.testing.assert_allclose(distance(one, [mean + 3 * (x - mean) for x in one]), 4 * spread, rtol=1e-9)
    corners = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])  # variances 2/3; stretched to 8/3 and 2/3
    np.testing.assert_allclose(distance([corners], [corners * [2, 1]]), 2 / 3, rtol=1e-9)


def test_fgd_is_a_distance():
    one, other = clips(0), clips(1)
    assert 0 <= distance(one, one) < 1e-9
    assert 0 <= distance(one, one[::-1]) < 1e-9  # sets: the order tells the bootstrap what to draw together
    np.testing.assert_allclose(distance(one, other), distance(other, one), rtol=1e-9)
    far = [x + 100 for x in one]  # sums of squares are large and their difference small
    np.testing.assert_allclose(distance(far, [x + 100 for x in other]), distance(one, other), rtol=1e-6)


def test_fewer_windows_than_features():
    one, other = clips(0, 2, 32), clips(1, 2, 32)
    assert np.isfinite(distance(one, other)) and distance(one, one) < 1e-6
    np.testing.assert_allclose(distance(one, other), slow(one, other), rtol=1e-5)
    assert np.isnan(distance([one[0][:1]], [other[0]]))  # a single window has no variance


def test_many_sums_are_as_one_by_one():
    result = frechet.score_fgd(clips(0), clips(1), DIGEST)
    assert result.statistics.shape == (30, 2 * (1 + 6 + 36)) and result.statistics.dtype == np.float64
    weights = np.random.default_rng(0).integers(0, 4, size=(2, 3, 30))
    weights[0, 0] = 0  # a sum of nothing: undefined, and harmless to its neighbours
    together = result.value_of(weights @ result.statistics)
    assert together.shape == (2, 3) and np.isnan(together[0, 0])
    for place in np.ndindex(2, 3):
        drawn = np.repeat(np.arange(30), weights[place])
        if len(drawn):
            again = slow(*([x[i] for i in drawn] for x in (clips(0), clips(1))))
            np.testing.assert_allclose(together[place], again, rtol=1e-8)


def test_the_bootstrap_is_quick():
    result = frechet.score_fgd(clips(0, 200, 32), clips(1, 200, 32), DIGEST)
    start = time.process_time()
    low, high = compute_interval(result, resamples=250)
    assert low < high and time.process_time() - start < 4  # about .25 s on an idle core


def test_halves():
    one = clips(0, 31)
    result = frechet.score_split_half(one, DIGEST, 3)
    assert result.signature == "FGD-half|encoder:0123456789ab|window:32|hop:16|features:6|seed:3|v:1"
    assert len(result.statistics) == 15
    whole, parts = sum(map(len, one)), result.statistics.sum(0)
    assert whole - 9 <= parts[0] + parts[43] < whole  # one clip left out
    assert compute_value(result) == compute_value(frechet.score_split_half(one, DIGEST, 3)) > 0
    assert compute_value(result) != compute_value(frechet.score_split_half(one, DIGEST, 4))
    pair = frechet.score_split_half(one[:2], DIGEST, 0)
    np.testing.assert_allclose(compute_value(pair), distance(one[:1], one[1:2]), rtol=1e-6)


def test_signatures_tell_encoders_apart():
    signatures = {
        frechet.score_fgd(clips(0), clips(1), digest).signature for digest in (DIGEST, DIGEST[::-1])
    }
    assert "FGD|encoder:0123456789ab|window:32|hop:16|features:6|v:1" in signatures and len(signatures) == 2


@pytest.mark.parametrize("predicted, message", [
    (clips(1, 29), "30 and 29"),
    (clips(1, 30, 5), "generated clip 0"),
    ([*clips(1, 29), np.full((1, 6), np.nan)], "generated clip 29"),
    ([*clips(1, 29), np.zeros(6)], "generated clip 29"),
])  # fmt: skip
def test_what_cannot_be_compared_is_named(predicted, message):
    with pytest.raises(DataError, match=message):
        frechet.score_fgd(clips(0), predicted, DIGEST)
    with pytest.raises(DataError, match="at least 2"):
        frechet.score_split_half(clips(0, 1), DIGEST, 0)


@pytest.mark.parametrize("frames, starts", [
    (1, [0]), (20, [0]), (32, [0]), (33, [0, 1]), (48, [0, 16]), (49, [0, 16, 17]), (64, [0, 16, 32]),
])  # fmt: skip
def test_windows(frames, starts):
    windows = frechet.split_windows(frames)
    assert windows[:, 0].tolist() == starts and windows.shape == (len(starts), 32)
    assert windows.max() == frames - 1 and set(windows.ravel()) == set(range(frames))
    if frames >= 32:
        assert (np.diff(windows, axis=1) == 1).all()
    else:
        assert windows[0].tolist() == [*range(frames), *[frames - 1] * (32 - frames)]


def test_diversity_is_the_mean_distance_of_pairs():
    means = average_windows(clips(0, 40))
    np.testing.assert_allclose(means[7], clips(0, 40)[7].mean(0))
    result = score_diversity(means, 0, DIGEST)
    expected = "Diversity|encoder:0123456789ab|window:32|hop:16|features:6|pairs:300|seed:0|v:1"
    assert result.signature == expected and len(result.statistics) == 300
    possible = np.array([np.linalg.norm(a - b) for a, b in itertools.combinations(means, 2)])
    drawn = result.statistics[:, 0]
    assert np.abs(drawn[:, None] - possible).min(1).max() < 1e-12  # pairs of different clips
    assert len(np.unique(drawn.round(9))) > 200
    np.testing.assert_allclose(compute_value(result), possible.mean(), rtol=0.1)
    np.testing.assert_array_equal(score_diversity(means, 0, DIGEST).statistics, result.statistics)
    assert compute_value(score_diversity(means, 1, DIGEST)) != compute_value(result)
    with pytest.raises(DataError, match="at least 2 clips"):
        score_diversity(means[:1], 0, DIGEST)


def test_multimodality_is_the_mean_distance_within_texts():
    def pairs_of(text):
        return [np.linalg.norm(a - b) for a, b in itertools.combinations(text, 2)]

    rng = np.random.default_rng(0)
    few = rng.normal(size=(7, 3, 6))  # three pairs: all are taken
    expected = np.mean([np.mean(pairs_of(text)) for text in few])
    np.testing.assert_allclose(compute_value(score_multimodality(few, 0, DIGEST)), expected, rtol=1e-12)
    more = rng.normal(size=(2, 6, 6))  # fifteen pairs, ten of which are taken
    result = score_multimodality(more, 0, DIGEST)
    assert result.signature.endswith("|features:6|repeats:6|pairs:10|seed:0|v:1")
    for text, (total, count) in zip(more, result.statistics, strict=True):
        means = [np.mean(chosen) for chosen in itertools.combinations(pairs_of(text), 10)]
        assert count == 1 and np.abs(np.array(means) - total).min() < 1e-12
    assert compute_value(score_multimodality(more, 1, DIGEST)) != compute_value(result)
    with pytest.raises(DataError, match="there are 1 of 7"):
        score_multimodality(few[:, :1], 0, DIGEST)
