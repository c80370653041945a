"""Damaged runs: every fault is found, the step before is used and a line says so; nothing else is guessed."""

import importlib
import json
import random
import shutil
import sys
import time
import warnings

import gpt_run
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from engine_helpers import compiled, rows, toy

from signjax.errors import SignjaxWarning, StorageError
from signjax.io import checksums
from signjax.tasks.registry import make_task
from signjax.text import tokenizer
from signjax.training import checkpoint, loop, saved_steps, state_hash

FAULTS = 500


def damage(path, how: str, rng) -> bytes:
    """Flips a bit of a file, cuts it short or deletes it; returns what it was."""
    data = path.read_bytes()
    if how == "flip":
        at = rng.randrange(len(data))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
    elif how == "cut":
        path.write_bytes(data[: rng.randrange(len(data))])
    else:
        path.unlink()
    return data


def files(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file())


def missed(run, before: int, last: int) -> int:
    """Damages files of the last step again and again; how often it was used, or nothing said."""
    rng, step, missed = random.Random(0), saved_steps.get_checkpoint_folder(run, "latest") / str(last), 0
    assert len(files(step)) > 8 and checksums.FILE in {p.name for p in files(step)}
    for _ in range(FAULTS):
        path, how = rng.choice(files(step)), rng.choice(("flip", "cut", "delete"))
        was = damage(path, how, rng)
        with warnings.catch_warnings(record=True, action="always") as caught:
            sound = saved_steps.find_intact_step(run, "latest")
        path.write_bytes(was)
        error = "\n".join(str(warning.message) for warning in caught)
        warned = error.startswith(f"{step} is corrupt: ") and len(caught) == 1
        named = path.name in error and f"latest step {before} is used instead" in error
        missed += sound != ("latest", before) or not warned or not named
    with warnings.catch_warnings(action="error"):
        assert saved_steps.find_intact_step(run, "latest") == ("latest", last)
    return missed


def test_every_fault_is_found_and_the_step_before_is_used(run):
    assert missed(run, 10, 12) == 0


@pytest.mark.soak
@pytest.mark.parametrize("family", ["vqvae", "gpt", "flow"])
def test_every_fault_of_each_model_is_found(family, tiny_families, tmp_path, capsys, promise):
    fields = tiny_families[family] | {"num_steps": 4, "save_every": 2, "eval_every": 4}
    assert loop.train(gpt_run.get_config(family, **fields), tmp_path, make_task).finished
    capsys.readouterr()
    unnoticed = missed(tmp_path, 2, 4)
    promise(f"{family}: of {FAULTS} files flipped, cut or deleted, those missed", unnoticed, most=0)


def test_a_file_too_many_and_a_folder_too_few_are_faults(run):
    step = saved_steps.get_checkpoint_folder(run, "best") / str(saved_steps.find_last_step(run, "best"))
    assert checksums.find_corruption(step) is None
    (step / "state/more").touch()
    assert "state/more" in checksums.find_corruption(step)
    shutil.rmtree(step / "state")
    assert "state/" in checksums.find_corruption(step)


def test_checksums_are_written_after_the_last_file(tmp_path, monkeypatch):
    """Orbax writes _CHECKPOINT_METADATA in a thread of its own; on a busy machine that came too late."""
    store = importlib.import_module("orbax.checkpoint._src.metadata.checkpoint")._MetadataStoreImpl
    update = store.update

    def late(*args, **kwargs):
        time.sleep(0.5)
        update(*args, **kwargs)

    monkeypatch.setattr(store, "update", late)
    assert loop.train(toy(num_steps=3, eval_every=3), tmp_path, make_task).finished
    for which in ("latest", "best"):
        assert checksums.find_newest_intact(saved_steps.get_checkpoint_folder(tmp_path, which)) == (3, {})


@pytest.mark.parametrize("name, how", [
    ("state/manifest.ocdbt", "flip"), ("meta/metadata", "cut"), (checksums.FILE, "delete"),
    ("_CHECKPOINT_METADATA", "delete"),
])  # fmt: skip
def test_training_goes_on_from_the_step_before(name, how, whole, run, capsys):
    damage(saved_steps.get_checkpoint_folder(run, "latest") / "12" / name, how, random.Random(1))
    with pytest.warns(SignjaxWarning, match=rf"12 is corrupt: (\w+/)?{name.split('/')[-1]}"):
        assert loop.train(toy(), run, make_task, out=sys.stdout).finished
    assert "resumed from step 10" in capsys.readouterr().out
    assert rows(run) == rows(whole)
    with warnings.catch_warnings(action="error"):
        assert saved_steps.find_intact_step(run, "latest") == ("latest", 12)
    a, b = (saved_steps.read_meta(d, "latest", 12)["fingerprint"] for d in (run, whole))
    assert a == b


