"""Names and made-up words for the demo's sentences: words without a sign, which must be spelled."""

import numpy as np

from signjax.demo import lexicon


def _split_words(words: str) -> tuple[str, ...]:
    return tuple(words.split())


_NAMES = _split_words("""
ada alex amir anna aziz bella boris bruno carla cecil clara david dexter diego elif emma erik fatima
felix fiona frank gina greta gwen hanna hugo ida igor ivan jack jana jonas juan kira klaus kofi
laila lars lily lucas maria max mei milo nadia nina noah olga omar oscar paula pedro petra quentin
quinn rosa ruth sami sofia sven tariq tess tom uma ursula vera victor viola wanda will xenia ximena
yara yusuf zack zara zoe berlin cairo delhi jazz kiwi london oxford paris pizza quiz quebec tokyo
vienna warsaw yoga zebra
""")

# Made-up words are syllables of these, so that letters and their neighbours vary more than names can.
_ONSETS = _split_words("b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t tr v w x y z")
_VOWELS = _split_words("a e i o u ai ee ou ia eo")
_CODAS = ("", "", "", *_split_words("n r l s t x ck mb nd gg zz v q ph w j"))
# Parts of words that nobody wants to read in a demo; a made-up word with one of them is drawn again.
_UNKIND_PARTS = _split_words("fuc fuk shit cun dic nig neg rap fag coc cum sex tit ass ho")


def draw_name(rng: np.random.Generator) -> str:
    """A word without a sign: a known name or place, or a made-up word of 2 to 8 letters."""
    while True:
        if rng.random() < 0.4:
            return _NAMES[int(rng.integers(len(_NAMES)))]
        shapes = [
            (_ONSETS, _VOWELS),
            (_ONSETS, _VOWELS, _CODAS),
            (_ONSETS, _VOWELS, _ONSETS, _VOWELS, _CODAS),
        ]
        shape = shapes[int(rng.choice(3, p=[0.25, 0.4, 0.35]))]
        word = "".join(part[int(rng.integers(len(part)))] for part in shape)
        unkind = any(part in word for part in _UNKIND_PARTS)
        if len(word) <= 8 and word not in lexicon.WORDS and not unkind:
            return word
