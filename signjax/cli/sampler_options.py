"""The options of sampling and of the files to write; sampling options default to the run's config."""

import argparse
from argparse import Namespace

from signjax.cli import parsing
from signjax.errors import did_you_mean
from signjax.export.forms import SAMPLE_FORMS
from signjax.training import config_schema

OPTIONS = {
    name.partition(".")[2]: field
    for name, field in config_schema.FIELDS.items()
    if name.startswith("sampler.")
}
CONDITIONS = {"language": "sign language of the clips", "signer": "signer whose manner the clips follow"}


def add_sampler_options(parser: parsing.ShortParser) -> None:
    """Adds an option for each field that the sampler of some run has, and for what texts are signed as."""
    for name, meaning in CONDITIONS.items():
        parser.add_argument(f"--{name}", metavar="NAME", help=f"{meaning} (runs with text.conditions)")
    for name, field in OPTIONS.items():
        option, metavar = f"--{name}", name.upper()
        if field.range:
            parsing.add_number(parser, option, field.range, field.meaning, metavar=metavar)
        else:
            parser.add_argument(option, metavar=metavar, help=f"{field.meaning} ({field.describe()})")


def get_sampler_changes(args: Namespace) -> dict[str, float | int | str]:
    """The fields of the sampler that are set on the command line, and the conditions of the texts."""
    known = (*CONDITIONS, *OPTIONS)
    return {name: value for name, value in vars(args).items() if name in known and value is not None}


def parse_forms(text: str) -> tuple[str, ...]:
    """The forms of clips in "npz,gif", for `type` of argparse."""
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if name not in SAMPLE_FORMS:
            hint = did_you_mean(name, SAMPLE_FORMS, f"give some of {','.join(SAMPLE_FORMS)}")
            raise argparse.ArgumentTypeError(f"{name[:40]!r} is no form of a clip{hint}")
    return names
