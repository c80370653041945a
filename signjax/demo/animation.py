"""Glosses to moving channels: timing, transitions and coarticulation.

The strokes of signs follow one another with gaps, which are filled with smooth transitions; the fingers
arrive before the hand does. A stroke leans a little towards where its hand comes from and where it goes to.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from signjax.demo import lexicon, phonology
from signjax.demo.signers import Signer

_LEAN_SHARE = 0.07  # share of the way to a neighbour by which a stroke's ends give way


class Channels(NamedTuple):
    """The motion of a clip as channels (signjax.demo.phonology), before kinematics."""

    hands: np.ndarray  # [T, 2, 25] dominant and other hand; NaN where a hand has nothing to do
    head: np.ndarray  # [T, 2] pitch and roll, radians


def animate_glosses(glosses: list[str], question: bool, signer: Signer, rng: np.random.Generator) -> Channels:
    """The channels of a sentence, from rest to rest.

    Args:
      glosses: of the signs, see signjax.demo.text.
      question: whether the head asks.
      signer: gives tempo and amplitude.
      rng: varies timing and places.
    """
    strokes = [_rest_channels(int(rng.integers(3, 6)))]
    repeats = 0
    for k, gloss in enumerate(glosses):
        # A letter is held still, so equal letters in a row must differ by place to be two.
        repeats = repeats + 1 if k and glosses[k - 1] == gloss and gloss in lexicon.LETTERS else 0
        strokes.append(_gloss_stroke(gloss, repeats % 2, signer, rng))
    strokes.append(_rest_channels(int(rng.integers(3, 6))))
    neighbours = zip([strokes[0], *strokes[:-1]], strokes, [*strokes[1:], strokes[-1]], strict=True)
    strokes = [_lean_to_neighbours(*three) for three in neighbours]
    gaps = [_gap_frames(a, b, signer.tempo) for a, b in pairwise(strokes)]
    hands, head = _lay_out(strokes, gaps)
    if question:
        head[:, 0] += phonology.QUESTION_ANGLE * _signing_envelope(
            len(head), len(strokes[0].head), len(strokes[-1].head)
        )
    return Channels(_fill_gaps(hands), head)


def _rest_channels(frames: int) -> Channels:
    return Channels(np.tile(phonology.rest_channels(), (frames, 2, 1)), np.zeros((frames, 2)))


def _gloss_stroke(gloss: str, shifted: int, signer: Signer, rng: np.random.Generator) -> Channels:
    sign = lexicon.SIGNS[gloss]
    frames = phonology.MOVES[sign.move][0] / (signer.tempo * rng.uniform(0.93, 1.07))
    count = max(3, round(frames))
    hands, head = phonology.stroke_channels(sign, np.linspace(0, 1, count), signer.amplitude)
    shift = rng.normal(0, 0.008, 3) + shifted * np.array(lexicon.REPEAT_SHIFT)
    hands[:, 0, phonology.WRIST] += shift
    if sign.hands in ("2", "2x"):
        hands[:, 1, phonology.WRIST] += shift
    return Channels(hands, head)


def _lean_to_neighbours(before: Channels, stroke: Channels, after: Channels) -> Channels:
    """The stroke with its ends drawn towards its neighbours, as coarticulation does in real signing."""
    phase = np.linspace(0, 1, len(stroke.head))[:, None]
    hands = stroke.hands.copy()
    for side in (0, 1):
        wrist = stroke.hands[:, side, phonology.WRIST]
        # A hand that is not used is NaN and draws nothing.
        from_before = np.nan_to_num(before.hands[-1, side, phonology.WRIST] - wrist[0])
        to_after = np.nan_to_num(after.hands[0, side, phonology.WRIST] - wrist[-1])
        # Cubes, so that only the ends of the stroke give way and its middle stays as the lexicon has it.
        lean = (1 - phase) ** 3 * from_before + phase**3 * to_after
        hands[:, side, phonology.WRIST] += _LEAN_SHARE * lean
    return Channels(hands, stroke.head)


def _gap_frames(a: Channels, b: Channels, tempo: float) -> int:
    """Frames of the transition between two strokes: more for a longer path and a larger turn."""
    path = a.hands[-1, 0, phonology.WRIST] - b.hands[0, 0, phonology.WRIST]
    # |q . p| is 1 for equal rotations, also if the quaternions have opposite signs.
    turn = 1 - abs(a.hands[-1, 0, phonology.TURN] @ b.hands[0, 0, phonology.TURN])
    return int(np.clip(round((2.2 + 4.0 * float(np.linalg.norm(path)) + 2.0 * turn) / tempo), 2, 9))


def _lay_out(strokes: list[Channels], gaps: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Strokes one after another, (hands, head); in the gaps hands are NaN, and the head moves straight on."""
    hands, head = [strokes[0].hands], [strokes[0].head]
    for gap, stroke in zip(gaps, strokes[1:], strict=True):
        hands += [np.full((gap, 2, phonology.HAND_CHANNELS), np.nan), stroke.hands]
        share = _smoothstep(np.arange(1, gap + 1)[:, None] / (gap + 1))
        head += [head[-1][-1] + share * (stroke.head[0] - head[-1][-1]), stroke.head]
    return np.concatenate(hands), np.concatenate(head)


def _fill_gaps(hands: np.ndarray) -> np.ndarray:
    """Hands [T, 2, 25] with the NaN frames of each hand replaced by transitions between its known frames."""
    out = hands.copy()
    for side in (0, 1):
        _rest_idle_hand(out, side)
        known = np.flatnonzero(~np.isnan(out[:, side, 0]))
        for a, b in pairwise(known):
            if b - a > 1:
                out[a + 1 : b, side] = _transition_path(out[a, side], out[b, side], b - a - 1)
    return out


def _rest_idle_hand(hands: np.ndarray, side: int) -> None:
    """Writes the resting hand into long pauses of hand `side`, but for the frames of its way down and up."""
    known = np.flatnonzero(~np.isnan(hands[:, side, 0]))
    for a, b in pairwise(known):
        # In a shorter pause there is no time to go down and up again: 8 frames for each way.
        if b - a > 17:
            hands[a + 8 : b - 7, side] = phonology.rest_channels()


def _transition_path(start: np.ndarray, end: np.ndarray, frames: int) -> np.ndarray:
    """Channels [frames, 25] between two hands [25], neither of them included."""
    share = np.arange(1, frames + 1) / (frames + 1)
    end = end.copy()
    if start[phonology.TURN] @ end[phonology.TURN] < 0:
        # -q is the same rotation as q: of the two the nearer one, so that the hand turns the short way.
        end[phonology.TURN] *= -1
    path = start + _smoothstep(share)[:, None] * (end - start)
    early = _smoothstep(np.minimum(1.0, share * 1.25))[:, None]
    path[:, phonology.SHAPE] = start[phonology.SHAPE] + early * (end - start)[phonology.SHAPE]
    return path


def _smoothstep(p: np.ndarray) -> np.ndarray:
    """From 0 to 1 for p from 0 to 1, at rest at both ends."""
    # A cubic and not minimum jerk: its highest speed is lower, and the reader takes fast hands for leaps.
    return p * p * (3 - 2 * p)


def _signing_envelope(frames: int, first: int, last: int) -> np.ndarray:
    """[frames] 0 in the `first` and `last` frames, when the hands rest; 1 between; ramps of 4 frames."""
    t = np.arange(frames)
    return _smoothstep(np.clip(np.minimum(t - first + 1, frames - last - t) / 4, 0, 1))
