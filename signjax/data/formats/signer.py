"""Chooses the signer among several people in a recording, for the whole clip and never frame by frame.

Detectors list people in any order, and are surer now of one and now of another. People stay where they are,
so detections are joined to tracks by place and size, or by the numbers of a tracker that does its work. The
signer is the track that is seen best over the clip, large, and moves the hands.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signjax.data.formats.base import HAND_POINTS, MIN_CONFIDENCE, JointMap
from signjax.pose import skeleton
from signjax.pose.clip import ClipWarning

MAX_PEOPLE = 16  # of a frame, the surest; and tracks that are continued: files of crowds must not take hours
# In shoulder widths, a person moves less from one frame to the next, and stands further from the next person.
MAX_MOVE = 1.0
MAX_RESIZE = 2.0
TOLD = 0.1  # share of frames; somebody who is there more rarely is a false detection
SEVERAL = "several people are seen, and the one who signs was chosen by place, hands and confidence"


class Person(NamedTuple):
    """A detection in numbers."""

    frame: int
    index: int  # among the people of the frame
    centre: np.ndarray  # [2]
    size: float  # shoulder width
    is_measured: bool  # whether the shoulders or the head were seen, that say the size
    wrists: np.ndarray  # [2, 2], NaN where not seen
    confidence: float  # of body and hands, 0 to 2


Track = list[Person]


def choose_signer(
    people: Sequence[np.ndarray], joint_map: JointMap, ids: Sequence[Sequence[int]] | None = None
) -> tuple[np.ndarray, tuple[ClipWarning, ...]]:
    """Chooses one person of each frame.

    Args:
      people: for each of T frames, x, y and confidence [P, N, 3] of the people in it.
      joint_map: which of the N points are the joints.
      ids: the people's numbers by a tracker, if there is one; they are compared with where people are.

    Returns:
      ([T] int, the signer's place among the people of a frame, -1 if the signer is not in it; what to tell).
    """
    detections = [_describe_people(frame, t, joint_map) for t, frame in enumerate(people)]
    crowded = any(len(frame) > 1 for frame in detections)
    tracks = _track_by_number(detections, ids) if ids is not None else None
    tracks = tracks or _track_by_place(detections)
    chosen = np.full(len(people), -1)
    if not tracks:
        return chosen, ()
    largest = max(_median_size(track) for track in tracks)
    tracks.sort(key=lambda track: _score_track(track, largest), reverse=True)
    signer = {(person.frame, person.index) for person in _join_parts(tracks, crowded)}
    others = [t for t in tracks if len(t) >= TOLD * len(people) and (t[0].frame, t[0].index) not in signer]
    # One person in every frame who jumps at times is one person, or a cut; other checks name that.
    if not (crowded or others):
        signer = {(person.frame, person.index) for track in tracks for person in track}
    for frame, index in signer:
        chosen[frame] = index
    if not others:
        return chosen, ()
    detail = f"{1 + len(others)} people, the signer in {len(signer)} of {len(people)} frames"
    return chosen, (ClipWarning(SEVERAL, detail),)


def pick_people(people: Sequence[np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """The points [T, N, 3] of the chosen person of each frame [P, N, 3], zeros where there is none."""
    nobody = np.zeros(people[0].shape[1:])
    return np.stack([frame[k] if k >= 0 else nobody for frame, k in zip(people, chosen, strict=True)])


def _describe_people(points: np.ndarray, t: int, joint_map: JointMap) -> list[Person]:
    """The people of a frame [P, N, 3] of whom anything is seen, the surest MAX_PEOPLE."""
    people = [_describe_person(person, t, index, joint_map) for index, person in enumerate(points)]
    present = [person for person in people if person is not None]
    return sorted(present, key=lambda person: -person.confidence)[:MAX_PEOPLE]


def _describe_person(points: np.ndarray, t: int, index: int, joint_map: JointMap) -> Person | None:
    confidence = np.nan_to_num(points[:, 2]).clip(0, 1)
    seen = (confidence > MIN_CONFIDENCE) & np.isfinite(points).all(-1)
    joints = np.full((len(joint_map.body), 2), np.nan)
    for joint, numbers in enumerate(joint_map.body):
        if numbers and seen[list(numbers)].all():
            joints[joint] = points[list(numbers), :2].mean(0)
    there = ~np.isnan(joints[:, 0])
    if not there.any():
        return None
    shoulders = joints[[skeleton.R_SHOULDER, skeleton.L_SHOULDER]]
    both = not np.isnan(shoulders).any()
    centre = shoulders.mean(0) if both else joints[there].mean(0)
    # Shoulders that are seen from the side lie close together; the head does not come nearer.
    lengths = [np.linalg.norm(shoulders[0] - shoulders[1]), np.linalg.norm(joints[0] - joints[1])]
    is_measured = not np.isnan(lengths).all()
    size = max(float(np.nanmax(lengths) if is_measured else np.ptp(joints[there])), 1e-9)
    hands = [k for first in (joint_map.right, joint_map.left) if first is not None
             for k in range(first, first + HAND_POINTS)]  # fmt: skip
    body = [k for numbers in joint_map.body for k in numbers]
    sure = float(confidence[body].mean() + (confidence[hands].mean() if hands else 0.0))
    wrists = joints[[skeleton.R_WRIST, skeleton.L_WRIST]]
    return Person(t, index, centre, size, is_measured, wrists, sure)


def _track_by_number(detections: list[list[Person]], ids: Sequence[Sequence[int]]) -> list[Track] | None:
    """Tracks by a tracker's numbers; None if they do not follow people, but count them in each frame."""
    tracks: dict[int, Track] = {}
    for frame in detections:
        numbers = [ids[person.frame][person.index] for person in frame]
        # OpenPose writes -1 for everybody.
        if len(set(numbers)) < len(numbers) or min(numbers, default=0) < 0:
            return None
        for person, number in zip(frame, numbers, strict=True):
            tracks.setdefault(number, []).append(person)
    pairs = [pair for track in tracks.values() for pair in itertools.pairwise(track)]
    jumps = sum(_measure_distance(first, second) > MAX_MOVE for first, second in pairs)
    return None if jumps > 0.02 * len(pairs) else list(tracks.values())


def _track_by_place(detections: list[list[Person]]) -> list[Track]:
    tracks: list[Track] = []
    for frame in detections:
        # The most recent: a false detection leaves a track that nobody continues.
        active = sorted(range(len(tracks)), key=lambda k: -tracks[k][-1].frame)[:MAX_PEOPLE]
        # The nearest pairs first: of two people side by side, each keeps the own track.
        pairs = [(_measure_distance(tracks[k][-1], person), k, n)
                 for k in active for n, person in enumerate(frame)]  # fmt: skip
        used_tracks, used_people = set(), set()
        for distance, k, n in sorted(pairs):
            if distance <= MAX_MOVE and k not in used_tracks and n not in used_people:
                tracks[k].append(frame[n])
                used_tracks.add(k)
                used_people.add(n)
        tracks += [[person] for n, person in enumerate(frame) if n not in used_people]
    return tracks


def _measure_distance(first: Person, second: Person) -> float:
    """How far two detections are apart in place or size; 1 is the most that one person moves."""
    size = max(first.size, second.size)
    moved = float(np.linalg.norm(first.centre - second.centre)) / size
    if not (first.is_measured and second.is_measured):
        return moved
    return max(moved, abs(float(np.log(first.size / second.size))) / float(np.log(MAX_RESIZE)))


def _median_size(track: Track) -> float:
    return float(np.median([person.size for person in track]))


def _score_track(track: Track, largest: float) -> float:
    """How much of a signer a track is."""
    size = _median_size(track)
    # Relative to the shoulders: who walks through the picture does not sign by that.
    wrists = np.stack([(person.wrists - person.centre) / size for person in track])  # [n, 2, 2]
    speed = np.linalg.norm(np.diff(wrists, axis=0), axis=-1)
    # Points of bad detections tremble: what moves faster than hands do counts no more than hands.
    speed = speed[np.isfinite(speed)].clip(0, 0.25)
    moving = float(speed.mean()) if speed.size else 0.0
    seen = sum(person.confidence for person in track)
    # Roots: who is not seen half of the time, or is a tenth as large, must move far more to be the signer.
    return seen * (size / largest) ** 0.25 * (0.02 + moving) ** 0.5


def _join_parts(tracks: list[Track], crowded: bool) -> Track:
    """The first track with those that continue it, where the signer was lost or the picture was cut."""
    signer = list(tracks[0])
    for track in tracks[1:]:
        first, last = signer[0].frame, signer[-1].frame
        # Who is there at the same time is somebody else, even if the two are never in one frame.
        if track[-1].frame >= first and track[0].frame <= last:
            continue
        ends = (track[-1], signer[0]) if track[-1].frame < first else (signer[-1], track[0])
        if not crowded or _measure_distance(*ends) <= 1.5 * MAX_MOVE:
            signer = sorted([*signer, *track], key=lambda person: person.frame)
    return signer
