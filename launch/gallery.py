"""Makes docs/gallery.md and its clips: what the model that comes with signjax signs, as it comes.

Examples:
    python launch/gallery.py
    python launch/gallery.py outputs/docs

The first is what launch/reproduce.sh runs.
"""

import shutil
import sys
from pathlib import Path

import signjax
from signjax import demo, rendering
from signjax.cli import parsing
from signjax.export.sample_files import name_files
from signjax.inference.text_to_pose import TextToPose
from signjax.io import atomic
from signjax.pose import resampling

# Statements, questions, negations, numbers, and words without a sign, which are spelled.
TEXTS = (
    "hello",
    "thank you",
    "I love my family",
    "my name is Ada",
    "how are you?",
    "i am happy and you are sad",
    "we are not in Paris",
    "mother can read and write",
    "the red book is big and new",
    "three green apple",
    "my phone is two five one seven",
    "tomorrow my friend can come with your sister",
)
COLUMNS = 3
# A page with twelve clips at once should stay light: small pictures, every second frame.
SIZE = 180  # pixels
FPS = 12.5

PAGE = """# Gallery

The model that comes with signjax signs these texts. The language is [constructed](index.md): it is no real
sign language, and nobody signs it. Below each text is what a reader by rule reads in the clip, so that you
see mistakes, too. Each clip is the first that the model made (seed 0); none was chosen.

The pictures move all the time. [One page with all clips](gallery/clips.html) has a player that you can pause,
slow down and turn.

{table}

`bash launch/reproduce.sh gallery` makes this page again. To sign your own texts:

```bash
python -m signjax.sample --workdir demo --text "I love my family"
```
"""


def write_gallery(model: TextToPose, docs: Path, texts: tuple[str, ...] = TEXTS) -> Path:
    """Writes gallery.md and the folder gallery/ to the folder of the docs; returns the page."""
    folder = docs / "gallery"
    shutil.rmtree(folder, ignore_errors=True)
    clips = model.generate(list(texts), seed=0)
    cells = []
    for text, name, clip in zip(texts, name_files(texts), clips, strict=True):
        panel = rendering.Panel(resampling.resample_clip(clip, FPS), "")
        picture = rendering.write_gif(folder / f"{name}.gif", panel, size=SIZE)
        words = " ".join(demo.read_signs(clip.points)) or "nothing"
        picture_of = f'![A figure signs "{text}"](gallery/{picture.name})'
        cells.append(f"{picture_of}<br>**{text}**<br>reads: {words}")
    title = "Clips of the model that comes with signjax"
    rendering.write_html(folder / "clips.html", [[rendering.Panel(clip, "")] for clip in clips], title=title)
    return atomic.write_file(docs / "gallery.md", PAGE.format(table=_format_table(cells)).encode())


def _format_table(cells: list[str]) -> str:
    rows = [cells[k : k + COLUMNS] for k in range(0, len(cells), COLUMNS)]
    rows[-1] += [""] * (COLUMNS - len(rows[-1]))
    lines = [[""] * COLUMNS, ["---"] * COLUMNS, *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main(argv: list[str]) -> None:
    """Writes the gallery to the folder that a command line names."""
    parser = parsing.Parser(prog="python launch/gallery.py", description=__doc__)
    docs = Path(__file__).parents[1] / "docs"
    parser.add_argument("docs", nargs="?", type=Path, default=docs, help="folder of the page, default docs")
    args = parser.parse_args(argv)
    print(write_gallery(signjax.load("demo"), args.docs))


if __name__ == "__main__":
    main(sys.argv[1:])
