"""Training of the back-translator: clips to texts, to judge generated clips by what they say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from signjax.data import joined_clips, load, loader
from signjax.data.packed_dataset import PackedDataset
from signjax.inference.pose_to_text import PoseToText
from signjax.metrics import functional, tokenization
from signjax.models import build
from signjax.models.back_translator import STRIDE
from signjax.models.special_ids import END, PAD, SPELL
from signjax.pose.missing_joints import fill_missing_joints
from signjax.tasks import batches
from signjax.tasks.training_rows import warn_of_left_out
from signjax.text import tokenizer
from signjax.training import data_rate, data_record, text_encoder
from signjax.training.task import Task

PREVIEWED = 256  # dev clips translated at each evaluation
# A CTC loss beyond this is of a text too long for its clip; optax has a huge number there, not infinity.
IMPOSSIBLE = 1e4


def make_task(config, workdir) -> Task:
    """The task of a config; reads `data`, `text`, `model`, `augment`, `soften`, `corrupt` and the weights.

    Raises:
      ConfigError: the run began with other data.
      DataError: the data cannot be used.
    """
    train, dev = (load.load_configured_split(config.data, split) for split in ("train", "dev"))
    data_record.record_data(workdir, config.data.root, train, dev)
    data_rate.record_rate(workdir, train.fps)
    # Of training texts only: whoever judges other systems must not know the words of dev and test.
    vocabulary = text_encoder.prepare_tokenizer(config, workdir, train.texts)
    model = build.build_back_translator(config, vocabulary.size)
    rows = joined_clips.JoinedClips(train, [vocabulary.encode(t) for t in train.texts], **config.augment)
    warn_of_left_out(rows, train.label, train.sids)

    def init_variables(rng, batch):
        return {"params": model.init(rng, batch["pose"], batch["mask"], batch["text"])["params"]}

    def compute_loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "soften", "corrupt"), jax.random.split(rng, 3), strict=True))
        # After the missing joints are filled: generated clips have no gaps, but are as smooth or as noisy.
        pose = degrade_poses(fill_missing_joints(batch), batch["mask"], keys["soften"], **config.soften)
        seen = corrupt_ids(batch["text"], keys["corrupt"], config.corrupt, vocabulary.size)
        batch = batch | {"pose": pose}
        terms = losses_and_metrics(model, variables, batch, seen, keys["dropout"], config.smooth)
        means = batches.mean_terms(terms)
        return means["text"] + config.ctc_weight * means["ctc"], (means, {})

    def evaluate_batch(variables, batch):
        real = batch["text_mask"] & (batch["weight"] > 0)[:, None]
        batch = batch | {"pose": fill_missing_joints(batch), "text_mask": real}
        return losses_and_metrics(model, variables, batch, batch["text"])

    return Task(
        init=init_variables,
        loss=compute_loss,
        evaluate=evaluate_batch,
        batches=batches.stream_filled_rows(
            config, rows, "batch_frames", rows.frames, batches.count_workers()
        ),
        eval_batches=_make_eval_batches(config, dev, vocabulary),
        finish=make_preview(PoseToText(config, None, model, vocabulary), dev),
    )


def _make_eval_batches(config, dev: PackedDataset, vocabulary: tokenizer.TextTokenizer):
    # Padded together and not batch by batch: one length of texts for all batches.
    ids, real = tokenizer.pad_texts([vocabulary.encode(t) for t in dev.texts])

    def iterate_batches():
        for batch in loader.iterate_clips(dev, config.eval_batch_size, **batches.filled_share(config)):
            yield batch | {"text": ids[batch["index"]], "text_mask": real[batch["index"]]}

    return iterate_batches


def make_preview(translator: PoseToText, dev: PackedDataset):
    """`Task.finish`: translates some dev clips; {"wer": word error rate against their texts}."""
    # Evenly spaced: neighbours in a split are often of one recording and alike.
    numbers = np.unique(np.linspace(0, len(dev) - 1, PREVIEWED).astype(int))
    clips, batch_size = [dev[int(i)] for i in numbers], translator.config.eval_batch_size
    tokenize = tokenization.choose_tokenization(translator.vocabulary.rules.kind)

    def translate_preview(variables, evals):
        del evals
        texts = translator.with_variables(variables).translate(clips, batch_size)
        return {"wer": word_error_rate([clip.text for clip in clips], texts, tokenize)}

    return translate_preview


def word_error_rate(texts, translations, tokenize: str = "words") -> float:
    """Word errors of translations against texts, as a share of the texts' words; see signjax.metrics.text."""
    return functional.word_error_rate(texts, translations, tokenize) / 100


