"""Finding words in a data set: clips whose whole text is the word, or its sign cut out of a sentence."""

from typing import NamedTuple

from signjax.data.packed_dataset import PackedDataset
from signjax.data.phrase_search import Language, find_phrase
from signjax.displacements import convert
from signjax.displacements.write import WordSegment


class SearchResult(NamedTuple):
    """What was found of one word."""

    segments: list[WordSegment]
    mentions: int  # clips whose text has the word, among those searched
    unusable: int  # of them: in a sentence that cannot be cut, or shorter than two frames


def search_word(
    dataset: PackedDataset, split: str, word: str, language: Language, limit: int
) -> SearchResult:
    """The first `limit` clips of a word or phrase in a split.

    Where signs can be located, a clip is cut to the frames of the sign itself, even if its text is nothing
    else: clips that are averaged must begin and end alike. In other languages a clip is taken whole, and only
    if its whole text is the word.

    Raises:
      DataError: the word has no letter that can be signed.
    """
    phrase, segments, mentions, unusable = language.tokenize(word), [], 0, 0
    for i, text in enumerate(dataset.texts):
        tokens = language.tokenize(text)
        if not find_phrase(tokens, phrase):
            continue
        found = _cut_clip(dataset, i, split, word, language, whole_text=tokens == phrase)
        mentions, unusable = mentions + 1, unusable + (not found)
        segments += found
        if len(segments) >= limit:
            break
    return SearchResult(segments[:limit], mentions, unusable)


def _cut_clip(
    dataset: PackedDataset, i: int, split: str, word: str, language: Language, whole_text: bool
) -> list[WordSegment]:
    """The word's segments in clip i; `whole_text`: its text is the word and nothing else."""
    clip = dataset[i]
    if language.locate_signs:
        signs = language.locate_signs(clip.points, clip.valid)
        phrase = language.tokenize(word)
        # Searched again among the signs: what a text says and what is signed may differ in order and number.
        starts = find_phrase([token for token, _, _ in signs], phrase)
        spans = [(signs[k][1], signs[k + len(phrase) - 1][2]) for k in starts]
    else:
        spans = [(0, len(clip))] if whole_text else []
    segments = []
    for start, end in spans:
        sequence = convert.compute_displacements(clip.points[start:end], clip.valid[start:end])
        whole = end - start == len(clip)
        # The placement of the recorded clip, not of the segment: a short sign may not show the whole body.
        placement = dataset.get_placement(i)
        dims = dataset.layout.dims
        place = word, split, clip.sid, (start, end), whole
        segments.append(WordSegment(*place, sequence, dims, placement, clip.fps))
    # A single frame has no displacement.
    return [segment for segment in segments if len(segment.sequence.deltas)]
