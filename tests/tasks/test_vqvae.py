"""The tokenizer through the real engine, on a few clips of the demo language."""

import functools
import json

import jax
import numpy as np
import pytest
import run_checks
from engine_helpers import plain
from tokenizer_helpers import tiny_config

from signjax import demo
from signjax.data import augmentation
from signjax.data.load import load_split
from signjax.errors import ConfigError
from signjax.inference import codebook_use
from signjax.models import build
from signjax.pose import normalization, skeleton
from signjax.pose.missing_joints import fill_missing_joints
from signjax.tasks.registry import make_task
from signjax.training import checkpoint, loop, sharding

pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    demo.write_dataset(folder, "tiny", sizes=(12, 2, 1))
    for clip, frames in zip(sorted((folder / "tiny/dev").iterdir()), (55, 18), strict=True):  # of one bucket
        record = json.loads((clip / "pose.json").read_text())
        record["poses"] = (3 * record["poses"])[:frames]
        (clip / "pose.json").write_text(json.dumps(record | {"num_frames": frames}))
    return folder


def small(root, variant="rvq", **changes):
    c = tiny_config(variant)
    flat = {"data.root": str(root), "data.name": "tiny", "window": 16, "batch_size": 8, "eval_batch_size": 8}
    flat |= {"num_steps": 8, "log_every": 1, "eval_every": 8, "save_every": 8, "mesh.shape": (1,)}
    flat |= {"optim.warmup": 1, "optim.schedule": "constant", "optim.lr": 3e-3, "quantizer.codes": 8}
    c.update_from_flattened_dict(flat | changes)
    return c


@functools.cache
def fitted(root, variant, devices, count=2):
    """A step on the first batch, then steps on the second: the last state and each step's metrics."""
    task, mesh, first, init, one_step, *_ = run_checks.compile_config(
        small(root, variant, **{"mesh.shape": (devices,)})
    )
    second, metrics = sharding.make_global_batch(next(task.batches(1)), mesh), []
    state = init(jax.random.key(0), first)
    for number in range(count):
        state, scalars = one_step(state, second if number else first)
        metrics.append(jax.device_get(scalars))
    return plain(state), metrics


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """A run that nothing interrupted."""
    workdir = tmp_path_factory.mktemp("whole")
    assert loop.train(small(root), workdir, make_task).finished
    return workdir


def test_resume_is_bit_equal(root, whole, tmp_path, monkeypatch):
    c = small(root)
    run_checks.stop_and_resume(c, tmp_path, monkeypatch)
    run_checks.check_same_state(c, whole, tmp_path)


