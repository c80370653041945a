"""Ids of text tokens that mean the same in every vocabulary; the models and the text tokenizer share them.

PAD fills rows, and is the blank of a CTC. NULL alone is the text of no text, for classifier-free guidance,
and stands before a text in its decoder. UNKNOWN is a letter without an entry. SPELL stands before the letters
of a word without an entry. END ends a text.
"""

# Never in another order: saved vocabularies begin with these five, and models have learned their numbers.
PAD, NULL, UNKNOWN, SPELL, END = range(5)
