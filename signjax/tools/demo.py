"""Writes the demo set, clips of a constructed language that is no real sign language.

    python -m signjax.tools.demo
    python -m signjax.tools.demo --name small --train 200 --dev 20 --test 20

The clips go to datasets/demo, or --root and --name; a set that is there already is left alone.
"""

import os
import sys
import time
from pathlib import Path

from absl import app, flags

from signjax import demo
from signjax.cli import parsing
from signjax.demo import dataset
from signjax.errors import SignjaxError
from signjax.io import progress

_ROOT = flags.DEFINE_string("root", "datasets", "Folder of data sets.")
_NAME = flags.DEFINE_string("name", "demo", "Folder of this set, below --root.")
_SEED = flags.DEFINE_integer("seed", 0, "Seed of texts, signers and motion.", lower_bound=0)
_SIZES = [
    flags.DEFINE_integer(split, size, f"Clips in {split}.", lower_bound=1)
    for split, size in (("train", 2000), ("dev", 200), ("test", 200))
]


def _show(done: int, total: int) -> None:
    line = f"{done} of {total} clips"
    if done == total or (done % 500 == 0 and not progress.terminal(sys.stderr)):
        progress.clear(sys.stderr)
        print(line, file=sys.stderr, flush=True)
    else:
        progress.draw(sys.stderr, done, total, line)


def main(argv: list[str]) -> None:
    """Writes the set the flags describe, or says that it is there already."""
    del argv
    sizes = tuple(flag.value for flag in _SIZES)
    place = Path(_ROOT.value) / _NAME.value
    try:
        record = {"language": dataset.LANGUAGE_VERSION, "seed": _SEED.value, "sizes": list(sizes)}
        if dataset.is_written(place, record):
            print(f"{place} is up to date: nothing to do")
            return
        start = time.monotonic()
        workers = min(os.cpu_count() or 1, 8)
        demo.write_dataset(_ROOT.value, _NAME.value, _SEED.value, sizes, workers=workers, progress=_show)
    except SignjaxError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    print(f"{place}: {sum(sizes)} clips of a constructed language in {time.monotonic() - start:.1f} s")


if __name__ == "__main__":
    app.run(main, flags_parser=parsing.flags_parser("signjax.tools.demo", __doc__))
