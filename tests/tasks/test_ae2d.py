"""The planar auto-encoder through the real engine: whole clips of any length, latents fit for a flow."""

import functools
import json

import gpt_run
import jax
import numpy as np
import pytest
import run_checks
from engine_helpers import plain
from generated import reconstruct_poses

from signjax import demo
from signjax.data.load import load_split
from signjax.errors import ConfigError, DataError
from signjax.inference.load import load, load_codec
from signjax.models import autoencoder2d, build, linear_start
from signjax.pose import kinematics, losses, normalization
from signjax.tasks import ae2d
from signjax.tasks.registry import make_task
from signjax.training import loop, train_step

pytestmark = pytest.mark.usefixtures("compile_quickly")


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    demo.write_dataset(folder, sizes=(12, 3, 1))
    for clip, frames in zip(sorted((folder / "demo/dev").iterdir()), (1, 18, 130), strict=True):
        record = json.loads((clip / "pose.json").read_text())
        record["poses"] = (6 * record["poses"])[:frames]
        (clip / "pose.json").write_text(json.dumps(record | {"num_frames": frames}))
    return folder


def small(root, **changes):
    return gpt_run.get_config("ae2d", **{"data.root": str(root)} | gpt_run.PLANAR | changes)


@functools.cache
def fitted(root, devices, count=2):
    """Some steps on the first batch: the last state and each step's metrics."""
    _, _, batch, init, one_step, *_ = run_checks.compile_config(small(root, **{"mesh.shape": (devices,)}))
    state, metrics = init(jax.random.key(0), batch), []
    for _ in range(count):
        state, scalars = one_step(state, batch)
        metrics.append(jax.device_get(scalars))
    return plain(state), metrics


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    """A run that nothing interrupted."""
    workdir = tmp_path_factory.mktemp("whole")
    assert loop.train(small(root), workdir, make_task).finished
    return workdir


@pytest.fixture(scope="module")
def loaded(run):
    return load(run)


@pytest.fixture(scope="module")
def dev(root):
    return load_split(root, "demo", "dev")


def test_features_are_scales_and_angles():
    x = np.random.default_rng(0).normal(size=(3, 7, 50, 2)).astype(np.float32)
    features = autoencoder2d.points_to_features(x)
    assert features.shape == (3, 7, autoencoder2d.NUM_FEATURES)
    np.testing.assert_allclose(autoencoder2d.features_to_points(features), x, atol=1e-5)
    form = kinematics.to_planar(x)
    pairs = np.asarray(features[..., 2:]).reshape(3, 7, 49, 2)
    np.testing.assert_array_equal(features[..., :2], form.root)
    np.testing.assert_allclose(np.linalg.norm(pairs, axis=-1), form.scale, rtol=1e-5)
    first = kinematics.PARENT == 1  # of these the angle in the plane is the joint's
    angle = np.arctan2(pairs[..., 1], pairs[..., 0])
    np.testing.assert_allclose(angle[..., first], form.theta[..., first], atol=1e-5)


@pytest.mark.extended
def test_resume_is_bit_equal(root, run, tmp_path, monkeypatch):
    c = small(root)
    run_checks.stop_and_resume(c, tmp_path, monkeypatch)
    state = run_checks.check_same_state(c, run, tmp_path)
    assert any("statistics" in name for name in state)


@pytest.mark.slow
def test_devices_do_not_change_the_result(root):
    (one, metrics), (eight, others) = fitted(root, 1), fitted(root, 8)
    for a, b in zip(metrics, others, strict=True):
        assert a.keys() == b.keys() > {"loss", "joints", "body", "hands", "velocity", "bones"}
        for name in a:
            np.testing.assert_allclose(b[name], a[name], rtol=1e-4, atol=1e-6, err_msg=name)
    for name in ("mean", "square"):
        np.testing.assert_allclose(
            eight[f"extra/statistics/{name}"], one[f"extra/statistics/{name}"], atol=1e-5
        )


def test_the_loss_falls(root):
    values = [m["loss"] for m in fitted(root, 1, 40)[1]]
    assert np.mean(values[-5:]) < 0.8 * np.mean(values[:3]), values


