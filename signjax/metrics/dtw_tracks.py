"""DTW of many pairs of clips of any lengths, by frame or by keypoint: grouped, padded, in chunks."""

import functools
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data.sources import choose_bucket
from signjax.metrics import dtw

# Numbers in the largest array of a chunk, 64 MB: larger ones gain no speed, and small machines must hold it.
MAX_CELLS = 1 << 24
# Fewer pairs than this are padded to the next length: compiling takes seconds, aligning them milliseconds.
SMALL_GROUP = 16
# To pad pairs to. Few shapes are few compilations; DTW costs the product of both, so that steps are small.
LENGTHS = (16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024)


class Track(NamedTuple):
    """K points over time as one metric compares them, in its own unit and in D dimensions."""

    points: np.ndarray  # [T, K, D]
    valid: np.ndarray  # [T, K] bool


def align_by_frame(cost: Callable, references: list[Track], predictions: list[Track]) -> list[np.ndarray]:
    """Aligns n pairs by a cost of whole frames.

    Args:
      cost: (points x [B, N, K, D], y [B, M, K, D], valid [B, N, K], [B, M, K]) -> (cost of each pair of
        frames [B, N, M], what else is summed along the path [B, N, M]).
      references: n tracks.
      predictions: n tracks.

    Returns:
      Cost of the cheapest path [n], its length [n] in pairs of frames, and what else was summed [n].
    """
    return _align_in_chunks(_align_frames, cost, references, predictions)


@functools.partial(jax.jit, static_argnums=0)
def _align_frames(cost, x, y, x_valid, y_valid, rows, columns):
    frames, extra = cost(x, y, x_valid, y_valid)
    return dtw.align_pairs(frames, rows, columns, extra)


def align_by_keypoint(cost: Callable, references: list[Track], predictions: list[Track]) -> np.ndarray:
    """Aligns each of the K keypoints of n pairs by itself.

    Args:
      cost: takes what `align_by_frame` says -> cost of each keypoint in each pair of frames [B, K, N, M].
      references: n tracks.
      predictions: n tracks.

    Returns:
      Cost of each keypoint's cheapest path [n, K].
    """
    return _align_in_chunks(_align_keypoints, cost, references, predictions)[0]


@functools.partial(jax.jit, static_argnums=0)
def _align_keypoints(cost, x, y, x_valid, y_valid, rows, columns):
    table = cost(x, y, x_valid, y_valid)  # [B, K, N, M]
    keypoints = table.shape[1]
    # Keypoints are pairs of their own, so that one program serves both kinds of alignment.
    rows, columns = (jnp.repeat(lengths, keypoints) for lengths in (rows, columns))
    alignment = dtw.align_pairs(table.reshape(-1, *table.shape[2:]), rows, columns)
    return (alignment.cost.reshape(-1, keypoints),)


def _align_in_chunks(align: Callable, cost: Callable, references, predictions) -> list[np.ndarray]:
    """Aligns pairs of like lengths together, padded; results in the order of the pairs."""
    lengths = np.array([[len(track.points) for track in side] for side in (references, predictions)]).T
    groups = _group_lengths(lengths.max(1))
    # By groups of like lengths: one long pair would otherwise pad all the others.
    results: list = [None] * len(lengths)
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        rows, columns = (choose_bucket(int(n), LENGTHS) for n in lengths[members].max(0))
        chunk = max(1, MAX_CELLS // (rows * columns * references[0].points[0].size))
        for start in range(0, len(members), chunk):
            part = members[start : start + chunk]
            # The last pair fills the chunk: a smaller one would be compiled again.
            filled = part[np.minimum(np.arange(chunk), len(part) - 1)]
            x, x_valid = _pad_tracks([references[i] for i in filled], rows)
            y, y_valid = _pad_tracks([predictions[i] for i in filled], columns)
            sums = jax.device_get(align(cost, x, y, x_valid, y_valid, *lengths[filled].T))
            for row, i in enumerate(part):
                results[i] = [np.asarray(column[row], np.float64) for column in sums]
    return [np.array(column) for column in zip(*results, strict=True)]


def _group_lengths(lengths) -> np.ndarray:
    """Pairs of about equal length get one number; a few pairs of one length go with those of the next."""
    groups = np.array([choose_bucket(int(n), LENGTHS) for n in lengths])
    for size, larger in pairwise(np.unique(groups).tolist()):
        if (groups == size).sum() < SMALL_GROUP:
            groups[groups == size] = larger
    return groups


def _pad_tracks(tracks: list[Track], length: int) -> tuple[np.ndarray, np.ndarray]:
    """Points [B, length, K, D] and valid [B, length, K] of tracks, zeros and False behind their ends."""
    points = np.zeros((len(tracks), length, *tracks[0].points.shape[1:]), np.float32)
    valid = np.zeros(points.shape[:3], bool)
    for row, track in enumerate(tracks):
        points[row, : len(track.points)], valid[row, : len(track.points)] = track
    return points, valid
