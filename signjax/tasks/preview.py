"""Clips that are generated at each evaluation of a generator, and their scores."""

from collections.abc import Callable

import numpy as np

from signjax import demo
from signjax.data import load
from signjax.data.packed_dataset import PackedDataset
from signjax.inference.text_to_pose import TextToPose
from signjax.metrics import dtw_distances
from signjax.metrics.score import compute_value

CLIPS = 64  # of the dev split


def make_preview(generator: TextToPose, dev: PackedDataset) -> Callable:
    """Makes `Task.finish` of a generator: it generates clips of some dev texts and scores them.

    Args:
      generator: without variables.
      dev: the dev split.

    Returns:
      (variables, evals) -> {"dtw": mean distance to the recorded clips after warping, "wer": word error rate
      if the data are of the demo language, "score": "wer" if there is one, else "dtw"}.
    """
    config = generator.config
    # Evenly spaced: neighbours in a split are often of one recording and alike.
    numbers = np.unique(np.linspace(0, len(dev) - 1, CLIPS).astype(int))
    recorded = [dev[int(i)] for i in numbers]
    texts, conditions = [clip.text for clip in recorded], generator.list_conditions(recorded)
    readable = load.is_demo_data(config.data)

    def score_preview(variables, evals):
        del evals
        trained = generator.with_variables(variables)
        clips = trained.generate(texts, seed=config.seed, canonical=True, **conditions)
        scores = {"dtw": compute_value(dtw_distances.score_dtw_mje(recorded, clips))}
        if readable:
            scores["wer"] = word_error_rate(texts, clips)
        # Distances hardly tell a clip that says something else from one that stands still; words do.
        return scores | {"score": scores.get("wer", scores["dtw"])}

    return score_preview


def word_error_rate(texts, clips) -> float:
    """Word error rate of canonical clips against their texts, by the demo language's rule-based reader."""
    counts = [
        demo.count_word_errors(demo.normalize_text(text), demo.read_signs(clip.points))
        for text, clip in zip(texts, clips, strict=True)
    ]
    return sum(errors for errors, _ in counts) / sum(length for _, length in counts)
