"""Decoding in windows: one program for clips of all lengths, and frames before the clip is complete.

A decoder of convolutions looks at some tokens to either side of a token to make its frames: its `reach`.
Windows overlap by that much, begin at fixed tokens of a clip, and always as many are decoded at once. So a
clip's frames are bit for bit the same with any other clips, and whether the clip is complete or arrives
token by token.
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
    core = WINDOW - 2 * reach  # tokens of a window whose frames are right
    starts = [(clip, at) for clip, tokens in enumerate(codes) for at in range(0, len(tokens), core)]
    parts: list[list[np.ndarray]] = [[] for _ in codes]
    for first in range(0, len(starts), ROWS):
        batch = starts[first : first + ROWS]
        for (clip, _), frames in zip(batch, _decode_batch(run, codes, batch, reach), strict=True):
            parts[clip].append(frames)
    return [np.concatenate(frames) for frames in parts]


def stream_windows(
    run: Callable, arriving: Iterable[tuple[np.ndarray, bool]], reach: int
) -> Iterator[np.ndarray]:
    """Yields a clip's frames [t, ...] as soon as they are certain; joined they are those of `decode_windows`.

    Args:
      run: see `decode_windows`.
      arriving: (all codes so far [N, C], whether the clip is complete), again and again, never fewer.
      reach: see `decode_windows`.
    """
    core, shown = WINDOW - 2 * reach, 0
    for codes, complete in arriving:
        # Later tokens can still change the frames of the last `reach` ones.
        certain = len(codes) if complete else len(codes) - reach
        while shown < certain:
            at = shown // core * core  # the window that token `shown` has in a complete clip, too
            [frames] = _decode_batch(run, [codes], [(0, at)], reach)
            stride = len(frames) // min(core, len(codes) - at)
            last = min(certain, at + core)
            yield frames[(shown - at) * stride : (last - at) * stride]
            shown = last


def _decode_batch(run, codes, starts, reach: int) -> list[np.ndarray]:
    """Frames of the windows whose cores begin at (clip, token), without those of the overlaps."""
    shape = ROWS, WINDOW
    padded, mask = np.zeros((*shape, *codes[0].shape[1:]), codes[0].dtype), np.zeros(shape, bool)
    for row, (clip, at) in enumerate(starts):
        window = codes[clip][max(at - reach, 0) : at - reach + WINDOW]
        first = max(reach - at, 0)  # before the clip's first token there is padding
        padded[row, first : first + len(window)] = window
        mask[row, first : first + len(window)] = True
    frames = np.asarray(run(padded, mask))
    stride = frames.shape[1] // WINDOW
    sizes = [min(WINDOW - 2 * reach, len(codes[clip]) - at) for clip, at in starts]
    return [frames[row, reach * stride : (reach + n) * stride] for row, n in enumerate(sizes)]
