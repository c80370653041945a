"""The picture around the figures: stages side by side, titles above, a time line and captions below."""

import functools
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import ImageFont

from signjax.errors import ConfigError
from signjax.rendering import rasterize
from signjax.rendering import shapes as figures_

GAP = 8  # pixels between panels
BASE = 448  # the stage height at which text and lines have their nominal size


class Stage(NamedTuple):
    """Where one figure moves: its corner in the picture and its shapes in fine pixels."""

    x: int
    y: int
    parts: list
    order: np.ndarray


class Scene(NamedTuple):
    """Everything needed to paint any frame of a picture."""

    still: np.ndarray  # [H, W] uint8 palette indices: all that does not move
    stages: list[Stage]
    size: tuple[int, int]  # width and height of each stage
    line: tuple[int, int]  # first and last + 1 row of the time line
    frames: int  # of the longest panel; shorter ones hold their last frame


class View(NamedTuple):
    """How a clip's own units become pixels, the same for all its panels: own * scale + shift."""

    size: tuple[int, int]
    scale: float
    shift: np.ndarray  # [2]


def fit_view(figures, height: int) -> View:
    """The stage of this height, as wide as the figures need within reason, that shows them all."""
    if not isinstance(height, int | np.integer) or not 64 <= height <= 2160:
        raise ConfigError(f"size must be a whole number of pixels from 64 to 2160, not {height!r}")
    x0, y0, x1, y1 = figures_.compute_box(figures)
    aspect = float(np.clip((x1 - x0) / (y1 - y0), 0.75, 1.3))
    width, height = 4 * round(aspect * height / 4), 2 * round(height / 2)
    scale = min(width / (x1 - x0), height / (y1 - y0))
    middle = np.array([x0 + x1, y0 + y1]) / 2
    return View((width, height), scale, np.array([width, height]) / 2 - scale * middle)


def outline_figures(figures, view: View) -> list[tuple[list, np.ndarray]]:
    """Shapes and drawing order of each figure on the fine canvas."""
    fine = rasterize.FINE
    return [figures_.outline_parts(figure, view.scale * fine, view.shift * fine) for figure in figures]


def build_scene(panels, height: int) -> Scene:
    """Lays a picture out.

    Args:
      panels: see signjax.rendering.shapes.Panels.
      height: of the stages, in pixels; titles and captions come on top of it.

    Raises:
      DataError: the panels cannot be drawn; ConfigError: the height is out of range.
    """
    figures = figures_.prepare_figures(panels)
    look = fit_view(figures, height)
    width = look.size[0]
    total = len(figures) * (width + GAP) - GAP
    head = join_blocks([draw_caption(f.title, width, look.size[1], "muted", 1) for f in figures])
    texts = [f.caption for f in figures]
    if len(set(texts)) == 1:
        foot = draw_caption(texts[0], total, look.size[1])
    else:
        foot = join_blocks([draw_caption(text, width, look.size[1]) for text in texts])
    thick = max(2, look.size[1] // 120)
    middle = np.full((look.size[1] + thick, total), rasterize.INDEX["paper"], np.uint8)
    middle[-thick:] = rasterize.INDEX["track"]
    still = np.concatenate([head, middle, foot])
    still = np.pad(still, ((0, len(still) % 2), (0, 0)), constant_values=rasterize.INDEX["paper"])
    top = len(head)
    drawn = [
        Stage(k * (width + GAP), top, *shapes) for k, shapes in enumerate(outline_figures(figures, look))
    ]
    line = (top + look.size[1], top + look.size[1] + thick)
    return Scene(still, drawn, look.size, line, max(len(f.pose) for f in figures))


def paint_frame(scene: Scene, frame: int) -> np.ndarray:
    """One frame of a scene: [H, W] uint8 indices into `raster.palette()`."""
    return next(paint_frames(scene, frame))


def paint_frames(scene: Scene, first: int = 0) -> Iterator[np.ndarray]:
    """The frames of a scene from frame `first`, as `paint_frame` gives them: only what moves is made anew."""
    width, height = scene.size
    now = [rasterize.make_canvas(scene.size) for _ in scene.stages]
    before = [np.zeros_like(fine) for fine in now]
    drawn = [rasterize.shrink_canvas(fine) for fine in before]
    for frame in range(first, scene.frames):
        picture = scene.still.copy()
        for k, (x, y, parts, order) in enumerate(scene.stages):
            rasterize.draw_on_canvas(parts, order, now[k], min(frame, len(order) - 1))
            rasterize.update_picture(drawn[k], now[k], before[k])
            now[k], before[k] = before[k], now[k]
            picture[y : y + height, x : x + width] = drawn[k]
        done = round(picture.shape[1] * (frame + 1) / scene.frames)
        picture[slice(*scene.line), :done] = rasterize.INDEX["accent"]
        yield picture


def join_blocks(blocks) -> np.ndarray:
    """Text blocks side by side, the lower ones filled up with paper, a gap between them."""
    tall = max(len(block) for block in blocks)
    full = [
        np.pad(b, ((0, tall - len(b)), (0, GAP)), constant_values=rasterize.INDEX["paper"]) for b in blocks
    ]
    return np.concatenate(full, 1)[:, :-GAP]


def draw_caption(text: str, width: int, stage: int, color: str = "text", most: int = 3) -> np.ndarray:
    """A block [h, width] uint8 of palette indices with the text centred in at most `most` lines.

    Empty text gives a block without rows. `stage` is the stage's height in pixels, which the letters' size
    follows.
    """
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    if not text:
        return np.zeros((0, width), np.uint8)
    nominal = (20 if color == "text" else 15) * (stage / BASE) ** 0.8
    margin = max(4, stage // 48)
    room = width - 2 * margin
    for share in (1, 0.85, 0.7):  # long texts get smaller letters before they are cut
        letter = load_font(max(9, round(nominal * share)))
        lines = wrap_text(text, letter, room, most)
        if not lines[-1].endswith("…"):
            break
    # Lines of about the same length: the narrowest column that needs no more of them.
    narrow = (wrap_text(text, letter, room * part, most + 1) for part in (0.5, 0.6, 0.7, 0.8, 0.9))
    lines = next((even for even in narrow if len(even) <= len(lines)), lines)
    rows = []
    for line in lines:
        mask = rasterize.text_mask(line, letter)[:, :width]
        left = (width - mask.shape[1]) // 2
        rows.append(np.pad(mask, ((0, 0), (left, width - mask.shape[1] - left))))
    return rasterize.blend_colors(
        color, "paper", np.pad(np.concatenate(rows), ((margin * 2 // 3, margin), (0, 0)))
    )


def wrap_text(text: str, letter, width: int, most: int) -> list[str]:
    """Breaks text into at most `most` lines no wider than `width` pixels; an ellipsis ends cut text."""
    lines, rest = [], text
    while rest:
        fits = _count_fitting(rest, letter, width)
        if fits < len(rest) and len(lines) == most - 1:
            lines.append(rest[: _count_fitting(rest, letter, width - letter.getlength("…"))].rstrip() + "…")
            break
        if fits < len(rest):
            fits = rest.rfind(" ", 1, fits + 1) if " " in rest[1 : fits + 1] else fits
        lines.append(rest[:fits].rstrip())
        rest = rest[fits:].lstrip()
    return lines


def _count_fitting(text: str, letter, width: float) -> int:
    """How many characters of text fit into width, at least 1."""
    low, high = 1, min(len(text), 400)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if letter.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


@functools.cache
def load_font(size: int):
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more."""
    import matplotlib  # only for the place of its fonts

    file = pathlib.Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(str(file), size)
