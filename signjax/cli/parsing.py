"""What the commands share: help from their docstrings, and answers to mistakes on the command line.

A command's docstring is its help: what it does in a sentence, then examples that work as they are, then more.
"""

import argparse
import math
import re
import sys
from collections.abc import Callable
from typing import NoReturn

from signjax.errors import did_you_mean

HELP = ("-h", "--help")
CHOICE = re.compile(r"invalid choice: '?(.*?)'? \(choose from (.*)\)")
UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")


class Parser(argparse.ArgumentParser):
    """argparse's parser, which says what a wrong option or choice was probably meant to be."""

    def __init__(self, *args, **options):
        # Those of subcommands are made by argparse, without a docstring.
        super().__init__(*args, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **options})

    def error(self, message: str) -> NoReturn:
        """Ends the program with a line and exit code 2."""
        super().error(message + self._suggest(message))

    def _suggest(self, message: str) -> str:
        if choice := CHOICE.search(message):
            return did_you_mean(choice[1], re.findall(r"[^\s,']+", choice[2]))
        unknown = UNKNOWN.search(message)
        return did_you_mean(unknown[1].partition("=")[0], _list_options(self)) if unknown else ""


class ShortParser(Parser):
    """The parser of the commands that have options only: a mistake is one line, without the usage."""

    exit_code = 1

    def error(self, message: str) -> NoReturn:
        """Ends the program with a line and `exit_code`."""
        print(f"error: {self._explain(message)}", file=sys.stderr)
        sys.exit(self.exit_code)

    def _explain(self, message: str) -> str:
        unknown = UNKNOWN.search(message)
        if not unknown:
            return message
        all_options = f"{self.prog} --help lists all"
        word, options = unknown[1], _list_options(self)
        if word.startswith("-"):
            name = f"--{word.partition('=')[0].lstrip('-')}"
            return f"{name}: no such option{did_you_mean(name, options, all_options)}"
        return f"{word!r}: options begin with --, as in {options[-1]}=VALUE; {all_options}"


def _list_options(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a parser and of its subcommands."""
    options = []
    for action in parser._actions:
        options += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            options += [option for one in action.choices.values() for option in _list_options(one)]
    return options


def make_parser(name: str, doc: str) -> Parser:
    """A parser for the module `name`, whose docstring is its help."""
    return Parser(prog=f"python -m {name}", **_split_help(doc))


def make_short_parser(name: str, doc: str, exit_code: int = 1) -> ShortParser:
    """A parser for a command of options, whose docstring is its help; see ShortParser."""
    prog = f"python -m {name}"
    # No abbreviations: a script that uses one would break when an option is added.
    parser = ShortParser(
        prog=prog, usage=f"{prog} [--option=VALUE ...]", allow_abbrev=False, **_split_help(doc)
    )
    parser.exit_code = exit_code
    return parser


def _split_help(doc: str) -> dict[str, str | None]:
    first, *rest = doc.strip("\n").split("\n\n")
    while rest and rest[0].startswith("    "):  # examples come before the options
        first += f"\n\n{rest.pop(0)}"
    return {"description": first, "epilog": "\n\n".join(rest) or None}


def parse_count(text: str) -> int:
    """A whole number above 0, for argparse, which makes a message of argparse.ArgumentTypeError."""
    return _parse_digits(text, 1, "a whole number above 0")


def parse_number(text: str) -> int:
    """A whole number of 0 or more, for argparse."""
    return _parse_digits(text, 0, "a whole number of 0 or more")


def _parse_digits(text: str, least: int, description: str) -> int:
    # int() alone would also accept "1_000", " 7" and digits of other scripts.
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not {description}")
    return int(text)


def make_decimal_parser(least: float, most: float = math.inf) -> Callable[[str], float]:
    """Parses numbers from `least` to `most`, for argparse."""

    def parse_decimal(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan  # which no comparison holds for
        if not least <= number <= most:
            bounds = f"{least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
            raise argparse.ArgumentTypeError(f"{text!r} is not a number {bounds}")
        return number

    return parse_decimal
