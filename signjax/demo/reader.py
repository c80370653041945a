"""The reader of the demo language: poses to words without learning, by dynamic programming over templates.

A frame in a state of a sign costs its squared distance from the state in feature space; a frame outside signs
costs a constant, and each sign costs another one. So motion that looks like no sign is cheapest as no sign.
Signs may follow one another in any order: without a language model the reader cannot invent likely words.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from signjax.demo import lexicon, phonology, reader_features
from signjax.demo.reader_templates import SHORTEST_HOLD, Templates, sign_templates
from signjax.demo.text import glosses_to_tokens

FREE_FRAME_COST = 22.0  # of a frame outside signs
SIGN_COST = 55.0  # of each sign, besides its frames
# Radians of head pitch above which a clip asks: half of a question's, less 0.06 by which heads lean back at
# rest.
QUESTION_PITCH = 0.5 * phonology.QUESTION_ANGLE - 0.06
_SKIP_COST = 1.0  # of a state that is left out
_LEAP_SPEED = 0.45  # arm lengths a frame; near a sign no wrist is faster
_MOST_LEAPS = 0.15  # share of leaping frames above which a clip is not the motion of a body
_LEAST_AGREEMENT = 0.28  # see `_motion_agreement`
_STILL_TRAVEL = 0.15  # arm lengths; a clip whose wrists stay within them signs nothing
_SEARCH_ROUNDS = 4
_IDLE_COST = 6.0  # the most that a raised idle hand can cost a one-handed sign in a frame


def state_costs(hands: np.ndarray, table: Templates, dominant: int) -> np.ndarray:
    """Costs [T, states] of each frame in each state.

    Args:
      hands: [T, 2, 24] features of right and left hand.
      table: the templates.
      dominant: the hand that makes one-handed signs, 0 right, 1 left.
    """
    dominant_cost = _squared_distances(hands[:, dominant], table.hands[:, 0])
    other = hands[:, 1 - dominant]
    other_cost = _squared_distances(other, table.hands[:, 1])
    # An idle hand hangs low; how it hangs does not matter.
    rest_height = phonology.REST_PLACE[1] / reader_features.WRIST_TOLERANCE
    idle_cost = np.minimum(_IDLE_COST, 0.25 * np.maximum(0.0, rest_height - 2.0 - other[:, 1]) ** 2)
    # Two hands have twice the features that can be wrong: they count 0.6 each, to compete with one hand.
    return np.where(table.both, 0.6 * (dominant_cost + other_cost), dominant_cost + idle_cost[:, None])


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Squared distances [T, S] of rows x [T, F] from rows y [S, F]; rounding may not make one negative."""
    return np.maximum(0.0, (x**2).sum(-1)[:, None] + (y**2).sum(-1) - 2 * x @ y.T)


class Segment(NamedTuple):
    """A sign in a clip, in frames start <= t < end."""

    sign: int  # number of the sign in Templates
    hand: int  # the dominant hand, 0 right, 1 left
    start: int
    end: int


class _StateGraph(NamedTuple):
    """Costs of moving between the S states: those of right-handed signs, then those of left-handed ones."""

    first: np.ndarray  # [S] bool, whether it is the first state of its sign
    stay: np.ndarray  # [S] cost of staying in a state
    skip: np.ndarray  # [S] cost of leaving out the state before it
    leave: np.ndarray  # [S] cost of ending the sign after it
    sign: np.ndarray  # [S] number of its sign; left-handed signs are counted on from the right-handed ones


@cache
def _state_graph() -> _StateGraph:
    table = sign_templates()
    size = len(table.hands)
    first = np.zeros(size, bool)
    first[table.first] = True
    sign = np.cumsum(first) - 1
    hold = table.hold[sign]
    position = np.arange(size) - table.first[sign]  # of a state in its sign
    # A letter is the same in all its states: staying or skipping would let it be held forever, or for no
    # time.
    stay = np.where(hold, np.inf, 0.0)
    skip = np.where(hold | (position < 2), np.inf, _SKIP_COST)
    may_end = np.where(hold, position >= SHORTEST_HOLD - 1, np.arange(size) == table.last[sign])
    leave = np.where(may_end, 0.0, np.inf)
    sides = np.concatenate([sign, sign + len(table.glosses)])
    return _StateGraph(*(np.tile(x, 2) for x in (first, stay, skip, leave)), sides)


