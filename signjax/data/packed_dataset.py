"""A split as a few flat arrays, memory-mapped from a folder of .npy files, for any number of clips.

signjax.data.load makes and finds these folders; signjax.data.pack_writer writes their files.
"""

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from signjax.data import frame_rates, pack_writer
from signjax.data.clip_check import ClipCheck
from signjax.data.clip_files import GLOSS
from signjax.data.pose_layout import PoseLayout
from signjax.errors import ConfigError, DataError
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import Clip
from signjax.pose.normalization import Placement
from signjax.pose.skeleton import FACE, NUM_JOINTS
from signjax.text import words
from signjax.text.conditions import Conditions

SENTENCE = "sentence"
SHOWN_LANGUAGES = 8  # in the line on a split
NO_GLOSS = "has no gloss"
HELD_OUT = "has a text that is held out"
TEXT_KINDS = (SENTENCE, "gloss")  # of the field data.text of configs


# eq=False: comparing two data sets would compare gigabytes, and arrays have no single truth value.
@dataclass(frozen=True, eq=False)
class PackedDataset:
    """The clips of a split. `len(dataset)` clips; `dataset[i]` is a Clip whose arrays are views."""

    label: str  # "<name>/<split>"
    sids: tuple[str, ...]
    texts: tuple[str, ...]
    offsets: np.ndarray  # [m + 1] int64, clip k of the pack is frames offsets[k]:offsets[k + 1]
    # [F, J, 3] float32 in the clips' own units, right hand on arm 2-3-4; J is 120 with a face, else 50
    pose: np.ndarray
    valid: np.ndarray | None  # [F, J] bool, None when no joint is missing
    placements: Placement  # of each clip: origin [n, 3], scale [n]
    layout: PoseLayout
    broken: tuple[tuple[str, str], ...]  # (sid, reason) of the clips left out
    folder: str | None  # where it is stored, None for one in memory
    check: ClipCheck | None = None  # of the stored clips
    glosses: tuple[str, ...] = ()  # of each clip, "" where there is none; empty if none has one
    text_kind: str = SENTENCE  # what `texts` are, one of TEXT_KINDS
    rates: tuple[float | None, ...] = ()  # frames per second of each clip; empty if no clip says its rate
    signers: tuple[str | None, ...] = ()  # of each clip; empty if no clip says it
    languages: tuple[str | None, ...] = ()  # the same
    content: str = ""  # digest of all files that it was made of; empty for clips that were never files
    members: np.ndarray | None = None  # [n] numbers of the clips in the pack; None for all, in its order

    def __len__(self) -> int:
        return len(self.sids)

    def __getitem__(self, i: int) -> Clip:
        # A range takes negative numbers, and raises the IndexError that a sequence has to raise.
        i = range(len(self))[i]
        pose, valid = self.read_frames(i)
        valid = np.ones(pose.shape[:2], bool) if valid is None else valid
        placement, split = self.get_placement(i), self.label.rpartition("/")[2]
        about: dict[str, Any] = {
            "sid": self.sids[i],
            "split": split,
            "gloss": self.glosses[i] if self.glosses else "",
        }
        about |= {"text": self.texts[i], "fps": self.rates[i] if self.rates else None}
        about |= {"signer": self.signers[i] if self.signers else None}
        about |= {"language": self.languages[i] if self.languages else None}
        return Clip(pose, valid, placement=placement, **about)

    def __iter__(self) -> Iterator[Clip]:
        return (self[i] for i in range(len(self)))

    def read_frames(
        self, i: int, start: int = 0, stop: int | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Frames start:stop of clip i, by default all, as views: poses [T, J, 3], and masks [T, J] or None.

        Raises:
          StorageError: the stored clip is corrupt.
        """
        k = i if self.members is None else int(self.members[i])
        low, end = int(self.offsets[k]) + start, int(self.offsets[k + 1])
        high = end if stop is None else min(end, int(self.offsets[k]) + stop)
        if self.check:
            self.check.prepare_frames(k, low, high)
        return self.pose[low:high], None if self.valid is None else self.valid[low:high]

    def __reduce__(self):
        # Data workers open the files themselves; a mapped array would travel as its content. The folder has
        # the faces, also where this data set is one without them.
        if self.folder is not None:
            count = len(self) + len(self.broken)
            return open_pack, (Path(self.folder), count, False, self.layout.face, self.text_kind)
        return PackedDataset, tuple(getattr(self, name) for name in self.__dataclass_fields__)

    @property
    def lengths(self) -> np.ndarray:
        """Frames [n] of each clip."""
        lengths = np.diff(self.offsets)
        return lengths if self.members is None else lengths[self.members]

    @property
    def fps(self) -> float | None:
        """Frames per second of most frames; None if no clip says its rate."""
        return frame_rates.find_common_rate(self.rates, self.lengths.tolist()) if self.rates else None

    def list_conditions(self) -> list[Conditions]:
        """Language and signer of each clip."""
        unknown = (None,) * len(self)
        pairs = zip(self.languages or unknown, self.signers or unknown, strict=True)
        return [Conditions(*pair) for pair in pairs]

    def get_placement(self, i: int) -> Placement:
        """The placement of clip i: its origin [3] and scale [] in its own unit."""
        return Placement(self.placements.origin[i], self.placements.scale[i])

    def moved_to(self, folder: Path) -> "PackedDataset":
        """The same data set, whose folder has been moved."""
        # Maps survive the renaming; only data workers open the files by name again.
        check = None if self.check is None else self.check.moved_to(str(folder))
        return dataclasses.replace(self, folder=str(folder), check=check)

    def without_face(self) -> "PackedDataset":
        """The same clips, body and hands alone."""
        if not self.layout.face:
            return self
        valid = None if self.valid is None else self.valid[:, :NUM_JOINTS]
        return dataclasses.replace(
            self,
            pose=self.pose[:, :NUM_JOINTS],
            # None again if only face points were missing: what reads it is then as fast as without a face.
            valid=None if valid is None or valid.all() else valid,
            layout=self.layout._replace(face=False),
        )

    def with_text(self, kind: str) -> "PackedDataset":
        """The same clips with another kind of texts, one of TEXT_KINDS; those without a gloss are left out.

        Raises:
          ConfigError: there is no such kind, or the texts are glosses already.
          DataError: no clip has a gloss.
        """
        if kind == self.text_kind:
            return self
        if kind not in TEXT_KINDS or kind == SENTENCE:
            raise ConfigError(f"data.text is {kind!r}; give {' or '.join(TEXT_KINDS)} when data are loaded")
        if not self.glosses:
            advice = f"import them from a table with a column gloss, or add {GLOSS} to their folders"
            raise DataError(f"{self.label}: none of {len(self):,} clips has a gloss; {advice}")
        kept = self._select_clips([i for i, gloss in enumerate(self.glosses) if gloss], NO_GLOSS)
        return dataclasses.replace(kept, texts=kept.glosses, text_kind=kind)

    def without_texts(self, texts: Iterable[str]) -> "PackedDataset":
        """The same clips without those of some texts; case, marks and spaces make no difference."""
        held_out = {_list_letters(text) for text in texts}
        kept = [i for i, text in enumerate(self.texts) if _list_letters(text) not in held_out]
        return self._select_clips(kept, HELD_OUT)

    def _select_clips(self, numbers: list[int], reason: str) -> "PackedDataset":
        """Some of the clips; the others are in `broken`, with the reason."""
        if len(numbers) == len(self):
            return self
        others = sorted(set(range(len(self))) - set(numbers))
        members = np.arange(len(self)) if self.members is None else self.members
        names = "sids", "texts", "glosses", "rates", "signers", "languages"
        lists = {name: getattr(self, name) for name in names}
        return dataclasses.replace(
            self,
            **{name: tuple(values[i] for i in numbers) if values else () for name, values in lists.items()},
            placements=Placement(*(part[numbers] for part in self.placements)),
            members=members[numbers],
            broken=(*self.broken, *((self.sids[i], reason) for i in others)),
        )

    def describe(self) -> str:
        """What the split has, in one line."""
        gaps = ""
        if self.valid is not None:
            missing = 100 * (1 - self.valid.mean(0))  # [J]
            gaps = f", {missing[:NUM_JOINTS].mean():.1f} % of joints missing"
            gaps += f", {missing[FACE].mean():.1f} % of face points" if self.layout.face else ""
        rates = ", ".join(map(frame_rates.format_rate, dict.fromkeys(self.rates)))
        rates = f" at {rates} a second" if rates else ""
        frames = f"{self.lengths.sum():,} frames{rates}{_format_languages(self.languages)}"
        return (
            f"{self.label}: {len(self):,} clips, {frames}, {self.layout.describe()}"
            f"{gaps}, {len(self.broken)} clips left out"
        )


def _list_letters(text: str) -> tuple[str, ...]:
    """The words of a text without marks; all of it if it has nothing else."""
    found = words.split_words(text)
    return tuple(word for word in found if any(map(str.isalnum, word))) or tuple(found)


def _format_languages(languages: tuple[str | None, ...]) -> str:
    counts = collections.Counter(name or "unknown" for name in languages)
    listed = [f"{name} {count:,}" for name, count in counts.most_common(SHOWN_LANGUAGES)]
    more = [f"{len(counts) - SHOWN_LANGUAGES:,} more"] if len(counts) > SHOWN_LANGUAGES else []
    return f", languages: {', '.join(listed + more)}" if languages else ""


def open_pack(
    folder: Path, count: int, in_memory: bool = False, face: bool = True, text_kind: str = SENTENCE
) -> PackedDataset:
    """Opens the pack in a folder.

    Args:
      folder: that signjax.data.pack_writer wrote.
      count: clip folders that it was made of, those left out included.
      in_memory: copies the arrays, so that the folder may go.
      face: keeps the faces, if there are any.
      text_kind: what the texts are, one of TEXT_KINDS.

    Raises:
      InvalidFileError: it is no pack, or has no clip.
      MissingFileError: a file is not there.
    """
    index = pack_writer.read_index(folder, count)
    if not index["clips"]:
        raise InvalidFileError("has no clips")
    dataset = make_dataset(folder, index, in_memory).with_text(text_kind)
    return dataset if face else dataset.without_face()


def make_dataset(folder: Path, index: dict, in_memory: bool = False) -> PackedDataset:
    """The data set of a folder with this index; raises as signjax.data.pack_writer.open_arrays."""
    offsets, origin, scale, sums, pose, valid = pack_writer.open_arrays(folder, index)
    sids = tuple(sid for sid, _ in index["clips"])
    check = None if in_memory else ClipCheck(str(folder), sids, offsets, pose, valid, sums)
    if in_memory:
        pose, valid = np.array(pose), None if valid is None else np.array(valid)
    return PackedDataset(
        label=index["label"],
        sids=sids,
        texts=tuple(text for _, text in index["clips"]),
        offsets=offsets,
        pose=pose,
        valid=valid,
        placements=Placement(origin, scale),
        layout=index["variant"],
        broken=tuple((sid, reason) for sid, reason in index["broken"]),
        folder=None if in_memory else str(folder),
        check=check,
        glosses=_make_tuple(index["glosses"]),
        rates=_make_tuple(index["rates"]),
        signers=_make_tuple(index["signers"]),
        languages=_make_tuple(index["languages"]),
        content=pack_writer.digest_content(index),
    )


def _make_tuple(values: list | None) -> tuple:
    """Values of clips; empty if no clip has one."""
    return tuple(values) if values and any(values) else ()
