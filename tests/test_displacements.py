"""Displacements: nothing lost on the way to files and back, averages that keep the way, the seed's files."""

import json
import pathlib
import tarfile

import numpy as np
import pytest

from signjax import demo, skeleton
from signjax.data import variant
from signjax.displacements import average, files, hands, moves, reading, warping, words
from signjax.errors import DataError
from signjax.metrics import dtw
from signjax.pose import Placement

ARCHIVE = pathlib.Path(__file__).parents[2] / "shared/data/formats.tar.xz"
SIGNERS = (0, 1, 2, 5, 13)  # 5 and 13 are left-handed


def clip(seed=0, text="Hello", **options):
    """The moves of a synthetic clip [T, 50, 3], every joint seen."""
    pose = demo.synthesize(text, np.random.default_rng(seed), **options)
    return moves.take(pose, np.ones(pose.shape[:2], bool))


def sign(signer, word="hello", seed=0):
    """The moves of a word's sign, cut out of a sentence."""
    whole = demo.synthesize(f"yes {word} friend", np.random.default_rng([seed, signer]), signer=signer)
    spans = [(start, end) for said, start, end in demo.locate(whole) if said == word]
    start, end = spans[0]
    return moves.take(whole[start:end], np.ones((end - start, 50), bool))


@pytest.fixture(scope="module")
def signs():
    return hands.agree([sign(k) for k in SIGNERS])[0]


def hidden(found, start, end, joints=skeleton.LEFT):
    """The clip with some joints missing in frames start to end."""
    pose, seen = moves.rebuild(found)
    seen = seen.copy()
    seen[start:end, joints] = False
    return moves.take(np.where(seen[..., None], pose, 0), seen)


def net(found):
    return found.deltas.sum(0)


def test_a_clip_is_rebuilt_from_its_displacements():
    found = clip()
    pose, seen = moves.rebuild(found)
    np.testing.assert_allclose(pose, demo.synthesize("Hello", np.random.default_rng(0)), atol=1e-6)
    assert seen.all() and len(found.deltas) == len(pose) - 1


@pytest.mark.parametrize("frames", [(0, 5), (4, 9), (-6, None), (0, None)])
def test_a_missing_hand_stays_missing_and_never_leaps(frames):
    whole = clip()
    found = hidden(whole, *frames)
    pose, seen = moves.rebuild(found)
    gone = np.zeros(seen.shape, bool)
    gone[slice(*frames), skeleton.LEFT] = True
    np.testing.assert_array_equal(seen, ~gone)
    assert not pose[gone].any()
    np.testing.assert_allclose(pose[seen], moves.rebuild(whole)[0][seen], atol=1e-6)
    assert np.abs(found.deltas).max() <= np.abs(whole.deltas).max() + 1e-6


def test_the_path_is_the_exact_one_of_the_metrics():
    one, two = sign(0), hidden(sign(1), 3, 7)
    x, y = moves.track(one), moves.track(two)
    cost = warping.costs(x, one.seen, y, two.seen)
    slow = np.zeros((len(x), len(y)))
    for i in range(len(x)):
        for j in range(len(y)):
            both = one.seen[i] & two.seen[j]
            slow[i, j] = ((x[i, both] - y[j, both]) ** 2).sum(-1).sum() / both.sum()
    np.testing.assert_allclose(cost, slow, atol=1e-9)
    pairs, total = warping.path(x, one.seen, y, two.seen)
    exact = dtw.align(1e3 * cost[None].astype(np.float32), np.array([len(x)]), np.array([len(y)]))
    assert 1e3 * total == pytest.approx(float(exact.cost[0]), rel=1e-4) and len(pairs) == int(exact.length[0])
    assert total == pytest.approx(cost[tuple(pairs.T)].sum())
    assert (pairs[0] == 0).all() and tuple(pairs[-1]) == (len(x) - 1, len(y) - 1)
    assert set(map(tuple, np.diff(pairs, axis=0))) <= {(1, 1), (1, 0), (0, 1)}


