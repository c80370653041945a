"""The schema of configs: the fields of each task, and what each field means and can be.

The help of configs, the checks of a training (signjax.training.config_rules) and of saved configs, and the
options of samplers are made from it. Every number but the seed has an upper bound, far beyond what anybody
trains: a config may come from a stranger, and must neither hang nor ask for memory without end.

A config of a task that is not listed here is somebody's own: only the fields of RUN are checked. Fields
beside the known ones may be added to any config, by names of their own or in groups of their own; in a group
that is known, all fields are.
"""

import functools
from typing import Any, NamedTuple

from signjax.errors import ConfigError, did_you_mean
from signjax.limits import BELOW_ONE, STEPS, TOKENS, Range, show_value
from signjax.text import conditions

MAX_TEXT = 4096  # characters of a text, as of a path
MAX_ITEMS = 1024  # of a list, with those of lists in it


class Field(NamedTuple):
    """A field of configs.

    Attributes:
      kind: bool, int, float, str or tuple.
      meaning: for the help.
      range: of a number.
      choices: of a text, or of the texts of a tuple, () for any.
      items: what a tuple can have in it.
      before: what older configs meant, which lack the field; None if all have it.
    """

    kind: type
    meaning: str
    range: Range | None = None
    choices: tuple[str, ...] = ()
    items: tuple[type, ...] = ()
    before: str | tuple | None = None

    def describe(self) -> str:
        """What the field can be, such as "1 to 100"."""
        if self.range:
            return f"{'whole numbers, ' if self.kind is int else ''}{self.range}"
        if self.choices and self.kind is tuple:
            return f"some of {', '.join(self.choices)}, each once"
        if self.choices:
            return " or ".join(self.choices)
        return {bool: "true or false", int: "any whole number", str: "a text", tuple: "a list"}[self.kind]

    def allows(self, value: Any) -> bool:
        """Whether the field can have a value."""
        if self.range:
            return self.range.allows(value)
        if self.kind is tuple:
            is_list = isinstance(value, tuple | list)
            return is_list and self._allows_items(value) and self._allows_choices(value)
        if type(value) is not self.kind:
            return False
        return (
            not isinstance(value, str)
            or (not self.choices and len(value) <= MAX_TEXT)
            or value in self.choices
        )

    def _allows_choices(self, value) -> bool:
        # In this order: a list in a list has no hash.
        known = all(x in self.choices for x in value)
        return not self.choices or (known and len(set(value)) == len(value))

    def _allows_items(self, value) -> bool:
        level, count = list(value), 0
        while level:
            count += len(level)
            lists = [x for x in level if isinstance(x, tuple | list)]
            # type and not isinstance: True is an int for Python.
            if count > MAX_ITEMS or not all(type(x) in self.items for x in level if not isinstance(x, list)):
                return False
            level = [x for items in lists for x in items]
        return True


def _whole(least: int, largest: int, meaning: str) -> Field:
    return Field(int, meaning, Range(least, largest))


def _real(least: float, largest: float, meaning: str) -> Field:
    return Field(float, meaning, Range(least, largest, whole=False))


def _choice(meaning: str, *choices: str, before: str | None = None) -> Field:
    return Field(str, meaning, choices=choices, before=before)


_DTYPES = ("float32", "bfloat16")
_WIDTH, _DEPTH, _BATCH = 16_384, 128, 1 << 24

