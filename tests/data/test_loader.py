"""Batches: the same whoever makes them, complete, and of few shapes."""

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from paths import ROOT

from signjax.data import loader, sources
from signjax.data.packed_dataset import PackedDataset
from signjax.data.pose_layout import PoseLayout
from signjax.errors import ConfigError, DataError
from signjax.pose import normalization


def make_pack(lengths, missing=False):
    """A pack in memory; x of every joint is the number of the frame in the whole pack."""
    total, n = sum(lengths), len(lengths)
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(total, 50, 3)).astype(np.float32)
    frames[..., 0] = np.arange(total)[:, None]
    valid = rng.random((total, 50)) < 0.8 if missing else None
    return PackedDataset(
        label="set/train",
        sids=tuple(f"clip_{k}" for k in range(n)),
        texts=("hello",) * n,
        offsets=np.cumsum([0, *lengths]),
        pose=frames,
        valid=valid,
        placements=normalization.Placement(np.zeros((n, 3), np.float32), np.ones(n, np.float32)),
        layout=PoseLayout(),
        broken=(),
        folder=None,
    )


def take(iterator, count):
    batches = list(itertools.islice(iterator, count))
    iterator.close()
    return batches


def assert_same(batches, others):
    assert len(batches) == len(others)
    for batch, other in zip(batches, others, strict=True):
        assert batch.keys() == other.keys()
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


def noise(example, rng):
    return example | {"pose": example["pose"] + rng.normal(size=(1, 1, 3)).astype(np.float32)}


SOURCE = sources.Crops(make_pack([5, 40, 17, 100, 33]), 16)


def crops(**options):
    return loader.iterate_shuffled(SOURCE, **{"batch_size": 8, "seed": 3, "transforms": (noise,), **options})


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_makes_the_same_batches(workers):
    assert_same(take(crops(workers=workers), 6), take(crops(), 6))


@pytest.mark.parametrize("hosts", [2, 4])
def test_any_number_of_hosts_shares_the_same_batches(hosts):
    parts = [take(crops(hosts=hosts, host=h), 4) for h in range(hosts)]
    for step, whole in enumerate(take(crops(), 4)):
        for name, rows in whole.items():
            together = np.concatenate([part[step][name] for part in parts])
            np.testing.assert_array_equal(together, rows)


def test_a_stream_resumes_from_its_step():
    assert_same(take(crops(start_step=5), 3), take(crops(), 8)[5:])


def test_seeds_epochs_and_rows_differ():
    first = take(crops(), 1)[0]["pose"]
    assert (first != take(crops(seed=4), 1)[0]["pose"]).any()
    order = loader._shuffle_epoch(3, 0, 100)
    assert (order != loader._shuffle_epoch(3, 1, 100)).any() and (order != np.arange(100)).any()


def test_every_example_comes_once_an_epoch():
    rows = sources.ArrayRows({"n": np.arange(10)})
    seen = np.concatenate([b["n"] for b in take(loader.iterate_shuffled(rows, 4, seed=0), 10)])  # 4 epochs
    assert (np.sort(seen.reshape(4, 10)) == np.arange(10)).all()
    assert len({tuple(epoch) for epoch in seen.reshape(4, 10)}) == 4


