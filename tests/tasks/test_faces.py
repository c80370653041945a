"""Faces and missing points: kept from files to pictures, a stream of their own; no effect where missing."""

import dataclasses
import json
import pickle
import tarfile

import face_files
import gpt_run
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from generated import generate_poses, reconstruct_poses
from paths import FORMATS_ARCHIVE

from signjax.data import clip_files, clip_writers, npz_clip, pose_layout
from signjax.data.formats import openpose
from signjax.data.import_poses import import_poses
from signjax.data.load import load_split
from signjax.errors import ConfigError, DataError
from signjax.inference.load import load
from signjax.metrics import reconstruction
from signjax.metrics.score import compute_value
from signjax.models import build
from signjax.models.code_layout import code_shape
from signjax.pose import losses, normalization, skeleton
from signjax.pose.clip import Clip
from signjax.pose.missing_joints import fill_missing_joints, joint_weights
from signjax.pose.normalization import CANONICAL
from signjax.rendering import layout, rasterize, shapes, style
from signjax.tasks import vqvae
from signjax.tasks.registry import make_task
from signjax.tools import export
from signjax.training import loop

pytestmark = [pytest.mark.usefixtures("compile_quickly"), pytest.mark.extended]
FACE, BODY = skeleton.FACE, slice(0, skeleton.NUM_JOINTS)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """datasets/faces and datasets/bare, runs/vqvae trained on the former."""
    folder = tmp_path_factory.mktemp("home")
    for face in (True, False):
        face_files.write_dataset(folder / "datasets", face=face)
    c = face_files.config(folder, num_steps=30, eval_every=10)
    assert loop.train(c, folder / "runs/vqvae", make_task).finished
    return folder


def load_pack(root, name, split="train"):
    return load_split(root / "datasets", name, split, on_message=lambda line: None)


