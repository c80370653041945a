"""Splitting clips that come without splits: whole recordings go to train, dev or test, by a seeded order."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

SHARE = 0.1  # of the clips for dev and for test, at least
FEWEST = 10  # groups; of fewer, one may be most of the data
SEED = "signjax"


class Entry(NamedTuple):
    """What the splitting needs of a clip."""

    sid: str
    group: str  # the recording or signer, or the clip's own name


def group(sid: str, source: str | None, signer: str | None) -> str:
    """What a clip must not share between splits: its recording, else its signer, else itself.

    How2Sign's names (<video>_<sentence>-<camera>-rgb_front) say the recording.
    """
    named = re.fullmatch(r"(?:train_|dev_|val_|test_)?(.+)_\d+-\d+-rgb_front", sid)
    return source or (named[1] if named else None) or signer or sid


def assign(entries: Sequence[Entry]) -> tuple[list[str], str]:
    """The split of each entry, and how it was found, in words.

    With fewer than FEWEST groups the clips are split one by one. The same entries give the same splits in
    whatever order they come; train gets one at least, then dev, then test.
    """
    groups, how = [entry.group for entry in entries], "by recording or signer"
    if len(set(groups)) < FEWEST:
        groups, how = (
            [entry.sid for entry in entries],
            f"clip by clip, fewer than {FEWEST} recordings",
        )
    sizes = Counter(groups)
    order, chosen = sorted(sizes, key=_order), {}
    for split in ("dev", "test"):
        taken = 0
        while taken < max(1.0, SHARE * len(entries)) and len(order) > 1:
            name = order.pop()
            chosen[name], taken = split, taken + sizes[name]
    return [chosen.get(name, "train") for name in groups], how


def _order(name: str) -> bytes:
    return hashlib.blake2b(f"{SEED} {name}".encode(errors="replace"), digest_size=8).digest()
