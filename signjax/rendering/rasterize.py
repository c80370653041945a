"""Shapes to pixels: 64 colours, smooth edges, a few milliseconds a frame.

Shapes are filled with Pillow as palette indices on a canvas twice as fine as the picture. Most 2 x 2 blocks
hold one index and are copied; only the few on an edge are averaged in RGB and looked up in the palette. So
frames come out as palette images with anti-aliased edges, and a GIF needs no colour quantisation at all.
"""

import functools

import numpy as np
from PIL import Image, ImageColor, ImageDraw

from signjax.rendering import style

FINE = 2  # samples per pixel and axis of a fine canvas; its blocks' rows are read as uint16
TRANSPARENT = 63  # the last of 64 palette entries, all bits, kept for GIF frames' unchanged pixels
# Blends along edges, as (over, under, share of over): the rims make the stage the usual neighbour.
_BLENDS = (
    *(("text", "paper", share) for share in (0.25, 0.5, 0.75)),
    *(("muted", "paper", share) for share in (0.3, 0.65)),
    *(("right", "stage", share) for share in (0.25, 0.5, 0.75)),
    *(("left", "stage", share) for share in (0.33, 0.67)),
    *((name, "stage", 0.5) for name in ("torso", "head", "neck")),
    *(("right", "torso", share) for share in (0.33, 0.67)),
    ("left", "torso", 0.5),
    ("face", "head", 0.5),
    *((f"{name}{k}", "stage", 0.5) for name in style.FINGER_SHADES for k in (1, 2, 3)),
)
INDEX = {name: index for index, name in enumerate(style.COLORS)}


@functools.cache
def make_palette() -> np.ndarray:
    """The colours [64, 3] uint8: the style's own, then blends of them; the last one is never drawn."""
    rgb = {name: np.array(ImageColor.getrgb(color), float) for name, color in style.COLORS.items()}
    blends = [rgb[over] * share + rgb[under] * (1 - share) for over, under, share in _BLENDS]
    colors = np.array([*rgb.values(), *blends]).round().astype(np.uint8)
    assert len(colors) <= TRANSPARENT, len(colors)
    # The colour table of a GIF has a power of two entries.
    full = np.concatenate([colors, np.repeat(colors[:1], 64 - len(colors), 0)])
    full.flags.writeable = False  # shared by all callers
    return full


# Made once: 32,768 colours are compared with 63.
@functools.cache
def _color_tables() -> tuple[np.ndarray, np.ndarray]:
    """Nearest palette entry of each 5-bit RGB [32768], and sums of two colours, 10 bits a channel [65536]."""
    # Averages of four samples are rounded to 5 bits a channel, so that a table of 32,768 holds every answer.
    colors = make_palette()[:TRANSPARENT].astype(np.float32)
    level = np.arange(32, dtype=np.float32) * (255 / 31)
    cube = np.stack(np.meshgrid(level, level, level, indexing="ij"), -1).reshape(-1, 3)
    nearest = ((colors**2).sum(1) - 2 * cube @ colors.T).argmin(1).astype(np.uint8)
    # Three channels of 10 bits in one number: four samples of 8 bits are added without carrying over.
    packed = np.zeros(256, np.uint32)
    packed[:64] = make_palette() @ np.array([1 << 20, 1 << 10, 1], np.uint32)
    return nearest, (packed[:, None] + packed).reshape(-1)


def shrink_canvas(fine: np.ndarray) -> np.ndarray:
    """Reduces a canvas of palette indices [2H, 2W] uint8 to a picture [H, W], edges averaged in RGB."""
    rows = fine.view(np.uint16).reshape(-1, FINE, fine.shape[1] // FINE)
    return _mix_rows(rows[:, 0].reshape(-1), rows[:, 1].reshape(-1)).reshape(len(rows), -1)


def _mix_rows(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Pixels [n] uint8 of blocks whose two rows are uint16 [n]."""
    out = (upper & 255).astype(np.uint8)
    # Blocks of one index are done; those on an edge, a few percent, differ in a row or between rows.
    where = np.flatnonzero((upper != lower) | (upper != out * np.uint16(257)))
    nearest, pairs = _color_tables()
    total = pairs[upper[where]] + pairs[lower[where]]  # [edges], four samples of 8 bits a channel
    out[where] = nearest[total >> 15 & 0x7C00 | total >> 10 & 0x3E0 | total >> 5 & 0x1F]
    return out


def update_picture(picture: np.ndarray, fine: np.ndarray, previous: np.ndarray) -> None:
    """Changes a picture from `shrink_canvas(previous)` to `shrink_canvas(fine)`, where the canvases differ.

    Args:
      picture: [H, W] uint8, W a multiple of 4.
      fine, previous: [2H, 2W] uint8.
    """
    # Eight indices of a canvas are compared at once, as a word: a row of the blocks of four pixels.
    words, four = fine.view(np.uint64), picture.shape[1] // 4
    changed = words != previous.view(np.uint64)
    where = np.flatnonzero(changed[::FINE] | changed[1::FINE])
    upper = where + where // four * four
    pixels, words = picture.view(np.uint32).reshape(-1), words.reshape(-1)
    rows = words[upper].view(np.uint16), words[upper + four].view(np.uint16)
    pixels[where] = _mix_rows(*rows).view(np.uint32)


def draw_frame(parts, order, size: tuple[int, int], frame: int) -> np.ndarray:
    """Draws one frame of a figure.

    Args:
      parts, order: of signjax.rendering.shapes.outline_parts, in pixels of the fine canvas.
      size: (width, height) in pixels of the result.
      frame: which frame.

    Returns:
      [height, width] uint8 palette indices.
    """
    return shrink_canvas(draw_on_canvas(parts, order, make_canvas(size), frame))


def make_canvas(size: tuple[int, int]) -> np.ndarray:
    """An empty fine canvas of a picture of this width and height."""
    return np.empty((size[1] * FINE, size[0] * FINE), np.uint8)


def draw_on_canvas(parts, order, fine: np.ndarray, frame: int) -> np.ndarray:
    """Draws one frame of a figure over all of a fine canvas, and returns that; see `draw_frame`."""
    fine[:] = INDEX["stage"]
    image = Image.frombuffer("L", fine.shape[::-1], fine, "raw", "L", 0, 1)
    # Drawn in place: Pillow would copy the canvas, which is larger than all that changes between frames.
    image.readonly = 0
    polygon = ImageDraw.Draw(image).polygon
    for part in order[frame]:
        for shape in parts[part]:
            if shape.seen[frame]:
                polygon(shape.xy[frame], INDEX[shape.color])
    return fine


def text_mask(text: str, font) -> np.ndarray:
    """Coverage [h, w] float 0..1 of one line of text, drawn from the top of the line's box."""
    # The font's height, not the text's: lines of a caption must not dance with their letters.
    left, _, right, _ = font.getbbox(text)
    ascent, descent = font.getmetrics()
    mask = Image.new("L", (max(1, int(right - min(left, 0)) + 2), ascent + descent), 0)
    ImageDraw.Draw(mask).text((-min(left, 0), 0), text, fill=255, font=font)
    return np.asarray(mask, np.float32) / 255


def blend_colors(over: str, under: str, coverage: np.ndarray) -> np.ndarray:
    """Palette indices of `over` painted on `under` with coverage 0..1."""
    colors = make_palette().astype(np.float32)
    rgb = colors[INDEX[under]] + coverage[..., None] * (colors[INDEX[over]] - colors[INDEX[under]])
    levels = rgb.astype(np.int64) >> 3
    return _color_tables()[0][levels @ np.array([1024, 32, 1])]
