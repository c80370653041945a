"""Texts in pictures: titles and captions, wrapped, centred, in smaller letters where they are long."""

import functools
import pathlib

import numpy as np
from PIL import ImageFont

from signjax.rendering import rasterize

GAP = 8  # pixels between panels
NOMINAL_HEIGHT = 448  # of a stage, at which text and lines have their nominal size


def draw_caption(text: str, width: int, stage: int, color: str = "text", max_lines: int = 3) -> np.ndarray:
    """Draws a text centred in a block.

    Args:
      text: white space does not count; an empty text gives a block without rows.
      width: of the block in pixels.
      stage: height of the stage in pixels, which the size of the letters follows.
      color: "text" for captions, "muted" for titles, which are smaller.
      max_lines: a longer text is cut.

    Returns:
      [h, width] uint8 palette indices.
    """
    # Lone surrogates, as in file names that are no UTF-8, have no glyphs; line breaks would break the layout.
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    if not text:
        return np.zeros((0, width), np.uint8)
    # Not in proportion to the stage: small pictures need letters that can be read, large ones no headlines.
    nominal = (20 if color == "text" else 15) * (stage / NOMINAL_HEIGHT) ** 0.8
    margin = max(4, stage // 48)
    room = width - 2 * margin
    # Long texts get smaller letters before they are cut.
    for share in (1, 0.85, 0.7):
        font = load_font(max(9, round(nominal * share)))
        lines = wrap_text(text, font, room, max_lines)
        if not lines[-1].endswith("…"):
            break
    # Lines of about the same length: the narrowest column that needs no more of them.
    narrower = (wrap_text(text, font, room * part, max_lines + 1) for part in (0.5, 0.6, 0.7, 0.8, 0.9))
    lines = next((even for even in narrower if len(even) <= len(lines)), lines)
    rows = []
    for line in lines:
        mask = rasterize.text_mask(line, font)[:, :width]
        left = (width - mask.shape[1]) // 2
        rows.append(np.pad(mask, ((0, 0), (left, width - mask.shape[1] - left))))
    coverage = np.pad(np.concatenate(rows), ((margin * 2 // 3, margin), (0, 0)))
    return rasterize.blend_colors(color, "paper", coverage)


def join_blocks(blocks: list[np.ndarray]) -> np.ndarray:
    """Blocks of palette indices side by side, the lower ones filled up with paper, a gap between them."""
    paper, height = rasterize.INDEX["paper"], max(len(block) for block in blocks)
    padded = [np.pad(b, ((0, height - len(b)), (0, GAP)), constant_values=paper) for b in blocks]
    return np.concatenate(padded, 1)[:, :-GAP]


def wrap_text(text: str, font: ImageFont.FreeTypeFont, width: float, max_lines: int) -> list[str]:
    """Breaks text into at most `max_lines` lines no wider than `width` pixels; an ellipsis ends cut text."""
    lines, rest = [], text
    while rest:
        count = _count_fitting(rest, font, width)
        if count < len(rest) and len(lines) == max_lines - 1:
            kept = rest[: _count_fitting(rest, font, width - font.getlength("…"))]
            lines.append(kept.rstrip() + "…")
            break
        if count < len(rest):
            # At a space if there is one; a word wider than a line, or a script without spaces, anywhere.
            count = rest.rfind(" ", 1, count + 1) if " " in rest[1 : count + 1] else count
        lines.append(rest[:count].rstrip())
        rest = rest[count:].lstrip()
    return lines


def _count_fitting(text: str, font: ImageFont.FreeTypeFont, width: float) -> int:
    """How many characters of text fit into width, at least 1."""
    # By halves, since the width of a text is slow to measure. No line holds 400 letters.
    low, high = 1, min(len(text), 400)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


@functools.cache
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more."""
    # Only for the place of its fonts: Pillow brings none with other than Latin letters.
    import matplotlib

    file = pathlib.Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return ImageFont.truetype(str(file), size)
