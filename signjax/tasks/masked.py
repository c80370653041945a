"""Training of the masked model: texts and some of a clip's tokens to the other tokens."""

import functools

import jax
import jax.numpy as jnp

from signjax.tasks import batches, soft_targets
from signjax.tasks.preview import make_preview
from signjax.tasks.row_times import measure_row_times
from signjax.tasks.token_run import drop_texts, prepare_token_run
from signjax.training.task import Task


def make_task(config, workdir) -> Task:
    """The task of a config; reads `model`, the rates, and what `prepare_token_run` names."""
    run = prepare_token_run(config, workdir)
    model, codebooks = run.generator.model, run.generator.tokenizer.codebooks
    spans = run.generator.text_encoder.condition_spans
    spread = soft_targets.make_soft_targets(codebooks, config.smooth)
    targets, neighbours = (
        jnp.asarray(spread),
        jnp.asarray(soft_targets.sample_neighbours(spread, config.seed)),
    )

    def init_variables(rng, batch):
        mask, texts = batch["segment"] > 0, batch["text_segment"] > 0
        params = model.init(rng, batch["codes"], mask, mask, batch["text"], texts)["params"]
        return {"params": params | soft_targets.init_code_embeddings(codebooks, model.width, config.seed)}

    def compute_loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "corrupt", "text", "hide"), jax.random.split(rng, 4), strict=True))
        batch = drop_texts(batch, keys["text"], config.text_dropout, spans)
        seen = soft_targets.corrupt_codes(batch["codes"], keys["corrupt"], config.corrupt, neighbours)
        hidden = draw_hidden_tokens(batch, keys["hide"])
        terms = losses_and_metrics(model, variables, batch, seen, hidden, keys["dropout"], targets)
        means = batches.mean_terms(terms)
        return means["code"] + config.length_weight * means["length"], (means, {})

    def evaluate_batch(variables, batch):
        # Rows of weight 0 only fill the batch: without segments they count nowhere.
        batch = batch | {"segment": batch["segment"] * batch["weight"][:, None].astype(jnp.int32)}
        # The same tokens at every evaluation, so that their losses can be compared.
        hidden = draw_hidden_tokens(batch, jax.random.key(0))
        return losses_and_metrics(model, variables, batch, batch["codes"], hidden, None)

    return Task(
        init=init_variables,
        loss=compute_loss,
        evaluate=evaluate_batch,
        batches=batches.stream_rows(config, run.train),
        eval_batches=batches.iterate_dev_rows(config, run.dev),
        finish=make_preview(run.generator, run.dev_clips),
    )


def draw_hidden_tokens(batch, rng):
    """Draws which tokens to hide, [B, W] bool: each with a probability that is drawn for its clip."""
    # The cosine of a uniform angle, as in MaskGIT: the shares that the passes of sampling leave hidden.
    segments = batch["segment"]
    angles, coins = jax.random.split(rng)
    # As many angles as a row can have clips, and one for its padding.
    drawn = jax.random.uniform(angles, (segments.shape[0], segments.shape[1] + 1), maxval=jnp.pi / 2)
    shares = jnp.cos(jnp.take_along_axis(drawn, segments, axis=1))  # [B, W]
    return (segments > 0) & ~batch["ends"] & (jax.random.uniform(coins, segments.shape) < shares)


def losses_and_metrics(model, variables, batch, seen, hidden, dropout, targets=None) -> dict:
    """Cross entropies of hidden codes, share predicted right, errors of lengths: {name: (sum, count)}.

    Args:
      model: the model.
      variables: its params.
      batch: rows, see signjax.data.token_rows.TokenRows.
      seen: [B, W, C] the codes that the model gets as input where they are not hidden.
      hidden: [B, W] see `draw_hidden_tokens`.
      dropout: key for training, None for evaluation.
      targets: [C, K, K] what to predict instead of each code, None for the code itself.
    """
    train = dropout is not None
    run = functools.partial(model.apply, variables, rngs={"dropout": dropout} if train else {})
    segments, text_segments = batch["segment"], batch["text_segment"]
    text = batch["text"], text_segments > 0, text_segments, batch["text_position"]
    encoded = run(*text, train, method="encode_text")
    times, lengths = measure_row_times(batch, encoded)
    token = (segments > 0) & ~batch["ends"]
    states = run(
        seen, hidden, token, encoded, times, (segments, text_segments), train, method="compute_states"
    )  # [B, W, D]
    logits = run(states, batch["codes"], method="code_logits")  # [B, W, C, K]
    entropy = soft_targets.cross_entropy(logits, batch["codes"], targets)  # [B, W, C]
    # Only hidden tokens count: the others stand in the input.
    counted = jnp.broadcast_to(hidden[..., None], entropy.shape)
    right = soft_targets.is_likeliest(logits, batch["codes"])
    return {
        "code": ((entropy * counted).sum(), counted.sum()),
        "right": ((right * counted).sum(), counted.sum()),
        "length": lengths,
    }
