"""Parsers of command lines: help from the docstring of a command, and suggestions for wrong options.

The docstring of a command is its help: a sentence on what it does, then examples that run as they are, then
details.
"""

import argparse
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from signjax.errors import did_you_mean
from signjax.limits import Range
from signjax.text.recover_text import recover_text

HELP = ("-h", "--help")
# argparse passes its messages to `error` as text only, so they are matched.
CHOICE = re.compile(r"invalid choice: '?(.*?)'? \(choose from (.*)\)")
UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")
NOT_IN_RANGE = re.compile(r" is not a (whole )?number from ")
# int() and float() alone would also accept "1_000", " 7", "inf" and digits of other scripts.
WHOLE = re.compile(r"[0-9]{1,30}")
DECIMAL = re.compile(r"[+-]?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})(e[+-]?[0-9]{1,4})?", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """A parser of argparse that suggests the right option or choice for a wrong one."""

    def __init__(self, *args, **options):
        # Parsers of subcommands are made by argparse, which does not pass a formatter.
        super().__init__(*args, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **options})

    def error(self, message: str) -> NoReturn:
        """Ends the program with a message and exit code 2; after the usage, but for numbers."""
        if NOT_IN_RANGE.search(message):
            print(f"error: {message}", file=sys.stderr)
            sys.exit(2)
        super().error(message + self._suggest(message))

    def _suggest(self, message: str) -> str:
        if choice := CHOICE.search(message):
            return did_you_mean(choice[1], re.findall(r"[^\s,']+", choice[2]))
        unknown = UNKNOWN.search(message)
        return did_you_mean(unknown[1].partition("=")[0], _list_options(self)) if unknown else ""


class ShortParser(Parser):
    """A parser for commands that have options only: an error is one line, without the usage."""

    exit_code = 1

    def error(self, message: str) -> NoReturn:
        """Ends the program with a line and `exit_code`."""
        # Not by argparse's own `error`, which prints the usage and exits with 2.
        print(f"error: {self._explain(message)}", file=sys.stderr)
        sys.exit(self.exit_code)

    def _explain(self, message: str) -> str:
        unknown = UNKNOWN.search(message)
        if not unknown:
            return message
        all_options = f"{self.prog} --help lists all"
        word, options = unknown[1], _list_options(self)
        # Suggested with two dashes, whatever was written.
        if word.startswith("-"):
            name = f"--{word.partition('=')[0].lstrip('-')}"
            return f"{name}: no such option{did_you_mean(name, options, all_options)}"
        return f"{word!r}: options begin with --, as in {options[-1]}=VALUE; {all_options}"


def _list_options(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a parser and of its subcommands."""
    options = []
    # argparse has no public list of them.
    for action in parser._actions:
        options += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            options += [option for one in action.choices.values() for option in _list_options(one)]
    return options


def make_parser(name: str, doc: str) -> Parser:
    """A parser for the module `name`, whose docstring is its help."""
    return Parser(prog=f"python -m {name}", **_split_help(doc))


def make_short_parser(name: str, doc: str, exit_code: int = 1) -> ShortParser:
    """A ShortParser for the module `name`, whose docstring is its help.

    Args:
      name: of the module.
      doc: its docstring.
      exit_code: after an error. A supervisor restarts a run that ends with 1.
    """
    prog = f"python -m {name}"
    # No abbreviations: a script that uses one would break when an option is added.
    parser = ShortParser(
        prog=prog, usage=f"{prog} [--option=VALUE ...]", allow_abbrev=False, **_split_help(doc)
    )
    parser.exit_code = exit_code
    return parser


def _split_help(doc: str) -> dict[str, str | None]:
    first, *rest = doc.strip("\n").split("\n\n")
    # Examples, which are indented, are shown before the options, the rest after them.
    while rest and rest[0].startswith("    "):
        first += f"\n\n{rest.pop(0)}"
    return {"description": first, "epilog": "\n\n".join(rest) or None}


def add_number(
    parser: argparse.ArgumentParser, option: str, allowed: Range, meaning: str, default=None, **more: Any
) -> None:
    """Adds an option that is a number.

    Args:
      parser: of the command.
      option: such as "--num".
      allowed: what it can be; the help says it.
      meaning: for the help.
      default: its value if it is not given.
      **more: for argparse.
    """
    shown = f"{allowed}; default: {default}" if default is not None else f"{allowed}"
    parse = make_number_parser(allowed)
    parser.add_argument(option, type=parse, default=default, help=f"{meaning} ({shown})", **more)


def make_number_parser(allowed: Range) -> Callable[[str], int | float]:
    """A parser of numbers in a range, for `type` of argparse."""

    def parse_number(text: str) -> int | float:
        form, convert = (WHOLE, int) if allowed.whole else (DECIMAL, float)
        number = convert(text) if form.fullmatch(text) else None
        if number is None or not allowed.allows(number):
            kind = "whole number" if allowed.whole else "number"
            raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a {kind} from {allowed}")
        return number

    return parse_number


def parse_text(text: str) -> str:
    """A text to sign or to look for, for `type` of argparse; see signjax.text.recover_text."""
    return recover_text(text)


def parse_seed(text: str) -> int:
    """Any whole number, for `type` of argparse."""
    # As many digits as int() takes; it would also accept "1_000", " 7" and digits of other scripts.
    if not re.fullmatch(r"[+-]?[0-9]{1,4300}", text):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not a whole number")
    return int(text)


def add_seed_option(
    parser: argparse.ArgumentParser, default: int | None = 0, shown: str = "%(default)s"
) -> None:
    """Adds --seed, which is the same in every command; `shown` says in the help what the default is."""
    seed = f"seed of all random choices; any whole number (default: {shown})"
    parser.add_argument("--seed", type=parse_seed, default=default, help=seed)
