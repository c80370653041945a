"""Runs on the Hugging Face hub: downloaded by their id, saved for sharing, uploaded."""

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from signjax.errors import ConfigError, StorageError
from signjax.io import model_file

# The model that comes with signjax: it signs the demo's constructed language.
DEMO = "demo"
_DEMO_FOLDER = Path(__file__).parents[1] / "demo" / "model"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
# The files of a shared run (signjax.export.hub_folder): whatever else a repository has is not downloaded.
_FILES = ["*.json", "*.safetensors", "*.txt", "README.md", "SHA256SUMS"]


def find_run(run) -> Path:
    """Returns the folder of a run; a run on the hub is downloaded first, unless that was done before.

    Args:
      run: a folder, "demo" for the model that comes with signjax, or an id of the hub such as
        "my-name/my-model".

    Raises:
      StorageError: the hub has no such run, or cannot be reached; a link in a shared run leads out of it; or
        "demo" is meant, and this checkout has no such model.
    """
    path = _find_folder(run)
    # Before any file of it is opened.
    if model_file.is_shared_run(path):
        model_file.check_links(path)
    return path


def has_demo_model() -> bool:
    """Whether a trained model came with signjax, as it does unless the checkout has none yet."""
    return model_file.is_shared_run(_DEMO_FOLDER)


def _find_folder(run) -> Path:
    path = Path(run)
    # A run of that name is one that somebody trained here, and wins.
    if str(run) == DEMO and not (path / "config.json").is_file():
        if not has_demo_model():
            raise StorageError(
                f"{DEMO}: no model came with this checkout; make it with: bash launch/reproduce.sh demo_model"
            )
        return _DEMO_FOLDER
    # "runs/gpt" has the form of an id, too: if its folder exists, or is the one where commands keep runs, a
    # run of this machine is meant.
    local = path.exists() or path.parent.is_dir() or path.parts[:1] == ("runs",)
    if local or not _HUB_ID.fullmatch(str(run)):
        return path
    import huggingface_hub  # slow to import

    try:
        return Path(huggingface_hub.snapshot_download(str(run), allow_patterns=_FILES))
    except _list_hub_errors() as error:
        raise StorageError(
            f"{run}: no such folder here, and not to be had from the Hugging Face hub ({_first_line(error)})"
        ) from None


@dataclass(frozen=True, eq=False, kw_only=True)
class SharedRun:
    """Base class of loaded runs: saves them for others and uploads them.

    Attributes:
      run: the folder that it was loaded from; None for a model that is being trained.
    """

    run: str | None = None

    def save_pretrained(self, folder, license: str = "other") -> Path:
        """Writes a folder that `signjax.load` loads like the run: weights, config and a model card.

        Args:
          folder: a new folder.
          license: identifier of the hub, such as "cc-by-4.0"; the licence of the training data may decide.

        Raises:
          ConfigError: the model was not loaded from a run, or `license` is no identifier.
          StorageError: the folder exists already, or cannot be written.
        """
        # Imported here: signjax.export is a layer above this one, since it takes loaded runs.
        from signjax.export import hub_folder

        if self.run is None:
            raise ConfigError("this model was not loaded from a run; save one that signjax.load gives")
        return hub_folder.write_hub_folder(self.run, folder, license)

    def push_to_hub(self, repo_id: str, license: str = "other", private: bool = False) -> str:
        """Uploads the folder of `save_pretrained` to the hub; returns its address there.

        You need an account: `hf auth login`, or the environment variable HF_TOKEN.

        Args:
          repo_id: such as "my-name/my-model"; created if it does not exist.
          license: see `save_pretrained`.
          private: whether a new repository is for you alone.

        Raises:
          ConfigError: the model was not loaded from a run.
          StorageError: the hub refuses, or cannot be reached.
        """
        import huggingface_hub  # slow to import

        with tempfile.TemporaryDirectory() as parent:
            # Named like the repository, as the model card takes its title from the folder.
            folder = self.save_pretrained(Path(parent, repo_id.rpartition("/")[2]), license)
            api = huggingface_hub.HfApi()
            try:
                # It may exist: a run that was trained further replaces its older files there.
                url = api.create_repo(repo_id, private=private, exist_ok=True)
                api.upload_folder(repo_id=repo_id, folder_path=folder)
            except _list_hub_errors() as error:
                raise StorageError(f"{repo_id}: cannot be sent to the hub ({_first_line(error)})") from None
        return str(url)


def _list_hub_errors() -> tuple[type[Exception], ...]:
    """The exceptions of a hub that refuses or cannot be reached, and of an id that is none (ValueError)."""
    from huggingface_hub.errors import HfHubHTTPError  # slow to import

    # A failed connection is an error of the library's HTTP client: an OSError with requests, but not with the
    # clients of newer versions. Whatever the client is, its base class is one of the hub's own error.
    return OSError, ValueError, *HfHubHTTPError.__bases__


def _first_line(error: Exception) -> str:
    """The first line of an error's message; the library's messages continue with many lines of advice."""
    return str(error).strip().partition("\n")[0] or type(error).__name__
