"""Errors that a user can correct: commands print them as one line and exit with their code."""

import difflib
from collections.abc import Iterable

MAX_LENGTH = 4000  # characters of a message


class SignjaxError(ValueError):
    """Base of every expected failure; the message names the file, the field and what to do."""

    exit_code = 1

    def __init__(self, message: str):
        # What a message quotes from a file may hold line breaks, or commands for the terminal.
        shown = message if message.isprintable() else "".join(map(_escape_letter, message))
        # Nor may it fill the screen: a file can have a field's name of a megabyte.
        # What to do is said at the end, so what is left out is in the middle.
        half = MAX_LENGTH // 2
        super().__init__(shown if len(shown) <= MAX_LENGTH else f"{shown[:half]}...{shown[-half:]}")


class NumericsError(SignjaxError):
    """Training that no longer gives finite numbers."""

    exit_code = 20


class DataError(SignjaxError):
    """Clips, packs or texts that cannot be used."""

    exit_code = 21


class StorageError(SignjaxError):
    """A run, checkpoint or output file that cannot be read or written."""

    exit_code = 22


class ConfigError(SignjaxError):
    """A config that contradicts itself, the data or a saved run."""

    exit_code = 23


class MachineError(SignjaxError):
    """A machine that lacks memory, threads or a device; elsewhere, or later, the same may work."""

    # Not one of those that keep a supervisor from starting a training again: other programs may have ended.
    exit_code = 1


class SignjaxWarning(UserWarning):
    """What a user should know of a result that is made all the same; commands print it as one line."""


def closest_match(word: str, known: Iterable[str]) -> str:
    """The known word that is most like a wrong one, "" if none is similar; upper and lower case are alike."""
    spelled = {name.casefold(): name for name in known}
    matches = difflib.get_close_matches(word.casefold(), spelled, n=1)
    return spelled[matches[0]] if matches else ""


def did_you_mean(word: object, known: Iterable[str], advice: str = "") -> str:
    """What to put after a wrong word in a message: "; did you mean 'openpose'?", "" if no word is similar.

    Args:
      word: the wrong word.
      known: the right ones.
      advice: what to say besides; it follows in either case.
    """
    match = closest_match(str(word), known)
    suggestion = f"did you mean {match!r}?" if match else ""
    parts = [part for part in (suggestion, advice) if part]
    return "; " + " ".join(parts) if parts else ""


def _escape_letter(letter: str) -> str:
    return letter if letter.isprintable() else repr(letter)[1:-1]
