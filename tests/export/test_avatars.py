"""Files of avatars: other programs find the bones where the clip has them, and a mannequin around them."""

import dataclasses

import numpy as np
import pytest
from avatar_clips import demo_clip, hide_joints, reverse_axes
from avatar_files import play_bvh, play_glb, read_accessor, read_glb
from export_helpers import run

from signjax.errors import DataError, SignjaxWarning
from signjax.export import mannequin
from signjax.pose import avatar_rig, rotations, skeleton
from signjax.pose.clip import Clip

FORMS = ("glb", "vrma", "bvh")
# The bones that a VRM must have, by VRMC_vrm 1.0.
REQUIRED = {"hips", "spine", "head"}
REQUIRED |= {
    f"{side}{part}"
    for side in ("left", "right")
    for part in ("UpperLeg", "LowerLeg", "Foot", "UpperArm", "LowerArm", "Hand")
}


@pytest.fixture(scope="module")
def clip():
    whole = demo_clip("hello", 3, sid="one")
    return dataclasses.replace(whole, points=whole.points[:12], valid=whole.valid[:12], fps=30.0)


@pytest.fixture(scope="module")
def motion(clip):
    return rotations.solve_rotations(clip)


@pytest.fixture(scope="module")
def bones(motion):
    return dict(zip(avatar_rig.NAMES, rotations.find_bones(motion)[0].swapaxes(0, 1), strict=True))


def test_a_glb_plays_the_clip(clip, bones, tmp_path):
    times, places = play_glb(clip.save(tmp_path / "one.glb").read_bytes())
    np.testing.assert_allclose(times, np.arange(12) / 30, atol=1e-6)
    for name, place in bones.items():
        np.testing.assert_allclose(places[name], place, atol=1e-5, err_msg=name)


def test_a_vrma_has_the_bones_of_vrm_and_moves_hands_and_fingers(clip, bones, motion, tmp_path):
    data = clip.save(tmp_path / "one.vrma").read_bytes()
    document, _ = read_glb(data)
    extension = document["extensions"]["VRMC_vrm_animation"]
    assert extension["specVersion"] == "1.0" and document["extensionsUsed"] == ["VRMC_vrm_animation"]
    humans = extension["humanoid"]["humanBones"]
    assert set(humans) >= REQUIRED and len(humans) == 49
    assert all(document["nodes"][bone["node"]]["name"] == name for name, bone in humans.items())
    # Scales are not allowed, and only the hips may move.
    moved = [
        (document["nodes"][channel["target"]["node"]]["name"], channel["target"]["path"])
        for channel in document["animations"][0]["channels"]
    ]
    assert {name for name, path in moved if path == "translation"} == {"hips"}
    assert {path for _, path in moved} == {"translation", "rotation"}
    _, places = play_glb(data)
    for name in ("neck", "leftUpperArm", "rightLowerArm"):
        np.testing.assert_allclose(places[name], bones[name], atol=1e-5)
    # Where palms are rigid, positions give way, and directions stay.
    for start, end in (("rightIndexProximal", "rightIndexIntermediate"), ("leftUpperArm", "leftLowerArm")):
        np.testing.assert_allclose(places[end] - places[start], bones[end] - bones[start], atol=1e-5)
    assert np.linalg.norm(places["rightHand"] - bones["rightHand"], axis=-1).max() < 0.03


def test_a_bvh_has_the_positions_in_centimetres(clip, bones, tmp_path):
    seconds, places = play_bvh(clip.save(tmp_path / "one.bvh").read_text())
    assert abs(seconds - 1 / 30) < 1e-8
    named = [name for name in places if not name.endswith(" end")]
    assert len(named) > 60
    for name in named:
        np.testing.assert_allclose(places[name], bones[name] * 100, atol=1e-3, err_msg=name)
    tip = places["rightIndexDistal end"]
    np.testing.assert_allclose(tip, bones["rightIndexTip"] * 100, atol=1e-3)


