"""Command lines of commands that are only parsed: those of absl's flags in a process of their own.

python tests/helpers/command_help.py signjax.sample '[["--text", "hello"]]'
"""

import importlib
import json
import re
import runpy
import shlex
import subprocess
import sys

from absl import app, flags
from paths import ROOT

COMMANDS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text(encoding="utf-8")
    for path in sorted([*ROOT.glob("signjax/*.py"), *ROOT.glob("signjax/tools/*.py")])
    if 'if __name__ == "__main__"' in path.read_text(encoding="utf-8") and path.stem != "__main__"
}
FLAGS = [name for name, source in COMMANDS.items() if "app.run(" in source]
PARSERS = [name for name in COMMANDS if name not in FLAGS]


class Parsed(Exception):
    """Raised in place of what a tool would do with a line that it understands."""


def parse(name, line):
    """A tool's parser on a line; SystemExit if it is wrong."""
    from signjax.cli import parsing

    whole = parsing.Parser.parse_args

    def only(self, args):
        whole(self, args)
        raise Parsed

    parsing.Parser.parse_args = only
    try:
        importlib.import_module(name).main(line)
    except Parsed:
        return
    finally:
        parsing.Parser.parse_args = whole
    raise AssertionError(f"{name} did not parse {line}")


def ask(name, lines):
    """(exit codes of lines, None for one that parses; stdout; stderr) of a command of absl's flags."""
    command = [sys.executable, str(ROOT / "tests/helpers/command_help.py"), name, json.dumps(lines)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    shown, _, codes = done.stdout.partition("codes:")
    return json.loads(codes), shown, done.stderr


def parse_commands(text):
    """The command lines of a text, joined where they are continued: [[word, ...]]."""
    lines = re.sub(r" *\\\n *", " ", text).splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


def _answers(name, lines):
    caught, found = {}, []
    app.run = lambda main, flags_parser: caught.update(parse=flags_parser)
    sys.argv = [name]
    runpy.run_module(name, run_name="__main__")
    for line in lines:
        flags.FLAGS.unparse_flags()
        for field in [name for name in flags.FLAGS if name.startswith("config.")]:
            delattr(flags.FLAGS, field)  # a flag that ml_collections made for the line before
        sys.argv = [name, *line]
        try:
            caught["parse"](list(sys.argv))
            found.append(None)
        except SystemExit as end:
            found.append(end.code)
    return found


if __name__ == "__main__":
    print("codes:" + json.dumps(_answers(sys.argv[1], json.loads(sys.argv[2]))))
