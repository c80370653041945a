"""Training of the back-translator: the texts of clips, to judge clips that were generated."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from signjax.data import joined_clips, load, loader
from signjax.data.packed_dataset import PackedDataset
from signjax.inference.pose_to_text import PoseToText
from signjax.metrics.score import compute_value
from signjax.metrics.text import score_word_errors, split_words
from signjax.models import build
from signjax.models.back_translator import STRIDE
from signjax.models.special_ids import END, PAD, SPELL
from signjax.pose.missing_joints import fill_missing_joints
from signjax.tasks import batches
from signjax.text import tokenizer
from signjax.training import text_encoder
from signjax.training.task import Task

PREVIEWED = 256  # dev clips translated at each evaluation
IMPOSSIBLE = 1e4  # a CTC loss beyond this is of a text too long for its clip


def make_task(config, workdir) -> Task:
    """The task of a config; reads `data`, `text`, `model`, `augment`, `soften`, `corrupt` and the weights.

    Raises:
      DataError: the data cannot be used.
    """
    train, dev = (load.load_configured_split(config.data, split) for split in ("train", "dev"))
    vocabulary = text_encoder.tokenizer(config, workdir, train.texts)
    model = build.build_back_translator(config, vocabulary.size)
    rows = joined_clips.JoinedClips(train, [vocabulary.encode(t) for t in train.texts], **config.augment)

    def init_variables(rng, batch):
        return {"params": model.init(rng, batch["pose"], batch["mask"], batch["text"])["params"]}

    def compute_loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "soften", "corrupt"), jax.random.split(rng, 3), strict=True))
        pose = degrade_poses(fill_missing_joints(batch), batch["mask"], keys["soften"], **config.soften)
        seen = corrupt_ids(batch["text"], keys["corrupt"], config.corrupt, vocabulary.size)
        batch = batch | {"pose": pose}
        terms = losses_and_metrics(model, variables, batch, seen, keys["dropout"], config.smooth)
        means = batches.mean_terms(terms)
        return means["text"] + config.ctc_weight * means["ctc"], (means, {})

    def evaluate_batch(variables, batch):
        real = batch["text_mask"] & (batch["weight"] > 0)[:, None]
        shown = batch | {"pose": fill_missing_joints(batch), "text_mask": real}
        return losses_and_metrics(model, variables, shown, batch["text"])

    def stream_batches(start):
        size = max(1, config.batch_frames // rows.frames)
        return loader.iterate_shuffled(rows, size, config.seed, start, **batches.host_share())

    return Task(
        init=init_variables,
        loss=compute_loss,
        evaluate=evaluate_batch,
        batches=stream_batches,
        eval_batches=_make_eval_batches(config, dev, vocabulary),
        finish=make_preview(PoseToText(config, None, model, vocabulary), dev),
    )


def _make_eval_batches(config, dev: PackedDataset, vocabulary: tokenizer.TextTokenizer):
    ids, real = tokenizer.pad_texts([vocabulary.encode(t) for t in dev.texts])

    def iterate_batches():
        for batch in loader.iterate_clips(dev, config.eval_batch_size, **batches.host_share()):
            yield batch | {"text": ids[batch["index"]], "text_mask": real[batch["index"]]}

    return iterate_batches


def make_preview(translator: PoseToText, dev: PackedDataset):
    """`Task.finish`: translates some dev clips and compares with their texts, {"wer": word error rate}."""
    numbers = np.unique(np.linspace(0, len(dev) - 1, PREVIEWED).astype(int))
    clips, batch_size = [dev[int(i)] for i in numbers], translator.config.eval_batch_size

    def translate_preview(variables, evals):
        del evals
        texts = translator.with_variables(variables).translate(clips, batch_size)
        return {"wer": word_error_rate([clip.text for clip in clips], texts)}

    return translate_preview


def word_error_rate(texts, translations) -> float:
    """Word errors of translations against texts, as a share of the texts' words (signjax.metrics.text)."""
    translations, texts = ([split_words(line) for line in side] for side in (translations, texts))
    return compute_value(score_word_errors(translations, texts, "none")) / 100


