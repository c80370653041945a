"""Training rows of models of tokens: several whole clips one after another, with their texts."""

import numpy as np

from signjax.data import packing
from signjax.data.sources import choose_bucket
from signjax.text.tokenizer import make_padding


class TokenRows:
    """A source of rows, each filled with whole clips. An epoch goes through `packings` different fillings.

    Rows are as long as the longest clip needs, at least 128 tokens, with room for at least half as many text
    tokens.

    Args:
      codes: codes[shift][clip], [N, C].
      texts: ids [n] or features [n, F] of each clip's text.
      seed: decides the fillings.
      packings: how many of them.
    """

    def __init__(self, codes, texts, seed: int, packings: int):
        self.codes, self.texts = codes, texts
        self.kind = np.int32 if np.issubdtype(codes[0][0].dtype, np.integer) else np.float32
        # A clip takes one position more than it has tokens, for its end.
        sizes = np.array([[len(c) + 1 for c in shift] for shift in codes])
        lengths = np.array([len(t) for t in texts])
        # Few possible lengths: data sets that differ a little then share one compiled training step.
        self.tokens = choose_bucket(int(sizes.max()), (128, 192, 256, 384, 512))
        # With room for the longest text alone, the texts would fill up rows that still have room for tokens.
        self.text = choose_bucket(max(int(lengths.max()), self.tokens // 2), (64, 96, 128, 192, 256))
        self.rows = []  # [(clip, shift), ...] of each row
        for k in range(packings):
            # The 3 keeps these draws apart from those of signjax.data.packing and the loader.
            rng = np.random.default_rng((seed, 3, k))
            # A single packing is that of an evaluation, which takes every clip as it is, without a shift.
            shift = rng.integers(0, len(codes), len(texts)) if packings > 1 else np.zeros(len(texts), int)
            chosen = sizes[shift, np.arange(len(texts))]
            packed = packing.pack_first_fit(chosen, self.tokens, seed + k, lengths, self.text)
            self.rows += [[(i, int(shift[i])) for i in row] for row in packed]

    def __len__(self) -> int:
        return len(self.rows)

    def make_example(self, i: int, rng=None) -> dict[str, np.ndarray]:
        """Row i. Segment 0 is padding; a clip's last position is its end and holds no token.

        Returns:
          {"codes" [W, C], "segment" [W], "position" [W], "ends" [W] bool, and of the texts
          "text" [L] or [L, F], "text_segment" [L], "text_position" [L]}. All others are int32, except latents
          (float32) in place of codes and features (float16) in place of text ids.
        """
        # The generator is not used: what a row holds was drawn when all rows were filled.
        columns = self.codes[0][0].shape[1]
        out = {
            "codes": np.zeros((self.tokens, columns), self.kind),
            "ends": np.zeros(self.tokens, bool),
            **{name: np.zeros(self.tokens, np.int32) for name in ("segment", "position")},
            "text": make_padding(self.texts, self.text),
            **{name: np.zeros(self.text, np.int32) for name in ("text_segment", "text_position")},
        }
        at = text_at = 0
        for segment, (clip, shift) in enumerate(self.rows[i], 1):
            codes, ids = self.codes[shift][clip], self.texts[clip]
            size, length = len(codes) + 1, len(ids)
            out["codes"][at : at + size - 1] = codes
            out["ends"][at + size - 1] = True
            out["segment"][at : at + size] = segment
            out["position"][at : at + size] = np.arange(size)
            out["text"][text_at : text_at + length] = ids
            out["text_segment"][text_at : text_at + length] = segment
            out["text_position"][text_at : text_at + length] = np.arange(length)
            at, text_at = at + size, text_at + length
        return out
