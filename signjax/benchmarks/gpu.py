"""gpu: the speed of a GPT of 60 million parameters in bfloat16 on one GPU, each figure with a target.

It takes less than 10 minutes. Targets and stretches are for an H200. Clips are drawn at random and as long
as in real sets; weights are random, too, which changes no time.
"""

import statistics

import jax
import jax.numpy as jnp
import numpy as np

from signjax.benchmarks import flops, hardware, restarts, sample, setup, timing
from signjax.data import token_rows
from signjax.errors import ConfigError
from signjax.inference import autoregressive
from signjax.inference.load import load_text_to_pose
from signjax.models import quantizers
from signjax.models.gpt import GPT
from signjax.tasks import gpt
from signjax.training.configs import get_config
from signjax.training.task import Task

CONFIG = "gpt:large"
SIZES = (60, 8, 1)  # clips of the demo set in train, dev and test
LENGTH = 256  # of packed rows, in tokens
VOCABULARY, CODES = 1000, 512
SECONDS, RATE = 10, 6.25  # of a clip, and its tokens a second
TEXT = "hello, where do you live? i live in a small house and work with my friend at school"
# So many that the product fills the device.
LATENTS = 1 << 20


def measure_gpu() -> list[timing.Measurement]:
    """All figures.

    Raises:
      ConfigError: there is no GPU.
    """
    if jax.default_backend() != "gpu":
        raise ConfigError(f"gpu: jax finds no GPU here, only {jax.devices()[0].device_kind}; run it on one")
    c = get_config(CONFIG)
    # One device, as the targets are for one.
    c.mesh.shape = (1,)
    goal, product = timing.Goal("M tokens/s", 1.07, 1.29, _millions_a_second), "product in bfloat16"
    training = timing.compare_workloads({
        "training, one code a token": make_training_workload(c, 1, goal),
        "training, six codes a token": make_training_workload(c, 6),
        # A float32 product, the peak of the other subjects, is far below what bfloat16 units do.
        product: hardware.make_product_workload(2 * hardware.SIDE, jnp.bfloat16),
    })  # fmt: skip
    lookups = timing.compare_workloads({
        "code look-ups, 512 of 32 numbers": make_lookup_workload(512, 32),
        "code look-ups, 2048 of 384 numbers": make_lookup_workload(2048, 384),
    })  # fmt: skip
    measured = relate_to_product(training, product) + measure_decoding(c.model) + lookups
    return measured + _measure_runs()


def _measure_runs() -> list[timing.Measurement]:
    """What takes a run in a folder: generation from text, saving, and starting again."""
    with setup.make_home(SIZES) as folder:
        changes = prepare_runs(CONFIG, folder)
        generation = make_generation_workload(f"{folder}/runs/gpt")
        return [
            *timing.compare_workloads({"text to a clip of 10 s": generation}),
            restarts.measure_save_stall(CONFIG, changes, folder),
            restarts.measure_restart(CONFIG, changes, folder),
        ]


def relate_to_product(rows: list[timing.Measurement], product: str) -> list[timing.Measurement]:
    """Rows whose notes say their rate as a share of that of a matrix product, which is one of them."""
    rates = {row.name: row.flops / statistics.median(row.seconds) for row in rows}
    return [
        row._replace(
            # Otherwise the report would add a share of the float32 peak, which bfloat16 exceeds.
            flops=0,
            note=f"{rate / 1e12:.3g} TFLOP/s, {100 * rate / rates[product]:.3g} % of '{product}'",
        )
        for row, rate in zip(rows, rates.values(), strict=True)
    ]


def _millions_a_second(seconds: float) -> float:
    return 1e-6 / seconds