def _state_gains(features: reader_features.Features, table: Templates) -> np.ndarray:
    """What a frame saves in a state against a free frame, [T, 2 x states]: right-handed, left-handed."""
    costs = [state_costs(features.hands, table, dominant) for dominant in (0, 1)]
    return FREE_FRAME_COST - np.concatenate(costs, 1)


def _best_segments(gains: np.ndarray, table: Templates) -> list[Segment]:
    """The best sequence of signs and free frames (Viterbi's algorithm as token passing, Young et al. 1989).

    A token in a state is the score of the best way there and the frame in which its sign began. So the way
    itself need not be stored, only the best sign that ends in each frame.
    """
    graph = _state_graph()
    size = gains.shape[1]
    score, start = np.full(size, -np.inf), np.zeros(size, np.int64)
    best = np.zeros(len(gains) + 1)  # score of everything before a frame
    ended: list[tuple[int, int] | None] = [None] * (len(gains) + 1)  # (sign, its start) that ends before it
    for t, gain in enumerate(gains):
        # From the previous state, or into the first state of a sign from whatever is best before this frame.
        step = np.concatenate([[-np.inf], score[:-1]])
        step[graph.first] = best[t] - SIGN_COST
        step_start = np.concatenate([[t], start[:-1]])
        step_start[graph.first] = t
        # From the state before the previous one, where that is better.
        skip = np.concatenate([[-np.inf] * 2, score[:-2]]) - graph.skip
        skips = skip > step
        step = np.where(skips, skip, step)
        step_start = np.where(skips, np.concatenate([[0, 0], start[:-2]]), step_start)
        stay = score - graph.stay
        stays = stay > step
        score = np.where(stays, stay, step) + gain
        start = np.where(stays, start, step_start)
        exits = score - graph.leave
        state = int(np.argmax(exits))
        if exits[state] > best[t]:
            best[t + 1], ended[t + 1] = exits[state], (int(graph.sign[state]), int(start[state]))
        else:
            best[t + 1] = best[t]
    return _trace_back(ended, len(table.glosses))


