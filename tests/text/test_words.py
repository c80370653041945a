"""Words of many scripts: different texts stay different, and joining undoes splitting."""

import itertools
import unicodedata

import pytest

from signjax.errors import ConfigError
from signjax.text import tokenizer, words

# Texts that differ in what other tools drop: umlauts, dots, tones, vowel signs, harakat, nuqta, length marks.
DIFFERENT = {
    "German": ["schon", "schön", "Maße", "Masse", "zählen", "zahlen"],
    "Turkish": ["ışık", "isik", "sıkıntı", "sikinti", "ol", "öl"],
    "Vietnamese": ["ma", "má", "mà", "mả", "mã", "mạ"],
    "Hindi": ["मैं घर जा रहा हूँ", "मैं घर जा रही हूँ", "कल", "काल", "कुल", "कूल", "दिन", "दीन"],
    "Thai": ["มา", "ม้า", "หมา", "ใกล้", "ไกล"],
    "Tamil": ["வணக்கம்", "வணக்கம", "பால்", "பல்"],
    "Arabic": ["كتب", "كَتَبَ", "كُتِبَ", "مرحبا بكم"],
    "Hebrew": ["שלום", "שָׁלוֹם", "ספר", "סָפַר"],
    "Japanese": ["はし", "ばし", "ハシ", "びょういん", "びよういん", "これはペンです"],
    "Korean": ["안녕하세요 세계", "안녕하세요세계", "눈", "논"],
    "Chinese": ["你好世界", "你好地界", "世界你好", "我吃鱼", "鱼吃我"],
    "marks of questions": ["you live here", "you live here?", "you live here!"],
}
SPLIT = {
    "Wie schön, 3,5 Äpfel!": ["wie", "schön", "3,5", "äpfel", "!"],
    "你好，世界。": ["你", "好", "世", "界"],
    "ฉันรักคุณ": ["ฉั", "น", "รั", "ก", "คุ", "ณ"],
    "これはペンです": ["こ", "れ", "は", "ペン", "で", "す"],
    "می‌خواهم؟": ["می‌خواهم", "?"],
    "Ｈｉ！ ｶﾀｶﾅ": ["hi", "!", "カタカナ"],
    "l’été d'or": ["l'été", "d'or"],
    "\u200fשלום\u200e": ["שלום"],
    "♪ ... — 👍🏽": [],
}


@pytest.mark.parametrize("language", DIFFERENT)
def test_different_texts_have_different_ids_and_decode_to_themselves(language):
    texts = DIFFERENT[language]
    rules = words.choose_rules(texts)
    for min_count in (1, 9):  # as words, and letter by letter
        vocabulary = tokenizer.fit_tokenizer(texts, min_count, rules)
        ids = [tuple(vocabulary.encode(text)) for text in texts]
        assert len(set(ids)) == len(texts)
        for text, row in zip(texts, ids, strict=True):
            assert tuple(vocabulary.encode(vocabulary.decode(row))) == row
            assert vocabulary.find_unknown(text).count == 0


@pytest.mark.parametrize("text", SPLIT)
def test_words_of(text):
    assert words.split_words(text) == SPLIT[text]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_one_text_in_two_encodings_is_one(form):
    for text in itertools.chain(*DIFFERENT.values()):
        assert words.split_words(unicodedata.normalize(form, text)) == words.split_words(text)


def test_joined_words_are_split_into_the_same():
    pieces = ["你", "好", "カタ", "カナ", "ペン", "ひ", "schön", "ก", "คุ", "?", "a", "1", "ကျ"]
    for count in (1, 2, 3):
        for chosen in itertools.permutations(pieces, count):
            assert words.split_words(words.join_words(chosen)) == list(chosen)


def test_turkish_is_known_by_its_letters():
    rules = words.choose_rules(["Işık açık", "İyi"])
    assert rules.case == "turkish" and words.split_words("IŞIK İYİ", rules) == ["ışık", "iyi"]
    assert words.choose_rules(["Das ist es"]).case == "lower"
    assert words.choose_rules(["ı"], case="lower").case == "lower"
    assert words.choose_rules([], texts_are="gloss").kind == "gloss"
    assert words.choose_rules([], kind="sentence", texts_are="gloss").kind == "sentence"
    assert words.split_words("ΟΔΟΣ Straße", words.choose_rules([], case="keep")) == ["ΟΔΟΣ", "Straße"]


def test_every_mark_of_a_gloss_counts():
    rules = words.choose_rules([], kind="gloss")
    text = "IX-1 HOUSE+ ^HOUSE $PROD fs-JOHN #WHAT *X* +h <spell>"
    assert words.split_words(text, rules) == text.lower().split()
    vocabulary = tokenizer.fit_tokenizer([text], 1, rules)
    assert vocabulary.decode(vocabulary.encode(text)) == text.lower()
    assert vocabulary.size == len(set(vocabulary.entries)) or "+h" in vocabulary.words


@pytest.mark.parametrize("fields", [{"kind": "glos"}, {"case": "turkisch"}])
def test_wrong_rules_are_named(fields):
    [(name, value)] = fields.items()
    with pytest.raises(ConfigError, match=rf"text\.{name} is '{value}'; did you mean"):
        words.choose_rules([], **fields)
