"""Finding words in a data set: clips whose whole text is the word, or the place of its sign in a sentence."""

import re
from collections.abc import Callable
from typing import NamedTuple

from signjax import demo
from signjax.data.packed_dataset import Pack
from signjax.displacements import convert
from signjax.displacements.write import Cut


class Reading(NamedTuple):
    """What is known of a data set's language."""

    tokens: Callable[[str], list[str]]  # the words of a text, in one form
    locate: Callable | None  # (pose, valid) -> [(word, first frame, last + 1)], None if nobody can tell


class Search(NamedTuple):
    """What was found of one word."""

    cuts: list[Cut]
    mentions: int  # clips whose text has the word, as far as was looked
    unusable: int  # of them: in a sentence that cannot be cut, or of less than two frames


def plain(text: str) -> list[str]:
    """The words of any text: letters and digits in small letters, apostrophes left out."""
    return re.findall(r"\w+", re.sub("['’ʼ`]", "", text.casefold()))


def _demo_tokens(text: str) -> list[str]:
    return [token for token in demo.normalize(text) if token != "?"]


def reading(readable: bool) -> Reading:
    """Of the demo language, whose reader finds signs in sentences, or of any other."""
    return Reading(_demo_tokens, demo.locate) if readable else Reading(plain, None)


def places(tokens: list[str], phrase: list[str]) -> list[int]:
    """Where a phrase begins among tokens; its occurrences do not overlap."""
    found, k = [], 0
    while phrase and k + len(phrase) <= len(tokens):
        hit = tokens[k : k + len(phrase)] == phrase
        found += [k] * hit
        k += len(phrase) if hit else 1
    return found


def search(held: Pack, split: str, word: str, how: Reading, most: int) -> Search:
    """The first `most` clips of a word or phrase in a split.

    Where signs can be located, a clip is cut to the frames of the sign itself, also one that says nothing
    else: what is averaged must begin and end alike. Elsewhere a clip is taken whole, and only if its whole
    text is the word.

    Raises:
      DataError: the word has no letter that can be signed.
    """
    phrase, cuts, mentions, unusable = how.tokens(word), [], 0, 0
    for i, text in enumerate(held.texts):
        tokens = how.tokens(text)
        if not places(tokens, phrase):
            continue
        found = _cuts(held, i, split, word, phrase, tokens == phrase, how)
        mentions, unusable = mentions + 1, unusable + (not found)
        cuts += found
        if len(cuts) >= most:
            break
    return Search(cuts[:most], mentions, unusable)


def _cuts(
    held: Pack, i: int, split: str, word: str, phrase: list[str], only: bool, how: Reading
) -> list[Cut]:
    """The word's cuts of one clip; only: its text is nothing but the word."""
    clip = held[i]
    if how.locate:
        signed = how.locate(clip.pose, clip.valid)
        starts = places([token for token, _, _ in signed], phrase)
        spans = [(signed[k][1], signed[k + len(phrase) - 1][2]) for k in starts]
    else:
        spans = [(0, len(clip.pose))] if only else []
    cuts = []
    for start, end in spans:
        moves = convert.take(clip.pose[start:end], clip.valid[start:end])
        whole = end - start == len(clip.pose)
        place = held.placement(i)
        cuts.append(Cut(word, split, clip.sid, (start, end), whole, moves, held.variant.dims, place))
    return [cut for cut in cuts if len(cut.moves.deltas)]
