"""gpu: what a GPT of 60 million parameters in bfloat16 does on one GPU, each with a target.

It takes less than 10 minutes. Targets and stretches are for an H200. Clips are drawn at random and as long
as in real sets; weights are random, too, which changes no time.
"""

import os
import signal
import statistics
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

from signjax.benchmarks import flops, hardware, sample, setup, smoke_runs, timing
from signjax.data import token_rows
from signjax.errors import ConfigError, SignjaxError
from signjax.inference import autoregressive
from signjax.models import quantizers
from signjax.tasks import gpt
from signjax.training import checkpoint, state_hash
from signjax.training.task import Task, make_task

CONFIG = "gpt:large"
SIZES = (60, 8, 1)  # clips of the demo set
LENGTH = 256  # of packed rows, in tokens
VOCABULARY, CODES = 1000, 512
SECONDS, RATE = 10, 6.25  # of a clip, and its tokens a second
TEXT = "hello, where do you live? i live in a small house and work with my friend at school"
LATENTS = 1 << 20
REPEATS = 5  # of saves and of restarts


def measure() -> list[timing.Row]:
    """All figures.

    Raises:
      ConfigError: there is no GPU.
    """
    if jax.default_backend() != "gpu":
        raise ConfigError(f"gpu: jax finds no GPU here, only {jax.devices()[0].device_kind}; run it on one")
    c = smoke_runs.configured(CONFIG)
    c.mesh.shape = (1,)
    half = "product in bfloat16"
    rows = timing.compare({
        "training, one code a token": training(c, 1, timing.Goal("M tokens/s", 1.07, 1.29, _millions)),
        "training, six codes a token": training(c, 6),
        half: hardware.product(2 * hardware.SIDE, jnp.bfloat16),
    })  # fmt: skip
    rows = in_half(rows, half) + decoding(c.model)
    rows += timing.compare({
        "code look-ups, 512 of 32 numbers": lookups(512, 32),
        "code look-ups, 2048 of 384 numbers": lookups(2048, 384),
    })  # fmt: skip
    with setup.home(SIZES) as folder:
        changes = prepared(CONFIG, folder)
        rows += timing.compare({"text to a clip of 10 s": clip(f"{folder}/runs/gpt")})
        return [*rows, stall(CONFIG, changes, folder), restart(CONFIG, changes, folder)]


def in_half(rows: list[timing.Row], product: str) -> list[timing.Row]:
    """The rows with their operations as a share of those of a product in bfloat16, which is one of them."""
    rates = {row.name: row.flops / statistics.median(row.seconds) for row in rows}
    return [
        row._replace(
            flops=0, note=f"{rate / 1e12:.3g} TFLOP/s, {100 * rate / rates[product]:.3g} % of '{product}'"
        )
        for row, rate in zip(rows, rates.values(), strict=True)
    ]


def _millions(seconds: float) -> float:
    return 1e-6 / seconds