def principal(root, dataset, dim):
    """Mean error of the best linear code, in own units, by plain NumPy."""
    both = []
    for clips in (load_split(root, "demo", "train"), dataset):
        moved = [normalization.to_canonical(c.points, clips.get_placement(i)) for i, c in enumerate(clips)]
        xy = np.concatenate(moved)[..., :2].astype(np.float64)
        both.append(np.concatenate([xy[:, :8], np.asarray(losses.relative_hands(xy))], 1).reshape(-1, 100))
    mean = both[0].mean(0)
    basis = np.linalg.svd(both[0] - mean, full_matrices=False)[2][:dim]
    wrong = ((both[1] - mean) @ basis.T @ basis + mean - both[1]).reshape(-1, 50, 2)
    wrong[:, 8:29] += wrong[:, [4]]
    wrong[:, 29:] += wrong[:, [7]]
    scales = np.repeat(dataset.placements.scale, dataset.lengths)[:, None]
    return (np.linalg.norm(wrong, axis=-1) * scales).mean()


def test_training_begins_at_the_principal_components(root, dev):
    task, _, batch, init, _, evaluate, _ = run_checks.compile_config(small(root))
    variables, sums = train_step.get_inference_variables(init(jax.random.key(0), batch)), []
    for dev_batch in task.eval_batches():
        sums.append(evaluate(variables, dev_batch)["mpjpe_xy"])
    error = float(sum(s for s, _ in sums) / sum(n for _, n in sums))
    assert error == pytest.approx(principal(root, dev, 12), rel=0.1)


def test_evaluation_is_the_error_in_own_units(run, loaded, dev):
    """Reckoned again from the best weights, clip by clip, without padding; one clip has one frame."""
    line = [json.loads(text) for text in (run / "metrics.jsonl").read_text().splitlines()][-1]
    model, errors = build.build_autoencoder2d(loaded.config), {"eval/mpjpe": [], "eval/mpjpe_xy": []}
    made = reconstruct_poses(loaded, dev)
    assert sorted(dev.lengths) == [1, 18, 130]
    assert [p.shape for p in made] == [(n, 50, 3) for n in dev.lengths]
    for i, clip in enumerate(dev):
        points = normalization.to_canonical(clip.points, dev.get_placement(i))[None]
        mask = np.ones(points.shape[:2], bool)
        out = jax.jit(model.apply)(loaded.variables, points[..., :2], mask)
        np.testing.assert_allclose(made[i], out[0], atol=1e-5)
        for name, dims in zip(errors, (3, 2), strict=True):
            apart = (out - points)[0, ..., :dims] * dev.placements.scale[i]
            errors[name].append(np.linalg.norm(apart, axis=-1))
    for name, distances in errors.items():
        np.testing.assert_allclose(line[name], np.concatenate(distances).mean(), rtol=1e-4)


@pytest.mark.slow
def test_depth_is_learned_where_there_is_one(root):
    """From x and y alone: better than none at once, better with training; flat data stay flat."""
    c = small(root)
    _, _, batch, init, one_step, *_ = run_checks.compile_config(c)

    def errors(batch, steps):
        state = init(jax.random.key(0), batch)
        for _ in range(steps):
            state, _ = one_step(state, batch)
        made = build.build_autoencoder2d(c).apply(
            {"params": state.params, **state.extra}, ae2d.drop_depth(batch), batch["mask"]
        )
        apart = np.abs(made - batch["pose"])[..., 2]
        return made[..., 2], float(apart[np.asarray(batch["mask"])].mean())

    none = float(np.abs(batch["pose"][..., 2][batch["mask"]]).mean())
    start, end = (errors(batch, steps)[1] for steps in (0, 60))
    assert end < 0.7 * start < 0.7 * none, (none, start, end)
    flat = batch | {"pose": batch["pose"] * np.array([1, 1, 0], np.float32)}
    model, params = (
        build.build_autoencoder2d(c),
        linear_start.start_autoencoder2d(12, np.asarray(flat["pose"])),
    )
    variables = init(jax.random.key(0), batch)
    merged = {name: variables.params[name] | params[name] for name in variables.params}
    made = model.apply({"params": merged, **variables.extra}, ae2d.drop_depth(flat), flat["mask"])
    assert np.abs(made[..., 2]).max() < 1e-6


def test_batch_mates_and_padding_change_nothing(loaded, dev):
    together, alone = loaded.encode(dev), loaded.encode(dev, 1)
    assert [z.shape for z in together] == [(n, 12) for n in dev.lengths]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    long = np.concatenate([together[2]] * 9)[:1100]  # longer than every bucket
    sets = [*together, long, long[:65]]
    for i, z in enumerate(sets):
        np.testing.assert_allclose(loaded.decode_arrays(sets)[i], loaded.decode_arrays([z])[0], atol=1e-5)
    assert loaded.decode([]) == []


