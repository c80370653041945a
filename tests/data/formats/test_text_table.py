"""Tables of texts as spreadsheets, R, pandas and people write them."""

import csv
import io
import random
import unicodedata

import pytest

from signjax.data.formats import file_names, table_cells, text_table
from signjax.errors import DataError
from signjax.text import text_file


def cells(text):
    return [row.cells for row in table_cells.read_rows(text.encode())]


def read(path, data, **choice):
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return text_table.read_table(path, **choice)


@pytest.mark.parametrize("text, expected", [
    # quoted as pandas writes tabs, marks and line breaks
    ('clip\ttext\nx\t"say ""no"" now"\n', ["x", 'say "no" now']),
    ('clip\ttext\nx\t"one\ttwo"\n', ["x", "one\ttwo"]),
    ('clip\ttext\tsplit\nx\t"one\ntwo\tthree"\tdev\n', ["x", "one\ntwo\tthree", "dev"]),
    ('clip\ttext\r\nx\t"one\r\ntwo"\r\n', ["x", "one\ntwo"]),
    # marks that quote nothing
    ('clip\ttext\nx\t"Yes" and "no"\n', ["x", '"Yes" and "no"']),
    ('clip\ttext\nx\tHe is 6\'2" tall\n', ["x", 'He is 6\'2" tall']),
    ('clip\ttext\nx\t"I came,\ny\tI saw."\n', ["x", '"I came,']),
    ('clip|text\nx|"und nun\n', ["x", '"und nun']),
    ('clip,text\nx,"Yes" and "no"\n', ["x", '"Yes" and "no"']),
    # commas and semicolons
    ('"clip","text"\n"x","good bye, you"\n', ["x", "good bye, you"]),
    ('clip, text\nx, "good bye, you"\n', ["x", "good bye, you"]),
    ("clip;text\r\nx;Guten Tag, ihr\r\n", ["x", "Guten Tag, ihr"]),
    ('clip;text\nx;"a; b"\n', ["x", "a; b"]),
    ("sep=;\nclip;text\nx;y\n", ["x", "y"]),
    ('"the, clip";"text"\nx;y\n', ["x", "y"]),
    # ends of lines, and characters that are none
    ("clip\ttext\rx\ty\r", ["x", "y"]),
    *[(f"clip\ttext\nx\tone{c}two\n", ["x", f"one{c}two"]) for c in "\u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e"],
    # what spreadsheets leave around a table
    ("clip,text,,\n,,,\n\nx,y,,\n,,,\n", ["x", "y"]),
    ("clip,text\nx,y,,\n", ["x", "y"]),
    ("\ufeffclip,text\nx,y\n", ["x", "y"]),
])  # fmt: skip
def test_cells_as_programs_write_them(text, expected):
    assert cells(text)[1] == expected


@pytest.mark.parametrize("delimiter", ",;\t|")
def test_what_csv_writes_is_read_back(delimiter):
    rng = random.Random(0)
    # Between tabs and bars a line break is kept out: what it means is decided by the lines around it.
    letters = 'ab" ' + delimiter + ("\n" if delimiter in ",;" else "")
    for _ in range(50):
        rows = [["".join(rng.choices(letters, k=4)).strip() + "x" for _ in range(3)] for _ in range(4)]
        out = io.StringIO()
        table = csv.writer(out, delimiter=delimiter, quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        table.writerows([["clip", "text", "split"], *rows])
        assert cells(out.getvalue())[1:] == rows


def test_lines_are_numbered_as_in_the_file():
    rows = list(table_cells.read_rows(b'clip\ttext\n\na\t"1\n2"\nb\tx\n'))
    assert [row.number for row in rows] == [1, 3, 5]


@pytest.mark.parametrize("data, message", [
    ("clip\ttext\tsplit\na\tx\ty\nb\tx\n", "line 3: has 2 cells, and the first line names 3 columns"),
    ("clip,text\na,x\n\nb,good bye, you\n", "line 4: has 3 cells, and the first line names 2 columns"),
    ("clip\ttext\nb\n", "line 2: has 1 cell,"),
    ("clip\ttext\ttext\nb\tx\ty\n", "two columns 'text'"),
    ("", "has no column clip"),
    ("clip\ttext\na\tx\nx/a.mp4\ty\n", "line 3: clip 'a' is in it twice"),
    ("clip\ttext\na\t" + "x" * 5000, "line 2: its text has more than"),
    ("clip\ttext\tgloss\na\tx\t" + "x" * 5000, "line 2: its gloss has more than"),
    (b"clip\ttext\na\t\xff\n", "is not UTF-8; save it as UTF-8"),
    ("clip;text\na;Grüße\n".encode("cp1252"), 'is not UTF-8; save it as UTF-8, in Excel as "CSV UTF-8"'),
    (b"PK\x03\x04xl/workbook.xml", "is a workbook; save its sheet"),
])  # fmt: skip
def test_a_wrong_table_is_named_with_its_line(tmp_path, data, message):
    with pytest.raises(DataError, match="index") as error:
        read(tmp_path / "index.tsv", data)
    assert message in str(error.value)


def test_columns_are_found_or_chosen(tmp_path):
    path, data = tmp_path / "t.csv", "sid,Sentence,translation,GLOSS,notes\na,hi,hallo,HALLO,x\n"
    table = read(path, data)
    assert table.find_row("a")[:2] == ("hi", "HALLO") and table.unused_texts == ["translation"]
    assert table.columns == {"clip": "sid", "text": "Sentence", "gloss": "GLOSS"}
    table = read(path, data, text_column="Translation", gloss_column="notes")
    assert table.find_row("a")[:2] == ("hallo", "x") and not table.unused_texts
    with pytest.raises(DataError, match=r"--text_column; did you mean .Sentence."):
        read(path, data, text_column="sentense")
    only_gloss = read(path, "clip,gloss\na,HALLO\n")
    assert only_gloss.find_row("a")[:2] == ("HALLO", "HALLO")


def test_utf_16_of_spreadsheets(tmp_path):
    assert read(tmp_path / "t.tsv", "clip\ttext\na\tgrün\n".encode("utf-16")).find_row("a").text == "grün"


def test_names_of_clips_are_compared_as_people_mean_them(tmp_path):
    decomposed = unicodedata.normalize("NFD", "tür")
    names = ("C:\\poses\\a.mp4", "train/b.webm", "c.mp4.json", decomposed, "v1.2", "e.MTS", "f/")
    table = read(tmp_path / "t.tsv", "clip\ttext\n" + "".join(f"{name}\tx\n" for name in names))
    assert list(table.rows) == ["a", "b", "c", "tür", "v1.2", "e", "f"]
    assert table.find_row(decomposed) and table.find_row("tür") and table.find_row("a.mp4")
    assert file_names.parse_sid(tmp_path / f"{decomposed}.pose") == "tür"


def test_a_file_of_texts_has_the_lines_of_its_program(tmp_path):
    (tmp_path / "t.txt").write_bytes("one\u2028two\r\nthree\x0bfour\rfive\n".encode())
    texts = text_file.collect_texts([], str(tmp_path / "t.txt"))
    assert texts == ["one\u2028two", "three\x0bfour", "five"]
