"""The options --config=NAME and --config.FIELD=VALUE, which set up a training run."""

import re
import sys
from argparse import Namespace

import ml_collections

from signjax.cli import config_help, parsing
from signjax.cli.parsing import HELP, ShortParser
from signjax.training import config_fields, configs

# Also with one dash: absl's flags, which these options once were, allow it.
OPTION = re.compile(r"--?config(?:\.([^=]*))?(?:=(.*))?", re.DOTALL)


def parse_options(
    parser: ShortParser, words: list[str] | None = None
) -> tuple[Namespace, str, ml_collections.ConfigDict]:
    """Parses a command line with --config; with --help as well it prints the fields of the config and exits.

    Args:
      parser: for the other options.
      words: the command line without the program; by default that of this process.

    Returns:
      The other options, the name or path of the config, and the config with the changes of the command line.

    Raises:
      ConfigError: there is no such config, or it has no such field, or a value does not fit.
    """
    # Not by argparse, which would need an option for every field before it is known which config it is.
    spec, changes, others = split_words(sys.argv[1:] if words is None else words)
    asks_for_help = bool(set(HELP) & set(others))
    if spec and asks_for_help:
        print_fields(parser.prog, spec)
        sys.exit(0)
    # The list is only made when it is shown, as it reads all configs.
    if asks_for_help:
        parser.epilog = "\n".join([*filter(None, [parser.epilog]), "configs:", *config_help.format_configs()])
    parsing.add_seed_option(parser, default=None, shown="that of the config")
    args = parser.parse_args(others)
    if not spec:
        parser.error("give a config, as in --config=configs/vqvae.py")
    config = configs.load_config_file(spec)
    for name, text in changes:
        config_fields.set_field(config, spec, name, text, option="--config.")
    if args.seed is not None:
        config_fields.set_field(config, spec, "seed", args.seed)
    return args, spec, config


def split_words(words: list[str]) -> tuple[str, list[tuple[str, str]], list[str]]:
    """Splits a command line: (the config, [(field, text of its value)], all other words)."""
    spec, changes, others = "", [], []
    remaining = iter(words)
    for word in remaining:
        option = OPTION.fullmatch(word)
        if not option:
            others.append(word)
            continue
        field, value = option.groups()
        # "--config NAME" as well as "--config=NAME".
        value = next(remaining, "") if value is None else value
        if field is None:
            spec = value
        else:
            changes.append((field, value))
    return spec, changes, others


def print_fields(prog: str, spec: str) -> None:
    """Prints the help of a config: its docstring, its fields and their values."""
    print(f"usage: {prog} --config={spec} [--config.FIELD=VALUE ...]\n")
    print(f"{config_help.read_docstring(configs.find_config(spec))}\n\nfields and their values:")
    print("\n".join(config_help.format_fields(configs.load_config_file(spec))))
