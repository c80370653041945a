"""Training of the recogniser of single signs: clips to words."""

import functools

import jax
import jax.numpy as jnp
import optax

from signjax.data import load
from signjax.data.packed_dataset import PackedDataset
from signjax.data.sign_clips import SignClips
from signjax.errors import DataError
from signjax.inference.pose_to_word import PoseToWord, fit_temperature, save_calibration
from signjax.inference.word_list import make_word_list, save_words
from signjax.models import build
from signjax.tasks import batches
from signjax.training import data_record
from signjax.training.task import Task


def make_task(config, workdir) -> Task:
    """The task of a config; reads `data`, `window`, `augment`, `model`, `smooth` and the batch sizes.

    Raises:
      ConfigError: the run began with other data.
      DataError: the data cannot be used, or the training clips are all of one word.
    """
    train, dev = (load.load_configured_split(config.data, split) for split in ("train", "dev"))
    data_record.record_data(workdir, config.data.root, train, dev)
    # Of training texts only: whoever judges must not know what is to be generated.
    words = make_word_list(train.texts)
    if len(words) < 2:
        raise DataError(
            f"{train.label}: all clips are of one word, {words[0]!r}; a recogniser needs two or more"
        )
    save_words(workdir, words)
    model = build.build_recognizer(config, len(words))
    rows = _make_source(train, words, config, dict(config.augment))
    # A word that training never shows cannot be recognised: its clips count as garbage.
    dev_rows = _make_source(dev, words, config, None)

    def init_variables(rng, batch):
        return {"params": model.init(rng, batch["pose"], batch["valid"])["params"]}

    def compute_loss(variables, batch, rng, step):
        del step
        terms = losses_and_metrics(model, variables, batch, rng, config.smooth)
        means = batches.mean_terms(terms)
        return means["loss"], (means, {})

    def evaluate_batch(variables, batch):
        return losses_and_metrics(model, variables, batch)

    return Task(
        init=init_variables,
        loss=compute_loss,
        evaluate=evaluate_batch,
        batches=batches.stream_windows(rows, config),
        eval_batches=batches.iterate_dev_rows(config, dev_rows),
        finish=_make_calibration(PoseToWord(config, None, model, words), dev, workdir),
    )


def _make_source(clips: PackedDataset, words, config, augment) -> SignClips:
    numbers = {word: k for k, word in enumerate(words)}
    labels = [numbers.get(word, len(words)) for word in make_word_list(clips.texts, unique=False)]
    return SignClips(clips, labels, config.window, augment, len(words))


def _make_calibration(recognizer: PoseToWord, dev: PackedDataset, workdir):
    """Makes `Task.finish`: fits the temperature of the probabilities to the dev clips, and keeps it."""
    clips = list(dev)

    def calibrate(variables, evals):
        del evals
        trained = recognizer.with_variables(variables)
        labels = trained.find_labels([clip.text for clip in clips])
        logits = trained.compute_logits(clips)
        temperature = fit_temperature(logits, labels)
        save_calibration(workdir, trained.calibration_key, temperature)
        return {"temperature": temperature}

    return calibrate


def losses_and_metrics(model, variables, batch, rng=None, smooth: float = 0.0) -> dict:
    """Cross entropy and share of words recognised: {name: (sum, count)}.

    Args:
      model: the recogniser.
      variables: its params.
      batch: "pose" [B, T, 50, 3], "valid" [B, T, 50], "label" [B], and "weight" [B] in evaluation.
      rng: key of the dropout for training, None for evaluation.
      smooth: label smoothing.
    """
    run = functools.partial(model.apply, variables, rngs={} if rng is None else {"dropout": rng})
    # [B, W + 1]; in training of each member, which learn by themselves
    logits = run(batch["pose"], batch["valid"], train=rng is not None)
    weight = jnp.broadcast_to(batch.get("weight", 1.0), logits.shape[:-1])
    targets = optax.smooth_labels(jax.nn.one_hot(batch["label"], logits.shape[-1]), smooth)
    entropy = optax.softmax_cross_entropy(logits, targets)
    right = jnp.argmax(logits, axis=-1) == batch["label"]
    return {
        "loss": ((entropy * weight).sum(), weight.sum()),
        "right": ((right * weight).sum(), weight.sum()),
    }
