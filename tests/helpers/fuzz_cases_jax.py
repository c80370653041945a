"""Cases of fuzzing that need jax: what a run keeps, and what the commands of samples read."""

import contextlib
import functools
import itertools
import pathlib

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from fuzz_cases import Case, signed, split_of, write_clip

from signjax.data.read_clip import read_saved_clip
from signjax.export import sample_files
from signjax.inference import dataset_codes
from signjax.inference.pose_tokenizer import PoseTokenizer
from signjax.io import checksums
from signjax.metrics import motion_features
from signjax.metrics.frechet import WINDOW
from signjax.models import motion_encoder as models
from signjax.text import text_file
from signjax.training import checkpoint, saved_steps, state_hash
from signjax.training.run_config import save_config

TREE = {"params": {"a": {"kernel": (3, 4), "bias": (4,)}}, "extra": {"codebook": {"sums": (2, 5)}}, "ema": {}}
MODEL = {"stride": 4, "width": 8, "depth": 1, "features": 4}


def arrays(kind=jnp.zeros) -> dict:
    """The state of a made-up run."""
    return jax.tree.map(kind, TREE, is_leaf=lambda x: isinstance(x, tuple))


def build_tokens(root: pathlib.Path) -> None:
    for name in ("one", "two"):
        write_clip(root / f"set/train/{name}", 9)
    load_tokens(root)


def load_tokens(root: pathlib.Path):
    def encode(variables, played, mask):
        return np.arange(played.shape[0] * -(-played.shape[1] // 4) * 2).reshape(len(played), -1, 2)

    tokenizer = PoseTokenizer(None, {}, 4, encode, None)
    return dataset_codes.encode_dataset(tokenizer, split_of(root), 2, f"{root}/tokens.npz")


def check_tokens(versions) -> None:
    assert len(versions) == 2 and all(len(version) == 2 for version in versions)
    for codes in itertools.chain(*versions):
        assert codes.dtype in (np.int16, np.float32) and codes.ndim == 2
        assert len(codes) and np.isfinite(codes).all()


@functools.cache
def encoder() -> bytes:
    """A tiny motion encoder as a file."""
    model = models.MotionEncoder(**MODEL)
    variables = model.init(jax.random.key(0), jnp.zeros((1, WINDOW, 50, 3)))
    whole = {name: {"encoder": variables[name]} for name in ("params", "batch_stats")}
    return motion_features.serialize_extractor(ml_collections.ConfigDict({"model": MODEL}), whole)


def build_encoder(root: pathlib.Path) -> None:
    (root / "encoder.npz").write_bytes(encoder())


def load_encoder(root: pathlib.Path) -> motion_features.FeatureExtractor:
    return motion_features.load_extractor(root / "encoder.npz")


def check_encoder(extractor: motion_features.FeatureExtractor) -> None:
    assert extractor.size == 4


def build_sample(root: pathlib.Path) -> None:
    tokens = {"codes": np.array([[3, 500]]), "stride": 4, "names": ["left arm", "right arm"]}
    np.savez(root / "a.npz", pose=signed()[:3].astype(np.float32), text="hello <b>", **tokens)


def load_sample(root: pathlib.Path):
    path = root / "a.npz"
    return read_saved_clip(path)


def check_sample(result) -> None:
    clip, tokens = result, result.tokens
    assert np.isfinite(clip.points).all() and clip.valid.shape == clip.points.shape[:2]
    assert len(clip.text) <= 4096
    assert tokens is None or len(tokens.codes) == -(-len(clip) // tokens.stride)
    clip.text.encode()


def build_texts(root: pathlib.Path) -> None:
    (root / "texts.txt").write_text("hello\nhow are you?\nGröße\n", encoding="utf-8")


def load_texts(root: pathlib.Path) -> list[str]:
    return text_file.collect_texts([], str(root / "texts.txt"))


def check_texts(texts: list[str]) -> None:
    assert texts and all(0 < len(line) <= text_file.MAX_CHARACTERS for line in texts)
    assert len(set(sample_files.name_files(texts))) == len(texts)


def build_run(root: pathlib.Path) -> None:
    saved = checkpoint.open_checkpoints(root)
    # Of no task that is known: of a gpt the whole config would be checked.
    c = ml_collections.ConfigDict({"task": "own", "data": {"name": "demo"}})
    state = arrays()
    spent = {"cpu_s": 1.0, "wall_s": 2.0}
    meta = {"step": 3, "best": 0.5, "spent": spent, "fingerprint": state_hash.hash_state(state)}
    checkpoint.save_checkpoint(saved.latest, 3, state, c, meta)
    checkpoint.close_checkpoints(saved)
    save_config(root / "config.json", c)


def recompute_checksums(root: pathlib.Path) -> pathlib.Path:
    """The run, its checksums made to fit whatever was done to it: they are no secret."""
    for step in filter(pathlib.Path.is_dir, root.glob("checkpoints/*/3")):
        with contextlib.suppress(OSError):
            checksums.write_checksums(step)
    return root


def load_run(root: pathlib.Path):
    return checkpoint.load_variables(recompute_checksums(root))


def check_run(result) -> None:
    variables, step = result
    assert step == 3 and jax.tree.map(jnp.shape, variables) == {**{"params": TREE["params"]}, **TREE["extra"]}


def load_state(root: pathlib.Path):
    sound = saved_steps.find_intact_step(recompute_checksums(root), "latest")
    if sound is None:
        return None
    _, step = sound
    device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    wanted = arrays(lambda shape: jax.ShapeDtypeStruct(shape, jnp.float32, sharding=device))
    meta = [saved_steps.read_meta(root, "latest", step, item) for item in ("config", "meta")]
    return checkpoint.restore_checkpoint(root, step, wanted), meta


def check_state(result) -> None:
    assert result is None or jax.tree.map(jnp.shape, result[0]) == TREE


CASES = {
    "tokens": Case(build_tokens, "tokens.npz", load_tokens, check_tokens),
    "encoder": Case(build_encoder, "encoder.npz", load_encoder, check_encoder),
    "sample": Case(build_sample, "a.npz", load_sample, check_sample),
    "texts": Case(build_texts, "texts.txt", load_texts, check_texts),
    "run": Case(build_run, "checkpoints/**/*", load_run, check_run, ("gone", "folder")),
    "state": Case(build_run, "checkpoints/**/*", load_state, check_state, ("gone", "folder")),
}
