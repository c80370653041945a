"""Storage formats of packed clips that `storage` compares: each writes a folder and reads clips from it.

All keep the texts in the same JSON file, since training wants them at once, and all copy what they read.
"""

import itertools
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from signjax.data import clip_check, pack_files, pack_writer, pose_layout
from signjax.data.load import PART_CLIPS
from signjax.data.packed_dataset import open_pack
from signjax.pose import skeleton

SHARD, CHUNK = 1 << 16, 64  # frames of a file of zarr3 and of a chunk in it, which has a checksum
CACHE = 1 << 25  # bytes that zarr3 may keep, the tables of its shards among them
ROW = skeleton.NUM_JOINTS * 3 * 4  # bytes of a frame's points; its mask takes NUM_JOINTS more


class Window(NamedTuple):
    """Frames start : stop of a clip."""

    clip: int
    start: int
    stop: int


Arrays = tuple[np.ndarray, np.ndarray]  # points [T, J, 3] float32 and valid [T, J] bool


class Reader(Protocol):
    """An opened store."""

    def read_windows(self, windows: Sequence[Window]) -> list[Arrays]:
        """A batch of windows, in the way that is fastest for this format."""
        ...

    def read_all(self) -> Iterator[Arrays]:
        """Every frame in order, in pieces of the format's choice."""
        ...


class Format(NamedTuple):
    """A way to store clips."""

    write: Callable[[Path, Iterable[Arrays], list[str]], None]  # folder, clips, texts
    open: Callable[[Path], Reader] | None  # None: only its writing is of interest


class Pack:
    """signjax's own: .npy files, mapped into memory; checked when opened, as `load_split` does."""

    def __init__(self, folder: Path):
        if message := pack_files.find_corruption(folder):
            raise ValueError(message)
        self.pack = open_pack(folder, len(_read_texts(folder)))

    def read_windows(self, windows: Sequence[Window]) -> list[Arrays]:
        """See Reader."""
        return [tuple(map(np.array, self.pack.read_frames(*window))) for window in windows]

    def read_all(self) -> Iterator[Arrays]:
        """See Reader."""
        for clip in range(len(self.pack)):
            yield tuple(map(np.array, self.pack.read_frames(clip)))


def write_pack(folder: Path, clips: Iterable[Arrays], texts: list[str], first: int = 0) -> None:
    """Stores clips as `pack_writer.write_pack` does, but from memory; clips are numbered from `first`."""
    # Not that function itself: it reads JSON, which no other format here has to do.
    valid, sums, lengths, names = [], [], [], [f"{first + k:08}" for k in range(len(texts))]
    with pack_files.ArrayWriter(folder / "pose.npy", (skeleton.NUM_JOINTS, 3)) as points:
        for clip, mask in clips:
            points.append_rows(clip)
            valid.append(mask)
            sums.append(clip_check.compute_sums(clip, mask, [len(clip)]))
            lengths.append(len(clip))
    np.save(folder / "valid.npy", np.concatenate(valid))
    np.save(folder / "offsets.npy", np.cumsum([0, *lengths], dtype=np.int64))
    np.save(folder / "origin.npy", np.zeros((len(texts), 3), np.float32))
    np.save(folder / "scale.npy", np.ones(len(texts), np.float32))
    np.save(folder / "sums.npy", np.concatenate(sums))
    index = {
        "version": pack_writer.VERSION,
        "label": "demo/train",
        "variant": pose_layout.PoseLayout(),
        "digests": dict.fromkeys(names, "0" * 32),
        "clips": list(zip(names, texts, strict=True)),
        "broken": [],
        "missing": [],
    }
    (folder / "index.json").write_text(json.dumps(index))
    pack_files.write_checksums(folder)
    _write_texts(folder, texts)


def write_pack_in_parts(folder: Path, clips: Iterable[Arrays], texts: list[str]) -> None:
    """What `load_split` does with large splits: parts that outlive an interruption, then joined."""
    clips, parts, counts = iter(clips), [], []
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        for first in range(0, len(texts), PART_CLIPS):
            part = texts[first : first + PART_CLIPS]
            parts.append(Path(temporary) / str(first))
            counts.append(len(part))
            parts[-1].mkdir()
            write_pack(parts[-1], itertools.islice(clips, len(part)), part, first)
        pack_writer.join_packs(folder, parts, counts, pose_layout.PoseLayout())
    _write_texts(folder, texts)


