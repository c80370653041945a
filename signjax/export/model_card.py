"""The model card of a run: what it is, what it was trained on, how well it does, how it is used."""

import json
from pathlib import Path

import jax

from signjax import __version__
from signjax.evaluation import tables
from signjax.inference import contracts
from signjax.io import safe_read

SIGNS = "Signs texts: {body}, 25 frames a second."
BODY, FACED = "50 joints of upper body and hands", "50 joints of upper body and hands and 70 points of a face"
WHAT = {
    "gpt": f"{SIGNS} A GPT writes motion tokens, which the tokenizer beside it turns into poses.",
    "masked": f"{SIGNS} A masked model fills in motion tokens; the tokenizer beside it makes poses of them.",
    "flow": f"{SIGNS} A flow makes latents of poses; the auto-encoder beside it makes poses of them.",
    "vqvae": "Turns clips of {body} into motion tokens, and back.",
    "ae2d": "Turns clips of {body} into a latent a frame, and back.",
    "backtranslate": "Reads clips of {body} back into text.",
}


def text(workdir, name: str, licence: str, c, loaded, digest: str) -> str:
    """The README.md.

    Args:
      workdir: of the run, whose evaluations are in scores-<split>/scores.json.
      name: of the model.
      licence: identifier, or "other".
      c: the run's config.
      loaded: the run, see signjax.inference.load.
      digest: of its variables; only scores that were measured with them are quoted.
    """
    faces = loaded.codec is not None and loaded.codec.has_face
    what = WHAT.get(c.task, f"A {c.task} model.").format(body=FACED if faces else BODY)
    lines = [*_front(licence, c), "", f"# {name}", "", what, ""]
    lines += [*_training(c, loaded, licence), "", "## Use", "", *_use(name, loaded), "", "## Scores", ""]
    return "\n".join(lines + _scores(workdir, digest)) + "\n"


def _front(licence: str, c) -> list[str]:
    """What the hub reads."""
    tags = ["signjax", "jax", "flax", "sign-language", "pose", c.task]
    named = ["license_name: not-stated"] if licence == "other" else []
    front = ["library_name: signjax", f"license: {licence}", *named, "tags:", *(f"- {t}" for t in tags)]
    return ["---", *front, "---"]


def _training(c, loaded, licence: str) -> list[str]:
    size = sum(x.size for x in jax.tree.leaves(loaded.variables["params"]))
    stated = {"other": "not stated here: ask who shares it"}.get(licence, licence)
    lines = [
        f"- trained on: {c.data.name}, its training split, seed {c.seed}",
        f"- parameters: {size:,}; saved by signjax {__version__}",
        f"- licence: {stated}. The licence of the training data may forbid uses of the model, too.",
    ]
    encoder = "text" in c and "encoder" in c.text and c.text.encoder
    if encoder:
        lines.append(f"- text encoder: {encoder}, by others and under a licence of its own; in text.encoder/")
    if c.data.name == "demo":
        lines.append("- the language is constructed: it is no real sign language, and nobody signs it")
    return [*lines, "- it does not replace interpreters; people who sign should judge what it signs"]


def _use(name: str, loaded: contracts.TrainedRun) -> list[str]:
    commands = ["pip install signjax  # or from its source"]
    if loaded.can_generate:
        commands.append(f'python -m signjax.sample --workdir {name} --text "hello"')
    if loaded.codec is not None:
        commands.append(f"python -m signjax.evaluate --workdir {name} --root datasets")
    return ["```", *commands, "```", "", f"`{name}` is this folder. `sha256sum -c SHA256SUMS` checks it."]


def _scores(workdir, digest: str) -> list[str]:
    """The tables of all evaluations of these weights."""
    lines: list[str] = []
    for path in sorted(Path(workdir).glob("scores-*/scores.json")):
        try:
            found = safe_read.read_json(path)
            if found.get("weights") != digest or found.get("predictions"):
                continue
            table = tables.format_tables(found["rows"])
            data, seed = found["data"], found["seed"]
            what = f"{data['name']}/{data['split']}, {data['clips']} clips, seed {seed}"
            notes = [f"- {line}" for line in found["notes"]]
        except (safe_read.InvalidFileError, KeyError, TypeError, AttributeError, ValueError):
            continue  # not of this version; it is the run that is shared, not its evaluations
        signatures = json.dumps(found.get("signatures", {}), sort_keys=True, ensure_ascii=False)
        lines += [f"{what}; ± is half of a 95 % bootstrap interval.", "", "```", table, "```", "", *notes, ""]
        lines += [f"<details><summary>signatures</summary>\n\n`{signatures}`\n\n</details>", ""]
    return lines or ["None: this run was not evaluated (`python -m signjax.evaluate`)."]
