"""The page of launch/gallery.py, made with a tiny model."""

import importlib.util
import re

import pytest
from paths import ROOT
from PIL import Image

from signjax.inference.load import load

pytestmark = pytest.mark.usefixtures("compile_quickly")


def load_script():
    spec = importlib.util.spec_from_file_location("gallery", ROOT / "launch/gallery.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.mark.extended
def test_the_page_has_every_text_and_its_clip(tiny_runs, tmp_path):
    texts = ("hello", "Where do you live?", "thank you", "my name is Ada")
    (tmp_path / "gallery").mkdir()
    (tmp_path / "gallery/of-before.gif").touch()
    page = load_script().write_gallery(load(tiny_runs / "runs/gpt"), tmp_path, texts).read_text()
    pictures = re.findall(r"!\[A figure signs \"(.+?)\"\]\((gallery/\S+\.gif)\)", page)
    assert [text for text, _ in pictures] == list(texts)
    for _, name in pictures:
        with Image.open(tmp_path / name) as picture:
            assert picture.n_frames > 1
    others = {path.name for path in (tmp_path / "gallery").iterdir()} - {name[8:] for _, name in pictures}
    assert others == {"clips.html"}
    assert {line.count("|") for line in page.splitlines() if line.startswith("|")} == {4}
