"""Captions of any script: fonts are found, letters keep their marks, lines run in their direction."""

import warnings

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

from signjax.errors import SignjaxWarning
from signjax.rendering import captions, fonts, rasterize, text_line

HEBREW, ARABIC, HINDI = "שלום", "مرحبا", "नमस्ते"


@pytest.fixture(autouse=True)
def other_fonts(monkeypatch):
    """The fonts that the machine has besides the usual one: none, unless a test adds some."""
    files = []
    monkeypatch.setattr(fonts, "_list_font_files", lambda: files)
    fonts.choose_faces.cache_clear()
    fonts._NAMED.clear()
    yield files
    fonts.choose_faces.cache_clear()


def draw(text, size=40):
    return text_line.LineFont(text, size).draw(text)


def trim(mask):
    """The columns and rows of a line from its first ink to its last."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.mark.parametrize("text", ["אב", "אב."])
def test_the_first_letter_stands_where_reading_begins(text):
    mask, first = trim(draw(text)), trim(draw(text[0]))
    right = mask[:, -first.shape[1] :]
    rows = np.flatnonzero(right.any(1))
    assert np.abs(right[rows[0] : rows[-1] + 1] - first).mean() < 0.1


def test_arabic_letters_join():
    width = text_line.LineFont(ARABIC, 40).getlength
    assert width(ARABIC) < 0.8 * sum(map(width, ARABIC))


@pytest.mark.parametrize("runs, base, order", [
    (["a:L", "b:R", "c:R"], "L", "acb"),
    (["a:R", "b:L", "c:L", "d:R"], "R", "dbca"),
    (["a:L", "b:L"], "R", "ab"),
    (["a:R"], "L", "a"),
])  # fmt: skip
def test_runs_stand_in_the_order_of_their_script(runs, base, order):
    ordered = text_line.order_runs([tuple(run.split(":")) for run in runs], base)
    assert "".join(run[0] for run in ordered) == order


def test_letters_without_a_font_are_named_once():
    with pytest.warns(SignjaxWarning, match=r"no font here has न म स्ते, .* install"):
        block = captions.draw_caption(f"{HINDI} hello", 300, 448)
    assert (block != rasterize.INDEX["paper"]).any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        captions.draw_caption(HINDI, 300, 448)


def write_font(path, letters):
    """A font whose letters are squares."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for corner in ((100, 700), (800, 700), (800, 0)):
        pen.lineTo(corner)
    pen.closePath()
    names = [f"letter{ord(letter):x}" for letter in letters]
    font = FontBuilder(1000, isTTF=True)
    font.setupGlyphOrder([".notdef", *names])
    font.setupCharacterMap(dict(zip(map(ord, letters), names, strict=True)))
    font.setupGlyf(dict.fromkeys([".notdef", *names], pen.glyph()))
    font.setupHorizontalMetrics(dict.fromkeys([".notdef", *names], (900, 100)))
    font.setupHorizontalHeader(ascent=800, descent=-200)
    font.setupNameTable({"familyName": "Squares", "styleName": "Regular"})
    font.setupOS2()
    font.setupPost()
    font.save(path)
    return str(path)


def test_fonts_of_the_machine_are_found(tmp_path, other_fonts):
    """The one with more of the letters; a damaged file does no harm."""
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    other_fonts += [str(tmp_path / "broken.ttf"), write_font(tmp_path / "few.ttf", "न")]
    other_fonts.append(write_font(tmp_path / "many.ttf", set(HINDI)))
    text = f"hello {HINDI} {HEBREW}"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        faces = fonts.choose_faces(text)
        assert {faces[letter].file for letter in fonts.split_letters(HINDI)} == {other_fonts[2]}
        assert faces["h"].file == fonts.find_usual_font() == faces["ש"].file
        square = trim(draw("नन"))
    assert square.mean() > 0.7, "squares, and no frames around nothing"


def test_lines_break_between_letters_and_before_no_full_stop():
    font = text_line.LineFont("", 16)
    for text in ("ก็ที่นี่" * 12, "e\u0301" * 60, "あ。" * 40):
        lines = captions.wrap_text(text, font, 120, 99)
        assert len(lines) > 2 and "".join(lines) == text
        assert [one for line in lines for one in fonts.split_letters(line)] == fonts.split_letters(text)
        assert not any(line.startswith("。") for line in lines)
