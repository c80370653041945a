"""Clips in other forms: for other programs, or to be shown.

    python -m signjax.tools.export outputs/hello.npz --to openpose
    python -m signjax.tools.export datasets/mine/test/clip_7 --to html

A clip is an .npz as signjax.sample writes it, or the folder of a data set's clip.
"""

import argparse
import collections
import io
import os
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from signjax import inputs, render, runtime
from signjax.data import clips, saving, variant
from signjax.errors import ConfigError, DataError, StorageError
from signjax.render import files
from signjax.tools import viz


@runtime.one_line
def main(argv: list[str] | None = None) -> int:
    """The door; returns the exit code."""
    what = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser(prog="python -m signjax.tools.export", description=what)
    parser.add_argument("clips", nargs="+", metavar="CLIP", help=".npz of signjax.sample, or a clip's folder")
    parser.add_argument("--to", required=True, choices=FORMS, help="the form")
    parser.add_argument("--out", default="outputs", help="folder for the files (default: outputs)")
    parser.add_argument("--fps", type=rate, default=25.0, help="frames per second (default: 25)")
    args = parser.parse_args(argv)
    paths = [Path(os.path.abspath(name)) for name in args.clips]  # "." has a name, too
    stems = [path.name.removesuffix(".npz") for path in paths]
    twice = [stem for stem, times in collections.Counter(stems).items() if times > 1]
    if twice:
        raise ConfigError(f"{len(paths)} clips, and more than one is named {twice[0]!r}; give one at a time")
    for path, stem in zip(paths, stems, strict=True):
        print(FORMS[args.to](Path(args.out, stem), read(path), args.fps))
    return 0


def rate(given: str) -> float:
    """A number of frames per second, for argparse."""
    found = float(given)
    if not 1 <= found <= 100:
        raise argparse.ArgumentTypeError(f"{given} is not from 1 to 100")
    return found


class Clip(NamedTuple):
    """What is exported."""

    panel: render.Panel
    name: str


def read(path: Path) -> Clip:
    """A clip.

    Raises:
      DataError: it cannot be read.
    """
    if not path.is_dir():
        return Clip(viz.saved(path), path.stem)
    try:
        text, raw = clips.read_raw(path)
    except inputs.Fault as fault:
        raise DataError(f"{path}/{fault}; give an .npz of signjax.sample, or a clip's folder") from None
    pose, valid = variant.apply(raw, variant.detect([raw]))
    return Clip(render.Panel(pose, text, valid), path.name)


def to_json(stem: Path, clip: Clip, fps: float) -> Path:
    """A folder as in a data set."""
    pose = saving.pose_json(clip.panel.pose, clip.panel.valid, fps)
    text = (clip.panel.caption or clip.name) + "\n"
    return folder(stem, {clips.TEXT: text.encode(), clips.POSE: pose})


def to_openpose(stem: Path, clip: Clip, fps: float) -> Path:
    """A folder of OpenPose's files, which say nothing of the rate."""
    del fps
    try:
        frames = saving.openpose(clip.panel.pose, clip.panel.valid)
    except DataError as error:
        raise DataError(f"{clip.name}: {error}") from None
    named = {f"{clip.name}_{k:012d}_keypoints.json": frame for k, frame in enumerate(frames)}
    return folder(stem, named)


def to_npz(stem: Path, clip: Clip, fps: float) -> Path:
    """Arrays "pose" ([T, J, 3], NaN where a joint is missing), "text", "fps", and tokens if there are."""
    panel = clip.panel
    pose = np.where(panel.valid[..., None], panel.pose, np.float32(np.nan))
    data = io.BytesIO()
    tokens = panel.tokens._asdict() if panel.tokens else {}
    np.savez(data, pose=pose, text=panel.caption, fps=fps, **tokens)
    return files.write(stem.with_name(f"{stem.name}.npz"), data.getvalue())


def to_mp4(stem: Path, clip: Clip, fps: float) -> Path:
    """A video."""
    return render.mp4(stem.with_name(f"{stem.name}.mp4"), clip.panel, fps)


def to_html(stem: Path, clip: Clip, fps: float) -> Path:
    """A page with a player."""
    title = clip.panel.caption or clip.name
    return render.html(stem.with_name(f"{stem.name}.html"), [[clip.panel]], fps, title)


FORMS = {"openpose": to_openpose, "json": to_json, "npz": to_npz, "mp4": to_mp4, "html": to_html}


def folder(place: Path, held: dict[str, bytes]) -> Path:
    """Writes a folder of files, whole or not at all.

    Raises:
      StorageError: it is there already, and files of an older clip would mix with these; or the disk refuses.
    """
    if place.exists():
        raise StorageError(f"{place}: is there already; remove it, or choose another --out")
    building = place.with_name(f".{place.name}.part")
    try:
        shutil.rmtree(building, ignore_errors=True)
        for name, data in held.items():
            files.write(building / name, data)
        os.replace(building, place)
    except OSError as error:
        raise StorageError(f"{place}: cannot be written ({error.strerror})") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return place


if __name__ == "__main__":
    sys.exit(main())
