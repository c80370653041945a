"""axe-core finds nothing on the pages, light and dark, on a phone and a desktop; see docs/development.md."""

import threading

import axe
import browser
import numpy as np
import pytest
from signer import signer

from signjax import rendering
from signjax.inference import clip_maker, clip_server
from signjax.pose.clip import Clip, Tokens
from signjax.rendering import html_player

pytestmark = pytest.mark.extended
TOKENS = Tokens(np.arange(18).reshape(6, 3), 4, ("right arm", "right hand", "right hand"))


@pytest.fixture(scope="module")
def program():
    return axe.read_program()


@pytest.fixture(scope="module")
def tab(program, tmp_path_factory):
    with browser.page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(params=[(390, 844), (1200, 800)], ids=["phone", "desktop"])
def size(request):
    return request.param


@pytest.fixture(params=[False, True], ids=["light", "dark"])
def dark(request):
    return request.param


def make_panels(title=""):
    return [rendering.Panel(Clip(signer(24), text="hello", tokens=TOKENS), title)]


@pytest.mark.parametrize("page", ["one clip", "many clips", "named joints"])
def test_pages_of_clips(tab, program, tmp_path, size, dark, page):
    clips = {
        "one clip": [make_panels()],
        "many clips": [make_panels("recorded") + make_panels("made"), [Clip(signer(24), text="שלום")]],
        "named joints": [[Clip(signer(1), text="hello")]],
    }[page]
    path = rendering.write_html(tmp_path / "a.html", clips, title="hello", named=page == "named joints")
    tab.open(path.as_uri(), *size, dark=dark)
    assert axe.find_violations(tab, program) == []


@pytest.fixture(scope="module")
def server():
    """A viewer whose clips are there at once, but for "wait"."""

    def make_clip(text, seed, num, report):
        while text == "wait":
            report({"state": "signing", "frames": 12})
            threading.Event().wait(0.05)
        return html_player.pack_panels(make_panels(), "signed in 0.5 s")

    live = html_player.LivePage(clip_maker.NOTICE, clip_maker.EXAMPLES)
    page = html_player.format_page([], 25, "a run", live=live).encode()
    with clip_server.ClipServer(0, page) as server:
        server.make_clip = make_clip
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_viewer(tab, program, server, size, dark):
    """Without a clip, while it signs, with a clip, and with what went wrong."""
    tab.open(server.url, *size, dark=dark)
    assert axe.find_violations(tab, program) == []
    tab.run("[ask.elements.text.value = 'wait', ask.requestSubmit()]")
    tab.wait("document.querySelector('.count').textContent.endsWith('frames')")
    assert axe.find_violations(tab, program) == []
    tab.run("document.querySelector('.stop').click()")
    tab.run("[ask.elements.text.value = 'hello', ask.elements.seed.value = '0', ask.requestSubmit()]")
    tab.wait("document.querySelectorAll('section').length === 1")
    assert axe.find_violations(tab, program) == []
    tab.run("tell('The clips cannot be shown.')")
    assert axe.find_violations(tab, program) == []
