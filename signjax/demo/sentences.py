"""Seeded sentences of 1 to 8 words for the demo set, with names that must be spelled."""

import numpy as np

from signjax.demo import lexicon
from signjax.demo.names import draw_name
from signjax.demo.text import normalize_text

# Words in capitals are slots; the number of a pattern is its share. Question words also stand in statements
# ("i know where"), so that only the head tells a question: when they did not, their motion codes took the
# head's question along, and a plain "how" was generated as "how?".
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
SPELLED_SHARE = 0.3  # of the sentences of every split have a word that must be spelled


class SentenceWriter:
    """Draws sentences; patterns and words that were used least so far are preferred.

    So every word comes up often, also in a small set, which independent draws would not do.
    """

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._used: dict[str, int] = {}
        lines = [line.split() for line in _PATTERNS.strip().splitlines()]
        self._patterns = {" ".join(line[1:]): int(line[0]) for line in lines}

    def draw_sentence(self, spelled: bool) -> list[str]:
        """Draws the words of a sentence; a question has "?" as the last one.

        Args:
          spelled: whether one or more of them must be spelled.
        """
        while True:
            before = dict(self._used)
            words = self._draw_words()
            if any(word not in lexicon.WORDS for word in words if word != "?") == spelled:
                return words
            # Words of a sentence that is thrown away were not used.
            self._used = before

    def _draw_words(self) -> list[str]:
        # A tenth of the sentences are one word: a model must also sign a word by itself.
        if self._rng.random() < 0.1:
            mark = ["?"] if self._rng.random() < 0.15 else []
            return [self._fill_slot("NAME" if self._rng.random() < 0.3 else "WORD"), *mark]
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
        """Picks the choice with the fewest uses for its share, give or take `spread` uses by chance."""
        used = np.array([self._used.get(choice, 0) for choice in choices])
        choice = choices[int(np.argmin(used / share + spread * self._rng.random(len(choices))))]
        self._used[choice] = self._used.get(choice, 0) + 1
        return choice


def format_sentence(words: list[str], rng: np.random.Generator) -> str:
    """The words as a person would type them: names with a capital letter, a full stop or none."""
    is_question = words[-1] == "?"
    typed = ["I" if w == "i" else w if w in lexicon.WORDS else w.capitalize() for w in words if w != "?"]
    line = " ".join(typed)
    end = "?" if is_question else (".", ".", ".", "", "!")[int(rng.integers(5))]
    return line[0].upper() + line[1:] + end


def make_texts(count: int, rng: np.random.Generator, unseen: set[tuple[str, ...]] | None = None) -> list[str]:
    """Texts of one split.

    Args:
      count: number of texts.
      rng: decides them.
      unseen: normalised sentences that must not occur; then no two texts are equal either. None for a
        training split, which may repeat itself and has every word alone, four times if `count` allows.
    """
    writer, texts = SentenceWriter(rng), []
    if unseen is None:
        # In a small set words alone would crowd out the sentences.
        repeats = 4 if count >= 8 * len(lexicon.WORDS) else 0
        texts = [format_sentence([word], rng) for word in lexicon.WORDS for _ in range(repeats)]
    taken = set(unseen or ())
    while len(texts) < count:
        # Decided before the sentence is drawn: there are fewer sentences without a name, so they run out
        # first, and drawing again would leave too few of them.
        spelled = rng.random() < SPELLED_SHARE
        text = format_sentence(writer.draw_sentence(spelled), rng)
        key = tuple(normalize_text(text))
        if unseen is not None and key in taken:
            continue
        taken.add(key)
        texts.append(text)
    return [texts[k] for k in rng.permutation(len(texts))]
