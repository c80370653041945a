"""The renderer: what is drawn, where, in what order and in which colours."""

import subprocess
import sys

import numpy as np
import pytest
from signer import signer

from signjax.pose import skeleton
from signjax.pose.clip import Clip
from signjax.rendering import captions, layout, rasterize
from signjax.rendering import shapes as figure

FINGER_INKS = [rasterize.INDEX[f"{name}{k}"] for name in skeleton.FINGERS for k in (1, 2, 3)]
FACE_INK, HEAD_INK = [rasterize.INDEX["face"]], [rasterize.INDEX["head"]]


def places(panels, size=240):
    """Pixel positions [T, 50, 2] of each panel's joints in the painted picture."""
    figures = figure.prepare_figures(panels)
    look, scene = layout.fit_view(figures, size), layout.build_scene(panels, size)
    positions = []
    for one, stage in zip(figures, scene.stages, strict=True):
        positions.append(one.pose[..., :2] * look.scale + look.shift + [stage.x, stage.y])
    return scene, positions


def drawn(panels, size=240, frame=0):
    """The painted frame of a picture and the joints' pixels [50, 2] of its first panel."""
    scene, positions = places(panels, size)
    return layout.paint_frame(scene, frame), positions[0][frame].astype(int)


def test_every_joint_is_painted():
    picture, joints = drawn([Clip(signer())])
    at = picture[joints[:, 1], joints[:, 0]]
    assert (at != rasterize.INDEX["stage"]).all(), [skeleton.NAMES[k] for k in np.flatnonzero(at == 0)]
    for shades in FINGER_INKS:
        assert (picture == shades).any()


def test_fingers_have_their_own_hues():
    picture, joints = drawn([Clip(signer())], size=480)
    for hand in (skeleton.R_HAND, skeleton.L_HAND):
        for finger, name in enumerate(skeleton.FINGERS):
            first = hand + 1 + 4 * finger
            for bone in range(3):
                x, y = (joints[first + bone] + joints[first + bone + 1]) // 2
                assert picture[y, x] == rasterize.INDEX[f"{name}{bone + 1}"]


def test_a_bone_joins_hand_and_wrist():
    pose = signer()
    pose[:, skeleton.RIGHT] += [-0.05, -0.05, 0]  # a hand torn off its wrist
    picture, joints = drawn([Clip(pose)])
    for part in np.linspace(0, 1, 9):
        x, y = (joints[skeleton.R_WRIST] * (1 - part) + joints[skeleton.R_HAND] * part).astype(int)
        assert picture[y, x] == rasterize.INDEX["right"]


def test_right_and_left_arm_differ():
    picture, joints = drawn([Clip(signer())])
    right, left = (picture[y, x] for x, y in (joints[skeleton.R_ELBOW], joints[skeleton.L_ELBOW]))
    assert right == rasterize.INDEX["right"] and left == rasterize.INDEX["left"]


@pytest.mark.parametrize("near", ["right", "left"])
def test_nearer_parts_cover_farther_ones(near):
    pose = signer(moving=False)
    for hand, elbow, wrist in ((skeleton.RIGHT, 3, 4), (skeleton.LEFT, 6, 7)):
        move = [0.2, 0, 0] - pose[0, wrist] * [1, 0, 0]  # both wrists before the breast bone
        pose[:, hand] += move
        pose[:, wrist] += move
        depth = 0.15 if (wrist == skeleton.R_WRIST) == (near == "right") else 0.05
        pose[:, [elbow, wrist, *range(hand.start, hand.stop)], 2] = depth
    picture, joints = drawn([Clip(pose)])
    x, y = joints[skeleton.R_WRIST]
    assert picture[y, x] == rasterize.INDEX[near]


def test_order_does_not_flicker_with_single_frames():
    pose = signer(20, moving=False)
    pose[10, skeleton.R_HAND + 1 :, 2] -= 0.02
    noisy = figure.prepare_figures([Clip(pose)])[0].pose[:, 9:13, 2].mean(1)
    assert np.abs(np.diff(figure.smooth_depth(noisy))).max() < 0.3 * np.abs(np.diff(noisy)).max()
    np.testing.assert_allclose(figure.smooth_depth(np.arange(9.0))[2:-2], np.arange(9.0)[2:-2])


def test_the_signer_fills_the_stage_and_is_not_cut():
    pose = signer(30)
    scene, (joints,) = places([Clip(pose)])
    width, height = scene.size
    assert (joints > 0).all() and (joints < [width, height]).all()
    for frame in (0, 5, 20):
        stage = layout.paint_frame(scene, frame)[:height]
        for border in (stage[0], stage[:, 0], stage[:, -1]):
            assert (border == rasterize.INDEX["stage"]).all()
        rows, columns = np.nonzero(stage != rasterize.INDEX["stage"])
        assert np.ptp(rows) > 0.8 * height and np.ptp(columns) > 0.6 * width


def test_one_wild_frame_does_not_shrink_the_picture():
    pose = signer(60)
    calm = layout.fit_view(figure.prepare_figures([Clip(pose)]), 240).scale
    pose[30, skeleton.RIGHT] += 50.0
    assert layout.fit_view(figure.prepare_figures([Clip(pose)]), 240).scale > 0.6 * calm
    drawn([Clip(pose)], frame=30)


