"""The demo's constructed language: text to pose by rule, and an exact reader back to text.

It is no real sign language: words, letters and grammar are made up so that text can be signed by rule and
signed poses can be read back by rule, which makes "did it sign the sentence?" a number.
"""

from signjax.demo.dataset import make_split_texts, write_dataset
from signjax.demo.dictionary import write_dictionary
from signjax.demo.reader import describe_reading, locate_words, read_signs
from signjax.demo.synthesis import synthesize_pose
from signjax.demo.text import count_word_errors, list_words, normalize_text, tokens_to_glosses

__all__ = [
    "count_word_errors",
    "describe_reading",
    "list_words",
    "locate_words",
    "make_split_texts",
    "normalize_text",
    "read_signs",
    "synthesize_pose",
    "tokens_to_glosses",
    "write_dataset",
    "write_dictionary",
]
