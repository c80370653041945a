"""Displacements: nothing lost on the way, averages that keep the way, words found where they are."""

import numpy as np
import pytest
from displacement_helpers import hide_joints, make_sequence, make_sign, total_motion

from signjax import demo
from signjax.data import phrase_search
from signjax.displacements import ALIGNMENTS, convert, dtw_path, handedness, templates
from signjax.errors import DataError
from signjax.metrics import dtw
from signjax.pose import skeleton

SIGNERS = (0, 1, 2, 5, 13)  # 5 and 13 are left-handed


@pytest.fixture(scope="module")
def signs():
    return handedness.unify_handedness([make_sign(k) for k in SIGNERS])[0]


def test_a_clip_is_rebuilt_from_its_displacements():
    sequence = make_sequence()
    pose, seen = convert.rebuild_poses(sequence)
    np.testing.assert_allclose(pose, demo.synthesize_pose("Hello", np.random.default_rng(0)), atol=1e-6)
    assert seen.all() and len(sequence.deltas) == len(pose) - 1


@pytest.mark.parametrize("frames", [(0, 5), (4, 9), (-6, None), (0, None)])
def test_a_missing_hand_stays_missing_and_never_leaps(frames):
    whole = make_sequence()
    sequence = hide_joints(whole, *frames)
    pose, seen = convert.rebuild_poses(sequence)
    gone = np.zeros(seen.shape, bool)
    gone[slice(*frames), skeleton.LEFT] = True
    np.testing.assert_array_equal(seen, ~gone)
    assert not pose[gone].any()
    np.testing.assert_allclose(pose[seen], convert.rebuild_poses(whole)[0][seen], atol=1e-6)
    assert np.abs(sequence.deltas).max() <= np.abs(whole.deltas).max() + 1e-6


def test_the_path_is_the_exact_one_of_the_metrics():
    one, two = make_sign(0), hide_joints(make_sign(1), 3, 7)
    x, y = convert.compute_positions(one), convert.compute_positions(two)
    cost = dtw_path.compute_costs(x, one.valid, y, two.valid)
    slow = np.zeros((len(x), len(y)))
    for i in range(len(x)):
        for j in range(len(y)):
            both = one.valid[i] & two.valid[j]
            slow[i, j] = ((x[i, both] - y[j, both]) ** 2).sum(-1).sum() / both.sum()
    np.testing.assert_allclose(cost, slow, atol=1e-9)
    pairs, total = dtw_path.find_path(x, one.valid, y, two.valid)
    exact = dtw.align_pairs(1e3 * cost[None].astype(np.float32), np.array([len(x)]), np.array([len(y)]))
    assert 1e3 * total == pytest.approx(float(exact.cost[0]), rel=1e-4) and len(pairs) == int(exact.length[0])
    assert total == pytest.approx(cost[tuple(pairs.T)].sum())
    assert (pairs[0] == 0).all() and tuple(pairs[-1]) == (len(x) - 1, len(y) - 1)
    assert set(map(tuple, np.diff(pairs, axis=0))) <= {(1, 1), (1, 0), (0, 1)}


