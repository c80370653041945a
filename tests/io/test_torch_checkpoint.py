"""Checkpoints of PyTorch are read as data: the same numbers, and nothing that they name is looked up."""

import importlib.util
import os
import pickle
import zipfile

import make_torch_file
import mutations
import numpy as np
import pytest

from signjax.io import pickle_interpreter
from signjax.io.safe_read import InvalidFileError
from signjax.io.torch_checkpoint import Instance, read_torch

EXPECTED = {
    "turned": np.arange(12, dtype=np.float32).reshape(3, 4).T,
    "tail": np.arange(8, 12, dtype=np.float32),
    "half": np.arange(4, dtype=np.float16) / np.float16(8),
    "brain": np.arange(4, dtype=np.float32) / 8,
    "count": np.array(7),
    "empty": np.zeros((0, 3), np.float32),
    "seen": np.array([True, False]),
    "learned": np.full((2, 2), 0.5, np.float32),
}


def check(path):
    content = read_torch(path)
    assert content["epoch"] == 3 and content["model_state_dict"].keys() == EXPECTED.keys()
    for name, value in EXPECTED.items():
        np.testing.assert_array_equal(content["model_state_dict"][name], value, strict=True)
    cfg = content["cfg"]
    assert isinstance(cfg, Instance) and cfg.of == ("seed_config", "Config") and cfg.fields["width"] == 256
    np.testing.assert_array_equal(cfg.fields["mean"], np.arange(3, dtype=np.float32) / 4)
    simple = [1, -2, 1 << 40, 0.5, None, True, "ü", (), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), {"a": [[]]}]
    assert content["other"] == simple


def test_what_torch_wrote():
    check(make_torch_file.PATH)


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_what_torch_writes_here(tmp_path):
    make_torch_file.write(tmp_path / "x.pth")
    check(tmp_path / "x.pth")


def archived(path, data: bytes, **members: bytes):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x/data.pkl", data)
        for name, content in members.items():
            archive.writestr(f"x/data/{name}", content)
    return path


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def test_what_a_pickle_would_call_is_not_called(tmp_path):
    mark = tmp_path / "ran"
    content = read_torch(archived(tmp_path / "x.pth", pickle.dumps({"a": Evil(mark)}, protocol=2)))
    assert content["a"].of.name == "system" and not mark.exists()


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (1 << 40,), (0,)),
        (3, (2,), (1,)),
        (0, (2,), (9,)),
        (-1, (1,), (1,)),
        (0, (2,), ()),
        (0, (5,), (0,)),
    ],
)
def test_tensors_beyond_their_data_are_refused(offset, shape, strides, tmp_path):
    storage = b"(" + _parts("storage") + b"ctorch\nFloatStorage\n" + _parts("0", "cpu", 4) + b"tQ"
    rebuilt = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + _parts(offset, shape, strides) + b"tR"
    data = b"\x80\x02" + rebuilt + b"."
    with pytest.raises(InvalidFileError, match="tensor"):
        read_torch(archived(tmp_path / "x.pth", data, **{"0": bytes(16)}))


def _parts(*values) -> bytes:
    """Instructions that put values on the stack."""
    return b"".join(pickle.dumps(value, protocol=2)[2:-1] for value in values)


def test_damaged_files_are_faults(tmp_path):
    data, rng, refused = make_torch_file.PATH.read_bytes(), np.random.default_rng(0), 0
    for k in range(300):
        path = tmp_path / f"{k}.pth"
        path.write_bytes(mutations.mutate(rng, "x.bin", data, data))
        try:
            read_torch(path)
        except InvalidFileError as error:
            assert len(str(error)) < 200
            refused += 1
    assert refused > 100


@pytest.mark.parametrize("data", [b"", b"\x80\x02.", b"\x80\x02}", b"\x80\x02(K\x01.", b"\x80\x02}(]K\x01u."])
def test_pickles_that_make_nothing_are_faults(data, tmp_path):
    with pytest.raises(InvalidFileError):
        read_torch(archived(tmp_path / "x.pth", data))


def test_memory_is_bounded(tmp_path, monkeypatch):
    """Each instruction may take a hundred bytes."""
    monkeypatch.setattr(pickle_interpreter, "MAX_INSTRUCTIONS", 100)
    with pytest.raises(InvalidFileError, match="more than 100 instructions"):
        read_torch(archived(tmp_path / "x.pth", b"\x80\x02" + b"(" * 200))
