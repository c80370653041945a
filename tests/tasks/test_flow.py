"""Flow matching: exact solvers, clips that depend on their text and seed alone, nothing lost in packing."""

import functools
import itertools
import shutil

import gpt_run
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import run_checks
from generated import generate_poses, reconstruct_poses
from untrained_runs import write_untrained_run

from signjax.data import token_rows
from signjax.data.load import load_split
from signjax.errors import ConfigError
from signjax.inference import dataset_codes, flow_sampling, latent_space
from signjax.inference.families import make_sampler
from signjax.inference.latent_space import fold_latents
from signjax.inference.load import load, load_autoencoder
from signjax.models import text_alignment, text_conditioning
from signjax.tasks import flow
from signjax.tasks.registry import make_task
from signjax.text import tokenizer
from signjax.training import loop

pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.fixture(scope="module")
def home(tiny_runs, tmp_path_factory):
    """The tiny demo set with runs/kl, a continuous tokenizer, runs/ae2d and runs/flow2d, all untrained."""
    root = tmp_path_factory.mktemp("flow")
    shutil.copytree(tiny_runs / "datasets", root / "datasets")
    data = {"data.root": str(root / "datasets")}
    gaussian = gpt_run.TOKENIZER | {"quantizer.kind": "kl", "layout": "parts"}
    gaussian |= {"quantizer.levels.arm": 2, "quantizer.levels.hand": 3}
    write_untrained_run(root / "runs/kl", gpt_run.get_config("vqvae", **data, **gaussian))
    write_untrained_run(root / "runs/ae2d", gpt_run.get_config("ae2d", **data, **gpt_run.PLANAR))
    write_untrained_run(root / "runs/flow2d", small(root))
    return root


@pytest.fixture(scope="module")
def trained(home):
    """A flow2d run that was trained for some steps."""
    assert loop.train(small(home), home / "runs/trained", make_task).finished
    return home / "runs/trained"


def small(root, **changes):
    where = {"data.root": str(root / "datasets"), "autoencoder": str(root / "runs/ae2d")}
    return gpt_run.get_config("flow2d", **where, **gpt_run.FLOW, **changes)


@pytest.fixture(scope="module")
def generator(home):
    return load(home / "runs/flow2d")


def sampler(**changes):
    return {"steps": 3, "solver": "euler", "guidance": 1.5, "max_tokens": 12} | changes


class Exact:
    """Stands for a network that knows the best answer: latents are normal, of this mean and deviation."""

    mean, deviation = 0.7, 0.4

    def apply(self, _, z, t, *rest, method):
        t = t[..., None]
        gain = t * self.deviation**2 / (t**2 * self.deviation**2 + (1 - t) ** 2)
        return self.mean + gain * (z - t * self.mean)


def test_solvers_reach_the_exact_end_in_their_order():
    """The flow of normal noise to normal latents is a straight shift and scaling, known in closed form."""
    noise = jax.random.normal(jax.random.key(0), (2, 5, 3))
    known, mask = np.ones((2, 4), bool), np.ones((2, 5), bool)
    texts = (text_conditioning.EncodedText(None, None, known, jnp.full((2, 4), 4.0), None),)
    space = {"mean": jnp.full(3, 2.0), "basis": jnp.eye(3), "deviation": jnp.full(3, 3.0)}
    exact = (Exact.mean + Exact.deviation * noise) * 3 + 2

    network = Exact()

    def error(solver, steps):
        start, program = flow_sampling.FlowState(0, noise), flow_sampling.FlowProgram(solver, False)
        # In two parts, as where somebody watches.
        for until in (4, steps):
            start = flow_sampling.INTEGRATE(network, {}, texts, mask, start, until, (steps, 1.0), program)
        return float(jnp.abs(latent_space.from_latent_space(space, start.z) - exact).max())

    for solver, order in (("euler", 1), ("midpoint", 2)):
        errors = [error(solver, steps) for steps in (10, 20, 40)]
        assert all(coarse / fine > 0.8 * 2**order for coarse, fine in itertools.pairwise(errors)), errors
    assert error("midpoint", 10) < error("euler", 40) < 0.2


@pytest.mark.extended
def test_losses_fall(trained):
    last = run_checks.check_losses_fall(trained, ("flow", "length"), share=0.8)
    assert {"eval/flow", "eval/length", "eval/wer", "eval/dtw"} <= last.keys()


@pytest.mark.extended
def test_a_run_resumes_exactly_and_encodes_nothing(home, trained, monkeypatch):
    copy = home / "runs/other"
    with monkeypatch.context() as patch:
        patch.delattr(dataset_codes.loader, "iterate_clips")
        run_checks.resume_copy(small(home), trained, copy)
    run_checks.check_same_run(trained, copy)


