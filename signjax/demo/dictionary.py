"""Writes a dictionary of the demo language: clips of single words, and of single letters."""

import json
from pathlib import Path

from signjax import limits
from signjax.demo import dataset, lexicon
from signjax.demo.synthesis import synthesize_glosses
from signjax.io import atomic, temporary_folders
from signjax.seeds import make_rng

# Before a letter: "fs-i" is the letter, "i" the word.
LETTER = "fs-"
# Also asked, so that a dictionary shows how the head asks.
ASKED = ("what", "where", "who", "when", "why", "which", "how", "you", "yes", "no")


def list_entries() -> dict[str, str]:
    """The texts of a dictionary's clips, each with the gloss that it signs; some end with a question mark."""
    letters = {f"{LETTER}{letter.lower()}": letter for letter in lexicon.LETTERS}
    return {word: word for word in lexicon.WORDS} | letters | {f"{word}?": word for word in ASKED}


def write_dictionary(root, name: str = "demo-dictionary", seed: int = 0, clips: int = 2) -> Path:
    """Writes the data set <root>/<name>, which has a training split alone, and returns its folder.

    As `signjax.demo.write_dataset`: the same arguments give the same bytes, a dictionary of them that is
    there already is left alone, and another demo set is replaced.

    Args:
      root: folder of data sets.
      name: folder of this one.
      seed: decides signers and motion.
      clips: of each word and letter, by different signers.

    Raises:
      ConfigError: a number is out of range.
      DataError: <root>/<name> exists and is no demo set.
    """
    limits.check_number("clips", clips, limits.CLIPS)
    folder, entries = Path(root) / name, list_entries()
    record = {"language": dataset.LANGUAGE_VERSION, "seed": seed, "sizes": [clips * len(entries), 0, 0]}
    if dataset.is_written(folder, record):
        return folder
    with temporary_folders.make_temporary_folder(folder.parent) as building:
        for number, (text, gloss) in enumerate(list(entries.items()) * clips):
            clip = building / "train" / f"train_{number:05d}"
            clip.mkdir(parents=True)
            # 20: apart from the clips of sentences, which are other recordings.
            pose = synthesize_glosses([gloss], text.endswith("?"), make_rng(seed, 20, number))
            (clip / "pose.json").write_text(dataset.format_pose_json(pose, number), encoding="ascii")
            (clip / "text.txt").write_text(text, encoding="utf-8")
        (building / dataset.RECORD_FILE).write_text(json.dumps(record) + "\n", encoding="utf-8")
        if not dataset.is_written(folder, record):
            atomic.move_folder(building, folder)
    return folder
