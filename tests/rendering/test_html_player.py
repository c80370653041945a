"""The page in a real browser: it plays from disk, shows what Python draws, and obeys keys and mouse."""

import browser
import numpy as np
import pytest
from PIL import Image
from signer import signer

from signjax import rendering
from signjax.pose import skeleton
from signjax.pose.clip import Clip, Tokens
from signjax.rendering import shapes

STRIDE = 4


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser.page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Two clips: three panels, two of them with tokens, one shorter; a flat one."""
    codes = np.arange(6 * 3).reshape(6, 3)
    names = ("right arm", "right hand", "right hand")
    clips = {
        "ground truth": Clip(signer(24), text="hello"),
        "reconstruction": Clip(signer(24), text="hello", tokens=Tokens(codes, STRIDE, names)),
        "generated": Clip(signer(12), text="hello", tokens=Tokens(codes[:3], STRIDE, names)),
    }
    panels = [rendering.Panel(clip, title) for title, clip in clips.items()]
    flat = Clip(signer(10) * [1, 1, 0], text="<b>flat</b>")
    return rendering.write_html(
        tmp_path_factory.mktemp("page") / "a.html", [panels, [flat]], title="<i>two</i>"
    )


@pytest.fixture
def shown(tab, path):
    tab.open(path.as_uri())
    tab.run("players.forEach((one) => one.seek(0))")
    yield tab
    assert tab.errors == [] and tab.requests == [path.as_uri()], "nothing else is asked for"


def frames(tab):
    """The frame that each clip shows."""
    return tab.run("[...document.querySelectorAll('.bar input')].map((slider) => Number(slider.value))")


def focus(tab, selector="section"):
    tab.run(f"document.querySelector({selector!r}).focus()")


def test_it_plays_from_disk(shown):
    assert frames(shown) == [0, 0]
    focus(shown)
    shown.key(" ")
    shown.wait("document.querySelector('.bar input').value > 2")
    shown.key(" ")
    now = frames(shown)
    assert frames(shown) == now and now[1] == 0, "only the active clip plays"


def test_text_is_text(shown):
    assert shown.run("document.querySelector('h1').textContent") == "<i>two</i>"
    assert shown.run("document.querySelectorAll('.text')[1].textContent") == "<b>flat</b>"


def test_keys_step_turn_and_set_the_speed(shown):
    focus(shown)
    for key, frame in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 23), ("Home", 0)):
        shown.key(key)
        assert frames(shown) == [frame, 0]
    shown.key("+")
    shown.key("+")
    shown.key("-")
    assert shown.run("document.querySelector('select').value") == "1.5"
    shown.key("ArrowLeft", shift=True)
    assert not shown.run("document.querySelector('.front').hidden") and frames(shown) == [0, 0]


def test_keys_are_the_page_s_unless_a_player_has_the_focus(shown):
    """Space, Home and End scroll the page, as everywhere; and a list of speeds is gone through by keys."""
    shown.run("document.activeElement.blur()")
    for key in (" ", "End", "ArrowRight"):
        shown.key(key)
    focus(shown, "select")
    shown.key("End")
    assert frames(shown) == [0, 0] and not shown.run("players.some((one) => one.playing)")


def test_screen_readers_are_told_of_frames_only_when_asked_for(shown):
    said = "document.querySelector('.bar input').getAttribute('aria-valuetext')"
    focus(shown)
    shown.key("ArrowRight")
    assert shown.run(said) == "frame 2 of 24"
    shown.key(" ")
    shown.wait("document.querySelector('.bar input').value > 3")
    assert shown.run(said) == "playing" and shown.run("document.querySelector('.play').ariaLabel") == "Pause"
    shown.key(" ")
    assert shown.run(said).startswith("frame ")


def test_buttons_turn_a_figure_that_has_depth(shown):
    before = image(shown)
    shown.run("document.querySelector('.left').click()")
    assert image(shown) != before
    shown.run("document.querySelector('.front').focus()")
    shown.run("document.querySelector('.front').click()")
    assert image(shown) == before
    assert shown.run("document.activeElement.tagName") == "SECTION", "the focus is not lost with the button"
    assert shown.run("document.querySelector('section:last-child .left').hidden")


def image(tab, number=0):
    """What a canvas shows."""
    return tab.run(f"document.querySelectorAll('canvas[role]')[{number}].toDataURL()")


def test_a_drag_turns_every_panel_that_has_depth(shown):
    before = [image(shown, k) for k in (0, 1, 3)]
    shown.drag("canvas", 120, 40)
    after = [image(shown, k) for k in (0, 1, 3)]
    assert [one == other for one, other in zip(before, after, strict=True)] == [False, False, True]
    shown.drag("section:last-child canvas", 120, 40)
    assert image(shown, 3) == before[2], "of a flat clip there is no other side"
    shown.run("document.querySelector('.front').click()")
    assert image(shown) == before[0]


def test_the_way_round_comes_back(shown):
    """A whole turn is the view from the front, and from behind right and left change sides."""
    first = shown.run(WRISTS)
    shown.run("players[0].moved(Math.PI, 0)")
    behind = shown.run(WRISTS)
    assert (first[0] - first[1]) * (behind[0] - behind[1]) < 0
    shown.run("players[0].moved(Math.PI, 0)")
    np.testing.assert_allclose(shown.run(WRISTS), first, atol=1.5)


# The mean x of the colours of the right and of the left arm on the first canvas.
WRISTS = """(() => {
  const canvas = document.querySelector("canvas"), { width, height } = canvas;
  const data = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  return ["right", "left"].map((side) => {
    const [r, g, b] = [1, 3, 5].map((at) => parseInt(colors[side].slice(at, at + 2), 16));
    let sum = 0, count = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] !== r || data[i + 1] !== g || data[i + 2] !== b) continue;
      sum += (i / 4) % width;
      count++;
    }
    return sum / count;
  });
})()"""


def test_tokens_follow_time_and_lead_to_it(shown):
    token_lines = "[...document.querySelectorAll('.token')].map((line) => line.textContent)"
    shown.run("players[0].seek(9)")
    assert shown.run(token_lines)[:3] == [
        "",
        *(f"token 3 of {n}: right arm 6, right hand 7/8" for n in (6, 3)),
    ]
    shown.run("players[0].seek(13)")
    assert shown.run(token_lines)[2] == "ended"
    shown.drag("figure:nth-child(2) .tokens", 1, 0, start=(20.5 / 24, 0.5))
    assert frames(shown)[0] == 20 and shown.run(token_lines)[1].startswith("token 6 of 6")


def test_it_shows_what_python_draws(shown):
    """Joints lie where the browser's colours are: the middle of each finger's last bone has its shade."""
    canvas = "document.querySelector('canvas')"
    box, width, height = shown.run(f"[page.clips[0].box, {canvas}.width, {canvas}.height]")
    figure = shapes.prepare_figures(Clip(signer(24)))[0]
    box = np.reshape(box, (2, 2))
    zoom = min([width, height] / np.ptp(box, axis=0))
    centre = np.array([width, height]) / 2 - zoom * box.mean(0)
    for hand in (skeleton.R_HAND, skeleton.L_HAND):
        for finger, name in enumerate(skeleton.FINGERS):
            tip = hand + 1 + 4 * finger + 3
            x, y = (figure.pose[0, [tip - 1, tip], :2].mean(0) * zoom + centre).astype(int)
            pixel = shown.run(f"[...{canvas}.getContext('2d').getImageData({x}, {y}, 1, 1).data]")
            assert "#" + bytes(pixel[:3]).hex() == rendering.style.COLORS[f"{name}3"], (name, x, y)


@pytest.mark.parametrize("size", [
    pytest.param((320, 568), id="phone"),
    pytest.param((390, 844), id="large phone", marks=pytest.mark.extended),
    pytest.param((844, 390), id="phone on its side"),
    pytest.param((600, 400), id="twice as large", marks=pytest.mark.extended),
    pytest.param((1200, 800), id="desktop"),
])  # fmt: skip
def test_controls_are_in_sight_with_the_figures(shown, path, size):
    shown.open(path.as_uri(), *size, phone=size[0] < 600)
    box = "document.querySelector('{}').getBoundingClientRect()"
    bar, figure, slider = (
        shown.run(f"{box.format(one)}.toJSON()") for one in (".bar", "canvas", ".bar input")
    )
    assert 0 < figure["top"] < figure["bottom"] < bar["top"] < bar["bottom"] <= size[1]
    assert shown.run("document.documentElement.scrollWidth") <= size[0]
    assert shown.run("document.querySelector('section').clientHeight") < max(2.2 * size[1], 900)
    assert slider["width"] > 0.5 * size[0] and figure["width"] > 0.1 * size[0]


def test_panels_without_tokens_leave_no_hole(shown):
    assert shown.run("[...document.querySelectorAll('.tokens')].map((one) => one.clientHeight)") == [
        0,
        27,
        27,
        0,
    ]


def test_reduced_motion_begins_still(tab, path):
    tab.open(path.as_uri())
    tab.wait("document.querySelector('.bar input').value > 1")
    calm = {"name": "prefers-reduced-motion", "value": "reduce"}
    tab.send("Emulation.setEmulatedMedia", features=[calm])
    tab.wait("document.querySelector('.play').ariaLabel === 'Play'")
    tab.send("Page.reload")
    tab.wait(
        "document.querySelector('main') && !document.querySelector('main').ariaBusy && players.length === 2"
    )
    assert tab.run("document.querySelector('.play').ariaLabel") == "Play" and frames(tab)[0] == 0


def test_an_old_browser_is_told(tab, path):
    hide = tab.send("Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream")
    tab.open(path.as_uri())
    tab.send("Page.removeScriptToEvaluateOnNewDocument", **hide)
    assert "too old" in tab.run("document.querySelector('#problem').innerText")
    assert tab.run("document.querySelectorAll('section').length") == 0 and tab.errors == []


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_it_whole(shown, path, tmp_path, dark):
    shown.open(path.as_uri(), width=390, height=844, dark=dark, phone=True)
    assert shown.run("document.documentElement.scrollWidth") <= 390
    shown.run("players[0].seek(5)")
    with Image.open(shown.picture(tmp_path / "phone.png")) as picture:
        corner = picture.convert("RGB").getpixel((2, 2))
    paper = (rendering.style.DARK if dark else rendering.style.COLORS)["paper"]
    assert "#" + bytes(corner).hex() == paper


def test_a_notebook_shows_the_player(tab, tmp_path):
    clip = Clip(signer(24), text='say "<b>hello</b>" & wave')
    cell = f"<!doctype html><title>notebook</title><main>{clip._repr_html_()}</main>"
    (tmp_path / "notebook.html").write_text(cell, "utf-8")
    tab.open((tmp_path / "notebook.html").as_uri())
    inside = "document.querySelector('iframe').contentDocument"
    tab.wait(f"{inside}.querySelector('.bar input')")
    assert tab.run(f"{inside}.querySelector('h1').textContent") == clip.text
    assert tab.run(f"{inside}.querySelector('.text').textContent") == "", "not said twice"
    assert tab.run(f"Number({inside}.querySelector('.bar input').max)") == 23
    assert tab.errors == []
