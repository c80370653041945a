"""Decoding in windows: one program for clips of all lengths, and frames before their clip is written.

A decoder of convolutions needs some tokens to either side of a token for its frames, its `reach`. Windows
begin at fixed tokens of a clip, and always as many are decoded at once. So a clip's frames are the same to
the bit whatever it is decoded with, and whether it is there as a whole or arrives token by token.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

WINDOW = 32  # tokens
ROWS = 16  # windows decoded at once


def decode_windows(run: Callable, codes: list[np.ndarray], reach: int) -> list[np.ndarray]:
    """Decodes whole clips.

    Args:
      run: (codes [ROWS, WINDOW, C], mask [ROWS, WINDOW]) -> frames [ROWS, WINDOW * stride, ...].
      codes: of each clip, [N, C].
      reach: tokens to either side of a token that its frames depend on.

    Returns:
      [N * stride, ...] for each clip.
    """
    core = WINDOW - 2 * reach
    starts = [(clip, at) for clip, own in enumerate(codes) for at in range(0, len(own), core)]
    found: list[list[np.ndarray]] = [[] for _ in codes]
    for begin in range(0, len(starts), ROWS):
        part = starts[begin : begin + ROWS]
        for (clip, _), frames in zip(part, _decode_batch(run, codes, part, reach), strict=True):
            found[clip].append(frames)
    return [np.concatenate(frames) for frames in found]


def stream_windows(
    run: Callable, arriving: Iterable[tuple[np.ndarray, bool]], reach: int
) -> Iterator[np.ndarray]:
    """Yields a clip's frames [t, ...] as soon as they are certain; joined they are those of `decode_windows`.

    Args:
      run: see `decode_windows`.
      arriving: (all codes so far [N, C], whether they are all), again and again, never fewer.
      reach: see `decode_windows`.
    """
    core, shown = WINDOW - 2 * reach, 0
    for codes, whole in arriving:
        certain = len(codes) if whole else len(codes) - reach
        while shown < certain:
            at = shown // core * core
            [frames] = _decode_batch(run, [codes], [(0, at)], reach)
            stride = len(frames) // min(core, len(codes) - at)
            last = min(certain, at + core)
            yield frames[(shown - at) * stride : (last - at) * stride]
            shown = last


def _decode_batch(run, codes, starts, reach: int) -> list[np.ndarray]:
    """Frames of the windows that begin at (clip, token), without those that they share with others."""
    shape = ROWS, WINDOW
    held, there = np.zeros((*shape, *codes[0].shape[1:]), codes[0].dtype), np.zeros(shape, bool)
    for row, (clip, at) in enumerate(starts):
        own = codes[clip][max(at - reach, 0) : at - reach + WINDOW]
        first = max(reach - at, 0)
        held[row, first : first + len(own)] = own
        there[row, first : first + len(own)] = True
    frames = np.asarray(run(held, there))
    stride = frames.shape[1] // WINDOW
    sizes = [min(WINDOW - 2 * reach, len(codes[clip]) - at) for clip, at in starts]
    return [frames[row, reach * stride : (reach + n) * stride] for row, n in enumerate(sizes)]
