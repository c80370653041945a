"""The options --config=NAME and --config.FIELD=VALUE, which set up a training run."""

import re
import sys
from argparse import Namespace

import ml_collections

from signjax.cli import config_help
from signjax.cli.parsing import HELP, ShortParser
from signjax.training import config_fields, configs

OPTION = re.compile(r"--?config(?:\.([^=]*))?(?:=(.*))?", re.DOTALL)


def parse_options(
    parser: ShortParser, words: list[str] | None = None
) -> tuple[Namespace, str, ml_collections.ConfigDict]:
    """Parses a command line with --config; with --help and --config it prints the config's fields and exits.

    Args:
      parser: for the other options.
      words: the command line, without the program; None takes this process's.

    Returns:
      The other options, the name or path after --config, and the config with the fields as they are set.

    Raises:
      ConfigError: there is no such config, or it has no such field or value.
    """
    spec, changes, others = split_words(sys.argv[1:] if words is None else words)
    asks_for_help = bool(set(HELP) & set(others))
    if spec and asks_for_help:
        print_fields(parser.prog, spec)
        sys.exit(0)
    if asks_for_help:
        parser.epilog = "\n".join([*filter(None, [parser.epilog]), "configs:", *config_help.format_configs()])
    args = parser.parse_args(others)
    if not spec:
        parser.error("give a config, as in --config=configs/vqvae.py")
    config = configs.load_config_file(spec)
    for name, text in changes:
        config_fields.set_field(config, spec, name, text, option="--config.")
    return args, spec, config


def split_words(words: list[str]) -> tuple[str, list[tuple[str, str]], list[str]]:
    """(what --config says, the fields that are set and to what, all other words) of a command line."""
    spec, changes, others = "", [], []
    left = iter(words)
    for word in left:
        option = OPTION.fullmatch(word)
        if not option:
            others.append(word)
            continue
        field, value = option.groups()
        value = next(left, "") if value is None else value  # "--config NAME" as well as "--config=NAME"
        if field is None:
            spec = value
        else:
            changes.append((field, value))
    return spec, changes, others


def print_fields(prog: str, spec: str) -> None:
    """Prints the help of a config: what its docstring says, its fields and their values."""
    print(f"usage: {prog} --config={spec} [--config.FIELD=VALUE ...]\n")
    print(f"{config_help.read_docstring(configs.find_config(spec))}\n\nfields and their values:")
    print("\n".join(config_help.format_fields(configs.load_config_file(spec))))
