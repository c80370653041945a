"""Reads poses back into words without learning: one dynamic programme over all templates.

Every frame costs each state its squared distance in feature space; a frame that belongs to no sign costs
a constant. A sign pays an entrance fee, so what resembles nothing is cheapest read as nothing. Segments
follow one another freely: the grammar knows no words that are likely, so it cannot invent any.
"""

from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from signjax.demo import lexicon, phonology, reader_features
from signjax.demo.reader_templates import SHORTEST_HOLD, Templates, sign_templates
from signjax.demo.text import glosses_to_tokens

FREE_FRAME_COST = 22.0  # cost of a frame outside signs
SIGN_COST = 55.0  # of a sign
QUESTION_PITCH = 0.5 * phonology.QUESTION_ANGLE - 0.06  # radians of head pitch above which a clip asks
_SKIP_COST = 1.0  # of leaving out a state
_LEAP_SPEED = 0.45  # arm lengths: no wrist moves further in one frame of or next to a sign
_MOST_LEAPS = 0.15  # share of leaping frames above which a clip is no motion of a body
_LEAST_AGREEMENT = 0.28  # least share of a sign's motion
_STILL_TRAVEL = 0.15  # arm lengths: a clip whose wrists stay within this says nothing
_SEARCH_ROUNDS = 4
_IDLE_COST = 6.0  # most that a raised idle hand can cost a one-handed sign


def state_costs(hands: np.ndarray, table: Templates, dominant: int) -> np.ndarray:
    """Cost [T, states] of frames hands [T, 2, 24] when hand `dominant` (0 right, 1 left) leads."""
    lead, other = hands[:, dominant], hands[:, 1 - dominant]
    one = _squared_distances(lead, table.hands[:, 0])
    two = _squared_distances(other, table.hands[:, 1])
    # An idle hand hangs low; how it hangs does not matter.
    rest = phonology.REST_PLACE[1] / reader_features.WRIST_TOLERANCE
    idle = np.minimum(_IDLE_COST, 0.25 * np.maximum(0.0, rest - 2.0 - other[:, 1]) ** 2)
    return np.where(table.both, 0.6 * (one + two), one + idle[:, None])


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.maximum(0.0, (x**2).sum(-1)[:, None] + (y**2).sum(-1) - 2 * x @ y.T)


class Segment(NamedTuple):
    """One sign found: frames start <= t < end."""

    sign: int
    hand: int  # which hand leads, 0 right, 1 left
    start: int
    end: int


class _StateGraph(NamedTuple):
    """How tokens move; states are those of right-handed signs, then again of left-handed ones."""

    first: np.ndarray  # [S] bool
    stay: np.ndarray  # [S] cost of staying in a state
    skip: np.ndarray  # [S] cost of coming from the state before the previous one
    leave: np.ndarray  # [S] cost of ending the sign after this state
    sign: np.ndarray  # [S] which sign, then the same of the left hand


@cache
def _state_graph() -> _StateGraph:
    table = sign_templates()
    size = len(table.hands)
    first = np.zeros(size, bool)
    first[table.first] = True
    sign = np.cumsum(first) - 1
    hold = table.hold[sign]
    at = np.arange(size) - table.first[sign]
    stay = np.where(hold, np.inf, 0.0)
    skip = np.where(hold | (at < 2), np.inf, _SKIP_COST)
    ends = np.where(hold, at >= SHORTEST_HOLD - 1, np.arange(size) == table.last[sign])
    leave = np.where(ends, 0.0, np.inf)
    sides = np.concatenate([sign, sign + len(table.glosses)])
    return _StateGraph(*(np.tile(x, 2) for x in (first, stay, skip, leave)), sides)


def _state_gains(seen: reader_features.Features, table: Templates) -> np.ndarray:
    """What each state saves against a free frame, [T, 2 x states]."""
    both = np.concatenate([state_costs(seen.hands, table, 0), state_costs(seen.hands, table, 1)], 1)
    return FREE_FRAME_COST - both


def _best_segments(gains: np.ndarray, table: Templates) -> list[Segment]:
    """The best sequence of signs and free frames by token passing: a token is a score and a start."""
    graph = _state_graph()
    size = gains.shape[1]
    score, start = np.full(size, -np.inf), np.zeros(size, np.int64)
    best = np.zeros(len(gains) + 1)  # of everything before a frame
    back: list[tuple[int, int] | None] = [None] * (len(gains) + 1)
    for t, gain in enumerate(gains):
        step = np.concatenate([[-np.inf], score[:-1]])
        step[graph.first] = best[t] - SIGN_COST
        begin = np.concatenate([[t], start[:-1]])
        begin[graph.first] = t
        leap = np.concatenate([[-np.inf] * 2, score[:-2]]) - graph.skip
        far = leap > step
        step = np.where(far, leap, step)
        begin = np.where(far, np.concatenate([[0, 0], start[:-2]]), begin)
        stay = score - graph.stay
        stays = stay > step
        score = np.where(stays, stay, step) + gain
        start = np.where(stays, start, begin)
        exits = score - graph.leave
        state = int(np.argmax(exits))
        if exits[state] > best[t]:
            best[t + 1], back[t + 1] = exits[state], (int(graph.sign[state]), int(start[state]))
        else:
            best[t + 1] = best[t]
    return _trace_back(back, len(table.glosses))


