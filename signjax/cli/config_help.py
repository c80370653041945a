"""The help of configs: what their fields mean, and which configs there are."""

import ast
import pathlib
import re
import textwrap

import ml_collections

from signjax.training import config_fields, configs

# Also of groups, whose fields may differ between configs: a field without a meaning has that of its group.
MEANING = {
    "task": "module of signjax.tasks",
    "seed": "of all random choices",
    "data.root": "folder of data sets",
    "data.name": "data set, a folder in data.root",
    "data.text": "what is read: sentence, or gloss",
    "tokenizer": "run of the tokenizer",
    "autoencoder": "run of the continuous tokenizer or planar auto-encoder",
    "window": "frames of a training window",
    "batch_size": "training windows of a step, on all devices",
    "batch_tokens": "positions of a step, in rows packed with whole clips",
    "batch_frames": "frames of a step, in rows of joined clips",
    "eval_batch_size": "clips of a batch of evaluation",
    "fold": "latents a position",
    "versions": "encodings of each training clip, of different phase and tempo",
    "tempo": "largest logarithm of their tempo",
    "text.kind": "sentence; gloss: all marks of signs are kept; auto: as data.text says",
    "text.case": "lower, turkish (ı and i apart) or keep; auto: turkish where the texts have ı or İ",
    "text.min_count": "rarer words of the training texts are spelled",
    "text.encoder": "pretrained: minilm, a folder or a hub name; empty: learned from the texts",
    "augment": "training clips are changed so",
    "augment.mirror": "chance that a clip is mirrored, left-handed",
    "augment.turn": "turns about the vertical, standard deviation in rad",
    "augment.size": "sizes, standard deviation of the logarithm",
    "augment.joins": "chance that another clip follows",
    "augment.tempo": "largest logarithm of the tempo",
    "disturb": "windows are changed so, for features that tell",
    "disturb.tempo": "largest factor of the tempo",
    "disturb.noise": "largest standard deviation of noise, neck-to-shoulder lengths",
    "disturb.smooth": "largest standard deviation of smoothing, frames",
    "soften": "training clips are made more like generated ones, at most so",
    "soften.smooth": "passes of a filter of three frames",
    "soften.noise": "standard deviation of tremble, neck-to-shoulder lengths",
    "soften.drift": "standard deviation of slow errors, neck-to-shoulder lengths",
    "layout": "streams: parts (arms and hands apart) or whole",
    "model.kind": "conv, or seed for the seed's transformer",
    "model.dim": "width of a latent",
    "model.stride": "frames a window of the encoder moves by",
    "model.width": "width of the hidden layers",
    "model.depth": "layers",
    "model.lift": "layers that find depth",
    "model.convolutions": "convolution blocks before the transformer",
    "model.text_depth": "layers that read, or write, the text",
    "model.heads": "attention heads",
    "model.mlp": "width of the feed-forward layers",
    "model.features": "numbers of a window",
    "model.noise": "standard deviation of noise on latents or features in training",
    "model.decay": "of running means of latents",
    "model.dropout": "share of hidden values left out in training",
    "model.dtype": "float32, or bfloat16 on GPU and TPU; parameters stay float32",
    "model.remat": "True: less memory, more work",
    "model.size.stride": "frames a token",
    "model.size.width": "width of the hidden layers",
    "model.size.depth": "blocks of the encoder, and of the decoder",
    "model.size.heads": "attention heads",
    "model.size.mlp": "width of the feed-forward layers",
    "model.size.dtype": "float32, or bfloat16 on GPU and TPU; codebooks stay float32",
    "quantizer.kind": "rvq, vq, fsq or kl",
    "quantizer.levels": "codes a token of each part, or latents of kl",
    "quantizer.codes": "entries of a codebook (rvq, vq)",
    "quantizer.dim": "width of a latent (rvq, vq)",
    "quantizer.decay": "of the moving sums behind codebooks",
    "quantizer.commitment": "weight of the pull of latents towards their codes",
    "quantizer.dropout": "share of examples quantized with fewer levels",
    "quantizer.revive": "a code used less than this share of the mean use is drawn anew",
    "quantizer.steps": "values of each dimension of a code (fsq)",
    "quantizer.kl": "weight of the divergence, a mean over the numbers of a latent (kl)",
    "loss": "weights of the loss",
    "loss.joints": "weight of positions",
    "loss.body": "weight of the body's positions, once more",
    "loss.hands": "weight of hands relative to their wrists",
    "loss.velocity": "weight of differences of frames",
    "loss.bones": "weight of bone lengths",
    "loss.energy": "weight of how much a window moves",
    "corrupt": "share of the past shown wrongly in training",
    "smooth": "codes over which a target is spread; of a back-translator share of it",
    "text_dropout": "share of clips trained without their text, for guidance",
    "end_weight": "weight of a clip's end in the loss",
    "length_weight": "weight of durations in the loss",
    "ctc_weight": "weight of the CTC loss",
    "ctc_share": "weight of CTC in choosing a token",
    "sampler.temperature": "0 takes the likeliest codes",
    "sampler.top_k": "only the k likeliest codes; 0 for all",
    "sampler.top_p": "only the likeliest codes of this joint probability",
    "sampler.guidance": "weight of the text; 1 is the plain model",
    "sampler.steps": "passes of a masked or flow model",
    "sampler.solver": "euler or midpoint",
    "sampler.max_tokens": "a clip ends there at the latest",
    "num_steps": "training steps in all",
    "log_every": "steps between rows of metrics.jsonl",
    "eval_every": "steps between evaluations on dev",
    "save_every": "steps between checkpoints",
    "best": "metric by which the best checkpoint is kept: the smallest, or the largest pck, right and usage",
    "optim.lr": "highest learning rate",
    "optim.warmup": "steps until it is reached",
    "optim.weight_decay": "AdamW's, on kernels alone",
    "optim.clip": "largest norm of the gradient; 0 for none",
    "optim.b2": "AdamW's decay of squared gradients",
    "optim.schedule": "cosine or constant",
    "optim.ema": "decay of averaged parameters; 0 for none",
    "mesh.shape": "devices along each axis; -1 for all that are left",
    "mesh.axes": "names of the axes: data, fsdp, tensor",
    "sharding": "rules that divide parameters, see docs/distributed.md",
}


def explain_field(name: str) -> str | None:
    """What a field such as "optim.lr" means, else the smallest group around it that has a meaning."""
    while name not in MEANING and "." in name:
        name = name.rpartition(".")[0]
    return MEANING.get(name)


def format_fields(config: ml_collections.ConfigDict) -> list[str]:
    """The lines of help on all fields: the option that sets a field, its value, and what it means."""
    lines = []
    for name, value in config_fields.flatten_fields(config).items():
        # An empty text is shown as '', which is also how a shell takes it.
        option = f"--config.{name}={str(value) or chr(39) * 2}"
        lines += textwrap.wrap(
            f"{option:<40} {explain_field(name) or ''}", 110, initial_indent="  ", subsequent_indent=" " * 43
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