def test_missing_joints_are_not_drawn():
    pose, valid = signer(), np.ones((8, 50), bool)
    valid[:, skeleton.RIGHT] = valid[:, skeleton.LEFT] = False
    pose[~valid] = np.nan
    scene, (joints,) = places([Clip(pose, valid)])
    picture = layout.paint_frame(scene, 0)
    assert not np.isin(picture, FINGER_INKS).any()
    x, y = joints[0, skeleton.R_WRIST].astype(int)
    assert picture[y, x] == rasterize.INDEX["right"]  # the arm is still there
    valid[:] = False
    nothing = layout.paint_frame(layout.build_scene([Clip(pose, valid)], 240), 0)
    assert (nothing[:240] == rasterize.INDEX["stage"]).all()


def test_panels_share_scale_and_time():
    panels = [Clip(signer(8), text="a"), Clip(signer(3, size=0.045), text="a")]
    scene, (large, small) = places(panels)
    ratio = np.ptp(large[0, :, 1]) / np.ptp(small[0, :, 1])
    assert ratio == pytest.approx(2, rel=0.02) and scene.frames == 8
    width, x = scene.size[0], scene.stages[1].x
    last = [layout.paint_frame(scene, frame)[: scene.size[1], x : x + width] for frame in (2, 7)]
    np.testing.assert_array_equal(*last)  # the shorter clip holds its last frame


def test_frames_one_after_another_are_those_drawn_alone():
    valid = np.ones((3, 50), bool)
    valid[1, skeleton.L_WRIST] = False
    panels = [Clip(signer(6), text="a"), Clip(signer(3), valid, text="b")]
    scene = layout.build_scene(panels, 240)
    pictures = list(layout.paint_frames(scene))
    assert len(pictures) == 6 and len({picture.tobytes() for picture in pictures}) == 6
    for number, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture, layout.paint_frame(scene, number))
        for stage in scene.stages:
            alone = rasterize.draw_frame(
                stage.parts, stage.order, scene.size, min(number, len(stage.order) - 1)
            )
            own = picture[stage.y : stage.y + scene.size[1], stage.x : stage.x + scene.size[0]]
            np.testing.assert_array_equal(own, alone)


def test_captions_wrap_and_are_cut_at_the_end():
    letter = captions.load_font(16)
    text = "what we are trying to do is " * 20
    lines = captions.wrap_text(text, letter, 300, 3)
    assert len(lines) == 3 and lines[-1].endswith("…")
    assert all(letter.getlength(line) <= 300 for line in lines)
    assert " ".join(captions.wrap_text(text.strip(), letter, 300, 99)) == text.strip()
    assert "".join(captions.wrap_text("x" * 200, letter, 300, 99)) == "x" * 200
    assert captions.draw_caption("  \n ", 300, 480).shape == (0, 300)
    for strange in ("Grüße, Привет, مرحبا", "\ud800", "日本", "a\0b"):
        assert (captions.draw_caption(strange, 300, 480) != rasterize.INDEX["paper"]).any()


def test_smooth_edges_keep_to_the_palette():
    fine = np.full((8, 8), rasterize.INDEX["stage"], np.uint8)
    fine[:, 3:] = rasterize.INDEX["right"]
    row = rasterize.make_palette()[rasterize.shrink_canvas(fine)][0].astype(int)
    stage, right = (
        rasterize.make_palette()[rasterize.INDEX[name]].astype(int) for name in ("stage", "right")
    )
    np.testing.assert_array_equal(row[0], stage)
    np.testing.assert_array_equal(row[2:], [right] * 2)
    assert np.abs(row[1] - (stage + right) / 2).max() < 12  # half covered


def test_drawing_does_not_load_jax():
    """Nor matplotlib, unless a caption has letters that need its fonts or its order of letters."""
    check = (
        "import sys; from signjax.rendering import captions; captions.draw_caption('Grüße', 300, 448);"
        "sys.exit('jax' in sys.modules or 'matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


@pytest.mark.parametrize("rest", [slice(1, 21), slice(0, 0)])
def test_what_is_left_of_an_unseen_hand_is_no_blob(rest):
    """Only the root of the hand is there; or all its joints are, in one place."""
    pose, valid = signer(), np.ones((8, 50), bool)
    valid[:, skeleton.LEFT] = False
    bare, _ = drawn([Clip(pose, valid)])
    pose[:, skeleton.LEFT] = pose[:, [skeleton.L_WRIST]]
    valid[:, skeleton.LEFT] = True
    valid[:, skeleton.LEFT][:, rest] = False
    np.testing.assert_array_equal(drawn([Clip(pose, valid)])[0], bare)


def test_single_joints_of_a_hand_are_no_splinters():
    valid = np.ones((8, 50), bool)
    valid[:, [*range(8, 13), *range(18, 50)]] = (
        False  # five joints are left of the right hand, none of the left
    )
    assert not np.isin(drawn([Clip(signer(), valid)])[0], FINGER_INKS).any()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_plain_face_shows_where_the_head_looks(axis):
    """It moves farther than the head when the nose moves to a side or down."""
    pose = signer(moving=False)
    moved = pose.copy()
    moved[:, skeleton.NOSE, axis] += 0.02
    scene, joints = places([Clip(pose), Clip(moved)], 480)
    picture, shifts = layout.paint_frame(scene, 0), []
    for stage, neck in zip(scene.stages, (own[0, skeleton.NECK] for own in joints), strict=True):
        own = picture[stage.y : int(neck[1]), int(neck[0]) - 90 : int(neck[0]) + 90]  # no hand is there
        face, head = (np.argwhere(np.isin(own, inks)) for inks in (FACE_INK, FACE_INK + HEAD_INK))
        assert len(face) and (face.min(0) > head.min(0)).all() and (face.max(0) < head.max(0)).all()
        shifts.append((face.mean(0) - (head.min(0) + head.max(0)) / 2)[1 - axis])
    assert shifts[1] - shifts[0] > 2
