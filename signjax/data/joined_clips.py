"""Training rows of the back-translator: clips one after another, changed as if others had signed them."""

import numpy as np

from signjax.data import augmentation, sources, token_rows
from signjax.data.packed_dataset import PackedDataset

FRAME_BUCKETS = (256, 384, 512, 768, 1024)
FRAMES_PER_TEXT_TOKEN = 8  # a row has room for a token of text every so many frames, at least


class JoinedClips:
    """A source of rows that hold a clip and, as far as they fit, others drawn at random after it.

    Joined clips are new sentences of known signs, and leave little padding. Rows are as long as the longest
    clip needs, at least 256 frames, and have room for at least one text token in every eight frames. Clips
    with a text far longer than the others are left out, see signjax.data.token_rows.

    Args:
      dataset: the clips.
      ids: text ids of each clip, END last.
      joins: chance that another clip follows.
      tempo: the factor of a clip's tempo has a logarithm between -tempo and tempo.
      signer: arguments of signjax.data.augmentation.augment_signer.
    """

    def __init__(self, dataset: PackedDataset, ids, joins: float, tempo: float, signer):
        self.dataset, self.ids = dataset, ids
        self.joins, self.tempo, self.signer = joins, tempo, dict(signer)
        self.frames = sources.choose_bucket(int(dataset.lengths.max()), FRAME_BUCKETS)
        text_buckets = tuple(range(self.frames // FRAMES_PER_TEXT_TOKEN, self.frames, 16))
        lengths = np.array([len(i) for i in ids])
        usual = token_rows.find_usual(lengths)
        self.members = np.flatnonzero(usual).tolist()
        self.left_out = {int(i): int(lengths[i]) for i in np.flatnonzero(~usual)}
        self.text = sources.choose_bucket(int(lengths[self.members].max()), text_buckets)

    def __len__(self) -> int:
        return len(self.members)

    def make_example(self, i: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Row i, of W frames and L text tokens.

        Returns:
          {"pose" [W, 50, 3] float32, "mask" [W] bool, "text" [L] int32, "text_mask" [L] bool, and "valid"
          [W, 50] bool if the data set has missing joints}.
        """
        i = self.members[i]
        clips, ids = [self._play_clip(i, rng)], list(self.ids[i])
        while rng.random() < self.joins:
            k = self.members[int(rng.integers(len(self.members)))]
            clip, following = self._play_clip(k, rng), self.ids[k]
            frames_used = sum(len(c["pose"]) for c in clips)
            # The END of the text so far goes when another follows.
            if frames_used + len(clip["pose"]) > self.frames or len(ids) - 1 + len(following) > self.text:
                break
            clips.append(clip)
            ids = ids[:-1] + following
        row = {"text": np.zeros(self.text, np.int32), "text_mask": np.arange(self.text) < len(ids)}
        row["text"][: len(ids)] = ids
        for name in clips[0]:
            joined = np.concatenate([clip[name] for clip in clips])
            row[name] = np.zeros((self.frames, *joined.shape[1:]), joined.dtype)
            row[name][: len(joined)] = joined
        return row

    def _play_clip(self, i: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Clip i by another signer, at another tempo, from somewhere in its first frames."""
        length = int(self.dataset.lengths[i])
        window = sources.cut_window(self.dataset, i, 0, length)
        clip = augmentation.augment_signer(window, rng, **self.signer)
        # Uniform in the logarithm: faster and slower by the same factor are equally likely. Played slower
        # than the second number, a long clip would not fit into its row.
        pace = max(np.exp(self.tempo * rng.uniform(-1, 1)), (length - 1) / (self.frames - 1))
        # It begins between two frames, so that epochs see different frames of a clip. The 1e-6 keeps a last
        # frame that is met exactly, as arange leaves out its end.
        time = np.arange(min(rng.uniform(0, pace), length - 1), length - 1 + 1e-6, pace)
        before = time.astype(int)
        after = np.minimum(before + 1, length - 1)
        share = (time - before).astype(np.float32)[:, None, None]
        pose = clip["pose"]
        played = {"pose": pose[before] + share * (pose[after] - pose[before])}
        played["mask"] = np.ones(len(time), bool)
        if "valid" in clip:
            # Between a joint that was seen and one that was not there is nothing to interpolate.
            played["valid"] = clip["valid"][before] & clip["valid"][after]
        return played
