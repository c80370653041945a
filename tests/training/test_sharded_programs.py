"""What sharding costs, read off compiled programs: bytes sent, bytes held; and that it changes no code."""

import json
import shutil

import collectives
import gpt_run
import numpy as np
import pytest
import sharded_run
from engine_helpers import spawn

from signjax.training import checkpoint

pytestmark = pytest.mark.extended
DATA, FSDP, ALL = "gpt", "gpt:fsdp", "gpt:fsdp,tensor"
PROGRAMS = [(DATA, (8,)), (FSDP, (1, 8, 1)), (ALL, (2, 2, 2))]
MANY = [(DATA, (64,)), (FSDP, (1, 64, 1))]
TOKENIZERS = [(1, 1, 1), (8, 1, 1), (1, 8, 1), (2, 2, 2)]
SIZE = {"model.width": 256, "model.heads": 4, "model.mlp": 1024, "model.dropout": 0.1, "optim.ema": 0.9}
MACHINE = {"XLA_FLAGS": "--xla_force_host_platform_device_count=64", "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
# XLA warns while it compiles: a program that was kept from another run would say nothing.
MACHINE |= {"JAX_ENABLE_COMPILATION_CACHE": "false"}


def run(tiny_runs, workdir, programs, tokenizers):
    """(programs by config and mesh, codes and latents by mesh, what was said until the end and after it)."""
    shutil.copytree(tiny_runs / "runs/gpt", workdir)
    data = {"data.root": str(tiny_runs / "datasets")}
    spec = {
        "workdir": str(workdir),
        "gpt": data | gpt_run.GPT | SIZE | {"tokenizer": str(tiny_runs / "runs/vqvae")},
        "vqvae": data | gpt_run.TOKENIZER | {"batch_size": 64},
        "programs": programs,
        "tokenizers": tokenizers,
    }
    process = spawn(sharded_run.__file__, json.dumps(spec), **MACHINE)
    out, err = process.communicate(timeout=3000)
    assert process.returncode == 0, err[-3000:]
    results = dict(zip(programs, map(json.loads, out.splitlines()), strict=True))
    codes = {mesh: np.load(workdir / f"{'x'.join(map(str, mesh))}.npz") for mesh in tokenizers}
    return results, codes, err.split(sharded_run.END)


@pytest.fixture(scope="module")
def results(tiny_runs, tmp_path_factory):
    """Of 8 devices, see `run`."""
    return run(tiny_runs, tmp_path_factory.mktemp("sharded") / "gpt", PROGRAMS, TOKENIZERS)


def sent(program) -> float:
    """Bytes a parameter that a device is sent in a step."""
    return sum(program["moved"].values()) / program["params"]


def test_data_parallelism_sends_each_gradient_once(results, promise):
    one = results[0][DATA, (8,)]
    promise("GPT, data parallel: bytes sent a parameter and step", sent(one), least=3.96, most=4.04)
    assert one["moved"].keys() == {"all-reduce"}
    assert one["held"] == pytest.approx(one["state"], rel=0.01)


def test_fsdp_holds_one_part_and_sends_each_parameter_and_gradient_once(results, promise):
    one = results[0][FSDP, (1, 8, 1)]
    promise("GPT, FSDP: bytes sent a parameter and step", sent(one), least=7.92, most=8.08)
    promise("8 devices: parts of the state held", 8 * one["held"] / one["state"], least=0.99, most=1.01)


@pytest.mark.soak
def test_64_devices_send_as_much_and_hold_less(results, tiny_runs, tmp_path, promise):
    many, _, messages = run(tiny_runs, tmp_path / "gpt", MANY, [])
    for few, more in zip(PROGRAMS, MANY, strict=False):
        ratio = sent(many[more]) / sent(results[0][few])
        promise(f"{few[0]}: bytes sent on 64 devices against 8", ratio, least=0.98, most=1.02)
    one = many[MANY[1]]
    promise("64 devices: parts of the state held", 64 * one["held"] / one["state"], least=0.99, most=1.01)
    assert "nvoluntary full rematerialization" not in messages[0]


def test_tensor_parallelism_holds_less_than_fsdp_alone(results):
    one = results[0][ALL, (2, 2, 2)]
    assert 2 * 1.5 < one["state"] / one["held"] <= 2 * 2 * 1.01


def test_nothing_is_gathered_because_layouts_clash(results):
    messages, provoked = results[2]
    assert "nvoluntary full rematerialization" in provoked
    assert "nvoluntary full rematerialization" not in messages


def nearest(z, books):
    """Codes [n, Q] of latents z [n, D] by exact distances to residual codebooks [Q, K, D]."""
    rest, codes = z.astype(np.float64), []
    for book in books.astype(np.float64):
        codes.append(((rest[:, None] - book) ** 2).sum(-1).argmin(-1))
        rest = rest - book[codes[-1]]
    return np.stack(codes, axis=-1)


def test_codes_are_the_nearest_on_every_mesh(results, tiny_runs):
    variables, _ = checkpoint.load_variables(tiny_runs / "runs/vqvae")
    book = variables["codebook"]["quantizers_whole"]
    books = np.asarray(book["sums"]) / np.maximum(np.asarray(book["counts"]), 1e-8)[..., None]
    first = results[1][1, 1, 1]["codes"]
    assert first.size >= 1000 and len(np.unique(first)) > 8
    for arrays in results[1].values():
        z = arrays["latents"].reshape(-1, books.shape[-1])
        np.testing.assert_array_equal(arrays["codes"], first)
        np.testing.assert_array_equal(first.reshape(-1, len(books)), nearest(z, books))
    coarse = np.round(z * 32) / 32  # so a few digits less would be seen
    assert (nearest(coarse, books) != nearest(z, books)).any()


def test_bytes_are_counted_in_every_form():
    text = """HloModule jit_step, entry_computation_layout={(f32[2]{0})->f32[2]{0}}

%add (a: f32[], b: f32[]) -> f32[] {
  ROOT %sum = f32[] add(%a, %b)
}

%body (t: (s32[], f32[4])) -> (s32[], f32[4]) {
  %permuted = f32[4]{0} collective-permute(%x), source_target_pairs={{0,1},{1,0}}
}

%cond (t: (s32[], f32[4])) -> pred[] {
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (p: f32[2]) -> f32[2] {
  %r = (f32[3,5]{1,0}, /*index=1*/bf16[2]{0}) all-reduce(%a, %b), replica_groups=[1,8]<=[8], to_apply=%add
  %s = f32[10]{0} all-reduce-start(%a), to_apply=%add
  %d = f32[10]{0} all-reduce-done(%s)
  %g = (f32[4]{0:T(8)}, f32[32]{0}) all-gather-start(%a), dimensions={0}
  %h = ((f32[1], f32[2]), (f32[8], pred[16])) all-gather-start(%a, %b), dimensions={0}
  %q = f32[6]{0} reduce-scatter(%a), replica_groups={{0,1,2,3},{4,5,6,7}}, to_apply=%add
  %v = f32[6]{0} reduce-scatter(%a), replica_groups=[2,2]<=[4], to_apply=%add
  %t = (u8[7], s4[8]) all-to-all(%a, %b), replica_groups={{0,1}}
  %w = (s32[], f32[4]) while(%i), condition=%cond, body=%body, backend_config={"known_trip_count":{"n":"3"}}
}
"""
    assert collectives.moved(text) == {
        "all-reduce": 3 * 5 * 4 + 2 * 2 + 40,
        "all-gather": 128 + 32 + 16,
        "reduce-scatter": 24 * 4 + 24 * 2,
        "all-to-all": 7 + 4,
        "collective-permute": 3 * 16,
    }
    with pytest.raises(AssertionError, match="how often"):
        collectives.moved(text.replace("known_trip_count", "unknown"))
