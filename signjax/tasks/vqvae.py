"""The tokenizer as a task: reconstruct windows of clips through codes.

Poses have J joints: 120 where the layout has a face, else the 50 of body and hands.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from signjax.data import augmentation, loader, sources
from signjax.data import load as splits
from signjax.errors import ConfigError, DataError, did_you_mean
from signjax.inference import windowed_decoding
from signjax.models import quantizers, seed_vqvae, vqvae
from signjax.pose import body_parts, losses
from signjax.pose.missing_joints import fill_missing_joints, joint_weights
from signjax.training import checkpoint, run_config
from signjax.training.task import Task

SAMPLE = 2048  # windows from which the linear start is computed
SAMPLED = 4096  # tokens over which codebooks are compared
RATE = 25.0  # frames a second, of which pose files say nothing


def build(c):
    """The tokenizer of a config: its `model`, `quantizer` and `layout` fields.

    Raises:
      ConfigError: the layout is unknown, or one that the model does not know.
    """
    if c.layout not in body_parts.LAYOUTS:
        raise ConfigError(f"layout is {c.layout!r}; it can be {', '.join(map(repr, body_parts.LAYOUTS))}")
    if c.model.kind == "seed" and c.layout != "whole":
        raise ConfigError(f"layout is {c.layout!r}, and the seed's model knows 'whole' alone")
    parts = {"quantizer": functools.partial(quantizer, c.quantizer), **c.model.size}
    dims = {part: latent_dim(c.quantizer, part) for part in body_parts.LAYOUTS[c.layout]}
    if c.model.kind == "seed":
        return seed_vqvae.SeedVQVAE(dim=dims["whole"], **parts)
    return vqvae.VQVAE(layout=c.layout, dims=dims, **parts)


def quantizer(c, part: str):
    """A new quantizer for a part.

    Raises:
      ConfigError: `c.kind` is unknown.
    """
    if c.kind not in quantizers.QUANTIZERS:
        known = f"it can be: {', '.join(quantizers.QUANTIZERS)}"
        raise ConfigError(f"quantizer.kind is {c.kind!r}{did_you_mean(c.kind, quantizers.QUANTIZERS, known)}")
    return quantizers.QUANTIZERS[c.kind](c, c.levels[part])


def latent_dim(c, part: str) -> int:
    """Latent dimensions of a part: FSQ's follow from its steps; those of a Gaussian are its codes."""
    return {"fsq": c.levels[part] * len(c.steps), "kl": c.levels[part]}.get(c.kind, c.dim)


def code_shape(c) -> tuple[int, int]:
    """(C, K): codes a token and values of a code.

    Raises:
      ConfigError: the bottleneck is continuous and has no codes.
    """
    if c.quantizer.kind == "kl":
        raise ConfigError("quantizer.kind is 'kl', which has no codes; train configs/flow.py on it")
    columns = len(body_parts.sides(c.layout)) * sum(
        c.quantizer.levels[p] for p in body_parts.LAYOUTS[c.layout]
    )
    size = int(np.prod(c.quantizer.steps)) if c.quantizer.kind == "fsq" else c.quantizer.codes
    return columns, size


def columns(c) -> list[tuple[str, str, int]]:
    """(side, part, level) of each of the C codes of a token, such as ("right ", "hand", 0)."""
    return [
        (side, part, level)
        for part in body_parts.LAYOUTS[c.layout]
        for side in body_parts.sides(c.layout)
        for level in range(c.quantizer.levels[part])
    ]


def has_face(c) -> bool:
    """Whether the poses of a tokenizer or auto-encoder of config c have a face: 120 joints, else 50."""
    return c.task == "vqvae" and body_parts.has_face(c.layout)


def load_split(c, data, split: str):
    """A split as a tokenizer or auto-encoder of config c takes it: with faces, or without.

    Args:
      c: its config.
      data: `root` and `name` of the data set.
      split: "train", "dev" or "test".

    Raises:
      DataError: it cannot be used, or lacks the faces that c is for.
    """
    wanted = has_face(c)
    found = splits.load(data, split, face=wanted)
    if wanted and not found.variant.face:
        raise DataError(f"{found.label}: has no faces, and layout is {c.layout!r}; leave out the word face")
    return found


class Tokenizer(NamedTuple):
    """A trained tokenizer, ready to use."""

    config: Any
    variables: dict
    stride: int  # frames a token
    encode: Callable  # (variables, pose [B, T, J, 3], mask [B, T]) -> codes [B, N, C]
    decode: Callable  # (variables, codes [B, N, C], mask [B, N]) -> pose [B, N * stride, J, 3]
    reach: int | None = None  # tokens to either side that a token's frames depend on; None for all


