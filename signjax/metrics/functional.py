"""The metrics as functions of clips or texts that return one number: what `signjax.metrics` offers.

Everywhere the references come first, and either side is one clip (text) or a list; lists have equal lengths
and are scored as a corpus. A value that is not defined, as when no joint is shown by both sides, is NaN.

Clips are compared in canonical space: each is moved out of its own place and size, its `placement`, which is
measured if the clip has none. Clips of one recording that should lie on top of one another must share a
placement: `dataclasses.replace(prediction, placement=reference.find_placement())`.
"""

import functools
from collections.abc import Callable, Sequence

from signjax.errors import DataError
from signjax.metrics import (
    diversity_scores,
    dtw_distances,
    frechet,
    motion_features,
    motion_statistics,
    reconstruction,
    text,
)
from signjax.metrics.score import Score, compute_value
from signjax.metrics.tokenization import split_by_name
from signjax.pose.clip import Clip

Clips = Clip | Sequence[Clip]
Texts = str | Sequence[str]
MPJPE_PARTS = ("all", "body", "hands", "hands-relative", "face")


def mpjpe(reference: Clips, prediction: Clips, part: str = "all") -> float:
    """Mean per-joint position error of clips of equal length, in the unit of the reference.

    Args:
      reference: one clip or n.
      prediction: as many, frame by frame.
      part: "all" 50 joints of body and hands, "body", "hands", "hands-relative" (to their wrists), or "face"
        (relative to the nose).
    """
    # Before anything is measured: a wrong name should not cost minutes.
    if part not in MPJPE_PARTS:
        raise DataError(f"part is {part!r}; choose one of {', '.join(MPJPE_PARTS)}")
    # The face has a measure that takes 120 joints; all others are of body and hands.
    if part == "face":
        return _compare_frames(reconstruction.FACE_MEASURE, reference, prediction)
    return _compare_named("MPJPE" if part == "all" else f"MPJPE-{part}", reference, prediction)


def pa_mpjpe(reference: Clips, prediction: Clips) -> float:
    """MPJPE after each frame is moved, turned and scaled onto its reference (Procrustes)."""
    return _compare_named("PA-MPJPE", reference, prediction)


def pck(reference: Clips, prediction: Clips, part: str = "body", share: float = 0.2) -> float:
    """Percentage of correct keypoints, see signjax.metrics.reconstruction.make_pck.

    Args:
      reference: one clip or n.
      prediction: as many, frame by frame.
      part: "body" or "hands".
      share: of the shoulder width, or of the hand's box, below which an error has to lie.
    """
    if part not in reconstruction.PCK_PARTS:
        raise DataError(f"part is {part!r}; choose one of {', '.join(reconstruction.PCK_PARTS)}")
    return _compare_frames(reconstruction.make_pck(part, share), reference, prediction)


def velocity_error(reference: Clips, prediction: Clips) -> float:
    """Mean error of the differences of successive frames, in the reference's unit a frame."""
    return _compare_named("velocity error", reference, prediction)


def acceleration_error(reference: Clips, prediction: Clips) -> float:
    """Mean error of second differences, in the reference's unit a frame squared."""
    return _compare_named("acceleration error", reference, prediction)


def bone_length_error(reference: Clips, prediction: Clips) -> float:
    """Mean absolute error of the lengths of bones, in the reference's unit."""
    return _compare_named("bone-length error", reference, prediction)


def dtw_mje(reference: Clips, prediction: Clips) -> float:
    """Mean joint error along the warping path, in neck-to-shoulder lengths (Huang et al. 2021)."""
    return _compare_warped(dtw_distances.score_dtw_mje, reference, prediction)


def pt_dtw(reference: Clips, prediction: Clips) -> float:
    """The DTW distance of Progressive Transformers: L1 of frames, over the reference's length."""
    return _compare_warped(dtw_distances.score_pt_dtw, reference, prediction)


def ndtw_mje(reference: Clips, prediction: Clips) -> float:
    """nDTW-MJE of Ham2Pose: each keypoint's xy warped by itself, in shoulder widths, accumulated."""
    return _compare_warped(dtw_distances.score_ndtw_mje, reference, prediction)


