"""Clips in other forms, and runs taken elsewhere: for other programs, or to be shared.

    python -m signjax.tools.export outputs/hello.npz --to pose
    python -m signjax.tools.export datasets/mine/test/clip_7 --to html
    python -m signjax.tools.export runs/gpt --to hub_folder --license cc-by-4.0

A clip is an .npz as signjax.sample writes it, or the folder of a data set's clip; a run is its folder.
"""

import argparse
import collections
import dataclasses
import os
import re
import sys
from pathlib import Path

from signjax import rendering
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data import clip_files, clip_writers, npz_clip, pose_layout
from signjax.errors import ConfigError, DataError
from signjax.export import compiled, hub_folder, pose_file
from signjax.inference.load import load
from signjax.io import atomic, safe_read
from signjax.pose.clip import Clip
from signjax.tools import viz


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.export", __doc__)
    what = ".npz of signjax.sample, a clip's folder, or a run"
    parser.add_argument("paths", nargs="+", metavar="CLIP|RUN", help=what)
    forms = f"of a clip: {', '.join(FORMS)}; of a run: {', '.join(RUNS)}"
    parser.add_argument("--to", required=True, choices=[*FORMS, *RUNS], metavar="FORM", help=forms)
    parser.add_argument("--out", default="outputs", help="folder for the files (default: outputs)")
    parser.add_argument("--fps", type=rate, default=25.0, help="frames per second of a clip (default: 25)")
    about = "of a hub_folder, as the Hugging Face hub names it, such as cc-by-4.0 (default: other)"
    parser.add_argument("--license", type=identifier, default="other", metavar="ID", help=about)
    args = parser.parse_args(argv)
    paths = [Path(os.path.abspath(name)) for name in args.paths]  # "." has a name, too
    stems = [path.name.removesuffix(".npz") for path in paths]
    twice = [stem for stem, times in collections.Counter(stems).items() if times > 1]
    if twice:
        raise ConfigError(f"{len(paths)} clips, and more than one is named {twice[0]!r}; give one at a time")
    for path, stem in zip(paths, stems, strict=True):
        place = Path(args.out, stem)
        if args.to in RUNS:
            print(RUNS[args.to](place, path, args.license))
        else:
            print(FORMS[args.to](place, dataclasses.replace(read(path), fps=args.fps)))
    return 0


def rate(given: str) -> float:
    """A number of frames per second, for argparse."""
    found = float(given)
    if not 1 <= found <= 100:
        raise argparse.ArgumentTypeError(f"{given} is not from 1 to 100")
    return found


def identifier(given: str) -> str:
    """A licence's identifier, for argparse."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", given):
        raise argparse.ArgumentTypeError(f"{given!r} is no identifier such as apache-2.0 or cc-by-nc-4.0")
    return given


def read(path: Path) -> Clip:
    """A clip.

    Raises:
      DataError: it cannot be read.
    """
    if Path(path, "config.json").is_file():
        raise DataError(f"{path} is a run, which has the forms {', '.join(RUNS)}; name a clip for the others")
    if not path.is_dir():
        return viz.saved(path)
    try:
        text, raw = clip_files.read_raw(path)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}/{error}; give an .npz of signjax.sample, or a clip's folder") from None
    points, valid = pose_layout.apply(raw, pose_layout.detect([raw]))
    return Clip(points, valid, text=text, sid=path.name)


def to_json(stem: Path, clip: Clip) -> Path:
    """A folder as in a data set."""
    text = (clip.text or clip.sid) + "\n"
    return atomic.write_folder(
        stem, {clip_files.TEXT: text.encode(), clip_files.POSE: clip_writers.pose_json(clip)}
    )


def to_openpose(stem: Path, clip: Clip) -> Path:
    """A folder of OpenPose's files, which say nothing of the rate."""
    frames = clip_writers.openpose(clip)
    named = {f"{clip.sid}_{k:012d}_keypoints.json": frame for k, frame in enumerate(frames)}
    return atomic.write_folder(stem, named)


def to_pose(stem: Path, clip: Clip) -> Path:
    """A file of pose-format."""
    return atomic.write_file(stem.with_name(f"{stem.name}.pose"), pose_file.of_clip(clip))


def to_npz(stem: Path, clip: Clip) -> Path:
    """The arrays of signjax.data.npz_clip."""
    return atomic.write_file(stem.with_name(f"{stem.name}.npz"), npz_clip.format_npz(clip))


def to_mp4(stem: Path, clip: Clip) -> Path:
    """A video."""
    return rendering.write_mp4(stem.with_name(f"{stem.name}.mp4"), rendering.Panel(clip, clip.sid), clip.fps)


def to_html(stem: Path, clip: Clip) -> Path:
    """A page with a player."""
    path, title = stem.with_name(f"{stem.name}.html"), clip.text or clip.sid
    return rendering.write_html(path, [rendering.Panel(clip, clip.sid)], clip.fps, title)


FORMS = {
    "pose": to_pose,
    "openpose": to_openpose,
    "json": to_json,
    "npz": to_npz,
    "mp4": to_mp4,
    "html": to_html,
}


def to_safetensors(stem: Path, run: Path, licence: str) -> Path:
    """The weights."""
    del licence
    return atomic.write_file(stem.with_name(f"{stem.name}.safetensors"), hub_folder.safetensors(run))


def to_hub_folder(stem: Path, run: Path, licence: str) -> Path:
    """All that it takes to use the run, with a model card."""
    return hub_folder.write_hub_folder(run, stem, licence)


def to_stablehlo(stem: Path, run: Path, licence: str) -> Path:
    """A folder of programs for JAX and XLA, and the vocabulary of texts if there is one."""
    del licence
    held = {f"{name}.stablehlo": compiled.stablehlo(one) for name, one in _programs(run, None)[0].items()}
    vocabulary = run / "text.json"
    if "write.stablehlo" in held and vocabulary.is_file():
        held[vocabulary.name] = safe_read.read_bytes(vocabulary)
    return atomic.write_folder(stem.with_name(f"{stem.name}-stablehlo"), held)


def to_onnx(stem: Path, run: Path, licence: str) -> Path:
    """A folder of ONNX models: the tokenizer's decoder, and its encoder, for one clip of a size."""
    del licence
    sized, free = _programs(run, compiled.ONE, None)
    chosen = {"encode": sized["encode"], "decode": free["decode"]}
    held = {f"{name}.onnx": compiled.onnx(name, one) for name, one in chosen.items()}
    return atomic.write_folder(stem.with_name(f"{stem.name}-onnx"), held)


def _programs(run: Path, *sizes) -> list[dict[str, compiled.Program]]:
    loaded = load(run)
    return [compiled.of(loaded, size) for size in sizes]


RUNS = {
    "safetensors": to_safetensors,
    "onnx": to_onnx,
    "stablehlo": to_stablehlo,
    "hub_folder": to_hub_folder,
}


if __name__ == "__main__":
    sys.exit(main())
