"""The picture around the figures: stages side by side, titles above, a time line and captions below."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from signjax.errors import ConfigError
from signjax.rendering import rasterize, shapes
from signjax.rendering.captions import GAP, draw_caption, join_blocks

MIN_HEIGHT, MAX_HEIGHT = 64, 2160  # of a stage in pixels


class Stage(NamedTuple):
    """Where one figure moves: its corner in the picture, and its shapes in pixels of the fine canvas."""

    x: int
    y: int
    parts: list[list[shapes.Shape]]
    order: np.ndarray  # [T, parts], see signjax.rendering.shapes.outline_parts


class Scene(NamedTuple):
    """Everything needed to paint any frame of a picture."""

    still: np.ndarray  # [H, W] uint8 palette indices: all that does not move
    stages: list[Stage]
    size: tuple[int, int]  # width and height of each stage
    line: tuple[int, int]  # first and last + 1 row of the time line
    frames: int  # of the longest panel; shorter ones hold their last frame


class View(NamedTuple):
    """How the units of figures become pixels, the same for all panels: position * scale + shift."""

    size: tuple[int, int]
    scale: float
    shift: np.ndarray  # [2]


def fit_view(figures: list[shapes.Figure], height: int) -> View:
    """The stage of this height, as wide as the figures need within reason, that shows them all.

    Raises:
      ConfigError: the height is out of range.
    """
    if not isinstance(height, int | np.integer) or not MIN_HEIGHT <= height <= MAX_HEIGHT:
        expected = f"a whole number of pixels from {MIN_HEIGHT} to {MAX_HEIGHT}"
        raise ConfigError(f"size must be {expected}, not {height!r}")
    x0, y0, x1, y1 = shapes.compute_box(figures)
    # A signer with spread arms, or tracking that failed, must not make a strip of the picture.
    aspect = float(np.clip((x1 - x0) / (y1 - y0), 0.75, 1.3))
    # Widths are multiples of 4 for `update_picture`, heights of 2 for video.
    width, height = 4 * round(aspect * height / 4), 2 * round(height / 2)
    scale = min(width / (x1 - x0), height / (y1 - y0))
    middle = np.array([x0 + x1, y0 + y1]) / 2
    return View((width, height), scale, np.array([width, height]) / 2 - scale * middle)


def outline_figures(figures: list[shapes.Figure], view: View) -> list[tuple[list, np.ndarray]]:
    """Shapes and drawing order of each figure on the fine canvas."""
    fine = rasterize.FINE
    return [shapes.outline_parts(figure, view.scale * fine, view.shift * fine) for figure in figures]


def build_scene(panels: shapes.Panels, height: int) -> Scene:
    """Lays a picture out.

    Args:
      panels: see signjax.rendering.shapes.Panels.
      height: of the stages, in pixels; titles and captions come on top of it.

    Raises:
      DataError: the panels cannot be drawn; ConfigError: the height is out of range.
    """
    figures = shapes.prepare_figures(panels)
    # One view for all: a figure that is half as large signs half as large.
    view = fit_view(figures, height)
    width, height = view.size
    total = len(figures) * (width + GAP) - GAP
    head = join_blocks([draw_caption(f.title, width, height, "muted", 1) for f in figures])
    # The time line is part of the picture, so that a GIF, which has no controls, shows how long it is.
    thickness = max(2, height // 120)
    middle = np.full((height + thickness, total), rasterize.INDEX["paper"], np.uint8)
    middle[-thickness:] = rasterize.INDEX["track"]
    still = np.concatenate([head, middle, _draw_captions(figures, width, total, height)])
    # H.264 takes even heights only.
    still = np.pad(still, ((0, len(still) % 2), (0, 0)), constant_values=rasterize.INDEX["paper"])
    outlines = outline_figures(figures, view)
    stages = [Stage(k * (width + GAP), len(head), *outline) for k, outline in enumerate(outlines)]
    line = (len(head) + height, len(head) + height + thickness)
    return Scene(still, stages, view.size, line, max(len(f.pose) for f in figures))


def _draw_captions(figures: list[shapes.Figure], width: int, total: int, height: int) -> np.ndarray:
    """A caption below each figure, or one below all of them if they sign the same text."""
    texts = [figure.caption for figure in figures]
    if len(set(texts)) == 1:
        return draw_caption(texts[0], total, height)
    return join_blocks([draw_caption(text, width, height) for text in texts])


def paint_frame(scene: Scene, frame: int) -> np.ndarray:
    """One frame of a scene: [H, W] uint8 indices into signjax.rendering.rasterize.make_palette()."""
    return next(paint_frames(scene, frame))


def paint_frames(scene: Scene, first: int = 0) -> Iterator[np.ndarray]:
    """The frames of a scene from frame `first`, as `paint_frame` gives them."""
    width, height = scene.size
    current = [rasterize.make_canvas(scene.size) for _ in scene.stages]
    previous = [np.zeros_like(canvas) for canvas in current]
    # Shrinking a canvas takes longest, and most of a figure does not move from one frame to the next: only
    # the blocks that have changed are shrunk again.
    pictures = [rasterize.shrink_canvas(canvas) for canvas in previous]
    for frame in range(first, scene.frames):
        # A copy: whoever gets it may hold on to it while the next one is painted.
        picture = scene.still.copy()
        for k, (x, y, parts, order) in enumerate(scene.stages):
            rasterize.draw_on_canvas(parts, order, current[k], min(frame, len(order) - 1))
            rasterize.update_picture(pictures[k], current[k], previous[k])
            current[k], previous[k] = previous[k], current[k]
            picture[y : y + height, x : x + width] = pictures[k]
        elapsed = round(picture.shape[1] * (frame + 1) / scene.frames)
        picture[slice(*scene.line), :elapsed] = rasterize.INDEX["accent"]
        yield picture