def test_what_lies_in_the_padding_has_no_influence(loaded, dev):
    mask = np.arange(64)[None] < 18
    clip = np.zeros((1, 64, 50, 2), np.float32)
    clip[0, :18] = normalization.to_canonical(dev[1].points, dev.get_placement(1))[:18, :, :2]
    noisy = np.where(mask[..., None, None], clip, 9).astype(np.float32)
    one, other = (np.asarray(loaded.encode_batch(loaded.variables, x, mask))[:, :18] for x in (clip, noisy))
    np.testing.assert_allclose(one, other, atol=1e-5)
    latents = np.zeros((1, 64, 12), np.float32)
    latents[:, :18] = one
    noisy = np.where(mask[..., None], latents, 9).astype(np.float32)
    one, other = (
        np.asarray(loaded.decode_batch(loaded.variables, x, mask))[:, :18] for x in (latents, noisy)
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_latents_are_standardised_over_the_training_data(loaded, root):
    latents = np.concatenate(loaded.encode(load_split(root, "demo", "train")))
    assert np.abs(latents.mean(0)).max() < 0.5 and 0.6 < latents.std(0).min() < latents.std(0).max() < 1.5


def test_statistics_count_the_data_and_not_their_augmentation(root):
    c = small(root)
    task, model = make_task(c, ""), build.build_autoencoder2d(c)
    batch = next(task.batches(0))
    assert 0 < batch["as_recorded"].sum() < len(batch["as_recorded"])
    variables = jax.jit(task.init)(jax.random.key(0), batch)

    @jax.jit
    def after(pose, own):
        changed = task.loss(variables, batch | {"pose": pose, "as_recorded": own}, jax.random.key(1), 0)[1][1]
        return changed["statistics"]

    own = batch["as_recorded"]
    moved = after(batch["pose"], own)
    other = after(np.where(own[:, None, None, None], batch["pose"], 0), own)
    still = after(batch["pose"], np.zeros_like(own))
    for name, begun in variables["statistics"].items():
        np.testing.assert_allclose(moved[name], other[name], atol=1e-6)
        np.testing.assert_array_equal(still[name], begun)
        assert np.abs(moved[name] - begun).max() > 1e-3
    encode = jax.jit(functools.partial(model.apply, method="encode"))
    latents = np.asarray(encode(variables, ae2d.drop_depth(batch), batch["mask"]))[
        batch["mask"] & own[:, None]
    ]
    raw = latents * np.sqrt(variables["statistics"]["square"])
    np.testing.assert_allclose(moved["mean"], (1 - c.model.decay) * raw.mean(0), atol=1e-4)


def test_augmentation_leaves_half_as_they_are():
    rng = np.random.default_rng(0)
    example = {"pose": rng.normal(size=(5, 50, 3)).astype(np.float32), "mask": np.ones(5, bool)}
    made = [ae2d.augment_half(example, rng, mirror=1.0, turn=0.1, size=0.1) for _ in range(200)]
    assert 70 < sum(bool(m["as_recorded"]) for m in made) < 130
    for m in made:
        assert np.array_equal(m["pose"], example["pose"]) == m["as_recorded"]


def test_missing_joints_do_not_count(root):
    c = small(root)
    task = make_task(c, "")
    batch = next(task.batches(0))
    variables = jax.jit(task.init)(jax.random.key(0), batch)
    valid = np.repeat(np.ones_like(batch["mask"])[..., None], 50, -1)
    valid[:, :, 29:] = False
    gone = np.where(valid[..., None], batch["pose"], 5).astype(np.float32)

    @jax.jit
    def loss(params, pose):
        parts = batch | {"pose": pose, "valid": valid}
        return task.loss({**variables, "params": params}, parts, jax.random.key(1), 0)[0]

    assert loss(variables["params"], gone) == loss(variables["params"], batch["pose"])
    gradients = jax.jit(jax.grad(loss))(variables["params"], gone)
    assert all(np.isfinite(g).all() for g in jax.tree.leaves(gradients))
    wrists = np.broadcast_to(gone[..., [7], :2], (*gone.shape[:2], 21, 2))
    np.testing.assert_array_equal(ae2d.drop_depth({"pose": gone, "valid": valid})[..., 29:, :], wrists)


def test_what_does_not_fit_is_said_in_one_line(root, loaded, tmp_path):
    for dim in (0, 101):
        with pytest.raises(ConfigError, match=f"model.dim is {dim}; it can be whole numbers, 1 to 100"):
            make_task(small(root, **{"model.dim": dim}), "")
    with pytest.raises(DataError, match=r"latents 1 .* \[5, 11\]; give \[T, 12\]"):
        loaded.decode([np.zeros((5, 12)), np.zeros((5, 11))])
    with pytest.raises(ValueError, match="train one first"):
        load_codec(tmp_path)