class Zarr:
    """TensorStore's zarr3: shards of chunks, each with a crc32c."""

    def __init__(self, folder: Path):
        import tensorstore  # slow to import, and nothing else needs it

        context = {"cache_pool": {"total_bytes_limit": CACHE}, "file_io_mode": {"mode": "memmap"}}
        shared = tensorstore.Context(context)
        self.points, self.valid = (
            tensorstore.open(
                {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(folder / name)}},
                context=shared,
                recheck_cached_data="open",
                recheck_cached_metadata="open",
            ).result()
            for name in ("points", "valid")
        )
        self.offsets = np.load(folder / "offsets.npy", allow_pickle=False).tolist()
        _read_texts(folder)

    def read_windows(self, windows: Sequence[Window]) -> list[Arrays]:
        """See Reader."""
        first = self.offsets
        spans = [slice(first[w.clip] + w.start, first[w.clip] + w.stop) for w in windows]
        # All reads begin before any is waited for: TensorStore runs them side by side.
        pending = [(self.points[span].read(), self.valid[span].read()) for span in spans]
        return [(points.result(), valid.result()) for points, valid in pending]

    def read_all(self) -> Iterator[Arrays]:
        """See Reader."""
        for low in range(0, self.offsets[-1], SHARD // 8):
            span = slice(low, min(low + SHARD // 8, self.offsets[-1]))
            points, valid = self.points[span].read(), self.valid[span].read()
            yield points.result(), valid.result()


def write_zarr(folder: Path, clips: Iterable[Arrays], texts: list[str], compress: bool = False) -> None:
    """Stores clips a shard at a time, so that no shard is written twice."""
    lengths: list[int] = []
    points = _create_zarr(folder / "points", (skeleton.NUM_JOINTS, 3), "float32", compress)
    valid = _create_zarr(folder / "valid", (skeleton.NUM_JOINTS,), "bool", compress)
    at, waiting = 0, []

    def flush_shard(size: int) -> None:
        nonlocal at, waiting
        joined = [np.concatenate(parts) for parts in zip(*waiting, strict=True)]
        for store, array in zip((points, valid), joined, strict=True):
            store[at : at + size].write(array[:size]).result()
        at, waiting = at + size, [tuple(array[size:] for array in joined)]

    for clip in clips:
        waiting.append(clip)
        lengths.append(len(clip[0]))
        if sum(lengths) - at >= SHARD:
            flush_shard(SHARD)
    flush_shard(sum(lengths) - at)
    for store in (points, valid):
        store.resize(exclusive_max=[at, *store.shape[1:]], resize_metadata_only=True).result()
    np.save(folder / "offsets.npy", np.cumsum([0, *lengths], dtype=np.int64))
    _write_texts(folder, texts)


def _create_zarr(path: Path, row: tuple[int, ...], kind: str, compress: bool):
    import tensorstore  # slow to import, and nothing else needs it

    little = {"name": "bytes", "configuration": {"endian": "little"}}
    zstd = [{"name": "zstd", "configuration": {"level": 3}}] if compress else []
    shard = {
        "chunk_shape": [CHUNK, *row],
        "codecs": [little, *zstd, {"name": "crc32c"}],
        "index_codecs": [little, {"name": "crc32c"}],
    }
    metadata = {
        "shape": [1 << 32, *row],  # as many as there may be; cut when all are written
        "data_type": kind,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [SHARD, *row]}},
        "codecs": [{"name": "sharding_indexed", "configuration": shard}],
    }
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}, "metadata": metadata}
    # The others do not wait for the disk either.
    return tensorstore.open(spec | {"context": {"file_io_sync": False}}, create=True).result()


class Records:
    """ArrayRecord: one record per clip, its points and then its mask."""

    def __init__(self, folder: Path):
        # Reading ahead would fetch records that random windows do not want.
        self.random = _open_records(folder, "readahead_buffer_size:0,max_parallelism:0")
        self.path = folder
        _read_texts(folder)

    def read_windows(self, windows: Sequence[Window]) -> list[Arrays]:
        """See Reader."""
        records = self.random.read([w.clip for w in windows])
        clips = map(_parse_record, records)
        return [
            (p[w.start : w.stop].copy(), v[w.start : w.stop].copy())
            for w, (p, v) in zip(windows, clips, strict=True)
        ]

    def read_all(self) -> Iterator[Arrays]:
        """See Reader."""
        reader = _open_records(self.path, "")
        for _ in range(reader.num_records()):
            points, valid = _parse_record(reader.read())
            yield points.copy(), valid.copy()


def write_records(folder: Path, clips: Iterable[Arrays], texts: list[str], options: str) -> None:
    """Stores clips in a file of records; `options` are ArrayRecord's own."""
    from array_record.python.array_record_module import ArrayRecordWriter

    writer = ArrayRecordWriter(str(folder / "clips.arrayrecord"), options)
    for points, valid in clips:
        writer.write(points.tobytes() + valid.tobytes())
    writer.close()
    _write_texts(folder, texts)


def _open_records(folder: Path, options: str):
    from array_record.python.array_record_module import ArrayRecordReader

    return ArrayRecordReader(str(folder / "clips.arrayrecord"), options, file_reader_buffer_size=1 << 15)


def _parse_record(record: bytes) -> Arrays:
    frames = len(record) // (ROW + skeleton.NUM_JOINTS)
    points = np.frombuffer(record, np.float32, frames * ROW // 4)
    valid = np.frombuffer(record, bool, offset=frames * ROW)
    return points.reshape(frames, -1, 3), valid.reshape(frames, -1)


def _write_texts(folder: Path, texts: list[str]) -> None:
    (folder / "texts.json").write_text(json.dumps(texts))


def _read_texts(folder: Path) -> list[str]:
    return json.loads((folder / "texts.json").read_text())


FORMATS = {
    "signjax pack": Format(write_pack, Pack),
    "signjax pack, in parts": Format(write_pack_in_parts, None),
    "zarr3, crc32c": Format(write_zarr, Zarr),
    "zarr3, zstd, crc32c": Format(lambda *arguments: write_zarr(*arguments, compress=True), Zarr),
    "ArrayRecord": Format(lambda *arguments: write_records(*arguments, "group_size:1,uncompressed"), Records),
    "ArrayRecord, zstd": Format(lambda *arguments: write_records(*arguments, "group_size:1,zstd:3"), Records),
}
