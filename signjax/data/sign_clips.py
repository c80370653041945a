"""Examples for recognising single signs: clips of one length in frames, and garbage that is no sign.

A sign is resampled to as many frames as the recogniser reads, whatever its length and its frame rate, so that
recordings of other cameras are comparable.
"""

from collections.abc import Sequence

import numpy as np

from signjax.data import augmentation
from signjax.pose import skeleton
from signjax.pose.clip import Clip

NEAREST = 0.5  # a joint of a new frame is there if the recorded frame next to it has it
TRIMMED = 0.15  # of a clip's frames, at most, that training leaves out at each end
# Of a whole clip: how much faster its first half may be signed than its second.
WARP = 0.12
TILT = 0.08  # rad, standard deviation of the camera's roll
LARGEST_STEP = 0.5  # of a wrist between two frames, neck-to-shoulder lengths: more is an error of estimation
JITTER = 0.01  # neck-to-shoulder lengths, of estimated joints
SHIFT = 0.04  # the same, of a hand as a whole against its arm


class SignClips:
    """A source of single signs with their labels.

    Args:
      clips: of one sign each.
      labels: [n] int number of each clip's word.
      frames: T of an example.
      augment: arguments of signjax.data.augmentation.augment_signer, and `drop`, the chance that a part is
        missing for a while, and `garbage`, the share of examples that are made no sign; None for evaluation.
      none: the label of garbage.
    """

    def __init__(
        self, clips: Sequence[Clip], labels, frames: int, augment: dict | None = None, none: int = 0
    ):
        self.clips, self.labels, self.frames = clips, np.asarray(labels, np.int32), frames
        self.augment, self.none = None if augment is None else dict(augment), none

    def __len__(self) -> int:
        return len(self.clips)

    def make_example(self, i: int, rng: np.random.Generator | None = None) -> dict[str, np.ndarray]:
        """Clip i: {"pose" [T, 50, 3] canonical, "valid" [T, 50], "label" []}.

        Without a generator the whole clip as it is.
        """
        if rng is None or self.augment is None:
            return sample_frames(self.clips[i], self.frames) | {"label": self.labels[i]}
        signer = {name: self.augment[name] for name in ("mirror", "turn", "size")}
        example = augmentation.augment_signer(self._play_clip(i, rng), rng, **signer)
        label = self.labels[i]
        if rng.random() < self.augment["garbage"]:
            other = self._play_clip(int(rng.integers(len(self))), rng)
            example, label = make_garbage(example, other, rng), np.int32(self.none)
        return disturb_joints(example, rng, self.augment["drop"]) | {"label": label}

    def _play_clip(self, i: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        first, last = TRIMMED * rng.random(), 1 - TRIMMED * rng.random()
        time = np.linspace(0, 1, self.frames)
        time = time + WARP * rng.uniform(-1, 1) * np.sin(np.pi * time)
        return sample_frames(self.clips[i], self.frames, first + (last - first) * time)


def sample_frames(clip: Clip, frames: int, time: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """A clip at some of its times: {"pose" [frames, 50, 3] canonical, "valid" [frames, 50]}.

    Args:
      clip: of one frame at least; a face is left out.
      frames: T.
      time: [frames] how much of the clip is over, from 0 to 1, see `measure_progress`; None for even shares.
    """
    clip = clip.without_face()
    pose, valid = clip.canonical(), clip.valid
    progress = np.linspace(0, 1, frames) if time is None else time
    at = np.interp(progress, measure_progress(pose, valid), np.arange(len(pose)))
    before = np.minimum(at.astype(int), len(pose) - 1)
    after = np.minimum(before + 1, len(pose) - 1)
    share = (at - before).astype(np.float32)[:, None, None]
    # A joint that only one of two frames has is where that frame has it.
    known_before, known_after = valid[before], valid[after]
    share = np.where(known_before & known_after, share[..., 0], known_after.astype(np.float32))[..., None]
    mixed = pose[before] * (1 - share) + pose[after] * share
    return {
        "pose": mixed,
        "valid": np.where(at[:, None] - before[:, None] < NEAREST, known_before, known_after),
    }


def measure_progress(pose, valid) -> np.ndarray:
    """How much of a clip is over at each frame, [T] from 0 to 1: the mean of its time and its wrists' path.

    Signers rest for longer or shorter times before and after a sign, and hold it for longer or shorter; of
    what they move while they sign, most belongs to it.
    """
    frames = len(pose)
    if frames == 1:
        return np.zeros(1)
    wrists = [skeleton.R_WRIST, skeleton.L_WRIST]
    steps = np.linalg.norm(np.diff(pose[:, wrists, :2], axis=0), axis=-1)
    # A wrist that appears has not moved there.
    steps = (steps * (valid[1:, wrists] & valid[:-1, wrists])).sum(1)
    path = np.concatenate([[0.0], np.cumsum(np.minimum(steps, LARGEST_STEP))])
    even = np.linspace(0, 1, frames)
    return even if path[-1] == 0 else (even + path / path[-1]) / 2


def make_garbage(example: dict, other: dict, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What is no sign of any word: a pose held, frames in disorder, or the parts of two clips together."""
    frames = len(example["pose"])
    kind = rng.integers(5)
    if kind == 0:
        order = np.full(frames, rng.integers(frames))
        return {name: values[order] for name, values in example.items()}
    if kind == 4:
        # Between two clips, too: what a model gives that has learned no more than the mean of all clips.
        share = rng.random()
        mean = share * example["pose"].mean(0) + (1 - share) * other["pose"].mean(0)
        return example | {"pose": np.repeat(mean[None], frames, 0)}
    if kind == 1:
        # In pieces, as every frame by itself would be told from signing by its noise alone.
        pieces = np.array_split(np.arange(frames), 6)
        order = np.concatenate([pieces[k] for k in rng.permutation(6)])
        return {name: values[order] for name, values in example.items()}
    hands = np.r_[8:50] if kind == 2 else np.r_[2:5, 8:29]  # both hands, or the right arm with its hand
    mixed = {name: values.copy() for name, values in example.items()}
    mixed["pose"][:, hands] = other["pose"][::-1, hands]
    mixed["valid"][:, hands] = other["valid"][::-1, hands]
    return mixed


def disturb_joints(example: dict, rng: np.random.Generator, drop: float) -> dict[str, np.ndarray]:
    """The same sign as another camera and pose estimator see it.

    Args:
      example: of `SignClips`.
      rng: a numpy generator.
      drop: chance, for each hand, that it is missing for a while.
    """
    pose, valid = example["pose"].copy(), example["valid"].copy()
    angle = TILT * rng.normal()
    cos, sin = np.cos(angle), np.sin(angle)
    pose[..., :2] = pose[..., :2] @ np.array([[cos, sin], [-sin, cos]], np.float32)
    pose += np.float32(JITTER * rng.random()) * rng.standard_normal(pose.shape, np.float32)
    for hand, _ in skeleton.HANDS:
        pose[:, hand] += (SHIFT * rng.normal(size=3)).astype(np.float32)
        if rng.random() < drop:
            first, length = rng.integers(len(pose)), rng.integers(1, len(pose) // 2)
            valid[first : first + length, hand] = False
    return {"pose": pose, "valid": valid}