def dtwp(reference: Clips, prediction: Clips) -> float:
    """DTWp (Jiang et al. 2025): hand keypoints, each warped by itself."""
    return _compare_warped(dtw_distances.score_dtwp, reference, prediction)


def ndtwp(reference: Clips, prediction: Clips) -> float:
    """nDTWp (Jiang et al. 2025): DTWp in shoulder widths, untrimmed."""
    return _compare_warped(dtw_distances.score_ndtwp, reference, prediction)


def dtw_jpe(reference: Clips, prediction: Clips, part: str = "body") -> float:
    """DTW-JPE of SOKE: mean joint error of "body", "right" or "left" (hand), accumulated along the path."""
    if part not in dtw_distances.JPE_PARTS:
        raise DataError(f"part is {part!r}; choose one of {', '.join(dtw_distances.JPE_PARTS)}")
    return _compare_warped(functools.partial(dtw_distances.score_dtw_jpe, part=part), reference, prediction)


def hand_travel_ratio(reference: Clips, prediction: Clips) -> float:
    """How far the wrists travel, over how far they do in the references; 1 is best, 0 stands still."""
    return _compare_motion("hand travel", reference, prediction)


def deviation_ratio(reference: Clips, prediction: Clips) -> float:
    """Standard deviation of joints over time, over that of the references; 1 is best."""
    return _compare_motion("deviation", reference, prediction)


def speed_ratio(reference: Clips, prediction: Clips) -> float:
    """Mean speed of joints over that of the references; 1 is best."""
    return _compare_motion("speed", reference, prediction)


def jitter_ratio(reference: Clips, prediction: Clips) -> float:
    """Third over first differences, over those of the references; 1 is best, more trembles."""
    return _compare_motion("jitter", reference, prediction)


def fgd(references: Sequence[Clip], predictions: Sequence[Clip]) -> float:
    """Fréchet gesture distance of two sets of clips, by the encoder that comes with signjax; 0 is best.

    Hundreds of clips are needed: of few, the distance is too large.
    """
    extractor = _load_extractor()
    # Pairs, although a distance of sets has none: equal numbers make equal biases.
    expected, predicted = (
        motion_features.extract_features(extractor, side) for side in _pair_clips(references, predictions)
    )
    return compute_value(frechet.score_fgd(expected, predicted, extractor.digest))


def diversity(clips: Sequence[Clip], seed: int = 0) -> float:
    """Mean distance of random pairs of clips, in features of motion (Guo et al. 2022).

    More is not better: recorded clips are the mark.

    Args:
      clips: at least two.
      seed: decides the pairs.
    """
    extractor = _load_extractor()
    features = motion_features.extract_features(extractor, _list_clips(clips))
    # Said here, since the mean of no windows would fail with a line about axes.
    if len(features) < 2:
        raise DataError(f"diversity needs at least 2 clips, not {len(features)}")
    means = diversity_scores.average_windows(features)
    return compute_value(diversity_scores.score_diversity(means, seed, extractor.digest))


def multimodality(repeats: Sequence[Sequence[Clip]], seed: int = 0) -> float:
    """Mean distance of clips of the same text, in features of motion (Guo et al. 2022).

    Args:
      repeats: for each text as many clips, at least two.
      seed: decides the pairs.
    """
    extractor, counts = _load_extractor(), {len(clips) for clips in repeats}
    if len(counts) != 1:
        raise DataError(f"multimodality needs equally many clips of each text, not {sorted(counts)}")
    clips = [clip for same in repeats for clip in _list_clips(same)]
    means = diversity_scores.average_windows(motion_features.extract_features(extractor, clips))
    # All clips went through the encoder together; its batches are full then.
    means = means.reshape(len(repeats), counts.pop(), -1)
    return compute_value(diversity_scores.score_multimodality(means, seed, extractor.digest))


