"""The tokenizer.json of a pretrained encoder, which may come from a stranger: only known parts are run.

The library runs what the file describes. Regular expressions can take longer than anybody waits, replacements
can make gigabytes of a word, and ids may be of no word piece.
"""

import json
from typing import TYPE_CHECKING

from signjax.io import safe_read

if TYPE_CHECKING:
    from tokenizers import Tokenizer  # slow to import, and most runs have no encoder

# The parts of BERT's tokenizers, and of those of SentencePiece that multilingual encoders have.
KNOWN = {
    "normalizer": "BertNormalizer Lowercase Strip StripAccents NFC NFD NFKC NFKD Nmt Precompiled Replace",
    "pre_tokenizer": "BertPreTokenizer Whitespace WhitespaceSplit Metaspace Punctuation Digits",
    "post_processor": "BertProcessing TemplateProcessing RobertaProcessing",
    "model": "WordPiece Unigram BPE WordLevel",
}
_LISTS = {"normalizer": "normalizers", "pre_tokenizer": "pretokenizers", "post_processor": "processors"}
_SPACES = " {2,}"  # the one regular expression of SentencePiece's
MAX_PARTS = 16
MAX_MEMORY = 20 * safe_read.MAX_BYTES  # bytes of the objects of the largest vocabularies


def parse_tokenizer(content: bytes, max_length: int, vocabulary: int) -> "Tokenizer":
    """The tokenizer of a tokenizer.json; it pads nothing and cuts texts after `max_length` word pieces.

    Args:
      content: of the file.
      max_length: longest text, in word pieces.
      vocabulary: number of word pieces that the encoder knows.

    Raises:
      InvalidFileError: it is no tokenizer, or has a part that is not known, or ids beyond the vocabulary.
    """
    from tokenizers import Tokenizer  # slow, and rarely needed

    parts = safe_read.parse_json(content, MAX_MEMORY)
    for name in KNOWN:
        _check_part(name, parts.get(name))
    try:
        tokenizer = Tokenizer.from_str(content.decode())
        # MiniLM's file pads every text to 128 word pieces, and others have limits of their own.
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)
        # Also the ids that are put around a text.
        ids = [*tokenizer.get_vocab().values(), *tokenizer.encode("hello").ids]
    except Exception as error:  # the library raises no narrower one
        raise safe_read.InvalidFileError(safe_read.describe_error(error)) from None
    except BaseException as error:
        # Of the library's Rust; no subclass of Exception, and of a class that cannot be imported.
        if type(error).__name__ != "PanicException":
            raise
        raise safe_read.InvalidFileError(str(error)[:80]) from None
    if not ids or max(ids) >= vocabulary:
        raise safe_read.InvalidFileError(
            f"has the id {max(ids, default=None)}, and config.json says {vocabulary:,} entries"
        )
    return tokenizer


def _check_part(name: str, part) -> None:
    """Raises InvalidFileError for a part of a tokenizer that is not known, or could do anything."""
    if part is None and name != "model":
        return
    members = part.get(_LISTS.get(name, "")) if isinstance(part, dict) else None
    listed = members if isinstance(members, list) and part.get("type") == "Sequence" else [part]
    if len(listed) > MAX_PARTS:
        raise safe_read.InvalidFileError(f"its {name} has {len(listed)} parts")
    for member in listed:
        kind = member.get("type") if isinstance(member, dict) else None
        # Older files do not say it.
        if kind is None and name == "model" and isinstance(member, dict):
            continue
        if kind not in KNOWN[name].split():
            raise safe_read.InvalidFileError(f"its {name} {json.dumps(kind)[:40]} is not known")
        if kind == "Replace" and not _is_short_replacement(member):
            raise safe_read.InvalidFileError(
                "its normalizer replaces by a longer text or a regular expression"
            )


def _is_short_replacement(part: dict) -> bool:
    pattern, content = part.get("pattern"), part.get("content")
    if not isinstance(pattern, dict) or not isinstance(content, str):
        return False
    text = pattern.get("String")
    shorter = isinstance(text, str) and bool(text) and len(content) <= len(text)
    return shorter or (pattern == {"Regex": _SPACES} and len(content) <= 1)
