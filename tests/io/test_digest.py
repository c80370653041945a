"""Digests of variables: what they see, and that those in runs and scores of long ago are still the same."""

import jax.numpy as jnp
import numpy as np

from signjax.io.digest import digest_arrays, digest_variables


def test_digests_see_names_types_shapes_and_bits():
    x = np.arange(6, dtype=np.float32)
    flipped = x.copy()
    flipped.view(np.uint8)[9] ^= 1
    trees = [
        {"a": x},
        {"b": x},
        {"a": x.reshape(2, 3)},
        {"a": x.view(np.int32)},
        {"a": flipped},
        {"a": {"a": x}},
    ]
    assert len({digest_variables(tree) for tree in trees}) == len(trees)
    assert digest_variables({"a": jnp.asarray(x)}) == digest_variables({"a": x.copy()})


def test_digests_on_disk_stay_what_they_are():
    kernel = {"kernel": jnp.ones((2,), jnp.bfloat16), "n": np.int32(3)}
    params = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": kernel}
    variables = {"params": params, "codebook": {"sums": np.zeros((0, 4), np.float16)}}
    assert digest_variables(variables) == "dbc0b7af7967"
    assert digest_variables(params, repr(("x", "ö")).encode(), typed=False) == "5f4671bcfbe0"
    digest = digest_arrays({"z": np.arange(3, dtype=np.float16), "about": np.array("ö")})
    assert digest == "78ac6349af339b0419c5c04564f53fcc3c22a7e853926d6d0064010048ab32be"
