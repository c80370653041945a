"""Training rows of the back-translator: clips as other signers would sign them, one after another."""

import numpy as np

from signjax.data import augmentation, sources


class Joined:
    """A source of rows that hold a clip and, as far as they fit, others drawn at random after it.

    Joined clips are new sentences of known signs, and leave little padding. Rows are as long as the longest
    clip needs, at least 256 frames, and hold a text token for every eight frames at least.

    Args:
      pack: the clips.
      ids: text ids of each clip, END last.
      joins: chance that another clip follows.
      tempo: the factor of a clip's tempo has a logarithm between -tempo and tempo.
      signer: arguments of signjax.data.augmentation.augment_signer.
    """

    def __init__(self, pack, ids, joins: float, tempo: float, signer):
        self.pack, self.ids = pack, ids
        self.joins, self.tempo, self.signer = joins, tempo, dict(signer)
        self.frames = sources.bucket(int(pack.lengths.max()), (256, 384, 512, 768, 1024))
        self.text = sources.bucket(max(map(len, ids)), tuple(range(self.frames // 8, self.frames, 16)))

    def __len__(self) -> int:
        return len(self.pack)

    def draw(self, i: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Row i: {"pose" [W, 50, 3], "mask" [W], "text" [L] int32, "text_mask" [L] bool, and "valid" [W, 50]
        if the pack has missing joints}."""
        parts, ids = [self._play(i, rng)], list(self.ids[i])
        while rng.random() < self.joins:
            k = int(rng.integers(len(self.pack)))
            part, more = self._play(k, rng), self.ids[k]
            used = sum(len(p["pose"]) for p in parts)
            if used + len(part["pose"]) > self.frames or len(ids) - 1 + len(more) > self.text:
                break
            parts.append(part)
            ids = ids[:-1] + more
        row = {"text": np.zeros(self.text, np.int32), "text_mask": np.arange(self.text) < len(ids)}
        row["text"][: len(ids)] = ids
        for name in parts[0]:
            whole = np.concatenate([p[name] for p in parts])
            row[name] = np.zeros((self.frames, *whole.shape[1:]), whole.dtype)
            row[name][: len(whole)] = whole
        return row

    def _play(self, i: int, rng) -> dict[str, np.ndarray]:
        """Clip i by another signer, at another tempo, from somewhere in its first frames."""
        length = int(self.pack.lengths[i])
        clip = augmentation.augment_signer(sources.window(self.pack, i, 0, length), rng, **self.signer)
        pace = max(np.exp(self.tempo * rng.uniform(-1, 1)), (length - 1) / (self.frames - 1))
        time = np.arange(min(rng.uniform(0, pace), length - 1), length - 1 + 1e-6, pace)
        before = time.astype(int)
        after = np.minimum(before + 1, length - 1)
        part = (time - before).astype(np.float32)[:, None, None]
        pose = clip["pose"]
        played = {"pose": pose[before] + part * (pose[after] - pose[before])}
        played["mask"] = np.ones(len(time), bool)
        if "valid" in clip:
            played["valid"] = clip["valid"][before] & clip["valid"][after]
        return played
