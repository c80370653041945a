"""Assigns clips without a split to train, dev or test: whole recordings, in a seeded order.

Sentences of one recording have the same signer, clothes and camera. If some of them were trained on, scores
of the others would say more of the recording than of the model.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

HELD_OUT_SHARE = 0.1  # of the clips for dev and for test, at least
# With fewer groups, a single one may be most of the data.
MIN_GROUPS = 10
# Never another one: a data set that is imported again must keep its splits, or scores of runs on it would
# include clips that were trained on.
SEED = "signjax"


class SplitEntry(NamedTuple):
    """What the assignment needs to know of a clip."""

    sid: str
    group: str  # the recording or signer, or the clip's own name


def find_group(sid: str, source: str | None, signer: str | None) -> str:
    """The group of a clip, which must lie in one split: its recording, else its signer, else itself.

    How2Sign's names (<video>_<sentence>-<camera>-rgb_front) say the recording.
    """
    recording = re.fullmatch(r"(?:train_|dev_|val_|test_)?(.+)_\d+-\d+-rgb_front", sid)
    return source or (recording[1] if recording else None) or signer or sid


def assign_splits(entries: Sequence[SplitEntry]) -> tuple[list[str], str]:
    """The split of each entry, and how it was chosen, in words.

    With fewer than MIN_GROUPS groups the clips are split one by one. The same entries give the same splits in
    whatever order they come; train gets one at least, then dev, then test.
    """
    groups, how = [entry.group for entry in entries], "by recording or signer"
    if len(set(groups)) < MIN_GROUPS:
        groups = [entry.sid for entry in entries]
        how = f"clip by clip, fewer than {MIN_GROUPS} recordings"
    sizes = Counter(groups)
    order, assigned = sorted(sizes, key=_hash_name), {}
    for split in ("dev", "test"):
        count = 0
        # The last group always stays for train: without it there would be nothing to train on.
        while count < max(1.0, HELD_OUT_SHARE * len(entries)) and len(order) > 1:
            name = order.pop()
            assigned[name], count = split, count + sizes[name]
    return [assigned.get(name, "train") for name in groups], how


def _hash_name(name: str) -> bytes:
    # By a hash of the name and not by a shuffled list: clips that are added later move few of the others.
    return hashlib.blake2b(f"{SEED} {name}".encode(errors="replace"), digest_size=8).digest()
