"""The HTML player: one file with poses, style and program inside, which plays from disk."""

import base64
import html as markup
import importlib.resources
import json
import pathlib
import re

import numpy as np

from signjax import skeleton
from signjax.errors import ConfigError, DataError
from signjax.render import figure as figures_
from signjax.render import files, style


def html(path, clips, fps: float = 25, title: str = "signjax", named: bool = False) -> pathlib.Path:
    """Writes a page with a player for each clip: play, pause, scrub, speed, turn; no request leaves it.

    Args:
      path: the file to write; its folders are made.
      clips: list of clips, a clip being a list of Panel (or one Panel) shown side by side.
      fps: frames per second at speed 1.
      title: heading of the page.
      named: joints are points, the body's with their names, the hands' where the pointer is.

    Poses are embedded as int16 (`pack`), about 0.4 kB a frame and panel.

    Raises:
      DataError: no clip or a clip that cannot be drawn; ConfigError: bad fps; StorageError: not writable.
    """
    if not 0 < fps <= 1000:
        raise ConfigError(f"fps of a page must be above 0 and at most 1000, not {fps}")
    if isinstance(clips, figures_.Panel) or not len(clips):
        raise DataError("a page needs a list of at least one clip, each a list of panels")
    packed = [_clip(figures_.prepare(panels, f"clip {k}, ")) for k, panels in enumerate(clips)]
    names = [name.replace("_", " ") for name in skeleton.NAMES] if named else []
    data = {"fps": fps, "style": _style(), "clips": packed, "names": names}
    parts = {
        "title": markup.escape(title),
        "colors": _css(),
        # Inside <script> only "<" can end the element; ">" and "&" follow for good measure.
        "data": re.sub("[<>&]", lambda hit: f"\\u{ord(hit[0]):04x}", json.dumps(data, separators=(",", ":"))),
    }
    template = importlib.resources.files("signjax.render").joinpath("player.html").read_text("utf-8")
    # One pass over the template: what is put in is not read again.
    page = re.sub(r"\{\{(\w+)\}\}", lambda hit: parts[hit[1]], template)
    return files.write(path, page.encode("utf-8", "replace"))


def _clip(figures) -> dict:
    return {"box": figures_.frame_box(figures).tolist(), "panels": [pack(figure) for figure in figures]}


def pack(figure: figures_.Figure) -> dict:
    """A figure for the page: poses as base64 of little-endian int16 [T, 50, 3], own = value * step.

    The origin is the median neck, and the error of a coordinate at most step / 2, where step is the largest
    distance along an axis / 32767 (for a signer 1 m tall on screen about 0.02 mm). Missing joints, if there
    are any, are zero bits of `valid` (big-endian bits, [T * 50]).
    """
    step = float(np.abs(figure.pose).max() / 32767) or 1.0
    values = np.round(figure.pose / step).astype("<i2")
    missing = None if figure.valid.all() else _base64(np.packbits(figure.valid.reshape(-1)))
    return {
        "frames": len(figure.pose),
        "unit": figure.unit,
        "step": step,
        "poses": _base64(values),
        "valid": missing,
        "caption": figure.caption,
        "title": figure.title,
    }


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def _style() -> dict:
    """The shapes of `style` as the player reads them; the colours go into CSS variables."""
    parts = [
        {"depth": p.depth, "bias": p.bias, "bones": p.bones, "faces": p.faces, "color": p.color}
        for p in style.PARTS
    ]
    return {"colors": list(style.COLORS), "halo": style.HALO, "points": style.POINTS, "parts": parts}


def _css() -> str:
    light = "".join(f"--{name}:{color};" for name, color in style.COLORS.items())
    dark = "".join(f"--{name}:{color};" for name, color in style.DARK.items())
    return f":root{{{light}}}\n@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
