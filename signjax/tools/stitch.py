"""Signs texts with a dictionary and writes a data set of the clips, as further training data of a generator.

    python -m signjax.tools.stitch --lexicon datasets/demo-dictionary --file texts.txt --pace_of demo
    python -m signjax.main --config=configs/gpt.py --config.data.stitched=stitched

Texts with a word that is not in the dictionary and cannot be spelled are left out; the last line names some.
"""

import sys

from signjax import limits
from signjax.cli import lexicon_options, parsing
from signjax.cli.command import run_as_command
from signjax.errors import ConfigError


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Writes the data set; returns the exit code."""
    parser = parsing.make_short_parser("signjax.tools.stitch", __doc__)
    lexicon_options.add_lexicon_options(parser)
    parser.add_argument("--file", help="file with one text per line")
    parser.add_argument("--root", default="datasets", help="folder of data sets (default: %(default)s)")
    parser.add_argument("--name", default="stitched", help="folder of this set in --root (default: stitched)")
    parsing.add_number(parser, "--num", limits.CLIPS, "clips of each text", 1)
    share = "share of a text's words that must have a sign or be spelled"
    parsing.add_number(parser, "--least", limits.Range(0, 1, whole=False), share, 1.0)
    pace = "data set in --root that is signed as fast as the clips shall be (default: as stitched)"
    parser.add_argument("--pace_of", metavar="NAME", help=pace)
    parsing.add_seed_option(parser)
    args = parser.parse_args(argv)
    from signjax.data.load import load_dataset
    from signjax.lexicon.lexicon import Lexicon
    from signjax.lexicon.training_clips import measure_pace, write_stitched_dataset
    from signjax.text.text_file import collect_texts

    arguments = lexicon_options.get_lexicon_arguments(args)
    if not arguments:
        raise ConfigError("--lexicon is missing; give the folder of a data set of single signs")
    lexicon, texts = Lexicon.from_dataset(**arguments), collect_texts([], args.file)
    pace = 1.0
    if args.pace_of:
        pace = measure_pace(lexicon, load_dataset(args.root, args.pace_of, "train"))
        print(f"{pace:.2f} times as fast as stitched")
    options = {"num": args.num, "seed": args.seed, "least": args.least, "pace": pace}
    written = write_stitched_dataset(lexicon, texts, args.root, args.name, **options)
    print(written.describe())
    return 0


if __name__ == "__main__":
    sys.exit(main())