def _trace_back(ended: list[tuple[int, int] | None], signs: int) -> list[Segment]:
    """The segments of the best sequence in order of time, from the end of the clip backwards."""
    segments, t = [], len(ended) - 1
    while t > 0:
        if ended[t] is None:
            t -= 1
        else:
            sign, start = ended[t]
            segments.append(Segment(sign % signs, sign // signs, start, t))
            t = start
    return segments[::-1]


def _moves_like_signing(features: reader_features.Features) -> bool:
    """Whether a clip moves at all and does not consist of leaps: noise must not be read as signs."""
    wrists = reader_features.wrist_positions(features)
    travel = np.sqrt((np.ptp(wrists, axis=0) ** 2).sum(-1)).max()
    leaps = (features.speed.max(1) > 0.75 * _LEAP_SPEED).mean()
    # Both limits are for the whole clip: a single leap, or a pause, is no reason to read nothing.
    return len(wrists) > 3 and travel > _STILL_TRAVEL and leaps < _MOST_LEAPS


def _search_segments(features: reader_features.Features, table: Templates) -> list[Segment]:
    """The best sequence of plausible signs.

    Whether a sign is plausible can be checked only when its whole segment is known. So implausible signs are
    forbidden at the frames of their segment, and the search is repeated.
    """
    gains, size = _state_gains(features, table), len(table.hands)
    for _ in range(_SEARCH_ROUNDS):
        segments = _best_segments(gains, table)
        wrong = [segment for segment in segments if not _is_plausible(segment, features, table)]
        wrong += [segment for pair in pairwise(segments) if _is_one_held_sign(*pair) for segment in pair]
        if not wrong:
            return segments
        for sign, hand, start, end in wrong:
            first, last = size * hand + table.first[sign], size * hand + table.last[sign]
            gains[start:end, first : last + 1] = -np.inf
    return [segment for segment in segments if segment not in wrong]


def _is_plausible(segment: Segment, features: reader_features.Features, table: Templates) -> bool:
    """Whether a segment is not too long, does not leap and moves as its sign moves."""
    frames = segment.end - segment.start
    if frames > 2.5 * table.frames[segment.sign] + 2:
        return False
    speed = features.speed[:, segment.hand]
    inside = speed[segment.start : segment.end - 1].max(initial=0.0)
    around = speed[max(segment.start - 1, 0) : segment.end].max()
    if not (inside < 0.65 * _LEAP_SPEED and around < _LEAP_SPEED):
        return False
    return _motion_agreement(segment, features, table) > _LEAST_AGREEMENT


def _is_one_held_sign(one: Segment, two: Segment) -> bool:
    """Whether two segments are one sign that was held too long: the same one again without a gap."""
    return one[:2] == two[:2] and two.start - one.end < 3


def _motion_agreement(segment: Segment, features: reader_features.Features, table: Templates) -> float:
    """The share of the sign's motion in a segment: about 1 if it was made, 0 if held still, < 0 if reversed.

    It is the projection of the hand's motion on that of the template, relative to the template's energy.
    """
    states = table.hands[table.first[segment.sign] : table.last[segment.sign] + 1, 0]
    motion = states - states.mean(0)
    energy = (motion**2).sum(-1).mean()
    # A letter is held and has no motion to compare.
    if energy < 0.01:
        return 1.0
    phase = np.linspace(0, 1, len(states))
    best = -np.inf
    # A segment may have a frame or two of transition at either end: the best of four cuts counts.
    for late, early in ((0, 0), (2, 0), (0, 2), (2, 2)):
        start, end = segment.start + late, segment.end - 1 - early
        at = start + phase * max(end - start, 1)
        low = np.minimum(at.astype(int), len(features.hands) - 2)
        share = (at - low)[:, None]
        hand = features.hands[low, segment.hand] * (1 - share) + features.hands[low + 1, segment.hand] * share
        best = max(best, float(((hand - hand.mean(0)) * motion).sum(-1).mean() / energy))
    return best


def read_signs(pose: np.ndarray, valid: np.ndarray | None = None) -> list[str]:
    """The tokens that a clip signs, such as ["how", "are", "you", "?"]; [] if it signs nothing.

    Args:
      pose: [T, 50, 3] in any unit, at any place.
      valid: [T, 50] bool, False for a missing joint; None if no joint is missing.
    """
    features, segments = _find_segments(pose, valid)
    if not segments:
        return []
    span = slice(segments[0].start, segments[-1].end)
    question = float(np.median(features.pitch[span])) > QUESTION_PITCH
    return glosses_to_tokens([sign_templates().glosses[s.sign] for s in segments], question)


def describe_reading(pose: np.ndarray) -> str:
    """What a clip [T, 50, 3] signs as a line for people, such as "reads: how are you ?"; see `read_signs`."""
    return f"reads: {' '.join(read_signs(pose)) or '(nothing)'}"


def locate_words(pose: np.ndarray, valid: np.ndarray | None = None) -> list[tuple[str, int, int]]:
    """Where each word of a clip is signed: (word, first frame, last frame + 1) in order, without "?".

    The frames are those of the sign itself, without the transitions before and after it.

    Args:
      pose: [T, 50, 3] in any unit, at any place.
      valid: [T, 50] bool, False for a missing joint; None if no joint is missing.
    """
    words, spelled = [], []
    # The None ends a word that is spelled at the end of the clip.
    for segment in [*_find_segments(pose, valid)[1], None]:
        gloss = sign_templates().glosses[segment.sign] if segment else ""
        if gloss in lexicon.LETTERS:
            spelled.append((gloss.lower(), segment))
            continue
        if spelled:
            word = "".join(letter for letter, _ in spelled)
            words.append((word, spelled[0][1].start, spelled[-1][1].end))
            spelled = []
        if gloss in lexicon.WORDS:
            words.append((gloss, segment.start, segment.end))
    return words


def _find_segments(
    pose: np.ndarray, valid: np.ndarray | None
) -> tuple[reader_features.Features | None, list[Segment]]:
    """The features of a clip, None if it has no body, and the signs in it in order of time."""
    features = reader_features.measure_features(pose, valid)
    if features is None or not _moves_like_signing(features):
        return features, []
    return features, _search_segments(features, sign_templates())