def degrade_poses(pose, mask, rng, smooth: int, noise: float, drift: float):
    """Degrades poses [B, T, 50, 3] as other pose estimators, tokenizers or generators would.

    Args:
      pose: canonical poses, missing joints on their parents.
      mask: [B, T] bool, frames that exist.
      rng: key.
      smooth: largest number of passes of a binomial filter of three frames; drawn for each row.
      noise: largest standard deviation of jitter, in canonical lengths; drawn for each row.
      drift: the same for errors that last for some frames, as those of a tokenizer do.
    """
    keys = jax.random.split(rng, 5)
    rows = (pose.shape[0], 1, 1, 1)
    # Numbers of passes are not whole: the last pass of a row is applied in part.
    passes = jax.random.uniform(keys[0], rows, maxval=smooth)
    inside = mask[..., None, None]
    # Whether a frame has a successor. The last frame of a clip is its own successor, so that the filter mixes
    # no padding into it, and the first frame its own predecessor.
    follows = jnp.pad(inside[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0)))
    for number in range(smooth):
        share = jnp.clip(passes - number, 0, 1) / 4
        ahead = jnp.where(follows, jnp.roll(pose, -1, axis=1), pose)
        behind = jnp.concatenate([pose[:, :1], pose[:, :-1]], axis=1)
        pose = pose + share * (ahead + behind - 2 * pose)
    jitter = jax.random.normal(keys[1], pose.shape)
    # Slow errors are noise at every STRIDE-th frame, interpolated linearly between them.
    knots = jax.random.normal(keys[2], (pose.shape[0], pose.shape[1] // STRIDE + 1, *pose.shape[2:]))
    slow = jax.image.resize(knots, pose.shape, "linear")
    noise = jax.random.uniform(keys[3], rows, maxval=noise)
    drift = jax.random.uniform(keys[4], rows, maxval=drift)
    return pose + noise * jitter + drift * slow


def corrupt_ids(ids, rng, rate: float, vocabulary: int):
    """Replaces a share of the ids [B, L] at random; each row's share lies between 0 and twice `rate`."""
    # A decoder that cannot trust the words it wrote looks at the clip instead of reciting training texts.
    rate_rng, place_rng, id_rng = jax.random.split(rng, 3)
    rates = jax.random.uniform(rate_rng, (ids.shape[0], 1), maxval=2 * rate)
    # From SPELL on: padding and the null text come before it, and a decoder never writes them.
    noise = jax.random.randint(id_rng, ids.shape, SPELL, vocabulary)
    return jnp.where(jax.random.bernoulli(place_rng, rates, ids.shape), noise, ids)


def losses_and_metrics(model, variables, batch, seen, dropout=None, smooth: float = 0.0) -> dict:
    """Cross entropy and CTC loss for each text token, share of right guesses: {name: (sum, count)}.

    Args:
      model: the back-translator.
      variables: its params.
      batch: "pose" [B, T, 50, 3], "mask" [B, T], "text" [B, L], "text_mask" [B, L].
      seen: [B, L] the ids that the decoder gets as input.
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
    # The CTC head predicts what is signed, and no sign says that the text ends. END is the last id, so that
    # what is left out stands at the right, where optax wants all padding.
    signed = real & (ids != END)
    ctc = optax.ctc_loss(frames, 1.0 - encoded.mask, ids, 1.0 - signed, blank_id=PAD)  # [B]
    # No alignment gives a text that is longer than its clip: its loss would teach nothing.
    possible = (ctc < IMPOSSIBLE)[:, None] & signed
    return {
        "text": ((entropy * real).sum(), real.sum()),
        "right": (((jnp.argmax(logits, axis=-1) == ids) & real).sum(), real.sum()),
        "ctc": (jnp.where(possible.any(1), ctc, 0).sum(), possible.sum()),
    }
