"""Signs texts with a trained run, and writes a GIF, a page and the pose of each.

    python -m signjax.sample --text "hello how are you"
    python -m signjax.sample --workdir runs/gpt --file texts.txt --num 3 --out outputs
    python -m signjax.sample --lexicon datasets/mine --text "hello how are you"

The first command uses the run runs/gpt. If there is none, it uses the model that comes with signjax, which
signs a constructed language and no real one. The last one joins the clips of a dictionary and needs no run.
Files are named after the texts. The defaults of the options from --temperature on are in the run's config.
"""

import sys
from pathlib import Path

from signjax import limits
from signjax.cli import lexicon_options, parsing, sampler_options, startup
from signjax.cli.command import run_as_command


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Writes the clips of each text in some forms; returns the exit code."""
    args = parse_options(argv)
    with startup.import_quickly():
        from signjax.cli.lexicon_options import load_generator
        from signjax.cli.sample_output import print_coverage, print_forms, print_frames, print_samples
        from signjax.data import load
        from signjax.export.sample_files import OVERVIEW, write_samples
        from signjax.inference import kept_programs
        from signjax.io.worker_pool import count_workers
        from signjax.text.text_file import collect_texts
    kept_programs.keep_programs()
    texts = collect_texts(args.text, args.file)
    (generator, run), sampling = load_generator(args), sampler_options.get_sampler_changes(args)
    readable = load.is_demo_data(generator.config.data)
    print_coverage(generator, texts)
    if args.stream:
        print_frames(generator, texts, args.num, args.seed, sampling, readable)
        return 0
    batches = generator.generate_batches(texts, args.num, args.seed, **sampling)
    forms, total = print_forms(args.formats, len(texts)), len(texts) * args.num
    samples = write_samples(batches, texts, args.num, args.out, run, forms, readable, count_workers(total))
    print_samples(samples, total)
    if len(texts) > 1 and "html" in forms:
        print(Path(args.out, f"{OVERVIEW}.html"))
    return 0


def parse_options(argv: list[str] | None):
    """The options of the command line."""
    parser = parsing.make_short_parser("signjax.sample", __doc__)
    run = "folder of the run (default: runs/gpt, or else the model that comes with signjax)"
    parser.add_argument("--workdir", help=run)
    lexicon_options.add_lexicon_options(parser)
    text = "what to sign; may be repeated"
    parser.add_argument("--text", type=parsing.parse_text, action="append", default=[], help=text)
    parser.add_argument("--file", help="file with one text per line")
    parsing.add_number(parser, "--num", limits.CLIPS, "clips of each text", 1)
    parsing.add_seed_option(parser)
    parser.add_argument("--out", default="outputs", help="folder for the files (default: %(default)s)")
    forms = "of npz, pose, gif, html, mp4, json, png (default: npz; for few texts also pictures, pages)"
    parser.add_argument("--formats", type=sampler_options.parse_forms, metavar="FORM,...", help=forms)
    stream = "print one JSON line per frame while it is generated, and write no files"
    parser.add_argument("--stream", action="store_true", help=stream)
    sampler_options.add_sampler_options(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
