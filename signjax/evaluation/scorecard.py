"""Scores of whole systems: every row, the one in question and those that tell what its figures mean.

A row is a list of clips, one for each recorded clip of a split. Beside the system's own stand recorded
clips, the tokenizer's ceiling, the mean pose, training clips picked at random and by text, and the system's
clips under other texts. All are scored by the same judges at their own lengths.
"""

import collections
import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from signjax import demo
from signjax.errors import DataError
from signjax.inference.pose_to_text import PoseToText
from signjax.metrics import (
    diversity_scores,
    dtw_distances,
    frechet,
    memorization,
    motion_features,
    motion_statistics,
)
from signjax.metrics import text as words
from signjax.metrics.score import Score, compute_value
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL

TRUTH, CEILING, MEAN = "ground truth", "tokenizer ceiling", "mean pose"
RANDOM, RETRIEVAL, SHUFFLED = "random training clip", "nearest training text", "shuffled text"


class Judges(NamedTuple):
    """What scores a row besides plain geometry."""

    readable: bool  # whether clips are in the demo language
    translator: PoseToText | None
    extractor: motion_features.FeatureExtractor
    features: list[np.ndarray]  # of the recorded clips, [w, d] each
    train: list[Clip]  # training clips, body and hands in canonical space
    near: np.ndarray  # [n] of the recorded clips, see signjax.metrics.memorization


class Row(NamedTuple):
    """A row's scores by family, how many of its clips needed help, and what to beware of."""

    scores: dict[str, dict[str, Score]]
    counts: dict[str, int]
    warnings: list[str]


def make_judges(truth: list[Clip], train: list[Clip], readable: bool, translator) -> Judges:
    """Everything that all rows share.

    Args:
      truth: the recorded clips that are to be matched.
      train: the training clips.
      readable: whether they are in the demo language.
      translator: see signjax.inference.pose_to_text, or None.
    """
    extractor = motion_features.load_extractor()
    features = motion_features.extract_features(extractor, truth)
    # Moved once: every row is compared with all of them.
    train = [clip.without_face().move_to() for clip in train]
    near = memorization.find_nearest_distances(truth, train)
    return Judges(readable, translator, extractor, features, train, near)


def make_baselines(
    truth: list[Clip], train: list[Clip], clips: list[Clip], seed: int
) -> dict[str, list[Clip]]:
    """The rows that need no model: {name: clips}.

    Args:
      truth: the recorded clips that are to be matched.
      train: the training clips.
      clips: the system's own, to be shown under other texts.
      seed: of the random choices.
    """
    rng = np.random.default_rng((seed, 11))
    mean = compute_mean_pose(train)
    still = hold_frame(mean, round(float(np.mean([len(clip) for clip in train]))))
    count, texts = len(truth), [[clip.text for clip in side] for side in (truth, train)]
    return {
        MEAN: [still] * count,
        RANDOM: [train[i] for i in rng.integers(0, len(train), count)],
        RETRIEVAL: [train[i] for i in find_nearest_texts(*texts)],
        SHUFFLED: [clips[i] for i in draw_derangement(count, rng)],
    }


def compute_mean_pose(train: list[Clip]) -> Clip:
    """One frame in canonical space: every joint at its mean over all training frames that show it."""
    total, seen = np.zeros((50, 3)), np.zeros(50)
    for clip in (clip.without_face() for clip in train):
        total += (clip.canonical() * clip.valid[..., None]).sum(0)
        seen += clip.valid.sum(0)
    mean = (total / np.maximum(seen, 1)[:, None]).astype(np.float32)
    return Clip(mean[None], (seen > 0)[None], placement=CANONICAL)


def hold_frame(frame: Clip, frames: int) -> Clip:
    """A clip of so many frames that stands still."""
    points, valid = (np.repeat(array, frames, 0) for array in (frame.points, frame.valid))
    return dataclasses.replace(frame, points=points, valid=valid)


