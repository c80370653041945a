"""Writing clips for people and for other programs, in the format that the ending of the path names."""

from collections.abc import Callable
from pathlib import Path

from signjax import rendering
from signjax.data import clip_files, clip_writers, npz_clip
from signjax.errors import ConfigError, did_you_mean
from signjax.export import pose_file
from signjax.io import atomic
from signjax.pose.clip import Clip


def save_clip(clip: Clip, path) -> Path:
    """Writes a clip into one file, completely or not at all; an existing file is replaced.

    Args:
      clip: of any number of frames; pictures play at 25 frames a second if it has no rate.
      path: ends in .gif, .mp4, .html (a page with a player), .png (some frames), .npz (arrays, with the
        tokens), .pose (pose-format), .json (as pose.json of a data set), .glb (a mannequin that signs), .vrma
        (for VRM avatars), or .bvh (motion capture); the last three need a clip with depth.

    Raises:
      ConfigError: another ending, or .mp4 without PyAV.
      DataError: the clip cannot be drawn, or not be written in this format.
      StorageError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix not in WRITERS:
        endings = ", ".join(WRITERS)
        hint = did_you_mean(path.suffix, WRITERS, f"endings that a clip can have: {endings}")
        raise ConfigError(f"{path}: the ending {path.suffix!r} names no form{hint}")
    return WRITERS[path.suffix](clip, path)


def save_folder(clip: Clip, folder) -> Path:
    """Writes a clip as a folder of a data set: text.txt and pose.json.

    Raises:
      StorageError: the folder exists already, or cannot be written.
    """
    # In a data set every clip has a text.
    text = (clip.text or clip.sid) + "\n"
    files = {clip_files.TEXT: text.encode(), clip_files.POSE: clip_writers.format_pose_json(clip)}
    return atomic.write_folder(Path(folder), files)


def save_openpose(clip: Clip, folder) -> Path:
    """Writes a clip as OpenPose does: a folder with a JSON file for each frame, without the frame rate.

    Raises:
      StorageError: the folder exists already, or cannot be written.
    """
    folder = Path(folder)
    # The names that OpenPose gives its files: programs sort and find frames by them.
    name = clip.sid or folder.name
    frames = clip_writers.format_openpose(clip)
    return atomic.write_folder(
        folder, {f"{name}_{number:012d}_keypoints.json": frame for number, frame in enumerate(frames)}
    )


def _save_html(clip: Clip, path: Path) -> Path:
    panels = [[rendering.Panel(clip, clip.sid)]]
    return rendering.write_html(path, panels, title=clip.text or clip.sid or path.stem)


def _save_avatar(clip: Clip, path: Path) -> Path:
    # Not at the top: what signs a text and writes no avatar starts without them.
    from signjax.export import bvh, glb, vrma

    formats = {".glb": glb.format_glb, ".vrma": vrma.format_vrma, ".bvh": bvh.format_bvh}
    return atomic.write_file(path, formats[path.suffix.lower()](clip))


# By the endings of files.
WRITERS: dict[str, Callable[[Clip, Path], Path]] = {
    ".gif": lambda clip, path: rendering.write_gif(path, clip),
    ".mp4": lambda clip, path: rendering.write_mp4(path, rendering.Panel(clip, clip.sid)),
    ".html": _save_html,
    ".png": lambda clip, path: rendering.write_sheet(path, clip),
    ".npz": lambda clip, path: atomic.write_file(path, npz_clip.format_npz(clip)),
    ".pose": lambda clip, path: atomic.write_file(path, pose_file.format_clip(clip)),
    ".json": lambda clip, path: atomic.write_file(path, clip_writers.format_pose_json(clip)),
    ".glb": _save_avatar,
    ".vrma": _save_avatar,
    ".bvh": _save_avatar,
}
# Formats that are folders, by the names that commands have for them; all others are endings of files.
FOLDER_WRITERS: dict[str, Callable[[Clip, Path], Path]] = {"openpose": save_openpose, "json": save_folder}


def save_form(clip: Clip, target: Path, form: str) -> Path:
    """Writes a clip to the folder `target`, or to the file <target>.<form>.

    Args:
      clip: to write.
      target: path without an ending.
      form: one of signjax.export.forms.CLIP_FORMS.

    Raises:
      ConfigError, DataError, StorageError: as `save_clip`, `save_folder` and `save_openpose`.
    """
    if form in FOLDER_WRITERS:
        return FOLDER_WRITERS[form](clip, target)
    # Not with_suffix: the name of a clip may have a dot, and would lose what comes after it.
    return save_clip(clip, target.with_name(f"{target.name}.{form}"))
