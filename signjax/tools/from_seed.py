"""Makes runs of the seed's checkpoints, without PyTorch and without unpickling.

    python -m signjax.tools.from_seed checkpoints/vqvae_model.pth
    python -m signjax.tools.from_seed checkpoints/vqvae_model.pth checkpoints/t2m_gpt_model.pth
    python -m signjax.sample --workdir runs/seed/gpt --text hello

The statistics that poses were standardised with are taken from the VQ-VAE's checkpoint, or from the seed's
train_stats.npz in its folder. BERT is not taken from the GPT's checkpoint: a folder of it is compared.
"""

import pathlib
import sys

import jax
import numpy as np

from signjax.cli import parsing
from signjax.cli.command import run_as_command
from signjax.compat.seed import convert
from signjax.compat.seed.match_tensors import POSE
from signjax.errors import ConfigError, DataError, StorageError
from signjax.inference.load import load_codec
from signjax.io import safe_numpy, safe_read, torch_checkpoint
from signjax.pose import normalization, skeleton
from signjax.text import bert_files, pretrained
from signjax.training import checkpoint, dependencies, text_encoder
from signjax.training.configs import get_config
from signjax.training.run_config import save_config

STATISTICS = "train_stats.npz"
TRUNK = [skeleton.NECK, 0, 2, 5]  # and head and shoulders: nearly rigid, so a mean pose has their size


@run_as_command
def main(argv: list[str] | None = None) -> int:
    """Runs the command; returns the exit code."""
    parser = parsing.make_parser("signjax.tools.from_seed", __doc__)
    parser.add_argument("vqvae", help="checkpoint of the VQ-VAE, such as checkpoints/vqvae_model.pth")
    parser.add_argument("gpt", nargs="?", help="checkpoint of the GPT, such as checkpoints/t2m_gpt_model.pth")
    parser.add_argument("--out", default="runs/seed", help="folder for the runs (default: %(default)s)")
    parser.add_argument("--root", default="datasets", help="folder of data sets (default: %(default)s)")
    parser.add_argument("--name", default="ASL_gloss", help="data set to score with (default: %(default)s)")
    parser.add_argument(
        "--encoder",
        default="bert-base-uncased",
        help="the GPT's BERT, as text.encoder (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    data = {"root": args.root, "name": args.name}
    places = [pathlib.Path(args.out, name) for name in ("vqvae", "gpt")]
    for place in places[: 2 if args.gpt else 1]:
        if checkpoint.last_step(place, "best") is not None:
            raise StorageError(f"{place}: holds a run already; give another --out")
    tokenizer = tokenizer_of(args.vqvae)
    if args.gpt:
        found = gpt_of(args.gpt, tokenizer.sizes["codes"])
        encoder = encoder_of(args.encoder, found.bert_tensors, args.gpt)
    print(f"{write_tokenizer(places[0], tokenizer, data)}: {told(tokenizer)}")
    if args.gpt:
        print(f"{write_gpt(places[1], found, places[0], encoder, data)}: {told(found)}")
        print(f'sign with it: python -m signjax.sample --workdir {places[1]} --text "hello"')
    return 0


def tokenizer_of(path: str) -> convert.SeedModel:
    """The VQ-VAE of a checkpoint with its statistics.

    Raises:
      DataError: it cannot be read or is another model; the statistics are missing.
    """
    saved, fields = read(path)
    try:
        found = convert.convert_vqvae(saved, fields)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}: cannot be taken over: it {error}") from None
    found.variables["standard"] = standard(*statistics(path, fields))
    return found


def gpt_of(path: str, codes: int) -> convert.SeedModel:
    """The GPT of a checkpoint; raises DataError as `tokenizer_of`."""
    try:
        return convert.convert_gpt(*read(path), codes)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}: cannot be taken over: it {error}") from None


def read(path: str) -> tuple:
    """(what was saved, {name: value} of the config in it); raises DataError if it cannot be read."""
    try:
        saved = torch_checkpoint.read_torch(path)
    except safe_read.InvalidFileError as error:
        raise DataError(f"{path}: cannot be read ({error}); give a checkpoint of the seed") from None
    config = saved.get("cfg") if isinstance(saved, dict) else None
    fields = config.fields if isinstance(config, torch_checkpoint.Instance) else config
    return saved, {k: v for k, v in fields.items() if type(k) is str} if isinstance(fields, dict) else {}


