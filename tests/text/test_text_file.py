"""Files of texts as editors write them."""

import codecs

import pytest

from signjax.errors import DataError
from signjax.text.text_file import collect_texts

TEXTS = ["größe", "你好 👋"]


@pytest.mark.parametrize(
    "content",
    [
        "\n".join(TEXTS).encode(),
        codecs.BOM_UTF8 + "\r\n".join(TEXTS).encode(),
        "\n".join(TEXTS).encode("utf-16"),
        codecs.BOM_UTF16_BE + "\n".join(TEXTS).encode("utf-16-be"),
    ],
)
def test_files_with_a_mark_are_read_by_it(tmp_path, content):
    (tmp_path / "texts").write_bytes(content)
    assert collect_texts([], str(tmp_path / "texts")) == TEXTS


@pytest.mark.parametrize("content", ["größe".encode("latin-1"), codecs.BOM_UTF16_LE + b"a", b"\xff"])
def test_other_encodings_are_refused(tmp_path, content):
    (tmp_path / "texts").write_bytes(content)
    with pytest.raises(DataError, match="texts: cannot be read"):
        collect_texts([], str(tmp_path / "texts"))