@pytest.mark.parametrize("align", ALIGNMENTS)
class TestAverage:
    @pytest.mark.parametrize("steps", [None, 7, 64])
    def test_the_way_is_kept(self, signs, align, steps):
        template = templates.average_sequences(signs, steps, align)
        np.testing.assert_allclose(
            total_motion(template), np.median([total_motion(s) for s in signs], axis=0), atol=1e-5
        )
        assert len(template.deltas) == (steps or np.median([len(s.deltas) for s in signs]))
        alone = templates.average_sequences(signs[:1], steps, align)
        np.testing.assert_allclose(total_motion(alone), total_motion(signs[0]), atol=1e-5)

    def test_the_start_is_a_recorded_pose(self, signs, align):
        template = templates.average_sequences(signs, align=align)
        assert min(np.abs(template.start - s.start).max() for s in signs) == 0

    def test_a_clip_with_itself_is_itself(self, signs, align):
        one = signs[1]
        if align == "phase":  # a clip that goes an equal share of its way in each frame
            length = np.sqrt((one.deltas**2).sum((1, 2), keepdims=True))
            one = one._replace(deltas=0.1 * one.deltas / length)
        again = templates.average_sequences([one, one, one], align=align)
        np.testing.assert_allclose(
            convert.compute_positions(again), convert.compute_positions(one), atol=1e-9
        )
        alone = templates.average_sequences([signs[1]], 20, align)
        both = templates.average_sequences([signs[1], signs[1]], 20, align)
        np.testing.assert_allclose(
            convert.compute_positions(both), convert.compute_positions(alone), atol=1e-9
        )

    def test_order_does_not_matter(self, signs, align):
        first, turned = (templates.average_sequences(c, align=align) for c in (signs, signs[::-1]))
        for one, two in zip(first, turned, strict=True):
            np.testing.assert_array_equal(one, two)

    def test_missing_hands(self, signs, align):
        last = [*skeleton.HANDS[1][:1], skeleton.L_WRIST]
        joints = np.r_[np.arange(50)[last[0]], last[1]]
        gone = [hide_joints(s, 0, None, joints) for s in signs]
        nobody = templates.average_sequences(gone, align=align)
        assert not nobody.valid[:, joints].any() and nobody.valid[:, : skeleton.L_WRIST].all()
        assert not convert.rebuild_poses(nobody)[0][:, joints].any()
        some = templates.average_sequences([*gone[:2], *signs[2:]], align=align)
        assert some.valid.all()
        expected = np.median([total_motion(s)[joints] for s in signs[2:]], axis=0)
        np.testing.assert_allclose(total_motion(some)[joints], expected, atol=1e-5)
        hung = some.start[skeleton.L_HAND] - some.start[skeleton.L_WRIST]
        assert np.linalg.norm(hung) < 0.05

    def test_hello_of_several_signers_is_read(self, align):
        """Raw and with place and size taken out, right- and left-handed signers, cut out of sentences."""
        for seed in range(4):
            cuts, turned = handedness.unify_handedness([make_sign(k, seed=seed) for k in SIGNERS])
            assert turned == [False, False, False, True, True]
            for clips in (cuts, [templates.to_canonical(cut) for cut in cuts]):
                assert demo.read_signs(
                    *convert.rebuild_poses(templates.average_sequences(clips, align=align))
                ) == ["hello"]


def test_a_clip_without_a_neck_cannot_be_averaged(signs):
    with pytest.raises(DataError, match="neck"):
        templates.average_sequences([signs[0], hide_joints(signs[1], 0, None, [skeleton.NECK])])


def test_mirrored_twice_is_the_clip(signs):
    again = handedness.mirror_sequence(handedness.mirror_sequence(signs[0]))
    np.testing.assert_allclose(
        convert.compute_positions(again), convert.compute_positions(signs[0]), atol=1e-9
    )
    assert (
        handedness.find_leading_hand(signs[0]) == 1
        and handedness.find_leading_hand(handedness.mirror_sequence(signs[0])) == -1
    )


def test_words_are_found_where_they_are():
    assert phrase_search.find_phrase(["a", "b", "a", "b", "a"], ["a", "b"]) == [0, 2]
    assert (
        phrase_search.find_phrase(["a", "a", "a"], ["a", "a"]) == [0]
        and phrase_search.find_phrase(["a"], []) == []
    )
    assert phrase_search.tokenize_plain("Don't — STOP, Zoë 2!") == ["dont", "stop", "zoë", "2"]
    whole = demo.synthesize_pose("Hello my friend Zoe?", np.random.default_rng(0))
    signs = demo.locate_words(whole)
    assert [word for word, _, _ in signs] == ["hello", "my", "friend", "zoe"] == demo.read_signs(whole)[:-1]
    edges = [edge for _, start, end in signs for edge in (start, end)]
    assert edges == sorted(edges) and edges[-1] <= len(whole)
