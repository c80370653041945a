"""Texts in pictures: titles and captions, wrapped, centred, in smaller letters where they are long."""

import re

import numpy as np

from signjax.rendering import fonts, rasterize
from signjax.rendering.text_line import LineFont, load_font

__all__ = ["GAP", "NOMINAL_HEIGHT", "draw_caption", "join_blocks", "load_font", "wrap_text"]

GAP = 8  # pixels between panels
_UNSEEN = re.compile("[\0-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # controls, and those of the direction
_NEVER_FIRST = "、。，．！？：；」』）》…ー،؟।"
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
    text = _UNSEEN.sub(" ", text.encode("utf-8", "replace").decode())
    text = " ".join(text.split())
    if not text:
        return np.zeros((0, width), np.uint8)
    # Not in proportion to the stage: small pictures need letters that can be read, large ones no headlines.
    nominal = (20 if color == "text" else 15) * (stage / NOMINAL_HEIGHT) ** 0.8
    margin = max(4, stage // 48)
    room = width - 2 * margin
    # Long texts get smaller letters before they are cut.
    for share in (1, 0.85, 0.7):
        font = LineFont(text, max(9, round(nominal * share)))
        lines = wrap_text(text, font, room, max_lines)
        if not lines[-1].endswith("…"):
            break
    # Lines of about the same length: the narrowest column that needs no more of them.
    narrower = (wrap_text(text, font, room * part, max_lines + 1) for part in (0.5, 0.6, 0.7, 0.8, 0.9))
    lines = next((even for even in narrower if len(even) <= len(lines)), lines)
    rows = []
    for line in lines:
        mask = font.draw(line)[:, :width]
        left = (width - mask.shape[1]) // 2
        rows.append(np.pad(mask, ((0, 0), (left, width - mask.shape[1] - left))))
    coverage = np.pad(np.concatenate(rows), ((margin * 2 // 3, margin), (0, 0)))
    return rasterize.blend_colors(color, "paper", coverage)


def join_blocks(blocks: list[np.ndarray]) -> np.ndarray:
    """Blocks of palette indices side by side, the lower ones filled up with paper, a gap between them."""
    paper, height = rasterize.INDEX["paper"], max(len(block) for block in blocks)
    padded = [np.pad(b, ((0, height - len(b)), (0, GAP)), constant_values=paper) for b in blocks]
    return np.concatenate(padded, 1)[:, :-GAP]


def wrap_text(text: str, font, width: float, max_lines: int) -> list[str]:
    """Breaks a text into lines; an ellipsis ends one that is cut.

    Args:
      text: to break.
      font: whose `getlength` gives the width of a line in pixels.
      width: of the lines at most, in pixels.
      max_lines: how many at most.
    """
    lines, rest = [], text
    while rest:
        count = _count_fitting(rest, font, width)
        if count < len(rest) and len(lines) == max_lines - 1:
            kept = rest[: _find_break(rest, _count_fitting(rest, font, width - font.getlength("…")))]
            lines.append(kept.rstrip() + "…")
            break
        if count < len(rest):
            # At a space if there is one; a word wider than a line, or a script without spaces, anywhere.
            count = rest.rfind(" ", 1, count + 1) if " " in rest[1 : count + 1] else _find_break(rest, count)
        lines.append(rest[:count].rstrip())
        rest = rest[count:].lstrip()
    return lines


def _count_fitting(text: str, font, width: float) -> int:
    """How many characters of text fit into width, at least 1."""
    # By halves, since the width of a text is slow to measure. No line holds 400 letters.
    low, high = 1, min(len(text), 400)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if font.getlength(text[:middle]) <= width else (low, middle - 1)
    return low


def _find_break(text: str, count: int) -> int:
    """The last place up to `count` where text without spaces may be broken; `count` if there is none."""
    # No letter loses its marks, and no line begins with what ends a sentence.
    places = [0]
    for letter in fonts.split_letters(text[: count + 32]):
        places.append(places[-1] + len(letter))
    return max((p for p in places if 0 < p <= count and text[p] not in _NEVER_FIRST), default=count)
