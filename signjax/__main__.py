"""Lists the commands: python -m signjax; or prints the version: python -m signjax --version."""

import ast
import pathlib
import sys

from signjax import __version__
from signjax.cli.command import run_without_jax
from signjax.errors import closest_match

HERE = pathlib.Path(__file__).parent
FIRST = ("main", "sample", "evaluate")  # what most people come for stands first


def list_commands() -> dict[str, str]:
    """What each command does in a sentence, by its module."""
    paths = {f"signjax.{name}": HERE / f"{name}.py" for name in FIRST}
    paths |= {f"signjax.tools.{path.stem}": path for path in sorted(HERE.glob("tools/[!_]*.py"))}
    # Read, not imported: importing all would take seconds.
    docstrings = {name: ast.get_docstring(ast.parse(path.read_text("utf-8"))) for name, path in paths.items()}
    return {name: (text or "").partition("\n")[0] for name, text in docstrings.items()}


@run_without_jax
def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    commands = list_commands()
    words = [word for word in argv if not word.startswith("-")]
    if words:
        modules = {name.rpartition(".")[2].strip("_"): name for name in commands}
        module = modules.get(closest_match(words[0].rpartition(".")[2], modules))
        suggestion = f"; did you mean python -m {module}?" if module else ";"
        message = f"{words[0]}: a command is a module{suggestion} python -m signjax lists them"
        print(f"error: {message}", file=sys.stderr)
        return 2
    if "--version" in argv:
        print(f"signjax {__version__}")
        return 0
    print("usage: python -m COMMAND [--help]\n\nText to sign-language pose. The commands:\n")
    for name, text in commands.items():
        print(f"  {name:<30}{text}")
    print("\nexample:\n\n    python -m signjax.tools.demo --help")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
