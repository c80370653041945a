"""Writes displacement files for the words of a data set."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from signjax import limits
from signjax.data.phrase_search import load_searchable_split
from signjax.displacements import word_search, write
from signjax.displacements.word_search import SearchResult
from signjax.errors import DataError


class Extraction(NamedTuple):
    """What was written."""

    results: dict[str, SearchResult]  # word -> its clips
    manifest: Path
    label: str  # of the split
    whole_texts: bool  # whether signs cannot be cut out of its sentences

    def describe(self) -> list[str]:
        """The clips of each word and their frames, and the manifest, in lines."""
        lines = []
        if self.whole_texts:
            why = "nothing can find signs inside sentences of these data"
            lines.append(f"{self.label}: {why}; whole texts are taken")
        for word, result in self.results.items():
            frames = [len(segment.sequence.valid) for segment in result.segments]
            line = f"{word}: {len(frames)} clips of {min(frames)} to {max(frames)} frames"
            if result.unusable:
                line += f", {result.unusable} more that have the word could not be used"
            lines.append(line)
        return [*lines, str(self.manifest)]


def extract_words(
    root,
    name: str,
    split: str,
    words: Iterable[str],
    out: Path,
    limit: int = 8,
    with_normalized: bool = False,
) -> Extraction:
    """Writes the displacements of words of a data set.

    Args:
      root: folder that holds data sets.
      name: folder of this one; "demo" is made if it is not there.
      split: "train", "dev" or "test".
      words: words or phrases; those that differ in case alone are one.
      out: folder for the files.
      limit: clips a word at most.
      with_normalized: also writes each clip with place and size taken out.

    Raises:
      ConfigError: the limit is out of range.
      DataError: the split cannot be used, or there is no clip of one of the words; nothing is written then.
      StorageError: a file cannot be written.
    """
    limits.check_number("limit", limit, limits.CLIPS)
    dataset, language = load_searchable_split(root, name, split)
    results = {
        word: word_search.search_word(dataset, split, word, language, limit) for word in list_unique(words)
    }
    can_cut = language.locate_signs is not None
    # Before the first file is written: half of the words would look like a finished command.
    for word, result in results.items():
        _require_clips(word, result, dataset.label, can_cut)
    stamp = time.strftime("%Y%m%d_%H%M%S")
    split_folder = Path(root, name, split)  # the files name it as their source
    forms = (False, True) if with_normalized else (False,)
    items = [
        write.write_segment(out, stamp, segment, split_folder / segment.sid, normalized)
        for result in results.values()
        for segment in result.segments
        for normalized in forms
    ]
    manifest = write.write_manifest(out, stamp, items)
    return Extraction(results, manifest, dataset.label, whole_texts=not can_cut)


def list_unique(words: Iterable[str]) -> list[str]:
    """Words in their order, each once, whatever its case."""
    return list({word.strip().casefold(): word.strip() for word in words}.values())


def _require_clips(word: str, result: SearchResult, label: str, can_cut: bool) -> None:
    """Raises DataError if a word has no clip; similar words are never taken instead."""
    if result.segments:
        return
    reason = "where its sign was not found" if can_cut else "which cannot be cut"
    in_sentences = f"{word!r} is only in {result.mentions} sentence(s), {reason}"
    problem = in_sentences if result.mentions else f"no text has {word!r}"
    raise DataError(f"{label}: {problem}; leave it out or choose another --split")
