"""Fonts for captions of any script: this machine is searched for letters that the default font lacks."""

import functools
import importlib.util
import os
import pathlib
import re
import sys
import unicodedata
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import regex

from signjax.errors import SignjaxWarning

# Of a package with fonts for nearly all scripts (the extra `fonts`), found by its folder and never imported.
FONT_PACKAGE = "weblate_fonts"
PLACEHOLDER = "□"  # stands for a letter that no font has
_WANTED = re.compile("sans|gothic|regular", re.IGNORECASE)
_UNWANTED = re.compile(
    "bold|-bd|italic|oblique|light|thin|black|medium|mono|serif|condensed|narrow|code", re.IGNORECASE
)


_NAMED: set[str] = set()  # letters that a warning has named


class Face(NamedTuple):
    """A font in a file: files that end in .ttc have several."""

    file: str
    index: int = 0


def find_usual_font() -> str:
    """The file of DejaVu Sans of matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew and more."""
    # Pillow brings no font with other than Latin letters. matplotlib is not imported for the place of a file:
    # that takes longer than to draw a clip.
    spec = importlib.util.find_spec("matplotlib")
    folders = spec.submodule_search_locations or [] if spec else []
    files = [pathlib.Path(folder, "mpl-data/fonts/ttf/DejaVuSans.ttf") for folder in folders]
    found = next((file for file in files if file.exists()), None)
    if found is None:  # packages of some systems keep the data elsewhere
        import matplotlib

        found = pathlib.Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"
    return str(found)


@functools.cache
def open_face(face: Face):
    """A matplotlib.ft2font.FT2Font, which shapes text and orders it from right to left where it must be."""
    from matplotlib import ft2font  # half a second, and most captions are Latin

    return ft2font.FT2Font(face.file, face_index=face.index)


def split_letters(text: str) -> list[str]:
    """The letters of a text as readers see them, each with its marks (grapheme clusters of Unicode)."""
    return regex.findall(r"\X", text)


@functools.lru_cache(256)
def choose_faces(text: str) -> dict[str, Face | None]:
    """A font for each letter of a text: as few fonts as possible, the usual one if it has all letters.

    Returns:
      {letter of `split_letters` or beginning of one: its font, None if no font here has it}; no spaces. A
      warning names those without a font.
    """
    missing = {letter for letter in split_letters(text) if not letter.isspace()}
    faces: dict[str, Face | None] = dict.fromkeys(sorted(missing))
    usual = Face(find_usual_font())
    covered = {usual: _find_covered(open_face(usual), missing)}
    if covered[usual] != missing:
        covered |= _search_fonts(frozenset(missing), _name_region(text))
    while missing and (face := max(covered, key=lambda face: len(covered[face] & missing), default=None)):
        if not (own := covered[face] & missing):
            break
        faces |= dict.fromkeys(own, face)
        missing = missing - own
    if missing:
        _warn_of_letters(sorted(missing))
    beginnings = {letter[:end]: face for letter, face in faces.items() for end in range(1, len(letter))}
    return beginnings | faces


def _search_fonts(letters: frozenset[str], region: str) -> dict[Face, set[str]]:
    """Which of some letters each font of this machine has; the fonts that suit captions best come first."""
    found = []
    for file in _list_font_files():
        for face, font in _open_faces(file):
            if covered := _find_covered(font, letters):
                name = f"{font.family_name} {pathlib.Path(file).stem}"
                # Of fonts with the same letters: upright and of usual weight, then of the region, then plain.
                rank = bool(_UNWANTED.search(name)), region not in name, not _WANTED.search(name), face
                found.append((rank, face, covered))
    return {face: covered for _, face, covered in sorted(found, key=lambda one: one[0])}


def _name_region(text: str) -> str:
    """Which of the fonts for Chinese, Japanese and Korean: each draws common characters in its own way."""
    if re.search("[\u3040-\u30ff]", text):
        return "JP"
    return "KR" if re.search("[\u1100-\u11ff\uac00-\ud7a3]", text) else "SC"


def _open_faces(file: str) -> Iterator[tuple[Face, object]]:
    from matplotlib import ft2font  # see open_face

    try:
        count = ft2font.FT2Font(file).num_faces
        fonts = [(Face(file, index), ft2font.FT2Font(file, face_index=index)) for index in range(count)]
    except (OSError, RuntimeError):
        return  # a damaged file, or one that may not be read: others may have the letters
    # Letters of fonts made of pictures cannot be had in every size.
    yield from ((face, font) for face, font in fonts if font.scalable and "Color" not in font.family_name)


def _find_covered(font, letters) -> set[str]:
    return {letter for letter in letters if all(map(font.get_char_index, map(ord, _strip_invisible(letter))))}


def _strip_invisible(letter: str) -> str:
    """A letter without joiners and variation selectors, which fonts need not have."""
    return "".join(c for c in letter if unicodedata.category(c) not in ("Cf", "Cc") and not "︀" <= c <= "️")


@functools.cache
def _list_font_files() -> list[str]:
    """The font files of this machine, of the user, and of the package of fonts if it is installed."""
    home, spec = pathlib.Path.home(), importlib.util.find_spec(FONT_PACKAGE)
    folders = [pathlib.Path(folder) for folder in (spec.submodule_search_locations or [] if spec else [])]
    if sys.platform == "win32":
        folders += [pathlib.Path(os.environ.get("WINDIR", r"C:\Windows"), "Fonts")]
        folders += [home / r"AppData\Local\Microsoft\Windows\Fonts"]
    elif sys.platform == "darwin":
        folders += [
            pathlib.Path("/System/Library/Fonts"),
            pathlib.Path("/Library/Fonts"),
            home / "Library/Fonts",
        ]
    else:
        data = os.environ.get("XDG_DATA_HOME") or home / ".local/share"
        folders += [pathlib.Path("/usr/share/fonts"), pathlib.Path("/usr/local/share/fonts")]
        folders += [pathlib.Path(data, "fonts"), home / ".fonts", pathlib.Path(sys.prefix, "fonts")]
    files = [file for folder in folders for file in folder.rglob("*")]
    return sorted(str(file) for file in files if file.suffix.lower() in (".ttf", ".otf", ".ttc"))


def _warn_of_letters(letters: list[str]) -> None:
    # Each letter once: a file of texts has the same ones again and again.
    letters = [letter for letter in letters if letter not in _NAMED]
    _NAMED.update(letters)
    if letters:
        shown = " ".join(letters[:12]) + (" …" if len(letters) > 12 else "")
        warnings.warn(
            f"no font here has {shown}, and captions of pictures show {PLACEHOLDER} instead; install fonts: "
            "pip install weblate-fonts, or on Debian and Ubuntu apt install fonts-noto-core fonts-noto-cjk",
            SignjaxWarning,
            2,
        )
