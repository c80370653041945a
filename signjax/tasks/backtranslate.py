"""Pose to text as a task: what a clip says, to judge clips that were generated."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from signjax.data import joined_clips, loader, sources
from signjax.data import load as splits
from signjax.errors import DataError
from signjax.inference import ctc_attention_decoding
from signjax.io.digest import digest_variables
from signjax.metrics.base import value
from signjax.metrics.text import tokens, wer
from signjax.models.back_translator import STRIDE, BackTranslator
from signjax.pose.missing_joints import fill_missing_joints
from signjax.pose.skeleton import NUM_JOINTS
from signjax.text import tokenizer
from signjax.training import checkpoint, run_config, text_encoder
from signjax.training.task import Task

WATCHED = 256  # dev clips translated at each evaluation
IMPOSSIBLE = 1e4  # a CTC loss beyond this is of a text too long for its clip


class Translator(NamedTuple):
    """A trained back-translator, ready to use."""

    model: BackTranslator
    variables: Any
    words: tokenizer.TextTokenizer
    ctc_share: float  # weight of the CTC head beside the decoder when a token is chosen
    digest: str  # 12 hexadecimal digits that differ with weights or vocabulary; scores quote it


def build(c, vocabulary: int) -> BackTranslator:
    """The model of a config."""
    return BackTranslator(vocabulary, **c.model)


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `text`, `model`, `augment`, `soften`, `corrupt` and the weights."""
    train, dev = splits.load(c.data, "train"), splits.load(c.data, "dev")
    words = text_encoder.tokenizer(c, workdir, train.texts)
    model = build(c, words.size)
    rows = joined_clips.Joined(train, [words.encode(t) for t in train.texts], **c.augment)
    ids, known = tokenizer.pad_texts([words.encode(t) for t in dev.texts])
    host = {"hosts": jax.process_count(), "host": jax.process_index()}

    def init(rng, batch):
        return {"params": model.init(rng, batch["pose"], batch["mask"], batch["text"])["params"]}

    def loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "soften", "corrupt"), jax.random.split(rng, 3), strict=True))
        pose = soften(fill_missing_joints(batch), batch["mask"], keys["soften"], **c.soften)
        seen = corrupt(batch["text"], keys["corrupt"], c.corrupt, words.size)
        terms = _terms(model, variables, batch | {"pose": pose}, seen, keys["dropout"], c.smooth)
        means = {name: total / jnp.maximum(count, 1) for name, (total, count) in terms.items()}
        return means["text"] + c.ctc_weight * means["ctc"], (means, {})

    def evaluate(variables, batch):
        real = batch["text_mask"] & (batch["weight"] > 0)[:, None]
        shown = batch | {"pose": fill_missing_joints(batch), "text_mask": real}
        return _terms(model, variables, shown, batch["text"])

    def batches(start):
        size = max(1, c.batch_frames // rows.frames)
        return loader.stream(rows, size, c.seed, start, **host)

    def eval_batches():
        for batch in loader.clips(dev, c.eval_batch_size, **host):
            yield batch | {"text": ids[batch["index"]], "text_mask": known[batch["index"]]}

    def finish(variables, evals):
        del evals
        chosen = np.unique(np.linspace(0, len(dev) - 1, WATCHED).astype(int))
        clips = [_whole(dev, int(i)) for i in chosen]
        said = translate(Translator(model, variables, words, c.ctc_share, ""), clips, c.eval_batch_size)
        return {"wer": word_error_rate([dev.texts[i] for i in chosen], said)}

    return Task(init, loss, evaluate, batches, eval_batches, finish)


def load(workdir) -> Translator:
    """Loads a run for `translate`.

    Raises:
      StorageError: nothing was trained in workdir; the message has the command that does.
    """
    variables, _ = checkpoint.load_variables(workdir)
    c = run_config.load_config(f"{workdir}/config.json")
    words = tokenizer.load_tokenizer(f"{workdir}/text.json")
    return Translator(build(c, words.size), variables, words, c.ctc_share, digest(variables, words))


def digest(variables, words: tokenizer.TextTokenizer) -> str:
    """12 hexadecimal digits of params and vocabulary."""
    # Signatures of scores quote it, so it stays what it was: without types and shapes.
    return digest_variables(variables["params"], repr(words.entries).encode(), typed=False)


def translate(translator: Translator, clips, batch_size: int = 32) -> list[str]:
    """What clips say, the likeliest token at a time; a clip's text does not depend on the other clips.

    Args:
      translator: see `load`.
      clips: n canonical poses [T, 50, 3] of any length, missing joints on their parents.
      batch_size: how many are translated at once.

    Returns:
      n texts: lower-case words and marks with spaces between, as `split_words` has them; "" for a clip
      without frames.

    Raises:
      DataError: a clip is not of that shape.
    """
    for i, clip in enumerate(clips):
        if np.shape(clip)[1:] != (NUM_JOINTS, 3):
            raise DataError(f"clip {i} is of shape {np.shape(clip)}; give poses [T, {NUM_JOINTS}, 3]")
    model, variables, words, share, _ = translator
    said = [""] * len(clips)
    for part, pose, mask in _batches(clips, batch_size):
        ids = np.asarray(ctc_attention_decoding.read(model, variables, pose, mask, share))
        for i, row in zip(part, ids, strict=False):  # rows after those of `part` fill the batch
            said[i] = words.decode(row.tolist())
    return said


def _batches(clips, batch_size: int):
    """Clips of like length together: (their numbers, poses [B, T, 50, 3], mask [B, T]), of few shapes."""
    lengths = np.array([sources.bucket(max(1, len(clip))) for clip in clips], int)
    for length in np.unique(lengths):
        members = np.flatnonzero(lengths == length)
        for start in range(0, len(members), batch_size):
            part = members[start : start + batch_size]
            rows = min(batch_size, 1 << (len(part) - 1).bit_length())
            pose, mask = np.zeros((rows, length, NUM_JOINTS, 3), np.float32), np.zeros((rows, length), bool)
            for row, i in enumerate(part):
                pose[row, : len(clips[i])], mask[row, : len(clips[i])] = clips[i], True
            yield part, pose, mask


def word_error_rate(texts, said) -> float:
    """Word errors of translations against texts, as a share of the texts' words (signjax.metrics.text)."""
    said, texts = ([tokens(line) for line in side] for side in (said, texts))
    return value(wer(said, texts, "none")) / 100


def soften(pose, mask, rng, smooth: int, noise: float, drift: float):
    """Poses [B, T, 50, 3] as other recorders, tokenizers or generators would have them.

    Args:
      pose: filled canonical poses.
      mask: [B, T].
      rng: key.
      smooth: most passes of a binomial filter of three frames; each row has its own share of them.
      noise: largest standard deviation of tremble, in canonical lengths; each row has its own.
      drift: the same of errors that last for some frames, as those of a tokenizer do.
    """
    keys = jax.random.split(rng, 5)
    rows = (pose.shape[0], 1, 1, 1)
    passes = jax.random.uniform(keys[0], rows, maxval=smooth)
    inside = mask[..., None, None]
    follows = jnp.pad(inside[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0)))
    for number in range(smooth):
        share = jnp.clip(passes - number, 0, 1) / 4
        ahead = jnp.where(follows, jnp.roll(pose, -1, axis=1), pose)
        behind = jnp.concatenate([pose[:, :1], pose[:, :-1]], axis=1)
        pose = pose + share * (ahead + behind - 2 * pose)
    tremble = jax.random.normal(keys[1], pose.shape)
    knots = jax.random.normal(keys[2], (pose.shape[0], pose.shape[1] // STRIDE + 1, *pose.shape[2:]))
    slow = jax.image.resize(knots, pose.shape, "linear")
    noise = jax.random.uniform(keys[3], rows, maxval=noise)
    drift = jax.random.uniform(keys[4], rows, maxval=drift)
    return pose + noise * tremble + drift * slow


def corrupt(ids, rng, rate: float, vocabulary: int):
    """Ids [B, L] of which some were misread, a share between 0 and twice `rate` in each row.

    A decoder that cannot trust its own words looks at the clip instead of reciting the training texts.
    """
    how, where, what = jax.random.split(rng, 3)
    rates = jax.random.uniform(how, (ids.shape[0], 1), maxval=2 * rate)
    noise = jax.random.randint(what, ids.shape, tokenizer.SPELL, vocabulary)
    return jnp.where(jax.random.bernoulli(where, rates, ids.shape), noise, ids)


def _terms(model, variables, batch, seen, dropout=None, smooth: float = 0.0) -> dict:
    """Cross entropy and CTC loss a text token, share of tokens guessed right: {name: (sum, count)}.

    Args:
      model: the back-translator.
      variables: its params.
      batch: "pose" [B, T, 50, 3], "mask" [B, T], "text" [B, L], "text_mask" [B, L].
      seen: [B, L] the ids that the decoder is shown.
      dropout: key for training, None for evaluation.
      smooth: label smoothing of the cross entropy.
    """
    train = dropout is not None
    run = functools.partial(model.apply, variables, train=train, rngs={"dropout": dropout} if train else {})
    memory, frames = run(batch["pose"], batch["mask"], method="encode_pose")
    logits = run(seen, memory, method="text_logits")  # [B, L, V]
    ids, real = batch["text"], batch["text_mask"]
    targets = optax.smooth_labels(jax.nn.one_hot(ids, model.vocabulary), smooth)
    entropy = optax.softmax_cross_entropy(logits, targets)
    signed = real & (ids != tokenizer.END)
    ctc = optax.ctc_loss(frames, 1.0 - memory.mask, ids, 1.0 - signed, blank_id=tokenizer.PAD)  # [B]
    possible = (ctc < IMPOSSIBLE)[:, None] & signed
    return {
        "text": ((entropy * real).sum(), real.sum()),
        "right": (((jnp.argmax(logits, axis=-1) == ids) & real).sum(), real.sum()),
        "ctc": (jnp.where(possible.any(1), ctc, 0).sum(), possible.sum()),
    }


def _whole(pack, i: int) -> np.ndarray:
    """Clip i of a pack, canonical and filled, [T, 50, 3]."""
    return np.asarray(fill_missing_joints(sources.window(pack, i, 0, int(pack.lengths[i]))))
