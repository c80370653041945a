"""The GPT as a task: the tokens of clips from their texts."""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from signjax import checkpoint, demo, sampling, text
from signjax import config as configs
from signjax.data import pipeline
from signjax.errors import ConfigError
from signjax.metrics import distances, score
from signjax.models.gpt import GPT
from signjax.task import Task
from signjax.tasks import needs, splits, tokens, vqvae

WATCHED = 64  # dev clips generated at each evaluation


def build(c, vocabulary: int, tokenizer_config) -> GPT:
    """The GPT of a config, for codes of the tokenizer trained with `tokenizer_config`."""
    columns, codes = vqvae.code_shape(tokenizer_config)
    return GPT(vocabulary=vocabulary, columns=columns, codes=codes, **c.model)


def make(c, workdir) -> Task:
    """The task of a config; reads `data`, `tokenizer`, `text`, `model`, `versions`, `tempo` and the rates."""
    tokenizer = vqvae.load(c.tokenizer)
    needs.record(workdir, "tokenizer", c.tokenizer, tokenizer.variables)
    train, dev = splits.load(c.data, "train"), splits.load(c.data, "dev")
    words = text_tokenizer(c, workdir, train.texts)
    model = build(c, words.size, tokenizer.config)
    rows = {}
    for name, pack, versions in (("train", train, c.versions), ("dev", dev, 1)):
        path = f"{workdir}/tokens-{name}.npz"
        codes = tokens.encode_split(tokenizer, pack, versions, path, c.tempo, c.seed)
        ids = [words.encode(t) for t in pack.texts]
        rows[name] = tokens.Rows(codes, ids, seed=c.seed, packings=16 if name == "train" else 1)
    host = {"hosts": jax.process_count(), "host": jax.process_index()}
    books = vqvae.codebooks(tokenizer)
    spread = similar(books, c.smooth)
    targets, mistakes = jnp.asarray(spread), jnp.asarray(draws(spread, c.seed))

    def init(rng, batch):
        variables = model.init(rng, batch["codes"], batch["text"], batch["text_segment"] > 0)
        return {"params": variables["params"] | start_codes(books, model.width, c.seed)}

    def loss(variables, batch, rng, step):
        del step
        keys = dict(zip(("dropout", "corrupt", "text"), jax.random.split(rng, 3), strict=True))
        batch = drop_texts(batch, keys["text"], c.text_dropout)
        seen = corrupt(batch["codes"], keys["corrupt"], c.corrupt, mistakes)
        terms = _terms(model, variables, batch, seen, keys["dropout"], targets)
        means = {name: total / jnp.maximum(count, 1) for name, (total, count) in terms.items()}
        return means["code"] + c.end_weight * means["end"], (means, {})

    def evaluate(variables, batch):
        weight = batch["weight"][:, None].astype(jnp.int32)
        hidden = batch | {"segment": batch["segment"] * weight}
        return _terms(model, variables, hidden, batch["codes"], None)

    def batches(start):
        size = max(1, c.batch_tokens // rows["train"].tokens)
        return pipeline.stream(rows["train"], size, c.seed, start, **host)

    def eval_batches():
        return pipeline.once(rows["dev"], c.eval_batch_size, **host)

    generator = Generator(model, None, words, tokenizer)
    chosen = np.unique(np.linspace(0, len(dev) - 1, WATCHED).astype(int))
    watched, recorded = [dev.texts[i] for i in chosen], splits.motions(dev, chosen)

    def finish(variables, evals):
        del evals
        clips = generate(generator._replace(variables=variables), watched, c.seed, sampler_of(c))
        made = [score.whole(clip) for clip in clips]
        found = {"dtw": score.value(distances.dtw_mje(recorded, made))}
        if splits.readable(c.data):
            found["wer"] = word_error_rate(watched, clips)
        return found | {"score": found.get("wer", found["dtw"])}

    return Task(init, loss, evaluate, batches, eval_batches, finish)


class Generator(NamedTuple):
    """A trained GPT with all that it takes to turn texts into poses."""

    model: GPT
    variables: Any
    words: text.TextTokenizer
    tokenizer: vqvae.Tokenizer


def load(workdir) -> Generator:
    """Loads a run for `generate`.

    Raises:
      StorageError: nothing was trained in workdir; the message has the command that does.
      ConfigError: its tokenizer was trained again.
    """
    variables, _ = checkpoint.load_variables(workdir)
    c = configs.load_config(f"{workdir}/config.json")
    words = text.load(f"{workdir}/text.json")
    folder = needs.find(workdir, "tokenizer", c.tokenizer)
    tokenizer = vqvae.load(folder)
    needs.check(workdir, "tokenizer", folder, tokenizer.variables)
    return Generator(build(c, words.size, tokenizer.config), variables, words, tokenizer)


def write(generator: Generator, texts, seed: int, sampler: sampling.Sampler, batch_size: int = 64):
    """Writes the motion tokens of each text.

    They depend on their text, its place in `texts`, the seed and the sampler, and on nothing else.

    Args:
      generator: see `load`.
      texts: n texts.
      seed: decides all random choices.
      sampler: how codes are chosen.
      batch_size: how many are sampled at once.

    Returns:
      n sequences of codes [N, C], N at least 1.

    Raises:
      DataError: a text has nothing to sign in it.
    """
    keys = jax.vmap(jax.random.fold_in, (None, 0))(jax.random.key(seed), np.arange(len(texts)))
    encoded = [generator.words.encode(t) for t in texts]  # all at first: a bad one is found at once
    written = []
    for start in range(0, len(texts), batch_size):
        part = encoded[start : start + batch_size]
        rows = min(batch_size, 1 << (len(part) - 1).bit_length())  # few batch shapes, few compilations
        index = np.minimum(np.arange(rows), len(part) - 1)
        ids, mask = text.stack(part)
        codes, lengths = sampling.sample(
            generator.model, generator.variables, ids[index], mask[index], keys[start + index], sampler
        )
        codes, lengths = np.asarray(codes), np.asarray(lengths)
        written += [codes[k, : lengths[k]] for k in range(len(part))]
    return written


def generate(generator: Generator, texts, seed: int, sampler: sampling.Sampler, batch_size: int = 64):
    """Generates a clip for each text: `write`, then the tokenizer's decoder.

    Returns:
      n canonical poses [T, 50, 3], T a multiple of the tokenizer's stride, at least one token.
    """
    written = write(generator, texts, seed, sampler, batch_size)
    return vqvae.decode(generator.tokenizer, written, batch_size)


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


def sampler_of(c, **changes) -> sampling.Sampler:
    """The sampler of a config, with changes.

    Raises:
      ConfigError: its clips can be of no length.
    """
    sampler = sampling.Sampler(**{**c.sampler, **changes})
    low, high = sampler.min_tokens, sampler.max_tokens
    if not 1 <= low <= high:
        raise ConfigError(f"min_tokens is {low}, max_tokens {high}; give 1 <= min_tokens <= max_tokens")
    return sampler


def word_error_rate(texts, clips) -> float:
    """Word error rate of clips [T, 50, 3] against their texts, by the demo language's reader."""
    pairs = [
        demo.word_errors(demo.normalize(t), demo.read(np.asarray(clip)))
        for t, clip in zip(texts, clips, strict=True)
    ]
    return sum(errors for errors, _ in pairs) / sum(length for _, length in pairs)


def corrupt(codes, rng, rate: float, mistakes):
    """Codes [B, N, C] as a model that has written them itself would see them.

    Every code is drawn anew among those similar to it, and a share of the tokens is replaced at random
    (T2M-GPT, Zhang et al. 2023): the model learns to go on after its own errors, and to look at the text,
    since it cannot recite a clip it has half seen. Each row of the batch has a rate of its own, between 0
    and twice `rate`.

    Args:
      codes: [B, N, C].
      rng: key.
      rate: mean share of the tokens replaced.
      mistakes: see `draws`.
    """
    near, how, where, what = jax.random.split(rng, 4)
    columns, size, count = mistakes.shape
    which = jax.random.randint(near, codes.shape, 0, count)
    codes = mistakes[jnp.arange(columns), codes, which]
    rates = jax.random.uniform(how, (codes.shape[0], 1, 1), maxval=2 * rate)
    noise = jax.random.randint(what, codes.shape, 0, size)
    return jnp.where(jax.random.bernoulli(where, rates, (*codes.shape[:2], 1)), noise, codes)


def draws(spread, seed: int, count: int = 32) -> np.ndarray:
    """Codes [C, K, count] drawn from the distributions [C, K, K] of `similar`."""
    rng = np.random.default_rng((seed, 5))
    below = np.cumsum(spread, axis=-1)  # [C, K, K]
    found = [[np.searchsorted(row, rng.random(count) * row[-1]) for row in column] for column in below]
    return np.minimum(np.array(found), spread.shape[-1] - 1).astype(np.int32)


def similar(books, spread: float) -> np.ndarray:
    """Soft targets [C, K, K]: a code and those that stand for nearly the same latent.

    Which of two near codes a frame gets is chance; learning both from either is learning from more data.

    Args:
      books: [C, K, dim] latents of the codes.
      spread: perplexity of the targets, in codes; 1 for the code itself.
    """
    size = books.shape[1]
    result = np.broadcast_to(np.eye(size, dtype=np.float32), (len(books), size, size)).copy()
    for column, book in enumerate(books if spread > 1 else ()):
        book = book.astype(np.float64)
        distance = ((book[:, None] - book[None]) ** 2).sum(-1)  # [K, K]
        low, high = 1e-6 * distance.mean(), distance.mean()
        for _ in range(30):  # bisection of the width, on a logarithmic scale
            width = np.sqrt(low * high)
            chance = np.exp(-distance / width)
            chance /= chance.sum(1, keepdims=True)
            perplexity = np.exp(-(chance * np.log(chance + 1e-30)).sum(1).mean())
            low, high = (width, high) if perplexity < spread else (low, width)
        result[column] = chance
    return result


def start_codes(books, width: int, seed: int) -> dict:
    """First values of the code embeddings and of the output layer: near codes start near each other.

    Args:
      books: [C, K, dim] latents of the codes.
      width: D of the GPT.
      seed: of the random projections.
    """
    rng = np.random.default_rng((seed, 4))
    columns, size, dim = books.shape
    unit = (books - books.mean(1, keepdims=True)) / (books.std(1, keepdims=True) + 1e-6)

    def project():
        return np.einsum("ckz,czd->ckd", unit, rng.normal(size=(columns, dim, width)) / np.sqrt(dim))

    tables = [jnp.asarray(0.02 * project().reshape(columns * size, width), jnp.float32) for _ in range(2)]
    out = jnp.asarray(project().swapaxes(1, 2) / np.sqrt(width), jnp.float32)
    return {
        "code_embedding": {"embedding": tables[0]},
        "depth_embedding": {"embedding": tables[1]},
        "depth_out": out,
    }


def drop_texts(batch, rng, rate: float):
    """The batch with a share of its texts replaced by the text of no text, for classifier-free guidance."""
    segments = batch["text_segment"]  # [B, L]
    most = segments.shape[1] + 1
    dropped = jax.random.bernoulli(rng, rate, (segments.shape[0], most))
    dropped = jnp.take_along_axis(dropped, segments, axis=1)  # [B, L]
    hide = dropped & (batch["text_position"] > 0)
    ids = jnp.where(dropped, text.NULL, batch["text"])
    return batch | {"text": ids, "text_segment": jnp.where(hide, 0, segments)}


def _terms(model, variables, batch, seen, dropout, targets=None) -> dict:
    """Cross entropies of codes and ends, and the share of codes guessed right: {name: (sum, count)}.

    Args:
      model: the GPT.
      variables: its params.
      batch: rows, see signjax.tasks.tokens.Rows.
      seen: [B, W, C] what the transformer sees of the codes.
      dropout: key for training, None for evaluation.
      targets: [C, K, K] what to predict instead of each code, None for the code itself.
    """
    train = dropout is not None
    run = functools.partial(model.apply, variables, rngs={"dropout": dropout} if train else {})
    segments, belongs = batch["segment"], batch["text_segment"]
    memory = run(
        batch["text"], belongs > 0, belongs, batch["text_position"], train, method="encode_text"
    )
    states = run(
        seen, memory, segments, batch["position"], belongs, train, method="states"
    )  # [B, W, D]
    logits = run(states, batch["codes"], method="code_logits")  # [B, W, C, K]
    if targets is None:
        entropy = optax.softmax_cross_entropy_with_integer_labels(logits, batch["codes"])
    else:
        soft = targets[jnp.arange(model.columns), batch["codes"]]  # [B, W, C, K]
        entropy = optax.softmax_cross_entropy(logits, soft)
    ends = optax.sigmoid_binary_cross_entropy(run(states, method="end_logits"), batch["ends"])
    real = segments > 0
    token = jnp.broadcast_to((real & ~batch["ends"])[..., None], entropy.shape)
    right = jnp.argmax(logits, axis=-1) == batch["codes"]
    return {
        "code": ((entropy * token).sum(), token.sum()),
        "right": ((right * token).sum(), token.sum()),
        "end": ((ends * real).sum(), real.sum()),
    }


def text_tokenizer(c, workdir, texts) -> text.TextTokenizer:
    """The run's text tokenizer, fitted on the training texts when the run is new."""
    path = f"{workdir}/text.json"
    if checkpoint.last_step(workdir, "latest") is not None:
        return text.load(path)
    words = text.fit(texts, c.text.min_count)  # a file that is there is of a start that came to nothing
    if jax.process_index() == 0:
        words.save(path)
    return words
