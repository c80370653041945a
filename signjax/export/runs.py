"""Writing runs for other programs and other people: weights, compiled programs, a folder to share."""

from collections.abc import Callable
from pathlib import Path

from signjax.data import frame_rates
from signjax.export import compiled, hub_folder
from signjax.inference.contracts import TrainedRun
from signjax.inference.load import load
from signjax.io import atomic, safe_read
from signjax.training import data_rate


def save_weights(run: Path, target: Path) -> Path:
    """Writes the weights of a run to <target>.safetensors.

    Raises:
      StorageError: nothing was trained in `run`, or the file cannot be written.
    """
    return atomic.write_file(target.with_name(f"{target.name}.safetensors"), hub_folder.format_weights(run))


def save_stablehlo(run: Path, target: Path) -> Path:
    """Writes programs for JAX and XLA to <target>-stablehlo, with the text vocabulary and the frame rate.

    Raises:
      ConfigError: the run makes no poses, or a package is missing.
      StorageError: nothing was trained in `run`, or the folder exists already or cannot be written.
    """
    loaded = load(run)
    programs = compiled.make_programs(loaded)
    files = {f"{name}.stablehlo": compiled.serialize_stablehlo(one) for name, one in programs.items()}
    vocabulary = run / "text.json"
    # "write" takes ids, and only the vocabulary says which id a word has.
    if "write" in programs and vocabulary.is_file():
        files[vocabulary.name] = safe_read.read_bytes(vocabulary)
    files |= _format_rate(loaded)
    return atomic.write_folder(target.with_name(f"{target.name}-stablehlo"), files)


def save_onnx(run: Path, target: Path) -> Path:
    """Writes ONNX models of the tokenizer's encoder and decoder to <target>-onnx, with the frame rate.

    Raises:
      ConfigError: the run makes no poses, or a package is missing.
      StorageError: nothing was trained in `run`, or the folder exists already or cannot be written.
    """
    loaded = load(run)
    # jax2onnx converts the decoder for any number of clips and tokens, the encoder for one size only.
    programs = {
        "encode": compiled.make_programs(loaded, compiled.ONNX_SIZE)["encode"],
        "decode": compiled.make_programs(loaded)["decode"],
    }
    files = {f"{name}.onnx": compiled.convert_to_onnx(name, one) for name, one in programs.items()}
    return atomic.write_folder(target.with_name(f"{target.name}-onnx"), files | _format_rate(loaded))


def _format_rate(run: TrainedRun) -> dict[str, bytes]:
    """The file that says how fast poses play, as runs have it; none where the training data do not say."""
    rate = run.codec.rate if run.codec else None
    return {data_rate.FILE: frame_rates.format_rate_file(rate)} if rate else {}


# By the names that commands have for the formats.
WRITERS: dict[str, Callable[[Path, Path], Path]] = {
    "safetensors": save_weights,
    "onnx": save_onnx,
    "stablehlo": save_stablehlo,
    "hub_folder": hub_folder.write_hub_folder,
}