@pytest.mark.parametrize("align", average.ALIGNMENTS)
class TestAverage:
    @pytest.mark.parametrize("steps", [None, 7, 64])
    def test_the_way_is_kept(self, signs, align, steps):
        template = average.average(signs, steps, align)
        np.testing.assert_allclose(net(template), np.median([net(s) for s in signs], axis=0), atol=1e-5)
        assert len(template.deltas) == (steps or np.median([len(s.deltas) for s in signs]))
        alone = average.average(signs[:1], steps, align)
        np.testing.assert_allclose(net(alone), net(signs[0]), atol=1e-5)

    def test_the_start_is_a_recorded_pose(self, signs, align):
        template = average.average(signs, align=align)
        assert min(np.abs(template.start - s.start).max() for s in signs) == 0

    def test_a_clip_with_itself_is_itself(self, signs, align):
        one = signs[1]
        if align == "phase":  # a clip that goes an equal share of its way in each frame
            length = np.sqrt((one.deltas**2).sum((1, 2), keepdims=True))
            one = one._replace(deltas=0.1 * one.deltas / length)
        again = average.average([one, one, one], align=align)
        np.testing.assert_allclose(moves.track(again), moves.track(one), atol=1e-9)
        alone = average.average([signs[1]], 20, align)
        both = average.average([signs[1], signs[1]], 20, align)
        np.testing.assert_allclose(moves.track(both), moves.track(alone), atol=1e-9)

    def test_order_does_not_matter(self, signs, align):
        first, turned = (average.average(c, align=align) for c in (signs, signs[::-1]))
        for one, two in zip(first, turned, strict=True):
            np.testing.assert_array_equal(one, two)

    def test_missing_hands(self, signs, align):
        last = [*skeleton.HANDS[1][:1], skeleton.L_WRIST]
        joints = np.r_[np.arange(50)[last[0]], last[1]]
        gone = [hidden(s, 0, None, joints) for s in signs]
        nobody = average.average(gone, align=align)
        assert not nobody.seen[:, joints].any() and nobody.seen[:, : skeleton.L_WRIST].all()
        assert not moves.rebuild(nobody)[0][:, joints].any()
        some = average.average([*gone[:2], *signs[2:]], align=align)
        assert some.seen.all()
        expected = np.median([net(s)[joints] for s in signs[2:]], axis=0)
        np.testing.assert_allclose(net(some)[joints], expected, atol=1e-5)
        hung = some.start[skeleton.L_HAND] - some.start[skeleton.L_WRIST]
        assert np.linalg.norm(hung) < 0.05

    def test_hello_of_several_signers_is_read(self, align):
        """Raw and with place and size taken out, right- and left-handed signers, cut out of sentences."""
        for seed in range(4):
            cuts, turned = hands.agree([sign(k, seed=seed) for k in SIGNERS])
            assert turned == [False, False, False, True, True]
            for clips in (cuts, [average._canonical(cut) for cut in cuts]):
                assert demo.read(*moves.rebuild(average.average(clips, align=align))) == ["hello"]


def test_a_clip_without_a_neck_cannot_be_averaged(signs):
    with pytest.raises(DataError, match="neck"):
        average.average([signs[0], hidden(signs[1], 0, None, [skeleton.NECK])])


def test_mirrored_twice_is_the_clip(signs):
    again = hands.mirror(hands.mirror(signs[0]))
    np.testing.assert_allclose(moves.track(again), moves.track(signs[0]), atol=1e-9)
    assert hands.leading(signs[0]) == 1 and hands.leading(hands.mirror(signs[0])) == -1


def write(folder, found, stamp="20250101_000000", sid="00001", dims=3, norm=False, word="hello"):
    place = Placement(np.zeros(3), np.float32(0.5))
    cut = files.Cut(word, "train", sid, (0, len(found.seen)), True, found, dims, place)
    files.write_cut(folder, stamp, cut, folder / sid, norm)
    return folder / f"disp_{files.slug(word)}_{stamp}_train_{sid}{'_norm' if norm else ''}"


def flat(found):
    """A 2-D clip."""
    pose, seen = moves.rebuild(found)
    return moves.take(pose * [1, 1, 0], seen)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("norm", [False, True])