def test_clips_without_a_rate_play_at_25_frames_a_second(clip, tmp_path):
    unknown = dataclasses.replace(clip, fps=None)
    assert play_bvh(unknown.save(tmp_path / "one.bvh").read_text())[0] == 0.04
    assert play_glb(unknown.save(tmp_path / "one.vrma").read_bytes())[0][1] == np.float32(0.04)


def test_one_frame_is_enough(clip, tmp_path):
    still = dataclasses.replace(clip, points=clip.points[:1], valid=clip.valid[:1])
    for form in FORMS:
        assert still.save(tmp_path / f"one.{form}").stat().st_size > 1000


def test_the_command_writes_many(clip, tmp_path, capsys):
    paths = [dataclasses.replace(clip, sid=name).save(tmp_path / f"{name}.npz") for name in ("a", "b")]
    for form in FORMS:
        code, made, _ = run(capsys, *paths, "--to", form, "--out", tmp_path / "out")
        assert code == 0 and made == [str(tmp_path / f"out/{name}.{form}") for name in ("a", "b")]


def test_what_is_missing_or_not_rigid_is_told(clip, tmp_path):
    with pytest.warns(
        SignjaxWarning, match=r"clip one does not show the left hand in 2 of 12 frames; .*held"
    ):
        hide_joints(clip, slice(3, 5), skeleton.LEFT).save(tmp_path / "one.bvh")
    longer = clip.points.copy()
    longer[::2, skeleton.RIGHT] += np.array([0, 0.05, 0], np.float32)
    with pytest.warns(SignjaxWarning, match=r"bones of clip one change their length.*% at most"):
        dataclasses.replace(clip, points=longer).save(tmp_path / "one.glb")


@pytest.mark.parametrize("form", FORMS)
def test_flat_clips_are_refused_and_leave_nothing(clip, tmp_path, form):
    with pytest.raises(DataError, match="clip one: has no depth"):
        reverse_axes(clip, 1, 1, 0).save(tmp_path / f"one.{form}")
    with pytest.raises(DataError, match="no frames"):
        Clip(np.zeros((0, 50, 3))).save(tmp_path / f"one.{form}")
    assert not list(tmp_path.iterdir())


def test_every_corner_of_the_mannequin_hangs_on_bones(clip, tmp_path):
    document, binary = read_glb(clip.save(tmp_path / "one.glb").read_bytes())
    [skin], [mesh] = document["skins"], document["meshes"]
    assert len(skin["joints"]) == len(avatar_rig.NAMES)
    for primitive in mesh["primitives"]:
        arrays = {
            name: read_accessor(document, binary, number) for name, number in primitive["attributes"].items()
        }
        np.testing.assert_allclose(arrays["WEIGHTS_0"].sum(1), 1, atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(arrays["NORMAL"], axis=1), 1, atol=1e-5)
        assert not arrays["JOINTS_0"][arrays["WEIGHTS_0"] == 0].any()
        assert read_accessor(document, binary, primitive["indices"]).max() < len(arrays["POSITION"])


def test_the_mannequin_is_closed_symmetric_and_faces_the_front(motion):
    offsets = (motion.offsets + motion.offsets[avatar_rig.MIRROR] * [-1, 1, 1]) / 2
    for surface in mannequin.make_mannequin(offsets):
        edges = np.concatenate([surface.triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
        # Each edge once in each direction: no holes, and all triangles the same way round.
        assert {tuple(e) for e in edges.tolist()} == {tuple(e[::-1]) for e in edges.tolist()}
        a, b, c = np.moveaxis(surface.points[surface.triangles], 1, 0)
        assert (np.cross(a, b) * c).sum() > 0, "outside is outside"
        mirrored = (surface.points * [-1, 1, 1])[::40]
        apart = np.linalg.norm(mirrored[:, None] - surface.points[None], axis=-1)
        assert apart.min(1).max() < 0.012
    face = mannequin.make_mannequin(offsets).face.points
    assert (face[:, 2] > 0.05).all() and (np.abs(face[:, 1] - 1.66) < 0.12).all()
