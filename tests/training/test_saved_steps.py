"""Steps that cannot be read now stay, damaged ones are set aside, and no advice destroys whole ones."""

import errno
import json
import random
import re
import shutil
import warnings

import engine_toy
import pytest
from engine_helpers import compiled, rows, toy
from failing_disk import unreadable

from signjax.errors import SignjaxWarning, StorageError
from signjax.io import checksums
from signjax.tasks.registry import make_task
from signjax.training import checkpoint, loop, run_config, saved_steps

PASSING = [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM]
DESTRUCTIVE = ("delete", "remove", "train again", "train one first", "train first")


def list_files(folder) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def damage(step) -> dict:
    """Flips a bit of each file of a step; returns what they are then."""
    for path in [p for p in step.rglob("*") if p.is_file() and p.stat().st_size]:
        content = bytearray(path.read_bytes())
        content[random.Random(0).randrange(len(content))] ^= 1
        path.write_bytes(content)
    return {path.relative_to(step): content for path, content in list_files(step).items()}


def is_harmless(message: str) -> bool:
    return "othing was changed" in message and not any(word in message for word in DESTRUCTIVE)


@pytest.mark.parametrize("number", PASSING)
@pytest.mark.parametrize("part", ["/12/SHA256SUMS", "/12/meta/metadata", "/12/state", "checkpoints/latest"])
def test_what_cannot_be_read_for_a_moment_is_not_given_up(part, number, run):
    before = list_files(run / "checkpoints")
    with unreadable(part, number) as tried, pytest.raises(StorageError, match="cannot be read") as error:
        loop.train(toy(num_steps=20), run, make_task)
    assert tried and is_harmless(str(error.value)) and "the same command goes on" in str(error.value)
    assert list_files(run / "checkpoints") == before
    with unreadable(part, number), pytest.raises(StorageError, match="cannot be read"):
        checkpoint.load_variables(run, "latest")


def test_the_same_command_goes_on_when_it_can_be_read(run, capsys):
    with unreadable("/12/state", errno.ESTALE), pytest.raises(StorageError):
        loop.train(toy(num_steps=14), run, make_task)
    assert loop.train(toy(num_steps=14), run, make_task).step == 14
    assert [row["step"] for row in rows(run)][-1] == float(14).hex()


def test_a_best_step_that_cannot_be_read_is_not_replaced(run):
    best = run / "checkpoints/best"
    before = list_files(best)
    with unreadable("/best/", errno.EIO), pytest.raises(StorageError, match="cannot be read"):
        loop.train(toy(num_steps=20), run, make_task)
    assert list_files(best) == before


def test_a_step_that_is_deleted_while_it_is_read_is_no_error(run, monkeypatch):
    """As by the training that writes the run; a server says then that the file is stale."""
    latest = saved_steps.get_checkpoint_folder(run, "latest")
    find_corruption = checksums.find_corruption

    def delete_first(folder):
        if folder.name == "12":
            shutil.rmtree(folder)
            raise StorageError(f"{folder}: cannot be read (Stale file handle)")
        return find_corruption(folder)

    monkeypatch.setattr(checksums, "find_corruption", delete_first)
    assert checksums.find_newest_intact(latest) == (10, {})


@pytest.mark.parametrize("whole_folder", [True, False])
def test_a_step_that_is_replaced_while_it_is_loaded_is_not_the_machine(whole_folder, run, monkeypatch):
    """As by a training that has saved a better one: it deletes this one file by file."""
    find_intact_step, found = checkpoint.find_intact_step, []

    def delete_first(*args):
        found.append(find_intact_step(*args))
        if len(found) == 1:
            folder = saved_steps.get_checkpoint_folder(run, "best") / str(found[0][1])
            shutil.rmtree(folder if whole_folder else folder / "state")
        return found[-1]

    monkeypatch.setattr(checkpoint, "find_intact_step", delete_first)
    assert checkpoint.load_variables(run)[1] == 12
    assert [kind for kind, _ in found] == ["best", "latest"]


def test_a_damaged_step_is_moved_by_the_training_and_kept(run):
    latest = saved_steps.get_checkpoint_folder(run, "latest")
    damaged = damage(latest / "12")
    (latest / ".damaged-12").mkdir()
    with pytest.warns(SignjaxWarning, match=r"12 is corrupt: .*; it was moved to .*\.damaged-12\.2"):
        assert loop.train(toy(num_steps=16), run, make_task).finished
    kept = list_files(latest / ".damaged-12.2")
    assert {path.relative_to(latest / ".damaged-12.2"): content for path, content in kept.items()} == damaged
    # And it is ignored from now on.
    with warnings.catch_warnings(action="error"):
        assert loop.train(toy(num_steps=18), run, make_task).finished
    assert (latest / ".damaged-12.2").is_dir() and sorted(checksums.list_steps(latest)) == [16, 18]


