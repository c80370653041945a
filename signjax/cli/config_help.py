"""The help of configs: what their fields mean, and which configs there are."""

import ast
import pathlib
import re
import textwrap

import ml_collections

from signjax.training import config_fields, config_schema, configs


def explain_field(name: str) -> str:
    """What a field such as "optim.lr" means and can be; "" for one of somebody's own config."""
    field = config_schema.FIELDS.get(name)
    if field is None:
        return ""
    return f"{field.meaning} ({field.describe()})" if field.range or field.choices else field.meaning


def format_fields(config: ml_collections.ConfigDict) -> list[str]:
    """The lines of help on all fields: the option that sets a field, its value, and what it means."""
    lines = []
    for name, value in config_fields.flatten_fields(config).items():
        # An empty text is shown as '', which is also how a shell takes it.
        option = f"--config.{name}={str(value) or chr(39) * 2}"
        lines += textwrap.wrap(
            f"{option:<40} {explain_field(name)}", 110, initial_indent="  ", subsequent_indent=" " * 43
        )
    return lines


def read_docstring(path: pathlib.Path) -> str:
    """The docstring of a config, which explains its variants."""
    # Parsed and not imported: help on all configs should run none of them.
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def format_configs() -> list[str]:
    """A line for each config: its name in a command, and what it trains."""
    lines = []
    for name, path in configs.list_configs().items():
        # Docstrings of configs begin with what is trained, followed by the command that trains it.
        sentence = re.split(r"(?:[.] Train)?: python", read_docstring(path).partition("\n")[0])[0]
        lines.append(f"  {configs.format_config_name(name):<28}{sentence}")
    return lines
