"""Runs on the Hugging Face hub, with a stand-in for its library: found, saved, sent; faults are a line."""

import shutil

import huggingface_hub
import huggingface_hub.constants
import numpy as np
import pytest

import signjax
from signjax.errors import ConfigError, StorageError
from signjax.inference import hub


@pytest.fixture(scope="module")
def saved(tiny_runs, tmp_path_factory):
    """The folder of a run for others."""
    folder = tmp_path_factory.mktemp("hub") / "mine"
    return signjax.load(tiny_runs / "runs/gpt").save_pretrained(folder, "mit")


def test_a_saved_run_generates_the_same_clips(tiny_runs, saved, tmp_path):
    ours, theirs = signjax.load(tiny_runs / "runs/gpt"), signjax.load(saved)
    first, second = (run.generate("hello", seed=3) for run in (ours, theirs))
    np.testing.assert_array_equal(first.points, second.points)
    np.testing.assert_array_equal(first.tokens.codes, second.tokens.codes)
    assert "license: mit" in (saved / "README.md").read_text() and ours.run == str(tiny_runs / "runs/gpt")
    with pytest.raises(StorageError, match="mine: is there already"):
        theirs.save_pretrained(saved)
    for part in ("tokenizer", "codec"):
        assert signjax.load(getattr(ours, part).save_pretrained(tmp_path / part)).stride == ours.codec.stride


def test_an_id_is_downloaded_and_a_folder_is_not(saved, tmp_path, monkeypatch):
    asked = []

    def download(repo, allow_patterns):
        asked.append(repo)
        return shutil.copytree(saved, tmp_path / "cache", dirs_exist_ok=True)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.chdir(tmp_path)
    assert signjax.load("me/mine").generate("hello").text == "hello" and asked == ["me/mine"]
    (tmp_path / "models").mkdir()
    for name in ("runs/none", "models/none", str(tmp_path / "none"), "none"):
        with pytest.raises(StorageError, match=r"config\.json: no such file"):
            signjax.load(name)
    assert asked == ["me/mine"]


def test_a_hub_that_has_none_is_one_line(monkeypatch, tmp_path):
    def download(repo, allow_patterns):
        raise OSError("Repository Not Found\nmake sure that you are logged in")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=r"^me/none: no such folder here.*Not Found\)$"):
        hub.find_run("me/none")


def test_no_network_is_one_line(tiny_runs, monkeypatch, tmp_path):
    """With the real library, whose HTTP client may raise errors of its own."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", "none")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=r"^me/none: no such folder here.*\)$"):
        hub.find_run("me/none")
    with pytest.raises(StorageError, match=r"^me/mine: cannot be sent to the hub \(.*\)$"):
        signjax.load(tiny_runs / "runs/gpt").tokenizer.push_to_hub("me/mine")


def test_a_run_is_sent(tiny_runs, monkeypatch):
    sent = {}

    class Api:
        def create_repo(self, repo_id, private, exist_ok):
            assert exist_ok
            return f"https://hub/{repo_id}?private={private}"

        def upload_folder(self, repo_id, folder_path):
            sent[repo_id] = sorted(path.name for path in folder_path.iterdir())

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    run = signjax.load(tiny_runs / "runs/gpt")
    assert run.push_to_hub("me/mine", private=True) == "https://hub/me/mine?private=True"
    assert {"README.md", "SHA256SUMS", "config.json", "model.safetensors", "tokenizer"} <= set(
        sent["me/mine"]
    )
    monkeypatch.setattr(Api, "create_repo", lambda *_, **__: (_ for _ in ()).throw(OSError("401\nlog in")))
    with pytest.raises(StorageError, match=r"^me/mine: cannot be sent to the hub \(401\)$"):
        run.push_to_hub("me/mine")


def test_what_is_still_trained_is_not_saved(tiny_runs, tmp_path):
    run = signjax.load(tiny_runs / "runs/vqvae")
    training = type(run)(**{name: getattr(run, name) for name in run.__dataclass_fields__ if name != "run"})
    with pytest.raises(ConfigError, match="not loaded from a run"):
        training.save_pretrained(tmp_path / "x")