def draw_derangement(count: int, rng) -> np.ndarray:
    """A random order [count] that leaves nothing in its place, unless there is but one."""
    order, result = rng.permutation(count), np.zeros(count, int)
    result[order] = np.roll(order, 1)
    return result


def find_nearest_texts(texts, known) -> np.ndarray:
    """For each text the number of the most similar known one: cosine of word counts weighted by rarity."""
    bags = [[collections.Counter(words.split_words(t)) for t in side] for side in (texts, known)]
    spread = collections.Counter(word for bag in bags[1] for word in bag)
    index = {word: k for k, word in enumerate(spread)}
    rarity = np.log((1 + len(known)) / (1 + np.array(list(spread.values()))))

    def vectors(side):
        table = np.zeros((len(side), len(index)))
        for row, bag in enumerate(side):
            for word, times in bag.items():
                if word in index:
                    table[row, index[word]] = times * rarity[index[word]]
        return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)

    return (vectors(bags[0]) @ vectors(bags[1]).T).argmax(1)


def prepare_clips(clips: list[Clip], stand_in: Clip) -> tuple[list[Clip], dict[str, int], np.ndarray]:
    """Clips that every metric can take, and how many were not so by themselves.

    A clip without frames, without any joint or without a body that could be measured is scored as one frame
    of the mean pose and says nothing; it is never left out. A clip of one frame is scored as it is.

    Args:
      clips: of any number of frames; joints that are not finite are missing.
      stand_in: one frame.

    Returns:
      (clips of body and hands in canonical space, {"empty", "all missing", "one frame": number of clips},
      silent [n] bool).
    """
    found, counts, silent = [], {"empty": 0, "all missing": 0, "one frame": 0}, []
    for clip in clips:
        body = move_or_blank(clip.without_face())
        silent.append(not body.valid.any())
        kind = "empty" if not len(body) else "all missing" if silent[-1] else "one frame"
        counts[kind] += silent[-1] or len(body) == 1
        found.append(stand_in if silent[-1] else body)
    return found, counts, np.array(silent, bool)


def move_or_blank(clip: Clip) -> Clip:
    """The clip in canonical space, missing joints at 0; all joints are missing if it has no place there.

    Joints that are not finite are missing.
    """
    valid = clip.valid & np.isfinite(clip.points).all(-1)
    points = np.where(valid[..., None], clip.points, np.float32(0))
    clip = dataclasses.replace(clip, points=points, valid=valid)
    try:
        return clip.move_to()
    except DataError:
        return dataclasses.replace(clip, valid=np.zeros_like(valid), placement=CANONICAL)


def score_row(name: str, clips: list[Clip], truth: list[Clip], by: Judges, stand_in: Clip, seed: int) -> Row:
    """All scores of a row.

    Args:
      name: of the row; recorded clips get the floor of the Fréchet distance, too.
      clips: as `prepare_clips` takes them, one for each of truth's.
      truth: the recorded clips.
      by: see `make_judges`.
      stand_in: see `prepare_clips`.
      seed: of the random pairs and halves.
    """
    made, counts, silent = prepare_clips(clips, stand_in)
    features = motion_features.extract_features(by.extractor, made)
    means = diversity_scores.average_windows(features)
    near = memorization.find_nearest_distances(made, by.train)
    digest = by.extractor.digest
    floor = {"FGD-half": frechet.score_split_half(features, digest, seed)} if name == TRUTH else {}
    scores = {
        "text": _score_texts(made, silent, [clip.text for clip in truth], by),
        "distance": dtw_distances.score_distances(truth, made),
        "distribution": {
            "FGD": frechet.score_fgd(by.features, features, digest),
            "diversity": diversity_scores.score_diversity(means, seed, digest),
            **floor,
        },
        "guards": motion_statistics.score_motion(truth, made)
        | {"copies": memorization.score_copies(near, by.near)},
    }
    values = {metric: compute_value(s) for metric, s in scores["guards"].items()}
    warned = motion_statistics.list_warnings(values)
    if values["copies"] > COPIED:
        warned.append(f"{values['copies']:.0f} % of the clips lie as near to a training clip as a copy does")
    missing = [f"{count} {kind}" for kind, count in counts.items() if count]
    if missing:
        warned.append(f"of {len(made)} clips {', '.join(missing)}; those without a pose say nothing")
    return Row(scores, counts, warned)


