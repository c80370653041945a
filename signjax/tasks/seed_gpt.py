"""Training of the original project's GPT: tokens of one code, from texts encoded by a pretrained encoder."""

from signjax.tasks import batches, gpt
from signjax.tasks.preview import make_preview
from signjax.tasks.token_run import prepare_token_run
from signjax.training.task import Task


def make_task(config, workdir) -> Task:
    """Makes the task of a config, see signjax.tasks.gpt.make_task."""
    run = prepare_token_run(config, workdir)
    model = run.generator.model
    spans = run.generator.text_encoder.condition_spans
    objective = gpt.make_objective(config, model, run.generator.tokenizer.codebooks, spans)

    def init_variables(rng, batch):
        # As in the original project, embeddings begin at random: a point of reference gets none of our
        # improvements.
        return model.init(rng, batch["codes"], batch["text"], batch["text_segment"] > 0)

    return Task(
        init=init_variables,
        loss=objective.loss,
        evaluate=objective.evaluate,
        batches=batches.stream_rows(config, run.train),
        eval_batches=batches.iterate_dev_rows(config, run.dev),
        finish=make_preview(run.generator, run.dev_clips),
    )
