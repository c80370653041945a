"""Pictures of clips: recorded clips that sign some words, saved clips, and clips of a run side by side."""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from signjax import rendering
from signjax.data import load
from signjax.data.phrase_search import find_phrase, load_searchable_split, slugify_word
from signjax.data.read_clip import read_saved_clip
from signjax.errors import ConfigError, DataError
from signjax.evaluation import report_files, scorecard
from signjax.inference.load import load_clip_maker
from signjax.pose.clip import Clip


def draw_recorded(root, name: str, split: str, words: str, out: Path, limit: int = 1) -> list[Path]:
    """Draws recorded clips whose texts contain some words: a GIF of each and a page of all.

    Args:
      root: folder that holds data sets.
      name: folder of this one; "demo" is made if it is not there.
      split: "train", "dev" or "test".
      words: a word, or several that follow one another.
      out: folder for the files.
      limit: largest number of clips.

    Returns:
      The paths of the files.

    Raises:
      DataError: no text contains these words, or the split cannot be used.
    """
    dataset, language = load_searchable_split(root, name, split, face=True)
    phrase = language.tokenize(words)
    texts = [language.tokenize(text) for text in dataset.texts]
    numbers = [i for i, tokens in enumerate(texts) if find_phrase(tokens, phrase)]
    # Clips whose whole text are these words come first: in them it is clear which motion signs the words.
    numbers = sorted(numbers, key=lambda i: texts[i] != phrase)[:limit]
    if not numbers:
        raise DataError(f"{dataset.label}: no text has {words!r}; choose other words or another --split")
    stem, paths, pages = f"real_{slugify_word(words)}_{split}", [], []
    for i in numbers:
        clip = dataset[i]
        panel = rendering.Panel(clip, f"recorded: {clip.sid}")
        paths.append(rendering.write_gif(out / f"{stem}_{clip.sid}.gif", panel))
        pages.append([panel])
    title = f"{dataset.label}: {words}"
    return [*paths, rendering.write_html(out / f"{stem}.html", pages, title=title)]


def draw_samples(
    paths: Sequence[Path], out: Path, split: str = "test", count: int = 6, seed: int = 0
) -> Iterator[Path]:
    """Draws saved clips, and clips of runs beside recorded ones.

    Args:
      paths: .npz of signjax.sample, or folders of runs.
      out: folder for the files.
      split: of a run's data.
      count: clips of a run at most.
      seed: decides what a run generates.

    Yields:
      the paths of files as they are written: a GIF and a page of a clip, a page of a run.

    Raises:
      ConfigError: two would be drawn to one file, or a run makes no clips.
      DataError: a clip cannot be read, or a split not be used.
    """
    require_distinct_names(paths, "sample")
    for path in paths:
        # A saved clip is a file, a run a folder.
        if path.is_dir():
            yield draw_run(path, path.stem, split, out, count, seed)
        else:
            yield from draw_saved(read_saved_clip(path), out)


def require_distinct_names(paths: Sequence[Path], prefix: str) -> None:
    """Raises ConfigError if two paths would be drawn to one file, <prefix>_<name without ending>.gif."""
    # Before the first picture is drawn: the second of two would replace it.
    for one, two in itertools.combinations(paths, 2):
        if one.stem == two.stem:
            target = f"{prefix}_{one.stem}.gif"
            raise ConfigError(f"{one} and {two} would both be drawn as {target}; give one at a time")


def draw_saved(clip: Clip, out: Path) -> list[Path]:
    """Draws a clip that was read from a file; returns the paths of a GIF and a page."""
    stem = f"sample_{clip.sid}"
    return draw_clip(clip, clip.sid, out / stem, title=clip.text or clip.sid)


def draw_clip(clip: Clip, label: str, target: Path, title: str) -> list[Path]:
    """Draws a clip to <target>.gif and <target>.html; returns the paths.

    Args:
      clip: what to draw.
      label: a line above it.
      target: path without an ending, which may contain dots.
      title: of the page.
    """
    panel = rendering.Panel(clip, label)
    # with_name and not with_suffix, which would cut off what follows a dot in the name.
    return [
        rendering.write_gif(target.with_name(f"{target.name}.gif"), panel),
        rendering.write_html(target.with_name(f"{target.name}.html"), [panel], title=title),
    ]


def draw_run(workdir: Path, name: str, split: str, out: Path, count: int, seed: int = 0) -> Path:
    """Draws clips of a run's data on a page: recorded, reconstructed, and generated if the run can generate.

    Args:
      workdir: of the run.
      name: for the name of the page.
      split: of its data.
      out: folder for the page.
      count: largest number of clips, evenly spaced in the split.
      seed: decides what is generated.

    Returns:
      The path of the page.

    Raises:
      ConfigError: the run makes no clips.
      DataError: the split cannot be used.
    """
    run = load_clip_maker(workdir)
    dataset = run.codec.load_split(run.config.data, split)
    # Not the first ones: names of clips often begin with their recording, so neighbours are alike.
    numbers = np.unique(np.linspace(0, len(dataset) - 1, count).astype(int))
    recorded = [dataset[int(number)] for number in numbers]
    rows = {scorecard.TRUTH: recorded, "reconstruction": run.codec.reconstruct(recorded, canonical=True)}
    if run.can_generate:
        texts, conditions = [clip.text for clip in recorded], run.list_conditions(recorded)
        rows["generated"] = run.generate(texts, seed=seed, canonical=True, **conditions)
    readable = load.is_demo_data(run.config.data)
    pages = [
        [report_files.make_panel(row, clips[k], clip.text, readable) for row, clips in rows.items()]
        for k, clip in enumerate(recorded)
    ]
    title = f"{workdir}: {dataset.label}"
    return rendering.write_html(out / f"run_{name}_{split}.html", pages, title=title)