def training(c, columns: int, goal: timing.Goal | None = None) -> timing.Run:
    """A step on `c.batch_tokens` tokens in rows packed with clips; a unit is a position that holds one."""
    rng = np.random.default_rng(0)
    lengths = [LENGTH - 1, *drawn_lengths(rng, 3 * c.batch_tokens // LENGTH * 8)]
    codes = [rng.integers(0, CODES, (n, columns)).astype(np.int16) for n in lengths]
    texts = [rng.integers(4, VOCABULARY, max(1, n // 3)).tolist() for n in lengths]
    source = token_rows.TokenRows([codes], texts, seed=0, packings=1)
    count = c.batch_tokens // LENGTH
    rows = [source.draw(i) for i in range(count)]
    batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    model = gpt.GPT(vocabulary=VOCABULARY, columns=columns, codes=CODES, **c.model)
    books = rng.normal(size=(columns, CODES, 32)).astype(np.float32)
    call, _ = setup.steps(c, Task(*gpt.objective(c, model, books), None, None), batch)
    work = flops.gpt_step(c.model, columns, CODES, count, LENGTH, batch["text"].shape[1])
    return timing.Run(call, int((batch["segment"] > 0).sum()), work, goal=goal)


def drawn_lengths(rng, count: int) -> list[int]:
    """Lengths of clips in tokens: their median is 5 s, as in real sets."""
    return np.clip(rng.lognormal(np.log(5 * RATE), 0.65, count), 3, LENGTH - 1).astype(int).tolist()


def decoding(fields) -> list[timing.Row]:
    """Tokens one after another, text encoder included; a unit is a token."""
    one = timing.Goal("us a token", 150, 80, lambda seconds: 1e6 * seconds)
    many = timing.Goal("M tokens/s", 0.6, 0.85, _millions)
    timed, variables = {}, None
    for batch, goal in ((1, one), (256, many)):
        run, variables = sample.sampled(fields, 1, VOCABULARY, autoregressive.Sampler(), batch, variables)
        units = batch * sample.TOKENS
        timed[f"decoding, batch {batch}"] = run._replace(units=units, goal=goal)
    return timing.compare(timed)


def lookups(codes: int, dim: int, count: int = LATENTS) -> timing.Run:
    """The nearest codes of latents, by float32 distances; a unit is a latent."""
    z = jax.random.normal(jax.random.key(0), (count, dim))
    book = jax.random.normal(jax.random.key(1), (codes, dim))
    found, goal = jax.jit(quantizers.nearest), timing.Goal("M/s", 50, 200, _millions)
    return timing.Run(lambda: found(z, book), count, 2 * count * codes * dim, z.nbytes, goal=goal)


def prepared(config: str, folder: str) -> dict:
    """Trains the default tokenizer and a GPT for a step, in `folder`/runs; returns what it changed."""
    tokenizer = setup.trained(setup.config("vqvae", folder, {"num_steps": 1}), f"{folder}/runs/vqvae")
    changes = {"tokenizer": tokenizer, "data.root": f"{folder}/datasets", "mesh.shape": (1,)}
    changes |= {"versions": 1, "log_every": 1}
    setup.trained(setup.config(config, folder, changes | {"num_steps": 1}), f"{folder}/runs/gpt")
    return changes


def clip(workdir: str) -> timing.Run:
    """A text to its poses on the host: tokenizer of texts, GPT, sampling, decoder."""
    generator, count = gpt.load(workdir), round(SECONDS * RATE)
    sampler = autoregressive.Sampler(min_tokens=count, max_tokens=count)
    goal = timing.Goal("ms", 15, 10, lambda seconds: 1e3 * seconds)
    return timing.Run(lambda: gpt.generate(generator, [TEXT], 0, sampler), goal=goal)


def stall(config: str, changes: dict, folder: str) -> timing.Row:
    """For how long training waits when its state is saved; writing goes on beside it."""
    c, workdir, took = setup.config(config, folder, changes), f"{folder}/runs/saves", []
    os.makedirs(workdir)
    task = make_task(c, workdir)
    call, state = setup.steps(c, task, next(iter(task.batches(0))))
    checkpoints = checkpoint.open_run(workdir)
    for step in range(REPEATS + 1):
        jax.block_until_ready(call())
        since = time.perf_counter()
        checkpoint.save(checkpoints.latest, step, state[0], c, {"fingerprint": state_hash.of(state[0])})
        took.append(time.perf_counter() - since)
        checkpoint.wait(checkpoints.latest)
    checkpoint.close(checkpoints)
    goal = timing.Goal("s", 0.2, 0.1, lambda seconds: seconds)
    return timing.Row("training waits for a save", tuple(took[1:]), goal=goal)


def restart(config: str, changes: dict, folder: str) -> timing.Row:
    """From the command line to the first step of a run that goes on, with kept compiled programs."""
    name, _, variant = config.partition(":")
    command = [sys.executable, "-u", "-m", "signjax.main", f"--workdir={folder}/runs/gpt"]
    command += [f"--config=configs/{name}.py:{variant}", *(f"--config.{k}={v}" for k, v in changes.items())]
    took = [first_step(command, folder, step) for step in range(2, REPEATS + 3)]
    goal = timing.Goal("s", 10, 5, lambda seconds: seconds)
    return timing.Row("restart to the first step", tuple(took[1:]), goal=goal)


def first_step(command: list[str], home: str, step: int) -> float:
    """Seconds until a run makes step number `step`; then it is stopped, and saves."""
    since, said = time.perf_counter(), ""
    with subprocess.Popen(
        [*command, f"--config.num_steps={step}"],
        env=os.environ | {"HOME": home},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        for said in run.stdout:
            if said.startswith(f"step {step}/"):
                took = time.perf_counter() - since
                run.send_signal(signal.SIGTERM)
                run.communicate()
                return took
    raise SignjaxError(f"{' '.join(command)} made no step: {said.strip() or 'no message'}")
