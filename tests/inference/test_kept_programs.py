"""Compiled programs kept between processes: found again for another text, and never for another program."""

import functools
import json

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
import pytest
import shared_runs
from engine_helpers import spawn
from gpt_run import get_config

from signjax.inference import kept_programs
from signjax.io import private_cache
from signjax.models import build

SAMPLE = """
import json, sys
import jax
compiled = []
jax.monitoring.register_event_duration_secs_listener(
    lambda name, seconds, **more: compiled.append(more.get("fun_name")) if "backend_compile" in name else None
)
from signjax import sample
code = sample.main(json.loads(sys.argv[1]))
large = {"orbax", "grain", "transformers", "matplotlib", "tensorstore", "huggingface_hub", "optax"}
print("result:" + json.dumps([code, compiled, sorted(large & sys.modules.keys())]))
"""
IMPORTS = """
import sys
from signjax.cli import default_run, sample_output
from signjax.export import sample_files
from signjax.inference import kept_programs, load
large = {"orbax", "grain", "transformers", "matplotlib", "tensorstore", "huggingface_hub", "optax"}
print(*sorted(large & sys.modules.keys()))
"""
CALLS = [
    ["--text=hello", "--out=first"],
    ["--text=good morning", "--guidance=2.5", "--temperature=0.7", "--top_p=0.8", "--seed=3", "--out=second"],
    ["--text=hello", "--out=again"],
]


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """(exit code, programs that XLA compiled, large libraries) of CALLS, each in a process; their folder."""
    home = tmp_path_factory.mktemp("kept")
    run = shared_runs.write(home, "gpt")
    results = []
    for call in CALLS:
        options = [f"--workdir={run}", *(word.replace("--out=", f"--out={home}/") for word in call)]
        # One device, as users have; the tests' own cache must not be one that has the programs.
        more = {"XLA_FLAGS": "", "JAX_COMPILATION_CACHE_DIR": f"{home}/xla"}
        out, err = (process := spawn("-c", SAMPLE, json.dumps(options), home=home, **more)).communicate()
        assert process.returncode == 0, err
        results.append(json.loads(out.rpartition("result:")[2]))
    return results, home


@pytest.mark.extended
def test_another_text_and_other_options_compile_nothing(processes):
    first, second, again = (compiled for _, compiled, _ in processes[0])
    assert first and not second and not again


@pytest.mark.extended
def test_sampling_imports_what_it_uses_alone(processes):
    assert [(code, libraries) for code, _, libraries in processes[0]] == [(0, [])] * 3


@pytest.mark.extended
def test_a_kept_program_gives_the_same_clip(processes):
    first, again = (processes[1] / folder / "hello.npz" for folder in ("first", "again"))
    assert first.read_bytes() == again.read_bytes()


def test_the_modules_of_sampling_import_no_library_of_training():
    out, err = spawn("-c", IMPORTS).communicate()
    assert (out, err) == ("\n", "")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_programs, "_folders", [tmp_path])
    return tmp_path


def test_a_program_is_found_by_all_that_it_is_made_of(kept):
    def call(x, offset=1, by=1.0, owner=None):
        jitted = jax.jit(lambda n, x, by: (x * by + n,), static_argnums=0)
        return kept_programs.KeptProgram("add", jitted, (0,), owner=owner)(offset, x, by)

    x, entries = jnp.ones(3), []
    for other in ({}, {"x": x + 1, "by": 3.0}, {"offset": 2}, {"x": jnp.ones(4)}, {"owner": "other"}):
        call(**{"x": x, **other})
        entries.append(len(list(kept.iterdir())))
    assert entries == [1, 1, 2, 3, 4]
    assert call(x + 1, 2, 3.0)[0].tolist() == [8, 8, 8]


def test_what_cannot_be_told_from_another_is_not_kept(kept):
    program = kept_programs.KeptProgram("call", jax.jit(lambda f, x: f(x), static_argnums=0), (0,))
    assert program(lambda x: x + 1, jnp.ones(2)).tolist() == [2, 2]
    assert program(lambda x: x + 2, jnp.ones(2)).tolist() == [3, 3]
    assert not list(kept.iterdir())


def test_a_damaged_entry_is_made_again(kept):
    def make():
        return kept_programs.KeptProgram("double", jax.jit(lambda x: x * 2))(jnp.ones(2))

    expected = make()
    [entry] = kept.iterdir()
    data = bytearray(entry.read_bytes())
    for spoiled in (b"", bytes(data[:50]), bytes([*data[:-9], data[-9] ^ 1, *data[-8:]])):
        entry.write_bytes(spoiled)
        np.testing.assert_array_equal(make(), expected)
        assert private_cache.read_entry(kept, entry.name)


def test_a_slow_result_is_computed_once(kept):
    calls = []
    for about in ("a", "a", "b"):
        assert kept_programs.recall("list", [about], lambda: calls.append(0) or [1, 2]) == [1, 2]
    assert len(calls) == 2


def test_models_are_described_by_their_fields():
    config = get_config("vqvae")
    described = kept_programs.describe_value(build.build_tokenizer(config))
    assert (
        described == kept_programs.describe_value(build.build_tokenizer(config)) and " at 0x" not in described
    )
    config.quantizer.levels = {part: 3 for part in config.quantizer.levels}
    assert kept_programs.describe_value(build.build_tokenizer(config)) != described
    partial = functools.partial(build.build_quantizer, ml_collections.ConfigDict({"a": 1}))
    assert "build_quantizer" in kept_programs.describe_value(partial)
    with pytest.raises(kept_programs.UnknownValueError):
        kept_programs.describe_value(lambda x: x)


def test_old_entries_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr(private_cache, "MAX_ENTRIES", 2)
    names = [f"program-{k:032x}" for k in range(4)]
    (tmp_path / "other").write_text("no entry")
    for name in names:
        private_cache.write_entry(tmp_path, name, b"content")
        assert private_cache.read_entry(tmp_path, name) == b"content"
    assert {path.name for path in tmp_path.iterdir()} == {"other", *names[2:]}
