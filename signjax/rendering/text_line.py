"""A line of text as pixels, in any script: shaped, and from right to left where the script is."""

import functools
import re
import unicodedata
from typing import NamedTuple

import numpy as np
from PIL import ImageFont

from signjax.rendering import fonts, rasterize

# Letters that stand one after another from left to right: Pillow sets them right, and fast.
_PLAIN = re.compile(
    "[\u0020-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1fff\u2010-\u2027\u2030-\u205e\u20a0-\u20bf]*"
)
_SPACE = 0.32  # width of a space, in sizes of the letters
_LEFT, _RIGHT = "\u200e", "\u200f"  # invisible marks that say the direction


class Piece(NamedTuple):
    """A part of a line in one font and one direction."""

    coverage: np.ndarray  # [h, w] float 0..1
    descent: int  # rows below the base line


class LineFont:
    """Letters of one size for the lines of a text.

    Args:
      text: the whole text, which decides the direction of its lines and the fonts they take.
      size: of the letters in pixels.
    """

    def __init__(self, text: str, size: int):
        self.size, self.usual = size, load_font(size)
        self.faces = None if _PLAIN.fullmatch(text) else fonts.choose_faces(text)
        self.base = _find_direction(text) or "L"

    def getlength(self, line: str) -> float:
        """Width of a line in pixels."""
        if self.faces is None:
            return self.usual.getlength(line)
        return sum(piece.coverage.shape[1] for piece in self._set_pieces(line))

    def draw(self, line: str) -> np.ndarray:
        """Coverage [h, w] float 0..1 of a line."""
        if self.faces is None:
            return rasterize.text_mask(line, self.usual)
        pieces = self._set_pieces(line)
        # The usual height at least, so that lines stand evenly; some scripts reach higher and lower.
        ascent, descent = self.usual.getmetrics()
        descent = max([descent, *(piece.descent for piece in pieces)])
        ascent = max([ascent, *(len(piece.coverage) - piece.descent for piece in pieces)])
        drawn = [np.zeros((ascent + descent, 1), np.float32)]
        for piece in pieces:
            below = descent - piece.descent
            above = ascent + descent - below - len(piece.coverage)
            drawn.append(np.pad(piece.coverage, ((above, below), (0, 0))))
        return np.concatenate(drawn, 1)

    def _set_pieces(self, line: str) -> list[Piece]:
        """The pieces of a line from left to right."""
        assert self.faces is not None
        if len(set(self.faces.values())) == 1 and None not in self.faces.values():
            mark = _RIGHT if self.base == "R" else _LEFT
            return [_set_piece(mark + line, next(iter(self.faces.values())), self.size)] if line else []
        runs = _split_runs(line, self.faces, self.base)
        return [_set_piece(text, face, self.size) for text, face, _ in order_runs(runs, self.base)]


def _split_runs(line: str, faces: dict, base: str) -> list[tuple[str, fonts.Face | None, str]]:
    """(text, font, direction "L" or "R") of the parts of a line in reading order; a space has no font."""
    usual, runs = fonts.Face(fonts.find_usual_font()), []
    letters = fonts.split_letters(line)
    directions = [_find_direction(letter) for letter in letters]
    for k, letter in enumerate(letters):
        # An ellipsis may be in the line and not in the text.
        face = None if letter.isspace() else faces.get(letter, usual)
        if face is None and not letter.isspace():
            letter, face = fonts.PLACEHOLDER, usual
        # What has no direction, such as a space, has that of its neighbours if they agree.
        before = next((d for d in directions[k::-1] if d), base)
        after = next((d for d in directions[k:] if d), base)
        direction = before if before == after else base
        if runs and runs[-1][1:] == (face, direction):
            runs[-1] = (runs[-1][0] + letter, face, direction)
        else:
            runs.append((letter, face, direction))
    return runs


def order_runs(runs: list, base: str) -> list:
    """Runs (..., direction) as they stand from left to right (rule L2 of Unicode's UAX 9)."""
    # Levels as in UAX 9: even ones run from left to right; a Latin name in a Hebrew text is at level 2.
    levels = [1 if run[-1] == "R" else 0 if base == "L" else 2 for run in runs]
    for level in (2, 1):
        start = 0
        while start < len(runs):
            end = start
            while end < len(runs) and levels[end] >= level:
                end += 1
            runs = runs[:start] + runs[start:end][::-1] + runs[end:]
            levels = levels[:start] + levels[start:end][::-1] + levels[end:]
            start = max(end, start + 1)
    return runs


def _find_direction(text: str) -> str | None:
    """ "L" or "R", the direction of the first letter that has one; None if there is none."""
    for letter in text:
        kind = unicodedata.bidirectional(letter)
        if kind in ("L", "R", "AL"):
            return "L" if kind == "L" else "R"
    return None


@functools.lru_cache(1024)
def _set_piece(text: str, face: fonts.Face | None, size: int) -> Piece:
    if face is None:
        return Piece(np.zeros((0, round(len(text) * _SPACE * size)), np.float32), 0)
    font = fonts.open_face(face)
    font.set_size(size, 72)
    font.set_text(text)
    font.draw_glyphs_to_bitmap(antialiased=True)
    image = np.asarray(font.get_image(), np.float32) / 255
    return Piece(image, min(len(image), max(0, round(font.get_descent() / 64))))


@functools.cache
def load_font(size: int) -> ImageFont.FreeTypeFont:
    """The usual font for Pillow."""
    return ImageFont.truetype(fonts.find_usual_font(), size)
