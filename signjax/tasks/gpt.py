"""The GPT as a task: the tokens of clips from their texts."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from signjax import demo
from signjax.data import load as splits
from signjax.data import loader, token_rows
from signjax.errors import ConfigError
from signjax.inference import autoregressive, dataset_codes, text_batches, windowed_decoding
from signjax.metrics import base, dtw_distances
from signjax.models.gpt import GPT
from signjax.models.text_conditioning import null_text
from signjax.models.token_head import TokenModel
from signjax.pose.clip import Clip
from signjax.pose.normalization import CANONICAL
from signjax.tasks import soft_targets, vqvae
from signjax.training import checkpoint, dependencies, run_config, text_encoder
from signjax.training.task import Task

WATCHED = 64  # dev clips generated at each evaluation


def build(c, vocabulary: int, tokenizer_config) -> GPT:
    """The GPT of a config, for codes of the tokenizer trained with `tokenizer_config`."""
    columns, codes = vqvae.code_shape(tokenizer_config)
    return GPT(vocabulary=vocabulary, columns=columns, codes=codes, **c.model)


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `tokenizer`, `text`, `model`, `versions`, `tempo` and the rates."""
    generator, rows, dev = prepare(c, workdir, build)

    def signed(variables, texts):
        return generate(generator._replace(variables=variables), texts, c.seed, sampler_of(c))

    learned = objective(c, generator.model, vqvae.codebooks(generator.tokenizer))
    return Task(*learned, *feeds(c, rows), watch(c, dev, signed))


def objective(c, model: GPT, books):
    """`init`, `loss` and `evaluate` of a Task, for rows of signjax.data.token_rows.TokenRows.

    Args:
      c: the config.
      model: see `build`.
      books: [C, K, dim] latents of the codes.
    """
    spread = soft_targets.similar(books, c.smooth)
    targets, mistakes = jnp.asarray(spread), jnp.asarray(soft_targets.draws(spread, c.seed))

    def init(rng, batch):
        variables = model.init(rng, batch["codes"], batch["text"], batch["text_segment"] > 0)
        return {"params": variables["params"] | soft_targets.start_codes(books, model.width, c.seed)}

    def loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "corrupt", "text"), jax.random.split(rng, 3), strict=True))
        batch = drop_texts(batch, keys["text"], c.text_dropout)
        seen = soft_targets.corrupt(batch["codes"], keys["corrupt"], c.corrupt, mistakes)
        terms = _terms(model, variables, batch, seen, keys["dropout"], targets)
        means = {name: total / jnp.maximum(count, 1) for name, (total, count) in terms.items()}
        return means["code"] + c.end_weight * means["end"], (means, {})

    def evaluate(variables, batch):
        weight = batch["weight"][:, None].astype(jnp.int32)
        hidden = batch | {"segment": batch["segment"] * weight}
        return _terms(model, variables, hidden, batch["codes"], None)

    return init, loss, evaluate


def prepare(c, workdir, build):
    """What a task of tokens begins with: (Generator without variables, {split: Rows}, pack of the dev split).

    Args:
      c: the config.
      workdir: of the run; texts and tokens are kept there.
      build: as `build` above.
    """
    tokenizer = vqvae.load(c.tokenizer)
    dependencies.record(workdir, "tokenizer", c.tokenizer, tokenizer.variables)
    train, dev = (vqvae.load_split(tokenizer.config, c.data, split) for split in ("train", "dev"))
    words = text_encoder.prepare(c, workdir, train.texts, dev.texts)
    rows = {}
    for name, pack, versions in (("train", train, c.versions), ("dev", dev, 1)):
        path = f"{workdir}/tokens-{name}.npz"
        codes = dataset_codes.encode_dataset(tokenizer, pack, versions, path, c.tempo, c.seed)
        said = words.encode_all(pack.texts)
        rows[name] = token_rows.TokenRows(codes, said, seed=c.seed, packings=16 if name == "train" else 1)
    return Generator(build(c, words.size, tokenizer.config), None, words, tokenizer), rows, dev


