"""Baselines without a model: the rows of a scorecard that show what the figures of a system mean.

A system has to be better than the mean pose and than random clips. The nearest training text is what a
look-up would give, and stitched signs are what a dictionary gives without any training. The system's clips
under other texts tell whether they depend on their texts at all.
"""

import collections
import dataclasses

import numpy as np

from signjax.lexicon.lexicon import Lexicon
from signjax.metrics import tokenization
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL
from signjax.seeds import make_rng

MEAN, RANDOM = "mean pose", "random training clip"
RETRIEVAL, SHUFFLED = "nearest training text", "shuffled text"
STITCHED = "stitched"


def make_baselines(
    truth: list[Clip], train: list[Clip], clips: list[Clip], seed: int, lexicon: Lexicon | None = None
) -> dict[str, list[Clip]]:
    """Makes the rows of baselines, {name: a clip for each recorded clip}.

    Args:
      truth: the recorded clips that are to be matched.
      train: the training clips.
      clips: the clips of the system, for the row with other texts.
      seed: of the random choices.
      lexicon: a dictionary, for the row of stitched clips; None for no such row.
    """
    rng = make_rng(seed, 11)
    mean = compute_mean_pose(train)
    # As long as a training clip on average: no baseline may know the lengths of the recorded clips.
    still = hold_frame(mean, round(float(np.mean([len(clip) for clip in train]))))
    count, texts = len(truth), [[clip.text for clip in side] for side in (truth, train)]
    return {
        MEAN: [still] * count,
        RANDOM: [train[i] for i in rng.integers(0, len(train), count)],
        RETRIEVAL: [train[i] for i in find_nearest_texts(*texts)],
        SHUFFLED: [clips[i] for i in draw_derangement(count, rng)],
    } | ({} if lexicon is None else {STITCHED: stitch_texts(lexicon, texts[0], seed)})


def stitch_texts(lexicon: Lexicon, texts: list[str], seed: int) -> list[Clip]:
    """A stitched clip of each text, in canonical space; without frames if nothing of it can be signed."""
    lenient = dataclasses.replace(lexicon, checks_letters=False)
    batches = lenient.generate_batches(texts, seed=seed, canonical=True)
    return [clip for _, clips in batches for clip in clips]


def compute_mean_pose(train: list[Clip]) -> Clip:
    """One frame in canonical space: every joint at its mean over all training frames that show it."""
    # Without faces, as all distances are of the 50 joints of body and hands.
    total, seen = np.zeros((50, 3)), np.zeros(50)
    for clip in (clip.without_face() for clip in train):
        total += (clip.canonical() * clip.valid[..., None]).sum(0)
        seen += clip.valid.sum(0)
    mean = (total / np.maximum(seen, 1)[:, None]).astype(np.float32)
    # A joint that no training frame shows has no mean.
    return Clip(mean[None], (seen > 0)[None], placement=CANONICAL)


def hold_frame(frame: Clip, frames: int) -> Clip:
    """Repeats a clip of one frame `frames` times."""
    points, valid = (np.repeat(array, frames, 0) for array in (frame.points, frame.valid))
    return dataclasses.replace(frame, points=points, valid=valid)


def draw_derangement(count: int, rng) -> np.ndarray:
    """Draws a random order [count] that leaves no element in its place, unless there is only one."""
    # Each takes the place of the one before it in a random cycle. Drawing orders until one has no fixed point
    # would take an unknown time.
    order, result = rng.permutation(count), np.zeros(count, int)
    result[order] = np.roll(order, 1)
    return result


def find_nearest_texts(texts, candidates) -> np.ndarray:
    """For each text, the number of the most similar candidate: cosine of TF-IDF word counts."""
    bags = [
        [collections.Counter(tokenization.split_text_words(t)) for t in side] for side in (texts, candidates)
    ]
    document_counts = collections.Counter(word for bag in bags[1] for word in bag)
    index = {word: k for k, word in enumerate(document_counts)}
    # A word that nearly all texts have tells little about which of them is similar.
    rarity = np.log((1 + len(candidates)) / (1 + np.array(list(document_counts.values()))))

    def weigh_words(side):
        table = np.zeros((len(side), len(index)))
        for row, bag in enumerate(side):
            for word, times in bag.items():
                if word in index:
                    table[row, index[word]] = times * rarity[index[word]]
        return table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)

    return (weigh_words(bags[0]) @ weigh_words(bags[1]).T).argmax(1)
