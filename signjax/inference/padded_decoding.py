"""Decoding whole clips in padded batches, for decoders whose frames depend on the whole clip."""

from collections.abc import Callable

import numpy as np

from signjax.data import sources

# Lengths in tokens that batches are padded to: few, because each other length is compiled anew.
SIZES = (16, 32, 64, 128, 256)


def decode_in_order(run: Callable, codes: list[np.ndarray], stride: int, batch_size: int = 64) -> list:
    """Decodes clips in their order, each batch padded to its longest clip.

    Args:
      run: the decoder, (codes [B, N, C], mask [B, N]) -> frames [B, N * stride, ...].
      codes: [N, C] of each clip.
      stride: frames of a token.
      batch_size: largest number of clips that are decoded at once.

    Returns:
      [N * stride, ...] for each clip.
    """
    frames: list[np.ndarray] = []
    for start in range(0, len(codes), batch_size):
        part = codes[start : start + batch_size]
        size = sources.choose_bucket(max(map(len, part)), SIZES)
        # Powers of two: few numbers of rows to compile for.
        rows = min(batch_size, 1 << (len(part) - 1).bit_length())
        frames += _decode_padded(run, part, stride, rows, size)
    return frames


def decode_by_length(run: Callable, codes: list[np.ndarray], stride: int, batch_size: int = 16) -> list:
    """Decodes clips of similar length together; arguments and result are those of `decode_in_order`."""
    frames: list = [None] * len(codes)
    sizes = np.array([sources.choose_bucket(len(sequence)) for sequence in codes])
    for size in np.unique(sizes):
        members = np.flatnonzero(sizes == size)
        for numbers in np.split(members, range(batch_size, len(members), batch_size)):
            part = [codes[number] for number in numbers]
            decoded = _decode_padded(run, part, stride, batch_size, int(size))
            for number, clip in zip(numbers, decoded, strict=True):
                frames[number] = clip
    return frames


def _decode_padded(run: Callable, codes: list[np.ndarray], stride: int, rows: int, size: int) -> list:
    """Decodes clips in one batch of `rows` rows of `size` tokens; returns the frames of each clip."""
    # Rows without a clip and the padding after a clip are masked: they change no frame of a clip.
    padded = np.zeros((rows, size, codes[0].shape[1]), codes[0].dtype)
    mask = np.zeros((rows, size), bool)
    for row, sequence in enumerate(codes):
        padded[row, : len(sequence)], mask[row, : len(sequence)] = sequence, True
    frames = np.asarray(run(padded, mask))
    return [frames[row, : len(sequence) * stride] for row, sequence in enumerate(codes)]
