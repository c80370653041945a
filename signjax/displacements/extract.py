"""Words of a data set to displacement files."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from signjax.data.packed_dataset import PackedDataset
from signjax.data.phrase_search import Language
from signjax.displacements import word_search, write
from signjax.displacements.word_search import SearchResult
from signjax.errors import DataError


class Extraction(NamedTuple):
    """What was written."""

    results: dict[str, SearchResult]  # word -> its clips
    manifest: Path


def extract_words(
    dataset: PackedDataset,
    language: Language,
    words: Iterable[str],
    split_folder: Path,
    out: Path,
    limit: int = 8,
    with_normalized: bool = False,
) -> Extraction:
    """Writes the displacements of words of a data set.

    Args:
      dataset: a split.
      language: of its texts.
      words: words or phrases; those that differ in case alone are one.
      split_folder: the folder of its clips, <root>/<name>/<split>; the files name it as their source.
      out: folder for the files.
      limit: clips a word at most.
      with_normalized: also writes each clip with place and size taken out.

    Raises:
      DataError: there is no clip of one of the words; nothing is written then.
      StorageError: a file cannot be written.
    """
    results = {
        word: word_search.search_word(dataset, split_folder.name, word, language, limit)
        for word in list_unique(words)
    }
    # Before the first file is written: half of the words would look like a finished command.
    for word, result in results.items():
        _require_clips(word, result, dataset.label, can_cut=language.locate_signs is not None)
    stamp = time.strftime("%Y%m%d_%H%M%S")
    forms = (False, True) if with_normalized else (False,)
    items = [
        write.write_segment(out, stamp, segment, split_folder / segment.sid, normalized)
        for result in results.values()
        for segment in result.segments
        for normalized in forms
    ]
    return Extraction(results, write.write_manifest(out, stamp, items))


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
