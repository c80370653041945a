"""Seeded sentences of 1 to 8 words for the demo set, with names that must be spelled."""

import numpy as np

from signjax.demo import lexicon
from signjax.demo.text import normalize_text

# Slots are in capitals; a pattern's number is its share. Words that ask also stand in statements, so that
# nothing but the head tells a question.
_SLOTS = {
    "WHO": "i you he she we they",
    "KIN": "mother father sister brother friend child family",
    "POSS": "my your",
    "DO": "like want need have see make buy love give",
    "CAN": "go come eat drink learn help work play sleep read write live meet know",
    "FOOD": "apple bread water milk coffee tea",
    "THING": "book car phone money house dog cat name",
    "PLACE": "house school city shop work",
    "WHEN": "today tomorrow yesterday now morning night week",
    "COLOUR": "red blue green black white",
    "HOW": "good bad happy sad big small hot cold new",
    "COUNT": "one two three four five six seven eight nine ten",
    "ASK": "what where who when why which how",
    "HI": "hello goodbye sorry thank please yes no",
}
_PATTERNS = """
3 HI NAME
3 HI KIN
3 HI HI KIN
2 HI POSS KIN
1 thank you
1 thank you POSS KIN
1 please help NAME and NAME
3 my name is NAME
1 POSS KIN is NAME
2 NAME is HOW WHEN
1 POSS KIN is not HOW
2 KIN can CAN and CAN
2 KIN CAN COUNT THING
1 WHO can not CAN
2 NAME DO FOOD
4 KIN DO COUNT FOOD and COUNT FOOD
2 KIN DO COUNT COLOUR THING
1 WHO DO HOW COLOUR THING
1 NAME and NAME CAN
2 WHO CAN with NAME WHEN
2 WHO CAN in NAME
1 WHO CAN and CAN in HOW PLACE
2 WHO go to PLACE WHEN
1 NAME and POSS KIN go to PLACE WHEN
2 NAME and NAME are KIN
2 FOOD and FOOD are HOW
1 the COLOUR THING is HOW and HOW
2 WHEN NAME CAN with POSS KIN
1 WHEN WHO CAN and CAN with POSS KIN
1 i am HOW and you are HOW
1 i am HOW and HOW WHEN
1 they are in the HOW PLACE
1 we are not in NAME
3 COUNT COLOUR THING
4 COUNT COUNT COUNT
2 my phone is COUNT COUNT COUNT COUNT
2 KIN DO POSS HOW THING
3 COLOUR THING and COLOUR THING
2 HOW WHEN
2 WHEN KIN CAN
2 HOW FOOD
2 HOW PLACE
2 yes WHO CAN
2 no WHO DO COLOUR THING
2 please CAN WHEN
6 NAME
2 NAME NAME
3 WHO know ASK
2 WHO not know ASK
2 POSS KIN know ASK and ASK
1 how are you ?
1 how is POSS KIN ?
1 what is POSS name ?
3 ASK is NAME ?
2 ASK is POSS HOW COLOUR THING ?
2 ASK can NAME CAN ?
1 ASK can WHO CAN ?
1 where is the PLACE ?
2 ASK THING is HOW ?
3 ASK ASK ?
2 can you CAN WHEN ?
2 are you HOW ?
1 is the HOW FOOD HOW ?
2 ASK DO FOOD ?
2 WHO DO FOOD ?
2 ASK can we CAN with NAME in NAME ?
1 NAME ?
"""
_NAMES = (
    "ada",
    "alex",
    "amir",
    "anna",
    "aziz",
    "bella",
    "boris",
    "bruno",
    "carla",
    "cecil",
    "clara",
    "david",
    "dexter",
    "diego",
    "elif",
    "emma",
    "erik",
    "fatima",
    "felix",
    "fiona",
    "frank",
    "gina",
    "greta",
    "gwen",
    "hanna",
    "hugo",
    "ida",
    "igor",
    "ivan",
    "jack",
    "jana",
    "jonas",
    "juan",
    "kira",
    "klaus",
    "kofi",
    "laila",
    "lars",
    "lily",
    "lucas",
    "maria",
    "max",
    "mei",
    "milo",
    "nadia",
    "nina",
    "noah",
    "olga",
    "omar",
    "oscar",
    "paula",
    "pedro",
    "petra",
    "quentin",
    "quinn",
    "rosa",
    "ruth",
    "sami",
    "sofia",
    "sven",
    "tariq",
    "tess",
    "tom",
    "uma",
    "ursula",
    "vera",
    "victor",
    "viola",
    "wanda",
    "will",
    "xenia",
    "ximena",
    "yara",
    "yusuf",
    "zack",
    "zara",
    "zoe",
    "berlin",
    "cairo",
    "delhi",
    "jazz",
    "kiwi",
    "london",
    "oxford",
    "paris",
    "pizza",
    "quiz",
    "quebec",
    "tokyo",
    "vienna",
    "warsaw",
    "yoga",
    "zebra",
)
_ONSETS = (
    "b",
    "br",
    "c",
    "ch",
    "d",
    "dr",
    "f",
    "fl",
    "g",
    "gr",
    "h",
    "j",
    "k",
    "kl",
    "l",
    "m",
    "n",
    "p",
    "pr",
    "qu",
    "r",
    "s",
    "sh",
    "st",
    "t",
    "tr",
    "v",
    "w",
    "x",
    "y",
    "z",
)
_VOWELS = (
    "a",
    "e",
    "i",
    "o",
    "u",
    "ai",
    "ee",
    "ou",
    "ia",
    "eo",
)
_CODAS = (
    "",
    "",
    "",
    "n",
    "r",
    "l",
    "s",
    "t",
    "x",
    "ck",
    "mb",
    "nd",
    "gg",
    "zz",
    "v",
    "q",
    "ph",
    "w",
    "j",
)

