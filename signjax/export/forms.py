"""Writes clips and runs in a format that is chosen by its name, several at once."""

import collections
import dataclasses
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from signjax.errors import ConfigError, DataError

# Names alone, for the help of commands: what writes them imports JAX.
CLIP_FORMS = ("pose", "openpose", "json", "npz", "mp4", "html", "glb", "vrma", "bvh")
RUN_FORMS = ("safetensors", "onnx", "stablehlo", "hub_folder")
FORMS = (*CLIP_FORMS, *RUN_FORMS)
# Of generated clips.
SAMPLE_FORMS = ("npz", "pose", "gif", "html", "mp4", "json", "png", "glb", "vrma", "bvh")


def export_paths(
    paths: Sequence[str | Path],
    form: str,
    out,
    fps: float | None = None,
    licence: str = "other",
    float16: bool = False,
) -> Iterator[Path]:
    """Writes clips or runs in a form, each called after its file or folder.

    Args:
      paths: clips, as .npz of signjax.sample or folders of a data set; or folders of runs.
      form: one of FORMS: CLIP_FORMS for clips, RUN_FORMS for runs.
      out: folder for the files.
      fps: frames per second of the clips, whatever they say; None keeps their own.
      licence: of a hub_folder, an identifier of the Hugging Face hub.
      float16: of a hub_folder, whether its weights take half the bytes.

    Yields:
      the paths written, one for each clip or run.

    Raises:
      ConfigError: two would be written to one file, the licence is none, or the run has no such form.
      DataError: a clip cannot be read, or the form is of clips and one of the paths a run.
      StorageError: nothing was trained in a run, or the disk refuses.
    """
    # Targets are chosen before anything is written: two of one name would overwrite each other.
    for path, target in _choose_targets(paths, out):
        if form in RUN_FORMS:
            options = {"licence": licence, "float16": float16} if form == "hub_folder" else {}
            from signjax.export import runs

            yield runs.WRITERS[form](path, target, **options)
        elif Path(path, "config.json").is_file():
            known = ", ".join(RUN_FORMS)
            raise DataError(f"{path} is a run, which has the forms {known}; name a clip for the others")
        else:
            from signjax.data.read_clip import read_written_clip
            from signjax.export import clips

            clip = read_written_clip(path)
            yield clips.save_form(dataclasses.replace(clip, fps=fps or clip.fps), target, form)


def _choose_targets(names: Sequence[str | Path], out) -> list[tuple[Path, Path]]:
    """Each path, and the path in `out` that its export is called after."""
    paths = [Path(os.path.abspath(name)) for name in names]  # "." has a name, too
    stems = [path.name.removesuffix(".npz") for path in paths]
    repeated = [stem for stem, times in collections.Counter(stems).items() if times > 1]
    if repeated:
        raise ConfigError(
            f"{len(paths)} clips, and more than one is named {repeated[0]!r}; give one at a time"
        )
    return [(path, Path(out, stem)) for path, stem in zip(paths, stems, strict=True)]
