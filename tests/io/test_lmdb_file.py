"""LMDB files, page by page: what the library writes comes back; damage is one line."""

import numpy as np
import pytest
import smplx_files

from signjax.io import lmdb_file
from signjax.io.safe_read import InvalidFileError

LIMIT = 1 << 20


def entries(count, seed=0):
    """Values of none to several pages."""
    rng = np.random.default_rng(seed)
    return {
        f"key {k:05}".encode(): rng.bytes(int(rng.integers(0, 9000) * rng.integers(0, 2)))
        for k in range(count)
    }


@pytest.mark.parametrize("count", [0, 1, 3, 2000])
def test_what_the_library_writes(tmp_path, count):
    lmdb = pytest.importorskip("lmdb")
    expected = entries(count)
    environment = lmdb.open(str(tmp_path / "x"), map_size=1 << 26, sync=False)
    # In several steps, with something removed: the pages are in no order then.
    for first in range(0, max(count, 1), 500):
        with environment.begin(write=True) as transaction:
            for key, value in list(expected.items())[first : first + 500]:
                transaction.put(key, value)
            transaction.put(b"gone", b"x" * 5000)
    with environment.begin(write=True) as transaction:
        transaction.delete(b"gone")
    environment.close()
    assert dict(lmdb_file.iterate_lmdb(tmp_path / "x/data.mdb", LIMIT)) == expected


def test_what_the_tests_write_is_what_the_library_reads(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    expected = entries(9)
    (tmp_path / "data.mdb").write_bytes(smplx_files.lmdb_bytes(expected))
    with lmdb.open(str(tmp_path), readonly=True, lock=False).begin() as transaction:
        assert dict(transaction.cursor()) == expected
    assert dict(lmdb_file.iterate_lmdb(tmp_path / "data.mdb", LIMIT)) == expected


def put(data, at, value):
    return data[:at] + value + data[at + len(value) :]


PAGE = smplx_files.PAGE


@pytest.mark.parametrize("damage, message", [
    (lambda d: b"", "is no LMDB file"),
    (lambda d: d[:5000], "is no LMDB file"),
    (lambda d: put(put(d, 16, b"1234"), PAGE + 16, b"1234"), "is no LMDB file of version 1"),
    (lambda d: d[: 2 * PAGE], "page 2 is not in it"),
    (lambda d: d[:-3500], "a value ends too early"),
    (lambda d: d[: 3 * PAGE], "page 3 is not in it"),
    (lambda d: put(d, 2 * PAGE + 10, b"\x08"), "page 2 is of no known kind"),
    (lambda d: put(d, 2 * PAGE + 12, b"\xff\xff"), "page 2 has 32759 entries"),
    (lambda d: put(d, 2 * PAGE + 16, b"\xff\xff"), "an entry of page 2 is not in it"),
    (lambda d: put(d, 2 * PAGE + 10, b"\x01"), "is damaged: page"),
    (lambda d: put(d, 3 * PAGE + 10, b"\x02"), "a value ends too early"),
])  # fmt: skip
def test_damage_is_named(tmp_path, damage, message):
    path = tmp_path / "data.mdb"
    path.write_bytes(damage(smplx_files.lmdb_bytes({b"a": b"x" * 4000, b"b": b"y" * 5000, b"c": b"z"})))
    with pytest.raises(InvalidFileError, match=message):
        dict(lmdb_file.iterate_lmdb(path, LIMIT))


def test_a_value_that_is_too_large_is_refused(tmp_path):
    (tmp_path / "data.mdb").write_bytes(smplx_files.lmdb_bytes({b"a": b"x" * 5000}))
    with pytest.raises(InvalidFileError, match="has a value of 5,000 bytes, more than 4,999"):
        dict(lmdb_file.iterate_lmdb(tmp_path / "data.mdb", 4999))
