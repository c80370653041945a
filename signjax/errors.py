"""Errors a user can do something about: the doors print them as one line and exit with their code."""


class SignjaxError(ValueError):
    """Base of every expected failure; the message names the file, the field and what to do."""

    exit_code = 1


class DataError(SignjaxError):
    """Clips, packs or texts that cannot be used."""

    exit_code = 21


class StorageError(SignjaxError):
    """A run, checkpoint or output file that cannot be read or written."""

    exit_code = 22


class ConfigError(SignjaxError):
    """A config that contradicts itself, the data or a saved run."""

    exit_code = 23