FIELDS = {
    "task": Field(str, "module of signjax.tasks"),
    "seed": Field(int, "seed of all random choices"),
    "data.root": Field(str, "folder of data sets"),
    "data.name": Field(str, "data set, a folder in data.root"),
    "data.text": _choice("texts that the model reads", "sentence", "gloss", before="sentence"),
    "data.stitched": Field(str, "data set whose training clips are added; see docs/dictionary.md", before=""),
    "tokenizer": Field(str, "run of the tokenizer"),
    "autoencoder": Field(str, "run of the continuous tokenizer or planar auto-encoder"),
    "window": _whole(1, 1 << 16, "frames of a training window"),
    "batch_size": _whole(1, _BATCH, "training windows in a step, on all devices"),
    "batch_tokens": _whole(1, _BATCH, "positions in a step, in rows packed with whole clips"),
    "batch_frames": _whole(1, _BATCH, "frames in a step, in rows of joined clips"),
    "eval_batch_size": _whole(1, 1 << 16, "clips in a batch of evaluation"),
    "fold": _whole(1, 64, "latents in a position"),
    "versions": _whole(1, 1024, "encodings of each training clip, with different phase and tempo"),
    "tempo": _real(0, 2, "largest logarithm of the tempo of the encodings, see versions"),
    "text.kind": _choice(
        "gloss: keeps all marks of glosses; auto: as data.text says",
        "auto",
        "sentence",
        "gloss",
        before="auto",
    ),
    "text.case": _choice(
        "turkish: ı and i are two letters; auto: turkish if the texts have ı or İ",
        *("auto", "lower", "turkish", "keep"),
        before="auto",
    ),
    "text.min_count": _whole(0, 10**9, "words that are rarer in the training texts are spelled"),
    "text.conditions": Field(
        tuple,
        "what is read of each clip before its text, and can be chosen when texts are signed",
        choices=conditions.NAMES,
        items=(str,),
        before=(),
    ),
    "text.encoder": Field(str, "pretrained encoder: minilm, a folder or a hub name; empty for none"),
    "augment.mirror": _real(0, 1, "probability that a clip is mirrored, as if left-handed"),
    "augment.turn": _real(0, 10, "standard deviation of turns about the vertical, in rad"),
    "augment.size": _real(0, 2, "standard deviation of the logarithm of sizes"),
    "augment.drop": _real(0, 1, "probability of each hand that it is missing for a while"),
    "augment.garbage": _real(0, BELOW_ONE, "share of clips that are made no sign"),
    "augment.joins": _real(0, 1, "probability that another clip follows"),
    "augment.tempo": _real(0, 2, "largest logarithm of the tempo"),
    "augment.signer.mirror": _real(0, 1, "probability that a clip is mirrored, as if left-handed"),
    "augment.signer.turn": _real(0, 10, "standard deviation of turns about the vertical, in rad"),
    "augment.signer.size": _real(0, 2, "standard deviation of the logarithm of sizes"),
    "disturb.tempo": _real(1, 16, "largest factor of the tempo, so that features recognise other motion"),
    "disturb.noise": _real(0, 100, "largest standard deviation of noise, in neck-to-shoulder lengths"),
    "disturb.smooth": _real(0, 100, "largest standard deviation of smoothing, in frames"),
    "soften.smooth": _whole(0, 100, "largest number of passes of a filter of three frames"),
    "soften.noise": _real(0, 100, "largest standard deviation of jitter, in neck-to-shoulder lengths"),
    "soften.drift": _real(0, 100, "largest standard deviation of slow errors, in neck-to-shoulder lengths"),
    "layout": _choice(
        "parts: a stream for each arm and hand; whole: one for all",
        "parts",
        "whole",
        "parts+face",
        "whole+face",
    ),
    "model.kind": _choice("seed: the transformer of the original project", "conv", "seed"),
    "model.dim": _whole(1, 100, "width of a latent"),
    "model.stride": _whole(1, 64, "frames between two windows of the encoder"),
    "model.width": _whole(1, _WIDTH, "width of the hidden layers"),
    "model.depth": _whole(0, _DEPTH, "layers"),
    "model.lift": _whole(0, _DEPTH, "layers that predict depth"),
    "model.convolutions": _whole(0, _DEPTH, "convolution blocks before the transformer"),
    "model.text_depth": _whole(0, _DEPTH, "layers that read or write the text"),
    "model.heads": _whole(1, 1024, "attention heads"),
    "model.mlp": _whole(1, 4 * _WIDTH, "width of the feed-forward layers"),
    "model.members": _whole(1, 64, "models whose probabilities are averaged"),
    "model.features": _whole(1, 4096, "features of a window"),
    "model.noise": _real(0, 100, "standard deviation of noise on latents or features in training"),
    "model.decay": _real(0, BELOW_ONE, "decay of the running means of latents"),
    "model.dropout": _real(0, BELOW_ONE, "share of hidden values that are set to 0 in training"),
    "model.dtype": _choice("type of values: bfloat16 for GPU and TPU; parameters stay float32", *_DTYPES),
    "model.remat": Field(bool, "True: computes layers again for gradients, for less memory"),
    "model.size.stride": _whole(1, 64, "frames in a token"),
    "model.size.width": _whole(1, _WIDTH, "width of the hidden layers"),
    "model.size.depth": _whole(0, _DEPTH, "blocks of the encoder, and of the decoder"),
    "model.size.heads": _whole(1, 1024, "attention heads"),
    "model.size.mlp": _whole(1, 4 * _WIDTH, "width of the feed-forward layers"),
    "model.size.dtype": _choice("type of values: bfloat16 for GPU and TPU; codebooks stay float32", *_DTYPES),
    "model.size.original": Field(bool, "True: weights of the original project, see signjax.tools.from_seed"),
    # Any text: somebody may add one, see docs/quantizers.md.
    "quantizer.kind": Field(str, "rvq, vq, fsq or kl"),
    "quantizer.levels.arm": _whole(0, 4096, "codes in a token of an arm, or latents of kl"),
    "quantizer.levels.hand": _whole(0, 4096, "codes in a token of a hand, or latents of kl"),
    "quantizer.levels.whole": _whole(0, 4096, "codes in a token of the whole body, or latents of kl"),
    "quantizer.levels.face": _whole(
        0, 4096, "codes in a token of the face or of half of it, or latents of kl"
    ),
    # Codes are stored in 16 bits.
    "quantizer.codes": _whole(1, 1 << 15, "entries of a codebook (rvq, vq)"),
    "quantizer.dim": _whole(1, 1 << 15, "width of a latent (rvq, vq)"),
    "quantizer.decay": _real(0, BELOW_ONE, "decay of the moving sums of codebooks"),
    "quantizer.commitment": _real(0, 1e6, "weight of the commitment loss: latents near their codes"),
    "quantizer.dropout": _real(0, 1, "share of examples that are quantized with fewer levels"),
    "quantizer.revive": _real(0, 1, "a code that is used less than this share of the mean use is replaced"),
    "quantizer.steps": Field(tuple, "values of each dimension of a code (fsq)", items=(int,)),
    "quantizer.kl": _real(0, 1e6, "weight of the divergence, a mean over the numbers of a latent (kl)"),
    "loss.joints": _real(0, 1e6, "weight of positions"),
    "loss.body": _real(0, 1e6, "additional weight of the positions of the body"),
    "loss.hands": _real(0, 1e6, "weight of hands relative to their wrists"),
    "loss.velocity": _real(0, 1e6, "weight of the differences between frames"),
    "loss.bones": _real(0, 1e6, "weight of bone lengths"),
    "loss.face": _real(0, 1e6, "weight of the face relative to the nose"),
    "loss.energy": _real(0, 1e6, "weight of how much a window moves"),
    # Each row has a rate between 0 and twice this.
    "corrupt": _real(0, 0.5, "mean share of wrong tokens in the input of training"),
    "smooth": _real(0, 1 << 15, "number of codes that share a target; for readers label smoothing"),
    "text_dropout": _real(0, 1, "share of clips that are trained without their text, for guidance"),
    "end_weight": _real(0, 1e6, "weight of a clip's end in the loss"),
    "length_weight": _real(0, 1e6, "weight of durations in the loss"),
    "ctc_weight": _real(0, 1e6, "weight of the CTC loss"),
    "ctc_share": _real(0, 1, "weight of CTC in the choice of a token"),
    "sampler.temperature": _real(0, 100, "temperature; 0 takes the most likely codes"),
    "sampler.top_k": _whole(0, 1 << 15, "sample from the k most likely codes; 0 for all"),
    "sampler.top_p": _real(0, 1, "sample from the most likely codes with this total probability"),
    "sampler.repetition": _real(1, 100, "penalty for codes that a stream has used; 1 for none"),
    "sampler.guidance": _real(0, 100, "weight of the text; 1 for no guidance"),
    "sampler.steps": _whole(1, 1000, "number of passes of a masked or flow model"),
    "sampler.solver": _choice("solver of a flow", "euler", "midpoint"),
    "sampler.min_tokens": Field(int, "smallest number of tokens of a clip", TOKENS),
    "sampler.max_tokens": Field(int, "largest number of tokens of a clip", TOKENS),
    "num_steps": Field(int, "total number of training steps", STEPS),
    "log_every": Field(int, "steps between rows of metrics.jsonl", STEPS),
    "eval_every": Field(int, "steps between evaluations on dev", STEPS),
    "save_every": Field(int, "steps between checkpoints", STEPS),
    "best": Field(
        str,
        "metric of the best checkpoint; smallest is best, largest for pck, right and usage",
    ),
    "optim.lr": _real(0, 100, "highest learning rate"),
    "optim.warmup": _whole(0, 10**9, "steps until the highest learning rate"),
    "optim.weight_decay": _real(0, 100, "weight decay of AdamW, on kernels only"),
    "optim.clip": _real(0, 1e9, "largest norm of the gradient; 0 for none"),
    "optim.b2": _real(0, BELOW_ONE, "decay of AdamW for squared gradients"),
    "optim.schedule": _choice("schedule of the learning rate", "cosine", "constant"),
    "optim.ema": _real(0, BELOW_ONE, "decay of averaged parameters; 0 for none"),
    "mesh.shape": Field(tuple, "devices along each axis; -1 for all remaining ones", items=(int,)),
    "mesh.axes": Field(tuple, "names of the axes: data, fsdp, tensor", items=(str,)),
    "sharding": Field(
        tuple, "rules that divide parameters, see docs/distributed.md", items=(str, tuple, type(None))
    ),
}

