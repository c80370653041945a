"""Letters of a text that a run has never seen: it warns, or refuses a text without known letters."""

import warnings
from collections.abc import Iterable

from signjax.errors import DataError, SignjaxWarning

SHOWN = 20  # letters and characters of a text that a message quotes


def check_letters(text_encoder, texts: Iterable[str]) -> None:
    """Warns of each text with letters that are unknown to a run.

    Args:
      text_encoder: of the run, with `find_unknown`.
      texts: that are to be signed.

    Raises:
      DataError: all letters of a text are unknown, so that its clip would have nothing to do with it.
    """
    # In order, and each text once: a text may be asked for several times.
    for text in dict.fromkeys(texts):
        unknown = text_encoder.find_unknown(text)
        if not unknown.count:
            continue
        letters = f"{unknown.letters[:SHOWN]}..." if len(unknown.letters) > SHOWN else unknown.letters
        share = f"{unknown.count} of {unknown.total} letters of {text[: SHOWN * 2]!r}"
        if unknown.count >= unknown.total:
            raise DataError(f"{share} are unknown to this run ({letters}); it was trained on other letters")
        message = f"{share} are unknown to this run: {letters}; they are signed by guess"
        warnings.warn(message, SignjaxWarning, stacklevel=2)
