"""Pictures of recorded clips, starting poses, displacements and samples: a GIF and a page of each.

    python -m signjax.tools.viz text --text hello
    python -m signjax.tools.viz p0 outputs/displacements/disp_hello_*_p0.npy
    python -m signjax.tools.viz deltas outputs/displacements/templates/template_hello_*_deltas.npy
    python -m signjax.tools.viz samples outputs/hello.npz
    python -m signjax.tools.viz samples runs/gpt

An .npz with a clip is what signjax.sample writes.
"""

import dataclasses
import itertools
import sys
from pathlib import Path

import ml_collections
import numpy as np

from signjax import rendering
from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.data import load, npz_clip, phrase_search
from signjax.displacements import convert, read, write
from signjax.errors import ConfigError, DataError
from signjax.evaluation import report_files, scorecard
from signjax.inference.load import load_clip_maker
from signjax.io import safe_read
from signjax.pose.clip import Clip

SAMPLES = ".npz of signjax.sample, or the folder of a run"


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    args = _parser().parse_args(argv)
    args.run(args)
    return 0


def _parser() -> parsing.Parser:
    parser = parsing.make_parser("signjax.tools.viz", __doc__)
    commands = parser.add_subparsers(required=True, metavar="text|p0|deltas|samples")

    def command(name: str, run, what: str):
        found = commands.add_parser(name, help=what)
        found.set_defaults(run=run)
        found.add_argument("--out", default="outputs", help="folder for the files (default: outputs)")
        return found

    one = command("text", text, "recorded clips whose text is or has the given words")
    one.add_argument("--text", required=True, help="a word or words that follow one another")
    one.add_argument("--root", default="datasets", help="folder that holds data sets (default: datasets)")
    one.add_argument("--name", default="demo", help="folder of the data set (default: demo)")
    one.add_argument("--split", default="train", help="train, dev or test (default: train)")
    one.add_argument("--num", type=parsing.parse_count, default=1, help="clips at most (default: 1)")
    for name, run, what, kind in (
        ("p0", p0, "starting poses as named points", "_p0.npy, or any file of a clip or template"),
        ("deltas", deltas, "clips and templates rebuilt from displacements", ".npy or .json of one"),
        ("samples", samples, "clips that were saved, or those of a run beside recorded ones", SAMPLES),
    ):
        found = command(name, run, what)
        found.add_argument("inputs", nargs="+", metavar="FILE", help=kind)
    found.add_argument("--split", default="test", help="of a run's data: train, dev or test (default: test)")
    found.add_argument(
        "--num", type=parsing.parse_count, default=6, help="clips of a run at most (default: 6)"
    )
    return parser


def text(args) -> None:
    """Draws recorded clips: those that say nothing else come first.

    Raises:
      DataError: the split cannot be used, or no text has these words.
    """
    data = ml_collections.ConfigDict({"root": args.root, "name": args.name})
    held = load.load(data, args.split, face=True)
    how = phrase_search.choose_language(load.readable(data))
    wanted = how.tokenize(args.text)
    every = [how.tokenize(line) for line in held.texts]
    found = [i for i, tokens in enumerate(every) if phrase_search.find_phrase(tokens, wanted)]
    found = sorted(found, key=lambda i: every[i] != wanted)[: args.num]
    if not found:
        raise DataError(f"{held.label}: no text has {args.text!r}; choose other words or another --split")
    pages, stem = [], f"real_{write.slugify_word(args.text)}_{args.split}"
    for i in found:
        clip = held[i]
        panel = rendering.Panel(clip, f"recorded: {clip.sid}")
        print(rendering.write_gif(Path(args.out, f"{stem}_{clip.sid}.gif"), panel))
        pages.append([panel])
    print(rendering.write_html(Path(args.out, f"{stem}.html"), pages, title=f"{held.label}: {args.text}"))