def make_training_workload(c, columns: int, goal: timing.Goal | None = None) -> timing.Workload:
    """A step on `c.batch_tokens` tokens in rows packed with clips; a unit is a position that holds one."""
    rng = np.random.default_rng(0)
    # Many more clips than the batch holds, so that packing fills rows as it does in a large data set; one of
    # them as long as a row, so that rows are of that length.
    lengths = [LENGTH - 1, *draw_lengths(rng, 3 * c.batch_tokens // LENGTH * 8)]
    codes = [rng.integers(0, CODES, (n, columns)).astype(np.int16) for n in lengths]
    texts = [rng.integers(4, VOCABULARY, max(1, n // 3)).tolist() for n in lengths]
    source = token_rows.TokenRows([codes], texts, seed=0, packings=1)
    count = c.batch_tokens // LENGTH
    rows = [source.make_example(i) for i in range(count)]
    batch = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    model = GPT(vocabulary=VOCABULARY, columns=columns, codes=CODES, **c.model)
    codebooks = rng.normal(size=(columns, CODES, 32)).astype(np.float32)
    objective = gpt.make_objective(c, model, codebooks)
    task = Task(**objective._asdict(), batches=None, eval_batches=None)
    step, _ = setup.make_step_call(c, task, batch)
    work = flops.count_gpt_step(c.model, columns, CODES, count, LENGTH, batch["text"].shape[1])
    # Padding at the ends of rows is work without use: only positions that hold a token count.
    return timing.Workload(step, int((batch["segment"] > 0).sum()), work, goal=goal)


def draw_lengths(rng, count: int) -> list[int]:
    """Lengths of clips in tokens: their median is 5 s, as in real sets."""
    # Log-normal, as lengths of sentences are: many short clips, and a few of three times the median.
    return np.clip(rng.lognormal(np.log(5 * RATE), 0.65, count), 3, LENGTH - 1).astype(int).tolist()


def measure_decoding(fields) -> list[timing.Measurement]:
    """Tokens one after another, text encoder included; a unit is a token."""
    one = timing.Goal("us a token", 150, 80, lambda seconds: 1e6 * seconds)
    many = timing.Goal("M tokens/s", 0.6, 0.85, _millions_a_second)
    workloads, variables = {}, None
    for batch, goal in ((1, one), (256, many)):
        workload, variables = sample.make_sampling_workload(
            fields, 1, VOCABULARY, autoregressive.Sampler(), batch, variables
        )
        units = batch * sample.TOKENS
        workloads[f"decoding, batch {batch}"] = workload._replace(units=units, goal=goal)
    return timing.compare_workloads(workloads)


def make_lookup_workload(codes: int, dim: int, count: int = LATENTS) -> timing.Workload:
    """The nearest codes of latents, by float32 distances; a unit is a latent."""
    z = jax.random.normal(jax.random.key(0), (count, dim))
    codebook = jax.random.normal(jax.random.key(1), (codes, dim))
    find_nearest, goal = jax.jit(quantizers.nearest_codes), timing.Goal("M/s", 50, 200, _millions_a_second)
    return timing.Workload(
        lambda: find_nearest(z, codebook), count, 2 * count * codes * dim, z.nbytes, goal=goal
    )


def prepare_runs(config: str, folder: str) -> dict:
    """Trains the default tokenizer and a GPT for a step in folder/runs; returns its config changes."""
    tokenizer = setup.train_run(setup.make_config("vqvae", folder, {"num_steps": 1}), f"{folder}/runs/vqvae")
    changes = {"tokenizer": tokenizer, "data.root": f"{folder}/datasets", "mesh.shape": (1,)}
    changes |= {"versions": 1, "log_every": 1}
    setup.train_run(setup.make_config(config, folder, changes | {"num_steps": 1}), f"{folder}/runs/gpt")
    return changes


def make_generation_workload(workdir: str) -> timing.Workload:
    """A text to its poses on the host: tokenizer of texts, GPT, sampling, decoder."""
    generator, count = load_text_to_pose(workdir), round(SECONDS * RATE)
    # As many tokens as 10 s of signing have: a model of one training step would end anywhere.
    sampling = autoregressive.Sampler(min_tokens=count, max_tokens=count)._asdict()
    goal = timing.Goal("ms", 15, 10, lambda seconds: 1e3 * seconds)
    return timing.Workload(lambda: generator.generate(TEXT, **sampling), goal=goal)
