"""Signs texts with a trained run: a GIF, a page and the pose of each.

    python -m signjax.sample --text "hello how are you"
    python -m signjax.sample --workdir runs/gpt --file texts.txt --num 3 --out outputs

The files are named after the texts. Options of the sampler that are not given are as in the run's config.
"""

import collections
import itertools
import json
import pathlib
import re
import sys
import time
import unicodedata

from signjax import demo, rendering
from signjax.cli import parsing, sampler_options
from signjax.cli.command import run_as_command
from signjax.data import load, npz_clip
from signjax.errors import ConfigError, DataError
from signjax.inference import text_batches
from signjax.inference.load import load_text_to_pose
from signjax.inference.text_to_pose import TextToPose
from signjax.io import atomic, progress, safe_read
from signjax.pose.clip import Clip
from signjax.training import checkpoint, metric_writer, process

MOST = 1 << 20  # bytes of a file of texts
ALL, SHOWN = "clips", 100  # name of the page of all texts, and how many it has at most


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Writes GIF, MP4 (with the video extra), NPZ and a page of each text's clips; returns the exit code."""
    args = parse_options(argv)
    process.enable_compile_cache()
    texts = read_texts(args.text, args.file)
    workdir = args.workdir or default_run()
    generator = load_text_to_pose(workdir)
    changes = sampler_options.get_sampler_changes(args)
    if args.stream:
        return stream(generator, workdir, texts, changes, args)
    begun, done, names, waiting = time.monotonic(), 0, unique_names(texts), collections.defaultdict(dict)
    wanted, out, shown = len(texts) * args.num, pathlib.Path(args.out), {}
    generated = generator.generate_batches(texts, args.num, args.seed, **changes)
    for places, clips in generated:  # each text's files are written as soon as it is signed
        progress.clear_bar(sys.stdout)
        for place, clip in zip(places.tolist(), clips, strict=True):
            k = place // args.num
            waiting[k][place] = clip
            if len(waiting[k]) == args.num:
                own = [clip for _, clip in sorted(waiting.pop(k).items())]
                panels = write(out, names[k], texts[k], own, generator.config)
                shown |= {k: panels} if k < SHOWN else {}
        done += len(clips)
        took = time.monotonic() - begun
        left = "" if done == wanted else f", {metric_writer.clock(took / done * (wanted - done))} left"
        said = f"{done}/{wanted} clip(s) in {took:.1f} s, compilation included{left}"
        if left and progress.is_terminal(sys.stdout):
            progress.draw_bar(sys.stdout, done, wanted, said)
        else:
            print(said, flush=True)
    if len(texts) > 1:
        print(rendering.html(out / f"{ALL}.html", [shown[k] for k in sorted(shown)], title=workdir))
    return 0


def parse_options(argv: list[str] | None):
    """The options of the command line."""
    parser = parsing.make_short_parser("signjax.sample", __doc__)
    parser.add_argument("--workdir", help="folder of the run (default: runs/gpt or runs/gpt-quick)")
    parser.add_argument("--text", action="append", default=[], help="what to sign; may be repeated")
    parser.add_argument("--file", help="file with a text a line")
    parser.add_argument("--num", type=parsing.parse_count, default=1, help="clips of each text (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="decides all random choices (default: 0)")
    parser.add_argument("--out", default="outputs", help="folder for the files (default: %(default)s)")
    stream_help = "instead of files: a JSON line a frame, as it is generated"
    parser.add_argument("--stream", action="store_true", help=stream_help)
    sampler_options.add_sampler_options(parser)
    return parser.parse_args(argv)


def default_run() -> str:
    """runs/gpt, or runs/gpt-quick, and a line that says so, if only that has a trained model."""
    usual, quick = "runs/gpt", "runs/gpt-quick"

    def trained(run):
        return any(checkpoint.last_step(run, which) is not None for which in ("best", "latest"))

    if trained(usual) or not trained(quick):
        return usual
    print(f"No trained model in {usual}; using {quick}")
    return quick


def read_texts(texts: list[str], file: str | None) -> list[str]:
    """The texts of the flags and of the file's lines.

    Raises:
      DataError: there are none, or the file cannot be read.
    """
    found = [("--text", text) for text in texts]
    if file:
        try:
            lines = safe_read.read_bytes(file, MOST).decode("utf-8-sig").splitlines()
        except (safe_read.InvalidFileError, UnicodeDecodeError) as e:
            raise DataError(f"{file}: cannot be read ({e}); give a UTF-8 file with a text a line") from None
        found += [(file, line) for line in lines]
    for place, text in found:
        if len(text) > text_batches.LONGEST_TEXT:
            size = f"{len(text):,} characters, more than {text_batches.LONGEST_TEXT:,}"
            raise DataError(f"{place}: the text {text[:40]!r}... has {size}; make it several texts")
    texts = [text.strip() for _, text in found if text.strip()]
    if not texts:
        raise DataError('nothing to sign; give --text "hello" or --file texts.txt with a text a line')
    return texts


def unique_names(texts: list[str]) -> list[str]:
    """File names: the text's letters and digits joined by "-", numbered where two would be the same."""
    names, taken = [], {ALL}
    for text in texts:
        plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
        stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60] or "clip"
        name, number = stem, 1
        while name in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name)
        names.append(name)
    return names


def stream(generator: TextToPose, workdir: str, texts: list[str], sampling: dict, args) -> int:
    """Prints {"text", "frame", "pose": 50 or 120 x 3} for each frame as soon as it is certain.

    Raises:
      ConfigError: the run signs whole clips only.
    """
    if not generator.can_stream or args.num > 1:
        raise ConfigError(f"{workdir}: --stream takes a gpt run and --num 1; other models sign whole clips")
    for text in texts:
        parts = generator.stream(text, args.seed, **sampling)
        for k, frame in enumerate(itertools.chain.from_iterable(part.points for part in parts)):
            pose = frame.astype(float).round(5).tolist()
            print(json.dumps({"text": text, "frame": k, "pose": pose}, ensure_ascii=False), flush=True)
    return 0


def write(folder: pathlib.Path, name: str, text: str, clips: list[Clip], c) -> list[rendering.Panel]:
    """Writes a text's clips; says where, and what they say if that can be read.

    Args:
      folder: where to.
      name: of the files.
      text: what is signed.
      clips: of the text.
      c: the run's config.

    Returns:
      The clips as they were drawn.
    """
    panels = []
    for k, clip in enumerate(clips):
        panels.append(rendering.Panel(clip, f"sample {k + 1}" if len(clips) > 1 else ""))
        stem = folder / (f"{name}_{k + 1}" if len(clips) > 1 else name)
        written = [rendering.gif(f"{stem}.gif", panels[k])]
        if rendering.has_video():
            written.append(rendering.mp4(f"{stem}.mp4", panels[k]))
        written.append(atomic.write_file(f"{stem}.npz", npz_clip.format_npz(clip)))
        said = (
            f"  reads: {' '.join(demo.read_signs(clip.points)) or '(nothing)'}"
            if load.readable(c.data)
            else ""
        )
        print(f"{', '.join(map(str, written))}{said}")
    print(rendering.html(folder / f"{name}.html", [[panel] for panel in panels], title=text))
    return panels


if __name__ == "__main__":
    sys.exit(main())
