"""The demo's constructed language: text to pose by rule, and an exact reader back to text.

No real sign language: words, letters and grammar are made up so that text can be signed by rule and
signed poses can be read back by rule, which makes "did it sign the sentence?" a number.
"""

from signjax.demo.dataset import make_split, write_dataset
from signjax.demo.reader import locate, read
from signjax.demo.synthesis import synthesize
from signjax.demo.text import normalize, signs, word_errors, words

__all__ = [
    "locate", "make_split", "normalize", "read", "signs",
    "synthesize", "word_errors", "words", "write_dataset",
]  # fmt: skip
