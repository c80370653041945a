"""Clips of single signs of the demo language, for dictionaries."""

from signjax.demo.dictionary import list_entries
from signjax.demo.synthesis import synthesize_glosses
from signjax.pose.clip import Clip
from signjax.seeds import make_rng

WORDS = ("my", "name", "is", "thank", "you", "book", "red", "fs-a", "fs-d", "fs-n")


def make_clips(words=WORDS, times=2):
    """Clips of words and letters, `times` of each."""
    entries, rng = list_entries(), make_rng(4, 1)
    return [
        Clip(synthesize_glosses([entries[w]], False, rng, 3 * k), fps=25.0, text=w)
        for k in range(times)
        for w in words
    ]
