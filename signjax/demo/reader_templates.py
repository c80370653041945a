"""Templates of all signs for the reader, made by the same phonology as the clips."""

from functools import cache
from typing import NamedTuple

import numpy as np

from signjax.demo import body, lexicon, phonology, reader_features
from signjax.demo.signers import AVERAGE_SIGNER

# States of a template. A word may stay in a state or skip one, as tempo varies; a letter is held, so it takes
# one frame a state and may end after SHORTEST_HOLD of them.
WORD_STATES, HOLD_STATES, SHORTEST_HOLD = 7, 13, 2


class Templates(NamedTuple):
    """All states of all signs; those of one sign follow one another."""

    glosses: tuple[str, ...]  # of each sign; a letter has two signs, the second one shifted (REPEAT_SHIFT)
    first: np.ndarray  # [signs] number of the first state
    last: np.ndarray  # [signs] number of the last state
    frames: np.ndarray  # [signs] duration at tempo 1
    hands: np.ndarray  # [states, 2, 24] features of dominant and other hand
    both: np.ndarray  # [states] bool, whether the other hand takes part
    hold: np.ndarray  # [signs] bool, whether it is a letter


@cache
def sign_templates() -> Templates:
    """The templates of the whole language."""
    glosses, hands, heads, counts, frames, holds = [], [], [], [], [], []
    for gloss, sign in lexicon.SIGNS.items():
        hold = sign.move == "hold"
        # Not quite to the ends, which lean towards the neighbours of a sign.
        phase = np.linspace(0.02, 0.98, HOLD_STATES if hold else WORD_STATES)
        channels, head = phonology.stroke_channels(sign, phase)
        for shift in range(2 if hold else 1):
            moved = channels.copy()
            # Equal letters in a row alternate between two places, and either must be read as the letter.
            moved[:, 0, phonology.WRIST] += shift * np.array(lexicon.REPEAT_SHIFT)
            hands.append(moved)
            heads.append(head)
            glosses.append(gloss)
            holds.append(hold)
            counts.append(len(phase))
            frames.append(phonology.MOVES[sign.move][0])
    last = np.cumsum(counts) - 1
    first = last - np.array(counts) + 1
    features, two_handed = _measure_states(np.concatenate(hands), np.concatenate(heads))
    return Templates(tuple(glosses), first, last, np.array(frames), features, two_handed, np.array(holds))


def _measure_states(hands: np.ndarray, head: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The features [states, 2, 24] of channels, and whether the other hand takes part [states]."""
    idle = np.isnan(hands)
    # All signs as one clip, in a fifth of the time of a clip for each: one signer signs them all, and what is
    # measured over a clip (bone lengths, axes of the trunk) is of the signer.
    channels = np.where(idle, phonology.rest_channels(), hands)
    features = reader_features.measure_features(body.forward_kinematics(channels, head, AVERAGE_SIGNER))
    return features.hands, ~idle[:, 1, 0]