def _trace_back(back: list[tuple[int, int] | None], signs: int) -> list[Segment]:
    found, t = [], len(back) - 1
    while t > 0:
        if back[t] is None:
            t -= 1
        else:
            sign, start = back[t]
            found.append(Segment(sign % signs, sign // signs, start, t))
            t = start
    return found[::-1]


def _moves_like_signing(seen: reader_features.Features) -> bool:
    """Whether the clip moves at all and does not consist of leaps."""
    wrists = reader_features.wrist_positions(seen)
    travel = np.sqrt((np.ptp(wrists, axis=0) ** 2).sum(-1)).max()
    return (
        len(wrists) > 3
        and travel > _STILL_TRAVEL
        and (seen.speed.max(1) > 0.75 * _LEAP_SPEED).mean() < _MOST_LEAPS
    )


def _search_segments(seen: reader_features.Features, table: Templates) -> list[Segment]:
    """The best sequence of plausible signs: what is not plausible is forbidden and the search repeated."""
    gains, size = _state_gains(seen, table), len(table.hands)
    for _ in range(_SEARCH_ROUNDS):
        segments = _best_segments(gains, table)
        wrong = [segment for segment in segments if not _is_plausible(segment, seen, table)]
        wrong += [segment for pair in pairwise(segments) if _is_one_held_sign(*pair) for segment in pair]
        if not wrong:
            return segments
        for sign, hand, start, end in wrong:
            first, last = size * hand + table.first[sign], size * hand + table.last[sign]
            gains[start:end, first : last + 1] = -np.inf
    return [segment for segment in segments if segment not in wrong]


def _is_plausible(segment: Segment, seen: reader_features.Features, table: Templates) -> bool:
    """Whether a segment is not too long, does not leap and moves as its sign moves."""
    frames = segment.end - segment.start
    speed = seen.speed[:, segment.hand]
    inside = speed[segment.start : segment.end - 1].max(initial=0.0)
    around = speed[max(segment.start - 1, 0) : segment.end].max()
    short = frames <= 2.5 * table.frames[segment.sign] + 2
    return (
        short
        and inside < 0.65 * _LEAP_SPEED
        and around < _LEAP_SPEED
        and _motion_agreement(segment, seen, table) > _LEAST_AGREEMENT
    )


def _is_one_held_sign(one: Segment, two: Segment) -> bool:
    """Whether two segments are one sign held too long."""
    return one[:2] == two[:2] and two.start - one.end < 3


def _motion_agreement(segment: Segment, seen: reader_features.Features, table: Templates) -> float:
    """How much of the sign's own motion was made: about 1 if it was, 0 if held still, below 0 if reversed."""
    states = table.hands[table.first[segment.sign] : table.last[segment.sign] + 1, 0]
    motion = states - states.mean(0)
    energy = (motion**2).sum(-1).mean()
    if energy < 0.01:  # a letter is held
        return 1.0
    phase = np.linspace(0, 1, len(states))
    best = -np.inf
    for late, early in ((0, 0), (2, 0), (0, 2), (2, 2)):  # a segment may hold a frame or two of transition
        start, end = segment.start + late, segment.end - 1 - early
        at = start + phase * max(end - start, 1)
        low = np.minimum(at.astype(int), len(seen.hands) - 2)
        share = (at - low)[:, None]
        made = seen.hands[low, segment.hand] * (1 - share) + seen.hands[low + 1, segment.hand] * share
        best = max(best, float(((made - made.mean(0)) * motion).sum(-1).mean() / energy))
    return best


def read_signs(pose: np.ndarray, valid: np.ndarray | None = None) -> list[str]:
    """The tokens a clip signs, such as ["how", "are", "you", "?"]; [] when it signs nothing.

    Args:
      pose: [T, 50, 3] positions in any unit, at any place.
      valid: [T, 50] bool, False where a joint is missing; None means all are there.
    """
    seen, segments = _find_segments(pose, valid)
    if not segments:
        return []
    span = slice(segments[0].start, segments[-1].end)
    question = float(np.median(seen.pitch[span])) > QUESTION_PITCH
    return glosses_to_tokens([sign_templates().glosses[s.sign] for s in segments], question)


def locate_words(pose: np.ndarray, valid: np.ndarray | None = None) -> list[tuple[str, int, int]]:
    """Where each word of a clip is signed: (word, first frame, last frame + 1) in order, without "?".

    Args: as for `read_signs`. The frames are those of the sign itself; the way there and back is not in them.
    """
    words, spelled = [], []
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
    """Features of a clip and the signs in it."""
    seen = reader_features.measure_features(pose, valid)
    if seen is None or not _moves_like_signing(seen):
        return seen, []
    return seen, _search_segments(seen, sign_templates())
