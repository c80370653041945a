"""What the tests of the viewer start from."""

import threading

import browser
import pytest

from signjax.inference import clip_maker, clip_server
from signjax.inference.load import load_text_to_pose
from signjax.rendering import html_player


@pytest.fixture(scope="module")
def server(tiny_runs):
    """A viewer of the tiny GPT on a port of its own."""
    with clip_server.ClipServer(0) as server:
        server.make_clip = clip_maker.ClipMaker(load_text_to_pose(tiny_runs / "runs/gpt"))
        live = server.make_clip.describe_page()
        server.page = html_player.format_page([], 25, "a run", live=live).encode()
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser.page(tmp_path_factory.mktemp("profile")) as tab:
        yield tab