def feeds(c, rows):
    """`batches` and `eval_batches` of a Task, from {split: Rows}."""
    host = {"hosts": jax.process_count(), "host": jax.process_index()}

    def batches(start):
        size = max(1, c.batch_tokens // rows["train"].tokens)
        return loader.stream(rows["train"], size, c.seed, start, **host)

    def eval_batches():
        return loader.once(rows["dev"], c.eval_batch_size, **host)

    return batches, eval_batches


def watch(c, dev, signed):
    """`finish` of a Task: the errors of clips for some dev texts, by `signed(variables, texts)`."""
    chosen = np.unique(np.linspace(0, len(dev) - 1, WATCHED).astype(int))
    watched, recorded = [dev.texts[i] for i in chosen], [dev[i] for i in chosen]

    def finish(variables, evals):
        del evals
        clips = signed(variables, watched)
        made = [Clip(pose, placement=CANONICAL) for pose in clips]
        found = {"dtw": base.value(dtw_distances.dtw_mje(recorded, made))}
        if splits.readable(c.data):
            found["wer"] = word_error_rate(watched, clips)
        return found | {"score": found.get("wer", found["dtw"])}

    return finish


class Generator(NamedTuple):
    """A trained model of tokens with all that it takes to turn texts into poses."""

    model: TokenModel
    variables: Any
    words: Any  # reads texts, see signjax.training.text_encoder
    tokenizer: vqvae.Tokenizer


def load(workdir, build=build) -> Generator:
    """Loads a run for `sign`.

    Raises:
      StorageError: nothing was trained in workdir; the message has the command that does.
      ConfigError: its tokenizer was trained again.
    """
    variables, _ = checkpoint.load_variables(workdir)
    c = run_config.load_config(f"{workdir}/config.json")
    words = text_encoder.load(workdir, c)
    folder = dependencies.find(workdir, "tokenizer", c.tokenizer)
    tokenizer = vqvae.load(folder)
    dependencies.check(workdir, "tokenizer", folder, tokenizer.variables)
    return Generator(build(c, words.size, tokenizer.config), variables, words, tokenizer)


def write(
    generator: Generator, texts, seed: int, sampler, batch_size: int = 64, sample=autoregressive.sample
):
    """Yields the motion tokens of texts, batch by batch, those of short texts first.

    They depend on their text, its place in `texts`, the seed and the sampler, and on nothing else.

    Args:
      generator: see `load`.
      texts: n texts.
      seed: decides all random choices.
      sampler: how codes are chosen.
      batch_size: how many are sampled at once.
      sample: see signjax.inference.autoregressive.sample.

    Yields:
      (places in `texts`, a sequence of codes [N, C] for each, N at least 1).

    Raises:
      DataError: a text has nothing to sign in it.
    """
    for places, ids, mask, keys in text_batches.batches(generator.words, texts, seed, batch_size):
        found = sample(generator.model, generator.variables, ids, mask, keys, sampler)
        codes, lengths = map(np.asarray, found)
        yield places, [codes[k, : lengths[k]] for k in range(len(places))]


def sign(generator: Generator, texts, seed: int, sampler, batch_size: int = 64, sample=autoregressive.sample):
    """Yields clips as soon as they are there: `write`, then the tokenizer's decoder.

    Yields:
      (places in `texts`, a canonical pose [T, J, 3] for each, T a multiple of the tokenizer's stride).
    """
    for places, codes in write(generator, texts, seed, sampler, batch_size, sample):
        yield places, vqvae.decode(generator.tokenizer, codes, batch_size)


def stream(generator: Generator, said: str, seed: int, sampler: autoregressive.Sampler, tokens: int = 4):
    """Yields the frames of a text's clip while it is being written.

    Args:
      generator: see `load`.
      said: the text.
      seed: decides all random choices.
      sampler: how codes are chosen.
      tokens: written at a time; fewer show frames earlier.

    Yields:
      Canonical poses [t, J, 3]; joined they are, bit for bit, the clip that `generate` gives for [said].

    Raises:
      DataError: the text has nothing to sign in it.
      ConfigError: the tokenizer decodes whole clips only.
    """
    tokenizer = generator.tokenizer
    if not vqvae.by_window(tokenizer):
        raise ConfigError("the run's tokenizer decodes whole clips only; train one of configs/vqvae.py")

    def arriving():
        [(_, ids, mask, keys)] = text_batches.batches(generator.words, [said], seed, 1)
        model, variables = generator.model, generator.variables
        memory, state = autoregressive.begin(model, variables, ids, mask, sampler)
        for until in range(tokens, sampler.max_tokens + tokens, tokens):
            state = autoregressive.advance(model, variables, memory, state, keys, until, sampler)
            done = bool(state.done[0]) or until >= sampler.max_tokens
            yield np.asarray(state.codes[0, : int(state.length[0])]), done
            if done:
                return

    decode = functools.partial(tokenizer.decode, tokenizer.variables)
    yield from windowed_decoding.stream(decode, arriving(), tokenizer.reach)


def generate(generator: Generator, texts, seed: int, sampler, batch_size: int = 64) -> list:
    """The clips of `sign`, in the order of their texts."""
    return text_batches.gather(sign(generator, texts, seed, sampler, batch_size), len(texts))


def decode(generator: Generator, codes) -> list[np.ndarray]:
    """Sequences of codes [N, C] to canonical poses, see signjax.tasks.vqvae.decode."""
    return vqvae.decode(generator.tokenizer, codes)


def encode(generator: Generator, pack) -> list[np.ndarray]:
    """The codes [N, C] of every clip of a pack."""
    return vqvae.encode(generator.tokenizer, pack)


def reconstruct(generator: Generator, pack) -> list[np.ndarray]:
    """Every clip of a pack through the tokenizer: the best that any codes could give."""
    return vqvae.reconstruct(generator.tokenizer, pack)


def codebook_sample(generator: Generator, pack, seed: int) -> dict:
    """Use of the tokenizer's codebooks, see signjax.tasks.vqvae.codebook_sample."""
    return vqvae.codebook_sample(generator.tokenizer, pack, seed)


def sampler_of(c, **changes) -> autoregressive.Sampler:
    """The sampler of a config, with changes.

    Raises:
      ConfigError: its clips can be of no length, or a change is not of a GPT.
    """
    sampler = run_config.sampler(autoregressive.Sampler, c, changes)
    low, high = sampler.min_tokens, sampler.max_tokens
    if not 1 <= low <= high:
        raise ConfigError(f"min_tokens is {low}, max_tokens {high}; give 1 <= min_tokens <= max_tokens")
    return sampler


def word_error_rate(texts, clips) -> float:
    """Word error rate of clips [T, 50, 3] against their texts, by the demo language's reader."""
    pairs = [
        demo.count_word_errors(demo.normalize_text(t), demo.read_signs(np.asarray(clip)))
        for t, clip in zip(texts, clips, strict=True)
    ]
    return sum(errors for errors, _ in pairs) / sum(length for _, length in pairs)


def drop_texts(batch, rng, rate: float):
    """The batch with a share of its texts replaced by the text of no text, for classifier-free guidance."""
    segments = batch["text_segment"]  # [B, L]
    most = segments.shape[1] + 1
    dropped = jax.random.bernoulli(rng, rate, (segments.shape[0], most))
    dropped = jnp.take_along_axis(dropped, segments, axis=1)  # [B, L]
    hide = dropped & (batch["text_position"] > 0)
    said = batch["text"]
    ids = jnp.where(jnp.expand_dims(dropped, range(2, said.ndim)), null_text(said), said)
    return batch | {"text": ids, "text_segment": jnp.where(hide, 0, segments)}


def _terms(model, variables, batch, seen, dropout, targets=None) -> dict:
    """Cross entropies of codes and ends, and the share of codes guessed right: {name: (sum, count)}.

    Args:
      model: the GPT.
      variables: its params.
      batch: rows, see signjax.data.token_rows.TokenRows.
      seen: [B, W, C] what the transformer sees of the codes.
      dropout: key for training, None for evaluation.
      targets: [C, K, K] what to predict instead of each code, None for the code itself.
    """
    train = dropout is not None
    run = functools.partial(model.apply, variables, rngs={"dropout": dropout} if train else {})
    segments, belongs = batch["segment"], batch["text_segment"]
    memory = run(batch["text"], belongs > 0, belongs, batch["text_position"], train, method="encode_text")
    states = run(
        seen, memory, segments, batch["position"], belongs, train, method="compute_states"
    )  # [B, W, D]
    logits = run(states, batch["codes"], method="code_logits")  # [B, W, C, K]
    entropy = soft_targets.entropy(logits, batch["codes"], targets)  # [B, W, C]
    ends = optax.sigmoid_binary_cross_entropy(run(states, method="end_logits"), batch["ends"])
    real = segments > 0
    token = jnp.broadcast_to((real & ~batch["ends"])[..., None], entropy.shape)
    right = jnp.argmax(logits, axis=-1) == batch["codes"]
    return {
        "code": ((entropy * token).sum(), token.sum()),
        "right": ((right * token).sum(), token.sum()),
        "end": ((ends * real).sum(), real.sum()),
    }
