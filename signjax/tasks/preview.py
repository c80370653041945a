"""Clips that are generated at each evaluation of a generator, and their scores."""

from collections.abc import Callable

import numpy as np

from signjax import demo
from signjax.data import load
from signjax.data.packed_dataset import PackedDataset
from signjax.inference.text_to_pose import TextToPose
from signjax.metrics import dtw_distances, motion_statistics
from signjax.metrics.score import compute_value

CLIPS = 64  # of the dev split
# What a clip that stands still does not have, and what a clip without an end has too much of.
RATIOS = {"travel": "hand travel", "speed": "speed", "length": "length"}
LEAST_RATIO = 0.01  # less counts as this


def make_preview(generator: TextToPose, dev: PackedDataset) -> Callable:
    """Makes `Task.finish` of a generator: it generates clips of some dev texts and scores them.

    Args:
      generator: without variables.
      dev: the dev split.

    Returns:
      (variables, evals) -> {"dtw": mean distance to the recorded clips after warping, "wer": word error rate
      if the data are of the demo language, "travel", "speed" and "length": ratios to the recorded clips,
      "score": "wer" if there is one, else that of `combine_scores`}.
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
        scores = measure_clips(recorded, clips)
        if readable:
            scores["wer"] = word_error_rate(texts, clips)
        # Distances hardly tell a clip that says something else from one that stands still; words do.
        return scores | {"score": scores.get("wer", combine_scores(scores))}

    return score_preview


def measure_clips(recorded, clips) -> dict[str, float]:
    """Distance after warping, and ratios of movement and length, of n clips to n recorded ones."""
    motion = motion_statistics.score_motion(recorded, clips)
    ratios = {name: compute_value(motion[ratio]) for name, ratio in RATIOS.items()}
    return {"dtw": compute_value(dtw_distances.score_dtw_mje(recorded, clips)), **ratios}


def combine_scores(scores: dict[str, float]) -> float:
    """The distance times 1 and the logarithms of all ratios, without their signs: smaller is better.

    By distance alone the mean pose, which does not move, wins over most models. Here half the travel costs
    as much as twice, and a clip that stands still is the worst.
    """
    ratios = [max(scores[name], LEAST_RATIO) for name in RATIOS]
    return scores["dtw"] * (1 + float(np.abs(np.log(ratios)).sum()))


def word_error_rate(texts, clips) -> float:
    """Word error rate of canonical clips against their texts, by the demo language's rule-based reader."""
    counts = [
        demo.count_word_errors(demo.normalize_text(text), demo.read_signs(clip.points))
        for text, clip in zip(texts, clips, strict=True)
    ]
    return sum(errors for errors, _ in counts) / sum(length for _, length in counts)
