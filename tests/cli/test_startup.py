"""Commands import without looking for unused objects meanwhile; other programs are left as they are."""

import gc
import sys
import types

import pytest

from signjax.cli import startup


@pytest.fixture
def frozen(monkeypatch) -> list[bool]:
    """Whether collection was on at each call of gc.freeze, which would also freeze what other tests left."""
    states: list[bool] = []
    monkeypatch.setattr(startup.gc, "freeze", lambda: states.append(gc.isenabled()))
    return states


def be_command(monkeypatch, name: str) -> None:
    main = types.SimpleNamespace(__spec__=types.SimpleNamespace(name=name))
    monkeypatch.setitem(sys.modules, "__main__", main)


def test_a_command_imports_without_collection_and_has_it_again_after_an_error(monkeypatch, frozen):
    be_command(monkeypatch, "signjax.sample")
    with pytest.raises(ImportError), startup.import_quickly():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() and frozen == [False]


def test_other_programs_keep_their_collection(monkeypatch, frozen):
    be_command(monkeypatch, "pytest")
    with startup.import_quickly():
        assert gc.isenabled()
    assert not frozen
