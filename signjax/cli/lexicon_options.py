"""The options that take a dictionary of single signs in the place of a trained run, or beside it."""

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from signjax.cli import parsing, startup
from signjax.errors import ConfigError

if TYPE_CHECKING:
    from signjax.inference.contracts import ClipGenerator

DETAILS = ("word_forms", "word_table", "speed")


def add_lexicon_options(parser: parsing.ShortParser) -> None:
    """Adds --lexicon and what is said of it."""
    lexicon = "folder of a data set of single signs, to stitch them to sentences without any training"
    parser.add_argument("--lexicon", metavar="DATASET", help=lexicon)
    forms = "of --lexicon: en, de, es or fr, to find other forms of its words, too (default: none)"
    parser.add_argument("--word_forms", metavar="LANGUAGE", help=forms)
    table = "of --lexicon: table word,gloss of further words and the entries that they are"
    parser.add_argument("--word_table", metavar="FILE", help=table)
    speed = "of --lexicon: how many times as fast as recorded (default: as fast as fluent signing)"
    parser.add_argument("--speed", type=float, metavar="N", help=speed)


def get_lexicon_arguments(args: Namespace) -> dict[str, Any] | None:
    """The arguments of `Lexicon.from_dataset` on the command line, None if there is no dictionary."""
    if not args.lexicon:
        if given := [name for name in DETAILS if getattr(args, name) is not None]:
            raise ConfigError(f"--{given[0]} says something of a dictionary; give --lexicon, too")
        return None
    details = {"word_forms": args.word_forms, "table": args.word_table, "speed": args.speed}
    return {"dataset": args.lexicon, **details}


def load_generator(args: Namespace) -> "tuple[ClipGenerator, str]":
    """What signs the texts, and its name: the dictionary, or the trained run, by default the usual one."""
    with startup.import_quickly():
        from signjax.cli.default_run import find_default_run
        from signjax.inference.load import load_text_to_pose

    if args.lexicon and args.workdir:
        raise ConfigError("a text is signed by a trained run or by --lexicon; give one of them")
    if arguments := get_lexicon_arguments(args):
        from signjax.lexicon.lexicon import Lexicon  # a trained run starts without it

        return Lexicon.from_dataset(**arguments), args.lexicon
    run = args.workdir or find_default_run()
    return load_text_to_pose(run), run
