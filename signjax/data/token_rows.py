"""Training rows of models of tokens: several whole clips one after another, with their texts."""

import numpy as np

from signjax.data import packing
from signjax.data.sources import choose_bucket
from signjax.seeds import make_rng
from signjax.text.tokenizer import make_padding

# Widths of the texts of a row. Up to the last of them, attention over texts takes little beside the rest.
TEXT_BUCKETS = (64, 96, 128, 192, 256)
USUAL = 0.99  # share of texts that the width of rows follows
NAMED = 5  # clips that a message names
ROOM = 2  # a text may be so many times as long as they


def find_usual(lengths: np.ndarray) -> np.ndarray:
    """Which texts [n] bool are no longer than ROOM times all but the longest of them.

    Args:
      lengths: [n] of the texts, in tokens.
    """
    # The longest never counts for itself: in a small set it would be more than the share left out.
    ordered = np.sort(lengths)
    last = min(int(USUAL * len(lengths)), len(lengths) - 1) - 1
    return lengths <= max(TEXT_BUCKETS[-1], ROOM * ordered[max(last, 0)])


def describe_left_out(rows, label: str, sids) -> str:
    """A line on the clips that are in no row, with the names of the first; "" if all are in one.

    Args:
      rows: TokenRows, or signjax.data.joined_clips.JoinedClips.
      label: of the data set.
      sids: names of the clips.
    """
    if not rows.left_out:
        return ""
    named = [f"{sids[i]} ({length:,} tokens)" for i, length in list(rows.left_out.items())[:NAMED]]
    more = [f"{len(rows.left_out) - NAMED:,} more"] if len(rows.left_out) > NAMED else []
    count = f"{len(rows.left_out):,} of {len(sids):,} clips left out"
    reason = f"their texts are far longer than the others, for which rows have {rows.text:,} tokens"
    return f"{label}: {count}; {reason}: {', '.join(named + more)}"


class TokenRows:
    """A source of rows, each filled with whole clips. An epoch goes through `packings` different fillings.

    Rows are as long as the longest clip needs, at least 128 tokens, with room for at least half as many text
    tokens. A text far longer than the others would set the width of all rows, over which attention grows with
    the square: its clip is left out.

    Args:
      codes: codes[shift][clip], [N, C].
      texts: ids [n] or features [n, F] of each clip's text.
      seed: decides the fillings.
      packings: how many of them.

    Attributes:
      left_out: {number of a clip that is in no row: tokens of its text}.
    """

    def __init__(self, codes, texts, seed: int, packings: int):
        self.codes, self.texts = codes, texts
        self.kind = np.int32 if np.issubdtype(codes[0][0].dtype, np.integer) else np.float32
        lengths = np.array([len(t) for t in texts])
        usual = find_usual(lengths)
        members = np.flatnonzero(usual)
        self.left_out = {int(i): int(lengths[i]) for i in np.flatnonzero(~usual)}
        lengths = lengths[members]
        # A clip takes one position more than it has tokens, for its end.
        sizes = np.array([[len(shift[i]) + 1 for i in members] for shift in codes])
        # Few possible lengths: data sets that differ a little then share one compiled training step.
        self.tokens = choose_bucket(int(sizes.max()), (128, 192, 256, 384, 512))
        # With room for the longest text alone, the texts would fill up rows that still have room for tokens.
        self.text = choose_bucket(max(int(lengths.max()), self.tokens // 2), TEXT_BUCKETS)
        self.rows = []  # [(clip, shift), ...] of each row
        for k in range(packings):
            # The 3 keeps these draws apart from those of signjax.data.packing and the loader.
            rng = make_rng(seed, 3, k)
            # A single packing is that of an evaluation, which takes every clip as it is, without a shift.
            count = len(members)
            shift = rng.integers(0, len(codes), count) if packings > 1 else np.zeros(count, int)
            chosen = sizes[shift, np.arange(count)]
            packed = packing.pack_first_fit(chosen, self.tokens, seed, lengths, self.text, number=k)
            self.rows += [[(int(members[i]), int(shift[i])) for i in row] for row in packed]

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
