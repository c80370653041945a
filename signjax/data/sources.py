"""Examples to make batches of: random crops and whole clips of a data set, and rows of arrays.

A source is anything with a length and `make_example(i, rng)`, which makes example i as a dict of numpy arrays
of fixed shapes. Several processes ask it, so it keeps no state.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence

import numpy as np

from signjax.data.packed_dataset import PackedDataset
from signjax.errors import DataError
from signjax.pose import normalization

# Lengths that arrays are padded to, few of them: a program is compiled for each length.
BUCKETS = (64, 128, 256, 512, 1024)


class Crops:
    """Windows of a data set's clips in canonical space, so many that all frames count about equally.

    A clip of T frames is divided into about T / frames equal parts (at least one). In an epoch each part
    gives one window, centred at a random place in the part and shifted to lie within the clip. A clip that is
    shorter than a window is followed by frames of zeros.

    Args:
      dataset: the clips.
      frames: W, the window's length.
    """

    def __init__(self, dataset: PackedDataset, frames: int):
        self.dataset, self.frames = dataset, frames
        # Lists: for a single number bisect and Python's arithmetic are faster than NumPy's calls.
        self.lengths = dataset.lengths.tolist()
        # Rounded to the nearest: cut off, the frames of a clip of 1.9 windows would count half.
        self.counts = [max(1, (n + frames // 2) // frames) for n in self.lengths]
        self.first = np.cumsum([0, *self.counts]).tolist()  # number of each clip's first window

    def __len__(self) -> int:
        return self.first[-1]

    def make_example(self, i: int, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """Window i: {"pose" [W, J, 3], "mask" [W], and "valid" [W, J] if the data set has missing joints}.

        Without a generator the window lies in the middle of its part.
        """
        clip = bisect_right(self.first, i) - 1
        part = i - self.first[clip] + (rng.random() if rng else 0.5)
        total = self.lengths[clip]
        centre = total * part / self.counts[clip]
        start = int(min(max(centre - self.frames / 2, 0), max(total - self.frames, 0)))
        return cut_window(self.dataset, clip, start, self.frames)


class WholeClips:
    """Some clips of a data set in canonical space, each padded with frames of zeros to one length.

    Args:
      dataset: the clips.
      members: [n] numbers of the clips in the data set.
      length: L, at least that of the longest of them.
    """

    def __init__(self, dataset: PackedDataset, members: np.ndarray, length: int):
        self.dataset, self.members, self.length = dataset, members, length

    def __len__(self) -> int:
        return len(self.members)

    def make_example(self, i: int, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """Member i: {"pose" [L, J, 3], "mask" [L], and "valid" [L, J] if the data set has missing joints}."""
        return cut_window(self.dataset, int(self.members[i]), 0, self.length)


class ArrayRows:
    """The rows of arrays of one length, {name: [n, ...]}, or the items of a sequence of such dicts."""

    def __init__(self, examples: Mapping[str, np.ndarray] | Sequence[dict]):
        self.examples = examples
        lengths = {len(v) for v in examples.values()} if isinstance(examples, Mapping) else {len(examples)}
        if len(lengths) != 1:
            raise DataError(f"arrays of {sorted(lengths)} rows cannot be read side by side; make them equal")
        self.length = lengths.pop()

    def __len__(self) -> int:
        return self.length

    def make_example(self, i: int, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """Row i of every array."""
        if isinstance(self.examples, Mapping):
            return {name: values[i] for name, values in self.examples.items()}
        return self.examples[i]


def cut_window(dataset: PackedDataset, clip: int, start: int, frames: int) -> dict[str, np.ndarray]:
    """Frames start : start + frames of a clip in canonical space, zeros where the clip has ended.

    Returns:
      {"pose": [frames, J, 3] float32, "mask": [frames] bool, True on the clip's frames}, and "valid"
      [frames, J] bool if the data set has missing joints; missing joints lie at the origin. J is 120 if the
      data set has faces, else 50.
    """
    points, valid = dataset.read_frames(clip, start, start + frames)
    count = len(points)  # frames that the clip still has
    pose = normalization.to_canonical(points, dataset.get_placement(clip))
    if count < frames:
        pose = np.concatenate([pose, np.zeros((frames - count, *pose.shape[1:]), np.float32)])
    example = {"pose": pose, "mask": np.arange(frames) < count}
    if valid is not None:
        example["valid"] = np.zeros((frames, valid.shape[1]), bool)
        example["valid"][:count] = valid
        # They lie at 0 in the clip's own space, which canonical space has moved.
        example["pose"][~example["valid"]] = 0
    return example


def choose_bucket(length: int, buckets: Sequence[int] = BUCKETS) -> int:
    """The static length for something of this length: the smallest bucket or power of two that holds it."""
    # Powers of two beyond the buckets: however long clips are, they make few lengths to compile for.
    return min((b for b in buckets if b >= length), default=1 << (length - 1).bit_length())
