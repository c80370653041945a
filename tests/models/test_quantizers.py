"""Quantizers against plain NumPy: codes, moving averages, starts and re-seeding; padding counts nowhere."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from signjax.models import quantizers

pytestmark = pytest.mark.usefixtures("compile_quickly")
Q, K, D = 3, 16, 4
SETTINGS = {"levels": Q, "codes": K, "decay": 0.9, "commitment": 0.25, "dropout": 0.0, "revive": 0.0}


@pytest.fixture
def z():
    return np.random.default_rng(0).normal(size=(4, 10, D)).astype(np.float32)


@pytest.fixture
def mask():
    return np.arange(10) < np.array([10, 7, 3, 1])[:, None]


@functools.cache
def book():
    """Codebooks of all levels, smaller from level to level, at unequal counts: sums and counts."""
    rng = np.random.default_rng(1)
    counts = rng.uniform(0.5, 2.0, (Q, K)).astype(np.float32)
    entries = rng.normal(size=(Q, K, D)) / 2.0 ** np.arange(Q)[:, None, None]
    return {"sums": (entries * counts[..., None]).astype(np.float32), "counts": counts}


def entries(codebook):
    """[Q, K, D] in float64."""
    sums, counts = (np.asarray(codebook[name], np.float64) for name in ("sums", "counts"))
    return sums / counts[..., None]


@functools.partial(jax.jit, static_argnums=(0, 4))
def _apply(model, codebook, z, mask, train, key):
    variables = {"codebook": codebook}
    if not train:
        return model.apply(variables, z, mask, False), codebook
    out, new = model.apply(variables, z, mask, True, mutable=["codebook"], rngs={"quantize": key})
    return out, new["codebook"]


def run(z, mask, train=True, codebook=None, key=0, **settings):
    """(Quantized, the codebook collection afterwards)."""
    model = quantizers.ResidualVQ(**SETTINGS | settings)
    if codebook is None:
        codebook = model.init(jax.random.key(9), z, mask, False)["codebook"]
    return jax.device_get(_apply(model, codebook, z, mask, train, jax.random.key(key)))


def search(z, embedding):
    """Codes and what is left over, by brute force in float64."""
    rest, codes = np.asarray(z, np.float64), []
    for level in embedding:
        codes.append(((rest[..., None, :] - level) ** 2).sum(-1).argmin(-1))
        rest = rest - level[codes[-1]]
    return np.stack(codes, axis=-1), rest


def rows_of(x, latents):
    """Whether each of x [n, D] is one of latents [m, D], to rounding."""
    return (np.abs(x[:, None] - latents).max(-1) < 1e-5).any(1)


@pytest.mark.parametrize("train", [False, True])
def test_codes_are_the_nearest(train, z, mask):
    out, _ = run(z, mask, train, book())
    codes, rest = search(z, entries(book()))
    np.testing.assert_array_equal(out.codes, codes)
    np.testing.assert_allclose(out.z, z - rest, atol=1e-5)
    assert out.codes.dtype == np.int32 and len(np.unique(codes)) > K / 2


def test_decode_gives_what_was_quantized(z, mask):
    out, _ = run(z, mask, False, book())
    model = quantizers.ResidualVQ(**SETTINGS)
    decoded = model.apply({"codebook": book()}, out.codes, method="decode")
    np.testing.assert_allclose(decoded, out.z, atol=1e-6)


def test_commitment_is_over_real_latents(z, mask):
    out, _ = run(z, mask, True, book(), levels=1, codes=K)
    _, rest = search(z, entries(book())[:1])
    np.testing.assert_allclose(out.loss, 0.25 * (rest[mask] ** 2).mean(), rtol=1e-5)


def test_gradients(z, mask):
    """Straight through the codes; from the commitment towards the code, and only for real latents."""
    model, one = (
        quantizers.ResidualVQ(**SETTINGS | {"levels": 1}),
        {name: x[:1] for name, x in book().items()},
    )
    weight, one = np.cos(np.arange(z.size, dtype=np.float32)).reshape(z.shape), jax.tree.map(jnp.asarray, one)

    def forward(x):
        return model.apply(
            {"codebook": one}, x, mask, True, mutable=["codebook"], rngs={"quantize": jax.random.key(0)}
        )[0]

    through = jax.grad(lambda x: (forward(x).z * weight).sum())(z)
    np.testing.assert_array_equal(through, weight)
    pull = jax.grad(lambda x: forward(x).loss)(z)
    _, rest = search(z, entries(one))
    np.testing.assert_allclose(pull, 0.25 * 2 * rest * mask[..., None] / mask.sum() / D, atol=1e-6)


@pytest.mark.parametrize("start", ["fresh", "moving"])
def test_padding_leaves_no_bit(start, z, mask):
    codebook, settings = (book() if start == "moving" else None), {"revive": 0.9, "dropout": 0.5}
    out, new = run(z, mask, True, codebook, **settings)
    wild = np.where(mask[..., None], z, 1e3).astype(np.float32)
    other, changed = run(wild, mask, True, codebook, **settings)
    assert out.loss.tobytes() == other.loss.tobytes()
    assert all(new[name].tobytes() == changed[name].tobytes() for name in new)
    assert out.z[mask].tobytes() == other.z[mask].tobytes()
    seen, moved = run(wild, np.ones_like(mask), True, codebook, **settings)
    assert seen.loss != out.loss and (moved["sums"] != new["sums"]).any()


def test_moving_averages(z, mask):
    _, new = run(z, mask, True, book())
    rest, embedding = z.astype(np.float64), entries(book())
    for level in range(Q):
        codes, left = search(rest, embedding[level : level + 1])
        hits = np.eye(K)[codes[mask, 0]]  # [n, K]
        counts = 0.9 * book()["counts"][level] + 0.1 * hits.sum(0)
        sums = 0.9 * book()["sums"][level] + 0.1 * hits.T @ rest[mask]
        np.testing.assert_allclose(new["counts"][level], counts, rtol=1e-5)
        np.testing.assert_allclose(new["sums"][level], sums, atol=1e-5)
        rest = left


def test_evaluation_moves_nothing(z, mask):
    model = quantizers.ResidualVQ(**SETTINGS)
    _, new = model.apply({"codebook": book()}, z, mask, False, mutable=["codebook"])
    assert all(np.array_equal(new["codebook"][name], x) for name, x in book().items())


def test_codebooks_start_as_latents_of_the_batch(z, mask):
    """decay=1 shows the start itself; a later level starts from what the levels before left over."""
    _, new = run(z, mask, True, decay=1.0)
    rest = z
    for level, start in enumerate(entries(new)):
        assert (new["counts"][level] == 1).all()
        assert rows_of(start, rest[mask]).all()
        rest = search(rest, start[None])[1]
    assert len(np.unique(entries(new)[0], axis=0)) == K < mask.sum(), "no latent drawn twice"
    _, again = run(z, mask, True, decay=1.0, key=1)
    assert (again["sums"] != new["sums"]).any()
    _, later = run(z + 9, mask, True, new, decay=1.0)
    assert np.array_equal(later["sums"], new["sums"]), "only the first batch starts codebooks"


def test_dead_codes_are_seeded_anew(z, mask):
    codebook = {name: x[:1].copy() for name, x in book().items()}
    counts = codebook["counts"]
    counts[:] = 1
    codebook["sums"][0, 3], counts[0, 3] = 1e-3 * np.full(D, 50), 1e-3  # far away
    _, kept = run(z, mask, True, codebook, levels=1)
    _, new = run(z, mask, True, codebook, levels=1, revive=0.4)
    dead = kept["counts"][0] < 0.4 * kept["counts"][0].mean()
    assert dead[3] and dead.sum() == 1
    assert np.array_equal(new["sums"][0, ~dead], kept["sums"][0, ~dead])
    assert np.array_equal(new["counts"][0, ~dead], kept["counts"][0, ~dead])
    np.testing.assert_allclose(new["counts"][0, 3], kept["counts"][0].mean(), rtol=1e-6)
    assert rows_of(entries(new)[0, 3:4], z[mask]).all()
    _, nobody = run(z, np.zeros_like(mask), True, codebook, levels=1, revive=0.4)
    np.testing.assert_allclose(nobody["counts"], 0.9 * counts, rtol=1e-6)


def test_dropout_keeps_leading_levels(z, mask):
    full, _ = run(z, mask, True, book())
    partial = np.cumsum([entries(book())[level][full.codes[..., level]] for level in range(Q)], axis=0)
    depths = set()
    for key in range(4):
        out, new = run(z, mask, True, book(), key, dropout=1.0)
        assert np.array_equal(new["sums"][-1], np.float32(0.9) * book()["sums"][-1]), "never the last level"
        for row in range(len(z)):
            fits = [np.allclose(out.z[row], partial[level, row], atol=1e-5) for level in range(Q)]
            last = fits.index(True)
            assert sum(fits) == 1
            assert np.array_equal(out.codes[row, :, : last + 1], full.codes[row, :, : last + 1])
            depths.add(last)
    assert depths == set(range(Q - 1))
    evaluated, _ = run(z, mask, False, book(), dropout=1.0)
    assert np.array_equal(evaluated.codes, full.codes)


def test_each_level_lowers_the_error():
    rng, codebook = np.random.default_rng(2), None
    full = np.ones((8, 32), bool)
    for key in range(20):
        z = rng.normal(size=(8, 32, D)).astype(np.float32)
        out, codebook = run(z, full, True, codebook, key, revive=0.1)
    out, _ = run(z, full, False, codebook)
    levels = np.stack([entries(codebook)[level][out.codes[..., level]] for level in range(Q)])
    errors = ((z - np.cumsum(levels, axis=0)) ** 2).mean((1, 2, 3))
    assert (errors < 0.6 * np.array([1, *errors[:-1]])).all(), errors


STEPS = (5, 8, 3)


def test_fsq_has_a_latent_for_every_code():
    model = quantizers.FSQ(1, STEPS)
    codes = np.arange(np.prod(STEPS))[None, :, None]
    z = model.apply({}, codes, method="decode")  # [1, K, 3]
    assert len(np.unique(z[0], axis=0)) == codes.size and np.abs(z).max() <= 1
    half, shift = (np.array(STEPS) - 1) * 1.001 / 2, np.array([0, 0.5, 0])
    before = np.arctanh((z * (np.array(STEPS) // 2) + shift) / half) - np.arctanh(shift / half)
    out = model.apply({}, before.astype(jnp.float32), None, True)
    np.testing.assert_array_equal(out.codes, codes)
    np.testing.assert_allclose(out.z, z, atol=1e-5)
    assert out.loss == 0


def test_fsq_codes_are_in_range_and_decode():
    model = quantizers.FSQ(2, STEPS)
    z = 10 * np.random.default_rng(0).normal(size=(3, 50, 6)).astype(np.float32)
    out = model.apply({}, z, None, False)
    assert out.codes.shape == (3, 50, 2) and out.codes.min() >= 0 and out.codes.max() < np.prod(STEPS)
    np.testing.assert_allclose(model.apply({}, out.codes, method="decode"), out.z, atol=1e-5)
    alone = quantizers.FSQ(1, STEPS).apply({}, z[..., 3:], None, False)
    np.testing.assert_array_equal(out.codes[..., 1:], alone.codes)


def test_fsq_gradient_is_that_of_the_bound():
    steps = (5, 5)
    z = np.random.default_rng(0).normal(size=(1, 7, 2)).astype(np.float32)
    grad = jax.grad(lambda x: quantizers.FSQ(1, steps).apply({}, x, None, True).z.sum())(z)
    np.testing.assert_allclose(grad, (1 - np.tanh(z) ** 2) * 1.001, rtol=1e-4)


@pytest.mark.parametrize("dim", (1, 8))
def test_divergence_is_a_mean_over_dimensions(dim):
    """The weight of the config is that of the mean, whatever the size of the latents."""
    bottleneck = quantizers.GaussianBottleneck(dim, weight=0.5)
    z, mask = np.full((2, 3, dim), 2.0, np.float32), np.ones((2, 3), bool)
    loss = bottleneck.apply(bottleneck.init(jax.random.key(0), z, mask, False), z, mask, False).loss
    log_variance = quantizers.START_LOG_VARIANCE
    expected = (2.0**2 + np.exp(log_variance) - log_variance - 1) / 2
    np.testing.assert_allclose(loss, 0.5 * expected, rtol=1e-5)


def drawn_always(codebook, z, mask, share, rng):
    """What `drawn_if_needed` gives, with latents drawn whether they are needed or not."""
    sums, counts = codebook["sums"][0], codebook["counts"][0]
    untrained, mean = counts.sum() == 0, counts.mean()
    drawn = quantizers._sample_rows(z, mask, K, rng)
    dead = (counts < share * mean) & (mask.sum() > 0)
    start = jnp.where(untrained, drawn, sums), jnp.where(untrained, jnp.ones_like(counts), counts)
    reset = jnp.where(dead[:, None], drawn * mean, sums), jnp.where(dead, mean, counts)
    return start, reset


def drawn_if_needed(codebook, z, mask, share, rng):
    level = codebook["sums"][0], codebook["counts"][0], z, mask
    return quantizers._init_from_batch(*level, rng), quantizers._reset_dead_codes(*level, share, rng)


@pytest.mark.parametrize("share", [0.0, 0.9])
@pytest.mark.parametrize("start", ["fresh", "moving"])
@pytest.mark.parametrize("kept", [1, 0])
def test_drawing_only_if_needed_changes_no_bit(start, share, kept, z, mask):
    codebook = book() if start == "moving" else jax.tree.map(np.zeros_like, book())
    arguments = codebook, z, mask * bool(kept), share, jax.random.key(3)
    for expected, found in zip(
        jax.tree.leaves(jax.jit(drawn_always)(*arguments)),
        jax.tree.leaves(jax.jit(drawn_if_needed)(*arguments)),
        strict=True,
    ):
        assert np.asarray(expected).tobytes() == np.asarray(found).tobytes()


def list_operations(jaxpr, within=()):
    """(operation, the operations that it is within) of a program and of those within it."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        yield name, within
        for value in equation.params.values():
            for part in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(part, "jaxpr", part)
                if hasattr(inner, "eqns"):
                    yield from list_operations(inner, (*within, name))


def test_a_step_sorts_latents_only_where_codes_are_drawn(z, mask):
    arguments = book(), z, mask, True, jax.random.key(0)
    model = quantizers.ResidualVQ(**SETTINGS | {"revive": 0.4})
    program = jax.make_jaxpr(_apply, static_argnums=(0, 4))(model, *arguments)
    sorts = [within for name, within in list_operations(program.jaxpr) if name == "sort"]
    assert len(sorts) == 2 * Q and all("cond" in within for within in sorts)
