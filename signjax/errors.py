"""Errors a user can do something about: the doors print them as one line and exit with their code."""

MOST = 4000  # characters of a message


class SignjaxError(ValueError):
    """Base of every expected failure; the message names the file, the field and what to do."""

    exit_code = 1

    def __init__(self, message: str):
        # What a message quotes from a file may hold line breaks, or commands for the terminal.
        shown = message if message.isprintable() else "".join(map(_printable, message))
        super().__init__(shown if len(shown) <= MOST else shown[:MOST] + "...")


class DataError(SignjaxError):
    """Clips, packs or texts that cannot be used."""

    exit_code = 21


class StorageError(SignjaxError):
    """A run, checkpoint or output file that cannot be read or written."""

    exit_code = 22


class ConfigError(SignjaxError):
    """A config that contradicts itself, the data or a saved run."""

    exit_code = 23


def _printable(letter: str) -> str:
    return letter if letter.isprintable() else repr(letter)[1:-1]
