"""What compiled programs cost, proven without an accelerator: operations, memory, size, types, number."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from gpt_run import get_config, gpt_config
from program_helpers import counted, lower, size, unroll

from signjax.benchmarks import flops
from signjax.inference import autoregressive
from signjax.inference.load import load
from signjax.tasks.registry import make_task

pytestmark = [pytest.mark.usefixtures("compile_quickly"), pytest.mark.extended]
LARGE = {"width": 768, "depth": 8, "text_depth": 4, "heads": 12, "mlp": 3072}
TOKENIZER_CODES = 16  # of tests/helpers/gpt_run.py


def config(root, name="gpt", **model):
    """A generator of tokens on the tiny runs; {"depth": 2} is a field of its model."""
    c = gpt_config(root, name)
    c.model.update(model)
    return c


def expected(c, batch, abstract) -> int:
    """Operations of a step by formula."""
    if c.task == "vqvae":
        return flops.count_tokenizer_step(c, *batch["mask"].shape)
    rows, length, columns = batch["codes"].shape
    if c.task == "flow":
        dim = len(abstract.extra["latents"]["deviation"])
        return flops.count_flow_step(c.model, dim, rows, length, batch["text"].shape[1])
    count = {"gpt": flops.count_gpt_step, "masked": flops.count_masked_step}[c.task]
    return count(c.model, columns, TOKENIZER_CODES, rows, length, batch["text"].shape[1])


@pytest.mark.parametrize("name", ["vqvae", "gpt", "masked", "flow"])
def test_operations_of_a_step(monkeypatch, tiny_families, tiny_runs, tmp_path, name):
    """Of a size that users train on accelerators, within 2 % of the formula."""
    unroll(monkeypatch)
    fields = tiny_families[{"masked": "gpt"}.get(name, name)]
    if name == "vqvae":
        fields = fields | {"model.size.width": 768, "model.size.depth": 4, "batch_size": 32, "window": 64}
    else:
        fields = fields | {f"model.{k}": v for k, v in LARGE.items()} | {"batch_tokens": 2048}
    c = get_config(name, **fields)
    lowered, abstract, batch = lower(c, tmp_path)
    assert counted(lowered) == pytest.approx(expected(c, batch, abstract), rel=0.02)


def test_layers_computed_again_take_a_third_more(monkeypatch, tiny_runs, tmp_path):
    unroll(monkeypatch)
    c = config(tiny_runs, **LARGE)
    c.batch_tokens = 2048
    once, _, _ = lower(c, tmp_path)
    c.model.remat = True
    again, _, _ = lower(c, tmp_path)
    assert 1.1 < counted(again) / counted(once) <= 1.35


@pytest.mark.parametrize("name", ["gpt", "masked"])
def test_programs_of_deep_models_are_no_larger(tiny_runs, tmp_path, name):
    sizes = []
    for depth in (8, 32):
        lowered, _, _ = lower(config(tiny_runs, name, depth=depth, text_depth=depth), tmp_path)
        sizes.append(len(lowered.as_text()))
    assert sizes[1] <= 1.02 * sizes[0]


def test_the_program_of_a_deep_flow_is_no_larger(tiny_families, tiny_runs, tmp_path):
    sizes = []
    for depth in (8, 32):
        deep = tiny_families["flow"] | {"model.depth": depth, "model.text_depth": depth}
        lowered, _, _ = lower(get_config("flow", **deep), tmp_path)
        sizes.append(len(lowered.as_text()))
    assert sizes[1] <= 1.02 * sizes[0]


def test_layers_computed_again_take_less_memory(tiny_runs, tmp_path):
    """Temporaries of a step with remat are at most .35 of those without."""
    memory = {}
    for remat in (False, True):
        c = config(tiny_runs, width=32, depth=10, text_depth=10, mlp=128, heads=2, remat=remat)
        c.batch_tokens = 1024
        memory[remat] = lower(c, tmp_path)[0].compile().memory_analysis().temp_size_in_bytes
    assert memory[True] <= 0.35 * memory[False]


@pytest.mark.parametrize("name", ["vqvae", "gpt", pytest.param("flow", marks=pytest.mark.slow)])
def test_the_state_is_updated_in_place(tiny_families, tmp_path, name):
    """At least 99 % of its bytes: a step needs no second copy of the state."""
    lowered, abstract, _ = lower(get_config(name, **tiny_families[name]), tmp_path)
    assert lowered.compile().memory_analysis().alias_size_in_bytes >= 0.99 * size(abstract)


def test_products_are_in_half_precision(tiny_runs, tmp_path):
    """In bfloat16 all large matrix products are of bfloat16; what is kept stays float32."""
    lowered, abstract, batch = lower(config(tiny_runs, **LARGE, dtype="bfloat16"), tmp_path)
    kinds = {x.dtype for x in jax.tree.leaves((abstract.params, abstract.opt_state, abstract.ema))}
    assert kinds <= {jnp.dtype("float32"), jnp.dtype("int32")}
    products = re.findall(r"stablehlo.dot_general.*: \(tensor<(\S+)>, tensor<(\S+)>\)", lowered.as_text())
    assert len(products) > 40
    wide = [(a, b) for a, b in products if "f32" in (a.split("x")[-1], b.split("x")[-1])]
    # what is small is of durations, paces and ends, of one number a position; of attention there are the
    # gradients of its scores, which are float32, by heads
    large = [p for p in wide if min(map(numbers, p)) > batch["codes"].shape[1] ** 2 * len(batch["codes"])]
    assert all("x12x" in a and "x12x" in b for a, b in large), large
    assert len(large) < len(products) / 3


def numbers(shape: str) -> int:
    """Numbers of a tensor<2x3xf32>."""
    total = 1
    for n in shape.split("x")[:-1]:
        total *= int(n)
    return total


@pytest.mark.parametrize("name", ["vqvae", "gpt", "flow"])
def test_all_batches_have_one_shape(tiny_families, tmp_path, name):
    """Training is compiled once, however long the clips are."""
    batches = make_task(get_config(name, **tiny_families[name]), tmp_path).batches(0)
    shapes = {str(jax.tree.map(np.shape, batch)) for batch, _ in zip(batches, range(12), strict=False)}
    assert len(shapes) == 1


def test_clips_of_all_lengths_are_made_by_one_program(tiny_runs):
    generator = load(tiny_runs / "runs/gpt")
    texts, before = ["hello", "good morning", "thank you friend"], autoregressive.DECODE.jitted._cache_size()
    lengths = set()
    for tokens in range(1, 12):
        sampling = autoregressive.Sampler(min_tokens=1, max_tokens=12)._asdict()
        lengths |= {len(c) for c in generator.generate(texts, seed=tokens, **sampling)}
    assert len(lengths) > 3 and autoregressive.DECODE.jitted._cache_size() == before + 1
    codes = [np.zeros((n, 2), np.int32) for n in (1, 5, 40, 100)]
    assert [len(x) for x in generator.codec.decode(codes)] == [4, 20, 160, 400]
    assert generator.tokenizer.decode_batch.jitted._cache_size() == 1
