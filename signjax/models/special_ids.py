"""Ids of text tokens that mean the same in every vocabulary: models and the text tokenizer agree on them."""

PAD, NULL, UNKNOWN, SPELL, END = range(5)
# PAD fills rows; NULL alone is the text of no text, for classifier-free guidance; SPELL goes before the
# letters of a word without an entry; END is where decoding of a text stops. Saved vocabularies begin with
# these five.