SPELLED_SHARE = 0.3  # share of the sentences, in every split alike, that have a word to spell

_UNKIND = (
    "fuc",
    "fuk",
    "shit",
    "cun",
    "dic",
    "nig",
    "neg",
    "rap",
    "fag",
    "coc",
    "cum",
    "sex",
    "tit",
    "ass",
    "ho",
)


class SentenceWriter:
    """Draws sentences; slots prefer the words used least so far, so that all words come up often."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._used: dict[str, int] = {}
        lines = [line.split() for line in _PATTERNS.strip().splitlines()]
        self._patterns = {" ".join(line[1:]): int(line[0]) for line in lines}

    def draw_sentence(self, spelled: bool) -> list[str]:
        """Words of one sentence with or without one to spell, "?" last when it asks; few are one word."""
        while True:
            before = dict(self._used)
            words = self._draw_words()
            if any(word not in lexicon.WORDS for word in words if word != "?") == spelled:
                return words
            self._used = before

    def _draw_words(self) -> list[str]:
        if self._rng.random() < 0.1:
            asks = ["?"] if self._rng.random() < 0.15 else []
            return [self._fill_slot("NAME" if self._rng.random() < 0.3 else "WORD"), *asks]
        pattern = self._pick_least_used(
            list(self._patterns), np.array(list(self._patterns.values())), spread=6.0
        )
        return [self._fill_slot(slot) for slot in pattern.split()]

    def _fill_slot(self, slot: str) -> str:
        if slot == "NAME":
            return draw_name(self._rng)
        choices = list(lexicon.WORDS) if slot == "WORD" else _SLOTS.get(slot, slot).split()
        return self._pick_least_used(choices, np.ones(len(choices)), spread=4.0)

    def _pick_least_used(self, choices: list[str], share: np.ndarray, spread: float) -> str:
        used = np.array([self._used.get(choice, 0) for choice in choices])
        choice = choices[int(np.argmin(used / share + spread * self._rng.random(len(choices))))]
        self._used[choice] = self._used.get(choice, 0) + 1
        return choice


def draw_name(rng: np.random.Generator) -> str:
    """A word without a sign: a known name or a made-up one of 2 to 8 letters."""
    while True:
        if rng.random() < 0.4:
            return _NAMES[int(rng.integers(len(_NAMES)))]
        parts = [(_ONSETS, _VOWELS), (_ONSETS, _VOWELS, _CODAS), (_ONSETS, _VOWELS, _ONSETS, _VOWELS, _CODAS)]
        kinds = parts[int(rng.choice(3, p=[0.25, 0.4, 0.35]))]
        word = "".join(kind[int(rng.integers(len(kind)))] for kind in kinds)
        if len(word) <= 8 and word not in lexicon.WORDS and not any(bad in word for bad in _UNKIND):
            return word


def format_sentence(words: list[str], rng: np.random.Generator) -> str:
    """The words as a person would type them: capitals, a full stop or none, names in capitals."""
    asks = words[-1] == "?"
    shown = ["I" if w == "i" else w if w in lexicon.WORDS else w.capitalize() for w in words if w != "?"]
    line = " ".join(shown)
    end = "?" if asks else (".", ".", ".", "", "!")[int(rng.integers(5))]
    return line[0].upper() + line[1:] + end


def make_texts(count: int, rng: np.random.Generator, unseen: set[tuple[str, ...]] | None = None) -> list[str]:
    """Texts of one split.

    Args:
      count: how many.
      rng: draws them.
      unseen: normalised sentences that may not occur; such texts are all different, too. None for a
        training split, which may repeat itself and has every word on its own, four times
        where count allows.
    """
    writer, out = SentenceWriter(rng), []
    if unseen is None:
        alone = 4 if count >= 8 * len(lexicon.WORDS) else 0
        out = [format_sentence([word], rng) for word in lexicon.WORDS for _ in range(alone)]
    taken = set(unseen or ())
    while len(out) < count:
        spelled = rng.random() < SPELLED_SHARE  # decided first: sentences without are sooner all taken
        text = format_sentence(writer.draw_sentence(spelled), rng)
        key = tuple(normalize_text(text))
        if unseen is not None and key in taken:
            continue
        taken.add(key)
        out.append(text)
    return [out[k] for k in rng.permutation(len(out))]
