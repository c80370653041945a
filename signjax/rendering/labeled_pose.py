"""A still picture of one pose with the names of its joints: the body, and each hand by itself and larger."""

import io
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFont

from signjax.io import atomic
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.rendering import captions, rasterize, shapes

MARGIN = 0.09  # of a view's size, on each side of its joints
_CROWN = 0.6  # neck-to-shoulder lengths from the nose to the top of the head


class PoseView(NamedTuple):
    """A part of the figure and the joints that are named there."""

    title: str
    named: slice
    shown: slice  # the joints that must be in the picture
    column: float  # width of a column of names, in letter heights
    width: float  # of the picture between the columns, in heights


VIEWS = (
    PoseView("right hand", skeleton.RIGHT, skeleton.RIGHT, 4.2, 0.7),
    PoseView("body", skeleton.BODY, slice(0, skeleton.NUM_JOINTS), 7.8, 0.8),
    PoseView("left hand", skeleton.LEFT, skeleton.LEFT, 4.2, 0.7),
)


def write_labeled_pose(path, panel: shapes.Panel | Clip, size: int = 520) -> pathlib.Path:
    """Writes the first frame of a panel as a GIF of one frame: points, their names, and lines that join them.

    Args:
      path: the file to write; its folders are made.
      panel: a clip, whose text stands below the picture, and perhaps a title above.
      size: height of the views in pixels.

    Raises:
      DataError: the panel cannot be drawn; StorageError: the file cannot be written.
    """
    figure = shapes.prepare_figures(panel)[0]
    font = captions.load_font(max(9, size // 32))
    views = [_draw_view(figure, view, font, size) for view in VIEWS]
    widths = [picture.shape[1] for picture in views]
    titles = [
        captions.draw_caption(view.title, width, size, "muted", 1)
        for view, width in zip(VIEWS, widths, strict=True)
    ]
    rows = [captions.join_blocks(titles), captions.join_blocks(views)]
    total = rows[1].shape[1]
    head = captions.draw_caption(figure.title, total, size, "muted", 1)
    picture = np.concatenate([head, *rows, captions.draw_caption(figure.caption, total, size)])
    image = Image.fromarray(picture)
    image.putpalette(rasterize.make_palette().tobytes())
    data = io.BytesIO()
    image.save(data, "GIF", optimize=False)
    return atomic.write_file(path, data.getvalue())


def _draw_view(figure: shapes.Figure, view: PoseView, font: ImageFont.FreeTypeFont, size: int) -> np.ndarray:
    """One view [size, W] of palette indices: a column of names, the part of the figure, a column of names."""
    line = sum(font.getmetrics())
    column, width = round(view.column * line), 2 * round(view.width * size / 2)
    joints = np.arange(skeleton.NUM_JOINTS)[view.named]
    joints = joints[figure.valid[0, joints]]
    if not len(joints):
        blank = np.full((size, 2 * column + width), rasterize.INDEX["stage"], np.uint8)
        return _draw_text(blank, "not seen", font, blank.shape[1] // 2, size // 2, 0.5, "muted")
    scale, shift = _fit_joints(figure, view, width, size)
    xy = figure.pose[0, joints, :2] * scale + shift  # [joints, 2] pixels
    # Names stand beside the picture: on it they would cover one another, 21 to a hand.
    left, right = _place_names(xy, size, line)
    parts, order = shapes.outline_parts(figure, scale * rasterize.FINE, shift * rasterize.FINE)
    ends = {k: (0, y) for k, y in left} | {k: (width, y) for k, y in right}
    parts = [*parts, _mark_points(xy, ends)]  # drawn last, over the figure
    inner = rasterize.draw_frame(parts, np.append(order[:1], [[len(parts) - 1]], axis=1), (width, size), 0)
    picture = np.pad(inner, ((0, 0), (column, column)), constant_values=rasterize.INDEX["stage"])
    for side, x, share in ((left, column - 4, 1.0), (right, column + width + 4, 0.0)):
        for k, y in side:
            name = skeleton.NAMES[joints[k]].replace("_", " ")
            # In the view of a hand its side goes without saying.
            name = name.removeprefix("right ").removeprefix("left ") if view.title != "body" else name
            _draw_text(picture, name, font, x, round(y), share, "text")
    return picture


def _fit_joints(figure: shapes.Figure, view: PoseView, width: int, size: int) -> tuple[float, np.ndarray]:
    """Scale and shift [2] that show the joints of a view: pixels = position * scale + shift."""
    shown = figure.pose[0, view.shown][figure.valid[0, view.shown], :2]
    low, high = shown.min(0), shown.max(0)
    low[1] -= _CROWN * figure.unit if view.title == "body" else 0
    extent = np.maximum(high - low, 0.3 * figure.unit) / (1 - 2 * MARGIN)
    scale = float(min(width / extent[0], size / extent[1]))
    return scale, np.array([width, size]) / 2 - scale * (low + high) / 2


def _place_names(xy: np.ndarray, size: int, line: int) -> tuple[list, list]:
    """Which points are named on the left and on the right, and at what height: [(point, y)] of each side."""
    # By halves, so that no line crosses the figure to the other side.
    by_x = np.argsort(xy[:, 0], kind="stable")
    half = len(by_x) // 2
    sides = []
    for side in (by_x[:half], by_x[half:]):
        side = sorted(side.tolist(), key=lambda k: xy[k, 1])
        heights = [float(xy[k, 1]) for k in side]
        gap = min(line, (size - line) / max(len(side) - 1, 1))
        for k in range(len(side)):  # no name covers the one above it
            heights[k] = max(heights[k], heights[k - 1] + gap if k else line / 2)
        for k in reversed(range(len(side))):  # nor runs out of the picture
            below = heights[k + 1] - gap if k + 1 < len(side) else size - line / 2
            heights[k] = min(heights[k], below)
        sides.append(list(zip(side, heights, strict=True)))
    return sides[0], sides[1]


def _mark_points(xy: np.ndarray, ends: dict[int, tuple[float, float]]) -> list[shapes.Shape]:
    """Lines from points to the columns, then the points themselves, on the fine canvas."""
    fine, marks, seen = rasterize.FINE, [], np.ones(1, bool)
    for k, end in ends.items():
        line = shapes.outline_capsule(xy[[k]] * fine, np.array([end], float) * fine, 1.5, 1.5)
        marks.append(shapes.Shape(line, seen, "muted"))
    for radius, color in ((4.2, "text"), (2.6, "paper")):
        for point in xy[:, None] * fine:
            dot = shapes.outline_capsule(point, point, radius * fine, radius * fine)
            marks.append(shapes.Shape(dot, seen, color))
    return marks


def _draw_text(picture, text: str, font, x: int, y: int, share: float, color: str) -> np.ndarray:
    """Draws text with `share` of its width left of x and its middle at y; changes and returns picture."""
    mask = rasterize.text_mask(text, font)
    top = int(np.clip(y - mask.shape[0] // 2, 0, picture.shape[0] - mask.shape[0]))
    begin = int(np.clip(x - share * mask.shape[1], 0, picture.shape[1] - mask.shape[1]))
    box = slice(top, top + mask.shape[0]), slice(begin, begin + mask.shape[1])
    picture[box] = np.where(mask > 0.05, rasterize.blend_colors(color, "stage", mask), picture[box])
    return picture