_ENGINE = """task seed num_steps log_every eval_every save_every best optim.lr optim.warmup optim.weight_decay
optim.clip optim.b2 optim.schedule optim.ema mesh.shape mesh.axes sharding"""
_RUN = f"{_ENGINE} data.root data.name data.text"
_WINDOWS = "window batch_size eval_batch_size augment.mirror augment.turn augment.size"
_LOSS = "loss.joints loss.body loss.hands loss.velocity loss.bones"
_TEXT = "text.kind text.case text.min_count"
_ROWS = f"""{_TEXT} ?data.stitched text.encoder ?text.conditions versions tempo batch_tokens eval_batch_size
text_dropout"""
_LAYERS = "model.width model.depth model.heads model.mlp model.dropout ?model.dtype"
_TRANSFORMER = f"{_LAYERS} model.text_depth ?model.remat"
_TOKENS = f"tokenizer {_ROWS} corrupt smooth sampler.temperature sampler.guidance sampler.max_tokens"
_SAMPLED = "end_weight sampler.top_k sampler.top_p ?sampler.repetition ?sampler.min_tokens"
# The fields of each task; one with a question mark may be missing.
TASKS = {
    "ae2d": f"""{_RUN} {_WINDOWS} {_LOSS} model.width model.depth model.lift model.dim model.noise
        model.decay""",
    "backtranslate": f"""{_RUN} {_TEXT} batch_frames eval_batch_size augment.joins augment.tempo
        augment.signer.mirror augment.signer.turn augment.signer.size soften.smooth soften.noise soften.drift
        model.width model.convolutions model.depth model.text_depth model.heads model.mlp model.dropout
        ctc_weight ctc_share corrupt smooth""",
    "flow": f"""{_RUN} autoencoder fold {_ROWS} {_TRANSFORMER} length_weight sampler.steps sampler.solver
        sampler.guidance sampler.max_tokens""",
    "gpt": f"{_RUN} {_TOKENS} {_TRANSFORMER} {_SAMPLED}",
    "masked": f"{_RUN} {_TOKENS} {_TRANSFORMER} length_weight sampler.steps",
    "motion_encoder": f"""{_RUN} batch_size eval_batch_size augment.mirror augment.turn augment.size
        disturb.tempo disturb.noise disturb.smooth model.stride model.width model.depth model.features
        model.noise {_LOSS} loss.energy""",
    "recognizer": f"""{_RUN} window batch_size eval_batch_size augment.mirror augment.turn augment.size
        augment.drop augment.garbage model.members model.width model.convolutions model.depth model.heads
        model.mlp model.dropout smooth""",
    "seed_gpt": f"{_RUN} {_TOKENS} {_LAYERS} {_SAMPLED}",
    "vqvae": f"""{_RUN} {_WINDOWS} {_LOSS} ?loss.face layout model.kind model.size.stride model.size.width
        model.size.depth ?model.size.dtype ?model.size.heads ?model.size.mlp ?model.size.original
        quantizer.kind quantizer.levels.arm quantizer.levels.hand quantizer.levels.whole
        ?quantizer.levels.face quantizer.codes quantizer.dim quantizer.decay quantizer.commitment
        quantizer.dropout quantizer.revive quantizer.steps quantizer.kl""",
}


