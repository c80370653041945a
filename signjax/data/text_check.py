"""Whether a text can belong to a clip: it has a word, and is not far too long for the clip."""

from pathlib import Path

from signjax.data import clip_files
from signjax.io import safe_read
from signjax.io.safe_read import InvalidFileError
from signjax.pose.clip import DEFAULT_FPS
from signjax.text.tokenizer import split_words

# Of 449 clips of How2Sign none has more than 28 letters a second at 25 frames a second, except "Hi!" in 4
# frames. Nearly four times that leaves room for data of few frames a second; a page does not fit.
LETTERS_PER_SECOND = 100
# A clip of a few frames has a word or two all the same.
FREE_LETTERS = 40


def check_text(text: str, frames: int, fps: float | None) -> None:
    """Raises if a text has nothing to sign, or far more than a clip can sign.

    Args:
      text: of the clip.
      frames: of the clip.
      fps: frames per second, None if unknown.

    Raises:
      InvalidFileError: says which, and what to do.
    """
    words = [word for word in split_words(text) if has_letter(word)]
    if not words:
        raise InvalidFileError(f"its text {text[:40]!r} has no word; give it one, or leave the clip away")
    seconds = frames / (fps or DEFAULT_FPS)
    if sum(map(len, words)) > FREE_LETTERS + LETTERS_PER_SECOND * seconds:
        size = f"its text of {len(words):,} words is far longer than {seconds:.1f} seconds can sign"
        raise InvalidFileError(f"{size}; give it the text of this clip alone")


def has_letter(text: str) -> bool:
    """Whether a text has a letter or digit of any script."""
    return any(map(str.isalnum, text))


def check_stored_text(folder: Path, text: str, frames: int) -> None:
    """`check_text` of a clip's folder, whose frame rate is looked up only where it decides."""
    try:
        check_text(text, frames, None)
    except InvalidFileError:
        # The poses were parsed once already. Texts this long are few.
        fps = safe_read.read_json(folder / clip_files.POSE).get("fps")
        check_text(text, frames, clip_files.parse_rate(fps))
