"""Near codes: soft targets spread over them, first embeddings that lie close, the books themselves."""

import functools

import jax
import ml_collections
import numpy as np
import pytest
from gpt_helpers import CODES, COLUMNS, MODEL, variables
from gpt_run import get_config

from signjax.inference.pose_tokenizer import PoseTokenizer
from signjax.models import build
from signjax.models.code_layout import code_shape
from signjax.pose import body_parts
from signjax.tasks import gpt, soft_targets

pytestmark = pytest.mark.usefixtures("compile_quickly")
BOOKS = np.random.default_rng(2).normal(size=(COLUMNS, CODES, 4)).astype(np.float32)


@pytest.mark.parametrize("spread", [2.0, 4.0])
def test_soft_targets_prefer_the_code_and_its_neighbours(spread):
    targets = soft_targets.make_soft_targets(BOOKS, spread)
    np.testing.assert_allclose(targets.sum(-1), 1, rtol=1e-5)
    entropy = -(targets * np.log(targets + 1e-30)).sum(-1).mean(1)
    np.testing.assert_allclose(np.exp(entropy), spread, rtol=1e-3)
    distance = ((BOOKS[:, :, None] - BOOKS[:, None]) ** 2).sum(-1)
    for row, away in zip(targets.reshape(-1, CODES), distance.reshape(-1, CODES), strict=True):
        assert (np.diff(row[np.argsort(away)]) <= 0).all() and row[away.argmin()] == row.max()


def test_codes_of_a_part_that_never_moves_have_finite_targets():
    books = np.stack([np.ones((CODES, 4), np.float32), BOOKS[0]])
    targets = soft_targets.make_soft_targets(books, 4.0)
    np.testing.assert_array_equal(targets[0], np.eye(CODES))
    np.testing.assert_array_equal(targets[1], soft_targets.make_soft_targets(BOOKS[:1], 4.0)[0])
    assert all(np.isfinite(x).all() for x in soft_targets.init_code_embeddings(books, 8, 0)["depth_out"])


def test_no_spread_is_the_code_itself():
    np.testing.assert_array_equal(
        soft_targets.make_soft_targets(BOOKS, 1.0), np.stack([np.eye(CODES)] * COLUMNS)
    )


def test_soft_targets_of_single_codes_change_no_loss():
    """Columns and codes are not mixed up: the cross entropy is the same."""
    rng = np.random.default_rng(0)
    batch = {
        "codes": rng.integers(0, CODES, (1, 6, COLUMNS)),
        "ends": np.arange(6)[None] == 5,
        "segment": np.ones((1, 6), int),
        "position": np.arange(6)[None],
        "text": np.array([[5, 6, 7]]),
        "text_segment": np.ones((1, 3), int),
        "text_position": np.arange(3)[None],
    }
    terms = jax.jit(lambda t: gpt.losses_and_metrics(MODEL, variables(), batch, batch["codes"], None, t))
    hard = jax.jit(lambda: gpt.losses_and_metrics(MODEL, variables(), batch, batch["codes"], None))()["code"]
    np.testing.assert_allclose(terms(soft_targets.make_soft_targets(BOOKS, 1.0))["code"], hard, rtol=1e-5)
    shifted = np.roll(soft_targets.make_soft_targets(BOOKS, 1.0), 1, axis=-1)
    assert abs(terms(shifted)["code"][0] - hard[0]) > 0.1


def test_near_codes_start_near():
    """In all three tables, each of its own projection; far codes start further apart."""
    start, params = soft_targets.init_code_embeddings(BOOKS, MODEL.width, 0), variables()["params"]
    names = ("code_embedding", "depth_embedding", "depth_out")
    assert jax.tree.map(np.shape, start) == {name: jax.tree.map(np.shape, params[name]) for name in names}
    inner = [start[name]["embedding"].reshape(COLUMNS, CODES, -1) for name in names[:2]]
    tables = [*inner, start["depth_out"].swapaxes(1, 2)]
    unit = BOOKS / BOOKS.std(1, keepdims=True)
    for table in map(np.asarray, tables):
        for column in range(COLUMNS):
            a, b = (((x[:, None] - x[None]) ** 2).sum(-1).ravel() for x in (unit[column], table[column]))
            assert np.corrcoef(a, b)[0, 1] > 0.7
        assert abs(np.corrcoef(table[0].ravel(), table[1].ravel())[0, 1]) < 0.5
    assert 0.005 < inner[0].std() < 0.08, "as large as other embeddings"


@functools.cache
def tokenizer(kind, layout):
    """A tokenizer with any codebooks; its parts have books and dimensions of their own."""
    c = get_config("vqvae", layout=layout)
    c.quantizer.update(kind=kind, codes=CODES, dim=5, steps=(4, 2, 2))
    c.quantizer.levels = {"arm": 1, "hand": 2, "whole": 3}
    c.model.size = ml_collections.ConfigDict({"stride": 4, "width": 8, "depth": 1})
    model, rng = build.build_tokenizer(c), np.random.default_rng(1)
    keys = {"params": jax.random.key(0), "quantize": jax.random.key(1)}
    shapes = jax.eval_shape(model.init, keys, np.zeros((1, 8, 50, 3)), np.ones((1, 8), bool))
    filled = jax.tree.map(lambda x: np.float32(rng.uniform(1, 2, x.shape)), shapes)
    return model, PoseTokenizer.from_config(c, filled)


@pytest.mark.parametrize(("kind", "layout"), [("rvq", "parts"), ("rvq", "whole"), ("fsq", "whole")])
def test_codebooks_are_in_the_order_of_the_columns(kind, layout):
    """Summed over a part's levels (side by side, for FSQ) they are what its quantizer decodes."""
    model, trained = tokenizer(kind, layout)
    c, books = trained.config, trained.codebooks
    columns, size = code_shape(c)
    assert books.shape[:2] == (columns, size)
    codes = np.random.default_rng(3).integers(0, size, (2, 6, columns))
    latents = books[np.arange(columns), codes]  # [B, N, C, dim]

    def decode(m, codes):
        return {name: m.quantizers[name].decode(part) for name, part in m._split_codes(codes).items()}

    expected, at = model.apply(trained.variables, codes, method=decode), 0
    for part in body_parts.LAYOUTS[layout]:
        levels = c.quantizer.levels[part]
        for decoded in np.split(np.asarray(expected[part]), len(body_parts.list_sides(layout))):
            own = latents[:, :, at : at + levels]
            own = own.reshape(*own.shape[:2], -1) if kind == "fsq" else own.sum(2)
            np.testing.assert_allclose(decoded, own, rtol=1e-5)
            at += levels
    assert at == columns