def test_files_give_the_clip_back(tmp_path, dims, norm):
    found = hidden(clip(), 4, 9)
    found = flat(found) if dims == 2 else found
    stem = write(tmp_path, found, dims=dims, norm=norm)
    back, word = reading.one(f"{stem}.npy")
    scale = 0.5 if norm else 1.0
    (pose, seen), (expected, known) = moves.rebuild(back), moves.rebuild(found)
    np.testing.assert_allclose(pose * scale, expected, atol=1e-5)
    np.testing.assert_array_equal(seen, known)
    content = json.loads(pathlib.Path(f"{stem}.json").read_text())
    kind = "_norm" if norm else ""
    assert word == content["word"] == "hello" and content["normalized"] == norm
    assert content[f"disp{kind}_shape"] == [len(found.deltas), 50, dims]
    assert np.load(f"{stem}.npy").dtype == np.float32
    assert np.load(tmp_path / pathlib.Path(content[f"p0{kind}_path"]).name).shape == (50, dims)


def seed_file(folder, pose, stamp="20250906_181808", sid="00001", p0=True, word="hello"):
    """Writes a clip [T, 50, 2] as the seed did: arms exchanged, what is missing at 0, Windows paths."""
    pose = pose.copy()
    pose[:, skeleton.BODY] = pose[:, skeleton.MIRROR[skeleton.BODY]]
    base = f"disp_{word}_{stamp}_train_{sid}"
    content = {"word": word, "split": "train", "sid": sid, "sample_dir": f".\\ASL_gloss\\train\\{sid}"}
    np.save(folder / f"{base}.npy", np.diff(pose, axis=0).astype(np.float32))
    if p0:
        content |= {"p0_path": f"..\\..\\elsewhere\\{base}_p0.npy", "normalized": False}
        np.save(folder / f"{base}_p0.npy", pose[0].astype(np.float32))
    (folder / f"{base}.json").write_text(json.dumps(content))
    return folder / f"{base}.npy"


def test_the_seeds_files_are_read(tmp_path):
    """Arms, missing hands, Windows paths; each clip once, the start from another file of it."""
    found = flat(hidden(clip(), 4, 9))
    pose, seen = moves.rebuild(found)
    old = seed_file(tmp_path, pose[..., :2], "20250906_162340", p0=False)
    seed_file(tmp_path, pose[..., :2])
    seed_file(tmp_path, moves.rebuild(flat(clip(1)))[0][..., :2], sid="00002")
    back, _ = reading.one(old)
    np.testing.assert_array_equal(back.seen, seen)
    np.testing.assert_allclose(moves.rebuild(back)[0], pose, atol=1e-5)
    clips = reading.clips(tmp_path, "Hello", False)
    assert [source.sid for source, _, _ in clips] == ["00001", "00002"]
    assert all("181808" in source.path.name for source, _, _ in clips)
    assert reading.clips(tmp_path, "hello", True) == []


def test_the_seeds_normalised_frames_stand_up_again(tmp_path):
    """They were turned upside down, their noses put to the origin, and missing hands moved along."""
    found = flat(hidden(clip(), 4, 9, [*range(29, 50), skeleton.L_WRIST]))
    pose, seen = moves.rebuild(found)
    turned = -(pose - pose[:, [skeleton.NOSE]])
    seed_file(tmp_path, turned[..., :2])
    back, _ = reading.one(next(tmp_path.glob("disp_*_p0.npy")))
    again, known = moves.rebuild(back)
    np.testing.assert_array_equal(known, seen)
    np.testing.assert_allclose(np.where(seen[..., None], -turned, 0), again, atol=1e-5)


def test_a_clip_without_a_start_is_named(tmp_path):
    path = seed_file(tmp_path, moves.rebuild(clip())[0][..., :2], p0=False)
    with pytest.raises(DataError, match="no starting pose"):
        reading.one(path)


@pytest.mark.parametrize("field, damage, message", [
    ("json", b"{", "not valid JSON"),
    ("json", b"[]", "no JSON object"),
    ("json", b"{}", "'word'"),
    ("npy", b"", "is no array"),
    ("npy", "shape", "not floating [any, 50, any]"),
    ("npy", "nan", "not finite"),
    ("npy", "pickle", "is no array"),
    ("p0", None, "cannot be read"),
    ("p0", "shape", "not floating"),
])  # fmt: skip
def test_a_damaged_file_is_one_line_that_names_it(tmp_path, field, damage, message):
    stem = write(tmp_path, clip())
    path = pathlib.Path(f"{stem}_p0.npy" if field == "p0" else f"{stem}.{field}")
    arrays = {"shape": np.zeros((3, 49, 3)), "nan": np.full((3, 50, 3), np.nan), "pickle": np.array([{}])}
    if damage is None:
        path.unlink()
    elif isinstance(damage, bytes):
        path.write_bytes(damage)
    else:
        np.save(path, arrays[damage], allow_pickle=True)
    with pytest.raises(DataError) as fault:
        reading.one(f"{stem}.json")
    assert path.name in str(fault.value) and message in str(fault.value) and "\n" not in str(fault.value)