def degrade_poses(pose, mask, rng, smooth: int, noise: float, drift: float):
    """Poses [B, T, 50, 3] as other recorders, tokenizers or generators would have them.

    Args:
      pose: canonical poses, missing joints on their parents.
      mask: [B, T].
      rng: key.
      smooth: most passes of a binomial filter of three frames; each row has its own share of them.
      noise: largest standard deviation of jitter, in canonical lengths; each row has its own.
      drift: the same of errors that last for some frames, as those of a tokenizer do.
    """
    keys = jax.random.split(rng, 5)
    rows = (pose.shape[0], 1, 1, 1)
    # Each row is smoothed by a number of passes of its own, the last of them in part.
    passes = jax.random.uniform(keys[0], rows, maxval=smooth)
    inside = mask[..., None, None]
    # Whether a frame has one after it; the last frame of a clip is its own successor.
    follows = jnp.pad(inside[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0)))
    for number in range(smooth):
        share = jnp.clip(passes - number, 0, 1) / 4
        ahead = jnp.where(follows, jnp.roll(pose, -1, axis=1), pose)
        behind = jnp.concatenate([pose[:, :1], pose[:, :-1]], axis=1)
        pose = pose + share * (ahead + behind - 2 * pose)
    jitter = jax.random.normal(keys[1], pose.shape)
    # Errors that last are noise at a few times, with straight lines between them.
    knots = jax.random.normal(keys[2], (pose.shape[0], pose.shape[1] // STRIDE + 1, *pose.shape[2:]))
    slow = jax.image.resize(knots, pose.shape, "linear")
    noise = jax.random.uniform(keys[3], rows, maxval=noise)
    drift = jax.random.uniform(keys[4], rows, maxval=drift)
    return pose + noise * jitter + drift * slow


def corrupt_ids(ids, rng, rate: float, vocabulary: int):
    """Ids [B, L] of which a share is replaced at random, between 0 and twice `rate` in each row.

    A decoder that cannot trust the words it wrote looks at the clip instead of reciting training texts.
    """
    rate_rng, place_rng, id_rng = jax.random.split(rng, 3)
    rates = jax.random.uniform(rate_rng, (ids.shape[0], 1), maxval=2 * rate)
    # Padding and the null text are never drawn: a decoder does not write them.
    noise = jax.random.randint(id_rng, ids.shape, SPELL, vocabulary)
    return jnp.where(jax.random.bernoulli(place_rng, rates, ids.shape), noise, ids)


def losses_and_metrics(model, variables, batch, seen, dropout=None, smooth: float = 0.0) -> dict:
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
    encoded, frames = run(batch["pose"], batch["mask"], method="encode_pose")
    logits = run(seen, encoded, method="text_logits")  # [B, L, V]
    ids, real = batch["text"], batch["text_mask"]
    targets = optax.smooth_labels(jax.nn.one_hot(ids, model.vocabulary), smooth)
    entropy = optax.softmax_cross_entropy(logits, targets)
    # The CTC head spells what is signed; that a text ends there is no sign.
    signed = real & (ids != END)
    ctc = optax.ctc_loss(frames, 1.0 - encoded.mask, ids, 1.0 - signed, blank_id=PAD)  # [B]
    # Of a text longer than its clip the loss is infinite in theory: it would teach nothing.
    possible = (ctc < IMPOSSIBLE)[:, None] & signed
    return {
        "text": ((entropy * real).sum(), real.sum()),
        "right": (((jnp.argmax(logits, axis=-1) == ids) & real).sum(), real.sum()),
        "ctc": (jnp.where(possible.any(1), ctc, 0).sum(), possible.sum()),
    }
