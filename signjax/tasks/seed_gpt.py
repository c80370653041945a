"""The seed's GPT as a task: one code a token, from texts that a pretrained encoder reads."""

from signjax.errors import ConfigError
from signjax.inference.autoregressive import Sampler
from signjax.models.seed_gpt import SeedGPT
from signjax.tasks import gpt, vqvae
from signjax.training.task import Task

decode, encode, reconstruct, codebook_sample = gpt.decode, gpt.encode, gpt.reconstruct, gpt.codebook_sample
write, sign, generate = gpt.write, gpt.sign, gpt.generate


def build(c, vocabulary: int, tokenizer_config) -> SeedGPT:
    """The GPT of a config, for codes of the tokenizer trained with `tokenizer_config`.

    Raises:
      ConfigError: texts are not read by an encoder, or a token has several codes.
    """
    columns, codes = vqvae.code_shape(tokenizer_config)
    if vocabulary:
        raise ConfigError("text.encoder is empty; the seed's GPT reads by one, such as bert-base-uncased")
    if columns > 1:
        raise ConfigError(
            f"tokenizer: {c.tokenizer} has {columns} codes a token; the seed's GPT takes one, as "
            "configs/vqvae.py:seed has"
        )
    return SeedGPT(codes=codes, **c.model)


def make(c, workdir) -> Task:
    """The task of a config, see signjax.tasks.gpt.make."""
    generator, rows, dev = gpt.prepare(c, workdir, build)
    model = generator.model
    _, loss, evaluate = gpt.objective(c, model, vqvae.codebooks(generator.tokenizer))

    def init(rng, batch):
        return model.init(rng, batch["codes"], batch["text"], batch["text_segment"] > 0)

    def signed(variables, texts):
        return generate(generator._replace(variables=variables), texts, c.seed, sampler_of(c))

    return Task(init, loss, evaluate, *gpt.feeds(c, rows), gpt.watch(c, dev, signed))


def load(workdir) -> gpt.Generator:
    """Loads a run for `sign`, see signjax.tasks.gpt.load."""
    return gpt.load(workdir, build)


def sampler_of(c, **changes) -> Sampler:
    """The sampler of a config, with changes.

    Raises:
      ConfigError: as of a GPT, or guidance by a model that never saw a clip without its text.
    """
    sampler = gpt.sampler_of(c, **changes)
    if sampler.guidance != 1 and not c.text_dropout:
        raise ConfigError(f"guidance is {sampler.guidance:g}; this model knows texts only: give 1")
    return sampler