def p0(args) -> None:
    """Draws starting poses as named points.

    Raises:
      DataError: a file cannot be read.
    """
    for path, stem in _inputs(args.inputs, "p0"):
        clip = _rebuilt(path)
        first = dataclasses.replace(clip, points=clip.points[:1], valid=clip.valid[:1])
        panel, title = rendering.Panel(first, f"starting pose: {stem}"), f"p0: {clip.text}"
        print(rendering.write_labeled_pose(Path(args.out, f"p0_{stem}.gif"), panel))
        print(rendering.write_html(Path(args.out, f"p0_{stem}.html"), [panel], title=title, named=True))


def deltas(args) -> None:
    """Draws clips and templates rebuilt from a starting pose and displacements.

    Raises:
      DataError: a file cannot be read.
    """
    for path, stem in _inputs(args.inputs, "recon"):
        clip = _rebuilt(path)
        panel = rendering.Panel(clip, f"rebuilt: {stem}")
        _draw(Path(args.out, f"recon_{stem}"), panel, f"rebuilt: {clip.text}")


def samples(args) -> None:
    """Draws saved clips, and clips of runs beside the recorded ones.

    Raises:
      DataError: a file cannot be read.
      ConfigError: a run makes no clips.
    """
    for path, stem in _inputs(args.inputs, "sample"):
        if path.is_dir():
            compare(args, path, stem)
            continue
        clip = saved(path)
        _draw(Path(args.out, f"sample_{stem}"), rendering.Panel(clip, stem), clip.text or stem)


def saved(path: Path) -> Clip:
    """A clip as signjax.sample saves it, with its text and its tokens, if it has any.

    Raises:
      DataError: it cannot be read; nothing is unpickled.
    """
    if path.suffix != ".npz":
        raise DataError(
            f"{path}: cannot be used; accepted is .npz as signjax.sample writes it (pose [T, 50, 3], "
            "or [T, 120, 3] with a face, and text), no pickle and so no .pt"
        )
    try:
        return npz_clip.read_npz(path)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}: cannot be read ({error}); sample it again") from None


def compare(args, workdir: Path, stem: str) -> None:
    """Draws clips of a run's data: recorded, reconstructed, and generated if the run signs texts.

    Raises:
      ConfigError: it makes no clips.
    """
    run = load_clip_maker(workdir)
    held = run.codec.load_split(run.config.data, args.split)
    numbers = np.unique(np.linspace(0, len(held) - 1, args.num).astype(int))
    part = [held[int(number)] for number in numbers]
    rows = {scorecard.TRUTH: part, "reconstruction": run.codec.reconstruct(part, canonical=True)}
    if run.can_generate:
        rows["generated"] = run.generate([clip.text for clip in part], canonical=True)
    readable = load.readable(run.config.data)
    pages = [
        [report_files.make_panel(name, row[k], clip.text, readable) for name, row in rows.items()]
        for k, clip in enumerate(part)
    ]
    path = Path(args.out, f"run_{stem}_{args.split}.html")
    print(rendering.write_html(path, pages, title=f"{workdir}: {held.label}"))


def _inputs(names: list[str], prefix: str) -> list[tuple[Path, str]]:
    """Paths and the stems of the files that are written for them."""
    paths = [Path(name) for name in names]
    for one, two in itertools.combinations(paths, 2):
        if one.stem == two.stem:
            both = f"{prefix}_{one.stem}.gif"
            raise ConfigError(f"{one} and {two} would both be drawn as {both}; give one at a time")
    return [(path, path.stem) for path in paths]


def _rebuilt(path: Path) -> Clip:
    """A clip or template that is written as displacements; its text is the word."""
    found, word = read.read_file(path)
    return Clip(*convert.rebuild_poses(found), text=word)


def _draw(stem: Path, panel: rendering.Panel, title: str) -> None:
    print(rendering.write_gif(stem.with_name(f"{stem.name}.gif"), panel))
    print(rendering.write_html(stem.with_name(f"{stem.name}.html"), [panel], title=title))


if __name__ == "__main__":
    sys.exit(main())