def test_with_every_step_damaged_there_is_one_line_and_nothing_is_deleted(run):
    steps = [
        p
        for which in ("best", "latest")
        for p in saved_steps.get_checkpoint_folder(run, which).iterdir()
        if p.is_dir()
    ]
    for step in steps:
        (step / checksums.FILE).unlink()
    before = files(run)
    for use in (lambda: loop.train(toy(), run, make_task), lambda: checkpoint.load_variables(run)):
        with pytest.raises(
            StorageError, match=r"corrupt: SHA256SUMS.*no other .*checkpoint is intact.*train again"
        ):
            use()
    assert files(run) == before


def test_without_a_sound_best_step_the_latest_serves_until_there_is_one(run):
    best = saved_steps.find_last_step(run, "best")
    damage(
        saved_steps.get_checkpoint_folder(run, "best") / str(best) / "meta/metadata", "flip", random.Random(0)
    )
    with pytest.warns(SignjaxWarning, match="latest step 12 is used instead"):
        variables, step = checkpoint.load_variables(run)
    assert step == 12
    good, _ = checkpoint.load_variables(run, "latest")
    assert jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), variables, good))
    assert loop.train(toy(num_steps=16), run, make_task).finished
    assert checkpoint.load_variables(run)[1] == 16


def test_a_damaged_config_names_the_field_and_both_values(run):
    path = run / "config.json"
    path.write_text(path.read_text().replace('"lr": 0.01', '"lr": 0.03'))
    with pytest.raises(StorageError, match=r"config\.json: optim\.lr is 0\.03, and 0\.01 in the checkpoint"):
        checkpoint.load_variables(run)


def test_a_damaged_vocabulary_is_refused(tmp_path):
    rng, path = random.Random(0), tmp_path / "text.json"
    words = tokenizer.fit_tokenizer(["where is my name", "Zoë is here"], 1)
    words.save(path)
    assert tokenizer.load_tokenizer(path) == words
    for k in range(300):
        before = damage(path, ("flip", "cut")[k % 2], rng)
        try:
            assert tokenizer.load_tokenizer(path) == words  # of a cut, the line's end
        except StorageError as e:
            assert "text.json" in str(e)
        path.write_bytes(before)


def test_damaged_lines_of_metrics_do_not_stop_a_run(run):
    path = run / "metrics.jsonl"
    path.write_bytes(b"\xff\x00" + path.read_bytes()[2:])
    assert loop.train(toy(num_steps=14), run, make_task).finished
    assert [row["step"] for row in rows(run)][-1] == float(14).hex()


def test_another_dtype_is_refused(whole):
    *_, abstract = compiled(toy())
    half = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, jnp.bfloat16, sharding=x.sharding), abstract.ema
    )
    with pytest.raises(
        StorageError, match=r"ema/Dense_0/bias is float32\[16\] there and bfloat16\[16\] here"
    ):
        checkpoint.restore_checkpoint(whole, 12, abstract.replace(ema=half))


def test_what_is_restored_is_compared_with_what_was_saved(run):
    """As if a reader put other numbers in place: the file is as it was written."""
    *_, abstract = compiled(toy())
    step = saved_steps.get_checkpoint_folder(run, "latest") / "12"
    meta = json.loads((step / "meta/metadata").read_text())
    meta["fingerprint"]["opt_state/1/0/mu/Dense_1/bias"] ^= 1
    (step / "meta/metadata").write_text(json.dumps(meta))
    checksums.write_checksums(step)
    with pytest.raises(StorageError, match=r"opt_state/1/0/mu/Dense_1/bias does not have the state hash"):
        checkpoint.restore_checkpoint(run, 12, abstract)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32", "uint8", "bool"])
def test_every_bit_changes_the_state_hash(dtype):
    rng = np.random.default_rng(0)
    x = (
        rng.integers(0, 2, (3, 5, 4)).astype(dtype)
        if dtype == "bool"
        else rng.normal(size=(3, 5, 4)).astype(dtype)
    )
    first = state_hash.hash_state({"x": x})
    seen = set()
    for at in range(x.size):
        for bit in range(1 if dtype == "bool" else 8 * x.dtype.itemsize):
            y = x.copy()
            y.view(np.uint8).reshape(x.size, -1)[at, bit // 8] ^= 1 << bit % 8
            seen.add(state_hash.hash_state({"x": y})["x"])
    assert first["x"] not in seen
    swapped = x[:, ::-1]
    assert state_hash.hash_state({"x": swapped}) != first or (swapped == x).all()


def test_the_state_hash_does_not_depend_on_devices():
    c = toy("fsdp")
    _, batch, init, *_ = compiled(c)
    state = init(jax.random.key(0), batch)
    assert len(state.params["Dense_0"]["kernel"].sharding.device_set) == 8
    spread, one = state_hash.hash_state(state), state_hash.hash_state(jax.device_put(state, jax.devices()[0]))
    assert spread == one and len(spread) == len(jax.tree.leaves(state))