@pytest.mark.extended
def test_clips_depend_on_text_place_and_seed_alone(generator):
    texts = ["Hello!", "how are you?", "my name is Zoë"]
    together = generate_poses(generator, texts, **sampler())
    singly = generate_poses(generator, texts, **sampler(), batch_size=1)
    for a, b in zip(together, singly, strict=True):
        assert a.shape == b.shape and len(a) % 4 == 0 and 4 <= len(a) <= 48 and a.shape[1:] == (50, 3)
        np.testing.assert_allclose(a, b, atol=1e-4)
    again, other = (generate_poses(generator, texts, seed, **sampler()) for seed in (0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(together, again, strict=True))
    assert not any(np.allclose(a, b, atol=1e-3) for a, b in zip(together, other, strict=True))


@pytest.mark.extended
def test_a_clip_is_as_long_as_its_text_says(generator):
    ids, known = tokenizer.pad_texts([generator.text_encoder.encode(t) for t in ("hello", "my name is Zoë")])
    memory = generator.model.apply(generator.variables, ids, known, method="encode_text")
    wanted = np.asarray(text_alignment.expected_length(memory))
    clips = generate_poses(generator, ["hello", "my name is Zoë"], **sampler(max_tokens=99))
    assert [len(clip) for clip in clips] == [4 * max(1, round(float(n))) for n in wanted]
    assert wanted[0] < wanted[1]
    assert len(generate_poses(generator, ["my name is Zoë"], **sampler(max_tokens=2))[0]) == 8


@pytest.fixture(scope="module")
def packed(home, generator):
    """A row that holds several clips, and the same clips in rows of their own."""
    dataset = load_split(home / "datasets", "demo", "dev")
    codes = [fold_latents(z, generator.config.fold) for z in generator.codec.encode(dataset)]
    ids = [generator.text_encoder.encode(t) for t in dataset.texts]
    together = token_rows.TokenRows([codes], ids, seed=0, packings=1)
    order = [clip for clip, _ in together.rows[0]]
    assert len(order) > 1
    alone = [token_rows.TokenRows([[codes[i]]], [ids[i]], seed=0, packings=1).make_example(0) for i in order]
    return together.make_example(0), alone


def clean(generator, row, z, t):
    """The network's answer for one row [1, N, dim]."""
    row = {name: jnp.asarray(x)[None] for name, x in row.items()}
    return predict(generator.model, generator.variables["params"], row, z, t)


@functools.partial(jax.jit, static_argnums=0)
def predict(model, params, row, z, t):
    own, belongs = row["segment"], row["text_segment"]
    mask = (own > 0) & ~row["ends"]
    run = functools.partial(model.apply, {"params": params})
    memory = run(row["text"], belongs > 0, belongs, row["text_position"], method="encode_text")
    places = row["position"].astype(jnp.float32), row["position"] * 0.9
    return run(z, jnp.full(mask.shape, t), mask, memory, places, (own, belongs), method="predict_clean")


def test_packed_clips_do_not_see_each_other(generator, packed):
    together, alone = packed
    z = jax.random.normal(jax.random.key(1), (1, together["codes"].shape[0], generator.model.dim))
    answer, at = clean(generator, together, z, 0.3), 0
    for row in alone:
        size = int((row["segment"] > 0).sum())
        own = jnp.zeros((1, len(row["codes"]), z.shape[-1])).at[:, :size].set(z[:, at : at + size])
        expected = clean(generator, row, own, 0.3)[:, : size - 1]  # the last position is the clip's end
        np.testing.assert_allclose(answer[:, at : at + size - 1], expected, atol=2e-5)
        at += size


def test_nothing_outside_a_clip_reaches_it(generator, packed):
    row, _ = packed
    z = jax.random.normal(jax.random.key(1), (1, row["codes"].shape[0], generator.model.dim))
    first = jnp.asarray((row["segment"] == 1) & ~row["ends"])
    slope = jax.grad(lambda z: (clean(generator, row, z, 0.3)[0] * first[:, None]).sum())(z)[0]
    assert (np.abs(slope[~first]) == 0).all() and (np.abs(slope[first]).max(-1) > 0).all()


def test_the_loss_counts_real_positions_only(home, generator, packed):
    row, _ = packed
    c = small(home)
    batch = {name: jnp.asarray(x)[None] for name, x in row.items()}
    spoiled = jnp.where(((batch["segment"] > 0) & ~batch["ends"])[..., None], batch["codes"], 7.0)
    terms = [
        flow.losses_and_metrics(
            generator.model, generator.variables, batch | {"codes": codes}, jax.random.key(0), None
        )
        for codes in (batch["codes"], spoiled)
    ]
    for name in ("flow", "length"):
        np.testing.assert_allclose(terms[0][name], terms[1][name], rtol=1e-6)
    clips, ends = len(np.unique(row["segment"])) - 1, int(row["ends"].sum())
    assert terms[0]["length"][1] == clips == ends
    assert terms[0]["flow"][1] == (row["segment"] > 0).sum() - ends
    assert c.length_weight > 0


@pytest.mark.extended
def test_text_conditions_and_guidance_adds_to_it(generator):
    ids, known = tokenizer.pad_texts([generator.text_encoder.encode("hello how are you")])
    other = ids.copy()
    other[0, 1] = ids[0, 0]
    z, mask = jax.random.normal(jax.random.key(2), (1, 8, generator.model.dim)), np.ones((1, 8), bool)
    params = {"params": generator.variables["params"]}
    run = functools.partial(generator.model.apply, params, z, np.full((1, 8), 0.3))
    assert np.abs(run(mask, ids, known) - run(mask, other, known)).max() > 1e-5
    how = [generate_poses(generator, ["hello"], **sampler(guidance=g))[0] for g in (1.0, 1.0001, 3.0)]
    np.testing.assert_allclose(how[0], how[1], atol=1e-3)
    assert np.abs(how[0] - how[2]).max() > 1e-3


def test_the_space_of_latents_is_undone():
    """Correlated latents of five directions, the rest noise: what is kept comes back."""
    rng = np.random.default_rng(0)
    latents = (3 * rng.normal(size=(500, 5)) @ rng.normal(size=(5, 12)) + 1).astype(np.float32)
    space = latent_space.fit_latent_space(latents + 1e-3 * rng.normal(size=latents.shape).astype(np.float32))
    assert space["basis"].shape[1] <= 5
    z = latent_space.to_latent_space(space, latents)
    np.testing.assert_allclose(np.cov(z.T), np.eye(z.shape[1]), atol=0.02)
    lost = ((latent_space.from_latent_space(space, z) - latents) ** 2).sum() / (
        (latents - latents.mean(0)) ** 2
    ).sum()
    assert lost < 1 - latent_space.KEPT


def test_folding_is_undone(home):
    z = np.random.default_rng(0).normal(size=(10, 3))
    folded = fold_latents(z, 4)
    assert folded.shape == (3, 12)
    back = folded.reshape(12, 3)
    np.testing.assert_array_equal(back[:10], z)
    np.testing.assert_array_equal(back[10:], z[[9, 9]])


def test_any_auto_encoder_with_continuous_latents_will_do(generator, home):
    """A Gaussian tokenizer, too: encoded in versions, folded, and back."""
    dataset = load_split(home / "datasets", "demo", "dev")
    expected = reconstruct_poses(load(home / "runs/ae2d"), dataset)
    for a, b in zip(reconstruct_poses(generator, dataset), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    loaded = load_autoencoder(home / "runs/kl")
    assert loaded.config.task == "vqvae"
    latents = dataset_codes.encode_dataset(loaded, dataset, 3, str(home / "latents.npz"), 0.1, 0, 2)
    assert all(z.dtype == np.float32 and z.shape[1] == 2 * (2 + 3) for version in latents for z in version)
    back = loaded.decode_arrays([fold_latents(z, 2).reshape(-1, z.shape[1])[: len(z)] for z in latents[0]])
    for a, b, n in zip(back, reconstruct_poses(loaded, dataset), dataset.lengths, strict=True):
        np.testing.assert_allclose(a[:n], b, atol=1e-5)
    again = dataset_codes.encode_dataset(loaded, dataset, 3, str(home / "latents.npz"), 0.1, 0, 2)
    for one, other in zip(latents, again, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(one, other, strict=True))


def test_what_does_not_fit_is_said_in_one_line(home, tiny_runs, generator):
    c = small(home)
    assert not generator.has_tokens and not generator.can_stream and generator.tokenizer is None
    for use, words in ((generator.generate_tokens, "latents, no tokens"), (generator.stream, "whole clips")):
        with pytest.raises(ConfigError, match=f"a flow run .*{words}"):
            use("hello")
    with pytest.raises(ConfigError, match=r"runs/vqvae, which has no continuous latents; .*vqvae.py:kl"):
        load_autoencoder(tiny_runs / "runs/vqvae")
    for changes, words in (
        ({"solver": "heun"}, "euler, midpoint"),
        ({"steps": 0}, "steps is 0; it can be 1 to 1,000"),
        ({"temperature": 0.5}, "temperature means nothing to a flow"),
    ):
        with pytest.raises(ConfigError, match=words):
            make_sampler(c, **changes)
