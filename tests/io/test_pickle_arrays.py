"""Pickles are read as data: arrays, dicts and lists come back, and nothing in them is run."""

import collections
import os
import pickle

import numpy as np
import pytest

from signjax.io import pickle_arrays, pickle_interpreter
from signjax.io.safe_read import InvalidFileError

ARRAYS = [
    np.arange(6.0).reshape(2, 3), np.arange(6, dtype=">i4"), np.asfortranarray(np.ones((2, 3), np.float32)),
    np.zeros((0, 3)), np.array(2.5), np.array([True, False]), np.arange(6, dtype="u1")[::2],
    np.float16([1, 2]),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_what_numpy_writes_comes_back(protocol):
    content = {
        "a": ARRAYS,
        "twice": [ARRAYS[0], ARRAYS[0]],
        3: ("text é", -1, 1 << 40, 2.5, None, True, b"bytes"),
    }
    content |= {"scalar": np.float32(1.5), "ordered": collections.OrderedDict(x=[]), "": {}}
    actual = pickle_arrays.parse_pickle(pickle.dumps(content, protocol))
    for array, expected in zip([*actual["a"], *actual["twice"]], [*ARRAYS, *[ARRAYS[0]] * 2], strict=True):
        assert array.dtype == expected.dtype.newbyteorder("=") and array.size == expected.size
        np.testing.assert_array_equal(array.reshape(expected.shape), expected)
    assert actual[3] == content[3] and actual["scalar"] == 1.5 and actual["ordered"] == {"x": []}


class Call:
    """Pickles to the call of a function."""

    def __init__(self, function, *arguments):
        self.what = function, arguments

    def __reduce__(self):
        return self.what


@pytest.mark.parametrize("value, message", [
    (lambda path: Call(os.system, f"touch {path}"), "system, which is not read"),
    (lambda path: Call(open, str(path), "w"), "open, which is not read"),
    (lambda path: Call(eval, f"open({str(path)!r}, 'w')"), "eval, which is not read"),
    (lambda path: {"x": [Call(os.mkdir, str(path))]}, "mkdir, which is not read"),
    (lambda path: np.array([None, path], object), "an array of type 'O8'"),
    (lambda path: np.array(["a"]), "an array of type 'U1'"),
    (lambda path: {(1, 2): 3}, "a key that is neither text nor number"),
    (lambda path: {1, 2}, "set, which is not read|EMPTY_SET"),
    (lambda path: np.random.default_rng(0), "which is not read"),
])  # fmt: skip
def test_what_is_no_data_is_refused_and_not_run(tmp_path, value, message):
    path = tmp_path / "made"
    for protocol in (2, 4, 5):
        data = pickle.dumps(value(path), protocol)
        with pytest.raises(InvalidFileError, match=message):
            pickle_arrays.parse_pickle(data)
    assert not path.exists()


@pytest.mark.parametrize(
    "data", [b"", b"x", b"\x80\x04.", b"\x80\x04N", b"\x80\x04a.", b"]" * 9, b"\x80\x04h\x05."]
)
def test_what_is_no_pickle_is_one_line(data):
    with pytest.raises(InvalidFileError) as caught:
        pickle_arrays.parse_pickle(data)
    assert "\n" not in str(caught.value)


def test_a_wrong_size_is_refused():
    data = pickle.dumps(np.zeros((7, 3)), 4).replace(b"K\x07K\x03", b"K\x08K\x03")
    with pytest.raises(InvalidFileError, match=r"an array \[8, 3\] of float64 in 168 bytes"):
        pickle_arrays.parse_pickle(data)


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(pickle_interpreter, "MAX_INSTRUCTIONS", 100)
    with pytest.raises(InvalidFileError, match="more than 100 instructions"):
        pickle_arrays.parse_pickle(b"\x80\x04" + b"}" * 200 + b".")