def test_whoever_only_reads_moves_nothing(run):
    latest = saved_steps.get_checkpoint_folder(run, "latest")
    damage(latest / "12")
    before = list_files(run)
    with pytest.warns(SignjaxWarning, match="latest step 10 is used instead"):
        checkpoint.load_variables(run, "latest")
    assert list_files(run) == before


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_damaged_best_step_is_kept_though_only_one_best_step_is(when, run, monkeypatch):
    best = saved_steps.get_checkpoint_folder(run, "best")
    step = max(checksums.list_steps(best))
    damaged = {}
    if when == "before":
        damaged = damage(best / str(step))
    else:
        hook = lambda number: damaged.update(damage(best / str(step))) if number == 13 else None  # noqa: E731
        monkeypatch.setattr(engine_toy, "HOOKS", {**engine_toy.HOOKS, "batch": hook})
    with pytest.warns(SignjaxWarning, match=rf"best/{step} is corrupt.*moved to .*damaged-{step}"):
        assert loop.train(toy(num_steps=16), run, make_task).finished
    kept = list_files(best / f".damaged-{step}")
    assert {p.relative_to(best / f".damaged-{step}"): content for p, content in kept.items()} == damaged
    assert saved_steps.find_intact_step(run, "best") == ("best", 16)


def test_a_best_step_of_a_training_without_its_state_is_moved(run):
    best = saved_steps.get_checkpoint_folder(run, "best")
    before = {path.relative_to(best): content for path, content in list_files(best).items()}
    shutil.rmtree(run / "checkpoints/latest")
    step = max(checksums.list_steps(best))
    with pytest.warns(SignjaxWarning, match=rf"earlier training.*moved to .*\.earlier-{step}"):
        assert loop.train(toy(num_steps=4), run, make_task).finished
    folder = best / f".earlier-{step}"
    assert {p.relative_to(folder) for p in list_files(folder)} | set(before) >= set(before)
    assert all(
        (folder / path.relative_to(str(step))).read_bytes() == before[path]
        for path in before
        if path.parts[0] == str(step)
    )


SHORTAGES = [
    (MemoryError(), "not enough memory"),
    (RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 bytes."), "not enough memory"),
    (Exception("std::bad_alloc"), "not enough memory"),
    (RuntimeError("can't start new thread"), "no more threads"),
    (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "no more threads"),
    (ValueError("Disallowed host-to-device transfer: aval=ShapedArray(float32[3])"), "transfer guard"),
    (OSError(errno.EMFILE, "Too many open files"), "no more open files"),
    (ValueError("something else"), "memory, threads, devices and disks"),
]


@pytest.mark.parametrize("error, reason", SHORTAGES, ids=[reason for _, reason in SHORTAGES])
@pytest.mark.parametrize("which", ["best", "latest"])
def test_what_the_machine_lacks_is_no_fault_of_the_checkpoint(which, error, reason, whole, monkeypatch):
    def fail(*args, **kwargs):
        # As libraries do: an error of their own, for this reason.
        raise ValueError("restoring failed") from error

    name = "Checkpointer" if which == "best" else "StandardCheckpointer"
    monkeypatch.setattr(getattr(checkpoint.ocp, name), "restore", fail)
    with pytest.raises(StorageError, match=reason) as caught:
        if which == "best":
            checkpoint.load_variables(whole)
        else:
            *_, abstract = compiled(toy())
            checkpoint.restore_checkpoint(whole, 12, abstract)
    assert is_harmless(str(caught.value)) and "\n" not in str(caught.value)


def test_a_state_that_is_read_wrongly_from_whole_files_is_the_machine(run):
    *_, abstract = compiled(toy())
    step = saved_steps.get_checkpoint_folder(run, "latest") / "12"
    meta = json.loads((step / "meta/metadata").read_text())
    meta["fingerprint"]["params/Dense_0/kernel"] ^= 1
    (step / "meta/metadata").write_text(json.dumps(meta))
    checksums.write_checksums(step)
    with pytest.raises(StorageError, match=r"does not have the state hash.*memory") as error:
        checkpoint.restore_checkpoint(run, 12, abstract)
    assert is_harmless(str(error.value))


@pytest.mark.parametrize("content", ["{", None])
def test_what_a_step_says_of_itself_is_not_a_reason_to_delete_it(content, run):
    path = saved_steps.get_checkpoint_folder(run, "latest") / "12/meta/metadata"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(StorageError, match="meta/metadata: cannot be read") as error:
        saved_steps.read_meta(run, "latest", 12)
    assert is_harmless(str(error.value))


@pytest.mark.parametrize("content", ["{", None])
def test_the_copy_that_a_damaged_config_has_is_named_and_serves(content, run):
    path = run / "config.json"
    before = run_config.load_config(path).to_dict()
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(StorageError, match=r"the run has a copy of it: cp .*config/metadata") as error:
        run_config.load_config(path)
    assert not any(word in str(error.value) for word in DESTRUCTIVE)
    copy, target = re.search(r"cp (\S+) (\S+)$", str(error.value)).groups()
    shutil.copy(copy, target)
    assert run_config.load_config(path).to_dict() == before
    checkpoint.load_variables(run)
