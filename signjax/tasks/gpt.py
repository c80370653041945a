"""Training of the GPT: texts to the tokens of clips."""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from signjax.models.gpt import GPT
from signjax.tasks import batches, soft_targets
from signjax.tasks.preview import make_preview
from signjax.tasks.token_run import drop_texts, prepare_token_run
from signjax.training.task import Task


# Apart from make_task, so that the original project's GPT can share it (signjax.tasks.seed_gpt).
class Objective(NamedTuple):
    """The functions of a Task that need no data."""

    init: Callable
    loss: Callable
    evaluate: Callable


def make_task(config, workdir) -> Task:
    """The task of a config; reads `model`, the rates, and what `prepare_token_run` names."""
    run = prepare_token_run(config, workdir)
    spans = run.generator.text_encoder.condition_spans
    objective = make_objective(config, run.generator.model, run.generator.tokenizer.codebooks, spans)
    return Task(
        init=objective.init,
        loss=objective.loss,
        evaluate=objective.evaluate,
        batches=batches.stream_rows(config, run.train),
        eval_batches=batches.iterate_dev_rows(config, run.dev),
        finish=make_preview(run.generator, run.dev_clips),
    )


def make_objective(config, model: GPT, codebooks, spans: Sequence[tuple[int, int]] = ()) -> Objective:
    """Makes initial variables, loss and evaluation of a GPT on rows of signjax.data.token_rows.TokenRows.

    Args:
      config: reads `smooth`, `corrupt`, `text_dropout`, `end_weight` and `seed`.
      model: the GPT, or one with its methods.
      codebooks: [C, K, dim] latents of the codes.
      spans: `condition_spans` of its text encoder.
    """
    spread = soft_targets.make_soft_targets(codebooks, config.smooth)
    targets, neighbours = (
        jnp.asarray(spread),
        jnp.asarray(soft_targets.sample_neighbours(spread, config.seed)),
    )

    def init_variables(rng, batch):
        variables = model.init(rng, batch["codes"], batch["text"], batch["text_segment"] > 0)
        start = soft_targets.init_code_embeddings(codebooks, model.width, config.seed)
        return {"params": variables["params"] | start}

    def compute_loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "corrupt", "text"), jax.random.split(rng, 3), strict=True))
        batch = drop_texts(batch, keys["text"], config.text_dropout, spans)
        # The model gets codes with errors, as in generation, and has to predict the right ones.
        seen = soft_targets.corrupt_codes(batch["codes"], keys["corrupt"], config.corrupt, neighbours)
        terms = losses_and_metrics(model, variables, batch, seen, keys["dropout"], targets)
        means = batches.mean_terms(terms)
        return means["code"] + config.end_weight * means["end"], (means, {})

    def evaluate_batch(variables, batch):
        weight = batch["weight"][:, None].astype(jnp.int32)
        # Rows of weight 0 only fill the batch: without segments they count nowhere.
        batch = batch | {"segment": batch["segment"] * weight}
        # Against the codes themselves and without errors in them, whatever training makes of both.
        return losses_and_metrics(model, variables, batch, batch["codes"], None)

    return Objective(init_variables, compute_loss, evaluate_batch)


def losses_and_metrics(model, variables, batch, seen, dropout, targets=None) -> dict:
    """Cross entropies of codes and of ends, share of codes predicted right: {name: (sum, count)}.

    Args:
      model: the GPT.
      variables: its params.
      batch: rows, see signjax.data.token_rows.TokenRows.
      seen: [B, W, C] the codes that the transformer gets as input.
      dropout: key for training, None for evaluation.
      targets: [C, K, K] what to predict instead of each code, None for the code itself.
    """
    train = dropout is not None
    run = functools.partial(model.apply, variables, rngs={"dropout": dropout} if train else {})
    segments, text_segments = batch["segment"], batch["text_segment"]
    text = batch["text"], text_segments > 0, text_segments, batch["text_position"]
    encoded = run(*text, train, method="encode_text")
    states = run(
        seen, encoded, segments, batch["position"], text_segments, train, method="compute_states"
    )  # [B, W, D]
    logits = run(states, batch["codes"], method="code_logits")  # [B, W, C, K]
    entropy = soft_targets.cross_entropy(logits, batch["codes"], targets)  # [B, W, C]
    # Every position predicts whether the clip ends, the one after its last token included.
    ends = optax.sigmoid_binary_cross_entropy(run(states, method="end_logits"), batch["ends"])
    real = segments > 0
    token = jnp.broadcast_to((real & ~batch["ends"])[..., None], entropy.shape)
    right = soft_targets.is_likeliest(logits, batch["codes"])
    return {
        "code": ((entropy * token).sum(), token.sum()),
        "right": ((right * token).sum(), token.sum()),
        "end": ((ends * real).sum(), real.sum()),
    }
