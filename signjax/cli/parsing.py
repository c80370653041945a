"""What the commands share: help from their docstrings, options from absl's flags, answers to mistakes.

A command's docstring is its help: what it does in a sentence, then examples that work as they are, then more.
"""

import argparse
import re
import sys
from collections.abc import Callable

from absl import flags

from signjax.errors import did_you_mean

HELP = ("-h", "--help", "-help", "--helpshort", "--helpfull")
CHOICE = re.compile(r"invalid choice: '?(.*?)'? \(choose from (.*)\)")
UNKNOWN = re.compile(r"unrecognized arguments: (\S+)")


class Parser(argparse.ArgumentParser):
    """argparse's parser, which says what a wrong option or choice was probably meant to be."""

    def __init__(self, *args, **more):
        # Those of subcommands are made by argparse, without a docstring.
        super().__init__(*args, **{"formatter_class": argparse.RawDescriptionHelpFormatter, **more})

    def error(self, message: str):
        """Ends the program with a line and exit code 2."""
        super().error(message + self._hint(message))

    def _hint(self, message: str) -> str:
        if found := CHOICE.search(message):
            return did_you_mean(found[1], re.findall(r"[^\s,']+", found[2]))
        found = UNKNOWN.search(message)
        return did_you_mean(found[1].partition("=")[0], _options(self)) if found else ""


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a parser and of its subcommands."""
    found = []
    for action in parser._actions:
        found += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            found += [option for one in action.choices.values() for option in _options(one)]
    return found


def parser(name: str, doc: str) -> Parser:
    """A parser for the module `name`, whose docstring is its help."""
    first, *rest = doc.strip("\n").split("\n\n")
    while rest and rest[0].startswith("    "):  # examples come before the options
        first += f"\n\n{rest.pop(0)}"
    return Parser(prog=f"python -m {name}", description=first, epilog="\n\n".join(rest) or None)


def parse_count(text: str) -> int:
    """A whole number above 0, for argparse, which makes a message of argparse.ArgumentTypeError."""
    # int() alone would also accept "1_000", " 7" and digits of other scripts.
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def flags_parser(name: str, doc: str, fault: Callable[[Exception], str] = str, code: int = 1):
    """A parser of absl's flags for `absl.app.run`, with help and answers to mistakes as in other commands.

    Args:
      name: the module, "signjax.sample".
      doc: its docstring.
      fault: what to say of an error that is not a wrong option.
      code: exit code after a mistake.
    """

    def parse(argv: list[str]) -> list[str]:
        if set(HELP) & set(argv[1:]):
            _for_help(name, doc).print_help()
            sys.exit(0)
        lists = f"python -m {name} --help lists all"
        try:
            left = flags.FLAGS(argv)
        except flags.UnrecognizedFlagError as error:
            known = [f"--{known}" for known in own_flags()]
            wrong = f"--{error.flagname}"
            wrong += f": no such option{did_you_mean(wrong, known, lists)}"
        except (flags.Error, OSError) as error:
            wrong = fault(error)
        else:
            if len(left) == 1:
                return left
            wrong = f"{left[1]!r}: options begin with --, as in --{next(iter(own_flags()))}=VALUE; {lists}"
        print(f"error: {wrong}", file=sys.stderr)
        sys.exit(code)

    return parse


def own_flags() -> dict[str, flags.Flag]:
    """The flags of the program that runs, those of libraries left out."""
    found = flags.FLAGS.get_key_flags_for_module(sys.argv[0])
    return {flag.name: flag for flag in found}


def _for_help(name: str, doc: str) -> Parser:
    """A parser that shows absl's flags in its help, and parses nothing."""
    shown = parser(name, doc)
    shown.usage = f"python -m {name} [--option=VALUE ...]"
    for flag in own_flags().values():
        told = re.sub(r"(?s)[.]?(;\s+repeat this option.*)?$", "", flag.help[0].lower() + flag.help[1:])
        told += "" if flag.boolean or flag.default in (None, []) else f" (default: {flag.default})"
        value = {} if flag.boolean else {"metavar": flag.name.upper()}
        action = "store_true" if flag.boolean else "store"
        shown.add_argument(f"--{flag.name}", action=action, help=told.replace("%", "%%"), **value)
    return shown
