"""Tensors of .safetensors files: read in their own types, and refused where the header lies."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from signjax.io import safetensors as tensors
from signjax.io.safe_read import InvalidFileError


def test_tensors_are_read_in_their_own_types(tmp_path):
    rng = np.random.default_rng(0)
    expected = {kind: rng.normal(size=(3, 4)).astype(kind) for kind in ("float32", "float16", "float64")}
    expected |= {"int64": np.arange(5), "scalar": np.float32(2), "none": np.zeros((0, 3), np.float32)}
    save_file({name: np.asarray(value) for name, value in expected.items()}, tmp_path / "x")
    arrays = tensors.read_tensors(tmp_path / "x")
    assert arrays.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(arrays[name], value, strict=name != "scalar")
    half = jnp.asarray(expected["float32"], jnp.bfloat16)
    content = np.asarray(half).tobytes()
    header = json.dumps({"a": {"dtype": "BF16", "shape": [3, 4], "data_offsets": [0, 24]}}).encode()
    (tmp_path / "y").write_bytes(len(header).to_bytes(8, "little") + header + content)
    np.testing.assert_array_equal(tensors.read_tensors(tmp_path / "y")["a"], np.float32(half))


@pytest.mark.parametrize(
    "entry",
    [
        {"shape": [2, 2]},
        {"shape": [-1, -1]},
        {"shape": [True]},
        {"shape": [0, 1 << 40, 1 << 40], "data_offsets": [0, 0]},
        {"data_offsets": [0, 8]},
        {"data_offsets": [4, 8]},
        {"data_offsets": [4, 0]},
        {"data_offsets": [-4, 0]},
        {"data_offsets": [0]},
        {"dtype": "F8"},
        {"dtype": None},
    ],
)
def test_tensors_that_lie_are_refused(entry, tmp_path):
    good = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    for content in (good | entry, []):
        header = json.dumps({"a": content}).encode()
        (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        with pytest.raises(InvalidFileError, match="'a'"):
            tensors.read_tensors(tmp_path / "x")