@pytest.mark.parametrize(
    "variant", [pytest.param("rvq", marks=pytest.mark.extended), pytest.param("seed", marks=pytest.mark.slow)]
)
def test_devices_do_not_change_the_result(variant, root):
    """Two steps: one that starts codebooks, one that moves them."""
    (one, metrics), (eight, others) = fitted(root, variant, 1), fitted(root, variant, 8)
    for a, b in zip(metrics, others, strict=True):
        assert a.keys() == b.keys() > {"loss", "joints", "hands", "velocity", "bones", "commitment"}
        for name in a:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-6, atol=1e-6, err_msg=name)
    books = [name for name in one if name.startswith("extra/codebook")]
    assert len(books) == (4 if variant == "rvq" else 2) and all(one[name].any() for name in books)
    for name in books:
        np.testing.assert_allclose(eight[name], one[name], rtol=0, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("variant", ["rvq", "seed"])
def test_the_loss_falls(variant, root):
    """On one batch; codebooks started from another."""
    losses = [m["loss"] for m in fitted(root, variant, 1, 16)[1][1:]]
    assert np.mean(losses[-3:]) < 0.9 * losses[0], losses


@pytest.mark.extended
def test_the_loss_draws_from_its_key(root):
    """Levels dropped and codes re-seeded are others in every step, and the same when it is repeated."""
    c = small(root, **{"quantizer.dropout": 0.5})
    task = make_task(c, "")
    batch = next(task.batches(0))
    variables = task.init(jax.random.key(0), batch)
    loss = jax.jit(lambda key: task.loss(variables, batch, key, 0)[0])
    first, again, other = (float(loss(jax.random.key(seed))) for seed in (1, 1, 2))
    assert first == again != other


def test_evaluation_is_the_error_in_own_units(root, whole):
    """Reckoned again from the best weights, clip by clip, without padding."""
    line = [json.loads(text) for text in (whole / "metrics.jsonl").read_text().splitlines()][-1]
    model, (variables, _) = build.build_tokenizer(small(root)), checkpoint.load_variables(whole)
    dev = load_split(root, "tiny", "dev")
    assert sorted(dev.lengths) == [18, 55]
    errors, codes = [], []
    for i, length in enumerate(dev.lengths):
        own = dev.pose[dev.offsets[i] : dev.offsets[i + 1]]
        place = normalization.Placement(*dev.get_placement(i))
        clip = np.zeros((1, -(-length // 4) * 4, 50, 3), np.float32)
        clip[0, :length] = normalization.to_canonical(own, place)
        out = jax.jit(model.apply)(variables, clip, np.arange(clip.shape[1])[None] < length)
        errors.append(
            np.linalg.norm(
                normalization.from_canonical(np.asarray(out.pose[0, :length]), place) - own, axis=-1
            )
        )
        codes.append(out.codes[0])
    np.testing.assert_allclose(line["eval/mpjpe"], np.concatenate(errors).mean(), rtol=1e-4)
    use = codebook_use.measure_use(np.concatenate(codes), small(root))
    for name, value in use.items():
        np.testing.assert_allclose(line[f"eval/{name}"], value, rtol=1e-6, err_msg=name)


def test_use_of_codes(root):
    """Two arm columns of one book: the right uses codes 0 and 1 evenly, the left code 2 alone."""
    c = small(root, "vq")
    codes = np.zeros((40, 4), int)  # of 8
    codes[:20, 0], codes[:, 1] = 1, 2
    use = codebook_use.measure_use(codes, c)
    np.testing.assert_allclose(use["perplexity/right_arm_0"], 2, rtol=1e-6)
    np.testing.assert_allclose(use["perplexity/book_arm_0"], np.exp(1.5 * np.log(2)), rtol=1e-6)
    assert use["usage/left_arm_0"] == 1 / 8 and use["usage/book_arm_0"] == 3 / 8
    assert use["usage_min"] == use["usage/book_hand_0"] == 1 / 8


def test_augmentation_makes_other_signers():
    rng = np.random.default_rng(0)
    example = {"pose": rng.normal(size=(5, 50, 3)).astype(np.float32), "mask": np.ones(5, bool)}
    example["valid"] = rng.random((5, 50)) < 0.5
    same = augmentation.augment_signer(example, rng, mirror=0.0, turn=0.0, size=0.0)
    np.testing.assert_allclose(same["pose"], example["pose"], atol=1e-6)
    twin = augmentation.augment_signer(example, rng, mirror=1.0, turn=0.0, size=0.0)
    np.testing.assert_allclose(twin["pose"], skeleton.mirror_pose(example["pose"]), atol=1e-6)
    np.testing.assert_array_equal(twin["valid"], example["valid"][:, skeleton.MIRROR])
    other = augmentation.augment_signer(example, rng, mirror=0.0, turn=0.5, size=0.2)
    assert other["pose"].dtype == np.float32
    growth = skeleton.bone_lengths(other["pose"]) / skeleton.bone_lengths(example["pose"])
    np.testing.assert_allclose(growth, growth[0, 0], rtol=1e-3)
    assert abs(growth[0, 0] - 1) > 0.01
    np.testing.assert_allclose(other["pose"][..., 1], growth[0, 0] * example["pose"][..., 1], rtol=1e-3)
    assert np.abs(other["pose"][..., 0] - growth[0, 0] * example["pose"][..., 0]).max() > 0.01


def test_missing_joints_lie_on_their_parents():
    rng = np.random.default_rng(0)
    example = {"pose": rng.normal(size=(2, 3, 50, 3)), "valid": np.ones((2, 3, 50), bool)}
    example["valid"][0, 1, [skeleton.L_WRIST, *range(29, 50)]] = False
    filled = np.asarray(fill_missing_joints(example))
    expected = example["pose"].astype(np.float32)
    expected[0, 1, [skeleton.L_WRIST, *range(29, 50)]] = expected[0, 1, skeleton.L_ELBOW]
    np.testing.assert_allclose(filled, expected, atol=1e-6)


def test_an_unknown_quantizer_is_named(root):
    with pytest.raises(ConfigError, match=r"quantizer\.kind is 'lfq'"):
        run_checks.compile_config(small(root, **{"quantizer.kind": "lfq"}))