def statistics(path: str, fields: dict) -> list[np.ndarray]:
    """Mean and standard deviation [150] of the poses, in the seed's units.

    Raises:
      DataError: neither the checkpoint nor a file beside it has them.
    """
    beside = pathlib.Path(path).parent / STATISTICS
    try:
        held = fields if {"mean", "std"} <= fields.keys() else safe_numpy.read_arrays(beside, ["mean", "std"])
        both = [np.asarray(held[name]).reshape(-1) for name in ("mean", "std")]
        if not all(x.dtype.kind == "f" and x.shape == (POSE,) and np.isfinite(x).all() for x in both):
            raise safe_read.InvalidFileError(f"mean and std are not {POSE} finite numbers each")
    except (safe_read.InvalidFileError, ValueError) as error:
        reason = safe_read.describe_error(error)
        raise DataError(
            f"{path}: says no mean and std of the poses, nor does {beside} ({reason}); "
            f"copy {STATISTICS} there from the .cache of the data set it was trained on"
        ) from None
    return [x.astype(np.float64) for x in both]


def standard(mean, std) -> dict:
    """The collection "standard" of signjax.models.seed_vqvae: mean and deviation [150] in canonical space."""
    try:
        where = placement(mean)
    except ValueError as error:
        raise DataError(f"the mean pose is none: {error}") from None
    centre = normalization.to_canonical(mean.reshape(1, -1, 3), where).reshape(-1)
    spread = np.maximum(std, 1e-8) / where.scale
    return {"centre": centre.astype(np.float32), "spread": spread.astype(np.float32)}


def placement(mean) -> normalization.Placement:
    """Where canonical space lies in the seed's units: that of the mean pose [150]."""
    valid = np.zeros((1, skeleton.NUM_JOINTS), bool)
    valid[:, TRUNK] = True
    return normalization.measure_placement(mean.reshape(1, -1, 3), valid)


def encoder_of(name: str, beside: dict, path: str):
    """(Folder, encoder) of a BERT; raises ConfigError if it is not that of the checkpoint."""
    folder = pretrained.find_encoder(name)
    encoder = pretrained.load_encoder(folder)
    try:
        own = bert_files.convert_tensors("bert", encoder.model, beside)
    except safe_read.InvalidFileError as error:
        raise ConfigError(f"--encoder {name}: is another than that of {path}, which {error}") from None
    pairs = zip(*map(jax.tree.leaves, (own, encoder.variables["params"])), strict=True)
    if not all(np.allclose(a, b, atol=1e-6) for a, b in pairs):
        raise ConfigError(f"--encoder {name}: its weights are not those of the BERT in {path}; name that one")
    return folder, encoder


def write_tokenizer(place, found: convert.SeedModel, data: dict) -> pathlib.Path:
    """Writes a run of configs/vqvae.py:seed; returns its place."""
    c, sizes = get_config("vqvae:seed"), dict(found.sizes)
    c.quantizer.dim, c.quantizer.codes = sizes.pop("dim"), sizes.pop("codes")
    c.model.size.update(sizes | {"original": True})
    c.data.update(data)
    return write_run(place, c, found.variables)


def write_gpt(place, found: convert.SeedModel, tokenizer, encoder, data: dict) -> pathlib.Path:
    """Writes a run of configs/gpt.py:seed; returns its place."""
    c = get_config("gpt:seed")
    c.model.update(found.sizes)
    c.data.update(data)
    c.tokenizer, c.text.encoder = str(tokenizer), str(encoder[0])
    place.mkdir(parents=True, exist_ok=True)
    dependencies.record(place, "tokenizer", tokenizer, load_codec(tokenizer).variables)
    dependencies.record(place, text_encoder.FIELD, encoder[0], encoder[1].variables)
    return write_run(place, c, found.variables)


def write_run(place: pathlib.Path, c, variables: dict) -> pathlib.Path:
    """Writes what signjax.training.checkpoint.load_variables reads."""
    with checkpoint.storage_errors(place, OSError):
        place.mkdir(parents=True, exist_ok=True)
        save_config(place / "config.json", c)
    writers = checkpoint.open_run(place)
    extra = {name: value for name, value in variables.items() if name != "params"}
    tree = jax.tree.map(np.ascontiguousarray, {"params": variables["params"], "extra": extra})
    checkpoint.save(writers.best, 1, tree, c, {"step": 1, "best": None})
    checkpoint.close(writers)
    return place


def told(found: convert.SeedModel) -> str:
    """What was taken over, in words."""
    count = sum(x.size for x in jax.tree.leaves(found.variables["params"]))
    return f"{count:,} weights, " + ", ".join(f"{name} {value}" for name, value in found.sizes.items())


if __name__ == "__main__":
    sys.exit(main())
