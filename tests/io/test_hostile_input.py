"""Hostile input: links and names that lead elsewhere, text that would be a page's or a terminal's command."""

import html.parser
import json
import os
import types

import numpy as np
import pytest
from fuzz_cases import hush, signed, write_clip

from signjax import rendering
from signjax.data import pose_layout
from signjax.data.load import load_split
from signjax.errors import DataError, StorageError
from signjax.evaluation import predictions, report_files
from signjax.io import atomic, safe_read
from signjax.pose.clip import Clip
from signjax.training import process

HOSTILE = [
    "</script><script>alert(1)</script>",
    "</ScRiPt ><img src=x onerror=alert(1)>",
    "<!-- <script> ]]> --!>",
    "</title></style></template><svg onload=alert(1)>",
    "\u2028\u2029 \u202e \x00 \x1b[2J \r\n \ufeff",
    "\"'`&lt;&amp;&#60;/script&#62;\\u003c",
    "{{data}} {{title}} ${alert(1)} %s {0}",
    "Größe \U0001f44b é",
]


class Reader(html.parser.HTMLParser):
    """The elements of a page with their attributes, and the text of the data."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.data, self.inside = [], "", False
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, attrs))
        self.inside = ("id", "data") in attrs

    def handle_endtag(self, tag):
        self.inside = False

    def handle_comment(self, data):
        self.elements.append(("comment", data))

    def handle_data(self, data):
        self.data += data if self.inside else ""


def same_page(path, plain):
    """The data of a page that has the elements of a page of plain text."""
    hostile, harmless = (Reader(p.read_text(encoding="utf-8")) for p in (path, plain))
    assert hostile.elements == harmless.elements
    return json.loads(hostile.data)


@pytest.mark.parametrize("text", HOSTILE)
def test_text_stays_text_on_a_page(tmp_path, text):
    def page(name, caption):
        return rendering.write_html(
            tmp_path / name, [[rendering.Panel(Clip(signed()[:2], text=caption), caption)]], title=caption
        )

    page_data = same_page(page("a.html", text), page("b.html", "plain"))
    [panel] = page_data["clips"][0]["panels"]
    assert (panel["caption"], panel["title"]) == (text, text)


def test_text_stays_text_on_the_page_of_an_evaluation(tmp_path):
    def page(name, captions):
        clips = [Clip(signed()[:2], text=text) for text in captions]
        content = {"system": captions[0], "data": {"name": captions[1], "split": captions[2]}, "rows": {}}
        rows = {captions[3]: clips}
        by = types.SimpleNamespace(readable=False, recognizer=None)
        return report_files.write_report(tmp_path / name, content, "", rows, clips, by, np.zeros(6))[-1]

    texts = HOSTILE[:6]
    page_data = same_page(page("a", texts), page("b", ["plain"] * 6))
    assert [panels["panels"][0]["caption"] for panels in page_data["clips"]] == texts
    assert {clip["panels"][1]["title"].partition(": DTW-MJE")[0] for clip in page_data["clips"]} == {texts[3]}


@pytest.mark.parametrize("text", HOSTILE)
def test_errors_are_one_line_whatever_they_quote(text):
    message = str(DataError(f"{text}\n" * 3))
    assert message.isprintable() and "\x1b" not in message and len(str(DataError(text * 1000))) < 5000


def linked(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


@pytest.mark.parametrize("what", ["clip", "pose.json", "text.txt"])
def test_links_out_of_the_root_are_not_followed(tmp_path, what):
    write_clip(tmp_path / "outside/one")
    root, outside = tmp_path / "root", tmp_path / "outside/one"
    for name in ("set/train/fine", "other/train/one"):
        write_clip(root / name)
    bad = root / "set/train/bad"
    if what == "clip":
        linked(bad, outside)
    else:
        write_clip(bad)
        (bad / what).unlink()
        linked(bad / what, outside / what)
    with pytest.raises(DataError, match=r"1 of 2 clips are broken.*bad: .* lies outside of"):
        load_split(root, "set", "train", on_message=hush)
    bad.unlink() if what == "clip" else (bad / what).unlink()
    linked(bad if what == "clip" else bad / what, root / "other/train/one" / ("" if what == "clip" else what))
    assert len(load_split(root, "set", "train", on_message=hush)) == 2, "links within the root are"
    linked(tmp_path / "home/set", root / "set")
    assert len(load_split(tmp_path / "home", "set", "train", on_message=hush)) >= 1, (
        "and so is one of a whole set"
    )


def test_a_cache_that_leads_elsewhere_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    write_clip(tmp_path / "root/set/train/one")
    (tmp_path / "outside").mkdir()
    linked(tmp_path / "root/set/.cache", tmp_path / "outside")
    dataset = load_split(tmp_path / "root", "set", "train", on_message=hush)
    assert dataset.folder.startswith(str(tmp_path / "home")) and not list((tmp_path / "outside").iterdir())


@pytest.mark.parametrize(
    "place", ["../x train", "/etc train", " train", "set ../x", "set ..", "a/../../x train"]
)
def test_names_of_data_sets_do_not_lead_out_of_the_root(tmp_path, place):
    name, split = place.split(" ")
    write_clip(tmp_path / "x/train/one")
    (tmp_path / "root/set").mkdir(parents=True)
    with pytest.raises(DataError, match="lead out of"):
        load_split(tmp_path / "root", name, split, on_message=hush)


def test_clips_with_names_that_cannot_be_printed_are_refused(tmp_path):
    write_clip(tmp_path / "set/train/a\nb\x1b[2J")
    with pytest.raises(DataError, match="cannot be printed; give"):
        load_split(tmp_path, "set", "train", on_message=hush)


def test_predictions_are_read_in_their_folder_only(tmp_path):
    np.save(tmp_path / "secret.npy", signed()[:2].astype(np.float32))
    np.save(tmp_path / "a.npy", signed()[:2].astype(np.float32))
    (tmp_path / "given").mkdir()
    for name, target in (("a", tmp_path / "given/b.npy"), ("b", tmp_path / "secret.npy")):
        linked(tmp_path / f"given/{name}.npy", target)
    with pytest.raises(DataError, match="none of 2 clips"):
        predictions.read_predictions(tmp_path / "given", ["a", "b"], pose_layout.PoseLayout())


def test_a_run_does_not_write_through_links(tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("precious")
    run = tmp_path / "run"
    linked(run / ".lock", mine)
    with pytest.raises(StorageError, match="cannot be written"), process.lock_workdir(run):
        pass
    linked(run / "config.json.tmp", mine)
    linked(run / "config.json", mine)
    atomic.write_file(run / "config.json", b"{}")
    assert mine.read_text() == "precious" and (run / "config.json").read_text() == "{}"


def test_pipes_and_devices_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        with pytest.raises(safe_read.InvalidFileError):
            safe_read.read_bytes(path)
    with pytest.raises(safe_read.MissingFileError):
        safe_read.read_bytes(tmp_path / "nothing")
