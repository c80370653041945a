"""SMPL-X: rotations there and back, kinematics against a slow loop, mirrored bodies, files of others."""

import pickle

import numpy as np
import pytest
import smplx_files

from signjax.data.formats import detect, rotations, signspark, smplx_body, smplx_clips, smplx_pickles
from signjax.data.formats.base import UnreadableClip
from signjax.data.import_poses import import_poses
from signjax.errors import ConfigError, DataError
from signjax.io.safe_read import InvalidFileError
from signjax.pose import skeleton

NEUTRAL = smplx_body.make_neutral_body()
MIRROR = np.array([-1.0, 1.0, 1.0])
# The model's joints of the other side.
PAIRS = [(1, 2), (4, 5), (7, 8), (10, 11), (13, 14), (16, 17), (18, 19), (20, 21), (23, 24)]
OTHER = np.arange(55)
for one, two in [*PAIRS, *((25 + k, 40 + k) for k in range(15))]:
    OTHER[[one, two]] = two, one


def turns(frames=5, seed=0, size=0.5):
    rng = np.random.default_rng(seed)
    return rotations.from_axis_angle(size * rng.normal(size=(frames, 55, 3)))


def test_axis_and_angle_there_and_back():
    vectors = 0.6 * np.random.default_rng(0).normal(size=(200, 3))
    vectors = np.concatenate([vectors, 1e-9 * vectors, np.zeros((1, 3))])
    matrices = rotations.from_axis_angle(vectors)
    np.testing.assert_allclose(
        matrices @ np.swapaxes(matrices, -1, -2), np.tile(np.eye(3), (401, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(matrices), 1.0)
    np.testing.assert_allclose(smplx_files.to_axis_angle(matrices), vectors, atol=1e-7)


def test_the_direction_of_a_turn():
    """A quarter about z takes x to y: right-handed, on column vectors."""
    quarter = rotations.from_axis_angle(np.array([0, 0, np.pi / 2]))
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    # The first two rows of the matrix.
    np.testing.assert_allclose(
        rotations.from_six_numbers(np.array([0, -1.0, 0, 1, 0, 0])), quarter, atol=1e-12
    )


def test_six_numbers_there_and_back():
    matrices = turns().reshape(-1, 3, 3)
    six = smplx_files.to_six_numbers(matrices)
    np.testing.assert_allclose(rotations.from_six_numbers(six), matrices, atol=1e-12)
    # What a network writes is neither of length 1 nor at a right angle.
    loose = six * np.repeat([2.0, 3.0], 3)
    loose[:, 3:] += 0.3 * loose[:, :3]
    np.testing.assert_allclose(rotations.from_six_numbers(loose), matrices, atol=1e-12)
    assert np.isnan(rotations.from_six_numbers(np.zeros(6))).any()
    assert np.isnan(rotations.from_six_numbers(np.ones(6))).any()


def test_kinematics_are_those_of_a_slow_loop():
    local = turns()
    moved, places = smplx_body._turn_joints(NEUTRAL, local)
    for t in range(len(local)):
        for joint in range(55):
            chain, k = np.eye(4), joint
            while k >= 0:
                parent = smplx_body.PARENTS[k]
                step = np.eye(4)
                step[:3, :3] = local[t, k]
                step[:3, 3] = NEUTRAL.joints[k] - (NEUTRAL.joints[parent] if parent >= 0 else 0)
                chain, k = step @ chain, parent
            np.testing.assert_allclose(places[t, joint], chain[:3, 3], atol=1e-9)
            np.testing.assert_allclose(moved[t, joint], chain[:3, :3], atol=1e-9)


def test_a_mirrored_body_has_mirrored_joints():
    """In the mirror x changes its sign: axes of turns keep x, and change y and z."""
    vectors = 0.5 * np.random.default_rng(1).normal(size=(5, 55, 3))
    mirrored = (vectors * np.array([1, -1, -1]))[:, OTHER]
    pose, other = (smplx_body.pose_body(NEUTRAL, rotations.from_axis_angle(v)) for v in (vectors, mirrored))
    np.testing.assert_allclose(other, skeleton.mirror_pose(pose), atol=1e-12)


def test_bones_keep_their_lengths_and_the_body_stands_upright():
    pose = smplx_body.pose_body(NEUTRAL, turns())
    lengths = skeleton.bone_lengths(pose)
    # The neck lies between the shoulders, which move apart from each other; the nose turns with the head.
    rigid = [k for k, (joint, parent) in enumerate(skeleton.BONES) if skeleton.NECK not in (joint, parent)]
    assert np.ptp(lengths[:, rigid], axis=0).max() < 1e-9
    rest = smplx_body.pose_body(NEUTRAL, np.tile(np.eye(3), (1, 55, 1, 1)))[0]
    assert rest[skeleton.NOSE, 1] < rest[skeleton.NECK, 1] and rest[skeleton.NOSE, 2] < 0
    assert rest[skeleton.R_SHOULDER, 0] < 0 < rest[skeleton.L_SHOULDER, 0]
    assert rest[skeleton.R_HAND + 12, 0] < rest[skeleton.R_WRIST, 0]
    # The thumb of a hand whose palm is down points to the front.
    assert rest[skeleton.R_HAND + 4, 2] < rest[skeleton.R_HAND + 20, 2]
    unit = np.linalg.norm(rest[skeleton.R_SHOULDER] - rest[skeleton.NECK])
    arms = skeleton.bone_lengths(rest[None])[0] / unit
    expected = {joint: skeleton.LENGTHS[joint] for joint in (3, 4, 6, 7)}
    actual = {joint: arms[k] for k, (joint, _) in enumerate(skeleton.BONES) if joint in expected}
    assert actual == pytest.approx(expected)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A toy model file, whose joints are those of the neutral body, and the body read from it."""
    path = tmp_path_factory.mktemp("model") / "SMPLX_NEUTRAL.npz"
    np.savez(path, **smplx_files.model_arrays())
    return path, smplx_body.read_body(path)


def test_a_model_file_gives_bones_and_a_face(model):
    body = model[1]
    np.testing.assert_allclose(body.joints, NEUTRAL.joints, atol=1e-12)
    local = turns(3)
    plain, pose = smplx_body.pose_body(NEUTRAL, local), smplx_body.pose_body(body, local, np.zeros((3, 10)))
    np.testing.assert_allclose(pose[:, :50], plain, atol=1e-9)
    face = pose[:, 50:]
    assert np.isnan(face[:, :17]).all() and np.isnan(face[:, 68:]).all() and np.isfinite(face[:, 17:68]).all()
    # All its weight is on the head: it moves as one, and the tip of the nose is the nose.
    np.testing.assert_allclose(face[:, 17 + smplx_body.NOSE_TIP], pose[:, skeleton.NOSE], atol=1e-9)
    gaps = np.linalg.norm(face[:, 17:68, None] - face[:, None, 17:68], axis=-1)
    np.testing.assert_allclose(gaps, gaps[[0, 0, 0]], atol=1e-9)
    moved = smplx_body.pose_body(body, local, np.ones((3, 10)))
    assert not np.allclose(moved[:, 67:118], pose[:, 67:118])
    np.testing.assert_array_equal(moved[:, :50], pose[:, :50])


@pytest.mark.parametrize("change, message", [
    (lambda a: a.pop("J_regressor"), "has no array 'J_regressor'; give SMPLX_NEUTRAL.npz"),
    (lambda a: a.update(v_template=np.zeros((6890, 3))), "is no model of SMPL-X"),
    (lambda a: a.update(f=np.full((60, 3), 20000)), "has no landmarks of a face"),
    (lambda a: a.update(v_template=np.full((10475, 3), np.nan)), "holds numbers that are not finite"),
])  # fmt: skip
def test_what_is_no_model_is_named(tmp_path, change, message):
    arrays = smplx_files.model_arrays()
    change(arrays)
    np.savez(tmp_path / "m.npz", **arrays)
    with pytest.raises(DataError, match=message):
        smplx_body.read_body(tmp_path / "m.npz")


def expected_clip(frames=6, seed=0):
    """The clip of smplx_files.parameters, by axis and angle."""
    values = smplx_files.parameters(frames, seed)
    keys = {"body": "smplx_body_pose", "left": "smplx_lhand_pose", "right": "smplx_rhand_pose"}
    return smplx_clips.make_clip({name: values[key] for name, key in keys.items()}, None, None)


def upper(values):
    """Parameters with the joints below the neck at rest, as SignSparK's loader has them."""
    values["smplx_body_pose"] = values["smplx_body_pose"].copy()
    values["smplx_body_pose"][:, :33] = 0
    return values


def test_signspark(tmp_path):
    clips = {"a": smplx_files.signspark_clip(), "b/c": smplx_files.signspark_clip(5, 1, "two  words", "")}
    (tmp_path / "train/x.lmdb").mkdir(parents=True)
    data = smplx_files.lmdb_bytes(smplx_files.signspark_entries(clips))
    (tmp_path / "train/x.lmdb/data.mdb").write_bytes(data)
    (tmp_path / "train/x.lmdb/lock.mdb").write_bytes(bytes(99))
    first, second = detect.detect_format(tmp_path).read_clips(tmp_path)
    values = upper(smplx_files.parameters())
    keys = {"body": "smplx_body_pose", "left": "smplx_lhand_pose", "right": "smplx_rhand_pose"}
    same = smplx_clips.make_clip({name: values[key] for name, key in keys.items()}, None, None)
    np.testing.assert_allclose(first.points, same.points, atol=1e-6)
    assert (first.sid, first.text, first.gloss, first.split) == ("a", "hello you", "HELLO", "train")
    assert (second.sid, second.text, second.gloss, len(second)) == ("c", "two words", "", 5)
    assert first.segment.tolist() == [0, 2, 1, 1, 0, 0] and first.valid.all() and first.fps is None
    assert first.warnings == ((smplx_clips.FLAT_HAND, ""), (smplx_body.NEUTRAL, ""))


def test_signspark_is_imported_with_segment_and_gloss(tmp_path, model):
    entries = smplx_files.signspark_entries({"a": smplx_files.signspark_clip()})
    (tmp_path / "data.mdb").write_bytes(smplx_files.lmdb_bytes(entries))
    report = import_poses(tmp_path, str(tmp_path / "sets"), "mine", smplx=model[0])
    assert report["glosses"] == 1 and report["faces"] == 1 and report["depth"]
    assert not any("skeleton" in line for line in report["warnings"])
    [clip] = detect.detect_format(tmp_path / "sets").read_clips(tmp_path / "sets")
    assert clip.gloss == "HELLO" and clip.segment.tolist() == [0, 2, 1, 1, 0, 0]
    with pytest.raises(ConfigError, match=r"--smplx: .* have no use for it"):
        import_poses(tmp_path / "sets", str(tmp_path), "other", smplx=model[0])


def replace_arrays(data, **changed):
    import io

    arrays, file = dict(np.load(io.BytesIO(data))), io.BytesIO()
    np.savez(file, **{name: value for name, value in (arrays | changed).items() if value is not None})
    return file.getvalue()


@pytest.mark.parametrize("changed, message", [
    ({"body_features": None}, "has no body_features"),
    ({"left_features": np.zeros((6, 45))}, "its left_features is float64 [6, 45], not [any, >= 90]"),
    ({"right_features": np.zeros((5, 90))}, "its parts have 5, 6 frames"),
    ({"segment": np.full(6, 3)}, "its segment is int64 [6], not 0, 1 or 2"),
    ({"gloss": np.zeros(3)}, "its gloss is float64, no text"),
])  # fmt: skip
def test_a_wrong_clip_of_signspark_is_named(tmp_path, changed, message):
    clips = {"a": replace_arrays(smplx_files.signspark_clip(), **changed), "b": b"x"}
    entries = smplx_files.signspark_entries(clips)
    entries[b"__meta__"] = pickle.dumps({"clip_ids": ["a", "b", "z"], "num_clips": 3})
    (tmp_path / "data.mdb").write_bytes(smplx_files.lmdb_bytes(entries))
    first, second, third = signspark.read_clips(tmp_path)
    assert (
        isinstance(first, UnreadableClip) and message in first.reason and first.name.endswith("data.mdb: a")
    )
    assert "is no .npz file" in second.reason and "not in the file" in third.reason


def frames_of(values, as_rows=False):
    """A dict for each frame, of arrays [n], or [1, n]."""
    cuts = [slice(t, t + 1) if as_rows else t for t in range(len(values["smplx_expr"]))]
    return [{key: of[cut] for key, of in values.items()} for cut in cuts]


def write_frames(folder, values):
    folder.mkdir(parents=True)
    for t, frame in enumerate(frames_of(values)):
        (folder / f"{folder.name}_{t}_3D.pkl").write_bytes(pickle.dumps(frame))


@pytest.mark.parametrize("write", [
    lambda root, values: (root / "one.pkl").write_bytes(pickle.dumps(values)),
    lambda root, values: (root / "one.pickle").write_bytes(pickle.dumps(frames_of(values), 2)),
    lambda root, values: (root / "one.pkl").write_bytes(pickle.dumps(frames_of(values, True))),
    lambda root, values: write_frames(root / "one", values),
])  # fmt: skip
def test_pickles(tmp_path, write):
    write(tmp_path, smplx_files.parameters(12))
    [clip] = detect.detect_format(tmp_path).read_clips(tmp_path)
    np.testing.assert_allclose(clip.points, expected_clip(12).points, atol=1e-6)
    assert clip.sid == "one" and clip.warnings == ((smplx_clips.FLAT_HAND, ""), (smplx_body.NEUTRAL, ""))


def test_vectors_of_133_numbers(tmp_path):
    values = upper(smplx_files.parameters())
    keys = ("smplx_lhand_pose", "smplx_rhand_pose", "smplx_jaw_pose", "smplx_expr")
    vector = np.hstack([values["smplx_body_pose"][:, 33:], *(values[key] for key in keys)])
    (tmp_path / "one.pkl").write_bytes(pickle.dumps(vector))
    (tmp_path / "two.pkl").write_bytes(pickle.dumps(values))
    one, two = smplx_pickles.read_clips(tmp_path)
    np.testing.assert_allclose(one.points, two.points, atol=1e-6)


def test_a_turned_body_and_missing_frames_are_told(tmp_path):
    values = smplx_files.parameters(8)
    values["smplx_root_pose"] = values["smplx_root_pose"] + np.float32([3.1, 0, 0])
    write_frames(tmp_path / "one", values)
    (tmp_path / "one/one_4_3D.pkl").unlink()
    (tmp_path / "one.txt").write_text("hello")
    [clip] = smplx_pickles.read_clips(tmp_path)
    assert clip.text == "hello" and len(clip) == 8
    assert clip.valid.any(1).tolist() == [True] * 4 + [False] + [True] * 3
    assert (smplx_pickles.ROOT_LEFT_OUT, "") in clip.warnings and len(clip.warnings) == 4
    np.testing.assert_allclose(clip.points[5], expected_clip(8).points[5], atol=1e-6)


@pytest.mark.parametrize("content, message", [
    ({"labels": [1, 2]}, "has no array smplx_body_pose"),
    ([1, 2], "is a int, not a dict"),
    (np.zeros((3, 130)), "is an array float64 [3, 130], not [any, 133]"),
    (smplx_files.parameters() | {"smplx_lhand_pose": np.zeros((6, 12))}, "smplx_lhand_pose is [6, 12], not"),
    (smplx_files.parameters() | {"smplx_rhand_pose": np.zeros((5, 45))}, "its parts have 5, 6 frames"),
    ({"x": np.random.default_rng(0)}, "which is not read"),
    ([], "has 0 frames"),
])  # fmt: skip
def test_a_wrong_pickle_is_named(tmp_path, content, message):
    (tmp_path / "one.pkl").write_bytes(pickle.dumps(content))
    [item] = smplx_pickles.read_clips(tmp_path)
    assert isinstance(item, UnreadableClip) and message in item.reason and "\n" not in item.reason


def test_parameters_of_a_wrong_size_are_refused():
    with pytest.raises(InvalidFileError, match="has 0 frames"):
        smplx_clips.make_clip({"upper": np.zeros((0, 30))}, None, None)
    with pytest.raises(InvalidFileError, match=r"its rotations of upper are float64 \[2, 31\]"):
        smplx_clips.make_clip({"upper": np.zeros((2, 31))}, None, None)
