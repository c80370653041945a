"""Ranges of numbers: one description for the help of commands, for configs and for functions."""

import math
import numbers
import reprlib
from typing import Any, NamedTuple

from signjax.errors import ConfigError


class Range(NamedTuple):
    """Numbers from `least` to `largest`, both included.

    Attributes:
      least: smallest number.
      largest: largest number.
      whole: whether only whole numbers are meant.
    """

    least: float
    largest: float
    whole: bool = True

    def __str__(self):
        if not self.whole and self.largest == BELOW_ONE:
            return f"{self.least:g} to below 1"
        least, largest = (f"{int(n):,}" if abs(n) >= 10 and n == int(n) else f"{n:g}" for n in self[:2])
        return f"{least} to {largest}"

    def allows(self, value: Any) -> bool:
        """Whether a value is such a number; True and False are none, nor is NaN."""
        kind = numbers.Integral if self.whole else numbers.Real
        return isinstance(value, kind) and not isinstance(value, bool) and self.least <= value <= self.largest


BELOW_ONE = math.nextafter(1, 0)  # the largest number of what must stay below 1

# What functions and commands take: far beyond any use, and small enough for the memory of a machine.
CLIPS = Range(1, 100_000)  # of a text, a word or a split
ALL_CLIPS = 1_000_000  # of all texts of a call
BATCH_SIZE = Range(1, 65_536)
TOKENS = Range(1, 4096)  # of a clip: eleven minutes of 25 frames a second at 4 frames a token
# Files say less than 1000 (signjax.data.clip_files.parse_rate).
FPS = Range(1, 999, whole=False)
SECONDS = Range(1, 86_400)
STEPS = Range(1, 10**9)  # of a training
FRAMES = Range(1, 100_000)
PROCESSES = Range(1, 1024)
RESTARTS = Range(0, 1_000_000)
SLICES = Range(1, 1024)
PORT = Range(0, 65_535)


def check_number(name: str, value: Any, allowed: Range) -> None:
    """Raises ConfigError unless a number is in a range; the message has its name, its value and the range."""
    if not allowed.allows(value):
        kind = "whole numbers, " if allowed.whole and isinstance(value, float) else ""
        raise ConfigError(f"{name} is {show_value(value)}; it can be {kind}{allowed}")


def show_value(value: Any) -> str:
    """A value for a message: its repr, but never long."""
    # Python refuses to write integers of thousands of digits.
    if isinstance(value, int) and value.bit_length() > 256:
        return f"a number of {int(value.bit_length() * math.log10(2)) + 1:,} digits"
    shortened = reprlib.Repr()
    shortened.maxstring = shortened.maxother = 60
    return shortened.repr(value)
