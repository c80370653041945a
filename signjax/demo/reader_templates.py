"""What every sign should look like to the reader, generated from the same phonology as the clips."""

from functools import cache
from typing import NamedTuple

import numpy as np

from signjax.demo import body, lexicon, phonology, reader_features
from signjax.demo.signers import AVERAGE_SIGNER

# A word passes through its states at its own pace; a letter takes one frame a state and may end early.
WORD_STATES, HOLD_STATES, SHORTEST_HOLD = 7, 13, 2


class Templates(NamedTuple):
    """All states of all signs, a sign's states in a row."""

    glosses: tuple[str, ...]  # of each sign; a letter has two signs, the second shifted
    first: np.ndarray  # [signs] its first state
    last: np.ndarray  # [signs]
    frames: np.ndarray  # [signs] duration at tempo 1
    hands: np.ndarray  # [states, 2, 24] dominant and other hand
    both: np.ndarray  # [states] bool, the other hand takes part
    hold: np.ndarray  # [signs] bool, a letter


@cache
def sign_templates() -> Templates:
    """The templates of the whole language."""
    glosses, hands, both, counts, frames, holds = [], [], [], [], [], []
    for gloss, sign in lexicon.SIGNS.items():
        hold = sign.move == "hold"
        phase = np.linspace(0.02, 0.98, HOLD_STATES if hold else WORD_STATES)
        channels, head = phonology.stroke_channels(sign, phase)
        idle = np.isnan(channels)
        channels = np.where(idle, phonology.rest_channels(), channels)
        for shift in range(2 if hold else 1):
            moved = channels.copy()
            moved[:, 0, phonology.WRIST] += shift * np.array(lexicon.REPEAT_SHIFT)
            hands.append(
                reader_features.measure_features(body.forward_kinematics(moved, head, AVERAGE_SIGNER)).hands
            )
            glosses.append(gloss)
            holds.append(hold)
            both.append(~idle[:, 1, 0])
            counts.append(len(phase))
            frames.append(phonology.MOVES[sign.move][0])
    last = np.cumsum(counts) - 1
    first = last - np.array(counts) + 1
    hands, both = np.concatenate(hands), np.concatenate(both)
    return Templates(tuple(glosses), first, last, np.array(frames), hands, both, np.array(holds))
