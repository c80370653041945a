"""The options that change how a run samples; by default it samples as its config says."""

from argparse import Namespace

from signjax.cli.parsing import ShortParser, make_decimal_parser, parse_count, parse_number

OPTIONS = {
    "temperature": (make_decimal_parser(0), "0 takes the likeliest codes"),
    "top_k": (parse_number, "only the k likeliest codes; 0 for all"),
    "top_p": (make_decimal_parser(0, 1), "only the likeliest codes of this joint probability"),
    "repetition": (make_decimal_parser(1), "penalty on a stream's used codes; 1 for none"),
    "guidance": (make_decimal_parser(0), "weight of the text; 1 is the plain model"),
    "min_tokens": (parse_count, "a clip does not end before"),
    "max_tokens": (parse_count, "a clip ends there at the latest"),
    "steps": (parse_count, "passes of a masked or flow model"),
    "solver": (str, "of a flow: euler or midpoint"),
}


def add_sampler_options(parser: ShortParser) -> None:
    """Adds an option for each field that the sampler of some run has."""
    for name, (parse, meaning) in OPTIONS.items():
        parser.add_argument(f"--{name}", type=parse, metavar=name.upper(), help=meaning)


def get_sampler_changes(args: Namespace) -> dict[str, float | int | str]:
    """The fields of the sampler that are set on the command line."""
    return {name: value for name, value in vars(args).items() if name in OPTIONS and value is not None}
