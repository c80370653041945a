"""What a wrong word was probably meant to be."""

import difflib
from collections.abc import Iterable


def near(given: str, known: Iterable[str]) -> str:
    """The known word that is most like a given one, "" if none is near."""
    words = {word.casefold(): word for word in known}
    found = difflib.get_close_matches(given.casefold(), words, n=1)
    return words[found[0]] if found else ""


def meant(given: str, known: Iterable[str], more: str = "") -> str:
    """What to put after the name of a wrong word: "; did you mean 'openpose'?" if a known word is near.

    Args:
      given: the wrong word.
      known: the right ones.
      more: further advice, which follows in either case.
    """
    found = near(str(given), known)
    said = f"did you mean {found!r}?" if found else ""
    return "; " * bool(said or more) + " ".join(part for part in (said, more) if part)
