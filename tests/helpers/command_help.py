"""Command lines that are only parsed, those of commands with options only in a process of their own.

python tests/helpers/command_help.py signjax.sample '[["--text", "hello"]]'
"""

import importlib
import json
import re
import shlex
import subprocess
import sys

from paths import ROOT

COMMANDS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("signjax/*.py"), *ROOT.glob("signjax/tools/*.py")])
    if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8") and path.stem != "__main__"
}
SHORT = [name for name, source in COMMANDS.items() if "make_short_parser(" in source]
PARSERS = [name for name in COMMANDS if name not in SHORT]


class Parsed(Exception):
    """Raised in place of what a command would do with a line that it understands."""


def parse(name, line):
    """None if a command understands a line, else its exit code; SystemExit if its parser ends it."""
    from signjax.cli import config_options, parsing

    place, attribute = parsing.Parser, "parse_args"
    if "config_options.parse_options(" in COMMANDS[name]:
        place, attribute = config_options, "parse_options"
    whole, module = getattr(place, attribute), importlib.import_module(name)

    def only(*arguments):
        whole(*arguments)
        raise Parsed

    setattr(place, attribute, only)
    try:
        code = module.main(line)
    except Parsed:
        return None
    finally:
        setattr(place, attribute, whole)
    assert code, f"{name} did not parse {line}"
    return code


def ask(name, lines):
    """(exit codes of lines, None for one that parses; stdout; stderr) of a command with options only."""
    command = [sys.executable, str(ROOT / "tests/helpers/command_help.py"), name, json.dumps(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    shown, _, codes = done.stdout.partition("codes:")
    return json.loads(codes), shown, done.stderr


def parse_commands(text):
    """The command lines of a text, joined where they are continued: [[word, ...]]."""
    lines = re.sub(r" *\\\n *", " ", text).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def _answers(name, lines):
    codes = []
    for line in lines:
        try:
            codes.append(parse(name, line))
        except SystemExit as end:
            codes.append(end.code)
    return codes


if __name__ == "__main__":
    print("codes:" + json.dumps(_answers(sys.argv[1], json.loads(sys.argv[2]))))
