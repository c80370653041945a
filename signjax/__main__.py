"""Says which commands there are: python -m signjax."""

import ast
import pathlib
import sys

from signjax.errors import closest_match

HERE = pathlib.Path(__file__).parent
USUAL = ("main", "sample", "evaluate")


def commands() -> dict[str, str]:
    """What each command does in a sentence, by its module."""
    found = {f"signjax.{name}": HERE / f"{name}.py" for name in USUAL}
    found |= {f"signjax.tools.{path.stem}": path for path in sorted(HERE.glob("tools/[!_]*.py"))}
    texts = {name: ast.get_docstring(ast.parse(path.read_text("utf-8"))) for name, path in found.items()}
    return {name: text.partition("\n")[0] for name, text in texts.items()}


def main(argv: list[str]) -> int:
    """Runs the command; returns the exit code."""
    known = commands()
    wrong = [word for word in argv if not word.startswith("-")]
    if wrong:
        short = {name.rpartition(".")[2].strip("_"): name for name in known}
        near = short.get(closest_match(wrong[0].rpartition(".")[2], short))
        said = f"; did you mean python -m {near}?" if near else ""
        print(f"error: {wrong[0]}: a command is a module{said} python -m signjax lists them", file=sys.stderr)
        return 2
    print("usage: python -m COMMAND [--help]\n\nText to sign-language pose. The commands:\n")
    for name, text in known.items():
        print(f"  {name:<30}{text}")
    print("\nexample:\n\n    python -m signjax.tools.demo --help")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