def test_words_are_found_where_they_are():
    assert words.places(["a", "b", "a", "b", "a"], ["a", "b"]) == [0, 2]
    assert words.places(["a", "a", "a"], ["a", "a"]) == [0] and words.places(["a"], []) == []
    assert words.plain("Don't — STOP, Zoë 2!") == ["dont", "stop", "zoë", "2"]
    whole = demo.synthesize("Hello my friend Zoe?", np.random.default_rng(0))
    found = demo.locate(whole)
    assert [word for word, _, _ in found] == ["hello", "my", "friend", "zoe"] == demo.read(whole)[:-1]
    edges = [edge for _, start, end in found for edge in (start, end)]
    assert edges == sorted(edges) and edges[-1] <= len(whole)


@pytest.fixture
def gloss(real_data, tmp_path):
    """The seed's own displacement files: beside how2sign/ or in the archive beside its archive."""
    folder = real_data / "formats/gloss_displacements"
    if not folder.is_dir():
        if not ARCHIVE.exists():
            pytest.skip(f"neither {folder} nor {ARCHIVE} is there")
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(tmp_path, filter="data")
        folder = tmp_path / "formats/gloss_displacements"
    return folder


@pytest.mark.real
def test_the_seeds_own_files(gloss):
    """Its templates follow from its files by its formula; ours of the same files keep the way."""
    every = reading.sources(gloss)
    assert len({source.word for source in every}) == 10
    for word, missing in (("apple", {"03000": "left"}), ("hello", {"27173": "left", "27180": "right"})):
        meta = next(gloss.glob(f"templates/template_{word}_*.json"))
        names = json.loads(meta.read_text())["sources"]
        assert all("\\" in name for name in names)
        raw = [np.load(gloss / name.split("\\")[-1]) for name in names]
        template, _ = reading.one(meta)
        expected = np.median([seeds_resampling(deltas, 64) for deltas in raw], axis=0)
        np.testing.assert_allclose(template.deltas[..., :2], expected[:, reading._EXCHANGED], atol=5e-6)
        assert template.seen.any() and np.ptp(template.start[:8, :2], axis=0).min() > 0.3
        for norm in (False, True):
            clips = reading.clips(gloss, word, norm)
            assert len(clips) == 2 and {dims for _, _, dims in clips} == {2}
            for source, found, _ in clips:
                side = missing.get(source.sid)
                gone = [part for part, (hand, _) in zip(("right", "left"), skeleton.HANDS, strict=True)
                        if found.seen[:, hand].mean() < 0.1]
                assert gone == ([side] if side else [])
                pose, _ = moves.rebuild(found)
                assert not variant.detect([pose]).swapped and (pose[:, 0, 1] < pose[:, 1, 1]).mean() > 0.9
            same, _ = hands.agree([found for _, found, _ in clips])
            for align in average.ALIGNMENTS:
                ours = average.average(same, 64, align)
                voices = np.stack([found.seen.any(0) for found in same])
                ways = np.where(voices[..., None], [net(found) for found in same], np.nan)[:, voices.any(0)]
                kept = net(ours)[voices.any(0)]
                np.testing.assert_allclose(kept, np.nanmedian(ways, axis=0), atol=1e-5)


def seeds_resampling(deltas, steps):
    """The seed's formula: displacements interpolated at equal phases, so that their sum is not kept."""
    phase = np.cumsum(np.sqrt((deltas.astype(np.float64) ** 2).sum((1, 2))))
    at = np.linspace(0, 1, steps)
    columns = deltas.reshape(len(deltas), -1).T
    return np.stack([np.interp(at, phase / phase[-1], c) for c in columns], 1).reshape(steps, 50, 2)
