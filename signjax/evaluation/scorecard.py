"""The rows of a scorecard: those of the system, and baselines that show what its figures mean.

A row is a list of clips, one for each recorded clip of a split. Beside the row of the system there are the
recorded clips, the tokenizer's ceiling (recorded clips encoded and decoded) and the baselines. The same
judges score all rows, each clip at its own length.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from signjax import demo
from signjax.errors import ConfigError, DataError
from signjax.inference.pose_to_text import PoseToText
from signjax.inference.pose_to_word import PoseToWord
from signjax.metrics import (
    diversity_scores,
    dtw_distances,
    frechet,
    memorization,
    motion_features,
    motion_statistics,
    recognition,
    tokenization,
)
from signjax.metrics import text as text_metrics
from signjax.metrics.score import Score, compute_value
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL
from signjax.seeds import make_sequence

TRUTH, CEILING = "ground truth", "tokenizer ceiling"
# A row with more than this percentage of copies gets a warning. Recorded clips have 5 by definition, see
# signjax.metrics.memorization.
COPIED = 30.0
TEXTS, REPEATS = 20, 10  # for multimodality: texts, and clips generated for each


class Judges(NamedTuple):
    """What rows are scored with besides plain geometry; the same for all rows."""

    readable: bool  # whether the clips are in the demo language
    translator: PoseToText | None
    extractor: motion_features.FeatureExtractor
    features: list[np.ndarray]  # of the recorded clips, [w, d] each
    train: list[Clip]  # training clips, body and hands in canonical space
    nearest_distances: np.ndarray  # [n] of the recorded clips, see signjax.metrics.memorization
    tokenize: str  # how texts are divided, see signjax.metrics.tokenization
    recognizer: PoseToWord | None = None  # of single signs


class Row(NamedTuple):
    """Scores of a row by family, numbers of clips that could not be scored as they are, and warnings."""

    scores: dict[str, dict[str, Score]]
    counts: dict[str, int]
    warnings: list[str]


def make_judges(
    truth: list[Clip],
    train: list[Clip],
    readable: bool,
    translator,
    tokenize: str = "words",
    recognizer: PoseToWord | None = None,
) -> Judges:
    """Loads and computes what all rows are scored with.

    Args:
      truth: the recorded clips that are to be matched.
      train: the training clips.
      readable: whether the clips are in the demo language.
      translator: a back-translator, or None.
      tokenize: name of a tokenization of texts, see signjax.metrics.tokenization.
      recognizer: a recogniser of single signs, or None.

    Raises:
      ConfigError: there is no such tokenization, or the recogniser knows none of the texts.
    """
    # Before all that takes minutes.
    tokenization.split_by_name(tokenize, "")
    if recognizer is not None:
        check_recognizer(recognizer, truth)
    extractor = motion_features.load_extractor()
    features = motion_features.extract_features(extractor, truth)
    # Moved to canonical space once: every row is compared with all of them.
    train = [clip.without_face().move_to() for clip in train]
    nearest_distances = memorization.find_nearest_distances(truth, train)
    judges = Judges(readable, translator, extractor, features, train, nearest_distances, tokenize)
    return judges._replace(recognizer=recognizer)


def classify_clips(recognizer: PoseToWord, clips: list[Clip], silent=None) -> np.ndarray:
    """Probabilities [n, W + 1] of each word and of none, for clips that may have no body at all.

    Args:
      recognizer: a recogniser of single signs.
      clips: as `prepare_clips` takes or returns them.
      silent: [n] which clips were replaced; None for clips that were not prepared.
    """
    if silent is None:
        clips = [move_or_blank(clip.without_face()) for clip in clips]
        silent = np.array([not clip.valid.any() for clip in clips])
    probabilities = recognizer.classify(clips)
    # A silent clip is none of the words for certain, whatever the pose that stands in for it looks like.
    probabilities[silent] = np.eye(probabilities.shape[1])[-1]
    return probabilities


def check_recognizer(recognizer: PoseToWord, truth: list[Clip]) -> None:
    """Raises ConfigError if a recogniser has learned none of the texts of the clips."""
    texts = [clip.text for clip in truth]
    if (recognizer.find_labels(texts) == len(recognizer.words)).all():
        known = ", ".join(recognizer.words[:5])
        raise ConfigError(
            f"--recognizer {recognizer.run}: it knows words such as {known}, and none of the texts, such as "
            f"{texts[0][:40]!r}; give one that was trained on the same words"
        )


def prepare_clips(clips: list[Clip], stand_in: Clip) -> tuple[list[Clip], dict[str, int], np.ndarray]:
    """Replaces clips that cannot be scored, and counts them.

    A clip without frames, without any joint, or without a body that can be measured is replaced by one frame
    of the mean pose, and its text is empty.

    Args:
      clips: of any number of frames; joints that are not finite count as missing.
      stand_in: the frame of the mean pose.

    Returns:
      (clips of body and hands in canonical space, {"empty", "all missing", "one frame": number of clips},
      silent [n] bool: which clips were replaced).
    """
    # Replaced and never left out: a system must not get a better mean by failing.
    prepared, counts, silent = [], {"empty": 0, "all missing": 0, "one frame": 0}, []
    for clip in clips:
        body = move_or_blank(clip.without_face())
        silent.append(not body.valid.any())
        kind = "empty" if not len(body) else "all missing" if silent[-1] else "one frame"
        counts[kind] += silent[-1] or len(body) == 1
        prepared.append(stand_in if silent[-1] else body)
    return prepared, counts, np.array(silent, bool)


def move_or_blank(clip: Clip) -> Clip:
    """Moves a clip to canonical space, missing joints to 0; all joints are missing if that is impossible.

    Joints that are not finite count as missing.
    """
    valid = clip.valid & np.isfinite(clip.points).all(-1)
    points = np.where(valid[..., None], clip.points, np.float32(0))
    clip = dataclasses.replace(clip, points=points, valid=valid)
    # A clip of another system may be anything: without a body that can be measured it says nothing.
    try:
        return clip.move_to()
    except DataError:
        return dataclasses.replace(clip, valid=np.zeros_like(valid), placement=CANONICAL)


def score_row(
    name: str, clips: list[Clip], truth: list[Clip], judges: Judges, stand_in: Clip, seed: int
) -> Row:
    """Computes all scores of a row.

    Args:
      name: of the row; the row of recorded clips also gets the floor of the Fréchet distance.
      clips: as `prepare_clips` takes them, one for each recorded clip.
      truth: the recorded clips.
      judges: see `make_judges`.
      stand_in: see `prepare_clips`.
      seed: of the random pairs and halves.
    """
    prepared, counts, silent = prepare_clips(clips, stand_in)
    features = motion_features.extract_features(judges.extractor, prepared)
    means = diversity_scores.average_windows(features)
    nearest_distances = memorization.find_nearest_distances(prepared, judges.train)
    digest = judges.extractor.digest
    # Even two halves of the recorded clips have a distance: no system can be expected to come nearer.
    floor = {"FGD-half": frechet.score_split_half(features, digest, seed)} if name == TRUTH else {}
    scores = {
        "text": _score_texts(prepared, silent, [clip.text for clip in truth], judges),
        "distance": dtw_distances.score_distances(truth, prepared),
        "distribution": {
            "FGD": frechet.score_fgd(judges.features, features, digest),
            "diversity": diversity_scores.score_diversity(means, seed, digest),
            **floor,
        },
        "guards": motion_statistics.score_motion(truth, prepared)
        | {"copies": memorization.score_copies(nearest_distances, judges.nearest_distances)},
    }
    values = {metric: compute_value(s) for metric, s in scores["guards"].items()}
    warnings = motion_statistics.list_warnings(values)
    if values["copies"] > COPIED:
        warnings.append(
            f"{values['copies']:.0f} % of the clips lie as near to a training clip as a copy does"
        )
    missing = [f"{count} {kind}" for kind, count in counts.items() if count]
    if missing:
        warnings.append(f"of {len(prepared)} clips {', '.join(missing)}; those without a pose say nothing")
    return Row(scores, counts, warnings)


def _score_texts(clips: list[Clip], silent, texts, judges: Judges) -> dict[str, Score]:
    """Scores what clips say against the texts that they were generated for; silent [n] clips say nothing."""
    scores = {}
    if judges.readable:
        glosses = [
            [] if is_silent else demo.read_signs(clip.points, clip.valid)
            for clip, is_silent in zip(clips, silent, strict=True)
        ]
        expected = [demo.normalize_text(text) for text in texts]
        scores["WER"] = text_metrics.score_word_errors(glosses, expected, "demo language", "signs")
    if judges.recognizer is not None:
        probabilities = classify_clips(judges.recognizer, clips, silent)
        labels = judges.recognizer.find_labels(texts)
        scores |= recognition.score_recognition(probabilities, labels, judges.recognizer.digest)
    if judges.translator is not None:
        lines = judges.translator.translate(clips)
        # The mean pose, which stands in for a silent clip, might be translated into a likely text.
        lines = ["" if is_silent else line for line, is_silent in zip(lines, silent, strict=True)]
        # Scores by different translators cannot be compared, so the signature names the translator.
        mark = f"|translator:{judges.translator.digest}"
        scores |= {
            f"BT-{name}": score._replace(signature=score.signature + mark)
            for name, score in text_metrics.score_texts(lines, texts, judges.tokenize).items()
        }
    return scores


def derive_seed(seed: int) -> int:
    """A seed whose clips are no other seed's, as those of seed + 1 would be."""
    # Shifted: 31 bits are what every generator takes as a seed.
    return int(make_sequence(seed, 14).generate_state(1)[0] >> 1)


