"""Packing: every clip once, whole, with one end; tokens: encoded once, from what the tokenizer learned on."""

import types

import numpy as np
import pytest

from signjax.data import packed_dataset, packing, token_rows
from signjax.errors import ConfigError
from signjax.inference import dataset_codes
from signjax.pose import skeleton
from signjax.pose.normalization import Placement


def realistic(rng, count=1500):
    """Sizes in tokens of clips, and in ids of their texts, as of the demo set."""
    sizes = np.clip(rng.lognormal(3.2, 0.6, count), 4, 120).astype(int)
    return sizes, np.maximum(1, sizes // 3 + rng.integers(-3, 4, count))


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_first_fit_packs_all_and_tightly(seed, limited):
    sizes, words = realistic(np.random.default_rng(seed))
    limits = {"limits": words, "limit": 64} if limited else {}
    packed = packing.pack_first_fit(sizes, 128, seed, **limits)
    assert sorted(i for row in packed for i in row) == list(range(len(sizes)))
    assert all(sizes[row].sum() <= 128 for row in packed)
    assert not limited or all(words[row].sum() <= 64 for row in packed)
    assert sizes.sum() / (128 * len(packed)) > 0.9
    assert packed == packing.pack_first_fit(sizes, 128, seed, **limits)
    assert packed != packing.pack_first_fit(sizes, 128, seed + 1, **limits)


def test_neighbouring_seeds_share_no_packing(monkeypatch):
    codes = [[np.zeros((n, 2), np.int16) for n in np.arange(40) % 9 + 20]]
    packed, pack = [], packing.pack_first_fit

    def remember(*args, **kwargs):
        packed.append(pack(*args, **kwargs))
        return packed[-1]

    monkeypatch.setattr(packing, "pack_first_fit", remember)
    for seed in range(3):
        token_rows.TokenRows(codes, [[5]] * 40, seed=seed, packings=4)
    assert len(packed) == len(set(map(str, packed))) == 12


def test_rows_of_a_large_set_are_full():
    """Clips as long as in real sets: their median is 5 s, at 6 tokens a second."""
    rng = np.random.default_rng(0)
    sizes = np.clip(rng.lognormal(np.log(30), 0.65, 20_000), 3, 255).astype(int) + 1
    packed = packing.pack_first_fit(sizes, 256, 0)
    assert sorted(i for row in packed for i in row) == list(range(len(sizes)))
    assert sizes.sum() / (256 * len(packed)) >= 0.97


def test_the_second_limit_binds():
    assert packing.pack_first_fit([1] * 6, 100, 0, [10] * 6, 20) != packing.pack_first_fit([1] * 6, 100, 0)
    assert len(packing.pack_first_fit([1] * 6, 100, 0, [10] * 6, 20)) == 3
    assert [len(r) for r in packing.pack_first_fit([50] * 6, 100, 0)] == [2, 2, 2]


LENGTHS = [127, 1, 30, 97, 30, 64, 2, 63]  # tokens; with its end the first fills a row


def source(packings=3, shifts=2):
    """Codes that tell clip and shift; texts that tell the clip."""
    codes = [
        [np.full((n - k if n > 2 else n, 4), 100 * k + i, np.int16) for i, n in enumerate(LENGTHS)]
        for k in range(shifts)
    ]
    texts = [[10 + i] * (1 + i) for i in range(len(LENGTHS))]
    return token_rows.TokenRows(codes, texts, seed=0, packings=packings)


def pieces(row):
    """The clips of a drawn row: (codes, ends, position, text, text positions) of each segment."""
    for s in range(1, row["segment"].max() + 1):
        at, words = row["segment"] == s, row["text_segment"] == s
        assert (np.diff(np.flatnonzero(at)) == 1).all() and (np.diff(np.flatnonzero(words)) == 1).all()
        ids = (row[k][words] for k in ("text", "text_position"))
        yield (*(row[k][at] for k in ("codes", "ends", "position")), *ids)


def test_every_clip_is_whole_with_its_text_and_one_end():
    data, shifts = source(), set()
    assert data.tokens == 128
    seen = np.zeros(len(LENGTHS), int)
    for i in range(len(data)):
        row = data.make_example(i)
        assert {name: x.shape for name, x in row.items()} == {
            "codes": (128, 4),
            **dict.fromkeys(("ends", "segment", "position"), (128,)),
            **dict.fromkeys(("text", "text_segment", "text_position"), (data.text,)),
        }
        for codes, ends, position, ids, places in pieces(row):
            shift, clip = divmod(int(codes[0, 0]), 100)
            shifts.add(shift)
            seen[clip] += 1
            size = len(data.codes[shift][clip]) + 1
            assert len(codes) == size and (codes[:-1] == 100 * shift + clip).all()
            assert ends.tolist() == [False] * (size - 1) + [True], "one end, the last position"
            assert position.tolist() == list(range(size))
            assert ids.tolist() == data.texts[clip] and places.tolist() == list(range(len(ids)))
        padding = row["segment"] == 0
        assert not row["ends"][padding].any() and not row["codes"][padding].any()
    assert seen.tolist() == [3] * len(LENGTHS) and shifts == {0, 1}


def test_evaluation_rows_have_each_clip_unshifted():
    data = source(packings=1, shifts=1)
    drawn = [int(p[0][0, 0]) for i in range(len(data)) for p in pieces(data.make_example(i))]
    assert sorted(drawn) == list(range(len(LENGTHS)))


def test_long_texts_and_clips_get_longer_rows():
    codes = [[np.zeros((n, 2), np.int16) for n in (200, 10)]]
    data = token_rows.TokenRows(codes, [[5] * 3, [6] * 150], seed=0, packings=1)
    assert data.tokens == 256 and data.text == 192


def split(frames=(9, 3, 40, 70), valid=None):
    """Clips whose poses tell the frame: x of every joint is 100 * clip + frame."""
    x = np.concatenate([100 * i + np.arange(n) for i, n in enumerate(frames)])
    pose = np.broadcast_to(x[:, None, None], (len(x), 50, 3)).astype(np.float32).copy()
    count, names = len(frames), tuple(map(str, range(len(frames))))
    return packed_dataset.PackedDataset(
        label="toy/train",
        sids=names,
        texts=names,
        offsets=np.cumsum([0, *frames]),
        pose=pose,
        valid=valid,
        placements=Placement(np.zeros((count, 3), np.float32), np.ones(count, np.float32)),
        layout=None,
        broken=(),
        folder=None,
    )


def toy_tokenizer(weight=0.0, joint=0):
    """Its codes are the first frame of each token and how many frames it has; it counts its calls."""
    calls = []

    def encode(variables, pose, mask):
        calls.append(len(pose))
        size = mask.reshape(len(mask), -1, 4).sum(-1)
        return np.stack([np.asarray(pose)[:, ::4, joint, 0].astype(int), size], axis=-1)

    variables = {"params": {"w": np.full(3, weight, np.float32)}}
    return types.SimpleNamespace(variables=variables, stride=4, encode_batch=encode, calls=calls)


def same(a, b):
    return all(np.array_equal(x, y) for s, t in zip(a, b, strict=True) for x, y in zip(s, t, strict=True))


def test_encoding_covers_each_clip_at_each_shift(tmp_path):
    codes = dataset_codes.encode_dataset(toy_tokenizer(), split(), 4, f"{tmp_path}/t.npz")
    for shift, of_shift in enumerate(codes):
        for clip, (clip_codes, frames) in enumerate(zip(of_shift, (9, 3, 40, 70), strict=True)):
            first = min(shift, frames - 1)  # a short clip keeps its last frame
            starts = np.arange(first, frames, 4)
            assert clip_codes.dtype == np.int16
            assert clip_codes[:, 0].tolist() == (100 * clip + starts).tolist()
            assert clip_codes[:, 1].tolist() == np.minimum(4, frames - starts).tolist()


def test_versions_have_a_tempo_of_their_own(tmp_path):
    """Version 0 is as recorded; the others tell frames at even steps of exp(-0.3) to exp(0.3) frames."""
    frames = (200, 120, 9)
    codes = dataset_codes.encode_dataset(
        toy_tokenizer(), split(frames), 6, f"{tmp_path}/t.npz", tempo=0.3, seed=5
    )
    plain = dataset_codes.encode_dataset(toy_tokenizer(), split(frames), 1, f"{tmp_path}/p.npz")
    assert same(codes[:1], plain)
    factors = np.zeros((5, 2))
    for version, clip in np.ndindex(factors.shape):
        clip_codes, start = codes[version + 1][clip], (version + 1) % 4
        times = clip_codes[:, 0] - 100 * clip  # rounded down
        factors[version, clip] = factor = (times[-1] - start) / (4 * (len(times) - 1))
        assert np.exp(-0.3) * 0.99 < factor < np.exp(0.3) * 1.01
        assert np.abs(times - (start + 4 * factor * np.arange(len(times)))).max() < 1.1
        end = start + (clip_codes[:, 1].sum() - 1) * factor
        assert abs(end - (frames[clip] - 1)) < 3
    assert len(np.unique(factors.round(3))) > 8 and factors.min() < 0.95 < 1.05 < factors.max()
    with pytest.raises(ConfigError, match=r"tempo is 0\.7"):
        dataset_codes.encode_dataset(toy_tokenizer(), split(frames), 6, f"{tmp_path}/t.npz", tempo=0.7)
    again = dataset_codes.encode_dataset(
        toy_tokenizer(), split(frames), 6, f"{tmp_path}/a.npz", tempo=0.3, seed=5
    )
    other = dataset_codes.encode_dataset(
        toy_tokenizer(), split(frames), 6, f"{tmp_path}/o.npz", tempo=0.3, seed=6
    )
    assert same(codes, again) and not same(codes, other)


def test_tokens_are_encoded_once(tmp_path):
    first, again = toy_tokenizer(), toy_tokenizer()
    codes = dataset_codes.encode_dataset(first, split(), 2, f"{tmp_path}/t.npz")
    assert first.calls
    assert (
        same(codes, dataset_codes.encode_dataset(again, split(), 2, f"{tmp_path}/t.npz")) and not again.calls
    )
    assert [p.name for p in tmp_path.iterdir()] == ["t.npz"]


def changed_frame():
    other = split()
    other.pose[5] += 1
    return other


def missing_joint():
    return split(valid=np.arange(122 * 50).reshape(122, 50) > 0)


@pytest.mark.parametrize(
    ("tokenizer", "clips", "shifts"),
    [
        (toy_tokenizer(1e-6), split(), 2),
        (toy_tokenizer(), changed_frame(), 2),
        (toy_tokenizer(), split((9, 3, 41, 69)), 2),
        (toy_tokenizer(), missing_joint(), 2),
        (toy_tokenizer(), split(), 3),
    ],
)
def test_another_tokenizer_or_other_clips_are_encoded_anew(tmp_path, tokenizer, clips, shifts):
    path = f"{tmp_path}/t.npz"
    dataset_codes.encode_dataset(toy_tokenizer(), split(), 2, path)
    codes = dataset_codes.encode_dataset(tokenizer, clips, shifts, path)
    assert tokenizer.calls
    assert same(codes, dataset_codes.encode_dataset(tokenizer, clips, shifts, f"{tmp_path}/new.npz"))


@pytest.mark.parametrize("keep", [0, 1, 200, -1])
def test_a_damaged_cache_is_made_anew(tmp_path, keep):
    path = tmp_path / "t.npz"
    codes = dataset_codes.encode_dataset(toy_tokenizer(), split(), 2, str(path))
    path.write_bytes(path.read_bytes()[:keep] if keep >= 0 else b"\xff" * 3000)
    again = toy_tokenizer()
    assert same(codes, dataset_codes.encode_dataset(again, split(), 2, str(path))) and again.calls


def test_missing_joints_lie_on_their_parents(tmp_path):
    """As in the tokenizer's training; left where they were missing they would be at the origin."""
    valid = np.ones((122, 50), bool)
    valid[:, skeleton.LEFT] = False
    finger = skeleton.L_HAND + 4
    codes = dataset_codes.encode_dataset(
        toy_tokenizer(joint=finger), split(valid=valid), 1, f"{tmp_path}/a.npz"
    )
    assert same(codes, dataset_codes.encode_dataset(toy_tokenizer(), split(), 1, f"{tmp_path}/b.npz"))
