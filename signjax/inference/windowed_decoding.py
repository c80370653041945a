"""Decoding in windows: one program for clips of all lengths, and frames before the clip is complete.

In a convolutional decoder the frames of a token depend on some tokens to either side of it: its `reach`.
Windows overlap by that much, begin at fixed tokens of a clip, and are always decoded ROWS at a time. So a
clip's frames are bit for bit the same beside any other clips, and whether the clip is complete or arrives
token by token.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

WINDOW = 32  # tokens
# Windows decoded at once, fewer never: a program of another shape may round differently.
ROWS = 16


def decode_windows(run: Callable, codes: list[np.ndarray], reach: int) -> list[np.ndarray]:
    """Decodes whole clips.

    Args:
      run: the decoder, (codes [ROWS, WINDOW, C], mask [ROWS, WINDOW]) -> frames [ROWS, WINDOW * stride, ...].
      codes: [N, C] of each clip.
      reach: the frames of a token depend on so many tokens to either side.

    Returns:
      [N * stride, ...] for each clip.
    """
    # Tokens of a window that have all tokens their frames depend on; the frames of the others are discarded.
    core = WINDOW - 2 * reach
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
    """Yields a clip's frames [t, ...] as soon as they are final; together they are those of `decode_windows`.

    Args:
      run: see `decode_windows`.
      arriving: yields (all codes so far [N, C], whether the clip is complete); N never decreases.
      reach: see `decode_windows`.
    """
    core, emitted = WINDOW - 2 * reach, 0
    for codes, complete in arriving:
        # Later tokens can still change the frames of the last `reach` ones.
        certain = len(codes) if complete else len(codes) - reach
        while emitted < certain:
            # The window in which a complete clip would have this token: in another one bits could differ.
            at = emitted // core * core
            [frames] = _decode_batch(run, [codes], [(0, at)], reach)
            stride = len(frames) // min(core, len(codes) - at)
            last = min(certain, at + core)
            yield frames[(emitted - at) * stride : (last - at) * stride]
            emitted = last


def _decode_batch(run, codes, starts, reach: int) -> list[np.ndarray]:
    """Decodes the windows whose cores begin at (clip, token); returns the frames of the cores."""
    shape = ROWS, WINDOW
    padded, mask = np.zeros((*shape, *codes[0].shape[1:]), codes[0].dtype), np.zeros(shape, bool)
    for row, (clip, at) in enumerate(starts):
        window = codes[clip][max(at - reach, 0) : at - reach + WINDOW]
        # Before the clip's first token there is padding.
        first = max(reach - at, 0)
        padded[row, first : first + len(window)] = window
        mask[row, first : first + len(window)] = True
    frames = np.asarray(run(padded, mask))
    stride = frames.shape[1] // WINDOW
    sizes = [min(WINDOW - 2 * reach, len(codes[clip]) - at) for clip, at in starts]
    return [frames[row, reach * stride : (reach + n) * stride] for row, n in enumerate(sizes)]
