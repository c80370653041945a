"""Runs one door of absl flags as a program: its help, then each of its examples, which are only parsed."""

import json
import pathlib
import runpy
import sys

from absl import app, flags

sys.path.insert(0, str(pathlib.Path(__file__).parent))


def ask(name, lines):
    """{"help": exit code, line: exit code or None for a line that parses}."""
    caught = {}
    app.run = lambda main, flags_parser: caught.update(parse=flags_parser)
    sys.argv = [name]
    runpy.run_module(name, run_name="__main__")
    found = {}
    for words in ("--help", *lines):
        flags.FLAGS.unparse_flags()
        sys.argv = [name, *([words] if words == "--help" else words)]
        try:
            caught["parse"](list(sys.argv))
            found[" ".join(sys.argv[1:])] = None
        except SystemExit as end:
            found[" ".join(sys.argv[1:])] = end.code
    return found


if __name__ == "__main__":
    codes = ask(sys.argv[1], json.loads(sys.argv[2]))
    print("codes:" + json.dumps(codes))