@functools.cache
def list_fields(task: str) -> dict[str, bool]:
    """{full name: whether it must be there} of the fields of a task; the engine's if the task is unknown."""
    words = TASKS[task].split() if task in TASKS else [f"?{name}" for name in _ENGINE.split()]
    return {word.lstrip("?"): not word.startswith("?") for word in words}


def check_values(fields: dict[str, Any]) -> None:
    """Checks the fields of a config, {full name: value}: which there are, and each by itself.

    Raises:
      ConfigError: a field is missing, unknown, or cannot be what it is; the message has its name.
    """
    known = list_fields(fields["task"])
    unknown = [name for name in fields if name not in known]
    for name in unknown if fields["task"] in TASKS else ():
        # Names of one's own are free, but not in the groups that models and samplers take as they are.
        if any(field.partition(".")[0] == name.partition(".")[0] for field in known):
            raise ConfigError(f"there is no field {show_value(name)}{did_you_mean(name, known)}")
    for name, needed in known.items():
        if name in fields:
            check_value(name, fields[name])
        elif needed:
            raise ConfigError(f"the field {name} is missing{did_you_mean(name, unknown)}")


def check_value(name: str, value: Any) -> None:
    """Raises ConfigError unless a field can have a value; the message has both, and what it can be."""
    if not FIELDS[name].allows(value):
        raise ConfigError(f"{name} is {show_value(value)}; it can be {FIELDS[name].describe()}")
