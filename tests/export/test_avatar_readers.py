"""Avatar files in the readers that people use. Each test is skipped where its reader is not installed."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from avatar_clips import demo_clip
from avatar_files import read_glb
from avatar_readers import three_page, validate_gltf
from paths import HELPERS
from PIL import Image

from signjax.export import gltf
from signjax.pose import avatar_rig, rotations

pytestmark = pytest.mark.extended


@pytest.fixture(scope="module")
def clip():
    return demo_clip("where do you live")


@pytest.fixture(scope="module")
def bones(clip):
    """[T, N, 3] in metres."""
    return rotations.find_bones(rotations.solve_rotations(clip))[0]


def frames_of(clip):
    return range(0, len(clip), 9)


@pytest.mark.parametrize("form", ["glb", "vrma"])
def test_the_validator_of_gltf_has_nothing_to_say(clip, tmp_path, form):
    issues = validate_gltf(clip.save(tmp_path / f"one.{form}"))
    assert issues["numErrors"] == issues["numWarnings"] == 0, issues["messages"][:5]
    # It does not know the extension, and bones without a mesh are nodes without content.
    known = {"UNSUPPORTED_EXTENSION", "NODE_EMPTY"} if form == "vrma" else set()
    assert {message["code"] for message in issues["messages"]} <= known


def test_bvhio_reads_the_same_positions(clip, bones, tmp_path):
    bvhio = pytest.importorskip("bvhio", reason="no bvhio here: pip install bvhio")
    path = str(clip.save(tmp_path / "one.bvh"))
    root = bvhio.readAsHierarchy(path)
    for frame in frames_of(clip):
        root.loadPose(frame)
        named = {joint.Name: np.array([*joint.PositionWorld]) for joint, _, _ in root.layout()}
        assert len(set(avatar_rig.NAMES) & set(named)) > 60
        for name, bone in avatar_rig.NUMBERS.items():
            if name in named:
                np.testing.assert_allclose(named[name] / 100, bones[frame, bone], atol=1e-4, err_msg=name)
    assert bvhio.readAsBvh(path).FrameTime == pytest.approx(0.04)


@pytest.mark.parametrize("form", ["glb", "bvh"])
def test_blender_imports_the_same_positions(clip, bones, tmp_path, form):
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("no Blender here: pip install bpy")
    frames = [0, 20, len(clip) - 1]
    path = clip.save(tmp_path / f"one.{form}")
    command = [sys.executable, HELPERS / "blender_places.py", path, "25", *map(str, frames)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [line.removeprefix("PLACES ") for line in run.stdout.split("\n") if line.startswith("PLACES ")]
    for frame, line in zip(frames, lines, strict=True):
        places = json.loads(line)
        assert len(set(places) & set(avatar_rig.NAMES)) > 60
        for name, place in places.items():
            if name in avatar_rig.NUMBERS:
                expected = bones[frame, avatar_rig.NUMBERS[name]]
                np.testing.assert_allclose(place, expected, atol=1e-4, err_msg=name)


def test_three_plays_the_mannequin(clip, bones, tmp_path):
    """Every bone is within 1 % of the shoulder width, and there is something to see."""
    clip.save(tmp_path / "one.glb")
    with three_page(tmp_path) as page:
        assert page.run("load('/files/one.glb')") == pytest.approx((len(clip) - 1) / 25, abs=1e-5)
        names = json.dumps(avatar_rig.NAMES)
        for frame in frames_of(clip):
            places = page.run(f"places({frame / 25}, {names})")
            found = np.array([places[name] for name in avatar_rig.NAMES])
            assert np.linalg.norm(found - bones[frame], axis=-1).max() < 0.01 * 0.36
        assert page.run("draw([0, 1.4, 2.4], [0, 1.25, 0], 600, 600)")
        assert not page.errors
        with Image.open(page.picture(tmp_path / "one.png")) as image:
            picture = np.asarray(image.convert("RGB").crop((0, 0, 600, 600)), float)
    assert picture.std(axis=(0, 1)).max() > 30, "a figure before a plain background"
    assert np.abs(picture[:40, :40] - picture[0, 0]).max() < 8


def write_vrm(path, data):
    """The mannequin of a GLB as a VRM 1.0 avatar: what it is, and the names of its bones."""
    document, binary = read_glb(data)
    humans = {
        node["name"]: {"node": number}
        for number, node in enumerate(document["nodes"])
        if node["name"] in avatar_rig.NUMBERS
        and node["name"] not in avatar_rig.LEAVES
        and not node["name"].endswith(("Wrist", "Base"))
    }
    meta = {"name": "mannequin", "authors": ["signjax"], "licenseUrl": "https://vrm.dev/licenses/1.0/"}
    extension = {"specVersion": "1.0", "meta": meta, "humanoid": {"humanBones": humans}}
    document |= {"extensionsUsed": ["VRMC_vrm"], "extensions": {"VRMC_vrm": extension}}
    buffer = gltf.Buffer()
    buffer.data = bytearray(binary)
    buffer.views, buffer.accessors = document["bufferViews"], document["accessors"]
    del document["animations"]
    path.write_bytes(gltf.format_glb(document, buffer))


def test_three_vrm_moves_an_avatar(clip, bones, tmp_path):
    """Where palms are rigid, fingers point as in the clip."""
    write_vrm(tmp_path / "one.vrm", clip.save(tmp_path / "one.glb").read_bytes())
    clip.save(tmp_path / "one.vrma")
    with three_page(tmp_path) as page:
        page.run("load('/files/one.vrm', '/files/one.vrma')")
        names = [
            "neck",
            *(f"{side}{part}" for side in avatar_rig.SIDES for part in ("UpperArm", "LowerArm", "Hand")),
            *(f"{side}{f}{part}" for side in avatar_rig.SIDES for f in ("Index", "Little") for part in
              ("Proximal", "Intermediate", "Distal")),
        ]  # fmt: skip
        for frame in frames_of(clip):
            places = page.run(f"places({frame / 25}, {json.dumps(names)})")
            found = dict(zip(avatar_rig.NAMES, bones[frame], strict=True))
            for name in ("neck", "leftUpperArm", "leftLowerArm", "rightLowerArm"):
                assert np.linalg.norm(np.array(places[name]) - found[name]) < 0.01 * 0.36, name
            for side in avatar_rig.SIDES:
                for start, end in (
                    ("IndexProximal", "IndexIntermediate"),
                    ("LittleIntermediate", "LittleDistal"),
                ):
                    ours, theirs = (np.subtract(of[side + end], of[side + start]) for of in (found, places))
                    assert np.linalg.norm(ours - theirs) < 0.01 * 0.36
        assert not page.errors