def test_examples_may_be_dicts_and_fewer_than_a_batch():
    rows = sources.ArrayRows([{"n": np.int32(k), "x": np.full(3, k)} for k in range(3)])
    [batch] = take(loader.iterate_shuffled(rows, 9, seed=0), 1)
    assert sorted(batch["n"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2] and batch["x"].shape == (9, 3)
    assert (batch["x"] == batch["n"][:, None]).all() and batch["n"].dtype == np.int32


def test_crops_are_windows_of_one_clip_in_canonical_space():
    pack = make_pack([5, 40, 17, 100])
    for k in range(len(pack)):
        pack.placements.origin[k], pack.placements.scale[k] = (k, -k, 1), 0.1 + k
    source = sources.Crops(pack, 16)
    rng = np.random.default_rng(0)
    for i in [*range(len(source))] * 5:
        example = source.make_example(i, rng)
        clip = np.searchsorted(source.first, i, "right") - 1
        length = min(16, pack.lengths[clip])
        assert example["mask"].sum() == length and example["mask"][:length].all()
        assert not example["pose"][length:].any()
        own = normalization.from_canonical(example["pose"][:length], pack.get_placement(clip))
        start = round(float(own[0, 0, 0]))
        assert pack.offsets[clip] <= start and start + length <= pack.offsets[clip + 1]
        np.testing.assert_allclose(own, pack.pose[start : start + length], atol=1e-4)
        canonical = normalization.to_canonical(pack.pose[start : start + length], pack.get_placement(clip))
        np.testing.assert_allclose(example["pose"][:length], canonical, atol=1e-5)


def test_all_frames_of_an_epoch_count_about_alike():
    lengths = [64, 70, 95, 128, 157, 300, 700]
    source = sources.Crops(make_pack(lengths), 64)
    rng, epochs = np.random.default_rng(0), 300
    counts = np.zeros(sum(lengths))
    for i in [*range(len(source))] * epochs:
        counts[np.rint(source.make_example(i, rng)["pose"][:, 0, 0]).astype(int)] += 1
    counts /= epochs
    assert counts.min() > 0.25 and counts.max() < 2.0 and abs(counts.mean() - 1) < 0.1
    for a, b in itertools.pairwise(np.cumsum([0, *lengths])):
        assert 0.6 < counts[a:b].mean() < 1.4


def test_window_starts_are_spread_over_the_clip():
    source = sources.Crops(make_pack([100]), 64)
    rng = np.random.default_rng(0)
    starts = {int(source.make_example(i % 2, rng)["pose"][0, 0, 0]) for i in range(3000)}
    assert starts == set(range(37))


def test_shapes_are_static():
    shapes = {tuple((k, v.shape, v.dtype) for k, v in b.items()) for b in take(crops(), 12)}
    assert len(shapes) == 1


def test_missing_joints_lie_at_the_origin_and_are_marked():
    source = sources.Crops(make_pack([5, 40], missing=True), 16)
    for batch in take(loader.iterate_shuffled(source, 4, seed=0), 3):
        assert not batch["pose"][~batch["valid"]].any() and not batch["valid"][~batch["mask"]].any()
        assert 0.7 < batch["valid"][batch["mask"]].mean() < 0.9


@pytest.mark.parametrize("batch_size, hosts", [(4, 1), (4, 2), (1, 1), (50, 1)])
def test_evaluation_shows_every_clip_whole_and_once(batch_size, hosts):
    lengths = [5, 40, 17, 100, 33, 64, 65, 1030, 9, 11, 12]
    pack = make_pack(lengths)
    parts = [list(loader.iterate_clips(pack, batch_size, hosts=hosts, host=h)) for h in range(hosts)]
    seen, shapes = [], set()
    for batch in itertools.chain(*parts):
        shapes.add(batch["pose"].shape[:2])
        assert batch["weight"].dtype == np.float32 and batch["index"].dtype == np.int32
        for row, index in enumerate(batch["index"]):
            length = lengths[index]
            assert batch["mask"][row].sum() == length
            np.testing.assert_array_equal(batch["pose"][row, :length], pack[int(index)].points)
            if batch["weight"][row]:
                seen.append(index)
    assert sorted(seen) == list(range(len(lengths)))
    assert shapes == {(batch_size // hosts, length) for length in (64, 128, 2048)}
    assert len({len(part) for part in parts}) == 1, "hosts must take the same number of steps"


@pytest.mark.parametrize("multiple, hosts", [(1, 1), (4, 1), (16, 2), (16, 16), (64, 4)])
def test_a_batch_is_filled_up_to_a_multiple(multiple, hosts):
    """The same examples make a step, and come first; rows that count nowhere follow."""
    whole, options = take(crops(batch_size=6), 3), {"batch_size": 6, "multiple": multiple}
    parts = [take(crops(**options, hosts=hosts, host=h), 3) for h in range(hosts)]
    for step, batch in enumerate(whole):
        for name, rows in batch.items():
            filled = np.concatenate([part[step][name] for part in parts])
            assert len(filled) == -(-6 // multiple) * multiple and filled.dtype == rows.dtype
            np.testing.assert_array_equal(filled[:6], rows)
            assert not filled[6:].any()


@pytest.mark.parametrize("multiple, hosts", [(4, 1), (16, 2), (16, 16)])
def test_an_evaluation_is_filled_up_to_a_multiple(multiple, hosts):
    source = sources.ArrayRows({"n": np.arange(8) * 10})
    parts = [list(loader.iterate_once(source, 3, hosts, host, multiple)) for host in range(hosts)]
    for k, (first, *_) in enumerate(zip(*parts, strict=True)):
        batch = {name: np.concatenate([part[k][name] for part in parts]) for name in first}
        count = min(3, 8 - 3 * k)
        assert len(batch["n"]) == max(4, multiple)
        assert batch["weight"].tolist() == [1.0] * count + [0.0] * (len(batch["n"]) - count)
        # So no row has a shape or a length of its own.
        assert batch["n"].tolist() == [10 * min(3 * k + i, 3 * k + count - 1) for i in range(len(batch["n"]))]
    assert len(parts[0]) == 3


def test_buckets():
    lengths = {1: 64, 64: 64, 65: 128, 1024: 1024, 1025: 2048, 5000: 8192}
    assert {n: sources.choose_bucket(n) for n in lengths} == lengths
    assert sources.choose_bucket(7, (6, 9)) == 9


def test_the_last_batch_is_filled_up():
    batches = list(loader.iterate_once(sources.ArrayRows({"n": np.arange(5) * 10}), 4))
    assert [b["n"].tolist() for b in batches] == [[0, 10, 20, 30], [40, 40, 40, 40]]
    assert [b["weight"].tolist() for b in batches] == [[1, 1, 1, 1], [1, 0, 0, 0]]
    assert batches[1]["index"].tolist() == [4, 4, 4, 4]


def test_mistakes_are_named():
    with pytest.raises(ConfigError, match="multiple of the number of hosts, 3"):
        crops(hosts=3)
    with pytest.raises(ConfigError, match="host is 2"):
        crops(hosts=2, host=2)
    with pytest.raises(DataError, match="nothing to train on"):
        loader.iterate_shuffled(sources.ArrayRows([]), 4, seed=0)
    with pytest.raises(DataError, match="rows"):
        sources.ArrayRows({"a": np.zeros(3), "b": np.zeros(4)})


def test_batches_come_quickly():
    """Half of the promised 100 batches a second, measured in processor time, so that load does not matter."""
    source = sources.Crops(make_pack([157] * 50), 64)
    stream = loader.iterate_shuffled(source, 64, seed=0)
    next(stream)
    start = time.process_time()
    take(stream, 60)
    assert time.process_time() - start < 60 / 50


KILLED = {
    "training": """
import os, time
import numpy as np
from signjax.data import loader, sources

if __name__ == "__main__":
    stream = loader.iterate_shuffled(sources.ArrayRows({"n": np.arange(9)}), 3, seed=0, workers=1)
    next(stream)
    print(os.getpid(), flush=True)
    time.sleep(60)
""",
    "demo": """
import os, sys
from signjax import demo

if __name__ == "__main__":
    show = lambda *_: print(os.getpid(), flush=True)
    demo.write_dataset(sys.path[0], sizes=(2000, 1, 1), workers=2, progress=show)
""",
}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc")
@pytest.mark.parametrize("program", KILLED)
def test_workers_die_with_a_killed_program(program, tmp_path):
    (tmp_path / "program.py").write_text(KILLED[program])
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(tmp_path / "program.py")]
    trainer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True)
    pid = int(trainer.stdout.readline())

    def group():
        alive = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == pid and fields[0] != "Z":
                alive.append(status.parent.name)
        return alive

    try:
        assert len(group()) > 1, "there must be a worker"
        os.kill(pid, signal.SIGKILL)
        trainer.wait()
        deadline = time.monotonic() + 10
        while group() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not group()
    finally:
        if group():
            os.killpg(pid, signal.SIGKILL)
