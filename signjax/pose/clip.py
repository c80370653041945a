"""The one clip type: the joints of a signer over time, the sentence, and what is known about them."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.pose import normalization, skeleton
from signjax.pose.normalization import CANONICAL, Placement

DEFAULT_FPS = 25.0  # frames per second at which a clip plays that does not say how fast it is
_JOINTS = (skeleton.NUM_JOINTS, skeleton.WITH_FACE)


class Tokens(NamedTuple):
    """The motion tokens that a clip was decoded from.

    Attributes:
      codes: [N, C] int, C codes a token.
      stride: frames that a token stands for; the last token may stand for fewer.
      names: of the C columns, such as "right hand", or empty.
    """

    codes: np.ndarray
    stride: int
    names: tuple[str, ...] = ()


class ClipWarning(NamedTuple):
    """What a reader guessed about a clip, changed in it, or finds doubtful.

    Attributes:
      kind: the same words for all clips that it is true of, as in "no left hand"; reports count by it.
      detail: of this clip alone, as in "frames 20-39"; may be empty.
    """

    kind: str
    detail: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Clip:
    """A recorded or generated clip of T frames and J joints.

    J is 50 (body and hands, the order of `signjax.pose.skeleton`), or 120 with the 70 points of a face. T may
    be 0: that is what a system answers that has nothing to sign.

    Attributes:
      points: [T, J, 3] float32, x to the image's right, y down, in any unit; z is 0 where there is no depth.
        What stands at missing joints has no meaning.
      valid: [T, J] bool, False where a joint is missing; all True if it is not passed.
      fps: frames per second, None if unknown.
      text: the sentence that is signed.
      tokens: what the clip was decoded from, None if it was recorded.
      placement: where canonical space lies in the space of `points` (signjax.pose.normalization); None means
        that it is measured when it is needed.
      sid: the clip's name in its data set.
      signer: who signs, None if unknown; of a generated clip, in whose manner.
      language: the sign language, by any short name such as "ase"; None if unknown.
      source: the recording that the clip was cut from, None if unknown.
      split: "train", "dev" or "test", None if unknown.
      gloss: the signs by name, beside the sentence; "" if unknown.
      segment: [T] int, 2 in the first frame of a sign, 1 inside of one, 0 between signs; None if unknown.
      warnings: what whoever reads the clip should tell its user.

    Raises:
      DataError: `points` or `valid` has the wrong shape.
    """

    points: np.ndarray
    # Never None once the clip is made: those who read it need no case for clips that miss nothing.
    valid: np.ndarray = None  # type: ignore[assignment]
    fps: float | None = None
    text: str = ""
    tokens: Tokens | None = None
    placement: Placement | None = None
    sid: str = ""
    signer: str | None = None
    language: str | None = None
    source: str | None = None
    split: str | None = None
    gloss: str = ""
    segment: np.ndarray | None = None
    warnings: tuple[ClipWarning, ...] = ()

    def __post_init__(self):
        # float32 here and nowhere else: whoever reads a clip knows its type, and views stay views.
        points = np.asarray(self.points, np.float32)
        if points.ndim != 3 or points.shape[1] not in _JOINTS or points.shape[2] != 3:
            raise DataError(
                f"{self._label}points have shape {points.shape}; give [frames, 50, 3], or [frames, 120, 3] "
                "with a face"
            )
        valid = np.ones(points.shape[:2], bool) if self.valid is None else np.asarray(self.valid, bool)
        if valid.shape != points.shape[:2]:
            raise DataError(
                f"{self._label}valid has shape {valid.shape}; give {points.shape[:2]} like points"
            )
        # A frozen dataclass has no other way to set what it computes.
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "valid", valid)

    def __len__(self) -> int:
        """T, the number of frames."""
        return len(self.points)

    def __repr__(self) -> str:
        rate = f" at {self.fps:g} fps" if self.fps else ""
        # Arrays of thousands of numbers say nothing in a notebook or a log.
        about = [f"{len(self)} frames{rate}", f"{self.points.shape[1]} joints"]
        about += [f"{name}={value!r}" for name in ("sid", "text") if (value := getattr(self, name))]
        # Whoever reads a single clip gets no report of an import.
        about += [f"warning: {kind}" for kind, _ in self.warnings]
        return f"Clip({', '.join(about)})"

    @property
    def _label(self) -> str:
        return f"clip {self.sid}: " if self.sid else ""

    @property
    def has_face(self) -> bool:
        """Whether there are 120 joints."""
        return self.points.shape[1] == skeleton.WITH_FACE

    def add_warning(self, kind: str, detail: str = "") -> "Clip":
        """The clip with one more warning, see `ClipWarning`."""
        return dataclasses.replace(self, warnings=(*self.warnings, ClipWarning(kind, detail)))

    def without_face(self) -> "Clip":
        """The clip of body and hands alone; itself if it has no face. Its arrays are views."""
        if not self.has_face:
            return self
        joints = slice(0, skeleton.NUM_JOINTS)
        return dataclasses.replace(self, points=self.points[:, joints], valid=self.valid[:, joints])

    def find_placement(self) -> Placement:
        """The clip's placement, measured if it has none.

        Raises:
          DataError: the clip shows no body that could be measured.
        """
        # Measured every time: a frozen clip keeps no results, and a packed data set passes its own.
        if self.placement is not None:
            return self.placement
        try:
            return normalization.measure_placement(self.points, self.valid)
        except ValueError as error:
            raise DataError(f"{self._label}{error}; it has no place in canonical space") from None

    def canonical(self) -> np.ndarray:
        """The points [T, J, 3] float32 in canonical space, in neck-to-shoulder lengths; missing joints at 0.

        The points of a clip that lies in canonical space already come back as they are, bit for bit.

        Raises:
          DataError: as `find_placement`.
        """
        placement = self.find_placement()
        # Not even moved by nothing: the poses of a model must come back bit for bit.
        if normalization.is_canonical(placement):
            return self.points
        moved = normalization.to_canonical(self.points, placement).astype(np.float32)
        # At the origin lies the median neck: a place that is inside every clip, and finite.
        return np.where(self.valid[..., None], moved, np.float32(0))

    def move_to(self, placement: Placement = CANONICAL) -> "Clip":
        """The clip at another place and in another size; without an argument in canonical space.

        Raises:
          DataError: as `find_placement`.
        """
        points = self.canonical()
        if not normalization.is_canonical(placement):
            points = normalization.from_canonical(points, placement)
        return dataclasses.replace(self, points=points, placement=placement)

    @classmethod
    def read(cls, path) -> "Clip":
        """Reads a clip from a file or folder in any format that signjax reads, see docs/data.md.

        Raises:
          DataError: it cannot be read, or holds several clips.
        """
        # The only imports that run up: a clip reads, saves and shows itself for its user, in one word. They
        # wait for the call, so that this module stands on its own.
        from signjax.data.read_clip import read_clip

        return read_clip(path)

    def save(self, path) -> Path:
        """Writes the clip in the form that the ending of the path names, see signjax.export.clips.save_clip.

        Raises:
          ConfigError: another ending; DataError: the clip cannot be drawn or written in this form;
          StorageError: the disk refuses.
        """
        from signjax.export.clips import save_clip

        return save_clip(self, path)

    def plot(self, count: int = 6, size: int = 240):
        """A matplotlib figure of `count` evenly spaced frames, each `size` pixels high.

        Raises:
          ConfigError: count or size out of range; DataError: the clip cannot be drawn.
        """
        from signjax.rendering.figure import plot_clip

        return plot_clip(self, count, size)

    def _repr_html_(self) -> str:
        """The clip as a player in a notebook."""
        from signjax.rendering.html_player import embed_player

        return embed_player(self)