def load(workdir) -> Tokenizer:
    """Loads a trained tokenizer; its functions are compiled once a shape.

    Raises:
      StorageError: nothing was trained in workdir; the message has the command that does.
    """
    variables, _ = checkpoint.load_variables(workdir)
    c = run_config.load_config(f"{workdir}/config.json")
    return _tokenizer(c, variables, build(c))


def _tokenizer(c, variables, model) -> Tokenizer:
    both = (jax.jit(functools.partial(model.apply, method=name)) for name in ("encode", "decode"))
    return Tokenizer(c, variables, model.stride, *both, getattr(model, "reach", None))


def encode(tokenizer: Tokenizer, pack, batch_size: int = 16) -> list[np.ndarray]:
    """The codes [N, C] of every clip of a pack, N = ceil(T / stride)."""
    found: list = [None] * len(pack)
    for batch in loader.clips(pack, batch_size):
        codes = np.asarray(tokenizer.encode(tokenizer.variables, fill_missing_joints(batch), batch["mask"]))
        for row, clip in enumerate(batch["index"]):
            found[clip] = codes[row, : -(-batch["mask"][row].sum() // tokenizer.stride)]
    return found


def decode(tokenizer: Tokenizer, codes, batch_size: int = 64) -> list[np.ndarray]:
    """Sequences of codes [N, C] to canonical poses [N * stride, J, 3]."""
    if by_window(tokenizer):
        run = functools.partial(tokenizer.decode, tokenizer.variables)
        return windowed_decoding.decode(run, codes, tokenizer.reach)
    poses = []
    for start in range(0, len(codes), batch_size):
        part = codes[start : start + batch_size]
        lengths = np.array([len(c) for c in part])
        size = sources.bucket(int(lengths.max()), (16, 32, 64, 128, 256))
        rows = min(batch_size, 1 << (len(part) - 1).bit_length())  # few shapes, few compilations
        padded = np.zeros((rows, size, part[0].shape[1]), part[0].dtype)
        for row, c in enumerate(part):
            padded[row, : len(c)] = c
        mask = np.arange(size) < np.pad(lengths, (0, rows - len(part)))[:, None]
        found = np.asarray(tokenizer.decode(tokenizer.variables, padded, mask))
        poses += [found[k, : n * tokenizer.stride] for k, n in enumerate(lengths)]
    return poses


def by_window(tokenizer: Tokenizer) -> bool:
    """Whether clips are decoded window by window, see signjax.inference.windowed_decoding."""
    return tokenizer.reach is not None and 2 * tokenizer.reach < windowed_decoding.WINDOW


def reconstruct(tokenizer: Tokenizer, pack) -> list[np.ndarray]:
    """Every clip of a pack, encoded and decoded: canonical poses [T, J, 3] of the clips' own lengths."""
    poses = decode(tokenizer, encode(tokenizer, pack))
    return [pose[:length] for pose, length in zip(poses, pack.lengths, strict=True)]


def codebooks(tokenizer: Tokenizer) -> np.ndarray:
    """What the codes of each column stand for, [C, K, dim], in the order of the columns of the codes."""
    c, columns = tokenizer.config, []
    for part in body_parts.LAYOUTS[c.layout]:
        if c.quantizer.kind == "fsq":
            codes = np.arange(code_shape(c)[1])[None, :, None]  # one level's digits are all levels' digits
            levels = [np.asarray(quantizers.FSQ(1, tuple(c.quantizer.steps)).decode(codes))[0]]
            levels = levels * c.quantizer.levels[part]
        else:
            book = tokenizer.variables["codebook"][f"quantizers_{part}"]
            levels = list(np.asarray(book["sums"]) / np.maximum(book["counts"], 1e-8)[..., None])
        columns += levels * len(body_parts.sides(c.layout))
    return np.stack(columns)


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `layout`, `model`, `quantizer`, `loss`, `window`, `augment`."""
    del workdir
    model = build(c)
    train, dev = load_split(c, c.data, "train"), load_split(c, c.data, "dev")
    host = {"hosts": jax.process_count(), "host": jax.process_index()}
    crops = sources.Crops(train, c.window)
    transforms = [functools.partial(augmentation.augment_signer, **c.augment)]
    start = linear_start(c, full_windows(crops)) if c.model.kind == "conv" else {}

    def init(rng, batch):
        keys = dict(zip(("params", "quantize"), jax.random.split(rng), strict=True))
        variables = model.init(keys, batch["pose"], batch["mask"])
        params = variables["params"]
        return {**variables, "params": params | {name: params[name] | start[name] for name in start}}

    def loss(variables, batch, rng, step):
        del step
        out, changed = model.apply(
            variables,
            fill_missing_joints(batch),
            batch["mask"],
            train=True,
            mutable=["codebook"],
            rngs={"quantize": rng},
        )
        terms = losses.reconstruction(out.pose, batch["pose"], joint_weights(batch), c.loss)
        total = terms.pop("loss") + out.loss
        return total, (terms | {"commitment": out.loss}, changed)

    def evaluate(variables, batch):
        out = model.apply(variables, fill_missing_joints(batch), batch["mask"])
        valid = joint_weights(batch) * batch["weight"][:, None, None]
        return losses.errors(out.pose, batch["pose"], valid, batch["scale"])

    def batches(start):
        return loader.stream(crops, c.batch_size, c.seed, start, transforms=transforms, **host)

    def eval_batches():
        for batch in loader.clips(dev, c.eval_batch_size, **host):
            yield batch | {"scale": dev.placements.scale[batch["index"]]}

    tokenizer = _tokenizer(c, None, model)

    def finish(variables, evals):
        del evals
        if c.quantizer.kind == "kl":
            return {}
        codes = encode(tokenizer._replace(variables=variables), dev, c.eval_batch_size)
        return codebook_use(np.concatenate(codes), c)

    return Task(init, loss, evaluate, batches, eval_batches, finish)


def linear_start(c, pose) -> dict:
    """Params of the codecs' linear paths: the principal components of the data's tokens.

    Training then begins at the best linear code there is instead of noise: on How2Sign a tenth of the
    time to the same error. FSQ rounds in units, and a Gaussian bottleneck wants latents near the standard
    normal distribution, so their components are scaled to unit variance.

    Args:
      pose: [n, stride * m, J, 3] canonical windows.
    """
    params = {}
    for part, frames in body_parts.cut(pose, c.layout).items():
        x = np.asarray(frames, np.float64).reshape(-1, c.model.size.stride * frames.shape[-1])
        centre, dim = x.mean(0), latent_dim(c.quantizer, part)
        power, basis = np.linalg.eigh(np.cov(x - centre, rowvar=False))
        power, basis = power[::-1][:dim], basis[:, ::-1][:, :dim]  # [D], [stride * F, D]
        gain = 1 / np.sqrt(power) if c.quantizer.kind in ("fsq", "kl") else np.ones(dim)
        params[f"codecs_{part}"] = {
            "linear_in": dense(basis * gain, -centre @ basis * gain),
            "linear_out": dense((basis / gain).T, centre),
        }
    return params


def codebook_use(codes, c) -> dict:
    """Usage (share of codes hit) and perplexity of every codebook and stream over codes [n, C]."""
    numbers, books, size = {}, {}, code_shape(c)[1]
    for at, (side, part, level) in enumerate(columns(c)):
        counts = np.bincount(codes[:, at], minlength=size)
        numbers |= _use(f"{side}{part} {level}".replace(" ", "_"), counts)
        books[f"book_{part}_{level}"] = books.get(f"book_{part}_{level}", 0) + counts
    for name, counts in books.items():
        numbers |= _use(name, counts)
    return numbers | {"usage_min": min(numbers[f"usage/{name}"] for name in books)}


def codebook_sample(tokenizer: Tokenizer, pack, seed: int) -> dict:
    """Use of the codebooks over a fixed sample of a pack's tokens, and the rate they carry; {} without codes.

    Perplexity grows with the sample, so the sample has SAMPLED tokens or, in a small pack, all of them.

    Returns:
      {"tokens": size of the sample, "bits_per_second": of all columns at RATE frames a second,
      "usage/<codebook>": share of its codes hit, "perplexity/<codebook>"}.
    """
    if tokenizer.config.quantizer.kind == "kl":
        return {}
    codes = np.concatenate(encode(tokenizer, pack))
    if len(codes) > SAMPLED:
        codes = codes[np.random.default_rng((seed, 12)).choice(len(codes), SAMPLED, replace=False)]
    use = codebook_use(codes, tokenizer.config)
    columns = [name for name in use if name.startswith("perplexity/") and "/book_" not in name]
    bits = sum(np.log2(use[name]) for name in columns) * RATE / tokenizer.stride
    return {"tokens": len(codes), "bits_per_second": float(bits)} | use


def _use(name: str, counts) -> dict:
    p = counts[counts > 0] / counts.sum()
    perplexity = np.exp(-(p * np.log(p)).sum())
    return {f"usage/{name}": float((counts > 0).mean()), f"perplexity/{name}": float(perplexity)}


def full_windows(crops):
    """Evenly spaced windows of the training split, [n, W, J, 3], those that are full."""
    numbers = np.unique(np.linspace(0, len(crops) - 1, SAMPLE).astype(int))
    drawn = [crops.draw(int(i)) for i in numbers]
    full = [d for d in drawn if d["mask"].all()] or drawn
    return np.asarray(fill_missing_joints({name: np.stack([d[name] for d in full]) for name in full[0]}))


def dense(kernel, bias) -> dict:
    """Params of a Dense layer."""
    return {"kernel": jnp.asarray(kernel, jnp.float32), "bias": jnp.asarray(bias, jnp.float32)}