def bleu(reference: Texts, hypothesis: Texts, order: int = 4, tokenize: str = "words") -> float:
    """Corpus BLEU, 0 to 100, without smoothing: a single short text often has 0.

    `tokenize`, here and below, is the name of a tokenization, see signjax.metrics.tokenization.
    """
    hypotheses, references = _split_texts(reference, hypothesis, tokenize)
    return compute_value(text.score_bleu(hypotheses, references, order, unit=tokenize))


def chrf(reference: Texts, hypothesis: Texts, tokenize: str = "words") -> float:
    """Corpus chrF, 0 to 100."""
    return compute_value(text.score_chrf(*_split_texts(reference, hypothesis, tokenize), tokens=tokenize))


def rouge_l(reference: Texts, hypothesis: Texts, tokenize: str = "words") -> float:
    """ROUGE-L, 0 to 100, mean over texts."""
    return compute_value(text.score_rouge_l(*_split_texts(reference, hypothesis, tokenize), tokens=tokenize))


def word_error_rate(reference: Texts, hypothesis: Texts, tokenize: str = "words") -> float:
    """Word error rate in percent; above 100 where a hypothesis is much too long."""
    words = _split_texts(reference, hypothesis, tokenize)
    return compute_value(text.score_word_errors(*words, reader="none", tokens=tokenize))


# The encoder is read and compiled once in a process.
_load_extractor = functools.cache(motion_features.load_extractor)


def _compare_named(name: str, reference: Clips, prediction: Clips) -> float:
    return _compare_frames(reconstruction.MEASURES[name], reference, prediction)


def _compare_frames(measure: reconstruction.Measure, reference: Clips, prediction: Clips) -> float:
    references, predictions = _pair_clips(reference, prediction)
    if measure is reconstruction.FACE_MEASURE and not all(clip.has_face for clip in references + predictions):
        raise DataError("a clip has no face (120 joints); leave out part='face'")
    return compute_value(reconstruction.score_measure(measure, references, predictions))


def _compare_warped(score: Callable[[list, list], Score], reference: Clips, prediction: Clips) -> float:
    return compute_value(score(*_pair_clips(reference, prediction)))


def _compare_motion(name: str, reference: Clips, prediction: Clips) -> float:
    return compute_value(motion_statistics.score_motion(*_pair_clips(reference, prediction))[name])


def _pair_clips(reference: Clips, prediction: Clips) -> list[list[Clip]]:
    return _check_pairs([_list_clips(side) for side in (reference, prediction)], "clips")


def _list_clips(clips: Clips) -> list[Clip]:
    """One clip or several as a list; arrays are refused, since they do not say which joints are missing."""
    # Told at once: an array would be iterated frame by frame and fail far from here.
    listed = [clips] if isinstance(clips, Clip) else list(clips)
    for clip in listed:
        if not isinstance(clip, Clip):
            raise DataError(f"a metric takes clips, not {type(clip).__name__}; Clip(points) makes one")
        if not len(clip):
            raise DataError("a clip without frames cannot be compared")
    return listed


def _split_texts(
    reference: Texts, hypothesis: Texts, tokenize: str
) -> tuple[list[list[str]], list[list[str]]]:
    """The words of both sides, the hypotheses first, as signjax.metrics.text has it."""
    # A text is a sequence of letters, too: it must not be taken for a list of texts.
    sides = [[side] if isinstance(side, str) else list(side) for side in (reference, hypothesis)]
    # The papers of BLEU and its like name the hypothesis first; a user of this package always the reference.
    references, hypotheses = _check_pairs(sides, "texts")
    hypothesis_words, reference_words = (
        [split_by_name(tokenize, line) for line in side] for side in (hypotheses, references)
    )
    return hypothesis_words, reference_words


def _check_pairs(sides: list[list], what: str) -> list[list]:
    # No pairs at all have no score, and an evaluation that lost its clips must not report one.
    if len(sides[0]) != len(sides[1]) or not sides[0]:
        counts = f"{len(sides[0])} and {len(sides[1])} {what}"
        raise DataError(f"{counts} make no pairs; give as many on either side")
    return sides
