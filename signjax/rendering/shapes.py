"""From clips to shapes: checks, framing, and the outlines of every part in pixels. numpy only."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from signjax.errors import DataError
from signjax.pose import normalization, skeleton
from signjax.pose.clip import DEFAULT_FPS, Clip, Tokens
from signjax.pose.resampling import resample_clip
from signjax.rendering import style

FEWEST = 6  # joints of a hand that show one
COLLAPSED = 0.1  # extent of a hand, in neck-to-shoulder lengths, up to which it was not seen; a fist has 0.4


class Panel(NamedTuple):
    """A clip in a picture, with its text below; panels stand side by side and share time and scale."""

    clip: Clip
    title: str = ""  # a short label above, such as "reference"


# What pictures are made of: clips side by side, with titles or without; or one alone.
Panels = Panel | Clip | Sequence[Panel | Clip]


class Figure(NamedTuple):
    """A checked panel, ready to be drawn."""

    pose: np.ndarray  # [T, J, 3] float64, in the clip's unit, the median neck at the origin, 0 where missing
    valid: np.ndarray  # [T, J] bool
    unit: float  # the clip's units per neck-to-shoulder length
    origin: np.ndarray  # [3], where the median neck was
    caption: str
    title: str
    tokens: Tokens | None


class Shape(NamedTuple):
    """One filled polygon over time."""

    xy: np.ndarray  # [T, V, 2] float32, pixels
    seen: np.ndarray  # [T] bool
    color: str


def prepare_figures(panels: Panels, where: str = "") -> list[Figure]:
    """Checks the panels of one picture, brings them to one frame rate, and moves each figure's neck to the
    origin.

    Args:
      panels: see `Panels`.
      where: what error messages begin with.

    Raises:
      DataError: no panel, no frame, or a valid joint that is not finite; one line.
    """
    panels = _list_panels(panels)
    if not len(panels):
        raise DataError(f"{where}nothing to draw: the list of panels is empty")
    # Panels share their time line: of two rates, one clip would be played at the other's.
    if len({panel.clip.fps for panel in panels if panel.clip.fps}) > 1:
        fps = find_rate(panels)
        panels = [p._replace(clip=resample_clip(p.clip, fps)) if p.clip.fps else p for p in panels]
    return [_prepare_figure(panel, f"{where}panel {k}") for k, panel in enumerate(panels)]


def find_rate(panels: Panels) -> float:
    """Frames per second of a picture: the highest rate of its clips, DEFAULT_FPS if none says its rate."""
    rates = [panel.clip.fps for panel in _list_panels(panels)]
    return max((rate for rate in rates if rate), default=DEFAULT_FPS)


def _list_panels(panels: Panels) -> list[Panel]:
    if isinstance(panels, Panel | Clip):
        panels = [panels]
    return [Panel(panel) if isinstance(panel, Clip) else panel for panel in panels]


def _prepare_figure(panel: Panel, name: str) -> Figure:
    clip = panel.clip
    if not len(clip):
        raise DataError(f"{name}: clip has 0 frames, there is nothing to draw")
    pose, valid = clip.points.astype(np.float64), clip.valid
    # What is not finite cannot be drawn; joints that are known to be missing may hold anything.
    wrong = valid & ~np.isfinite(pose).all(-1)
    if wrong.any():
        frame, joint = np.argwhere(wrong)[0]
        point = (*skeleton.NAMES, *(f"face_{k}" for k in range(70)))[joint]
        raise DataError(f"{name}: pose is not finite at frame {frame}, joint {point}")
    pose = np.where(valid[..., None], pose, 0.0)
    origin, unit = _find_placement(pose, valid)
    pose = np.where(valid[..., None], pose - origin, 0.0)
    valid = _drop_unseen_hands(pose, valid, unit)
    if clip.tokens is not None:
        _check_tokens(clip.tokens, len(pose), name)
    return Figure(pose, valid, unit, origin, clip.text, panel.title, clip.tokens)


def _drop_unseen_hands(pose, valid, unit: float) -> np.ndarray:
    """Where joints [T, J] are there, without hands that were not seen: they would be balls and splinters."""
    valid = valid.copy()
    for hand, _ in skeleton.HANDS:
        # Some trackers write all joints in one place, others keep the few that they are sure of.
        seen = np.ptp(pose[:, hand], axis=1).max(-1) > COLLAPSED * unit
        valid[:, hand] &= (seen & (valid[:, hand].sum(1) >= FEWEST))[:, None]
    return valid


def _check_tokens(tokens: Tokens, frames: int, name: str) -> None:
    shape, stride, names = np.shape(tokens.codes), tokens.stride, len(tokens.names)
    if len(shape) != 2 or not shape[1] or stride < 1 or shape[0] != -(-frames // stride):
        raise DataError(f"{name}: tokens {shape} of {stride} frames do not make {frames} frames")
    if names not in (0, shape[1]):
        raise DataError(f"{name}: tokens have {shape[1]} columns and {names} names")


def _find_placement(pose, valid) -> tuple[np.ndarray, float]:
    """Median neck and size; a clip without a measurable body gets its centre and extent instead."""
    # Measured even where the clip has a placement: a picture shows what is there.
    try:
        placement = normalization.measure_placement(pose, valid)
        return placement.origin.astype(np.float64), float(placement.scale)
    except ValueError:
        points = pose[valid] if valid.any() else np.zeros((1, 3))
        return np.median(points, axis=0), float(np.ptp(points[:, :2], axis=0).max() / 4) or 1.0


def compute_box(figures: list[Figure]) -> np.ndarray:
    """The box [x0, y0, x1, y1] around the origin, in the clip's unit, that every figure is shown in.

    It holds all joints of body and hands in all frames, head and chest included; single frames far outside
    the rest of the clip (tracking failures) do not shrink the picture.
    """
    boxes = np.array([_compute_box(figure) for figure in figures])
    return np.concatenate([boxes[:, :2].min(0), boxes[:, 2:].max(0)])


def _compute_box(figure: Figure) -> list[float]:
    points = place_points(figure)[..., :2]  # [T, points, 2]
    known = np.where(_find_known_points(figure)[..., None], points, np.nan)
    # The head as it is drawn: a forehead may be higher than the plain head's crown.
    known = known[:, [*_FRAMED, *(style.RIM if known.shape[1] > style.BARE else ())]]
    known = known[~np.isnan(known).all((1, 2))]
    if not len(known):
        known = np.zeros((1, 1, 2))
    low, high = np.nanmin(known, axis=1), np.nanmax(known, axis=1)  # [T, 2]
    # A joint may leave the extent of 95 % of the frames by a third of it; what goes farther is cut off.
    reach = 0.35 * (np.percentile(high, 95, axis=0) - np.percentile(low, 5, axis=0))
    low = np.maximum(low.min(0), np.percentile(low, 5, axis=0) - reach)
    high = np.minimum(high.max(0), np.percentile(high, 95, axis=0) + reach)
    # A bust, even when the hands stay high.
    high[1] = max(high[1], 1.6 * figure.unit)
    rim = np.array([0.25, 0.25]) * figure.unit
    # The skull reaches farther than a limb.
    low[1] -= 0.3 * figure.unit
    return [*(low - rim), *(high + rim)]


# The face lies within the head, and the hips below what has to be seen.
_FRAMED = (*range(skeleton.NUM_JOINTS), style.CROWN)
_WEIGHTS = np.zeros((len(style.POINTS), skeleton.WITH_FACE))
for _row, _point in zip(_WEIGHTS, style.POINTS, strict=True):
    for _joint, _weight in _point.weights:
        _row[_joint] += _weight
_OFFSETS = np.array([point.offset for point in style.POINTS])


def _point_weights(figure: Figure) -> np.ndarray:
    """[points, J]: what the figure's points are made of, those of a face only if it has one."""
    joints = figure.pose.shape[1]
    return _WEIGHTS if joints == skeleton.WITH_FACE else _WEIGHTS[: style.BARE, :joints]


