"""Checksums of the clips of a pack: a clip is compared with its own before it is used for the first time.

Checking a large pack when it is opened would read gigabytes that training may never touch, and a clip that
has changed on the disk must not become wrong motion.
"""

import copy
import mmap
import zlib
from collections.abc import Callable

import numpy as np

from signjax.errors import StorageError


def compute_sums(pose: np.ndarray, valid: np.ndarray, lengths: list[int]) -> np.ndarray:
    """CRC-32 [n, 2] uint32 of the poses (column 0) and masks (column 1) of clips that follow one another.

    Args:
      pose: [F, J, 3].
      valid: [F, J].
      lengths: [n] frames of each clip, F together.
    """
    pose, valid = np.ascontiguousarray(pose, np.float32), np.ascontiguousarray(valid)
    ends = np.cumsum(lengths).tolist()
    spans = [slice(end - length, end) for end, length in zip(ends, lengths, strict=True)]
    sums = [[zlib.crc32(pose[span].data), zlib.crc32(valid[span].data)] for span in spans]
    return np.array(sums, np.uint32).reshape(-1, 2)


class ClipCheck:
    """Compares clips of mapped arrays with their checksums, each once in a process.

    Args:
      folder: of the pack, for messages.
      sids: [n] names of the clips.
      offsets: [n + 1], clip i is frames offsets[i]:offsets[i + 1].
      pose: [F, J, 3], mapped.
      valid: [F, J], mapped; None if all joints are there.
      sums: of `compute_sums`.
    """

    def __init__(self, folder: str, sids, offsets, pose, valid, sums: np.ndarray):
        self.folder, self.sids, self.offsets, self.sums = folder, sids, offsets, sums
        self.arrays = [array for array in (pose, valid) if array is not None]
        self.read_ahead = [make_read_ahead(array) for array in self.arrays]
        self.checked = np.zeros(len(sums), bool)

    def moved_to(self, folder: str) -> "ClipCheck":
        """The same check, for a pack whose folder has been moved."""
        moved = copy.copy(self)
        moved.folder = folder
        return moved

    def prepare_frames(self, clip: int, low: int, high: int) -> None:
        """Asks the system for frames low:high of a clip; checks the whole clip if that was not done yet.

        Raises:
          StorageError: the clip is not as it was packed.
        """
        is_checked = self.checked[clip]
        if not is_checked:
            # The checksum is of the whole clip: reading ahead only the window would wait for each other page.
            low, high = int(self.offsets[clip]), int(self.offsets[clip + 1])
        for read in self.read_ahead:
            read(low, high)
        if is_checked:
            return
        # A pack without missing joints has no mask to compare with the second checksum.
        for array, expected in zip(self.arrays, self.sums[clip].tolist(), strict=False):
            if zlib.crc32(np.ascontiguousarray(array[low:high]).data) != expected:
                advice = "remove this folder, and the data set is packed again"
                raise StorageError(f"{self.folder}: clip {self.sids[clip]} is corrupt; {advice}")
        self.checked[clip] = True


def make_read_ahead(array: np.ndarray) -> Callable[[int, int], None]:
    """A function (low, high) that has the system read rows of a mapped array at once.

    Without it, the process waits for each page separately: reading random windows of a pack that is larger
    than memory takes seven times as long.
    """
    # The array is a view of views; only the map at the end of that chain can advise the system.
    owner = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    # An array in memory needs no reading, and rows that are not contiguous are no single range of pages.
    if not isinstance(owner, mmap.mmap) or not array.flags.c_contiguous:
        return lambda low, high: None
    # Where the first row lies in the map: a map begins with a page, and a file's header is shorter than one.
    start = array.ctypes.data % mmap.PAGESIZE
    row = array.strides[0]

    def read_ahead(low: int, high: int) -> None:
        begin = start + low * row
        # madvise refuses an address that is not the beginning of a page.
        begin -= begin % mmap.PAGESIZE
        owner.madvise(mmap.MADV_WILLNEED, begin, start + high * row - begin)

    return read_ahead
