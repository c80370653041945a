"""Base forms that a word may have, by simple rules of a few languages; a dictionary says which of them exist.

The rules guess freely ("bus" may be the plural of "bu"): only what the dictionary has is ever taken.
"""

from collections.abc import Iterator

from signjax.errors import ConfigError, did_you_mean

LEAST_STEM = 2  # letters that a rule must leave of a word
# (ending, what stands for it in the base form), the longest endings first
ENDINGS = {
    "en": (
        ("iest", "y"), ("ies", "y"), ("ied", "y"), ("ier", "y"), ("ing", ""), ("ing", "e"), ("est", ""),
        ("ves", "f"), ("ves", "fe"), ("n't", ""), ("'re", ""), ("'ll", ""), ("'ve", ""), ("es", ""),
        ("ed", ""), ("ed", "e"), ("er", ""), ("er", "e"), ("ly", ""), ("'s", ""), ("'m", ""), ("'d", ""),
        ("s", ""),
    ),
    "de": (
        ("ungen", "ung"), ("ern", ""), ("est", "en"), ("en", ""), ("er", ""), ("em", ""), ("es", ""),
        ("et", "en"), ("st", "en"), ("e", ""), ("e", "en"), ("n", ""), ("s", ""), ("t", "en"),
    ),
    "fr": (("eaux", "eau"), ("aux", "al"), ("es", ""), ("ent", "er"), ("ons", "er"), ("ez", "er"),
           ("e", ""), ("s", ""), ("x", "")),
    "es": (("ces", "z"), ("es", ""), ("as", "o"), ("os", "o"), ("a", "o"), ("s", ""), ("an", "ar"),
           ("en", "er"), ("mos", "r")),
}  # fmt: skip
# What no ending tells, as word:base.
_ENGLISH = """
am:be is:be are:be was:be were:be been:be being:be has:have had:have did:do done:do does:do went:go
gone:go saw:see seen:see came:come gave:give given:give took:take taken:take made:make knew:know
known:know thought:think told:tell said:say got:get bought:buy brought:bring ate:eat eaten:eat
drank:drink drunk:drink wrote:write written:write read:read met:meet felt:feel found:find left:leave
lost:lose paid:pay ran:run sat:sit slept:sleep spoke:speak stood:stand taught:teach
understood:understand wore:wear children:child men:man women:woman people:person feet:foot
teeth:tooth mice:mouse better:good best:good worse:bad worst:bad me:i him:he us:we them:they mine:my
yours:your an:a
"""
IRREGULAR = {"en": dict(pair.split(":") for pair in _ENGLISH.split())}


def list_base_forms(word: str, language: str | None) -> Iterator[str]:
    """Yields what may be the base form of a word, likely ones first; nothing without a language.

    Args:
      word: in lower case.
      language: one of ENDINGS, or None.

    Raises:
      ConfigError: there are no rules for the language.
    """
    if language is None:
        return
    check_language(language)
    irregular = IRREGULAR.get(language, {})
    if word in irregular:
        yield irregular[word]
    for ending, base in ENDINGS[language]:
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < LEAST_STEM:
            continue
        yield stem + base
        # "stopped", "running": English doubles a last consonant before an ending.
        if language == "en" and not base and stem[-1] == stem[-2:-1]:
            yield stem[:-1]


def check_language(language: str | None) -> None:
    """Raises ConfigError unless there are rules for a language; None is none, and has none."""
    if language is not None and language not in ENDINGS:
        advice = f"there are rules for {', '.join(ENDINGS)}; leave it out, or give a table of words"
        raise ConfigError(f"word_forms is {language!r}{did_you_mean(language, ENDINGS, advice)}")