def place_points(figure: Figure) -> np.ndarray:
    """Positions [T, points, 3] of joints and helper points, in the clip's unit."""
    # Points that the skeleton has no joint for, such as the crown, are means: one product makes all.
    weights = _point_weights(figure)
    return np.einsum("pj,tjc->tpc", weights, figure.pose) + _OFFSETS[: len(weights)] * figure.unit


def _find_known_points(figure: Figure) -> np.ndarray:
    """[T, points] bool: every joint a point is made of is there."""
    return (~figure.valid).astype(int) @ (_point_weights(figure).T != 0) == 0


def _list_parts(figure: Figure) -> tuple[style.Part, ...]:
    return style.PARTS if figure.pose.shape[1] == skeleton.WITH_FACE else style.PARTS[: -style.FACE_PARTS]


def outline_parts(figure: Figure, scale: float, shift) -> tuple[list[list[Shape]], np.ndarray]:
    """Outlines of all parts and the order to draw them in.

    Args:
      figure: what to draw.
      scale: pixels per unit of the figure; pixels = position * scale + shift.
      shift: [2] pixels.

    Returns:
      shapes of each part in the order they cover each other, and [T, parts] part numbers, far to near.
    """
    points, known = place_points(figure), _find_known_points(figure)
    # Far outside is far outside: Pillow's coordinates are C integers.
    xy = np.clip(points[..., :2] * scale + np.asarray(shift), -20000, 20000)
    radius = scale * figure.unit
    parts = _list_parts(figure)
    # [T], frames in which parts are drawn; a figure without a face has the plain one in all.
    has_skin = known[:, style.RIM].all(1) if known.shape[1] > style.BARE else np.zeros(len(known), bool)
    no_face = ~figure.valid[:, skeleton.FACE].any(1)
    wanted = {"": True, "no face": no_face, "skin": has_skin, "no skin": ~has_skin}
    outlines = [_outline_part(part, xy, known, radius, wanted[part.when]) for part in parts]
    positions = np.stack([_mean_depth(points, known, part) for part in parts], 1)  # [T, parts]
    depth = smooth_depth(positions) + np.array([part.bias for part in parts]) * figure.unit
    return outlines, np.argsort(depth, axis=1, kind="stable")


