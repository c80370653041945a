"""How the head is held in questions, learnt from a dictionary's own clips with a question mark."""

from collections.abc import Iterable

import numpy as np

from signjax.lexicon import blending
from signjax.pose import skeleton

LEAST_CLIPS = 8  # of questions, and of others: one signer's habit is no mark of a language
RAMP = 0.16  # seconds in which the head goes there and back
MARKS = ("?", "？", "؟", "՞")


def is_question(text: str) -> bool:
    """Whether a text ends with a question mark."""
    return text.rstrip(" \t\r\n\"'”’»)").endswith(MARKS)


def learn_head(heads: Iterable[tuple[np.ndarray, bool]]) -> np.ndarray | None:
    """How far from its usual place the nose is in questions, [3] in canonical space; None if few clips ask.

    Args:
      heads: of each clip, the place of its nose from its neck [3], and whether it asks.
    """
    places: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for place, asks in heads:
        places[asks].append(place)
    if min(map(len, places.values())) < LEAST_CLIPS:
        return None
    return np.median(places[True], axis=0) - np.median(places[False], axis=0)


def mark_question(pose: np.ndarray, start: int, stop: int, shift: np.ndarray, rate: float) -> None:
    """Moves the nose by shift [3] in frames start <= t < stop of pose [T, 50, 3], in place.

    It is eased in and out beside these frames. The head keeps its length. Nothing else is moved.
    """
    t, ramp = np.arange(len(pose)), max(1, round(RAMP * rate))
    outside = np.maximum(np.maximum(start - t, t - stop + 1), 0)
    weight = blending.ease(np.clip(1 - outside / (ramp + 1), 0, 1))[:, None]
    head = pose[:, skeleton.NOSE] - pose[:, skeleton.NECK]
    length = np.sqrt((head**2).sum(-1, keepdims=True))
    moved = head + weight * shift
    moved *= length / np.maximum(np.sqrt((moved**2).sum(-1, keepdims=True)), 1e-9)
    pose[:, skeleton.NOSE] = np.where(weight > 0, pose[:, skeleton.NECK] + moved, pose[:, skeleton.NOSE])
