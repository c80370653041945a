"""Loads what `signjax.score` needs: a run or a folder of clips, the split, and the training clips."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import ml_collections

from signjax.data import load
from signjax.evaluation.predictions import read_predictions
from signjax.inference.load import load_clip_maker
from signjax.lexicon.lexicon import Lexicon


class ScoredData(NamedTuple):
    """Arguments of `signjax.evaluation.score.score`."""

    name: str  # of the data set
    arguments: dict[str, Any]


def load_scored_data(
    workdir: str | None,
    folder: str | None,
    split: str,
    root: str | None,
    name: str,
    report: Callable[[str], None],
    text: str = "sentence",
    lexicon: dict[str, Any] | None = None,
) -> ScoredData:
    """Loads a run, a folder with the clips of another system, or that folder beside a run of the same data.

    A dictionary becomes a row of its own, or the system if there is no other.

    Args:
      workdir: of the run, or None.
      folder: of the clips, see signjax.evaluation.predictions, or None.
      split: "train", "dev" or "test".
      root: folder of data sets; None for that of the run, or "datasets" without a run.
      name: of the data set; only used without a run.
      report: called with a line about the clips.
      text: "sentence" or "gloss", what the texts are; only used without a run.
      lexicon: arguments of `Lexicon.from_dataset`, or None; one of workdir, folder and lexicon is needed.

    Raises:
      ConfigError: the run makes no clips.
      DataError: the split cannot be used, or has no faces and the run needs them.
      StorageError: nothing was trained in the folder.
    """
    run = load_clip_maker(workdir) if workdir else None
    # A copy, since the config belongs to the run; where its data lie may have changed since training.
    if run:
        data = run.config.data.copy_and_resolve_references()
        data.root = root or data.root
    else:
        data = ml_collections.ConfigDict({"root": root or "datasets", "name": name, "text": text})
    dataset = run.codec.load_split(data, split) if run else load.load_configured_split(data, split)
    stitcher = _load_lexicon(lexicon, data) if lexicon else None
    predictions, unreadable = None, {}
    if folder:
        predictions, unreadable = read_predictions(folder, dataset.sids, dataset.layout)
        missing = len(unreadable)
        report(f"{folder}: {len(predictions) - missing} clips, {missing} missing or unreadable")
    # Beside a run the clips take the place of its own; by themselves they are the system.
    arguments = {
        "system": run or predictions or stitcher,
        "dataset": dataset,
        "train": load.load_configured_split(data, "train"),
        "predictions": predictions if run else None,
        "lexicon": stitcher if run or predictions else None,
        "is_demo": load.is_demo_data(data),
        "about": {
            "system": workdir or folder or (stitcher and stitcher.run),
            "predictions": folder,
            "unreadable": unreadable,
        },
    }
    return ScoredData(data.name, arguments)


def _load_lexicon(arguments: dict[str, Any], data) -> Lexicon:
    # A word of the very clips that are to be matched would be no word of the system.
    same = Path(arguments["dataset"]).resolve() == Path(data.root, data.name).resolve()
    return Lexicon.from_dataset(**arguments, splits=("train",) if same else None)