COPIED = 30.0  # percent of copies from which on a row is warned of; 5 is no copying


def _score_texts(clips: list[Clip], silent, texts, by: Judges) -> dict[str, Score]:
    scores = {}
    if by.readable:
        said = [[] if no else demo.read_signs(m.points, m.valid) for m, no in zip(clips, silent, strict=True)]
        scores["WER"] = words.score_word_errors(
            said, [demo.normalize_text(t) for t in texts], "demo language"
        )
    if by.translator is not None:
        back = by.translator.translate(clips)
        back = ["" if no else line for line, no in zip(back, silent, strict=True)]
        by_model = words.score_texts(back, texts)
        named = {f"BT-{name}": score for name, score in by_model.items()}
        scores |= {
            name: s._replace(signature=f"{s.signature}|translator:{by.translator.digest}")
            for name, s in named.items()
        }
    return scores


def score_multimodality(write: Callable, texts, extractor, seed: int) -> Score:
    """How much clips of one text differ.

    Args:
      write: (texts, seed) -> a Clip for each.
      texts: of the split; TEXTS of them are signed REPEATS times each.
      extractor: of signjax.metrics.motion_features.
      seed: of the clips and pairs.
    """
    chosen = [texts[i] for i in np.unique(np.linspace(0, len(texts) - 1, TEXTS).astype(int))]
    clips = write([text for text in chosen for _ in range(REPEATS)], seed + 1)
    means = diversity_scores.average_windows(motion_features.extract_features(extractor, clips))
    means = means.reshape(len(chosen), REPEATS, -1)
    return diversity_scores.score_multimodality(means, seed, extractor.digest)


TEXTS, REPEATS = 20, 10


def score_token_bleu(written, meant) -> dict[str, Score]:
    """BLEU of codes written, [N, C] a clip, against the recorded clip's, all columns pooled, own lengths."""
    sides = [[column for codes in side for column in codes.T.tolist()] for side in (written, meant)]
    columns = meant[0].shape[1]
    scores = {}
    for order in range(1, words.ORDERS + 1):
        found = words.score_bleu(*sides, order, unit="codes of a column")
        by_clip = found.statistics.reshape(len(written), columns, -1).sum(1)
        scores[f"token BLEU-{order}"] = found._replace(statistics=by_clip)
    return scores


def describe_limits(count: int, by: Judges, rows: dict) -> list[str]:
    """What so many clips cannot support, in plain words.

    Args:
      count: of recorded clips.
      by: the judges.
      rows: {row: {family: {metric: {"value"}}}}.
    """
    notes, windows, dims = [], sum(map(len, by.features)), by.features[0].shape[1]
    if windows < 50 * dims:
        floor = rows[TRUTH]["distribution"]["FGD-half"]["value"]
        apart = "" if floor is None else f"; two halves of the recorded clips are {floor:.3g} apart already"
        notes.append(f"FGD: {windows} windows for {dims} features are few; it is biased upwards{apart}")
    if count < 300:
        notes.append(f"{count} clips: differences inside the intervals (± in the tables) mean nothing")
    if by.translator is not None:
        truth = rows[TRUTH]["text"]["BT-BLEU-4"]["value"]
        if truth < 10:
            notes.append(
                f"back-translation reads the recorded clips themselves with BLEU-4 {truth:.1f}: it cannot "
                "judge what others say, and no BT score of this table supports a claim"
            )
    return notes
