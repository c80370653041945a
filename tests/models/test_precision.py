"""Products that must not depend on the machine are exact: accelerators round factors by default."""

import jax
import jax.numpy as jnp
import numpy as np
from gpt_helpers import MODEL, variables

from signjax.inference import latent_space
from signjax.metrics import motion_features

HIGHEST = jax.lax.Precision.HIGHEST


def list_products(jaxpr):
    """All matrix products and convolutions of a program, those of its inner programs too."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("dot_general", "conv_general_dilated"):
            yield equation
        for inner in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda x: hasattr(x, "eqns") or hasattr(x, "jaxpr")
        ):
            if hasattr(inner, "eqns") or hasattr(inner, "jaxpr"):
                yield from list_products(getattr(inner, "jaxpr", inner))


def is_exact(equation) -> bool:
    return equation.params["precision"] == (HIGHEST, HIGHEST)


def test_features_of_motion_are_exact():
    extractor = motion_features.load_extractor()
    program = jax.make_jaxpr(extractor.encode)(jnp.zeros((2, motion_features.WINDOW, 50, 3)))
    products = list(list_products(program.jaxpr))
    assert len(products) > 4 and all(map(is_exact, products))


def test_positions_of_texts_are_exact():
    ids, ones = np.array([[5, 6, 7]]), np.ones((1, 3), bool)
    program = jax.make_jaxpr(lambda v: MODEL.apply(v, ids, ones, method="encode_text").centres)(variables())
    # Durations, and their sums: nothing else of the encoder has one number a token.
    products = [p for p in list_products(program.jaxpr) if p.outvars[0].aval.shape[-1] == 1]
    assert len(products) == 2 and all(map(is_exact, products))


def test_latents_of_a_flow_are_exact():
    space = latent_space.fit_latent_space(np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32))
    for convert in (latent_space.to_latent_space, latent_space.from_latent_space):
        [product] = list_products(jax.make_jaxpr(lambda x, f=convert: f(space, x))(jnp.zeros((2, 6))).jaxpr)
        assert is_exact(product)