def score_multimodality(generate: Callable, recorded: Sequence[Clip], extractor, seed: int) -> Score:
    """Measures how much clips of the same text differ.

    Args:
      generate: (recorded clips, seed) -> a Clip of the text of each, in its language and by its signer.
      recorded: of the split; REPEATS clips are generated for the texts of TEXTS of them.
      extractor: of signjax.metrics.motion_features.
      seed: of the clips and pairs.
    """
    chosen = [recorded[i] for i in np.unique(np.linspace(0, len(recorded) - 1, TEXTS).astype(int))]
    clips = generate([clip for clip in chosen for _ in range(REPEATS)], derive_seed(seed))
    means = diversity_scores.average_windows(motion_features.extract_features(extractor, clips))
    means = means.reshape(len(chosen), REPEATS, -1)
    return diversity_scores.score_multimodality(means, seed, extractor.digest)


def score_token_bleu(generated, recorded) -> dict[str, Score]:
    """BLEU of the tokens [N, C] of generated clips against those of recorded ones, all columns together."""
    # Each column is a sentence of its own: the same number means other motion in another column.
    sides = [[column for codes in side for column in codes.T.tolist()] for side in (generated, recorded)]
    columns = recorded[0].shape[1]
    scores = {}
    for order in range(1, text_metrics.ORDERS + 1):
        bleu = text_metrics.score_bleu(*sides, order, unit="codes of a column")
        # The bootstrap draws clips: the columns of a clip are not independent.
        by_clip = bleu.statistics.reshape(len(generated), columns, -1).sum(1)
        scores[f"token BLEU-{order}"] = bleu._replace(statistics=by_clip)
    return scores


def describe_limits(count: int, judges: Judges, rows: dict) -> list[str]:
    """Notes on claims that the figures cannot support, with so few clips or with such judges.

    Args:
      count: of recorded clips.
      judges: see `make_judges`.
      rows: {row: {family: {metric: {"value"}}}}.
    """
    notes, windows, dims = [], sum(map(len, judges.features)), judges.features[0].shape[1]
    # A covariance of d features has d² / 2 numbers; of few windows its estimate makes the distance too large.
    if windows < 50 * dims:
        floor = rows[TRUTH]["distribution"]["FGD-half"]["value"]
        apart = "" if floor is None else f"; two halves of the recorded clips are {floor:.3g} apart already"
        notes.append(f"FGD: {windows} windows for {dims} features are few; it is biased upwards{apart}")
    if count < 300:
        notes.append(f"{count} clips: differences inside the intervals (± in the tables) mean nothing")
    if judges.translator is not None:
        truth = rows[TRUTH]["text"]["BT-BLEU-4"]["value"]
        if truth < 10:
            notes.append(
                f"back-translation reads the recorded clips themselves with BLEU-4 {truth:.1f}: it cannot "
                "judge what others say, and no BT score of this table supports a claim"
            )
    return notes