def read_metric(run, name):
    """The values of a metric in a run's log, oldest first."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line[name] for line in lines if name in line]


def test_a_pack_has_the_faces_of_its_clips(root):
    dataset = load_pack(root, "faces")
    clip, original = dataset[0], face_files.clip(0)
    assert dataset.layout.face and clip.points.shape[1:] == (120, 3)
    seen = original.points[:, FACE, :2].any(-1)
    assert not seen[face_files.HIDDEN].any() and not seen[10:, face_files.LOST].any()
    np.testing.assert_array_equal(clip.valid[:, FACE], seen)
    np.testing.assert_allclose(clip.points[:, FACE][seen], original.points[:, FACE][seen], atol=1e-5)
    assert not clip.points[:, FACE][~seen].any() and "% of face points" in dataset.describe()


def test_without_faces_a_pack_is_what_it_was(root):
    """Bit for bit, and where workers open it."""
    bare, cut = load_pack(root, "bare"), load_pack(root, "faces").without_face()
    for converted in (cut, pickle.loads(pickle.dumps(cut))):
        assert np.array_equal(converted.pose, bare.pose) and converted.valid is bare.valid is None
        assert (
            all(map(np.array_equal, converted.placements, bare.placements))
            and converted.layout == bare.layout
        )
    assert pickle.loads(pickle.dumps(load_pack(root, "faces"))).pose.shape[1] == 120
    assert bare.without_face() is bare and pose_layout.parse_layout(["depth", False, -1]) == bare.layout


def test_a_clip_without_a_face_among_others_misses_it(root):
    original = face_files.clip(1, face=False)
    converted, seen = pose_layout.apply_layout(original.points.copy(), load_pack(root, "faces").layout)
    assert converted.shape[1] == 120 and not converted[:, FACE].any()
    assert seen[:, BODY].all() and not seen[:, FACE].any()


def test_only_faces_of_70_numbers_are_read():
    def parsed(face):
        frame = {key: [0.5, 0.25, 1] * joints for key, joints in clip_files.FIELDS}
        content = {"poses": [frame | {"face_keypoints_2d": face}, frame]}
        return clip_files.parse_pose(json.dumps(content).encode())

    assert parsed([3, 4, 1] * 70)[:, 50:].tolist() == [[[3, 4, 1]] * 70, [[0, 0, 0]] * 70]
    for none in ([], [0] * 210, [1] * 204, "face", None):
        assert parsed(none).shape == (2, 50, 3)
    for wrong in (["1"] * 210, [1e9] * 210):
        with pytest.raises(DataError, match="frame 0"):
            parsed(wrong)


@pytest.mark.parametrize("words", ["rvq,face", "whole,kl,face"])
def test_what_is_missing_changes_nothing(tmp_path, words):
    """Neither tokens nor losses nor errors, whatever numbers stand there."""
    c, rng = face_files.config(tmp_path, words), np.random.default_rng(0)
    model, mask = build.build_tokenizer(c), np.ones((2, 16), bool)
    pose = rng.normal(size=(2, 16, 120, 3)).astype(np.float32)
    valid = rng.random((2, 16, 120)) > 0.3
    wild = np.where(valid[..., None], pose, 1e3 * rng.normal(size=pose.shape)).astype(np.float32)
    keys = {"params": jax.random.key(0), "quantize": jax.random.key(1)}
    variables = jax.jit(model.init)(keys, pose, mask)

    @jax.jit
    def run(pose):
        batch = {"pose": pose, "valid": valid, "mask": mask}
        seen, out = (
            joint_weights(batch),
            model.apply(variables, fill_missing_joints(batch), mask),
        )
        terms = losses.reconstruction_losses(out.pose, pose, seen, c.loss)
        return out.codes, out.pose, terms, losses.reconstruction_errors(out.pose, pose, seen, jnp.ones(2))

    def results(pose):
        codes, made, terms, sums = run(pose)
        sides = [[Clip(x[0], seen, placement=CANONICAL)] for x, seen in ((pose, valid[0]), (made, None))]
        scores = reconstruction.score_reconstruction(*sides)
        return codes, made, terms, sums, {name: compute_value(score) for name, score in scores.items()}

    one, other = results(pose), results(wild)
    assert {"face"} <= one[2].keys() and {"mpjpe_face"} <= one[3].keys() and {"MPJPE-face"} <= one[4].keys()
    for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True):
        assert np.array_equal(a, b)
    assert one[1].shape == pose.shape and np.isfinite(one[1]).all()


def test_figures_of_the_body_are_those_without_a_face():
    rng = np.random.default_rng(0)
    pose, target = rng.normal(size=(2, 1, 8, 120, 3)).astype(np.float32)
    valid, scale = np.float32(rng.random((1, 8, 120)) > 0.2), np.ones(1, np.float32)
    weights = {"joints": 1.0, "body": 0.5, "hands": 1.0, "velocity": 0.5, "bones": 0.1, "face": 2.0}

    def both(part):
        cut = pose[..., part, :], target[..., part, :], valid[..., part]
        terms = losses.reconstruction_losses(*cut, weights)
        sides = [[Clip(x[0], cut[2][0] > 0, placement=CANONICAL)] for x in cut[:2]]
        scores = reconstruction.score_reconstruction(*sides)
        return (
            terms,
            losses.reconstruction_errors(*cut, scale),
            {name: compute_value(score) for name, score in scores.items()},
        )

    bare, faced = both(BODY), both(slice(None))
    for one, other, new in zip(bare, faced, ("face", "mpjpe_face", "MPJPE-face"), strict=True):
        assert other.keys() - one.keys() == {new}
        same = [name for name in one if name != "loss"]
        assert all(np.array_equal(one[name], other[name]) for name in same)
    np.testing.assert_allclose(faced[0]["loss"], bare[0]["loss"] + 2 * faced[0]["face"], rtol=1e-6)
    total, count = faced[1]["mpjpe_face"]
    np.testing.assert_allclose(total / count, faced[2]["MPJPE-face"], rtol=1e-5)
    moved = pose + np.float32([1, 2, 3])
    again = losses.reconstruction_errors(moved, target, valid, scale)["mpjpe_face"]
    np.testing.assert_allclose(again[0], total, rtol=1e-5, err_msg="relative to the nose")


def test_the_face_is_learned(root):
    errors = read_metric(root / "runs/vqvae", "eval/mpjpe_face")
    assert len(errors) == 3 and errors[-1] < 0.9 * errors[0]
    tokenizer = load(root / "runs/vqvae")
    names = list(tokenizer.columns)
    assert names[-2:] == ["right face", "left face"] and code_shape(tokenizer.config)[0] == len(names)
    dataset = tokenizer.load_split(tokenizer.config.data, "dev")
    decoded = reconstruct_poses(tokenizer, dataset)
    assert [clip.shape for clip in decoded] == [(n, 120, 3) for n in dataset.lengths]
    scores = reconstruction.score_reconstruction(
        list(dataset), [Clip(points, placement=CANONICAL) for points in decoded]
    )
    np.testing.assert_allclose(compute_value(scores["MPJPE-face"]), errors[-1], rtol=0.2)


@pytest.mark.slow
def test_texts_become_clips_with_faces(root):
    """A GPT on a tokenizer with a face, unchanged; a flow takes the same path."""
    data = {"data.root": str(root / "datasets"), "data.name": "faces", "tokenizer": str(root / "runs/vqvae")}
    c = gpt_run.get_config("gpt", **data, **gpt_run.GPT | {"num_steps": 2, "eval_every": 2, "save_every": 2})
    assert loop.train(c, root / "runs/gpt", make_task).finished
    generator = load(root / "runs/gpt")
    [clip] = generate_poses(generator, ["hello"])
    assert clip.shape[1:] == (120, 3) and np.isfinite(clip).all()
    assert len(read_metric(root / "runs/gpt", "eval/dtw")) == 1, "errors are of body and hands"


def test_faces_that_are_not_there_are_named(root):
    with pytest.raises(DataError, match="bare/train: has no faces") as caught:
        vqvae.make_task(face_files.config(root, name="bare"), "")
    assert caught.value.exit_code == 21
    with pytest.raises(ConfigError, match="layout is 'half'"):
        build.build_tokenizer(face_files.config(root, layout="half"))
    with pytest.raises(ConfigError, match="needs 'whole'"):
        build.build_tokenizer(face_files.config(root, "seed,face"))


def drawn(pose, valid, frame=0):
    scene = layout.build_scene(Clip(pose, valid), 224)
    return layout.paint_frame(scene, frame)


def test_a_face_is_drawn_and_what_is_missing_is_not():
    clip = face_files.clip(0)
    pose, there, body = clip.points, np.ones((len(clip), 120), bool), clip.without_face()
    gone, lost = there.copy(), there.copy()
    gone[:, FACE], lost[:, 50 + np.array(face_files.LOST)] = False, False
    bare = drawn(body.points, body.valid)
    assert np.array_equal(drawn(pose, gone), bare), "the head instead"
    faced, parted = drawn(pose, there), drawn(pose, lost)
    assert not np.array_equal(faced, bare) and not np.array_equal(parted, faced)
    wild = np.where(lost[..., None], pose, np.nan)
    assert np.array_equal(drawn(wild, lost), parted)
    figure = shapes.prepare_figures(Clip(pose, lost))[0]
    [skin, features] = shapes.outline_parts(figure, 100.0, [0, 0])[0][-style.FACE_PARTS :]
    strokes = style.PARTS[-1].bones
    kept = [not {style.FACE[k] for k in face_files.LOST} & {bone.start, bone.end} for bone in strokes]
    assert [shape.seen.all() for shape in features] == kept and not all(kept)
    assert all(shape.seen.all() for shape in skin), "no point of the outline is missing"


@pytest.mark.parametrize("missing", [range(27, 36), (0,), (21, 22)], ids=["nose", "an ear", "brows"])
def test_no_face_hangs_in_the_air(missing):
    """MediaPipe has no line of the nose. Without the rim of the face, its lines are on the plain head."""
    clip = face_files.clip(1)
    valid = clip.valid.copy()
    valid[:, 50 + np.array(missing)] = False
    picture = drawn(clip.points, valid)
    head, lines = (picture == rasterize.INDEX[name] for name in ("head", "face"))
    assert head.sum() > 250 and lines.any()


def test_faces_come_and_go_within_a_clip():
    clip, hidden = face_files.clip(0), face_files.HIDDEN
    faced, bare = ((one.points, one.valid) for one in (clip, clip.without_face()))
    same = [np.array_equal(drawn(*faced, t), drawn(*bare, t)) for t in (hidden.start, hidden.stop)]
    assert same == [True, False]


def test_clips_leave_with_their_faces(root, tmp_path):
    """As a data set's folder, as OpenPose's files, as arrays."""
    path = root / "datasets/faces/train/clip_0"
    clip = load_pack(root, "faces")[0]
    for form in ("json", "openpose", "npz"):
        assert export.main([str(path), "--to", form, "--out", str(tmp_path / form)]) == 0
    raw = clip_files.read_raw(tmp_path / "json/clip_0").pose
    pose, valid = pose_layout.apply_layout(raw, pose_layout.detect_layout([raw]))
    assert np.array_equal(pose, clip.points) and np.array_equal(valid, clip.valid)
    back = npz_clip.read_npz(tmp_path / "npz/clip_0.npz")
    assert np.array_equal(back.points, clip.points) and np.array_equal(back.valid, clip.valid)
    [theirs] = openpose.read_clips(tmp_path / "openpose")
    assert np.array_equal(theirs.valid, clip.valid)
    placed = normalization.to_canonical(
        clip.points, normalization.measure_placement(clip.points, clip.valid)
    )[:, FACE, :2]
    origin, scale = clip_writers.PICTURE_PLACEMENT
    back = (theirs.points[:, FACE, :2] - origin[:2]) / scale
    np.testing.assert_allclose(back[clip.valid[:, FACE]], placed[clip.valid[:, FACE]], atol=1e-4)


@pytest.mark.real
@pytest.mark.extended
def test_real_faces(real_data, tmp_path):
    """OpenPose's files of real signers: read with their gaps, learned, drawn."""
    folder = real_data / "formats"
    if not folder.is_dir():
        with tarfile.open(FORMATS_ARCHIVE) as archive:
            archive.extractall(tmp_path, filter="data")
        folder = tmp_path / "formats"
    source = _with_gaps(folder / "openpose_frames", tmp_path / "theirs")
    report = import_poses(source, str(tmp_path / "datasets"), "faces", None, 25.0)
    assert report["faces"] == 3 and not report["left_out"]
    dataset = load_pack(tmp_path, "faces")
    files = sorted(source.rglob(f"{dataset.sids[0]}/*_keypoints.json"))
    people = [json.loads(file.read_text())["people"][0]["face_keypoints_2d"] for file in files]
    theirs = np.array(people).reshape(-1, 70, 3)
    seen = theirs[..., 2] > 0.1
    np.testing.assert_array_equal(dataset[0].valid[:, FACE], seen)
    np.testing.assert_allclose(dataset[0].points[:, FACE, :2][seen], theirs[..., :2][seen], atol=0.01)
    assert 0.85 < seen.mean() < 0.95 and "with faces" in dataset.describe()
    c = face_files.config(tmp_path, num_steps=60, eval_every=60, log_every=10)
    assert loop.train(c, tmp_path / "run", make_task).finished
    learned = read_metric(tmp_path / "run", "train/face")
    assert learned[-1] < 0.9 * learned[0] and read_metric(tmp_path / "run", "eval/mpjpe_face")[0] < 15, (
        "pixels"
    )
    tokenizer = load(tmp_path / "run")
    decoded = reconstruct_poses(tokenizer, dataset)[0]
    assert decoded.shape == (len(theirs), 120, 3)
    numbers = np.where(dataset.valid[..., None], dataset.pose, np.float32(1e5))
    wild = dataclasses.replace(dataset, pose=numbers, folder=None)
    assert np.array_equal(tokenizer.encode(wild)[0], tokenizer.encode(dataset)[0])
    assert not np.array_equal(drawn(decoded, None), drawn(decoded[:, BODY], None))


def _with_gaps(source, target):
    """A copy of OpenPose's files in which a tenth of the face points are too faint to count."""
    rng = np.random.default_rng(0)
    for file in sorted(source.rglob("*")):
        if file.is_dir():
            continue
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if file.suffix != ".json":
            copy.write_bytes(file.read_bytes())
            continue
        content = json.loads(file.read_text())
        for person in content["people"]:
            face = np.array(person["face_keypoints_2d"]).reshape(-1, 3)
            face[rng.random(len(face)) < 0.1, 2] = 0.05
            person["face_keypoints_2d"] = face.ravel().tolist()
        copy.write_text(json.dumps(content))
    return target
