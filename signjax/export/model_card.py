"""The model card of a run: what it is, what it was trained on, how to use it, and its scores.

The front matter has the fields of the Hugging Face hub (https://huggingface.co/docs/hub/model-cards).
"""

import json
import re
from pathlib import Path

import jax

from signjax import __version__
from signjax.errors import ConfigError
from signjax.evaluation import tables
from signjax.inference import contracts
from signjax.inference.text_conditions import describe_conditions
from signjax.inference.text_to_pose import TextToPose
from signjax.io import safe_read
from signjax.io.digest import digest_variables

SIGNS = "Signs texts: {body}, {fps} frames a second."
BODY = "50 joints of upper body and hands"
BODY_AND_FACE = f"{BODY} and 70 points of a face"
FAMILIES = {
    "gpt": f"{SIGNS} A GPT writes motion tokens, which the tokenizer beside it turns into poses.",
    "masked": f"{SIGNS} A masked model fills in motion tokens; the tokenizer beside it makes poses of them.",
    "flow": f"{SIGNS} A flow makes latents of poses; the auto-encoder beside it makes poses of them.",
    "vqvae": "Turns clips of {body} into motion tokens, and back.",
    "ae2d": "Turns clips of {body} into one latent per frame, and back.",
    "recognizer": "Recognises single signs in clips of {body}.",
    "backtranslate": "Reads clips of {body} back into text.",
}
# Whoever finds a model on the hub may know neither the field nor the people it concerns.
CAUTION = "- it does not replace interpreters; people who sign should judge what it signs"


def check_licence(licence: str) -> None:
    """Raises ConfigError if this is no identifier of a licence, as the Hugging Face hub has them."""
    # It goes into the front matter of the card, where another character could add fields.
    if not re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", licence):
        raise ConfigError(f"licence {licence!r} is no identifier such as apache-2.0 or cc-by-nc-4.0")


def format_card(workdir, name: str, licence: str, run: contracts.TrainedRun) -> str:
    """Formats the README.md.

    Args:
      workdir: of the run, whose evaluations are in scores-<split>/scores.json.
      name: of the model.
      licence: identifier of the Hugging Face hub, or "other".
      run: see signjax.inference.load.
    """
    task = run.config.task
    body = BODY_AND_FACE if run.codec is not None and run.codec.has_face else BODY
    fps = f"{run.codec.fps:g}" if run.codec is not None else ""
    what = FAMILIES.get(task, f"A {task} model.").format(body=body, fps=fps)
    lines = [*_format_front_matter(licence, task), "", f"# {name}", "", what, ""]
    lines += [*_describe_training(run, licence), "", "## Use", "", *_describe_use(name, run), ""]
    lines += ["## Scores", "", *_quote_scores(workdir, digest_variables(run.variables))]
    return "\n".join(lines) + "\n"


def _format_front_matter(licence: str, task: str) -> list[str]:
    """The YAML block that the hub reads."""
    tags = ["signjax", "jax", "flax", "sign-language", "pose", task]
    # The hub wants a name for a licence that is not in its list.
    named = ["license_name: not-stated"] if licence == "other" else []
    front = ["library_name: signjax", f"license: {licence}", *named, "tags:", *(f"- {tag}" for tag in tags)]
    return ["---", *front, "---"]


def _describe_training(run: contracts.TrainedRun, licence: str) -> list[str]:
    c = run.config
    size = sum(x.size for x in jax.tree.leaves(run.variables["params"]))
    stated = {"other": "not stated here: ask who shares it"}.get(licence, licence)
    lines = [
        f"- trained on: {c.data.name}, its training split, seed {c.seed}",
        f"- parameters: {size:,}; saved by signjax {__version__}",
        f"- licence: {stated}. The licence of the training data may forbid uses of the model, too.",
    ]
    encoder = "text" in c and "encoder" in c.text and c.text.encoder
    if encoder:
        lines.append(f"- text encoder: {encoder}, by others and under a licence of its own; in text.encoder/")
    if isinstance(run, TextToPose) and (known := describe_conditions(run.text_encoder.conditions)):
        lines.append(f"- signs as asked for by --language, --signer: {known}; unknown: left to the model")
    if c.data.name == "demo":
        lines.append("- the language is constructed: it is no real sign language, and nobody signs it")
    return [*lines, CAUTION]


def _describe_use(name: str, run: contracts.TrainedRun) -> list[str]:
    commands = ["pip install signjax  # or from its source"]
    if run.can_generate:
        commands.append(f'python -m signjax.sample --workdir {name} --text "hello"')
    if run.codec is not None:
        commands.append(f"python -m signjax.evaluate --workdir {name} --root datasets")
    return ["```", *commands, "```", "", f"`{name}` is this folder. `sha256sum -c SHA256SUMS` checks it."]


def _quote_scores(workdir, digest: str) -> list[str]:
    """Quotes the tables of all evaluations of the weights with this digest."""
    lines: list[str] = []
    for path in sorted(Path(workdir).glob("scores-*/scores.json")):
        try:
            scores = safe_read.read_json(path)
            # A run that was trained on since has other weights, and "predictions" are another system's clips.
            if scores.get("weights") != digest or scores.get("predictions"):
                continue
            table = tables.format_tables(scores["rows"])
            data, seed = scores["data"], scores["seed"]
            what = f"{data['name']}/{data['split']}, {data['clips']} clips, seed {seed}"
            notes = [f"- {line}" for line in scores["notes"]]
        except (safe_read.InvalidFileError, KeyError, TypeError, AttributeError, ValueError):
            continue  # not of this version; it is the run that is shared, not its evaluations
        signatures = json.dumps(scores.get("signatures", {}), sort_keys=True, ensure_ascii=False)
        lines += [f"{what}; ± is half of a 95 % bootstrap interval.", "", "```", table, "```", "", *notes, ""]
        lines += [f"<details><summary>signatures</summary>\n\n`{signatures}`\n\n</details>", ""]
    return lines or ["None: this run was not evaluated (`python -m signjax.evaluate`)."]
