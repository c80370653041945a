"""The HTML player: one file with poses, style and program inside, which plays from disk."""

import base64
import hashlib
import html as markup
import importlib.resources
import json
import pathlib
import re
import zlib
from typing import NamedTuple

import numpy as np

from signjax.errors import ConfigError, DataError
from signjax.io import atomic
from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.rendering import shapes, style

STEP = 1 / 1000  # of an embedded coordinate, in neck-to-shoulder lengths: about a tenth of a pixel


def write_html(
    path, clips, fps: float | None = None, title: str = "signjax", named: bool = False
) -> pathlib.Path:
    """Writes a page with a player for each clip: play, pause, scrub, speed, orbit; no request leaves it.

    Args:
      path: the file to write; its folders are made.
      clips: a list, whose items have a player each (signjax.rendering.shapes.Panels); or one clip or panel.
      fps: frames per second at speed 1; None for each clip's own.
      title: heading of the page.
      named: joints are points with names: those of the body always, of a hand where the pointer is.

    Poses are embedded by `pack_figure`, about 0.2 kB a frame and panel.

    Raises:
      DataError: no clip or a clip that cannot be drawn; ConfigError: bad fps; StorageError: not writable.
    """
    if isinstance(clips, shapes.Panel | Clip):
        clips = [clips]
    if not len(clips):
        raise DataError("a page needs a list of at least one clip, each a list of panels")
    packed = [pack_panels(panels, where=f"clip {k}, ") for k, panels in enumerate(clips)]
    return atomic.write_file(path, format_page(packed, fps, title, named).encode("utf-8", "replace"))


def embed_player(clip: Clip, height: int = 480) -> str:
    """A player of one clip as an HTML element, for notebooks.

    Args:
      clip: plays at its own rate, or at 25 frames a second if it does not say how fast.
      height: of the element in pixels.

    Raises:
      DataError: it cannot be drawn.
    """
    page = format_page([pack_panels(clip)], None, clip.text or clip.sid or "signjax")
    # A frame of its own: the player's styles and keys do not meet those of the notebook. The page's own
    # Content-Security-Policy lets its program run and nothing else.
    frame = f'<iframe srcdoc="{markup.escape(page)}" width="100%" height="{height}"'
    return f'{frame} style="border: 0" title="signjax player"></iframe>'


class LivePage(NamedTuple):
    """What a page says that asks for more clips, see signjax.tools.viewer."""

    notice: str = ""  # above the form
    examples: tuple[str, ...] = ()  # texts to try


def format_page(
    packed: list, fps: float | None, title: str, named: bool = False, live: LivePage | None = None
) -> str:
    """The text of a page.

    Args:
      packed: clips of `pack_panels`.
      fps: frames per second at speed 1; None for the rate of each clip.
      title: heading of the page.
      named: see `write_html`.
      live: what the page says if it asks the server it came from for more clips.

    Raises:
      ConfigError: bad fps.
    """
    if fps is not None and not 0 < fps <= 1000:
        raise ConfigError(f"fps of a page must be above 0 and at most 1000, not {fps}")
    names = [name.replace("_", " ") for name in skeleton.NAMES] if named else []
    data = {"fps": fps, "style": _list_style(), "clips": packed, "names": names}
    data |= {"live": live._asdict()} if live else {}
    scripts = ["figure.js", "tokens.js", "player.js", *(["viewer.js"] if live else [])]
    program = "\n" + "".join(map(_read_asset, scripts))
    parts = {
        "title": markup.escape(title),
        "colors": _format_css(),
        # The page's policy lets only the program with this digest run, whatever a text smuggles in.
        "digest": base64.b64encode(hashlib.sha256(program.encode()).digest()).decode(),
        # Inside <script> only "<" can end the element; ">" and "&" follow for good measure.
        "data": re.sub("[<>&]", lambda hit: f"\\u{ord(hit[0]):04x}", json.dumps(data, separators=(",", ":"))),
        "form": _read_asset("viewer.html") if live else "",
        "program": program,
        "reach": "connect-src 'self'" if live else "",
    }
    # One pass over the template: what is put in is not read again.
    return re.sub(r"\{\{(\w+)\}\}", lambda hit: parts[hit[1]], _read_asset("player.html"))


def _read_asset(name: str) -> str:
    text = importlib.resources.files("signjax.rendering").joinpath(name).read_text("utf-8")
    # Without indents and lines of comments, which are a tenth of a short clip's page.
    return re.sub("^ +(?://.*\n)?|^//.*\n", "", text, flags=re.MULTILINE)


def pack_panels(panels: shapes.Panels, note: str = "", where: str = "") -> dict:
    """What one player of a page shows.

    Args:
      panels: see signjax.rendering.shapes.Panels.
      note: a line below the text.
      where: what error messages begin with.

    Raises:
      DataError: it cannot be drawn.
    """
    figures = shapes.prepare_figures(panels, where)
    return {
        "box": shapes.compute_box(figures).tolist(),
        "note": note,
        "fps": shapes.find_rate(panels),
        "panels": [pack_figure(figure) for figure in figures],
    }


def pack_figure(figure: shapes.Figure) -> dict:
    """A figure for the page.

    Poses are int16 [T, J, 3], position = value * step around the median neck, of which each frame holds what
    it adds to the one before: low bytes, then high bytes, deflated, as base64. The error of a coordinate is
    at most step / 2, where step is STEP of the figure's unit, or more if a joint is far out. Missing joints,
    if there are any, are zero bits of `valid` (big-endian bits, [T * J]).
    """
    # Coarser where a joint lies far out, since int16 has to hold that, too.
    step = max(float(np.abs(figure.pose).max() / 32767), STEP * figure.unit)
    values = np.round(figure.pose / step).astype("<i2")
    # Differences of int16 wrap around, and so do the player's sums. They are small, so that the high bytes
    # are nearly all alike and deflate to nothing once they stand apart from the low ones.
    differences = np.diff(values, axis=0, prepend=np.zeros_like(values[:1]))
    low_and_high = differences.reshape(-1).view(np.uint8).reshape(-1, 2).T
    missing = None if figure.valid.all() else _encode_base64(np.packbits(figure.valid.reshape(-1)).tobytes())
    tokens = figure.tokens
    if tokens is not None:
        codes = np.asarray(tokens.codes).tolist()
        tokens = {"codes": codes, "stride": int(tokens.stride), "names": list(tokens.names)}
    return {
        "frames": len(figure.pose),
        "count": figure.pose.shape[1],
        "unit": figure.unit,
        "step": step,
        "poses": _encode_base64(zlib.compress(low_and_high.tobytes(), 9)),
        "valid": missing,
        "tokens": tokens,
        "caption": figure.caption,
        "title": figure.title,
    }


def _encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _list_style() -> dict:
    """The shapes of `style` as the player reads them; the colours go into CSS variables."""
    named = {"colors": list(style.COLORS), "halo": style.HALO, "points": style.POINTS}
    named |= {"parts": [part._asdict() for part in style.PARTS], "face": (style.BARE, style.BARE + 70)}
    named["rim"] = style.RIM
    # Most numbers are whole: without their ".0" a page is 2 kB smaller.
    return json.loads(
        json.dumps(named), parse_float=lambda text: int(x) if (x := float(text)) % 1 == 0 else x
    )


def _format_css() -> str:
    # Variables, so that a page follows the reader's choice of light or dark without a program.
    light = "".join(f"--{name}:{color};" for name, color in style.COLORS.items())
    dark = "".join(f"--{name}:{color};" for name, color in style.DARK.items())
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