def _mean_depth(points, known, part: style.Part) -> np.ndarray:
    """Mean z [T] of the part's points that are there: a missing hand must not pull its arm forwards."""
    there = known[:, list(part.depth)]
    return (points[:, list(part.depth), 2] * there).sum(1) / np.maximum(there.sum(1), 1)


def smooth_depth(x: np.ndarray) -> np.ndarray:
    """Mean of x [T, ...] over five frames, fewer at the ends: order by raw depth would flicker."""
    reach = 2
    total = np.concatenate([np.zeros_like(x[:1]), np.cumsum(x, axis=0)])
    frames = np.arange(len(x))
    first, last = np.maximum(frames - reach, 0), np.minimum(frames + reach + 1, len(x))
    return (total[last] - total[first]) / (last - first).reshape((-1,) + (1,) * (x.ndim - 1))


def _outline_part(part: style.Part, xy, known, radius: float, wanted) -> list[Shape]:
    """Rims, then fills, of a part; `wanted` [T] or True says when it is drawn at all."""
    # Rims first: a part's own bones lie on them, other parts behind are parted from it.
    rims, fills = [], []
    for bone in part.bones:
        a, b, seen = xy[:, bone.start], xy[:, bone.end], known[:, bone.start] & known[:, bone.end] & wanted
        r0, r1 = bone.start_radius * radius, bone.end_radius * radius
        if bone.rim < 1:
            halo = style.HALO * radius
            start, r = a + bone.rim * (b - a), r0 + bone.rim * (r1 - r0)
            rims.append(Shape(outline_capsule(start, b, r + halo, r1 + halo), seen, "stage"))
        fills.append(Shape(outline_capsule(a, b, r0, r1), seen, bone.color))
    for face in part.faces:
        corners = np.ascontiguousarray(xy[:, list(face)], np.float32)
        fills.append(Shape(corners, known[:, list(face)].all(1), part.color))
    return rims + fills


def outline_capsule(a, b, r0: float, r1: float) -> np.ndarray:
    """Outlines [T, V, 2] of the convex hulls of circles around a and b [T, 2] with radii r0 and r1."""
    count = int(np.clip(2.0 * max(r0, r1) ** 0.5, 6, 40))  # corners: more on larger circles
    d = b - a
    angle = np.arctan2(d[:, 1], d[:, 0])[:, None]
    # Where the common tangents touch, seen from the axis; one circle may lie inside the other.
    ratio = (r0 - r1) / np.maximum(np.hypot(d[:, 0], d[:, 1]), 1e-9)
    half = np.arccos(np.clip(ratio, -1, 1))[:, None]
    around_b = angle + half * np.linspace(-1, 1, count)
    around_a = angle + half + (2 * np.pi - 2 * half) * np.linspace(0, 1, count)
    outline = [
        centre[:, None] + r * np.stack([np.cos(turn), np.sin(turn)], -1)
        for centre, r, turn in ((b, r1, around_b), (a, r0, around_a))
    ]
    return np.ascontiguousarray(np.concatenate(outline, 1), np.float32)
