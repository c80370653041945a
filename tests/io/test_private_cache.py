"""Where the caches of a user are."""

import pathlib

import pytest

from signjax.io import private_cache


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("{tmp}/caches", "{tmp}/caches/signjax"),
        ("", "{tmp}/.cache/signjax"),
        ("here", "{tmp}/.cache/signjax"),
    ],
)
def test_caches_are_where_the_user_wants_them(tmp_path, monkeypatch, variable, expected):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", variable.format(tmp=tmp_path))
    assert private_cache.find_user_cache() == pathlib.Path(expected.format(tmp=tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert private_cache.find_user_cache() == tmp_path / ".cache/signjax"
